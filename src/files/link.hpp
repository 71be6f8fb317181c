// Links to files: whoever has one may read that one file until it expires, without an API token.
// What must stay true: a link is sealed with the master key, so it can be neither made nor changed
// elsewhere; it names its tenant; an expired, forged or altered one opens nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/secret.hpp"

namespace carryall::files {

struct Link {
    std::int64_t tenant_id = 0;
    std::string file_key;
    std::string file_name;  // as the reader saves it
    std::string content_type;
    base::Instant expires_at;
};

// Fit for a URL as it is.
std::string link_token(const base::MasterKey& key, const Link& link);
// `not_found` for whatever opens nothing: it never says why.
base::Result<Link> open_link(const base::MasterKey& key, std::string_view token, base::Instant now);

struct LinkSettings {
    std::string public_url;  // how others reach the API; without a slash at its end
    std::chrono::days valid{30};
};

// "https://carryall.example.com/v1/downloads/<token>"; the link's expiry is set from now on.
std::string make_link_url(const base::MasterKey& key, const LinkSettings& settings, Link link,
                          base::Instant now);

}  // namespace carryall::files
