// The parser proper. Every loop is bounded by the head limit, the header limit or the bytes
// received.
#include "http_parser.hpp"

#include <cstring>
#include <string_view>

namespace carryall::simulators {
namespace {

constexpr std::size_t kMaxChunkLineBytes = 256;
constexpr std::size_t kMaxTrailerLines = 16;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_token_char(char c) {
    if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z')) return true;
    return c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr;
}

bool is_token(std::string_view text) {
    for (const char c : text) {
        if (!is_token_char(c)) return false;
    }
    return !text.empty();
}

bool is_visible(std::string_view text) {
    for (const char c : text) {
        if (c <= ' ' || c == 0x7f) return false;  // also refuses bytes above 0x7f (char is signed)
    }
    return true;
}

Method method_of(std::string_view text) {
    if (text == "GET") return Method::get;
    if (text == "POST") return Method::post;
    if (text == "PUT") return Method::put;
    if (text == "PATCH") return Method::patch;
    if (text == "DELETE") return Method::del;
    if (text == "HEAD") return Method::head;
    if (text == "OPTIONS") return Method::options;
    return Method::other;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

bool equal_ignoring_case(std::string_view left, std::string_view right) {
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
        if (lower(left[i]) != lower(right[i])) return false;
    }
    return true;
}

void HttpParser::reset() {
    *this = HttpParser{};
}

HttpParser::State HttpParser::fail(int status) {
    error_status_ = status;
    return State::bad;
}

HttpParser::State HttpParser::advance(char* data, std::size_t size, Request& request) {
    if (!head_done_) {
        const State found = find_head_end(data, size);
        if (found != State::complete) return found;
        head_done_ = true;
    }
    // The views are taken anew each time: the buffer may have moved while the body arrived.
    const State head = parse_head(data, request);
    if (head != State::complete) return head;
    const State body = chunked_ ? read_chunks(data, size) : read_body(data, size);
    if (body == State::complete) {
        request.body = {data + head_size_, chunked_ ? body_size_ : content_length_};
    }
    return body;
}

HttpParser::State HttpParser::find_head_end(const char* data, std::size_t size) {
    if (size > 0 && !is_token_char(data[0]) && data[0] != '\r') return fail(400);
    while (scan_ < size) {
        const void* hit = std::memchr(data + scan_, '\n', size - scan_);
        if (hit == nullptr) {
            scan_ = size;
            break;
        }
        const std::size_t at = static_cast<std::size_t>(static_cast<const char*>(hit) - data);
        if (at == 0 || data[at - 1] != '\r') return fail(400);
        scan_ = at + 1;
        const bool empty_line = at - 1 == line_start_;
        // One empty line before the request line is tolerated, as RFC 9112 asks.
        if (empty_line && line_start_ > 2) {
            head_size_ = at + 1;
            return head_size_ > kMaxHeadBytes ? fail(431) : State::complete;
        }
        if (empty_line && line_start_ == 2) return fail(400);
        line_start_ = at + 1;
    }
    if (line_start_ <= 2 && size > kMaxRequestLineBytes) return fail(414);
    if (size > kMaxHeadBytes) return fail(431);
    return State::incomplete;
}

HttpParser::State HttpParser::parse_head(const char* data, Request& request) {
    std::size_t at = data[0] == '\r' ? 2 : 0;
    const char* line_end = static_cast<const char*>(std::memchr(data + at, '\n', head_size_ - at));
    const std::size_t first_end = static_cast<std::size_t>(line_end - data);
    request = Request{};
    if (const State line = parse_request_line(data + at, first_end - 1 - at, request);
        line != State::complete) {
        return line;
    }
    at = first_end + 1;
    while (at + 2 < head_size_) {
        line_end = static_cast<const char*>(std::memchr(data + at, '\n', head_size_ - at));
        const std::size_t end = static_cast<std::size_t>(line_end - data);
        const State header = parse_header_line({data + at, end - 1 - at}, request);
        if (header != State::complete) return header;
        at = end + 1;
    }
    return check_framing(request);
}

HttpParser::State HttpParser::parse_request_line(const char* data, std::size_t length,
                                                 Request& request) {
    const std::string_view line{data, length};
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) return fail(400);
    if (length > kMaxRequestLineBytes) return fail(414);
    request.method_text = line.substr(0, first);
    request.target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(request.method_text) || !is_visible(request.target)) return fail(400);
    if (request.target.empty() || request.target.front() != '/') return fail(400);
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        return fail(version.substr(0, 5) == "HTTP/" ? 505 : 400);
    }
    request.is_http_1_1 = version == "HTTP/1.1";
    request.keep_alive = request.is_http_1_1;
    request.method = method_of(request.method_text);
    const std::size_t mark = request.target.find('?');
    request.path = request.target.substr(0, mark);
    if (mark != std::string_view::npos) request.query = request.target.substr(mark + 1);
    return State::complete;
}

