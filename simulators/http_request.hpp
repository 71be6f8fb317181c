// One parsed HTTP request. All text points into the connection's input buffer and is valid only
// until the handler returns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace carryall::simulators {

inline constexpr std::size_t kMaxRequestLineBytes = 8 * 1024;
inline constexpr std::size_t kMaxHeadBytes = 16 * 1024;
inline constexpr std::size_t kMaxHeaders = 64;
inline constexpr std::size_t kMaxBodyBytes =
    std::size_t{64} * 1024 * 1024;  // a fleet file of 3 million

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };

struct Header {
    std::string_view name;
    std::string_view value;
};

// Header names are compared without case (RFC 9110).
bool equal_ignoring_case(std::string_view left, std::string_view right);

struct Request {
    Method method = Method::other;
    std::string_view method_text;
    std::string_view target;
    std::string_view path;
    std::string_view query;  // without '?'
    std::string_view body;
    std::array<Header, kMaxHeaders> headers;
    std::size_t header_count = 0;
    std::int64_t arrived_micros = 0;  // set when the request was parked: it runs later than it came
    bool is_http_1_1 = true;
    bool keep_alive = true;
    bool expects_continue = false;

    // The first header of that name, or empty text.
    std::string_view header(std::string_view name) const {
        for (std::size_t i = 0; i < header_count; ++i) {
            if (equal_ignoring_case(headers[i].name, name)) return headers[i].value;
        }
        return {};
    }
};

}  // namespace carryall::simulators
