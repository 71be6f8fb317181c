// The conversation about one line.
//
//   PATCH ─ accepted ───────────────▶ applied, or pending until the day that Telegence keeps
//         ─ 2xx that proves nothing ▶ read the line ─ as wanted ▶ applied, else unknown
//         ─ refused ────────────────▶ refused; while resolving the line is read first
//   resolving: read the line ─ as wanted ▶ applied ─ not, and settled ▶ PATCH
//   waiting:   read the line once the day has come, hourly, and never send
//
// What must stay true: sending the same PATCH twice would change nothing, and yet an unclear one is
// read back first, so that what somebody else has set since is not overwritten unseen. A change
// that was refused after an earlier attempt got lost may be refused because that one worked.
#include "carriers/telegence/line_exchange.hpp"

#include "carriers/telegence/setup.hpp"

namespace carryall::carriers::telegence {

namespace {

constexpr std::chrono::seconds kAskAgain{3'600};
// After the day has begun: Telegence's day may be another time zone's, and it works through the
// night. Then the change is taken for lost, read back and sent again.
constexpr std::chrono::hours kLongestWait{48};
constexpr const char* kKeptDay = "scheduledFor";

class LineExchange : public Exchange {
  public:
    LineExchange(const Account& account, const Line& line, std::unique_ptr<LineGoal> goal,
                 const Attempt& attempt)
        : account_(account),
          number_(wire_number(line.msisdn).value_or("")),
          goal_(std::move(goal)),
          now_(carrier_time(account, attempt.now)),
          kept_day_(kept_day(attempt.progress)),
          waiting_(attempt.waiting),
          resolving_(attempt.resolving),
          settled_(attempt.settled) {}

    Step begin() override {
        if (number_.empty()) {
            return refuse(FailureClass::validation,
                          "Telegence knows lines by a subscriber number of 10 digits (11 with a "
                          "leading 1); this line has none");
        }
        if (const auto problem = goal_->problem()) return Outcome(*problem);
        if (waiting_) return wait();
        return resolving_ ? read(Doing::reading_back, "Read Back Line") : update();
    }

    Step proceed(const http::ClientResponse& response) override {
        if (doing_ == Doing::updating) return on_update(judge(response, Expect::nothing));
        Answer answer = judge(response, Expect::json);
        if (answer.verdict.meaning == Meaning::accepted) {
            line_ = parse_line(answer.body, number_);
            if (!line_) answer.verdict = malformed("no details of this line");
        }
        switch (doing_) {
            case Doing::reading_back:
                return on_read_back(answer);
            case Doing::confirming:
                return on_confirm(answer);
            case Doing::checking_refusal:
                return on_check_refusal(answer);
            case Doing::waiting:
                return on_wait(answer);
            case Doing::updating:
                break;
        }
        return Outcome(Unknown{"impossible step"});
    }

    base::json::value progress() const override {
        if (!kept_day_) return nullptr;
        return {{kKeptDay, wire_day(*kept_day_)}};
    }

  private:
    enum class Doing {
        updating,
        reading_back,      // an earlier attempt may have been carried out
        confirming,        // after a 2xx that proves nothing
        checking_refusal,  // after a refusal that may be an earlier attempt's success
        waiting,           // for the day that Telegence keeps
    };

    static std::optional<base::Instant> kept_day(const base::json::value& progress) {
        const auto* object = progress.if_object();
        const auto* day = object != nullptr ? object->if_contains(kKeptDay) : nullptr;
        return day != nullptr && day->is_string() ? parse_day(day->get_string()) : std::nullopt;
    }

    static Step refuse(FailureClass failure, std::string reason) {
        return Outcome(Refused{failure, std::move(reason)});
    }

    Step applied() const { return Outcome(Applied{goal_->details()}); }

    Step pending_until(base::Instant moment) const {
        const auto left = std::chrono::ceil<std::chrono::seconds>(moment - now_);
        return Outcome(Pending{"", std::max(left, std::chrono::seconds(1))});
    }

    Call call(Doing doing, std::string operation) {
        doing_ = doing;
        Call call;
        call.path.append(line_path(account_)).append(1, '/').append(number_);
        call.operation = std::move(operation);
        call.timeout = account_.call_timeout;
        return call;
    }

    Step read(Doing doing, std::string operation) {
        Call reading = call(doing, std::move(operation));
        reading.changes_state = false;
        return reading;
    }

    Step update() {
        if (!account_.write_is_enabled) {
            return refuse(FailureClass::business, std::string(kWritesDisabled));
        }
        kept_day_.reset();
        Call patch = call(Doing::updating, goal_->operation());
        patch.method = http::Method::patch;
        patch.body = base::json::serialize(goal_->body(wire_day(now_)));
        return patch;
    }

    Step on_update(const Answer& answer) {
        const Verdict& verdict = answer.verdict;
        if (verdict.meaning == Meaning::accepted && is_about_another_line(answer.body)) {
            doubt_ = "Telegence answered about another line";
            return read(Doing::confirming, "Confirm Change");
        }
        if (verdict.meaning == Meaning::accepted) return accepted();
        if (is_doubtful_success(verdict)) {
            doubt_ = verdict.reason;
            return read(Doing::confirming, "Confirm Change");
        }
        if (verdict.meaning != Meaning::refused) {
            return conclude(verdict, true, Standing::untouched);
        }
        refusal_ = {verdict.failure, goal_->explain(answer).value_or(verdict.reason)};
        if (resolving_) return read(Doing::checking_refusal, "Read Back Line");
        return Outcome(refusal_);
    }

    bool is_about_another_line(const base::json::value& body) const {
        const auto* object = body.if_object();
        if (object == nullptr) return false;
        const std::string named = member_text(*object, "subscriberNumber");
        return !named.empty() && wire_number(named) != number_;
    }

    Step accepted() {
        const auto day = goal_->day();
        if (!day || *day <= now_) return applied();
        kept_day_ = day;
        return pending_until(*day);
    }

    Step on_read_back(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            return conclude(answer.verdict, false, Standing::unclear);
        }
        if (goal_->is_reached(*line_)) return applied();
        if (!settled_) {
            return Outcome(Unknown{"Telegence does not show the change yet; it may still come"});
        }
        std::string obstacle = goal_->obstacle(*line_);
        if (!obstacle.empty()) return refuse(FailureClass::business, std::move(obstacle));
        goal_->narrow(*line_);
        return update();
    }

    Step on_confirm(const Answer& answer) {
        if (answer.verdict.meaning == Meaning::accepted && goal_->is_reached(*line_)) {
            return applied();
        }
        const std::string& failure = answer.verdict.reason;
        return Outcome(Unknown{doubt_ + ". " +
                               (failure.empty() ? "The line does not show the change yet"
                                                : "Reading the line failed, too: " + failure)});
    }

    Step on_check_refusal(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            return Outcome(Unknown{
                refusal_.reason + ". Reading the line back failed, too: " + answer.verdict.reason});
        }
        if (goal_->is_reached(*line_)) return applied();
        return Outcome(refusal_);
    }

