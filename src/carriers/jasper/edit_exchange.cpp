// Every change at Jasper is one PUT that sets values: a status, plans, or both. Sending the same
// again changes nothing, and yet an unclear outcome is settled by reading first: what somebody else
// has set since must not be overwritten unseen.
//
// Three things make it more than a PUT:
//  - Before a line is taken out of service, its communication plan may have to be one of a list.
//  - 202 says "accepted", not "done": the exchange ends in Pending, and later ones ask.
//  - Jasper may keep a date. Until its day nothing but the audit trail shows such a change, so
//    nothing is asked until then, and an unclear one is looked for in the trail.
#include <algorithm>
#include <utility>

#include "carriers/jasper/jasper.hpp"
#include "carriers/jasper/status_rules.hpp"
#include "carriers/jasper/wire.hpp"

namespace carryall::carriers::jasper {

namespace {

namespace json = base::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds kFirstWait{60};     // after a 202
constexpr minutes kLongestWait{15};   // between two questions about it
constexpr hours kAcceptedLimit{1};    // then its outcome is unknown
constexpr minutes kAfterMidnight{5};  // a day's changes are not made all at once
constexpr minutes kFirstDayWait{15};  // once the day has come
constexpr hours kLongestDayWait{6};   // between two questions about it
constexpr hours kDayLimit{36};        // the day may begin up to twelve hours after UTC's
constexpr hours kLongestSleep{12};    // before the day, without a question
constexpr int kAuditDays = 30;
constexpr int kAuditPageSize = 50;
constexpr int kMaxAuditPages = 20;

std::chrono::sys_days day_of(base::Instant instant) {
    return std::chrono::floor<std::chrono::days>(instant);
}

json::value to_json(base::Instant instant) {
    return json::value(base::to_iso8601(instant));
}

std::optional<base::Instant> instant_at(const json::value& object, std::string_view name) {
    if (!object.is_object()) return std::nullopt;
    const std::string_view text = text_at(object.get_object(), name);
    if (text.empty()) return std::nullopt;
    return parse_date(text);
}

class EditExchange : public Exchange {
  public:
    EditExchange(const Account& account, const Line& line, Edit edit, const Attempt& attempt)
        : account_(account),
          iccid_(line.iccid),
          edit_(std::move(edit)),
          now_(attempt.now),
          is_waiting_(attempt.waiting),
          is_resolving_(attempt.resolving),
          is_settled_(attempt.settled),
          standing_(attempt.resolving ? Standing::unclear : Standing::untouched),
          accepted_at_(instant_at(attempt.progress, "acceptedAt")) {
        // Accepted under a date, it stays under it, whatever the settings say by now.
        const auto day = instant_at(attempt.progress, "day");
        if (!edit_.day && day) edit_.day = day_of(*day);
        if (is_waiting_ && !accepted_at_) {
            accepted_at_ = now_;
            if (attempt.sent_ago) *accepted_at_ -= *attempt.sent_ago;
        }
    }

    Step begin() override {
        if (!is_iccid(iccid_)) {
            return Outcome(Refused{FailureClass::validation,
                                   "Jasper knows SIMs by an ICCID of 18 to 22 digits; this one "
                                   "has another form"});
        }
        if (edit_.status.empty() && edit_.rate_plan.empty()) {
            return Outcome(Refused{edit_.failure, edit_.problem});
        }
        if (is_waiting_) return is_ahead() ? still_accepted() : details(Doing::asking);
        if (is_resolving_) return is_ahead() ? audit_trail() : details(Doing::reading_back);
        return check_and_update();
    }

    Step proceed(const http::ClientResponse& response) override {
        const Answer answer = judge(account_, response);
        switch (doing_) {
            case Doing::checking:
                return on_check(answer);
            case Doing::updating:
                return on_update(answer);
            case Doing::reading_back:
                return on_read_back(answer);
            case Doing::auditing:
                return on_audit(answer);
            case Doing::asking:
                return on_ask(answer);
        }
        return Outcome(Unknown{"impossible step"});
    }

    json::value progress() const override {
        if (!accepted_at_) return nullptr;
        json::object out = {{"acceptedAt", to_json(*accepted_at_)}};
        if (edit_.day) out["day"] = to_json(*edit_.day);
        return out;
    }

  private:
    enum class Doing {
        checking,  // the communication plan, before the line is taken out of service
        updating,
        reading_back,  // the outcome of an earlier attempt is unknown
        auditing,      // the same, of a change for a later day
        asking,        // accepted earlier; is it done?
    };

    // Before the change is sent. What an earlier attempt did is not undone by that.
    Step refuse(FailureClass failure, std::string reason) const {
        if (standing_ == Standing::unclear) return Outcome(Unknown{std::move(reason)});
        return Outcome(Refused{failure, std::move(reason)});
    }

    bool is_ahead() const { return edit_.day && *edit_.day > day_of(now_); }

    // --- calls ---

    Call reading(Doing doing, std::string path, std::string operation) {
        doing_ = doing;
        Call call;
        call.path = std::move(path);
        call.operation = std::move(operation);
        call.changes_state = false;
        call.timeout = account_.call_timeout;
        return call;
    }

