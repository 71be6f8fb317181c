// A non-blocking HTTP client that only posts: one pool of kept-alive connections a listener, one
// request at a time on each. Used by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "thingspace/accounts.hpp"

namespace carryall::simulators::thingspace {

struct CallbackResult {
    std::uint64_t ticket = 0;
    bool acknowledged = false;  // any 2xx
};

class CallbackSender {
  public:
    CallbackSender();
    ~CallbackSender();
    CallbackSender(const CallbackSender&) = delete;
    CallbackSender& operator=(const CallbackSender&) = delete;

    // Where a pool posts to. Connections to another version end when they are idle.
    void aim(std::size_t pool, const CallbackUrl& target, std::uint32_t version);
    bool has_room(std::size_t pool, std::int64_t connections) const;
    void post(std::size_t pool, std::uint64_t ticket, std::string_view body,
              std::int64_t timeout_millis);
    // Waits for sockets, at most so long; what ended is in results().
    void poll(int wait_millis);
    std::vector<CallbackResult>& results() { return results_; }
    void wake();  // from any thread

  private:
    struct Connection {
        int fd = -1;
        std::uint32_t slot = 0;
        std::uint32_t generation = 0;
        std::size_t pool = 0;
        std::uint32_t version = 0;
        std::string output;
        std::size_t sent = 0;
        std::string input;
        std::uint64_t ticket = 0;
        std::int64_t deadline_millis = 0;
        std::uint32_t interest = 0;
        bool busy = false;
        bool answered_before = false;  // an end without an answer may be the race of an idle close
    };
    struct Pool {
        CallbackUrl target;
        std::string head;  // up to the length of the body
        std::uint32_t version = 0;
        std::size_t open = 0;
        std::vector<std::uint32_t> idle;
    };

    Connection* open_connection(std::size_t pool);
    Connection* take_idle(Pool& pool);
    void watch(Connection& connection, std::uint32_t interest);
    void on_event(Connection& connection, std::uint32_t events);
    void flush(Connection& connection);
    void read(Connection& connection);
    void finish(Connection& connection, bool acknowledged, bool keep);
    void fail(Connection& connection);
    void close(Connection& connection);
    void end_late_ones();

    int epoll_ = -1;
    int wake_ = -1;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::uint32_t> free_slots_;
    std::vector<Pool> pools_;
    std::vector<CallbackResult> results_;
    std::int64_t next_check_millis_ = 0;
};

// Reads one response from the front of `input`. Used by the sender; stands here for its test.
struct ResponseEnd {
    bool complete = false;
    bool broken = false;
    bool keep = false;  // the connection may be used again
    int status = 0;
};
ResponseEnd read_response(std::string_view input, bool at_end);

}  // namespace carryall::simulators::thingspace