    Step wait() {
        if (!kept_day_) kept_day_ = goal_->day();
        if (kept_day_ && *kept_day_ > now_) return pending_until(*kept_day_);
        return read(Doing::waiting, "Read Line");
    }

    Step on_wait(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            // Accepted is accepted: a reading that fails does not end the waiting.
            return conclude(answer.verdict, false, Standing::partly_done);
        }
        if (goal_->is_reached(*line_)) return applied();
        std::string obstacle = goal_->obstacle(*line_);
        if (!obstacle.empty()) return refuse(FailureClass::business, std::move(obstacle));
        if (kept_day_ && now_ < *kept_day_ + kLongestWait) return pending_until(now_ + kAskAgain);
        return Outcome(
            Unknown{"Telegence had taken the change for a later day and does not show "
                    "it although the day has passed"});
    }

    const Account& account_;
    const std::string number_;  // empty: the line has none that Telegence could know
    const std::unique_ptr<LineGoal> goal_;
    const base::Instant now_;  // in Telegence's time
    std::optional<base::Instant> kept_day_;
    const bool waiting_;
    const bool resolving_;
    const bool settled_;

    Doing doing_ = Doing::updating;
    std::optional<LineDetails> line_;  // the last reading
    std::string doubt_;
    Refused refusal_;
};

}  // namespace

std::unique_ptr<Exchange> line_exchange(const Account& account, const Line& line,
                                        std::unique_ptr<LineGoal> goal, const Attempt& attempt) {
    return std::make_unique<LineExchange>(account, line, std::move(goal), attempt);
}

}  // namespace carryall::carriers::telegence
