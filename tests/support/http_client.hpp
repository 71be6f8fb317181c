// A tiny HTTP client on a bare socket, for tests. It shares no code with the product, so both
// cannot be wrong in the same way, and it can send what a decent client never would. What must stay
// true: it talks to 127.0.0.1 only, and every read has a limit after which it throws.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carryall::support {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpReply {
    int status = 0;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;                            // chunks already joined

    std::string header(const std::string& lower_case_name) const;  // empty if absent
};

class HttpConnection {
  public:
    explicit HttpConnection(int port);
    ~HttpConnection();
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    // Bytes as they are, e.g. half a request.
    void send(std::string_view bytes);
    // A whole request with Host and Content-Length, unless `headers` has them.
    void send_request(std::string_view method, std::string_view target, const Headers& headers = {},
                      std::string_view body = {});
    // The next reply; `of_head` for a reply to HEAD, which has no body.
    HttpReply read_reply(bool of_head = false);
    // Everything up to and with `end`, for streams (server-sent events).
    std::string read_until(std::string_view end);
    // Nothing more will be sent; the other side sees the end of the stream.
    void finish_sending();
    // True once the other side has closed; throws if it sends something instead.
    bool closed_by_peer();

  private:
    bool read_some();  // false at the end of the stream
    std::string take(std::size_t size);
    std::string read_chunks();

    int fd_ = -1;
    std::string buffer_;
};

// One request on a connection of its own.
HttpReply http_request(int port, std::string_view method, std::string_view target,
                       const Headers& headers = {}, std::string_view body = {});

}  // namespace carryall::support
