// Where a listener's response ends: by length, by chunks, or by the end of the connection.
#include <charconv>

#include "http_request.hpp"
#include "query.hpp"
#include "thingspace/callback_sender.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::size_t kMaxResponseBytes = std::size_t{1} << 20;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

struct Framing {
    std::int64_t length = -1;
    bool chunked = false;
    bool close = false;
    bool broken = false;
};

Framing read_framing(std::string_view head) {
    Framing framing;
    framing.close = head.substr(0, 8) == "HTTP/1.0";
    std::size_t at = head.find("\r\n");
    while (at != std::string_view::npos && at + 2 < head.size()) {
        const std::size_t end = head.find("\r\n", at + 2);
        const std::string_view line = head.substr(at + 2, end - at - 2);
        at = end;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view name = line.substr(0, colon);
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (equal_ignoring_case(name, "Content-Length")) {
            framing.length = parse_integer(value).value_or(-1);
            framing.broken = framing.length < 0;
        } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
            framing.chunked = equal_ignoring_case(value, "chunked");
        } else if (equal_ignoring_case(name, "Connection")) {
            framing.close = equal_ignoring_case(value, "close");
        }
    }
    return framing;
}

// Whether the chunks end here; trailers are not looked at beyond their blank line.
ResponseEnd read_chunks(std::string_view body, ResponseEnd end) {
    for (;;) {
        const std::size_t line_end = body.find("\r\n");
        if (line_end == std::string_view::npos) return end;
        std::uint64_t size = 0;
        const auto read = std::from_chars(body.data(), body.data() + line_end, size, 16);
        if (read.ec != std::errc{} || size > kMaxResponseBytes) {
            end.broken = true;
            return end;
        }
        body.remove_prefix(line_end + 2);
        if (size == 0) {
            end.complete =
                body.substr(0, 2) == "\r\n" || body.find("\r\n\r\n") != std::string_view::npos;
            return end;
        }
        if (body.size() < size + 2) return end;
        body.remove_prefix(static_cast<std::size_t>(size) + 2);
    }
}

}  // namespace

ResponseEnd read_response(std::string_view input, bool at_end) {
    ResponseEnd end;
    const std::size_t head_end = input.find("\r\n\r\n");
    if (head_end == std::string_view::npos) {
        end.broken = at_end || input.size() > kMaxResponseBytes;
        return end;
    }
    const std::string_view head = input.substr(0, head_end + 2);
    const auto status = head.size() >= 12 ? parse_integer(head.substr(9, 3)) : std::nullopt;
    if (head.substr(0, 7) != "HTTP/1." || !status || *status < 100) {
        end.broken = true;
        return end;
    }
    if (*status < 200) return read_response(input.substr(head_end + 4), at_end);
    end.status = static_cast<int>(*status);
    const Framing framing = read_framing(head);
    const std::string_view body = input.substr(head_end + 4);
    end.keep = !framing.close && !at_end;
    if (framing.broken || input.size() > kMaxResponseBytes) {
        end.broken = true;
    } else if (end.status == 204 || end.status == 304) {
        end.complete = true;
    } else if (framing.chunked) {
        end = read_chunks(body, end);
    } else if (framing.length >= 0) {
        end.complete = body.size() >= static_cast<std::size_t>(framing.length);
    } else {
        end.keep = false;
        end.complete = at_end;
    }
    end.broken = end.broken || (at_end && !end.complete);
    return end;
}

}  // namespace carryall::simulators::thingspace