HttpParser::State HttpParser::parse_header_line(std::string_view line, Request& request) {
    const std::size_t colon = line.find(':');
    // A folded line starts with a blank and so has no token before its colon.
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return fail(400);
    const std::string_view value = trim(line.substr(colon + 1));
    for (const char c : value) {
        const bool control = (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
        if (control) return fail(400);
    }
    if (request.header_count == kMaxHeaders) return fail(431);
    request.headers[request.header_count++] = {line.substr(0, colon), value};
    return State::complete;
}

HttpParser::State HttpParser::check_framing(Request& request) {
    int hosts = 0;
    bool has_length = false;
    chunked_ = false;
    std::size_t length = 0;
    for (std::size_t i = 0; i < request.header_count; ++i) {
        const auto& [name, value] = request.headers[i];
        if (equal_ignoring_case(name, "Host")) {
            ++hosts;
        } else if (equal_ignoring_case(name, "Content-Length")) {
            if (has_length || value.empty() || value.size() > 18) return fail(400);
            for (const char c : value) {
                if (c < '0' || c > '9') return fail(400);
                length = length * 10 + static_cast<std::size_t>(c - '0');
            }
            has_length = true;
        } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
            if (chunked_) return fail(400);
            if (!equal_ignoring_case(value, "chunked")) return fail(501);
            chunked_ = true;
        } else if (equal_ignoring_case(name, "Connection")) {
            if (equal_ignoring_case(value, "close")) request.keep_alive = false;
            if (equal_ignoring_case(value, "keep-alive")) request.keep_alive = true;
        } else if (equal_ignoring_case(name, "Expect")) {
            if (!equal_ignoring_case(value, "100-continue")) return fail(417);
            request.expects_continue = true;
        }
    }
    if (hosts > 1 || (hosts == 0 && request.is_http_1_1)) return fail(400);
    if (chunked_ && has_length) return fail(400);  // the classic request smuggling pair
    if (length > kMaxBodyBytes) return fail(413);
    content_length_ = length;
    expects_continue_ = request.expects_continue && (chunked_ || length > 0);
    return State::complete;
}

HttpParser::State HttpParser::read_body(char*, std::size_t size) {
    if (size - head_size_ < content_length_) return State::incomplete;
    consumed_ = head_size_ + content_length_;
    return State::complete;
}

HttpParser::State HttpParser::read_chunk_size(std::string_view line) {
    std::size_t value = 0;
    std::size_t digits = 0;
    for (; digits < line.size(); ++digits) {
        const char c = lower(line[digits]);
        const bool decimal = c >= '0' && c <= '9';
        if (!decimal && !(c >= 'a' && c <= 'f')) break;
        if (digits == 8) return fail(413);
        value = value * 16 + static_cast<std::size_t>(decimal ? c - '0' : c - 'a' + 10);
    }
    if (digits == 0) return fail(400);
    if (digits < line.size() && line[digits] != ';' && line[digits] != ' ') return fail(400);
    if (body_size_ + value > kMaxBodyBytes) return fail(413);
    chunk_left_ = value;
    step_ = value == 0 ? ChunkStep::trailer : ChunkStep::data;
    return State::complete;
}

HttpParser::State HttpParser::read_chunks(char* data, std::size_t size) {
    if (read_at_ == 0) read_at_ = head_size_;
    for (;;) {
        if (step_ == ChunkStep::data) {
            const std::size_t ready = size - read_at_;
            const std::size_t take = ready < chunk_left_ ? ready : chunk_left_;
            std::memmove(data + head_size_ + body_size_, data + read_at_, take);
            body_size_ += take;
            read_at_ += take;
            chunk_left_ -= take;
            if (chunk_left_ > 0) return State::incomplete;
            step_ = ChunkStep::data_end;
        }
        const void* hit =
            size > read_at_ ? std::memchr(data + read_at_, '\n', size - read_at_) : nullptr;
        if (hit == nullptr) {
            return size - read_at_ > kMaxChunkLineBytes ? fail(400) : State::incomplete;
        }
        const std::size_t at = static_cast<std::size_t>(static_cast<const char*>(hit) - data);
        if (at == read_at_ || data[at - 1] != '\r' || at - read_at_ > kMaxChunkLineBytes) {
            return fail(400);
        }
        const std::string_view line{data + read_at_, at - 1 - read_at_};
        read_at_ = at + 1;
        if (step_ == ChunkStep::data_end) {
            if (!line.empty()) return fail(400);
            step_ = ChunkStep::size_line;
        } else if (step_ == ChunkStep::size_line) {
            if (read_chunk_size(line) == State::bad) return State::bad;
        } else if (line.empty()) {
            consumed_ = read_at_;
            return State::complete;
        } else if (++trailer_lines_ > kMaxTrailerLines) {
            return fail(431);
        }
    }
}

}  // namespace carryall::simulators
