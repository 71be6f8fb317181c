// Step 0 of an activation, ActivateDevice.
//
//   T1 ──batch id──▶ waiting ──T2: active──▶ (remove codes) ──▶ step 1, or applied
//    │  ▲               ├──T2: rejected──▶ refused; the SIM of a batch that is refused as a whole
//    │  │               │                  goes alone once
//    │  └─ list: surely └──deadline──▶ a person
//    │     not there
//    └──no clear answer──▶ unknown ──the line is found──▶ active
//
// What must stay true: T1 is sent a second time for a SIM only when the first was certainly
// refused, or when a complete and recent list of lines, read after the deadline of activations,
// does not show the SIM. An answer is matched by SIM; a SIM that it lacks is unknown.
#include "base/text.hpp"
#include "carriers/telegence/activation_state.hpp"
#include "carriers/telegence/activation_wire.hpp"
#include "carriers/telegence/line_search.hpp"
#include "carriers/telegence/setup.hpp"
#include "carriers/telegence/telegence.hpp"

namespace carryall::carriers::telegence {

namespace {

constexpr std::size_t kParts = 4;  // of a batch that was refused as a whole
constexpr const char* kEsim =
    "The device requires an eSIM profile (Telegence answered /service/ and activated nothing); "
    "activate it with an eSIM profile, or put the SIM into another device";

class ActivateDevice : public Exchange {
  public:
    ActivateDevice(const Account& account, const Line& line, const Activation& change,
                   const Attempt& attempt, ActivationState state)
        : account_(account),
          line_(line),
          change_(change),
          attempt_(attempt),
          state_(std::move(state)),
          most_(state_.is_alone ? std::optional<std::size_t>(1) : std::nullopt) {}

    Step begin() override {
        if (!state_.number.empty()) return is_active();
        if (attempt_.waiting || (attempt_.resolving && !state_.batch_id.empty())) return poll();
        if (attempt_.resolving) return look_up();
        return submit();
    }

    Step proceed(const http::ClientResponse& response) override {
        switch (doing_) {
            case Doing::submitting:
                return on_submit(judge(response, Expect::json));
            case Doing::polling:
                return on_poll(judge(response, Expect::json));
            case Doing::searching:
                return on_search(search_->proceed(response));
            case Doing::removing_features:
                return on_features(features_->proceed(response));
        }
        return Outcome(Unknown{"impossible step"});
    }

    base::json::value progress() const override {
        if (!search_) return state_.to_json();
        ActivationState state = state_;
        state.search = search_->mark();
        return state.to_json();
    }

    void shared_by(std::size_t devices, std::size_t) override { devices_ = devices; }

    base::json::object achieved() const override {
        if (!state_.number.empty()) return active_line(change_, line_, state_);
        if (!state_.batch_id.empty()) return {{"status", "Pending Activation"}};
        if (was_rejected_ && !state_.former_status.empty()) {
            return {{"status", state_.former_status}};
        }
        return {};
    }

  private:
    enum class Doing { submitting, polling, searching, removing_features };

    Step refuse(FailureClass failure, std::string reason) const {
        return Outcome(Refused{failure, std::move(reason)});
    }

    // --- T1 ---

    Step submit() {
        if (!is_sim(line_.iccid)) {
            return refuse(FailureClass::validation, "The ICCID has not 19 or 20 digits");
        }
        const std::string problem = activation_problem(line_.imei, change_);
        if (!problem.empty()) return refuse(FailureClass::validation, problem);
        if (!account_.write_is_enabled) {
            return refuse(FailureClass::business, "Write is disabled for Service Provider: " +
                                                      std::to_string(account_.service_provider_id));
        }
        doing_ = Doing::submitting;
        devices_ = 1;
        Call call;
        call.method = http::Method::post;
        call.path = activation_path(account_);
        call.operation = "API";
        call.timeout = account_.call_timeout;
        call.body = "[";
        call.shared = Shared{activation_item(line_, change_), "]", most_};
        return call;
    }

