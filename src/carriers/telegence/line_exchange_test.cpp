// Changes of a line: what is sent, what is refused before a call, and days that Telegence keeps.
#include <gtest/gtest.h>

#include "carriers/telegence/telegence.hpp"
#include "carriers/telegence/telegence_model_test.hpp"

namespace carryall::carriers::telegence {
namespace {

std::string body_of(const Action& action, const Line& line = model_line(),
                    const Account& account = model_account()) {
    const Played played = ask(
        account, action, [](const Call&) { return answered(200, "{}"); }, fresh(), line);
    EXPECT_EQ(kind_of(played.outcome), "applied") << reason_of(played.outcome);
    EXPECT_EQ(played.calls.size(), 1u);
    const Call& call = played.calls.front();
    EXPECT_EQ(call.method, http::Method::patch);
    EXPECT_EQ(call.path, kLinePath);
    EXPECT_TRUE(call.changes_state);
    return call.body;
}

// --- what is sent ---

TEST(TelegenceStatus, one_patch_with_mode_reason_and_the_day) {
    EXPECT_EQ(body_of(StatusChange{"Suspended"}),
              R"({"mode":"S","reasonCode":"CR","effectiveDate":"2026-03-01Z"})");
    EXPECT_EQ(body_of(StatusChange{"Active"}, model_line("Suspended")),
              R"({"mode":"R","reasonCode":"CR","effectiveDate":"2026-03-01Z"})");
    EXPECT_EQ(body_of(StatusChange{"Deactivated", "LOST"}),
              R"({"mode":"C","reasonCode":"LOST","effectiveDate":"2026-03-01Z"})");
    const Account account = model_account({{"reasonCodes", {{"Suspended", "NONPAY"}}}});
    EXPECT_EQ(body_of(StatusChange{"Suspended"}, model_line(), account),
              R"({"mode":"S","reasonCode":"NONPAY","effectiveDate":"2026-03-01Z"})");
}

TEST(TelegenceStatus, the_day_is_the_one_that_the_carrier_has) {
    const Account account = model_account({{"utcOffsetHours", -13}});
    EXPECT_EQ(body_of(StatusChange{"Suspended"}, model_line(), account),
              R"({"mode":"S","reasonCode":"CR","effectiveDate":"2026-02-28Z"})");
}

TEST(TelegenceRatePlan, one_patch_with_the_single_user_code) {
    EXPECT_EQ(body_of(RatePlanChange{"PLAN5GB", "", std::nullopt}),
              R"({"effectiveDate":"2026-03-01Z",)" + pairs({{"singleUserCode", "PLAN5GB"}}) + '}');
    // A date that has passed is not sent: nothing is dated back.
    EXPECT_EQ(body_of(RatePlanChange{"PLAN5GB", "", std::nullopt, "",
                                     kModelNow - std::chrono::hours(48)}),
              R"({"effectiveDate":"2026-03-01Z",)" + pairs({{"singleUserCode", "PLAN5GB"}}) + '}');
}

TEST(TelegenceFeatures, one_patch_adds_and_removes_and_repeats_nothing) {
    EXPECT_EQ(body_of(FeatureChange{{"F3", "f3", "F4"}, {"F1"}}),
              R"({"effectiveDate":"2026-03-01Z",)" +
                  pairs({{"addOfferingCode", "F3"},
                         {"addOfferingCode", "F4"},
                         {"removeOfferingCode", "F1"}}) +
                  '}');
}

TEST(TelegenceEquipment, one_patch_with_what_is_given_and_no_day) {
    EXPECT_EQ(body_of(EquipmentChange{kNewSim, kNewImei, "UMTS", "LOST", "75001"}),
              '{' +
                  pairs({{"reasonCode", "LOST"},
                         {"serviceZipCode", "75001"},
                         {"technologyType", "UMTS"},
                         {"IMEI", kNewImei},
                         {"sim", kNewSim}}) +
                  '}');
    EXPECT_EQ(body_of(EquipmentChange{kNewSim, ""}),
              '{' + pairs({{"reasonCode", "CUST_OWN_EQU"}, {"sim", kNewSim}}) + '}');
}

TEST(TelegenceLine, what_cannot_be_asked_is_refused_without_a_call) {
    const Account account = model_account();
    const Action rows[] = {
        StatusChange{"Actve"},
        StatusChange{""},
        StatusChange{"Restored"},
        StatusChange{"Suspended", "two words"},
        RatePlanChange{"", "uuid", 7},
        RatePlanChange{"PLAN", "", std::nullopt, "communication plan"},
        FeatureChange{},
        FeatureChange{{"two words"}, {}},
        FeatureChange{{"F1"}, {"f1"}},
        EquipmentChange{"", ""},
        EquipmentChange{"123", ""},
        EquipmentChange{"8901030000000000001x", ""},
        EquipmentChange{"", "1234567890123"},
        EquipmentChange{kNewSim, "", "", "two words"},
    };
    for (const Action& action : rows) {
        const Outcome outcome = ask(account, action, never).outcome;
        ASSERT_EQ(kind_of(outcome), "refused");
        EXPECT_EQ(std::get<Refused>(outcome).failure, FailureClass::validation);
        EXPECT_FALSE(reason_of(outcome).empty());
    }
    for (const std::string msisdn : {"", "214555010", "2145550100/..", "442079460000"}) {
        Line line = model_line();
        line.msisdn = msisdn;
        const Outcome outcome =
            ask(account, StatusChange{"Suspended"}, never, fresh(), line).outcome;
        EXPECT_EQ(kind_of(outcome), "refused") << msisdn;
    }
}

TEST(TelegenceStatus, a_line_that_was_cancelled_meanwhile_needs_a_new_activation) {
    for (const std::string status :
         {"Deactivated", "Cancelled", "Inventory", "Pending Activation"}) {
        const Outcome outcome =
            ask(model_account(), StatusChange{"Active"}, never, fresh(), model_line(status))
                .outcome;
        ASSERT_EQ(kind_of(outcome), "refused") << status;
        EXPECT_EQ(std::get<Refused>(outcome).failure, FailureClass::business);
        EXPECT_NE(reason_of(outcome).find("a new activation is needed"), std::string::npos);
    }
}

TEST(TelegenceLine, with_writes_disabled_it_reads_and_sends_nothing) {
    Account account = model_account();
    account.write_is_enabled = false;
    EXPECT_EQ(reason_of(ask(account, StatusChange{"Suspended"}, never).outcome), kWritesDisabled);
    TelegenceModel model;
    const auto answer = [&](const Call& call) { return model.answer(call, Fault::none); };
    const Played played = ask(account, StatusChange{"Suspended"}, answer, resolving(true));
    EXPECT_EQ(reason_of(played.outcome), kWritesDisabled);
    EXPECT_EQ(model.writes_done, 0);
}

// --- changes that Telegence keeps for a later day ---

Attempt waiting(const base::json::value& progress, std::chrono::hours after) {
    Attempt attempt = fresh();
    attempt.now = kModelNow + after;
    attempt.waiting = true;
    attempt.progress = progress;
    return attempt;
}

TEST(TelegenceSchedule, a_later_day_is_kept_by_the_carrier_and_waited_for) {
    const Account account = model_account();
    const auto exchange = carrier().exchange(account, model_line(), on_the_tenth(), fresh());
    TelegenceModel model;
    const Played played =
        play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
    ASSERT_EQ(kind_of(played.outcome), "pending");
    EXPECT_EQ(played.calls.front().body,
              R"({"effectiveDate":"2026-03-10Z",)" + pairs({{"singleUserCode", "NEW"}}) + '}');
    const auto& pending = std::get<Pending>(played.outcome);
    EXPECT_EQ(pending.reference, "");
    EXPECT_EQ(pending.ask_again_after, std::chrono::hours(8 * 24 + 12));
    EXPECT_EQ(model.plan, "OLD");
    const base::json::value progress = exchange->progress();
    EXPECT_EQ(progress, (base::json::value{{"scheduledFor", "2026-03-10Z"}}));

    // Asked too early, nothing is read.
    const Played early =
        ask(account, on_the_tenth(), never, waiting(progress, std::chrono::hours(24)));
    ASSERT_EQ(kind_of(early.outcome), "pending");
    model.day_comes("2026-03-10Z");
    const Played late =
        ask_model(model, on_the_tenth(), waiting(progress, std::chrono::hours(210)));
    EXPECT_EQ(kind_of(late.outcome), "applied");
    EXPECT_EQ(late.calls.size(), 1u);
    EXPECT_FALSE(late.calls.front().changes_state);
}

TEST(TelegenceSchedule, a_date_without_a_time_is_that_day_in_every_time_zone) {
    const Account account = model_account({{"utcOffsetHours", -6}});
    const auto day_sent = [&](base::Instant date) {
        const Played played = ask(account, RatePlanChange{"NEW", "", std::nullopt, "", date},
                                  [](const Call&) { return answered(200, "{}"); });
        return played.calls.front().body.substr(0, 30);
    };
    const base::Instant tenth = *on_the_tenth().effective_date;
    EXPECT_EQ(day_sent(tenth), R"({"effectiveDate":"2026-03-10Z")");
    EXPECT_EQ(day_sent(tenth + std::chrono::hours(3)), R"({"effectiveDate":"2026-03-09Z")");
}

TEST(TelegenceSchedule, while_waiting_nothing_is_ever_sent_and_no_failed_reading_ends_it) {
    struct Row {
        http::ClientResponse reading;
        std::chrono::hours after;
        std::string_view outcome;
    };
    constexpr std::chrono::hours kSoonAfter{205};
    constexpr std::chrono::hours kLongAfter{260};
    const Row rows[] = {
        {answered(200, line_as_wanted()), kSoonAfter, "applied"},
        {answered(200, line_as_before()), kSoonAfter, "pending"},
        {answered(200, line_as_before()), kLongAfter, "unknown"},
        {answered(200, line_json("C", "OLD", "", "1", "1")), kSoonAfter, "refused"},
        {answered(200, "{}"), kLongAfter, "not_sent"},
        {answered(400), kLongAfter, "not_sent"},
        {answered(401), kLongAfter, "not_sent"},
        {answered(429), kLongAfter, "not_sent"},
        {answered(503), kLongAfter, "not_sent"},
        {failed(http::Transport::timeout), kLongAfter, "not_sent"},
    };
    const base::json::value progress = {{"scheduledFor", "2026-03-10Z"}};
    const Account account = model_account();
    for (const Row& row : rows) {
        const auto exchange =
            carrier().exchange(account, model_line(), on_the_tenth(), waiting(progress, row.after));
        const Played played = play(*exchange, [&](const Call& call) {
            EXPECT_FALSE(call.changes_state);
            return row.reading;
        });
        EXPECT_EQ(kind_of(played.outcome), row.outcome) << row.reading.status << row.after.count();
        EXPECT_EQ(exchange->progress(), progress);
    }
}

TEST(TelegenceSchedule, a_change_that_the_carrier_forgot_is_sent_again_for_today) {
    TelegenceModel model;
    model.today = "2026-03-12Z";
    Attempt attempt = resolving(true);
    attempt.now = kModelNow + std::chrono::hours(11 * 24);
    attempt.progress = {{"scheduledFor", "2026-03-10Z"}};
    const Played played = ask_model(model, on_the_tenth(), attempt);
    ASSERT_EQ(kind_of(played.outcome), "applied");
    EXPECT_NE(played.calls.back().body.find("2026-03-12Z"), std::string::npos);
    EXPECT_EQ(model.plan, "NEW");
}

}  // namespace
}  // namespace carryall::carriers::telegence
