// The simulator's own API under /_sim: faults, ledger, clock, reset, health, and each system's
// admin routes. It is never subject to faults or limits.
#pragma once

#include <functional>
#include <string_view>

#include "clock.hpp"
#include "http_request.hpp"
#include "ledger.hpp"
#include "reply.hpp"

namespace carryall::simulators {

class Dispatcher;

class Admin {
  public:
    Admin(Dispatcher& dispatcher, Ledger& ledger, Clock& clock)
        : dispatcher_(dispatcher), ledger_(ledger), clock_(clock) {}

    void handle(const Request& request, Reply& reply);
    std::function<void()> on_time_moved;

  private:
    bool handle_ledger(const Request& request, std::string_view path, Reply& reply);
    void set_faults(const Request& request, Reply& reply);
    void list_faults(Reply& reply);
    void clear_faults();
    void advance_clock(const Request& request, Reply& reply);
    void reset(Reply& reply);

    Dispatcher& dispatcher_;
    Ledger& ledger_;
    Clock& clock_;
};

void refuse_admin(Reply& reply, int status, std::string_view message);

}  // namespace carryall::simulators
