// Routes are grouped by their number of segments, so that a request is compared with a handful of
// them.
#include "router.hpp"

namespace carryall::simulators {
namespace {

std::string_view name_of(Method method) {
    switch (method) {
        case Method::get:
            return "GET";
        case Method::head:
            return "HEAD";
        case Method::post:
            return "POST";
        case Method::put:
            return "PUT";
        case Method::patch:
            return "PATCH";
        case Method::del:
            return "DELETE";
        case Method::options:
            return "OPTIONS";
        case Method::other:
            break;
    }
    return "OTHER";
}

}  // namespace

Router::Router(std::span<const Route> routes, bool ignore_case) : ignore_case_(ignore_case) {
    for (const Route& route : routes) {
        Segments segments;
        const std::size_t count = split(route.pattern, segments);
        by_length_[count].push_back({&route, {segments.begin(), segments.begin() + count}});
    }
}

// More segments than any route has: kMaxSegments + 1, which matches nothing.
std::size_t Router::split(std::string_view path, Segments& segments) {
    if (!path.empty() && path.front() == '/') path.remove_prefix(1);
    std::size_t count = 0;
    for (;;) {
        if (count == kMaxSegments) return kMaxSegments + 1;
        const std::size_t slash = path.find('/');
        segments[count++] = path.substr(0, slash);
        if (slash == std::string_view::npos) return count;
        path.remove_prefix(slash + 1);
    }
}

bool Router::fits(const Compiled& route, const Segments& segments, RouteMatch& match) const {
    std::size_t params = 0;
    for (std::size_t i = 0; i < route.segments.size(); ++i) {
        if (route.segments[i] == "{}") {
            if (segments[i].empty()) return false;
            match.params[params++] = segments[i];
        } else if (ignore_case_ ? !equal_ignoring_case(route.segments[i], segments[i])
                                : route.segments[i] != segments[i]) {
            return false;
        }
    }
    return true;
}

RouteMatch Router::match(Method method, std::string_view path) const {
    Segments segments;
    RouteMatch match;
    const std::size_t count = split(path, segments);
    if (count > kMaxSegments) return match;
    for (const Compiled& candidate : by_length_[count]) {
        // A literal of another method may hide a placeholder of this one, so the search goes on.
        if (candidate.route->method != method && match.path_exists) continue;
        if (!fits(candidate, segments, match)) continue;
        match.path_exists = true;
        if (candidate.route->method != method) continue;
        match.route = candidate.route;
        return match;
    }
    return match;
}

std::string Router::allowed(std::string_view path) const {
    Segments segments;
    std::string names;
    const std::size_t count = split(path, segments);
    if (count > kMaxSegments) return names;
    for (const Compiled& candidate : by_length_[count]) {
        RouteMatch ignored;
        if (!fits(candidate, segments, ignored)) continue;
        if (!names.empty()) names += ", ";
        names += name_of(candidate.route->method);
    }
    return names;
}

}  // namespace carryall::simulators
