// Whether a webhook may be sent to a URL, as far as its text tells. Names are judged when they are
// connected to (http/address.hpp): here only what is visibly wrong is refused, so that a person
// hears of it at once.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "http/address.hpp"

namespace carryall::notify {

inline constexpr std::size_t kMaxUrlBytes = 2'000;

struct WebhookRules {
    bool allows_http = false;                       // without TLS
    std::vector<http::Cidr> private_networks = {};  // that may be called beside the internet
};

base::Result<void> check_webhook_url(std::string_view url, const WebhookRules& rules);

}  // namespace carryall::notify
