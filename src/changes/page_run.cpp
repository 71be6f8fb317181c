// The engine's inner loop. One thread, one HTTP client; every started call comes back exactly once.
#include "changes/page_run.hpp"

#include <deque>

#include "changes/page_record.hpp"

namespace carryall::changes {
namespace {

using carriers::Call;
using carriers::Outcome;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTick{
    200};  // how often stop requests, heartbeat and the lease are looked at
// A page whose next call must wait longer is left, so that the runner can work for others.
constexpr milliseconds kLongestWaitToBegin = accounts::kLongestQueue;
// A conversation under way is broken off only for a long pause: that costs it a try.
constexpr milliseconds kLongestWaitToGoOn{60'000};
constexpr int kMaxCalls = 200;  // of one conversation
constexpr int kMaxRefusalsInARow = 3;

class PageRun {
  public:
    PageRun(const ClaimedPage& page, std::vector<DevicePlan> plans,
            const carriers::Account& account, const std::string& correlation_id,
            const PageRunSettings& settings, http::Client& client, Pace& pace,
            const EffectOf& effect_of, const PageRunHooks& hooks)
        : plans_(std::move(plans)),
          account_(account),
          session_(hooks.session),
          correlation_id_(correlation_id),
          settings_(settings),
          client_(client),
          pace_(pace),
          hooks_(hooks),
          page_(page),
          lease_(settings.lease),
          headers_(account.header_list(correlation_id)),
          record_(page, settings, effect_of) {
        CHECK(plans_.size() == page.devices.size());
        conversations_.resize(page.devices.size());
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
            beat();
            if (hooks_.progress) hooks_.progress(waiting_.size(), in_flight_);
            if (steady_clock::now() >= lease_.give_up) cut_off();
        }
        return record_.take(resume_in_);
    }

  private:
    void beat() {
        if (const auto prolonged = hooks_.heartbeat()) lease_ = *prolonged;
    }

    Leave leave() const { return hooks_.leave ? hooks_.leave() : Leave::begin; }

    // What is unclear may be read also while the change is held.
    bool may_start(const Conversation& conversation) const {
        const bool has_failed = page_.failures_left && record_.failures() >= *page_.failures_left;
        return !hooks_.should_stop() && !account_paused_ && !has_failed &&
               steady_clock::now() < lease_.stop_sending &&
               (leave() == Leave::begin || is_unclear(*conversation.device));
    }

    // The change is held, and this call would go beyond what is allowed then.
    bool is_held(const Conversation& conversation) const {
        if (!hooks_.leave || !conversation.call->changes_state) return false;
        const Leave leave = hooks_.leave();
        return leave == Leave::read || (leave == Leave::finish && !conversation.last_change_sent);
    }

    // Starts calls until something stands in the way; answers how long it will.
    milliseconds start_what_may_start() {
        while (!waiting_.empty()) {
            const std::size_t index = waiting_.front();
            Conversation& conversation = conversations_[index];
            if (conversation.step == 0 && !may_start(conversation)) {
                waiting_.pop_front();
                record_.leave_for_later(*conversation.device);
                continue;
            }
            if (!conversation.started && !begin(conversation)) {
                waiting_.pop_front();
                continue;
            }
            // Bought for the first call only: what the carrier has told already needs none.
            if (session_ != nullptr && session_number_ == 0 && !account_refusal_) {
                take_session(session_->headers());
                beat();  // it may have taken its time
                continue;
            }
            if (is_held(conversation)) {
                waiting_.pop_front();
                withdraw_held(conversation);
                continue;
            }
            if (account_refusal_) {
                waiting_.pop_front();
                end_refused(conversation);
                continue;
            }
            if (steady_clock::now() >= lease_.stop_sending) {
                waiting_.pop_front();
                withdraw(conversation, "the worker's lease was about to end");
                continue;
            }
            if (in_flight_ >= std::max(1, settings_.max_in_flight)) return kTick;
            if (in_flight_ > 0 && in_flight_ >= pace_.most_in_flight()) return kTick;
            pace_.expect(waiting_.size());
            const milliseconds wait = pace_.next_call();
            if (conversation.step == 0 && wait > kLongestWaitToBegin) {
                leave_account_alone(wait);
                continue;
            }
            waiting_.pop_front();
            if (conversation.step > 0 && wait > kLongestWaitToGoOn) {
                withdraw(conversation, "the account is paused", true);
            } else if (conversation.step > 0 && pace_.is_down()) {
                withdraw(conversation, "the carrier does not answer", true);
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
        conversation.started = true;
        DevicePlan& plan = *conversation.plan;
        if (plan.refused) {
            const ClaimedDevice& device = *conversation.device;
            Outcome outcome = *plan.refused;
            if (device.state == DeviceState::waiting) {
                outcome = carriers::NotSent{plan.refused->reason, {}, false};
            } else if (is_unclear(device)) {
                outcome = carriers::Unknown{plan.refused->reason};
            }
            end_without_call(conversation, outcome);
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
            if (conversation.step == 0) record_.add_outcome_log(conversation, *outcome);
            finish(conversation, *outcome);
            return false;
        }
        conversation.call = std::move(std::get<Call>(step));
        return true;
    }

    // Between two calls of an exchange: the call at hand is not made, and the exchange is told, so
    // that what it remembers for the next attempt is true.
    // `whole_account`: it is the account's fault, so it costs the device nothing.
    void withdraw(Conversation& conversation, const std::string& reason,
                  bool whole_account = false) {
        Outcome outcome = take_back(conversation, reason);
        if (auto* not_sent = std::get_if<carriers::NotSent>(&outcome)) {
            not_sent->whole_account = not_sent->whole_account || whole_account;
        } else if (auto* unknown = std::get_if<carriers::Unknown>(&outcome)) {
            unknown->whole_account = unknown->whole_account || whole_account;
        }
        finish(conversation, outcome, false);
    }

    Outcome take_back(Conversation& conversation, const std::string& reason) {
        http::ClientResponse unsent;
        unsent.transport = http::Transport::not_sent;
        unsent.reason = reason;
        conversation.call.reset();
        carriers::Step step = conversation.plan->exchange->proceed(unsent);
        if (auto* ended = std::get_if<Outcome>(&step)) return std::move(*ended);
        if (conversation.last_change_sent) return carriers::Unknown{reason};
        return carriers::NotSent{reason, {}, false};
    }

    void withdraw_held(Conversation& conversation) {
        const Held held = hooks_.held();
        finish(conversation, take_back(conversation, held.words), false, &held);
    }

    void send(std::size_t index) {
        Conversation& conversation = conversations_[index];
        const Call& call = *conversation.call;
        http::ClientRequest request;
        request.method = call.method;
        request.url = account_.base_url + call.path;
        request.headers = headers_for(call);
        request.answer_headers = call.answer_headers;
        request.body = call.body;
        if (call.shared) {
            gather_sharers(conversation);
            request.body += shared_items(conversation);
            request.body += call.shared->after;
        }
        const auto left =
            std::chrono::duration_cast<milliseconds>(lease_.give_up - steady_clock::now());
        request.timeout = std::max(milliseconds(1), std::min(call.timeout, left));
        request.tag = index;
        note_sent(conversation);
        for (const std::size_t sharer : conversation.sharers) note_sent(conversations_[sharer]);
        ++in_flight_;
        client_.start(std::move(request));
    }

    // What stands between Call::body and `after`.
    std::string shared_items(const Conversation& leader) const {
        const carriers::Shared& shared = *leader.call->shared;
        if (shared.is_counted) return std::to_string(leader.sharers.size() + 1);
        std::string items = shared.item;
        for (const std::size_t sharer : leader.sharers) {
            const std::string& item = conversations_[sharer].call->shared->item;
            if (!item.empty()) items.append(1, ',').append(item);
        }
        return items;
    }

    const http::HeaderList& headers_for(const Call& call) {
        if (call.headers.empty()) return headers_;
        carriers::HeaderFields more = session_headers_;
        more.insert(more.end(), call.headers.begin(), call.headers.end());
        own_headers_ = account_.header_list(correlation_id_, more);
        return own_headers_;
    }

    void note_sent(Conversation& conversation) {
        ++conversation.step;
        conversation.session = session_number_;
        conversation.call_started = base::system_clock().now();
        conversation.changed_before = conversation.last_change_sent;
        if (conversation.call->changes_state) {
            conversation.last_change_sent = steady_clock::now();
        }
    }

    // Takes out of the waiting every device whose call differs from this one's in its item only.
    void gather_sharers(Conversation& leader) {
        auto most = static_cast<std::size_t>(std::max(1, account_.devices_per_request));
        most = std::min(most, std::max<std::size_t>(1, leader.call->shared->most.value_or(most)));
        --most;  // beside the leader
        std::deque<std::size_t> rest;
        while (!waiting_.empty()) {
            const std::size_t index = waiting_.front();
            waiting_.pop_front();
            Conversation& other = conversations_[index];
            const bool may_join =
                leader.sharers.size() < most && (other.step > 0 || may_start(other));
            if (!may_join) {
                rest.push_back(index);
            } else if (other.started || begin(other)) {
                const bool joins = shares_request(*leader.call, *other.call) && !is_held(other);
                joins ? leader.sharers.push_back(index) : rest.push_back(index);
            }
        }
        waiting_ = std::move(rest);
    }

    static bool shares_request(const Call& one, const Call& other) {
        return other.shared && one.method == other.method && one.path == other.path &&
               one.body == other.body && one.shared->after == other.shared->after &&
               one.shared->most == other.shared->most &&
               one.shared->item.empty() == other.shared->item.empty() &&
               one.shared->is_counted == other.shared->is_counted && one.headers == other.headers;
    }

    void take_answers(milliseconds at_most) {
        answers_.clear();
        client_.wait(at_most, answers_);
        for (const http::ClientResponse& answer : answers_) {
            pace_.answered(answer);
            Conversation& leader = conversations_.at(answer.tag);
            --in_flight_;
            const std::string ended =
                session_ == nullptr ? std::string() : session_->ended_part(answer);
            const std::vector<std::size_t> sharers = std::exchange(leader.sharers, {});
            Part part{sharers.size() + 1, 0};
            for (const std::size_t index : sharers) {
                ++part.place;
                take_answer(index, answer, part, ended);
            }
            take_answer(answer.tag, answer, {part.devices, 0}, ended);
        }
    }

    // A device's part in a request.
    struct Part {
        std::size_t devices = 1;
        std::size_t place = 0;
    };

    void take_answer(std::size_t index, const http::ClientResponse& answer, const Part& part,
                     const std::string& ended) {
        Conversation& conversation = conversations_[index];
        if (!ended.empty() && call_again(index, answer, part.devices, ended)) return;
        conversation.was_renewed = false;
        const Call call = std::move(*conversation.call);
        conversation.call.reset();
        if (call.shared) conversation.plan->exchange->shared_by(part.devices, part.place);
        carriers::Step step = conversation.plan->exchange->proceed(answer);
        if (conversation.step >= kMaxCalls && std::holds_alternative<Call>(step)) {
            step = Outcome(carriers::Unknown{"the conversation did not come to an end"});
        }
        record_.add_call_log(conversation, call, part.devices, answer, std::get_if<Outcome>(&step));
        if (take_step(conversation, std::move(step))) waiting_.push_front(index);
    }

    // The session had ended, so the call was not carried out: it is made once more in a new one.
    // False: a new session did not help; the exchange may judge the answer.
    bool call_again(std::size_t index, const http::ClientResponse& answer, std::size_t devices,
                    const std::string& ended) {
        Conversation& conversation = conversations_[index];
        if (conversation.was_renewed) return false;
        conversation.was_renewed = true;
        conversation.last_change_sent = conversation.changed_before;
        const Outcome again = carriers::NotSent{"the session had ended", {}, false};
        record_.add_call_log(conversation, *conversation.call, devices, answer, &again);
        if (conversation.session == session_number_ && !account_refusal_ && !account_paused_) {
            take_session(session_->renew(ended));
        }
        if (account_refusal_) {
            end_refused(conversation);
        } else if (account_paused_) {
            withdraw(conversation, "there is no session");
        } else {
            waiting_.push_front(index);
        }
        return true;
    }

    // The account is refused as a whole, so the call at hand is not made.
    void end_refused(Conversation& conversation) {
        if (conversation.last_change_sent || is_unclear(*conversation.device)) {
            withdraw(conversation, account_refusal_->reason);
            return;
        }
        conversation.call.reset();
        if (conversation.step == 0) {
            end_without_call(conversation, *account_refusal_);
        } else {
            finish(conversation, *account_refusal_);
        }
    }

    void take_session(const accounts::SessionHeaders& answer) {
        if (const auto* none = std::get_if<accounts::NoSession>(&answer)) {
            if (none->wrong_credentials) {
                account_refusal_ = carriers::Refused{carriers::FailureClass::system, none->reason};
            } else {
                leave_account_alone(none->retry_after);
            }
            return;
        }
        ++session_number_;
        session_headers_ = std::get<carriers::HeaderFields>(answer);
        headers_ = account_.header_list(correlation_id_, session_headers_);
    }

    // What was sent before is not undone by what is missing now.
    static bool is_unclear(const ClaimedDevice& device) {
        return device.lost || device.state != DeviceState::fresh;
    }

    // The lease is over: what is in flight is unknown. The client returns every call, cancelled, at
    // once.
    void cut_off() {
        client_.cancel_all();
        take_answers(kTick);
    }

    // An account that is refused line after line (credentials, permission) is not tried for all the
    // others of the page as well: some carriers lock a user for less.
    void watch_refusals(const Conversation& conversation, const Outcome& outcome) {
        if (conversation.step == 0 || conversation.plan->refused || account_refusal_) return;
        const auto* refused = std::get_if<carriers::Refused>(&outcome);
        if (refused == nullptr || refused->failure != carriers::FailureClass::system) {
            refusals_in_a_row_ = 0;
        } else if (++refusals_in_a_row_ == kMaxRefusalsInARow) {
            account_refusal_ = carriers::Refused{
                carriers::FailureClass::system,
                refused->reason + " (so for several lines in a row; this one was not tried)"};
        }
    }

    // `was_told`: the outside system itself says how the account stands.
    // `held`: the change was, so the conversation was broken off.
    void finish(Conversation& conversation, const Outcome& told, bool was_told = true,
                const Held* held = nullptr) {
        const Outcome outcome = record_.believed(conversation, told);
        watch_refusals(conversation, outcome);
        record_.end(conversation, outcome, held);
        if (!was_told) return;
        if (const auto* not_sent = std::get_if<carriers::NotSent>(&outcome)) {
            if (not_sent->whole_account) pause_account(not_sent->retry_after);
        } else if (const auto* unknown = std::get_if<carriers::Unknown>(&outcome)) {
            if (unknown->whole_account) pause_account(unknown->retry_after);
        }
    }

    void end_without_call(Conversation& conversation, const Outcome& outcome) {
        record_.add_decision_log(conversation, outcome);
        finish(conversation, outcome);
    }

    void pause_account(std::optional<std::chrono::seconds> retry_after) {
        constexpr std::chrono::seconds kDefaultPause{5};
        const auto pause = retry_after.value_or(kDefaultPause);
        leave_account_alone(pause);
        pace_.pause(pause);
    }

    // No further device is begun.
    void leave_account_alone(milliseconds pause) {
        account_paused_ = true;
        resume_in_ = std::max(resume_in_, pause);
    }

    std::vector<DevicePlan> plans_;
    const carriers::Account& account_;
    accounts::Session* session_;
    const std::string& correlation_id_;
    const PageRunSettings& settings_;
    http::Client& client_;
    Pace& pace_;
    const PageRunHooks& hooks_;
    const ClaimedPage& page_;
    LeaseTimes lease_;
    http::HeaderList headers_;
    http::HeaderList own_headers_;
    carriers::HeaderFields session_headers_;
    int session_number_ = 0;
    std::optional<carriers::Refused> account_refusal_;
    int refusals_in_a_row_ = 0;
    std::vector<Conversation> conversations_;
    std::deque<std::size_t> waiting_;  // to be started, or with a next call; the latter in front
    std::vector<http::ClientResponse> answers_;
    int in_flight_ = 0;
    bool account_paused_ = false;
    milliseconds resume_in_{0};
    PageRecord record_;
};

}  // namespace

PageRunOutput run_page(const ClaimedPage& page, std::vector<DevicePlan> plans,
                       const carriers::Account& account, const std::string& correlation_id,
                       const PageRunSettings& settings, http::Client& client, Pace& pace,
                       const EffectOf& effect_of, const PageRunHooks& hooks) {
    return PageRun(page, std::move(plans), account, correlation_id, settings, client, pace,
                   effect_of, hooks)
        .run();
}

}  // namespace carryall::changes
