// The engine's inner loop. One thread, one HTTP client; every started call comes back exactly once.
#include "changes/page_run.hpp"

#include <deque>
#include <random>

#include "base/log.hpp"

namespace carryall::changes {
namespace {

using carriers::Call;
using carriers::Outcome;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxLoggedText = 4'096;
constexpr milliseconds kTick{
    200};  // how often stop requests, heartbeat and the lease are looked at
// A page whose next call must wait longer is left, so that the runner can work for others.
constexpr milliseconds kLongestWaitToBegin = kLongestQueue;
// A conversation under way is broken off only for a long pause: that costs it a try.
constexpr milliseconds kLongestWaitToGoOn{60'000};
constexpr int kMaxCalls = 200;  // of one conversation

// One device on its way through the exchange.
struct Conversation {
    const ClaimedDevice* device = nullptr;
    DevicePlan* plan = nullptr;
    std::optional<Call> call;  // to be sent, or in flight
    bool in_flight = false;
    bool started = false;
    int step = 0;
    base::Instant call_started;
    std::optional<steady_clock::time_point> last_change_sent;  // a state-changing call left us
};

// Redacted before it is cut: half a secret is a secret too.
std::string loggable(std::string_view text) {
    std::string clean = base::log::redact(text.substr(0, 2 * kMaxLoggedText));
    if (clean.size() > kMaxLoggedText) {
        std::size_t end = kMaxLoggedText;
        while (end > 0 && (static_cast<unsigned char>(clean[end]) & 0xC0) == 0x80) --end;
        clean.resize(end);
        clean += "… (cut)";
    }
    return clean;
}

std::string describe(const http::ClientResponse& response) {
    if (response.transport != http::Transport::ok) {
        return std::string(to_string(response.transport)) + ": " + response.reason;
    }
    std::string text = "HTTP " + std::to_string(response.status);
    if (!response.body.empty()) text += "\n" + loggable(response.body);
    return text;
}

DeviceResult result_for(const ClaimedDevice& device) {
    DeviceResult result;
    result.id = device.id;
    result.device_id = device.device_id;
    result.before = device.state;
    return result;
}

class PageRun {
  public:
    PageRun(const ClaimedPage& page, std::vector<DevicePlan> plans,
            const carriers::Account& account, const std::string& correlation_id,
            const PageRunSettings& settings, http::Client& client, Pace& pace,
            const EffectOf& effect_of, const PageRunHooks& hooks)
        : plans_(std::move(plans)),
          account_(account),
          correlation_id_(correlation_id),
          settings_(settings),
          client_(client),
          pace_(pace),
          effect_of_(effect_of),
          hooks_(hooks),
          page_(page),
          lease_(settings.lease),
          headers_(account.header_list(correlation_id)),
          random_(std::random_device{}()) {
        CHECK(plans_.size() == page.devices.size());
        conversations_.resize(page.devices.size());
        output_.results.reserve(page.devices.size());
        output_.log.reserve(page.devices.size());
        for (std::size_t i = 0; i < conversations_.size(); ++i) {
            conversations_[i].device = &page.devices[i];
            conversations_[i].plan = &plans_[i];
            waiting_.push_back(i);
        }
    }

    PageRunOutput run() {
        while (!waiting_.empty() || in_flight_ > 0) {
            const milliseconds wait = start_what_may_start();
            if (waiting_.empty() && in_flight_ == 0) break;
            take_answers(std::min(wait, kTick));
            if (const auto prolonged = hooks_.heartbeat()) lease_ = *prolonged;
            if (steady_clock::now() >= lease_.give_up) cut_off();
        }
        return std::move(output_);
    }

  private:
    bool may_start_devices() const {
        return !hooks_.should_stop() && !account_paused_ &&
               steady_clock::now() < lease_.stop_sending;
    }

    // Starts calls until something stands in the way; answers how long it will.
    milliseconds start_what_may_start() {
        while (!waiting_.empty()) {
            const std::size_t index = waiting_.front();
            Conversation& conversation = conversations_[index];
            if (conversation.step == 0 && !may_start_devices()) {
                waiting_.pop_front();
                leave_for_later(conversation);
                continue;
            }
            if (!conversation.started) {
                conversation.started = true;
                if (!begin(conversation)) {
                    waiting_.pop_front();
                    continue;
                }
            }
            if (steady_clock::now() >= lease_.stop_sending) {
                waiting_.pop_front();
                withdraw(conversation, "the worker's lease was about to end");
                continue;
            }
            if (in_flight_ >= std::max(1, settings_.max_in_flight)) return kTick;
            const milliseconds wait = pace_.next_call();
            if (conversation.step == 0 && wait > kLongestWaitToBegin) {
                leave_account_alone(wait);
                continue;
            }
            waiting_.pop_front();
            if (conversation.step > 0 && wait > kLongestWaitToGoOn) {
                withdraw(conversation, "the account is paused");
            } else if (wait.count() > 0) {
                waiting_.push_front(index);
                return wait;
            } else {
                send(index);
            }
        }
        return kTick;
    }

    // False: it ended without a call.
    bool begin(Conversation& conversation) {
        DevicePlan& plan = *conversation.plan;
        if (plan.refused) {
            // What was sent before is not undone by a configuration that is missing now.
            const bool is_unclear =
                conversation.device->lost || conversation.device->state != DeviceState::fresh;
            end_without_call(conversation, is_unclear
                                               ? Outcome(carriers::Unknown{plan.refused->reason})
                                               : Outcome(*plan.refused));
            return false;
        }
        if (!plan.exchange) {
            end_without_call(conversation, carriers::Applied{});
            return false;
        }
        return take_step(conversation, plan.exchange->begin());
    }

    bool take_step(Conversation& conversation, carriers::Step step) {
        if (auto* outcome = std::get_if<Outcome>(&step)) {
            if (conversation.step == 0) add_outcome_log(conversation, *outcome);
            finish(conversation, *outcome);
            return false;
        }
        conversation.call = std::move(std::get<Call>(step));
        return true;
    }

    // Between two calls of an exchange: the call at hand is not made, and the exchange is told, so
    // that what it remembers for the next attempt is true.
    void withdraw(Conversation& conversation, const char* reason) {
        http::ClientResponse unsent;
        unsent.transport = http::Transport::not_sent;
        unsent.reason = reason;
        conversation.call.reset();
        const carriers::Step step = conversation.plan->exchange->proceed(unsent);
        if (const auto* outcome = std::get_if<Outcome>(&step)) {
            finish(conversation, *outcome);
        } else if (conversation.last_change_sent) {
            finish(conversation, carriers::Unknown{unsent.reason});
        } else {
            finish(conversation, carriers::NotSent{unsent.reason, {}, false});
        }
    }

    void send(std::size_t index) {
        Conversation& conversation = conversations_[index];
        const Call& call = *conversation.call;
        http::ClientRequest request;
        request.method = call.method;
        request.url = account_.base_url + call.path;
        request.headers =
            call.headers.empty() ? headers_ : account_.header_list(correlation_id_, call.headers);
        request.body = call.body;
        const auto left =
            std::chrono::duration_cast<milliseconds>(lease_.give_up - steady_clock::now());
        request.timeout = std::max(milliseconds(1), std::min(call.timeout, left));
        request.tag = index;
        ++conversation.step;
        conversation.in_flight = true;
        conversation.call_started = base::system_clock().now();
        if (call.changes_state) conversation.last_change_sent = steady_clock::now();
        ++in_flight_;
        client_.start(std::move(request));
    }

    void take_answers(milliseconds at_most) {
        answers_.clear();
        client_.wait(at_most, answers_);
        for (const http::ClientResponse& answer : answers_) {
            Conversation& conversation = conversations_.at(answer.tag);
            conversation.in_flight = false;
            --in_flight_;
            const Call call = std::move(*conversation.call);
            conversation.call.reset();
            carriers::Step step = conversation.plan->exchange->proceed(answer);
            if (conversation.step >= kMaxCalls && std::holds_alternative<Call>(step)) {
                step = Outcome(carriers::Unknown{"the conversation did not come to an end"});
            }
            add_call_log(conversation, call, answer, step);
            if (take_step(conversation, std::move(step))) waiting_.push_front(answer.tag);
        }
    }

    // The lease is over: what is in flight is unknown. The client returns every call, cancelled, at
    // once.
    void cut_off() {
        client_.cancel_all();
        take_answers(kTick);
    }

    void leave_for_later(const Conversation& conversation) {
        if (conversation.device->lost) {
            output_.results.push_back(left_unknown(*conversation.device));
        }
    }

    void finish(Conversation& conversation, const Outcome& outcome) {
        const ClaimedDevice& device = *conversation.device;
        DeviceResult result = result_for(device);
        const carriers::Exchange* exchange = conversation.plan->exchange.get();
        base::json::value progress = exchange != nullptr ? exchange->progress() : nullptr;
        if (exchange == nullptr && !device.progress.empty()) {
            progress = base::parse_json(device.progress).value_or(nullptr);
        }
        AttemptEnd end;
        end.was_unknown = device.lost || device.state == DeviceState::unknown;
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
        result.verdict = judge(outcome, end, settings_.retry);
        if (const auto* applied = std::get_if<carriers::Applied>(&outcome)) {
            result.effect = effect_of_(*conversation.plan, *applied);
        } else if (const auto* pending = std::get_if<carriers::Pending>(&outcome)) {
            if (progress.is_null()) progress = {{"reference", pending->reference}};
        } else if (const auto* not_sent = std::get_if<carriers::NotSent>(&outcome)) {
            if (not_sent->whole_account) pause_account(*not_sent);
        }
        if (!std::holds_alternative<carriers::Applied>(outcome) && !progress.is_null()) {
            result.progress = serialize(progress);
        }
        if (result.verdict.state == DeviceState::unknown ||
            result.verdict.state == DeviceState::parked) {
            result.unclear_since = device.unclear_since ? device.unclear_since : page_.claimed_at;
            result.sent_ago = sent_ago;
        }
        output_.results.push_back(std::move(result));
    }

    std::optional<milliseconds> since_last_send(const Conversation& conversation) const {
        if (conversation.last_change_sent) {
            return std::chrono::duration_cast<milliseconds>(steady_clock::now() -
                                                            *conversation.last_change_sent);
        }
        return conversation.device->sent_ago;
    }

    void pause_account(const carriers::NotSent& outcome) {
        constexpr std::chrono::seconds kDefaultPause{5};
        const auto pause = outcome.retry_after.value_or(kDefaultPause);
        leave_account_alone(pause);
        pace_.pause(pause);
    }

    // No further device is begun.
    void leave_account_alone(milliseconds pause) {
        account_paused_ = true;
        output_.resume_in = std::max(output_.resume_in, pause);
    }

    void add_call_log(const Conversation& conversation, const Call& call,
                      const http::ClientResponse& answer, const carriers::Step& step) {
        LogEntry entry = base_entry(conversation, call.operation);
        entry.action = std::string(to_string(call.method)) + ' ' + call.path;
        entry.request = entry.action;
        if (!call.body.empty()) entry.request += "\n" + loggable(call.body);
        entry.response = describe(answer);
        entry.started_at = conversation.call_started;
        if (const auto* outcome = std::get_if<Outcome>(&step)) mark(entry, *outcome);
        output_.log.push_back(std::move(entry));
    }

    void add_outcome_log(const Conversation& conversation, const Outcome& outcome) {
        LogEntry entry = base_entry(conversation, "Check");
        mark(entry, outcome);
        output_.log.push_back(std::move(entry));
    }

    void end_without_call(Conversation& conversation, const Outcome& outcome) {
        LogEntry entry = base_entry(conversation, conversation.plan->exchange ? "Check" : "");
        entry.request = conversation.plan->effect;
        mark(entry, outcome);
        output_.log.push_back(std::move(entry));
        ++conversation.step;
        finish(conversation, outcome);
    }

    LogEntry base_entry(const Conversation& conversation, const std::string& operation) const {
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

    static void mark(LogEntry& entry, const Outcome& outcome) {
        if (const auto* refused = std::get_if<carriers::Refused>(&outcome)) {
            entry.status = "ERROR";
            entry.error = refused->reason;
        } else if (const auto* not_sent = std::get_if<carriers::NotSent>(&outcome)) {
            entry.status = "PENDING";
            entry.error = not_sent->reason;
        } else if (const auto* unknown = std::get_if<carriers::Unknown>(&outcome)) {
            entry.status = "PENDING";
            entry.error = unknown->reason;
        } else if (std::holds_alternative<carriers::Pending>(outcome)) {
            entry.status = "PENDING";
        }
    }

    std::vector<DevicePlan> plans_;
    const carriers::Account& account_;
    const std::string& correlation_id_;
    const PageRunSettings& settings_;
    http::Client& client_;
    Pace& pace_;
    const EffectOf& effect_of_;
    const PageRunHooks& hooks_;
    const ClaimedPage& page_;
    LeaseTimes lease_;
    http::HeaderList headers_;
    std::mt19937 random_;
    std::vector<Conversation> conversations_;
    std::deque<std::size_t> waiting_;  // to be started, or with a next call; the latter in front
    std::vector<http::ClientResponse> answers_;
    int in_flight_ = 0;
    bool account_paused_ = false;
    PageRunOutput output_;
};

}  // namespace

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

PageRunOutput run_page(const ClaimedPage& page, std::vector<DevicePlan> plans,
                       const carriers::Account& account, const std::string& correlation_id,
                       const PageRunSettings& settings, http::Client& client, Pace& pace,
                       const EffectOf& effect_of, const PageRunHooks& hooks) {
    return PageRun(page, std::move(plans), account, correlation_id, settings, client, pace,
                   effect_of, hooks)
        .run();
}

}  // namespace carryall::changes
