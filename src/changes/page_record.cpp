// How an outcome becomes a result and lines of the log.
#include "changes/page_record.hpp"

#include "changes/run_log.hpp"

namespace carryall::changes {
namespace {

using carriers::Call;
using carriers::Outcome;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

DeviceResult result_for(const ClaimedDevice& device) {
    DeviceResult result;
    result.id = device.id;
    result.device_id = device.device_id;
    result.before = device.state;
    return result;
}

}  // namespace

PageRecord::PageRecord(const ClaimedPage& page, const PageRunSettings& settings,
                       const EffectOf& effect_of)
    : page_(page), settings_(settings), effect_of_(effect_of), random_(std::random_device{}()) {
    results_.reserve(page.devices.size());
    log_.reserve(page.devices.size());
}

// A success that is to be seen first is an unknown outcome: the next attempt reads it back.
Outcome PageRecord::believed(const Conversation& conversation, const Outcome& told) const {
    const ClaimedDevice& device = *conversation.device;
    const bool was_read = device.lost || device.state == DeviceState::unknown;
    const bool is_to_be_seen = settings_.believes_readings_only && !was_read &&
                               conversation.plan->exchange != nullptr &&
                               std::holds_alternative<carriers::Applied>(told);
    if (!is_to_be_seen) return told;
    return carriers::Unknown{"Done, as it was answered; to be read back"};
}

void PageRecord::end(Conversation& conversation, const Outcome& outcome, const Held* held) {
    add_remark(conversation, outcome);
    const ClaimedDevice& device = *conversation.device;
    DeviceResult result = result_for(device);
    const carriers::Exchange* exchange = conversation.plan->exchange.get();
    base::json::value progress = exchange != nullptr ? exchange->progress() : nullptr;
    if (exchange == nullptr && !device.progress.empty()) {
        progress = base::parse_json(device.progress).value_or(nullptr);
    }
    AttemptEnd end;
    end.was_unknown = device.lost || device.state == DeviceState::unknown;
    end.was_waiting = device.state == DeviceState::waiting;
    end.did_earlier_steps = !progress.is_null();
    end.retry_number = device.retry_number;
    end.read_back_count = device.read_back_count;
    auto sent_ago = since_last_send(conversation);
    // Unknown, and nobody knows since when: from now on.
    if (!sent_ago && std::holds_alternative<carriers::Unknown>(outcome)) sent_ago.emplace(0);
    if (sent_ago) {
        end.settles_in =
            std::chrono::duration_cast<milliseconds>(settings_.settling_time) - *sent_ago;
    }
    end.jitter = std::uniform_real_distribution<double>(0.0, 1.0)(random_);
    result.verdict = held == nullptr ? judge(outcome, end, settings_.retry)
                                     : judge_withdrawn(outcome, end, *held, serialize(progress),
                                                       settings_.retry);
    if (held != nullptr) add_held_log(conversation, result.verdict);
    const DeviceState state = result.verdict.state;
    if (state == DeviceState::error || state == DeviceState::parked) ++failures_;
    const bool was_taken = !std::holds_alternative<carriers::Refused>(outcome) &&
                           !std::holds_alternative<carriers::NotSent>(outcome);
    if (conversation.last_change_sent && was_taken) {
        result.line_action = conversation.plan->line_action;
    }
    if (const auto* applied = std::get_if<carriers::Applied>(&outcome)) {
        result.effect = effect_of_(*conversation.plan, *applied);
    } else if (const auto* pending = std::get_if<carriers::Pending>(&outcome)) {
        result.reference = pending->reference;
        result.sent_ago = sent_ago;
    }
    const auto* done = std::get_if<carriers::Applied>(&outcome);
    if ((done == nullptr || done->keeps_progress) && !progress.is_null()) {
        result.progress = serialize(progress);
    }
    if (done == nullptr && exchange != nullptr) {
        carriers::Applied so_far{exchange->achieved()};
        if (!so_far.details.empty()) result.effect = effect_of_(*conversation.plan, so_far);
    }
    if (state == DeviceState::unknown || state == DeviceState::parked) {
        result.unclear_since = device.unclear_since ? device.unclear_since : page_.claimed_at;
        result.sent_ago = sent_ago;
    }
    results_.push_back(std::move(result));
}

std::optional<milliseconds> PageRecord::since_last_send(const Conversation& conversation) const {
    if (conversation.last_change_sent) {
        return std::chrono::duration_cast<milliseconds>(steady_clock::now() -
                                                        *conversation.last_change_sent);
    }
    return conversation.device->sent_ago;
}

void PageRecord::add_call_log(const Conversation& conversation, const Call& call,
                              std::size_t devices, const http::ClientResponse& answer,
                              const Outcome* outcome) {
    LogEntry entry = base_entry(conversation, call.operation);
    if (!call.description.empty()) entry.description = call.description;
    describe_call(entry, call, devices, answer);
    entry.started_at = conversation.call_started;
    if (outcome != nullptr) mark_outcome(entry, *outcome);
    log_.push_back(std::move(entry));
}

void PageRecord::add_remark(Conversation& conversation, const Outcome& outcome) {
    const auto* applied = std::get_if<carriers::Applied>(&outcome);
    if (applied == nullptr || !applied->remark) return;
    ++conversation.step;
    LogEntry entry = base_entry(conversation, "");
    entry.description = applied->remark->description;
    entry.request = applied->remark->request;
    entry.response = applied->remark->response;
    log_.push_back(std::move(entry));
}

void PageRecord::add_outcome_log(const Conversation& conversation, const Outcome& outcome) {
    const std::string& notices = conversation.device->notices;
    LogEntry entry = base_entry(conversation, notices.empty() ? "Check" : "Callback");
    if (!notices.empty()) describe_notices(entry, notices);
    mark_outcome(entry, outcome);
    log_.push_back(std::move(entry));
}

void PageRecord::add_held_log(Conversation& conversation, const Verdict& verdict) {
    if (verdict.state != DeviceState::cancelled && verdict.state != DeviceState::parked) return;
    ++conversation.step;
    LogEntry entry = base_entry(conversation, "Cancel");
    entry.action = "Cancel";
    entry.status = verdict.state == DeviceState::cancelled ? "ERROR" : "PENDING";
    entry.error = verdict.reason;
    log_.push_back(std::move(entry));
}

void PageRecord::add_decision_log(Conversation& conversation, const Outcome& outcome) {
    LogEntry entry = base_entry(conversation, conversation.plan->exchange ? "Check" : "");
    entry.request = conversation.plan->effect;
    mark_outcome(entry, outcome);
    log_.push_back(std::move(entry));
    ++conversation.step;
}

LogEntry PageRecord::base_entry(const Conversation& conversation,
                                const std::string& operation) const {
    LogEntry entry;
    entry.device_change = conversation.device->id;
    entry.step = std::max(1, conversation.step);
    entry.description = settings_.description + ": " + settings_.integration_name;
    if (!operation.empty()) entry.description += ' ' + operation;
    entry.status = "PROCESSED";
    entry.retry_number = conversation.device->retry_number;
    entry.started_at = entry.processed_at = base::system_clock().now();
    return entry;
}

void PageRecord::leave_for_later(const ClaimedDevice& device) {
    if (device.lost) results_.push_back(left_unknown(device));
}

DeviceResult left_unknown(const ClaimedDevice& device) {
    DeviceResult result = result_for(device);
    result.verdict.state = DeviceState::unknown;
    result.verdict.reason = "the worker that was sending this device did not finish";
    result.verdict.due_in = milliseconds(0);
    result.verdict.retry_number = device.retry_number;
    result.verdict.read_back_count = device.read_back_count;
    result.progress = device.progress;
    result.unclear_since = device.unclear_since;
    result.sent_ago = device.sent_ago;
    return result;
}

}  // namespace carryall::changes
