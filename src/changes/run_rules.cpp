// The decisions of the run engine, without I/O.
#include "changes/run_rules.hpp"

#include <algorithm>

namespace carryall::changes {
namespace {

using carriers::FailureClass;
using std::chrono::milliseconds;

template <class... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};

// An unknown outcome goes to the next rung of the ladder, or to a person.
Verdict still_unknown(const std::string& reason, const AttemptEnd& end,
                      const RetrySettings& settings) {
    Verdict verdict;
    verdict.reason = reason;
    verdict.retry_number = end.retry_number;
    verdict.read_back_count = end.read_back_count;
    verdict.state = DeviceState::unknown;
    if (end.was_unknown && end.settles_in.count() > 0) {
        // Too early for any reading to prove that nothing was done: that rung is not used up.
        verdict.due_in = end.settles_in;
        return verdict;
    }
    const int rung = end.was_unknown ? end.read_back_count + 1 : 0;
    if (rung >= static_cast<int>(settings.ladder.size())) {
        verdict.state = DeviceState::parked;
        verdict.reason = "Outcome unknown after " + std::to_string(rung) +
                         " read-backs; check the line at the carrier. Last: " + reason;
        return verdict;
    }
    verdict.read_back_count = rung;
    const milliseconds wait = settings.ladder[static_cast<std::size_t>(rung)];
    verdict.due_in = std::max(wait, end.settles_in);
    return verdict;
}

// The reading has got somewhere and is not at its end: no rung is used up.
Verdict read_on(const std::string& reason, const AttemptEnd& end) {
    Verdict verdict;
    verdict.state = DeviceState::unknown;
    verdict.reason = reason;
    verdict.retry_number = end.retry_number;
    verdict.read_back_count = end.read_back_count;
    verdict.due_in = std::max(milliseconds(0), end.settles_in);
    return verdict;
}

// Told to leave the account alone: the device is not to blame. Nothing was done or read, so neither
// a try nor a rung of the ladder is used up.
Verdict wait_for_account(DeviceState state, const std::string& reason,
                         std::optional<std::chrono::seconds> retry_after, const AttemptEnd& end,
                         const RetrySettings& settings) {
    Verdict verdict;
    verdict.state = state;
    verdict.reason = reason;
    verdict.retry_number = end.retry_number;
    verdict.read_back_count = end.read_back_count;
    const milliseconds wait = retry_after.value_or(std::chrono::seconds(0));
    verdict.due_in = std::max(wait, settings.backoff_base);
    if (state == DeviceState::unknown) {
        verdict.due_in = std::max(*verdict.due_in, end.settles_in);
    }
    return verdict;
}

// The result could not be asked for: that is no reason to send again what the carrier accepted.
Verdict still_waiting(const carriers::NotSent& outcome, const AttemptEnd& end,
                      const RetrySettings& settings) {
    Verdict verdict;
    verdict.state = DeviceState::waiting;
    verdict.reason = outcome.reason;
    verdict.retry_number = std::min(end.retry_number + 1, settings.max_retries);
    verdict.read_back_count = end.read_back_count;
    verdict.due_in = backoff(end.retry_number, end.jitter, settings);
    if (outcome.retry_after) {
        verdict.due_in = std::max(*verdict.due_in, milliseconds(*outcome.retry_after));
    }
    return verdict;
}

Verdict try_again(const carriers::NotSent& outcome, const AttemptEnd& end,
                  const RetrySettings& settings) {
    Verdict verdict;
    verdict.reason = outcome.reason;
    verdict.retry_number = end.retry_number + 1;
    verdict.read_back_count = end.read_back_count;
    verdict.error_class = FailureClass::transient;
    if (verdict.retry_number > settings.max_retries) {
        verdict.state = end.did_earlier_steps ? DeviceState::parked : DeviceState::error;
        verdict.retry_number = end.retry_number;
        verdict.reason = outcome.reason + " (gave up after " +
                         std::to_string(settings.max_retries) + " retries)";
        return verdict;
    }
    verdict.state = DeviceState::fresh;
    verdict.due_in = backoff(end.retry_number, end.jitter, settings);
    if (outcome.retry_after) {
        verdict.due_in = std::max(*verdict.due_in, milliseconds(*outcome.retry_after));
    }
    return verdict;
}

}  // namespace

std::chrono::milliseconds backoff(int retry_number, double jitter, const RetrySettings& settings) {
    constexpr int kMaxDoublings = 20;
    const auto doubled =
        settings.backoff_base * (std::int64_t{1} << std::clamp(retry_number, 0, kMaxDoublings));
    const auto wait = std::min<milliseconds>(doubled, settings.backoff_max);
    const double factor = 0.75 + 0.5 * jitter;
    return milliseconds(static_cast<std::int64_t>(static_cast<double>(wait.count()) * factor));
}

Verdict judge(const carriers::Outcome& outcome, const AttemptEnd& end,
              const RetrySettings& settings) {
    Verdict done;
    done.retry_number = end.retry_number;
    done.read_back_count = end.read_back_count;
    return std::visit(
        Overloaded{[&](const carriers::Applied& applied) {
                       done.state = DeviceState::processed;
                       done.reason = applied.summary;
                       return done;
                   },
                   [&](const carriers::Advanced& advanced) {
                       // The next step has retries of its own.
                       Verdict next;
                       next.state = DeviceState::fresh;
                       next.reason = advanced.note;
                       next.due_in = advanced.go_on_after;
                       return next;
                   },
                   [&](const carriers::Refused& refused) {
                       if (refused.failure == FailureClass::transient) {
                           return try_again({refused.reason, std::nullopt}, end, settings);
                       }
                       done.state = DeviceState::error;
                       done.error_class = refused.failure;
                       done.reason = refused.reason;
                       return done;
                   },
                   [&](const carriers::Pending& pending) {
                       done.state = DeviceState::waiting;
                       done.due_in = pending.ask_again_after;
                       done.reason = pending.note;
                       return done;
                   },
                   [&](const carriers::NotSent& not_sent) {
                       // A read-back that could not be made proves nothing: the device stays
                       // unknown.
                       if (not_sent.whole_account) {
                           return wait_for_account(end.was_unknown   ? DeviceState::unknown
                                                   : end.was_waiting ? DeviceState::waiting
                                                                     : DeviceState::fresh,
                                                   not_sent.reason, not_sent.retry_after, end,
                                                   settings);
                       }
                       if (end.was_unknown) return still_unknown(not_sent.reason, end, settings);
                       if (end.was_waiting) return still_waiting(not_sent, end, settings);
                       return try_again(not_sent, end, settings);
                   },
                   [&](const carriers::Unknown& unknown) {
                       if (unknown.whole_account) {
                           return wait_for_account(DeviceState::unknown, unknown.reason,
                                                   unknown.retry_after, end, settings);
                       }
                       if (unknown.needs_person) {
                           done.state = DeviceState::parked;
                           done.reason = unknown.reason;
                           return done;
                       }
                       if (unknown.goes_on) return read_on(unknown.reason, end);
                       return still_unknown(unknown.reason, end, settings);
                   }},
        outcome);
}

bool is_final(DeviceState state) {
    return state == DeviceState::processed || state == DeviceState::error ||
           state == DeviceState::cancelled;
}

std::string_view to_string(carriers::FailureClass failure) {
    switch (failure) {
        case FailureClass::validation:
            return "validation";
        case FailureClass::business:
            return "business";
        case FailureClass::transient:
            return "transient";
        case FailureClass::system:
            return "system";
    }
    return "system";
}

}  // namespace carryall::changes