    Step details(Doing doing) {
        return reading(doing, "/devices/" + iccid_,
                       doing == Doing::checking ? "Get Device" : "Read Back Device");
    }

    Step audit_trail() {
        return reading(Doing::auditing,
                       "/devices/" + iccid_ +
                           "/auditTrails?daysOfHistory=" + std::to_string(kAuditDays) +
                           "&pageSize=" + std::to_string(kAuditPageSize) +
                           "&pageNumber=" + std::to_string(audit_page_),
                       "Get Audit Trail");
    }

    Step update() {
        if (!edit_.problem.empty()) return refuse(edit_.failure, edit_.problem);
        if (!account_.write_is_enabled) {
            return refuse(FailureClass::business, std::string(kWritesDisabled));
        }
        doing_ = Doing::updating;
        accepted_at_.reset();
        json::object body;
        if (!edit_.status.empty()) body["status"] = edit_.status;
        if (!edit_.rate_plan.empty()) body["ratePlan"] = edit_.rate_plan;
        if (!edit_.communication_plan.empty()) {
            body["communicationPlan"] = edit_.communication_plan;
        }
        if (is_ahead()) body["effectiveDate"] = wire_day(*edit_.day);
        Call call;
        call.method = http::Method::put;
        call.path = "/devices/" + iccid_;
        call.body = json::serialize(body);
        call.operation = edit_.operation;
        call.timeout = account_.call_timeout;
        return call;
    }

    // --- before the change ---

    // nullptr: any communication plan will do.
    const json::array* plans_for_deactivation() const {
        if (!edit_.ends_service) return nullptr;
        const json::value* plans = account_.settings.if_contains(kPlansForDeactivation);
        return plans != nullptr && plans->is_array() ? &plans->get_array() : nullptr;
    }

    Step check_and_update() {
        if (!edit_.problem.empty()) return refuse(edit_.failure, edit_.problem);
        return plans_for_deactivation() != nullptr ? details(Doing::checking) : update();
    }

    Step on_check(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            return conclude(answer.verdict, false, standing_);
        }
        const auto device = parse_details(answer.body, iccid_);
        if (!device) return conclude(malformed("no details of this SIM"), false, standing_);
        return update_if_plan_fits(*device);
    }

    Step update_if_plan_fits(const Details& device) {
        const json::array* plans = plans_for_deactivation();
        if (plans == nullptr) return update();
        std::string names;
        for (const json::value& plan : *plans) {
            if (plan.get_string() == device.communication_plan) return update();
            names += (names.empty() ? "" : ", ") + std::string(plan.get_string());
        }
        const std::string has =
            device.communication_plan.empty()
                ? "no communication plan"
                : "the communication plan \"" + excerpt(device.communication_plan) + '"';
        return Outcome(
            Refused{FailureClass::business,
                    "The line has " + has +
                        "; it can be deactivated or retired only with: " + excerpt(names)});
    }

    // --- the change ---

    Step on_update(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            return conclude(answer.verdict, true, standing_);
        }
        if (!is_about(answer.body, iccid_)) {
            return Outcome(Unknown{malformed("no confirmation for this SIM").reason});
        }
        if (!answer.is_queued && !is_ahead()) return Outcome(Applied{});
        accepted_at_ = now_;
        return still_accepted();
    }

    bool shows_the_change(const Details& device) const {
        return (edit_.status.empty() || device.status == edit_.status) &&
               (edit_.rate_plan.empty() || device.rate_plan == edit_.rate_plan) &&
               (edit_.communication_plan.empty() ||
                device.communication_plan == edit_.communication_plan);
    }

    // --- an unknown outcome ---

