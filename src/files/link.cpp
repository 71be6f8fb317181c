#include "files/link.hpp"

#include "base/hex.hpp"
#include "base/json.hpp"

namespace carryall::files {
namespace {

namespace json = base::json;

constexpr const char* kContext = "file_link";
constexpr std::size_t kMaxTokenBytes = 8'192;

}  // namespace

std::string link_token(const base::MasterKey& key, const Link& link) {
    const json::object content{{"tenant", link.tenant_id},
                               {"key", link.file_key},
                               {"name", link.file_name},
                               {"type", link.content_type},
                               {"until", link.expires_at.time_since_epoch().count()}};
    return base::to_hex(key.seal(base::Secret(json::serialize(content)), kContext));
}

base::Result<Link> open_link(const base::MasterKey& key, std::string_view token,
                             base::Instant now) {
    const base::Error refused =
        base::not_found("This link opens nothing: it has expired, or it is not whole");
    const auto sealed = token.size() <= kMaxTokenBytes ? base::from_hex(token) : std::nullopt;
    if (!sealed) return refused;
    const auto opened = key.open(*sealed, kContext);
    if (!opened) return refused;
    // What opens was sealed above.
    const json::object content = json::parse(opened->reveal()).as_object();
    Link link;
    link.tenant_id = content.at("tenant").as_int64();
    link.file_key = std::string(content.at("key").as_string());
    link.file_name = std::string(content.at("name").as_string());
    link.content_type = std::string(content.at("type").as_string());
    link.expires_at = base::Instant(std::chrono::microseconds(content.at("until").as_int64()));
    if (link.expires_at <= now) return refused;
    return link;
}

std::string make_link_url(const base::MasterKey& key, const LinkSettings& settings, Link link,
                          base::Instant now) {
    link.expires_at = now + settings.valid;
    return settings.public_url + "/v1/downloads/" + link_token(key, link);
}

}  // namespace carryall::files
