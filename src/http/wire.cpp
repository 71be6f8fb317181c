// Checks on request heads that the parser underneath leaves to us, after RFC 9112 and 9110.
#include "http/wire.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "http/router.hpp"

namespace carryall::http {
namespace {

constexpr std::size_t kMaxRequestIdLength = 128;
constexpr std::size_t kMaxForwardedHops = 32;

Problem refuse(int status, std::string detail) {
    Problem problem;
    problem.status = status;
    problem.detail = std::move(detail);
    return problem;
}

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (base::ascii_lower(c) >= 'a' && base::ascii_lower(c) <= 'z');
}

bool is_token(std::string_view text) {
    static constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || kSymbols.find(c) != std::string_view::npos;
    });
}

bool has_controls(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
}

std::size_t count(const Headers& headers, std::string_view lower_name) {
    const auto& items = headers.items();
    return static_cast<std::size_t>(std::count_if(
        items.begin(), items.end(),
        [&](const auto& item) { return base::ascii_lower(item.first) == lower_name; }));
}

// "http://host/path" is as good as "/path".
std::string_view origin_form(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        const auto end = target.find_first_of("/?", scheme.size());
        return end == std::string_view::npos ? std::string_view("/") : target.substr(end);
    }
    return target;
}

bool is_host(std::string_view host) {
    return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
        return is_alphanumeric(c) || std::string_view("-._~:[]%").find(c) != std::string_view::npos;
    });
}

// Dot segments are resolved by every decent client; what arrives with them means harm.
bool has_dot_segment(std::string_view decoded_path) {
    while (!decoded_path.empty()) {
        const auto end = decoded_path.find_first_of("/\\");
        const std::string_view segment = decoded_path.substr(0, end);
        if (segment == "." || segment == "..") return true;
        if (end == std::string_view::npos) return false;
        decoded_path.remove_prefix(end + 1);
    }
    return false;
}

std::optional<Problem> check_framing(const RawHead& head, AcceptedHead& out) {
    const std::size_t hosts = count(head.headers, "host");
    if (hosts > 1 || (hosts == 0 && head.version >= 11)) {
        return refuse(400, "a request needs exactly one Host header");
    }
    if (hosts == 1 && !is_host(*head.headers.get("Host"))) {
        return refuse(400, "the Host header is malformed");
    }
    const std::size_t codings = count(head.headers, "transfer-encoding");
    if (codings > 0) {
        if (head.version < 11) return refuse(400, "HTTP/1.0 knows no Transfer-Encoding");
        const auto coding = base::ascii_lower(base::trim(*head.headers.get("Transfer-Encoding")));
        if (codings > 1 || coding != "chunked") {
            return refuse(501, "the only transfer coding known here is chunked");
        }
        if (head.headers.get("Content-Length")) {
            return refuse(400, "Content-Length and Transfer-Encoding contradict each other");
        }
        out.chunked = true;
    }
    if (count(head.headers, "content-length") > 1) {
        return refuse(400, "more than one Content-Length");
    }
    if (!base::all_digits(head.headers.get("Content-Length").value_or("0"))) {
        return refuse(400, "the Content-Length is malformed");
    }
    if (const auto expect = head.headers.get("Expect")) {
        if (base::ascii_lower(*expect) != "100-continue") {
            return refuse(417, "the only expectation known here is 100-continue");
        }
        out.expects_continue = head.version >= 11;
    }
    return std::nullopt;
}

std::string http_date() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::array<char, 40> text{};
    std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text.data();
}

bool decided_by_framing(std::string_view lower_name) {
    return lower_name == "content-length" || lower_name == "transfer-encoding" ||
           lower_name == "connection" || lower_name == "date";
}

}  // namespace

std::variant<AcceptedHead, Problem> accept_head(RawHead head) {
    AcceptedHead out;
    if (head.version != 10 && head.version != 11) {
        return refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    }
    if (auto problem = check_framing(head, out)) return std::move(*problem);
    const auto method = parse_method(head.method);
    if (!method) return refuse(501, "unknown method");
    std::string_view target = origin_form(head.target);
    const bool odd = std::any_of(target.begin(), target.end(), [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f ||
               c == '#';
    });
    if (target == "*" && *method == Method::options) target = "/";
    if (odd || !target.starts_with('/')) return refuse(400, "the request target is malformed");
    const auto question = target.find('?');
    const std::string_view path = target.substr(0, question);
    auto decoded = percent_decode(path);
    auto query = parse_query(question == std::string_view::npos ? std::string_view{}
                                                                : target.substr(question + 1));
    if (!decoded || has_dot_segment(*decoded)) return refuse(400, "the path is malformed");
    if (!query) return refuse(400, "the query is malformed");
    out.request.method = *method;
    out.request.target = std::string(head.target);
    out.request.path = std::move(*decoded);
    out.request.query = std::move(*query);
    out.raw_path = std::string(path);
    out.request.headers = std::move(head.headers);
    return out;
}

std::string choose_request_id(const Headers& headers) {
    const std::string_view given = headers.get("X-Request-Id").value_or(std::string_view{});
    const bool sane = !given.empty() && given.size() <= kMaxRequestIdLength &&
                      std::all_of(given.begin(), given.end(), [](char c) {
                          return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
                      });
    return sane ? std::string(given) : base::random_uuid();
}

std::string client_address(const Headers& headers, const IpAddress& peer,
                           const std::vector<Cidr>& trusted_proxies) {
    const auto trusted = [&](const IpAddress& address) {
        return std::any_of(trusted_proxies.begin(), trusted_proxies.end(),
                           [&](const Cidr& network) { return network.contains(address); });
    };
    IpAddress client = peer;
    std::string chain;
    for (const auto& [name, value] : headers.items()) {
        if (base::ascii_lower(name) == "x-forwarded-for") {
            chain.append(chain.empty() ? "" : ",").append(value);
        }
    }
    std::string_view left = chain;
    for (std::size_t hop = 0; hop < kMaxForwardedHops && trusted(client) && !left.empty(); ++hop) {
        const auto comma = left.rfind(',');
        const auto last = comma == std::string_view::npos ? left : left.substr(comma + 1);
        const auto address = IpAddress::parse(base::trim(last));
        if (!address) break;
        client = *address;
        left = comma == std::string_view::npos ? std::string_view{} : left.substr(0, comma);
    }
    return client.to_string();
}

std::string write_head(const Response& response, const Framing& framing) {
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ';
    out.append(reason_phrase(response.status)).append("\r\nDate: ").append(http_date());
    out.append("\r\n");
    for (const auto& [name, value] : response.headers.items()) {
        if (decided_by_framing(base::ascii_lower(name))) continue;
        if (!is_token(name) || has_controls(value)) {
            base::log::error("response_header_left_out", {{"header", name}});
            continue;
        }
        out.append(name).append(": ").append(value).append("\r\n");
    }
    if (framing.content_length) {
        out.append("Content-Length: ").append(std::to_string(*framing.content_length));
        out.append("\r\n");
    }
    if (framing.chunked) out.append("Transfer-Encoding: chunked\r\n");
    if (!framing.keep_alive) out.append("Connection: close\r\n");
    out.append("\r\n");
    return out;
}

}  // namespace carryall::http
