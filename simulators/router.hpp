// Matches a method and a path against a system's table of routes: "{}/sim/{}/status". Literal
// segments win over placeholders by standing earlier in the table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http_request.hpp"

namespace carryall::simulators {

inline constexpr std::size_t kMaxSegments = 8;
inline constexpr std::size_t kMaxParams = 4;

struct Route {
    Method method;
    std::string_view pattern;  // segments joined by '/', "{}" for a parameter
    int endpoint;
    std::string_view action;  // the word in ledger and fault plan
    bool writes;
};

struct RouteMatch {
    const Route* route = nullptr;
    bool path_exists = false;  // with another method: 405 instead of 404
    std::array<std::string_view, kMaxParams> params;
};

class Router {
  public:
    Router(std::span<const Route> routes, bool ignore_case);
    RouteMatch match(Method method, std::string_view path) const;
    // "GET, POST" for the path of a request that matched with another method.
    std::string allowed(std::string_view path) const;

  private:
    struct Compiled {
        const Route* route;
        std::vector<std::string_view> segments;
    };
    using Segments = std::array<std::string_view, kMaxSegments>;

    bool fits(const Compiled& route, const Segments& segments, RouteMatch& match) const;
    static std::size_t split(std::string_view path, Segments& segments);

    std::array<std::vector<Compiled>, kMaxSegments + 1> by_length_;
    bool ignore_case_;
};

}  // namespace carryall::simulators
