// What is written down of a page while it is run: the log of every call, and for each device that
// has come to an end its result. What must stay true: a device has one result; what it says follows
// from the outcome, from what was sent and from the attempts before, and from nothing else.
#pragma once

#include <random>

#include "changes/page_run.hpp"

namespace carryall::changes {

// One device on its way through the exchange.
struct Conversation {
    const ClaimedDevice* device = nullptr;
    DevicePlan* plan = nullptr;
    std::optional<carriers::Call> call;  // to be sent, or in flight
    bool started = false;
    int step = 0;
    base::Instant call_started;
    // When a state-changing call left us; and the same before the present call.
    std::optional<std::chrono::steady_clock::time_point> last_change_sent;
    std::optional<std::chrono::steady_clock::time_point> changed_before;
    std::vector<std::size_t> sharers;  // others whose calls went out in this one's request
    int session = 0;                   // the session the present call was made in
    bool was_renewed = false;          // the present call was repeated in a new session
};

class PageRecord {
  public:
    // All must outlive it.
    PageRecord(const ClaimedPage& page, const PageRunSettings& settings, const EffectOf& effect_of);

    // What counts of an outcome as it was told.
    carriers::Outcome believed(const Conversation& conversation,
                               const carriers::Outcome& told) const;
    // `held`: the change was, so the conversation was broken off.
    void end(Conversation& conversation, const carriers::Outcome& outcome, const Held* held);
    // A device that is not begun now.
    void leave_for_later(const ClaimedDevice& device);

    void add_call_log(const Conversation& conversation, const carriers::Call& call,
                      std::size_t devices, const http::ClientResponse& answer,
                      const carriers::Outcome* outcome);
    // Of a conversation that ended before its first call.
    void add_outcome_log(const Conversation& conversation, const carriers::Outcome& outcome);
    void add_decision_log(Conversation& conversation, const carriers::Outcome& outcome);

    std::int64_t failures() const { return failures_; }  // devices that are error or parked
    PageRunOutput take(std::chrono::milliseconds resume_in) {
        return {std::move(results_), std::move(log_), resume_in};
    }

  private:
    std::optional<std::chrono::milliseconds> since_last_send(
        const Conversation& conversation) const;
    void add_remark(Conversation& conversation, const carriers::Outcome& outcome);
    void add_held_log(Conversation& conversation, const Verdict& verdict);
    LogEntry base_entry(const Conversation& conversation, const std::string& operation) const;

    const ClaimedPage& page_;
    const PageRunSettings& settings_;
    const EffectOf& effect_of_;
    std::mt19937 random_;
    std::int64_t failures_ = 0;
    std::vector<DeviceResult> results_;
    std::vector<LogEntry> log_;
};

}  // namespace carryall::changes
