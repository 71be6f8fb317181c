// How a bulk change that runs is held, as pure decisions: what may be asked of it in which state,
// what a runner may do in the middle of a page, what becomes of a device whose conversation is
// broken off. What must stay true: a device that may have been changed is never called cancelled,
// and what was done of it is never forgotten.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "changes/run_rules.hpp"

namespace carryall::changes {

inline constexpr std::size_t kMaxControlReasonBytes = 500;
inline constexpr std::size_t kMaxWaves = 10;
inline constexpr int kMaxChangeConcurrency = 1'000;
// A runner in the middle of a page asks the database so often how its change is held. What it has
// not heard of for the second time it does not count on: then it begins no device.
inline constexpr std::chrono::milliseconds kControlLook{1'000};
inline constexpr std::chrono::milliseconds kControlTrust{1'900};
// So long after a cancellation conversations under way may go on to their next call.
inline constexpr std::chrono::milliseconds kCancelGrace{1'500};

// Spelled so in the database and in JSON.
enum class Control { running, paused, cancelling, cancelled };
std::string_view to_string(Control control);
std::optional<Control> parse_control(std::string_view text);

// Why a change is held.
enum class ControlCause { person, threshold, wave };
std::string_view to_string(ControlCause cause);
std::optional<ControlCause> parse_control_cause(std::string_view text);

// The change pauses by itself at so many failures, or at so many percent of those that have ended.
struct FailureThreshold {
    std::optional<int> count;
    std::optional<int> percent;
    int after_devices = 0;  // with percent: not before so many have ended
};

// What a request wants for the running of its change.
struct ControlRequest {
    std::optional<FailureThreshold> threshold;
    std::vector<int> waves;  // percents, rising, the last is 100; empty: all at once
    bool waves_by_hand = false;
    std::optional<int> max_concurrency;
};
// What is wrong with it, each with its pointer.
std::vector<base::Error> check_control_request(const ControlRequest& request);

// What a runner may do at this moment.
enum class Leave {
    begin,   // everything
    finish,  // begin no change of a device; go on with those begun, read what is unclear
    read,    // send nothing that changes anything
};

// How a runner's change is held, as last looked.
struct Held {
    Control control = Control::running;
    bool may_begin = true;  // running, and nothing else stands against it
    std::string words;      // "Paused by alice: wrong plan"
    std::chrono::milliseconds since{0};
    std::optional<int> max_concurrency;  // calls in flight over all workers
};
Leave leave_of(Control control, bool may_begin, std::chrono::milliseconds since);
std::string held_words(Control control, std::string_view by, std::string_view reason);

// The verdict on a device whose next call was not made because the change is held. `outcome` is
// what the exchange says after it was told so; `done` is what it remembers of steps that were done.
Verdict judge_withdrawn(const carriers::Outcome& outcome, const AttemptEnd& end, const Held& held,
                        const std::string& done, const RetrySettings& settings);

// --- what people may ask

enum class ControlAction { pause, resume, cancel };

struct ControlFacts {
    std::string status;  // of the change
    Control control = Control::running;
    std::optional<ControlCause> cause;
    bool has_finished = false;
    bool has_scheduled_plans = false;  // customer rate plans that are not applied yet
};
// True: do it. False: it is so already. An error: `conflict`, with the reason.
base::Result<bool> may_act(ControlAction action, const ControlFacts& facts);

// --- the consent of a second person

enum class Approval { not_required, required, approved };
std::optional<Approval> parse_approval(std::string_view text);

struct ApprovalFacts {
    std::string status;
    bool has_finished = false;
    Approval approval = Approval::not_required;
    std::string plan_hash;             // of what the change would do; empty: it has none
    std::string approved_hash;         // if it is approved
    std::vector<std::string> authors;  // who submitted it, who applied its plan
    bool date_has_passed = false;      // long enough to be another day
};
// As may_act; `forbidden` for the authors. `plan_hash` is what the person has seen.
base::Result<bool> may_approve(const ApprovalFacts& facts, std::string_view by,
                               std::string_view plan_hash);

}  // namespace carryall::changes
