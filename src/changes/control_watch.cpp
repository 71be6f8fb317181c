// The watch over one page.
#include "changes/control_watch.hpp"

#include "base/log.hpp"
#include "changes/control_store.hpp"

namespace carryall::changes {

using std::chrono::steady_clock;

// The claim has just seen the change run, or else the page is only read.
ControlWatch::ControlWatch(db::Connection& connection, const RunnableChange& change,
                           const ClaimedPage& page, steady_clock::time_point claimed)
    : connection_(connection),
      change_(change),
      reads_only_(page.reads_only),
      held_(change.held),
      looked_at_(claimed),
      next_look_at_(claimed + kControlLook) {
    const bool may_be_held = reads_only_ || !held_.may_begin;
    if (may_be_held || steady_clock::now() >= next_look_at_) look();
}

void ControlWatch::look_if_due() {
    if (steady_clock::now() >= next_look_at_) look();
}

void ControlWatch::look() {
    next_look_at_ = steady_clock::now() + kControlLook;
    const auto asked = steady_clock::now();
    auto held = look_at_control(connection_, change_.tenant_id, change_.id);
    if (!held) {
        base::log::warning("control_not_read", {{"reason", held.error().message}});
        return;
    }
    looked_at_ = asked;
    held_ = std::move(held).value();
    has_other_limits_ = held_.max_concurrency != change_.held.max_concurrency;
}

bool ControlWatch::has_changed() const {
    return has_other_limits_ || (reads_only_ ? held_.may_begin : leave() != Leave::begin);
}

Leave ControlWatch::leave() const {
    const auto age = steady_clock::now() - looked_at_;
    const bool may_begin = held_.may_begin && !reads_only_ && age <= kControlTrust;
    return leave_of(held_.control, may_begin,
                    held_.since + std::chrono::duration_cast<std::chrono::milliseconds>(age));
}

}  // namespace carryall::changes
