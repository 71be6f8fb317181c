// The HTTP server: a listener and one event loop a thread. Connections are dealt out in turn.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "clock.hpp"
#include "event_loop.hpp"
#include "listener.hpp"

namespace carryall::simulators {

inline constexpr int kMaxThreads = 16;

class Server {
  public:
    Server(RequestHandler& handler, const Clock& clock, std::uint16_t port, int threads);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const { return listener_.port(); }
    void stop();
    void wake();  // time has been moved
    void refuse_connections(std::int64_t micros);

  private:
    void place(int fd);

    const Clock& clock_;
    Listener listener_;
    std::vector<std::unique_ptr<EventLoop>> loops_;
    std::vector<std::thread> threads_;
    std::size_t next_loop_ = 0;
};

}  // namespace carryall::simulators
