// What a runner knows of how its change is held while it works a page: it asks the database about
// once a second, not for each device. What must stay true: after a pause or a cancellation was
// acknowledged, devices are begun for less than two seconds; what could not be asked is taken for a
// pause.
#pragma once

#include <chrono>

#include "changes/control_rules.hpp"
#include "changes/run_store.hpp"

namespace carryall::changes {

class ControlWatch {
  public:
    ControlWatch(db::Connection& connection, const RunnableChange& change, const ClaimedPage& page,
                 std::chrono::steady_clock::time_point claimed);

    // Asks, if it is time.
    void look_if_due();
    Leave leave() const;
    bool has_other_limits() const { return has_other_limits_; }
    const Held& held() const { return held_; }
    // The turn is to begin anew: the change is held, or runs again, or has other limits.
    bool has_changed() const;

  private:
    void look();

    db::Connection& connection_;
    const RunnableChange& change_;
    const bool reads_only_;
    Held held_;
    bool has_other_limits_ = false;
    std::chrono::steady_clock::time_point looked_at_;     // the last answer
    std::chrono::steady_clock::time_point next_look_at_;  // after a failure, too
};

}  // namespace carryall::changes
