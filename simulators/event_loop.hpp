// One thread's epoll loop with its connections. A connection's requests are answered in order; a
// delayed answer holds back only its own connection. Nothing in here blocks but epoll_wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <vector>

#include "clock.hpp"
#include "http_parser.hpp"
#include "http_request.hpp"
#include "listener.hpp"
#include "reply.hpp"

namespace carryall::simulators {

inline constexpr std::size_t kMaxConnections = 16'384;
inline constexpr int kTickMillis = 50;  // a ledger entry reaches the file within this time

class RequestHandler {
  public:
    virtual ~RequestHandler() = default;
    // `resumed`: the second pass of a request that was parked.
    virtual void handle(const Request& request, Reply& reply, bool resumed) = 0;
    // Called about every kTickMillis by the first loop.
    virtual void tick() = 0;
};

struct Connection {
    int fd = -1;
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    std::unique_ptr<char[]> input;
    std::size_t capacity = 0;
    std::size_t size = 0;
    std::size_t begin = 0;  // first byte of the request under work
    std::string output;
    std::size_t sent = 0;
    HttpParser parser;
    std::string held;  // a delayed answer
    Delivery held_delivery = Delivery::send;
    std::unique_ptr<Request> parked;
    std::int64_t active_millis = 0;
    std::uint32_t interest = 0;
    bool suspended = false;  // waits for its timer
    bool close_when_sent = false;
    bool peer_gone = false;  // only a parked request keeps it
    bool continue_sent = false;
};

class EventLoop {
  public:
    // `listener` only for the first loop; accepted sockets go to `place`.
    EventLoop(RequestHandler& handler, const Clock& clock, Listener* listener,
              std::function<void(int)> place);
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    void run();
    void adopt(int fd);  // from any thread
    void wake();         // from any thread
    void stop();         // from any thread
    // Asked for by a fault: this loop's owner closes the listener for that long.
    std::function<void(std::int64_t micros)> on_refuse_connections;

  private:
    struct Timer {
        std::int64_t due_micros;
        std::uint32_t slot;
        std::uint32_t generation;
        bool operator>(const Timer& other) const { return due_micros > other.due_micros; }
    };

    void take_adopted();
    void add(int fd);
    void on_event(std::uint32_t slot, std::uint32_t generation, std::uint32_t events);
    bool read_some(Connection& connection);
    void make_room(Connection& connection);
    void work(Connection& connection);
    void process(Connection& connection);
    void settle(Connection& connection, const Request& request, Reply& reply);
    void refuse(Connection& connection, int status);
    void compact(Connection& connection);
    void flush(Connection& connection);
    void watch(Connection& connection);
    void suspend(Connection& connection, std::int64_t micros);
    void run_timers();
    void on_timer(Connection& connection);
    void drop(Connection& connection, bool with_reset);
    void drop_idle();
    int wait_millis() const;

    RequestHandler& handler_;
    const Clock& clock_;
    Listener* listener_;
    std::function<void(int)> place_;
    int epoll_ = -1;
    int wake_ = -1;
    std::atomic<bool> stopping_{false};
    std::mutex adopted_mutex_;
    std::vector<int> adopted_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::uint32_t> free_slots_;
    std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
    Request request_;
    Reply reply_;
    std::int64_t now_millis_ = 0;
    std::int64_t next_tick_millis_ = 0;
    std::int64_t next_idle_check_millis_ = 0;
};

}  // namespace carryall::simulators
