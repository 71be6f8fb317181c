// Finds the handler for a method and a path. Patterns are segments: literal, "{name}" (exactly one
// segment, never empty) or, last, "{name*}" (the rest, may be empty and may hold slashes). A
// literal wins over a parameter, a parameter over the rest. Matching walks a trie; it costs the
// number of segments, not of routes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace carryall::http {

using Handler = std::function<Response(Request&)>;

struct RouteOptions {
    std::uint64_t max_body_bytes = 1u << 20;
    // The body goes to a temporary file as it arrives; the `before` hook has accepted the request
    // first.
    bool spool_body_to_file = false;
    std::chrono::seconds body_timeout{60};  // for the whole body
};

struct Route {
    std::string pattern;
    Handler handler;
    RouteOptions options;
};

class Router {
  public:
    Router();
    Router(Router&&) noexcept;
    Router& operator=(Router&&) noexcept;
    ~Router();

    // A pattern given twice for one method, or malformed, is a bug (CHECK).
    void add(Method method, std::string_view pattern, Handler handler, RouteOptions options = {});

    struct Match {
        const Route* route = nullptr;  // nullptr: no such path (allow empty) or method (allow not)
        std::map<std::string, std::string, std::less<>> params;
        std::string allow;  // "GET, HEAD, OPTIONS"
        bool path_exists() const { return !allow.empty(); }
    };
    // `segments_path` is the raw path: segments are split first and decoded afterwards, so that
    // %2F stays inside its segment. HEAD finds the GET route.
    Match match(Method method, std::string_view raw_path) const;

  private:
    struct Node;
    std::unique_ptr<Node> root_;
};

// Percent-decoding. nullopt: a bad escape, or a NUL, which no path or name of ours holds.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
std::optional<Query> parse_query(std::string_view text);

}  // namespace carryall::http
