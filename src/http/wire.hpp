// The server's rules about heads, free of sockets: what makes a parsed request head acceptable, and
// what an answer's head looks like. What must stay true: a request that two parsers could read in
// two ways is refused, and no header value of ours can hold a line end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/address.hpp"
#include "http/message.hpp"
#include "http/problem.hpp"

namespace carryall::http {

struct RawHead {
    std::string_view method;
    std::string_view target;
    int version = 11;  // 10 or 11
    Headers headers;
};

// Fills all but the route, the parameters and the body. `raw_path` is for the router.
struct AcceptedHead {
    Request request;
    std::string raw_path;
    bool chunked = false;
    bool expects_continue = false;
};

std::variant<AcceptedHead, Problem> accept_head(RawHead head);

// X-Request-Id if it is short and plain, else a new one.
std::string choose_request_id(const Headers& headers);

// The client behind trusted proxies: from the right of X-Forwarded-For, the first not trusted.
std::string client_address(const Headers& headers, const IpAddress& peer,
                           const std::vector<Cidr>& trusted_proxies);

struct Framing {
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    bool keep_alive = true;
};

// Header fields that cannot be sent as they are, and those that framing decides, are left out.
std::string write_head(const Response& response, const Framing& framing);

}  // namespace carryall::http
