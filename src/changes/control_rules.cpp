// The decisions about held changes, without I/O.
#include "changes/control_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.hpp"

namespace carryall::changes {
namespace {

using base::Result;

constexpr std::array<std::pair<Control, std::string_view>, 4> kControls = {{
    {Control::running, "running"},
    {Control::paused, "paused"},
    {Control::cancelling, "cancelling"},
    {Control::cancelled, "cancelled"},
}};
constexpr std::array<std::pair<ControlCause, std::string_view>, 3> kCauses = {{
    {ControlCause::person, "person"},
    {ControlCause::threshold, "threshold"},
    {ControlCause::wave, "wave"},
}};

constexpr std::array<std::pair<Approval, std::string_view>, 3> kApprovals = {{
    {Approval::not_required, "not_required"},
    {Approval::required, "required"},
    {Approval::approved, "approved"},
}};

template <class Table, class Value>
std::string_view name_in(const Table& table, Value wanted) {
    for (const auto& [value, name] : table) {
        if (value == wanted) return name;
    }
    CHECK(false && "a value without a name");
    return {};
}

template <class Value, std::size_t N>
std::optional<Value> value_in(const std::array<std::pair<Value, std::string_view>, N>& table,
                              std::string_view text) {
    for (const auto& [value, name] : table) {
        if (name == text) return value;
    }
    return std::nullopt;
}

base::Error conflict(std::string message) {
    return {base::ErrorKind::conflict, std::move(message), {}};
}

void check_threshold(const FailureThreshold& threshold, std::vector<base::Error>& errors) {
    const auto wrong = [&](const char* pointer, const char* message) {
        errors.push_back(base::invalid_input(message, pointer));
    };
    if (!threshold.count && !threshold.percent) {
        wrong("/failureThreshold", "needs a count, or a percent with afterDevices");
    }
    if (threshold.count && (*threshold.count < 1 || *threshold.count > kMaxDevicesPerChange)) {
        wrong("/failureThreshold/count", "must be between 1 and 1,000,000");
    }
    if (threshold.percent && (*threshold.percent < 1 || *threshold.percent > 100)) {
        wrong("/failureThreshold/percent", "must be between 1 and 100");
    }
    if (!threshold.percent && threshold.after_devices != 0) {
        wrong("/failureThreshold/afterDevices", "belongs to percent, which is not given");
    }
    if (threshold.percent &&
        (threshold.after_devices < 1 || threshold.after_devices > kMaxDevicesPerChange)) {
        wrong("/failureThreshold/afterDevices",
              "is needed beside percent: the percentage counts once so many devices have ended, 1 "
              "to 1,000,000");
    }
}

}  // namespace

std::string_view to_string(Control control) {
    return name_in(kControls, control);
}

std::optional<Control> parse_control(std::string_view text) {
    return value_in(kControls, text);
}

std::string_view to_string(ControlCause cause) {
    return name_in(kCauses, cause);
}

std::optional<ControlCause> parse_control_cause(std::string_view text) {
    return value_in(kCauses, text);
}

std::vector<base::Error> check_control_request(const ControlRequest& request) {
    std::vector<base::Error> errors;
    if (request.threshold) check_threshold(*request.threshold, errors);
    const std::vector<int>& waves = request.waves;
    bool rises = waves.empty() || (waves.front() >= 1 && waves.back() == 100);
    for (std::size_t i = 1; i < waves.size(); ++i) rises = rises && waves[i - 1] < waves[i];
    if (!rises || waves.size() > kMaxWaves) {
        errors.push_back(base::invalid_input(
            "must be at most 10 percents, each larger than the one before, the last 100",
            "/waves"));
    }
    if (request.waves_by_hand && waves.empty()) {
        errors.push_back(base::invalid_input("belongs to waves; none are given", "/waveApproval"));
    }
    if (request.max_concurrency &&
        (*request.max_concurrency < 1 || *request.max_concurrency > kMaxChangeConcurrency)) {
        errors.push_back(base::invalid_input("must be between 1 and 1,000", "/maxConcurrency"));
    }
    return errors;
}

Leave leave_of(Control control, bool may_begin, std::chrono::milliseconds since) {
    if (control == Control::running && may_begin) return Leave::begin;
    const bool is_over = control == Control::cancelling || control == Control::cancelled;
    return is_over && since >= kCancelGrace ? Leave::read : Leave::finish;
}

std::string held_words(Control control, std::string_view by, std::string_view reason) {
    if (control == Control::running) return "The bulk change is held";
    std::string words = control == Control::paused ? "Paused by " : "Cancelled by ";
    words += by;
    if (!reason.empty()) words.append(": ").append(reason);
    return words;
}

Verdict judge_withdrawn(const carriers::Outcome& outcome, const AttemptEnd& end, const Held& held,
                        const std::string& done, const RetrySettings& settings) {
    if (!std::holds_alternative<carriers::NotSent>(outcome)) {
        carriers::Outcome judged = outcome;
        // Nobody could look further: that uses up no rung.
        if (auto* unknown = std::get_if<carriers::Unknown>(&judged)) unknown->whole_account = true;
        return judge(judged, end, settings);
    }
    Verdict verdict;
    verdict.retry_number = end.retry_number;
    if (held.control == Control::cancelling || held.control == Control::cancelled) {
        verdict.read_back_count = end.read_back_count;
        verdict.state = end.did_earlier_steps ? DeviceState::parked : DeviceState::cancelled;
        verdict.reason = held.words;
        if (end.did_earlier_steps) {
            verdict.reason += "; what was done before stays done at the carrier: " + done;
        }
        return verdict;
    }
    if (end.was_waiting) {
        return judge(carriers::NotSent{held.words, std::nullopt, true}, end, settings);
    }
    // The exchange was about to send: it knows that nothing of it has been done yet, also if it was
    // unknown before.
    verdict.state = DeviceState::fresh;
    verdict.due_in = std::chrono::milliseconds(0);
    return verdict;
}

Result<bool> may_act(ControlAction action, const ControlFacts& facts) {
    const bool is_over =
        facts.control == Control::cancelling || facts.control == Control::cancelled;
    if (action == ControlAction::cancel) {
        if (is_over) return false;
        if (!facts.has_finished || facts.has_scheduled_plans) return true;
        return conflict("the bulk change has ended as " + facts.status +
                        "; there is nothing left to cancel");
    }
    if (facts.has_finished) return conflict("the bulk change has ended as " + facts.status);
    if (is_over) return conflict("the bulk change is being cancelled");
    if (facts.status == "NEW" || facts.status == "PLANNED") {
        return conflict("the bulk change has not been started");
    }
    return (action == ControlAction::pause) == (facts.control == Control::running);
}

std::optional<Approval> parse_approval(std::string_view text) {
    return value_in(kApprovals, text);
}

Result<bool> may_approve(const ApprovalFacts& facts, std::string_view by,
                         std::string_view plan_hash) {
    if (std::find(facts.authors.begin(), facts.authors.end(), by) != facts.authors.end()) {
        return base::Error{base::ErrorKind::forbidden,
                           "the bulk change is yours; another person must approve it",
                           {}};
    }
    if (facts.status == "PLANNED") return conflict("the plan has not been applied");
    if (facts.approval == Approval::not_required) {
        return conflict("the bulk change needs no approval");
    }
    const bool is_approved = facts.approval == Approval::approved;
    if (facts.has_finished && !is_approved) {
        return conflict("the bulk change has ended as " + facts.status);
    }
    if (facts.plan_hash.empty() || plan_hash != facts.plan_hash) {
        return conflict("the plan is another one by now; look at it again");
    }
    if (is_approved && facts.approved_hash == plan_hash) return false;
    if (facts.date_has_passed) {
        return conflict("the date of the bulk change has passed; cancel it and submit it again");
    }
    return true;
}

}  // namespace carryall::changes