    Step on_read_back(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            return conclude(answer.verdict, false, standing_);
        }
        const auto device = parse_details(answer.body, iccid_);
        if (!device) return conclude(malformed("no details of this SIM"), false, standing_);
        if (shows_the_change(*device)) return Outcome(Applied{});
        if (!is_settled_) return not_visible_yet();
        standing_ = Standing::untouched;
        return update_if_plan_fits(*device);
    }

    static Step not_visible_yet() {
        return Outcome(Unknown{"Jasper does not show the change yet; it may still come"});
    }

    Step on_audit(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            // The trail may be closed to this user. Sending the same date again is harmless, but a
            // refusal of that would not tell what became of the first.
            const bool is_closed =
                answer.verdict.meaning == Meaning::refused || answer.code == "10000030";
            if (is_closed && is_settled_) return check_and_update();
            return conclude(answer.verdict, false, standing_);
        }
        if (!is_about(answer.body, iccid_)) {
            return conclude(malformed("no audit trail of this SIM"), false, standing_);
        }
        const json::object& body = answer.body.get_object();
        const auto is_last = is_last_page(body);
        const json::value* rows = body.if_contains("deviceAuditTrails");
        if (!is_last || rows == nullptr || !rows->is_array()) {
            return conclude(malformed("no audit trail"), false, standing_);
        }
        for (const json::value& row : rows->get_array()) take_audit_row(row);
        if (plan_is_due_ && (edit_.communication_plan.empty() || communication_plan_is_due_)) {
            accepted_at_ = now_;
            return still_accepted();
        }
        if (!*is_last && audit_page_ < kMaxAuditPages) {
            ++audit_page_;
            return audit_trail();
        }
        if (!is_settled_) return not_visible_yet();
        standing_ = Standing::untouched;
        return check_and_update();
    }

    // How the trail spells field names is not published; value and day tell enough.
    void take_audit_row(const json::value& value) {
        if (!value.is_object()) return;
        const json::object& row = value.get_object();
        const auto effective = parse_date(text_at(row, "effectiveDate"));
        if (!effective || day_of(*effective) != *edit_.day) return;
        const std::string status = comparable_status(text_at(row, "status"));
        if (status.find("fail") != std::string::npos ||
            status.find("cancel") != std::string::npos) {
            return;
        }
        const std::string_view set = text_at(row, "value");
        plan_is_due_ = plan_is_due_ || set == edit_.rate_plan;
        communication_plan_is_due_ = communication_plan_is_due_ || set == edit_.communication_plan;
    }

    // --- accepted, the result comes later ---

    Step on_ask(const Answer& answer) {
        const bool is_answered = answer.verdict.meaning == Meaning::accepted;
        std::string reason = answer.verdict.reason;
        if (is_answered) {
            const auto device = parse_details(answer.body, iccid_);
            if (device && shows_the_change(*device)) return Outcome(Applied{});
            reason = device ? "Jasper accepted the change, and yet does not show it"
                            : malformed("no details of this SIM").reason;
        }
        if (waited() > (edit_.day ? kDayLimit : kAcceptedLimit)) {
            return Outcome(Unknown{std::move(reason)});
        }
        if (!is_answered) return conclude(answer.verdict, false, Standing::partly_done);
        return still_accepted();
    }

    // Since the change was accepted, or its day has begun.
    seconds waited() const {
        const base::Instant since = edit_.day ? base::Instant(*edit_.day) : *accepted_at_;
        return std::chrono::floor<seconds>(now_ - since);
    }

    Step still_accepted() const {
        Pending pending;
        if (is_ahead()) {
            const auto until = std::chrono::ceil<seconds>(*edit_.day + kAfterMidnight - now_);
            pending.ask_again_after = std::min<seconds>(until, kLongestSleep);
        } else if (edit_.day) {
            pending.ask_again_after =
                std::clamp<seconds>(waited() / 2, kFirstDayWait, kLongestDayWait);
        } else {
            pending.ask_again_after = std::clamp<seconds>(waited() / 2, kFirstWait, kLongestWait);
        }
        return Outcome(pending);
    }

    const Account& account_;
    const std::string iccid_;
    Edit edit_;
    const base::Instant now_;
    const bool is_waiting_;
    const bool is_resolving_;
    const bool is_settled_;
    Standing standing_;
    std::optional<base::Instant> accepted_at_;

    Doing doing_ = Doing::updating;
    int audit_page_ = 1;
    bool plan_is_due_ = false;
    bool communication_plan_is_due_ = false;
};

void object_to(Edit& edit, FailureClass failure, std::string problem) {
    edit.failure = failure;
    edit.problem = std::move(problem);
}

}  // namespace

Edit edit_of(const Account& account, const StatusChange& change) {
    Edit edit;
    edit.operation = "Update Status";
    const auto target = known_status(change.target);
    if (!target) {
        object_to(edit, FailureClass::validation, "Jasper has no such status");
        return edit;
    }
    edit.status = wire_status(*target);
    edit.ends_service =
        edit.status == "DEACTIVATED" || edit.status == "RETIRED" || edit.status == "PURGED";
    if (edit.status == "ACTIVATED") edit.rate_plan = change.rate_plan;
    if (edit.status == "PURGED" && !may_purge(account.settings)) {
        object_to(edit, FailureClass::business,
                  "Nothing brings a purged SIM back; the setting \"allowPurge\" of this service "
                  "provider does not allow it");
    }
    return edit;
}

Edit edit_of(const RatePlanChange& change, base::Instant now) {
    Edit edit;
    edit.operation = "Update Rate Plan";
    edit.rate_plan = change.code;
    edit.communication_plan = change.communication_plan;
    if (change.effective_date) edit.day = day_of(*change.effective_date);
    if (change.code.empty()) {
        object_to(edit, FailureClass::validation,
                  "Jasper knows a rate plan by its name; none is given");
    } else if (edit.day && *edit.day > day_of(now) + std::chrono::days(kDaysAhead)) {
        object_to(edit, FailureClass::validation,
                  "Jasper takes a date at most " + std::to_string(kDaysAhead) + " days ahead");
    }
    return edit;
}

std::unique_ptr<Exchange> edit_exchange(const Account& account, const Line& line, Edit edit,
                                        const Attempt& attempt) {
    return std::make_unique<EditExchange>(account, line, std::move(edit), attempt);
}

}  // namespace carryall::carriers::jasper
