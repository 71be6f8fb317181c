// One change at ThingSpace. The answer to the request only says that it was taken; how it ended is
// told by a callback, or concluded from the list once the deadline for the callback has passed.
//
//   send ──request id──▶ waiting ──callback, or the list shows it──▶ applied | refused
//    │  ▲                   └──nothing for giveUpHours──▶ unknown, and never sent again by itself
//    │  └──list: settled and unchanged──┐
//    └──no clear answer──▶ unknown ─────┴──list: as wanted──▶ applied
//
// What must stay true: a second request is made only when no request of this change can still be
// under way: its answer was lost, the carrier has settled, and the list shows the line unchanged.
// For a request that was accepted, that holds only if the carrier itself said that it failed.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "carriers/thingspace/callbacks.hpp"
#include "carriers/thingspace/change_request.hpp"
#include "carriers/thingspace/options.hpp"
#include "carriers/thingspace/thingspace.hpp"
#include "carriers/thingspace/wire.hpp"

namespace carryall::carriers::thingspace {

namespace {

using std::chrono::seconds;

// Requests that the carrier accepted and then failed for a reason of its own, before a person
// looks.
constexpr int kMaxRequests = 3;
// A request that was refused for one line's fault is made again in so many parts.
constexpr std::size_t kParts = 4;
constexpr seconds kShortestWait{300};
constexpr seconds kLongestWait{4 * 3'600};

// What is remembered of a request, from exchange to exchange.
struct Remembered {
    std::optional<Deed> deed;
    std::string request_id;  // empty: none was told
    std::optional<base::Instant> accepted_at;
    int requests = 0;  // accepted so far

    static Remembered from(const base::json::value& progress) {
        Remembered out;
        out.deed = parse_deed(text_at(progress, "action"));
        out.request_id = request_id_at(progress);
        const auto accepted = base::parse_iso8601(text_at(progress, "acceptedAt"));
        if (accepted && !out.request_id.empty()) out.accepted_at = *accepted;
        out.requests = static_cast<int>(base::parse_int(text_at(progress, "requests")).value_or(0));
        return out;
    }
    // The request has ended without a result that can be believed.
    void forget_request() {
        request_id.clear();
        accepted_at.reset();
    }
    base::json::value to_json() const {
        base::json::object out;
        if (deed) out["action"] = to_string(*deed);
        if (!request_id.empty()) out["requestId"] = request_id;
        if (requests > 0) out["requests"] = requests;
        if (accepted_at) out["acceptedAt"] = base::to_iso8601(*accepted_at);
        return out;
    }
};

class ChangeExchange : public Exchange {
  public:
    ChangeExchange(const Account& account, const Line& line, const Action& action,
                   const Attempt& attempt)
        : account_(account),
          line_(line),
          now_(attempt.now),
          sent_ago_(attempt.sent_ago),
          resolving_(attempt.resolving),
          settled_(attempt.resolving && attempt.settled),
          known_(Remembered::from(attempt.progress)),
          is_waiting_(attempt.waiting || !known_.request_id.empty()),
          may_have_sent_(resolving_ || is_waiting_),
          is_alone_(account.devices_per_request == 1) {
        // What was asked for stays what it was, also if our record has changed since.
        const bool is_plan = std::holds_alternative<RatePlanChange>(action);
        const bool fits = known_.deed && (*known_.deed == Deed::plan) == is_plan;
        const auto deed = fits ? known_.deed : deed_for(action, line);
        known_.deed = deed;
        if (!deed) return;  // begin() refuses
        request_ = compose(account, line, action, *deed);
        wanted_plan_ = wanted_plan(action, *deed);
        list_key_ = list_key(line);
        if (!is_alone_) list_prefix_ = list_prefix(line);
        told_ = told_by(attempt.notices, known_.request_id, line, *deed, account);
    }

    Step begin() override {
        if (!known_.deed) {
            return refuse(FailureClass::validation, "ThingSpace has no such status");
        }
        if (list_key_.empty() && may_have_sent_) return end(Unknown{request_.refusal});
        if (!may_have_sent_) return send();
        if (told_.kind == Told::Kind::success) return on_success();
        if (told_.kind == Told::Kind::failure) return on_failure();
        if (is_waiting_ && told_.kind == Told::Kind::nothing && can_ask_status()) return ask();
        return look_up();
    }

    void shared_by(std::size_t devices, std::size_t) override { shared_by_ = devices; }

    Step proceed(const http::ClientResponse& response) override {
        const Judged answer = judge(response, account_);
        switch (doing_) {
            case Doing::sending:
                return on_sent(answer);
            case Doing::asking:
                return on_status(answer);
            case Doing::looking_up_group:
                return on_group(answer);
            case Doing::looking_up:
                return on_looked_up(answer);
        }
        return end(Unknown{"impossible step"});
    }

    base::json::value progress() const override {
        return may_have_sent_ ? known_.to_json() : nullptr;
    }

  private:
    enum class Doing { sending, asking, looking_up_group, looking_up };

    // --- calls ---

    Step send() {
        if (!request_.refusal.empty()) return refuse(FailureClass::validation, request_.refusal);
        if (!account_.write_is_enabled) {
            return refuse(FailureClass::business, std::string(kWritesDisabled));
        }
        doing_ = Doing::sending;
        may_have_sent_ = true;
        Call call;
        call.method = request_.method;
        call.path = request_.path;
        call.operation = request_.operation;
        call.timeout = account_.call_timeout;
        if (is_alone_) {
            call.body = request_.head + request_.item + std::string(kRequestTail);
        } else {
            call.body = request_.head;
            call.shared = Shared{request_.item, std::string(kRequestTail), most_};
        }
        return call;
    }

    // One question for all lines of a page with numbers near each other.
    Step look_up() {
        if (list_prefix_.empty()) return look_up_alone();
        doing_ = Doing::looking_up_group;
        const base::json::value rule = {{"kind", "iccid"}, {"startswith", list_prefix_}};
        Call call =
            list_call("Look Up Lines",
                      base::json::serialize(base::json::value{
                          {"accountName", text_setting(account_, "accountName")},
                          {"filter", {{"deviceIdentifierFilters", base::json::array{rule}}}}}));
        call.shared = Shared{};
        return call;
    }

    Step look_up_alone() {
        doing_ = Doing::looking_up;
        return list_call("Look Up Line", R"({"deviceId":)" + list_key_ + '}');
    }

    Call list_call(std::string_view operation, std::string body) const {
        Call call;
        call.method = http::Method::post;
        call.path = api_path({"/devices/actions/list"});
        call.body = std::move(body);
        call.operation = operation;
        call.changes_state = false;
        call.timeout = account_.call_timeout;
        return call;
    }

    // ThingSpace answers this for requests of a single line only, and not for plan changes.
    bool can_ask_status() const {
        return account_.devices_per_request == 1 && *known_.deed != Deed::plan &&
               !known_.request_id.empty();
    }

    Step ask() {
        doing_ = Doing::asking;
        Call call;
        call.path = api_path({"/accounts/", text_setting(account_, "accountName"), "/requests/",
                              known_.request_id, "/status"});
        call.operation = "Ask Request Status";
        call.changes_state = false;
        call.timeout = account_.call_timeout;
        return call;
    }

    // --- ends ---

    // Nothing of ours is left to be known by another attempt.
    Step refuse(FailureClass failure, std::string reason) {
        may_have_sent_ = false;
        return Outcome(Refused{failure, std::move(reason)});
    }

    Step end(Outcome outcome) {
        if (std::holds_alternative<NotSent>(outcome) && !is_waiting_) {
            may_have_sent_ = known_.requests > 0;
        }
        if (std::holds_alternative<Refused>(outcome)) may_have_sent_ = false;
        return outcome;
    }

    Step applied(std::string_view number, std::string_view address, bool was_so_already = false) {
        base::json::object details;
        if (*known_.deed == Deed::activate) {
            details["ratePlan"] = wanted_plan_;
            if (!number.empty()) details["msisdn"] = number;
            if (!address.empty()) details["ipAddress"] = address;
        }
        if (was_so_already) details["alreadyInPlace"] = true;
        return Outcome(Applied{std::move(details)});
    }

    seconds waited() const {
        if (sent_ago_) return std::chrono::duration_cast<seconds>(*sent_ago_);
        if (known_.accepted_at) {
            return std::chrono::duration_cast<seconds>(now_ - *known_.accepted_at);
        }
        return seconds(0);
    }

    // Nothing may be sent by now: the request is at work, or lost at the carrier.
    Step keep_waiting(const std::string& what, std::optional<seconds> at_least = {}) {
        const seconds limit = std::chrono::hours(number_setting(account_, "giveUpHours"));
        const seconds so_far = waited();
        if (so_far >= limit) {
            return end(Unknown{"ThingSpace accepted request " + known_.request_id +
                               " and has told no result in " +
                               std::to_string(limit.count() / 3'600) + " hours: " + what});
        }
        // Half of what was waited so far: often at first, seldom when it drags on.
        seconds wait = std::clamp(so_far / 2, kShortestWait, kLongestWait);
        wait = std::min(wait, std::max(limit - so_far, seconds(60)));
        if (at_least) wait = std::max(wait, *at_least);
        return end(Pending{known_.request_id, wait});
    }

    // --- the request ---

    Step on_sent(const Judged& answer) {
        if (answer.verdict.meaning == Meaning::accepted) return on_accepted(answer.body);
        if (answer.verdict.meaning == Meaning::refused) {
            // It may be another line's fault, but the whole request was refused, so nothing was
            // done. Which line's, the parts show.
            const bool is_a_lines = answer.fault == Fault::device || answer.fault == Fault::state;
            if (is_a_lines && shared_by_ > 1) {
                most_ = (shared_by_ + kParts - 1) / kParts;
                return send();
            }
            if (answer.fault == Fault::state) {
                failure_ = Refused{answer.verdict.failure, answer.verdict.reason};
                was_sent_now_ = true;
                return look_up();
            }
        }
        return end(conclude(answer.verdict, true, Standing::untouched));
    }

    Step on_accepted(const base::json::value& body) {
        const std::string id = request_id_at(body);
        if (id.empty()) return end(Unknown{malformed("no request id").reason});
        known_.request_id = id;
        known_.accepted_at = now_;
        ++known_.requests;
        return end(
            Pending{id, std::chrono::minutes(number_setting(account_, "resultDeadlineMinutes"))});
    }

    // --- callbacks ---

    Step on_success() {
        const bool lacks_number = *known_.deed == Deed::activate && told_.number.empty();
        if (!lacks_number) return applied(told_.number, told_.ip_address);
        is_proved_ = told_.is_proved;
        return look_up();
    }

    Step on_failure() {
        const std::string reason = "ThingSpace reported a failure: " + told_.reason;
        if (told_.fault == Fault::unexpected) {
            // It has ended; whether it was done is for the list to say.
            known_.forget_request();
            is_waiting_ = false;
            unexpected_ = reason;
            return look_up();
        }
        failure_ = Refused{failure_of(told_.fault), reason};
        if (told_.fault == Fault::state) return look_up();
        return end(*failure_);
    }

    Step on_status(const Judged& answer) {
        if (answer.verdict.meaning != Meaning::accepted) return look_up();
        const std::string status = lower_at(answer.body, "status");
        if (status == "pending") return keep_waiting("it is still pending");
        if (status == "success" && *known_.deed != Deed::activate) return applied({}, {});
        is_proved_ = status == "success";
        if (status == "failed" || status == "failure") {
            failure_ = Refused{FailureClass::business,
                               "ThingSpace reported a failure, and its callback with the reason "
                               "has not come"};
        }
        return look_up();
    }

    // --- the list ---

    // The row of this line in this account. A line that was given up may be listed beside the one
    // that took its place: the liveliest counts, so that a deactivation is not believed too early.
    // `exactly`: among other lines, whose ICCIDs may differ from this one's in the last digit only.
    std::optional<ListedLine> find_line(const base::json::value& body, bool exactly) const {
        std::optional<ListedLine> found;
        for (const base::json::value* row : each_of(member(body, "devices"))) {
            auto listed = parse_listed_line(*row, account_);
            if (!listed || !is_about(listed->ids, line_)) continue;
            const auto& iccids = listed->ids.iccids;
            if (exactly && std::find(iccids.begin(), iccids.end(), line_.iccid) == iccids.end()) {
                continue;
            }
            const bool is_ours = listed->account_name.empty() ||
                                 listed->account_name == text_setting(account_, "accountName");
            if (!is_ours || listed->state.empty()) continue;
            const auto rank = [](const ListedLine& one) {
                return static_cast<int>(state_of(one.state));
            };
            if (!found || rank(*listed) < rank(*found)) found = std::move(listed);
        }
        return found;
    }

    bool is_as_wanted(const ListedLine& listed) const {
        const LineState state = state_of(listed.state);
        const bool has_plan = wanted_plan_.empty() || base::ascii_lower(listed.service_plan) ==
                                                          base::ascii_lower(wanted_plan_);
        switch (*known_.deed) {
            case Deed::activate:
            case Deed::restore:
                return state == LineState::active && has_plan;
            case Deed::plan:
                return has_plan && state != LineState::deactivated;
            case Deed::suspend:
                return state == LineState::suspended;
            case Deed::deactivate:
                return state == LineState::deactivated;
        }
        return false;
    }

    static std::string describe(const std::optional<ListedLine>& listed) {
        if (!listed) return "the account lists no such line";
        std::string text = "the line is listed as " + excerpt(listed->state);
        if (!listed->service_plan.empty()) {
            text += " with the plan " + excerpt(listed->service_plan);
        }
        return text;
    }

    // A row of a complete list is believed if the change shows in it, or if nothing is sent because
    // of it. For anything else the line is asked for by itself: a filter that the carrier reads in
    // another way must not make us send twice.
    Step on_group(const Judged& answer) {
        const Meaning meaning = answer.verdict.meaning;
        if (meaning != Meaning::accepted && meaning != Meaning::refused) {
            return on_no_reading(answer.verdict);
        }
        const bool is_complete =
            meaning == Meaning::accepted && lower_at(answer.body, "hasMoreData") != "true";
        const auto listed = is_complete ? find_line(answer.body, true) : std::nullopt;
        const bool is_enough = listed && (is_as_wanted(*listed) || (is_waiting_ && !failure_));
        return is_enough ? conclude_from(listed) : look_up_alone();
    }

    Step on_looked_up(const Judged& answer) {
        std::optional<ListedLine> listed;
        if (answer.verdict.meaning == Meaning::accepted) {
            const base::json::value* rows = member(answer.body, "devices");
            if (rows == nullptr || rows->is_object() || rows->is_array()) {
                listed = find_line(answer.body, false);
            } else {
                return on_no_reading(malformed("no list of devices"));
            }
        } else if (answer.fault != Fault::device) {
            return on_no_reading(answer.verdict);
        }
        return conclude_from(listed);
    }

    Step conclude_from(const std::optional<ListedLine>& listed) {
        if (listed && is_as_wanted(*listed)) {
            const std::string address =
                told_.ip_address.empty() ? listed->ip_address : told_.ip_address;
            return applied(listed->number, address, failure_.has_value());
        }
        if (is_proved_) return applied(told_.number, told_.ip_address);
        if (failure_) {
            return refuse(failure_->failure, failure_->reason + "; " + describe(listed));
        }
        if (is_waiting_) return keep_waiting(describe(listed));
        return send_again(listed);
    }

    Step send_again(const std::optional<ListedLine>& listed) {
        const bool is_pending = listed && state_of(listed->state) == LineState::pending;
        if (!settled_ || is_pending) {
            const std::string why = unexpected_.empty()
                                        ? "It is not known whether ThingSpace will carry it out"
                                        : unexpected_;
            return end(Unknown{why + "; " + describe(listed)});
        }
        if (known_.requests >= kMaxRequests) {
            return refuse(FailureClass::business,
                          "ThingSpace failed " + std::to_string(known_.requests) +
                              " requests for this line; " + describe(listed));
        }
        return send();
    }

    Step on_no_reading(const Verdict& verdict) {
        if (is_proved_) return applied(told_.number, told_.ip_address);
        if (was_sent_now_) {
            // The request was certainly refused; the reading alone can be made again.
            Outcome outcome = conclude(verdict, false, Standing::untouched);
            if (std::holds_alternative<Refused>(outcome)) outcome = *failure_;
            return end(std::move(outcome));
        }
        if (is_waiting_ && !resolving_ && verdict.meaning == Meaning::throttled) {
            return end(NotSent{verdict.reason, verdict.retry_after, verdict.whole_account});
        }
        if (is_waiting_) return keep_waiting(verdict.reason, verdict.retry_after);
        return end(conclude(verdict, false, Standing::unclear));
    }

    const Account& account_;
    const Line line_;
    const base::Instant now_;
    const std::optional<std::chrono::milliseconds> sent_ago_;
    const bool resolving_;
    const bool settled_;
    Remembered known_;
    bool is_waiting_;                  // a request was accepted and may still be at work
    bool may_have_sent_;               // by this change, in this attempt or an earlier one
    const bool is_alone_;              // requests of this account are for one line each
    std::size_t shared_by_ = 1;        // lines of the request that was answered last
    std::optional<std::size_t> most_;  // lines of the next request
    bool was_sent_now_ = false;        // and refused, in this attempt
    bool is_proved_ = false;           // it was done; only the number is sought
    std::optional<Refused> failure_;   // unless the list shows the line as wanted
    std::string unexpected_;           // the carrier's own trouble with the last request

    Doing doing_ = Doing::sending;
    ChangeRequest request_;
    std::string wanted_plan_;
    std::string list_key_;
    std::string list_prefix_;  // empty: the line is looked up by itself
    Told told_;
};

}  // namespace

std::unique_ptr<Exchange> change_exchange(const Account& account, const Line& line,
                                          const Action& action, const Attempt& attempt) {
    return std::make_unique<ChangeExchange>(account, line, action, attempt);
}

}  // namespace carryall::carriers::thingspace
