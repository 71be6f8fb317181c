// The HTTP/1.1 server. One or two event threads own the sockets; handlers are plain blocking
// functions on a bounded pool. Everything has a limit and an answer: connections and queue (503),
// header (431), body (413), slowness (408), malformed (400), unknown transfer coding (501). TLS and
// HTTP/2 stay at the proxy in front. Only server_beast.cpp knows the library underneath.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "http/address.hpp"
#include "http/message.hpp"
#include "http/problem.hpp"
#include "http/router.hpp"
#include "http/sse.hpp"

namespace carryall::http {

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free one, see Server::port()
    std::size_t io_threads = 1;
    std::size_t handler_threads = 8;
    std::size_t max_queued_requests = 256;  // waiting for a handler thread; beyond: 503
    std::size_t max_connections = 2'000;    // beyond: 503 and closed
    std::size_t max_header_bytes = 16u << 10;
    std::chrono::milliseconds header_timeout{10'000};  // from the first byte to the empty line
    std::chrono::milliseconds idle_timeout{75'000};    // between requests of one connection
    std::chrono::milliseconds write_timeout{30'000};   // a client that takes nothing for so long
    std::chrono::milliseconds sse_heartbeat{15'000};
    std::chrono::seconds retry_after{2};  // sent with 503
    std::filesystem::path spool_directory = std::filesystem::temp_directory_path();
    std::vector<Cidr> trusted_proxies;  // X-Forwarded-For counts from these only
};

// What the API hangs around every request. All run on handler threads and may block, except where
// said. Empty ones are skipped.
struct ServerHooks {
    // Before the handler, and before a large body is read: authentication, rate limits. An answer
    // ends the request.
    std::function<std::optional<Response>(Request&)> before;
    // For every answer, the server's own refusals too (then on an event thread: must not block):
    // headers, metrics.
    std::function<void(const Request&, Response&, std::chrono::microseconds elapsed)> after;
    bool access_log = true;
};

class Server {
  public:
    // Listens when it returns. unavailable: the address cannot be bound, and why.
    static base::Result<std::unique_ptr<Server>> start(ServerOptions options, Router router,
                                                       ServerHooks hooks = {});
    // Drains with no patience.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const;
    std::size_t connections() const;

    // Stops accepting, closes idle connections, ends event streams, lets requests in flight finish,
    // cuts what is left at the deadline. True: nothing had to be cut. Once.
    bool drain(std::chrono::milliseconds at_most);

    class Impl;  // server_beast.cpp

  private:
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carryall::http
