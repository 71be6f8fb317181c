// The way of every request: route, admit, decide the fault, perform, spoil, write the ledger. What
// the ledger says about a request is decided here and nowhere else.
#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "clock.hpp"
#include "event_loop.hpp"
#include "faults.hpp"
#include "ledger.hpp"
#include "system.hpp"

namespace carryall::simulators {

struct SystemSlot {
    std::unique_ptr<System> system;
    FaultPlan faults;
    std::mutex mutex;  // over system and faults
};

class Admin;

class Dispatcher : public RequestHandler {
  public:
    Dispatcher(std::vector<std::unique_ptr<System>> systems, Ledger& ledger, Clock& clock);
    ~Dispatcher() override;

    void handle(const Request& request, Reply& reply, bool resumed) override;
    void tick() override;
    // Every system does what is due.
    void let_time_pass();
    void stop();  // ends what systems do on threads of their own

    SystemSlot* find(std::string_view name);
    std::vector<std::unique_ptr<SystemSlot>>& systems() { return systems_; }
    Admin& admin() { return *admin_; }

  private:
    void let_time_pass(SystemSlot& slot, std::int64_t now_micros);  // with the lock held
    void dispatch(SystemSlot& slot, const Request& request, Reply& reply, bool resumed);

    std::vector<std::unique_ptr<SystemSlot>> systems_;
    Ledger& ledger_;
    Clock& clock_;
    std::unique_ptr<Admin> admin_;
};

}  // namespace carryall::simulators
