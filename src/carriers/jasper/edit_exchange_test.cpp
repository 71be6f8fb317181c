// Changes that Jasper only accepts, changes for a later day, and a sweep that cuts the exchange at
// every call with every kind of failure, twice, and then lets it finish.
#include <gtest/gtest.h>

#include "carriers/jasper/jasper.hpp"
#include "carriers/jasper/jasper_model_test.hpp"
#include "carriers/sweep_test.hpp"

namespace carryall::carriers::jasper {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

base::Instant at(const char* iso) {
    return base::parse_iso8601(iso).value();
}
const base::Instant kNow = at("2026-03-01T12:00:00Z");

RatePlanChange dated(const char* day, std::string communication_plan = {}) {
    RatePlanChange change{"FLEET 10MB", "", std::nullopt};
    change.communication_plan = std::move(communication_plan);
    change.effective_date = at(day);
    return change;
}

struct Tried {
    Played played;
    base::json::value progress;
};
Tried try_once(JasperModel& model, const Action& action, const Attempt& attempt,
               Fault fault = Fault::none) {
    const Account account = model_account();
    const auto exchange = carrier().exchange(account, {kModelIccid, "", "", ""}, action, attempt);
    Played played = play(*exchange, [&](const Call& call) { return model.answer(call, fault); });
    return {std::move(played), exchange->progress()};
}

Attempt fresh(base::Instant now = kNow) {
    Attempt attempt;
    attempt.now = now;
    return attempt;
}
Attempt waiting(base::Instant now, const base::json::value& progress) {
    Attempt attempt = fresh(now);
    attempt.waiting = true;
    attempt.progress = progress;
    return attempt;
}
Attempt resolving(bool settled, base::Instant now = kNow) {
    Attempt attempt = fresh(now);
    attempt.resolving = true;
    attempt.settled = settled;
    return attempt;
}

// --- accepted with 202 ---

TEST(JasperAccepted, the_result_is_asked_for_until_it_shows) {
    JasperModel model;
    const Action action = StatusChange{"Suspended"};
    const Tried first = try_once(model, action, fresh(), Fault::queued);
    ASSERT_EQ(kind_of(first.played.outcome), "pending");
    EXPECT_EQ(std::get<Pending>(first.played.outcome).reference, "");
    EXPECT_EQ(std::get<Pending>(first.played.outcome).ask_again_after, seconds(60));
    const Tried second = try_once(model, action, waiting(kNow + minutes(10), first.progress));
    ASSERT_EQ(kind_of(second.played.outcome), "pending");
    EXPECT_EQ(std::get<Pending>(second.played.outcome).ask_again_after, minutes(5));
    EXPECT_EQ(second.progress, first.progress);
    model.catch_up();
    const Tried third = try_once(model, action, waiting(kNow + minutes(15), second.progress));
    EXPECT_EQ(kind_of(third.played.outcome), "applied");
    EXPECT_EQ(model.writes_done, 1);
}

TEST(JasperAccepted, after_an_hour_without_an_effect_nobody_knows) {
    JasperModel model;
    const Action action = RatePlanChange{"FLEET 10MB", "", {}};
    const Tried first = try_once(model, action, fresh(), Fault::queued);
    const Tried later = try_once(model, action, waiting(kNow + minutes(61), first.progress));
    EXPECT_EQ(kind_of(later.played.outcome), "unknown");
    EXPECT_EQ(later.played.calls.size(), 1u);
    EXPECT_FALSE(later.played.calls[0].changes_state);
}

TEST(JasperAccepted, without_what_was_remembered_the_last_sending_counts) {
    JasperModel model;
    Attempt attempt = waiting(kNow, nullptr);
    attempt.sent_ago = minutes(61);
    EXPECT_EQ(kind_of(try_once(model, StatusChange{"Retired"}, attempt).played.outcome), "unknown");
    attempt.sent_ago = minutes(5);
    EXPECT_EQ(kind_of(try_once(model, StatusChange{"Retired"}, attempt).played.outcome), "pending");
    attempt.sent_ago.reset();
    EXPECT_EQ(kind_of(try_once(model, StatusChange{"Retired"}, attempt).played.outcome), "pending");
}

TEST(JasperAccepted, a_question_that_fails_is_asked_again_and_decides_nothing) {
    JasperModel model;
    const Action action = StatusChange{"Suspended"};
    const Tried first = try_once(model, action, fresh(), Fault::queued);
    for (const Fault fault : {Fault::not_sent, Fault::throttled, Fault::timeout, Fault::unavailable,
                              Fault::refused, Fault::unauthorized, Fault::foreign_page}) {
        const Tried early =
            try_once(model, action, waiting(kNow + minutes(5), first.progress), fault);
        EXPECT_EQ(kind_of(early.played.outcome), "not_sent") << static_cast<int>(fault);
        EXPECT_EQ(early.progress, first.progress);
        const Tried late = try_once(model, action, waiting(kNow + hours(2), first.progress), fault);
        EXPECT_EQ(kind_of(late.played.outcome), "unknown") << static_cast<int>(fault);
    }
    EXPECT_EQ(model.writes_done, 1);
}

TEST(JasperAccepted, a_setting_that_forbids_it_by_now_does_not_change_what_was_sent) {
    JasperModel model;
    Attempt attempt = waiting(kNow, nullptr);
    EXPECT_EQ(kind_of(try_once(model, StatusChange{"Purged"}, attempt).played.outcome), "pending");
    EXPECT_EQ(kind_of(try_once(model, StatusChange{"Purged"}, resolving(false)).played.outcome),
              "unknown");
    EXPECT_EQ(kind_of(try_once(model, StatusChange{"Purged"}, resolving(true)).played.outcome),
              "refused");
    model.status = "PURGED";
    EXPECT_EQ(kind_of(try_once(model, StatusChange{"Purged"}, attempt).played.outcome), "applied");
}

// --- on a day ---

TEST(JasperDay, is_sent_and_waited_for_without_a_question) {
    JasperModel model;
    const Action action = dated("2026-03-04T08:00:00Z", "DATA ONLY");
    const Tried sent = try_once(model, action, fresh());
    ASSERT_EQ(kind_of(sent.played.outcome), "pending");
    EXPECT_EQ(sent.played.calls.at(0).body,
              R"({"ratePlan":"FLEET 10MB","communicationPlan":"DATA ONLY",)"
              R"("effectiveDate":"2026-03-04Z"})");
    EXPECT_EQ(std::get<Pending>(sent.played.outcome).ask_again_after, hours(12));
    const Tried asked = try_once(model, action, waiting(at("2026-03-03T23:00:00Z"), sent.progress));
    EXPECT_TRUE(asked.played.calls.empty());
    EXPECT_EQ(std::get<Pending>(asked.played.outcome).ask_again_after, minutes(65));
    const Tried young =
        try_once(model, action, waiting(at("2026-03-04T00:05:00Z"), asked.progress));
    EXPECT_EQ(young.played.calls.size(), 1u);
    EXPECT_EQ(std::get<Pending>(young.played.outcome).ask_again_after, minutes(15));
    model.day_has_come();
    model.communication_plan = "DATA ONLY";
    const Tried done = try_once(model, action, waiting(at("2026-03-04T10:00:00Z"), young.progress));
    EXPECT_EQ(kind_of(done.played.outcome), "applied");
}

TEST(JasperDay, a_plan_that_does_not_show_a_day_and_a_half_later_is_unknown) {
    JasperModel model;
    const Action action = dated("2026-03-04");
    const Tried sent = try_once(model, action, fresh());
    const Tried late = try_once(model, action, waiting(at("2026-03-05T11:00:00Z"), sent.progress));
    EXPECT_EQ(std::get<Pending>(late.played.outcome).ask_again_after, hours(6));
    const Tried unknown =
        try_once(model, action, waiting(at("2026-03-05T12:01:00Z"), sent.progress));
    EXPECT_EQ(kind_of(unknown.played.outcome), "unknown");
    // Read back and settled, it is sent once more, at once now.
    const Tried again = try_once(model, action, resolving(true, at("2026-03-05T13:00:00Z")));
    EXPECT_EQ(again.played.calls.back().body, R"({"ratePlan":"FLEET 10MB"})");
    EXPECT_EQ(model.rate_plan, "FLEET 10MB");
}

TEST(JasperDay, today_and_before_mean_at_once) {
    for (const char* day : {"2026-03-01T23:59:00Z", "2026-03-01", "2026-02-20"}) {
        JasperModel model;
        const Tried sent = try_once(model, dated(day), fresh());
        EXPECT_EQ(kind_of(sent.played.outcome), "applied") << day;
        EXPECT_EQ(sent.played.calls.at(0).body, R"({"ratePlan":"FLEET 10MB"})") << day;
    }
}

TEST(JasperDay, is_at_most_180_days_ahead) {
    JasperModel model;
    EXPECT_EQ(kind_of(try_once(model, dated("2026-08-28"), fresh()).played.outcome), "pending");
    const Tried far = try_once(model, dated("2026-08-29"), fresh());
    ASSERT_EQ(kind_of(far.played.outcome), "refused");
    EXPECT_TRUE(far.played.calls.empty());
    EXPECT_EQ(std::get<Refused>(far.played.outcome).failure, FailureClass::validation);
}

TEST(JasperDay, is_kept_when_it_is_known_from_the_former_attempt_only) {
    JasperModel model;
    const Tried sent = try_once(model, dated("2026-03-04"), fresh());
    const Tried asked = try_once(model, RatePlanChange{"FLEET 10MB", "", {}},
                                 waiting(kNow + hours(3), sent.progress));
    EXPECT_EQ(kind_of(asked.played.outcome), "pending");
    EXPECT_TRUE(asked.played.calls.empty());
}

TEST(JasperDay, an_unclear_sending_is_looked_for_in_the_audit_trail) {
    struct Row {
        std::string scheduled;
        const char* day;
        bool settled;
        bool closed;
        std::string_view outcome;
        int writes;
    };
    const Row rows[] = {
        {"FLEET 10MB", "2026-03-04Z", false, false, "pending", 0},
        {"FLEET 10MB", "2026-03-04Z", true, false, "pending", 0},
        {"", "", false, false, "unknown", 0},
        {"", "", true, false, "pending", 1},
        {"FLEET 50MB", "2026-03-04Z", false, false, "unknown", 0},
        {"FLEET 10MB", "2026-03-05Z", false, false, "unknown", 0},
        {"FLEET 10MB", "2026-03-04Z", false, true, "unknown", 0},
        {"FLEET 10MB", "2026-03-04Z", true, true, "pending", 1},
    };
    for (const Row& row : rows) {
        JasperModel model;
        model.scheduled_plan = row.scheduled;
        model.scheduled_day = row.day;
        model.trail_is_closed = row.closed;
        const Tried read = try_once(model, dated("2026-03-04"), resolving(row.settled));
        EXPECT_EQ(kind_of(read.played.outcome), row.outcome) << row.scheduled << row.day;
        EXPECT_EQ(read.played.calls.front().operation, "Get Audit Trail");
        EXPECT_EQ(model.writes_done, row.writes) << row.scheduled << row.day;
    }
}

TEST(JasperDay, behind_a_closed_trail_nothing_is_refused_that_may_have_been_done) {
    JasperModel model;
    model.trail_is_closed = true;
    Account account = model_account();
    account.write_is_enabled = false;
    const auto exchange = carrier().exchange(account, {kModelIccid, "", "", ""},
                                             dated("2026-03-04"), resolving(true));
    const Played played =
        play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
    EXPECT_EQ(kind_of(played.outcome), "unknown");
    model.refuses_everything = true;
    const Tried tried = try_once(model, dated("2026-03-04"), resolving(true));
    EXPECT_EQ(kind_of(tried.played.outcome), "unknown");
}

TEST(JasperDay, a_trail_that_cannot_be_read_decides_nothing) {
    for (const Fault fault : {Fault::not_sent, Fault::throttled, Fault::timeout, Fault::done_lost,
                              Fault::done_web_page, Fault::done_truncated, Fault::about_another,
                              Fault::unauthorized, Fault::done_server_error}) {
        JasperModel model;
        const Tried read = try_once(model, dated("2026-03-04"), resolving(true), fault);
        EXPECT_EQ(kind_of(read.played.outcome), "unknown") << static_cast<int>(fault);
        EXPECT_EQ(model.writes_done, 0);
    }
}

TEST(JasperDay, pages_of_the_trail_have_an_end) {
    const Account account = model_account();
    const auto exchange = carrier().exchange(account, {kModelIccid, "", "", ""},
                                             dated("2026-03-04"), resolving(false));
    const Played played = play(*exchange, [](const Call&) {
        return answered(200, R"({"iccid":"89010000000000000017","lastPage":false,)"
                             R"("deviceAuditTrails":[7,{"value":"FLEET 10MB"}]})");
    });
    EXPECT_EQ(kind_of(played.outcome), "unknown");
    EXPECT_EQ(played.calls.size(), 20u);
}

// --- the sweep ---

struct Scenario {
    std::string_view name;
    Action action;
    JasperModel model;
    base::json::object settings;
};

// Time passes until the next attempt; Jasper's day may come meanwhile.
void pass_time(const Outcome& outcome, Attempt& attempt, JasperModel& model) {
    const auto* pending = std::get_if<Pending>(&outcome);
    attempt.now += pending != nullptr ? pending->ask_again_after : seconds(60);
    model.catch_up();
    if (!model.scheduled_day.empty() &&
        attempt.now >= at(model.scheduled_day.substr(0, 10).c_str())) {
        model.day_has_come();
    }
}

Story live(const Scenario& scenario, JasperModel& model, const Cuts<Fault>& cuts) {
    const Account account = model_account(scenario.settings);
    Life life;
    life.exchange = [&](const Attempt& attempt) {
        return carrier().exchange(account, {kModelIccid, "", "", ""}, scenario.action, attempt);
    };
    life.between = [&](const Outcome& outcome, Attempt& attempt) {
        pass_time(outcome, attempt, model);
    };
    life.attempt = fresh();
    life.most_attempts = 40;
    return live_through(model, cuts, std::move(life));
}

std::vector<Scenario> scenarios() {
    std::vector<Scenario> all;
    all.push_back({"status", StatusChange{"Suspended"}, {}, {}});
    all.push_back({"rate plan", RatePlanChange{"FLEET 10MB", "", {}}, {}, {}});
    all.push_back({"on a day", dated("2026-03-02"), {}, {}});
    JasperModel closed;
    closed.trail_is_closed = true;
    all.push_back({"on a day, trail closed", dated("2026-03-02"), closed, {}});
    all.push_back({"deactivation with a check",
                   StatusChange{"Deactivated"},
                   {},
                   {{"communicationPlansForDeactivation", {"DATA SMS"}}}});
    JasperModel wrong;
    wrong.communication_plan = "DATA ONLY";
    all.push_back({"deactivation with the wrong plan",
                   StatusChange{"Deactivated"},
                   wrong,
                   {{"communicationPlansForDeactivation", {"DATA SMS"}}}});
    JasperModel refusing;
    refusing.refuses_everything = true;
    all.push_back({"a plan Jasper refuses", RatePlanChange{"NONE", "", {}}, refusing, {}});
    return all;
}

bool is_done(const Scenario& scenario, const JasperModel& model) {
    if (const auto* change = std::get_if<StatusChange>(&scenario.action)) {
        return model.status == edit_of(model_account(), *change).status;
    }
    return model.rate_plan == std::get<RatePlanChange>(scenario.action).code;
}

void check_end(const Scenario& scenario, const JasperModel& model, const Story& story) {
    EXPECT_FALSE(story.wrote_while_unsettled);
    EXPECT_FALSE(story.wrote_while_waiting);
    const std::string_view kind = kind_of(story.outcome);
    ASSERT_TRUE(kind == "applied" || kind == "refused") << reason_of(story.outcome);
    EXPECT_EQ(kind == "applied", is_done(scenario, model));
    if (kind == "refused") {
        EXPECT_EQ(model.writes_done, 0);
        EXPECT_TRUE(model.scheduled_plan.empty());
    }
}

TEST(JasperSweep, cut_at_any_call_by_anything_twice_it_ends_well) {
    int stories = 0;
    for (const Scenario& scenario : scenarios()) {
        SCOPED_TRACE(scenario.name);
        stories += cut_twice<Fault>(8, 5, kFaults, [&](const Cuts<Fault>& cuts) {
            JasperModel model = scenario.model;
            check_end(scenario, model, live(scenario, model, cuts));
        });
    }
    EXPECT_GT(stories, 30'000);
}

}  // namespace
}  // namespace carryall::carriers::jasper
