// See http_client.hpp.
#include "support/http_client.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "support/process.hpp"

namespace carryall::support {
namespace {

constexpr std::size_t kReadBytes = 65536;
constexpr std::size_t kMaxReplyBytes = std::size_t{256} << 20U;
constexpr int kHexadecimal = 16;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

std::string trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::size_t number(std::string_view text, int base = 10) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || value > kMaxReplyBytes) {
        throw std::runtime_error("not a size: " + std::string(text));
    }
    return value;
}

HttpReply parse_head(const std::string& head) {
    HttpReply reply;
    if (!head.starts_with("HTTP/1.")) throw std::runtime_error("not an HTTP reply: " + head);
    reply.status = static_cast<int>(number(std::string_view(head).substr(9, 3)));
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
        const std::size_t end = head.find("\r\n", at);
        const std::string_view line = std::string_view(head).substr(at, end - at);
        const std::size_t colon = line.find(':');
        if (colon != std::string_view::npos) {
            reply.headers[lower(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
        }
        at = end + 2;
    }
    return reply;
}

bool has(const Headers& headers, std::string_view lower_case_name) {
    return std::any_of(headers.begin(), headers.end(),
                       [&](const auto& header) { return lower(header.first) == lower_case_name; });
}

}  // namespace

std::string HttpReply::header(const std::string& lower_case_name) const {
    const auto found = headers.find(lower_case_name);
    return found == headers.end() ? "" : found->second;
}

HttpConnection::HttpConnection(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const timeval limit{.tv_sec = kPatience.count(), .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd_);
        throw std::runtime_error("nobody listens on port " + std::to_string(port));
    }
}

HttpConnection::~HttpConnection() {
    ::close(fd_);
}

void HttpConnection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) throw std::runtime_error("the connection does not take what is sent");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void HttpConnection::send_request(std::string_view method, std::string_view target,
                                  const Headers& headers, std::string_view body) {
    std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n";
    if (!has(headers, "host")) text += "Host: 127.0.0.1\r\n";
    const bool framed = has(headers, "content-length") || has(headers, "transfer-encoding");
    if (!framed && (!body.empty() || (method != "GET" && method != "HEAD"))) {
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
    send(text + "\r\n" + std::string(body));
}

HttpReply HttpConnection::read_reply(bool of_head) {
    HttpReply reply = parse_head(read_until("\r\n\r\n"));
    const bool bodiless =
        of_head || reply.status / 100 == 1 || reply.status == 204 || reply.status == 304;
    if (bodiless) return reply;
    if (lower(reply.header("transfer-encoding")) == "chunked") {
        reply.body = read_chunks();
    } else if (reply.headers.contains("content-length")) {
        reply.body = take(number(reply.header("content-length")));
    } else {
        while (read_some()) {
        }
        reply.body = std::move(buffer_);
        buffer_.clear();
    }
    return reply;
}

std::string HttpConnection::read_until(std::string_view end) {
    std::size_t found = 0;
    while ((found = buffer_.find(end)) == std::string::npos) {
        if (!read_some()) throw std::runtime_error("the stream ended early, after: " + buffer_);
    }
    return take(found + end.size());
}

void HttpConnection::finish_sending() {
    ::shutdown(fd_, SHUT_WR);
}

bool HttpConnection::closed_by_peer() {
    if (!buffer_.empty() || read_some()) {
        throw std::runtime_error("expected the end of the connection, got: " + buffer_);
    }
    return true;
}

bool HttpConnection::read_some() {
    std::string bytes(kReadBytes, '\0');
    const ssize_t size = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (size < 0 && errno == ECONNRESET) return false;
    if (size < 0) throw std::runtime_error("the other side hangs, after: " + buffer_);
    buffer_.append(bytes, 0, static_cast<std::size_t>(size));
    if (buffer_.size() > kMaxReplyBytes) throw std::runtime_error("the reply does not end");
    return size > 0;
}

std::string HttpConnection::take(std::size_t size) {
    while (buffer_.size() < size) {
        if (!read_some()) throw std::runtime_error("the stream ended early, after: " + buffer_);
    }
    std::string taken = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return taken;
}

std::string HttpConnection::read_chunks() {
    std::string body;
    for (;;) {
        const std::size_t size = number(trimmed(read_until("\r\n")), kHexadecimal);
        if (size == 0) {
            while (read_until("\r\n") != "\r\n") {  // trailers
            }
            return body;
        }
        body += take(size);
        read_until("\r\n");
    }
}

HttpReply http_request(int port, std::string_view method, std::string_view target,
                       const Headers& headers, std::string_view body) {
    HttpConnection connection(port);
    Headers closing = headers;
    if (!has(headers, "connection")) closing.emplace_back("Connection", "close");
    connection.send_request(method, target, closing, body);
    return connection.read_reply(method == "HEAD");
}

}  // namespace carryall::support