    Step on_submit(const Answer& answer) {
        const Verdict& verdict = answer.verdict;
        if (verdict.meaning == Meaning::accepted) return on_accepted(answer.body);
        if (verdict.meaning != Meaning::refused) {
            return Outcome(conclude(verdict, true, Standing::untouched));
        }
        // The request was refused as a whole: it may be another SIM's fault. Whose, the parts show.
        if (devices_ > 1) {
            most_ = (devices_ + kParts - 1) / kParts;
            return submit();
        }
        if (answer.said == "/service/") return refuse(FailureClass::business, kEsim);
        return refuse(verdict.failure, verdict.reason);
    }

    Step on_accepted(const base::json::value& body) {
        const auto entries = parse_activations(body);
        if (!entries) return Outcome(Unknown{malformed("no list of activations").reason});
        const ActivationEntry* own = find_own(*entries);
        std::string batch = own != nullptr ? own->batch_id : std::string();
        for (const ActivationEntry& entry : *entries) {
            if (batch.empty()) batch = entry.batch_id;
        }
        if (batch.empty()) return Outcome(Unknown{malformed("no id of the batch").reason});
        state_.batch_id = batch;
        state_.submitted_at = attempt_.now;
        state_.is_alone = devices_ == 1;
        state_.former_status = line_.status;
        if (own == nullptr) {
            return Outcome(Unknown{"Telegence took the batch " + batch +
                                   " and does not name this SIM in its answer"});
        }
        return on_entry(*own);
    }

    const ActivationEntry* find_own(const std::vector<ActivationEntry>& entries) const {
        for (const ActivationEntry& entry : entries) {
            if (is_same_sim(entry.sim, line_.iccid)) return &entry;
        }
        return nullptr;
    }

    // --- T2 ---

    Step poll() {
        doing_ = Doing::polling;
        Call call;
        call.path.append(activation_path(account_)).append(1, '/').append(state_.batch_id);
        call.operation = "Check Activation Status";
        call.changes_state = false;
        call.timeout = account_.call_timeout;
        call.shared = Shared{"", ""};
        return call;
    }

    bool is_overdue() const {
        return state_.submitted_at &&
               attempt_.now - *state_.submitted_at >= activation_deadline(account_);
    }

    Step on_poll(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) return on_no_status(answer.verdict);
        const auto entries = parse_activations(answer.body);
        if (!entries) return on_no_status(malformed("no list of activations"));
        const ActivationEntry* own = find_own(*entries);
        if (own != nullptr) return on_entry(*own);
        if (is_overdue()) return look_up();
        return keep_waiting("Telegence's status of the batch does not name this SIM");
    }

    // Nothing was learned, and nothing is lost by asking again until the deadline.
    Step on_no_status(const Verdict& verdict) {
        // Telegence knows no such batch: its id was misread or withdrawn. The line is looked for.
        if (is_overdue() && verdict.meaning == Meaning::refused) return look_up();
        if (is_overdue() && verdict.meaning != Meaning::throttled) {
            return Outcome(Unknown{"The status of batch " + state_.batch_id +
                                   " cannot be read: " + verdict.reason});
        }
        const Standing standing = attempt_.waiting ? Standing::partly_done : Standing::unclear;
        return Outcome(conclude(verdict, false, standing));
    }

    Step keep_waiting(const std::string& note) const {
        return Outcome(Pending{"", activation_poll(account_), note});
    }

    Step on_entry(const ActivationEntry& entry) {
        if (entry.status == "rejected") return on_rejected(entry);
        if (entry.status == "active" && !entry.number.empty()) {
            state_.number = entry.number;
            return is_active();
        }
        if (is_overdue()) {
            const auto minutes =
                std::chrono::duration_cast<std::chrono::minutes>(activation_deadline(account_));
            Unknown unknown{"Telegence has not finished the activation (batch " + state_.batch_id +
                            ") within " + std::to_string(minutes.count()) + " minutes; it says \"" +
                            excerpt(entry.status) + "\". Check the line at Telegence, then retry"};
            unknown.needs_person = true;
            return Outcome(unknown);
        }
        return keep_waiting("Telegence is activating the line (batch " + state_.batch_id + ')');
    }

    Step on_rejected(const ActivationEntry& entry) {
        const bool was_alone = state_.is_alone;
        state_.batch_id.clear();
        state_.submitted_at.reset();
        was_rejected_ = true;
        if (entry.needs_esim && !was_alone) {
            state_.is_alone = true;
            return Outcome(Advanced{std::chrono::seconds(0),
                                    "A SIM of the batch requires an eSIM profile, and the batch "
                                    "was rejected; this one is activated alone"});
        }
        state_.is_alone = false;
        if (entry.needs_esim) return refuse(FailureClass::business, kEsim);
        return refuse(FailureClass::business,
                      "Telegence rejected the activation: " +
                          (entry.error.empty() ? "no reason was given" : entry.error));
    }

