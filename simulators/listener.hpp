// The listening socket, on loopback only. A fault may take it down for a while: then connecting is
// really refused by the kernel, and the same port comes back.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace carryall::simulators {

class Listener {
  public:
    explicit Listener(std::uint16_t port);  // 0: any free one
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    std::uint16_t port() const { return port_; }
    void attach(int epoll, std::uint64_t tag);
    void accept_all(const std::function<void(int)>& place);
    void go_down_until(std::int64_t micros) { down_until_micros_.store(micros); }  // any thread
    // Closes or reopens as asked for; called by the owning loop.
    void keep(std::int64_t now_micros);

  private:
    void open();
    void watch();

    int fd_ = -1;
    int epoll_ = -1;
    std::uint64_t tag_ = 0;
    std::uint16_t port_;
    std::atomic<std::int64_t> down_until_micros_{0};
};

}  // namespace carryall::simulators
