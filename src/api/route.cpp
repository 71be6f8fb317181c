// The table.
#include "api/route.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace carryall::api {

std::string_view to_string(RateClass rate) {
    switch (rate) {
        case RateClass::open:
            return "open";
        case RateClass::read:
            return "read";
        case RateClass::write:
            return "write";
        case RateClass::upload:
            return "upload";
        case RateClass::callback:
            return "callback";
    }
    return "read";
}

void Routes::add(Route route) {
    CHECK(route.pattern.starts_with('/'));
    CHECK(route.handler != nullptr);
    CHECK(find(route.method, route.pattern) == nullptr);
    // Whoever needs no token is counted by address, and nobody else is.
    const bool with_token = route.access == Access::token;
    CHECK(with_token == route.permission.has_value());
    const bool without_token = route.rate == RateClass::open || route.rate == RateClass::callback;
    CHECK(with_token != without_token);
    CHECK((route.access == Access::callback) == (route.rate == RateClass::callback));
    routes_.push_back(std::move(route));
}

const Route* Routes::find(http::Method method, std::string_view pattern) const {
    if (method == http::Method::head) method = http::Method::get;
    const auto found = std::find_if(routes_.begin(), routes_.end(), [&](const Route& route) {
        return route.method == method && route.pattern == pattern;
    });
    return found == routes_.end() ? nullptr : &*found;
}

}  // namespace carryall::api
