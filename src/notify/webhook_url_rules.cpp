// Pure: asks nobody for addresses.
#include <algorithm>
#include <boost/url.hpp>

#include "base/text.hpp"
#include "notify/webhook_url.hpp"

namespace carryall::notify {
namespace {

using base::invalid_input;
using base::Result;

constexpr const char* kPlace = "/url";

// Names that mean this machine, its network or its cloud's metadata wherever they are resolved.
bool is_inside_name(std::string_view host) {
    for (const std::string_view suffix : {"localhost", "local", "internal", "localdomain"}) {
        if (host == suffix) return true;
        if (host.size() > suffix.size() && host.ends_with(suffix) &&
            host[host.size() - suffix.size() - 1] == '.') {
            return true;
        }
    }
    return host.find('.') == std::string_view::npos;
}

// 0177.1, 2130706433, 0x7f000001: resolvers take them for addresses, people do not see which.
bool is_odd_number(std::string_view host) {
    const std::string_view last = host.substr(host.rfind('.') + 1);  // npos + 1 is 0
    return base::all_digits(last) || (last.starts_with("0x") && last.size() > 2);
}

Result<void> check_host(std::string_view given, const WebhookRules& rules) {
    std::string host = base::ascii_lower(given);
    if (host.size() > 1 && host.front() == '[') host = host.substr(1, host.size() - 2);
    if (!host.empty() && host.back() == '.') host.pop_back();
    if (host.empty()) return invalid_input("the URL names no host", kPlace);
    if (const auto address = http::IpAddress::parse(host)) {
        const auto guard = http::OutboundGuard::public_or(rules.private_networks);
        if (guard.allows(*address)) return {};
        return invalid_input("webhooks are not sent to " + host + ", which is " +
                                 std::string(to_string(classify(*address))) +
                                 "; give a host that the internet reaches",
                             kPlace);
    }
    if (is_odd_number(host)) {
        return invalid_input("write the address in its usual form, such as 203.0.113.7", kPlace);
    }
    if (rules.private_networks.empty() && is_inside_name(host)) {
        return invalid_input("webhooks are not sent to '" + host +
                                 "', a name inside a network; give a host that the internet "
                                 "reaches",
                             kPlace);
    }
    return {};
}

}  // namespace

Result<void> check_webhook_url(std::string_view url, const WebhookRules& rules) {
    if (url.size() > kMaxUrlBytes) {
        return invalid_input("the URL is longer than " + std::to_string(kMaxUrlBytes) + " bytes",
                             kPlace);
    }
    const auto parsed = boost::urls::parse_absolute_uri(url);
    if (!parsed) {
        return invalid_input("must be an address such as https://example.com/hooks", kPlace);
    }
    const bool is_http = parsed->scheme_id() == boost::urls::scheme::http;
    if (is_http && !rules.allows_http) {
        return invalid_input(
            "must begin with https://; this installation sends nothing in the "
            "clear (setting webhooks.allow_http)",
            kPlace);
    }
    if (!is_http && parsed->scheme_id() != boost::urls::scheme::https) {
        return invalid_input("must begin with https://", kPlace);
    }
    if (parsed->has_userinfo()) {
        return invalid_input("must hold no user name or password; messages are signed instead",
                             kPlace);
    }
    const std::string_view port(parsed->port().data(), parsed->port().size());
    constexpr std::int64_t kMaxPort = 65'535;
    const auto number = base::parse_int(port).value_or(0);
    if (parsed->has_port() && (number < 1 || number > kMaxPort)) {
        return invalid_input("the port must be a number from 1 to 65535", kPlace);
    }
    const auto host = parsed->encoded_host();
    return check_host({host.data(), host.size()}, rules);
}

}  // namespace carryall::notify