    // --- an outcome that is not known ---

    Step look_up() {
        doing_ = Doing::searching;
        std::optional<base::Instant> must_show;
        if (may_conclude()) {
            must_show = attempt_.now - *attempt_.sent_ago + activation_deadline(account_);
        }
        search_.emplace(account_, line_, change_.billing_account, must_show, state_.search);
        return on_search(search_->begin());
    }

    // No activation of ours can still be under way.
    bool may_conclude() const {
        return attempt_.settled && attempt_.sent_ago &&
               *attempt_.sent_ago >= activation_deadline(account_);
    }

    Step on_search(SearchStep step) {
        if (auto* call = std::get_if<Call>(&step)) return std::move(*call);
        if (const auto* failed = std::get_if<SearchFailed>(&step)) {
            return on_no_search(*failed);
        }
        search_.reset();
        state_.search = {};
        if (const auto* found = std::get_if<FoundLine>(&step)) return on_found(*found);
        state_.batch_id.clear();
        state_.submitted_at.reset();
        return submit();
    }

    Step on_found(const FoundLine& found) {
        if (!found.is_active) {
            Unknown unknown{"The SIM belongs to the line " + found.number +
                            ", which is not active at Telegence"};
            unknown.needs_person = true;
            return Outcome(unknown);
        }
        state_.number = found.number;
        return is_active();
    }

    static Step on_no_search(const SearchFailed& failed) {
        Unknown unknown{"It is not known whether Telegence activated the SIM, and the line "};
        unknown.reason += failed.goes_on ? "is searched for: " : "cannot be found: ";
        unknown.reason += failed.verdict.reason;
        unknown.retry_after = failed.verdict.retry_after;
        unknown.whole_account = failed.verdict.whole_account;
        unknown.needs_person = failed.is_final;
        unknown.goes_on = failed.goes_on;
        return Outcome(unknown);
    }

    // --- active ---

    Step is_active() {
        const bool may_send = !attempt_.waiting;
        const bool has_codes = !change_.remove_features.empty() && !state_.features_are_removed;
        const bool is_stopped = change_.others == Activation::Others::some_failed ||
                                change_.others == Activation::Others::under_way;
        // Only an exchange that began with an active line sends: so a crash leaves that on record.
        const bool began_active = ActivationState::from(attempt_.progress).number.size() > 0;
        if (has_codes && may_send && began_active && !is_stopped) return remove_features();
        return after_activation(change_, line_, state_);
    }

    Step remove_features() {
        doing_ = Doing::removing_features;
        Line active = line_;
        active.msisdn = state_.number;
        active.status = "Active";
        features_ = feature_exchange(account_, active, FeatureChange{{}, change_.remove_features},
                                     attempt_);
        return on_features(features_->begin());
    }

    Step on_features(Step step) {
        auto* outcome = std::get_if<Outcome>(&step);
        if (outcome == nullptr) return step;
        if (std::holds_alternative<Applied>(*outcome)) {
            state_.features_are_removed = true;
            return after_activation(change_, line_, state_);
        }
        if (auto* refused = std::get_if<Refused>(outcome)) {
            refused->reason = "The line is active as " + state_.number +
                              ", but codes could not be removed: " + refused->reason;
        }
        return step;
    }

    const Account& account_;
    const Line line_;
    const Activation change_;
    const Attempt attempt_;
    ActivationState state_;
    std::optional<std::size_t> most_;  // SIMs in the next request
    std::size_t devices_ = 1;          // in the request that was answered last
    bool was_rejected_ = false;

    Doing doing_ = Doing::submitting;
    std::optional<LineSearch> search_;
    std::unique_ptr<Exchange> features_;
};

}  // namespace

std::unique_ptr<Exchange> activate_device(const Account& account, const Line& line,
                                          const Activation& change, const Attempt& attempt,
                                          ActivationState state) {
    return std::make_unique<ActivateDevice>(account, line, change, attempt, std::move(state));
}

}  // namespace carryall::carriers::telegence
