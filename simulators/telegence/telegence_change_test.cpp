// Changes of a line: what is carried out at once, on a later day, or not at all.
#include "telegence/days.hpp"
#include "telegence/telegence_fixture.hpp"

namespace carryall::simulators {
namespace {

constexpr std::int64_t kDayMillis = 86'400'000;

class TelegenceChangeTest : public TelegenceTest {
  protected:
    // The simulator's day that lies so many days ahead.
    std::string day_ahead(int days) {
        std::string out;
        telegence::append_day(out, *telegence::parse_day(today()) + days);
        return out;
    }
};

TEST_F(TelegenceChangeTest, a_plan_change_of_today_holds_at_once) {
    load_lines(1);
    const Answer answer = change(plan_change("PLAN5GB", today()));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(pair(answer.json(), "singleUserCode"), "PLAN5GB");
    EXPECT_EQ(pair(details().json(), "singleUserCode"), "PLAN5GB");
    auto entry = ledger("system=telegence").at(1);
    EXPECT_EQ(text(entry["action"]), "line_change");
    EXPECT_EQ(text(entry["key"]), "2145550100");
    EXPECT_EQ(entry["performed"], true);
    EXPECT_EQ(entry["changed"], true);
    EXPECT_EQ(text(entry["fields"].at("singleUserCode")), "PLAN5GB");
    EXPECT_EQ(change(plan_change("PLAN5GB", "")).status, 200);
    EXPECT_EQ(last_entry()["changed"], false) << "the same value again is no error";
}

TEST_F(TelegenceChangeTest, a_change_of_a_later_day_waits_for_it) {
    load_lines(1);
    const std::string day = day_ahead(2);
    const Answer answer = change(plan_change("PLAN5GB", day));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(pair(answer.json(), "singleUserCode"), "PLAN1GB");
    EXPECT_EQ(last_entry()["fields"].at("scheduled"), true);
    EXPECT_EQ(truth()["scheduledChanges"], 1);
    advance_millis(kDayMillis / 2);
    EXPECT_EQ(pair(details().json(), "singleUserCode"), "PLAN1GB");
    advance_millis(kDayMillis * 3 / 2);
    const auto body = details().json();
    EXPECT_EQ(pair(body, "singleUserCode"), "PLAN5GB");
    EXPECT_EQ(pair(body, "effectiveDate"), day);
    const auto summary = summary_of("telegence", "scheduled_change");
    EXPECT_EQ(summary.at("performed"), 1);
    EXPECT_EQ(truth()["scheduledChanges"], 0);
}

TEST_F(TelegenceChangeTest, a_waiting_change_of_a_line_that_was_cancelled_is_dropped) {
    load_lines(1);
    EXPECT_EQ(change(plan_change("PLAN5GB", day_ahead(1))).status, 200);
    EXPECT_EQ(change(status_change("C")).status, 200);
    advance_millis(kDayMillis);
    EXPECT_EQ(truth_of("plan"), "PLAN1GB");
    auto entry = last_entry();
    EXPECT_EQ(text(entry["action"]), "scheduled_change");
    EXPECT_EQ(entry["performed"], false);
    EXPECT_EQ(text(entry["fields"].at("dropped")), "Subscriber is cancelled");
}

TEST_F(TelegenceChangeTest, features_are_added_and_removed_in_one_call) {
    load_lines(1, R"("features":["FEATA"])");
    const Answer answer = change(
        R"({"effectiveDate":"","serviceCharacteristic":[)"
        R"({"name":"addOfferingCode","value":"FEATB"},{"name":"addOfferingCode","value":"FEATC"},)"
        R"({"name":"removeOfferingCode","value":"FEATA"}]})");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(pair(answer.json(), "offeringCode1"), "FEATB");
    EXPECT_EQ(pair(answer.json(), "offeringCode2"), "FEATC");
    EXPECT_EQ(pair(answer.json(), "offeringCode3"), "-");
    EXPECT_EQ(last_entry()["fields"].at("addOfferingCode").as_array().size(), 2U);
    EXPECT_EQ(change(R"({"serviceCharacteristic":[{"name":"removeOfferingCode","value":"FEATA"}]})")
                  .status,
              200)
        << "what is gone may be removed again";
    EXPECT_EQ(last_entry()["changed"], false);
}

TEST_F(TelegenceChangeTest, status_goes_from_active_to_suspended_and_back_and_ends_cancelled) {
    load_lines(1);
    EXPECT_EQ(pair(change(status_change("S")).json(), "subscriberStatus"), "S");
    EXPECT_EQ(pair(details().json(), "statusReasonCode"), "CR");
    EXPECT_EQ(change(status_change("S")).status, 200);
    EXPECT_EQ(last_entry()["changed"], false);
    set_knobs(R"({"acceptRepeatedStatus":false})");
    expect_description(change(status_change("S")), 400, "already");
    EXPECT_EQ(pair(change(status_change("R")).json(), "subscriberStatus"), "A");
    EXPECT_EQ(pair(change(status_change("C")).json(), "subscriberStatus"), "C");
    for (const std::string_view mode : {"R", "S", "C"}) {
        expect_description(change(status_change(mode)), 400, "cancelled");
    }
    EXPECT_EQ(change(plan_change("PLAN5GB", "")).status, 400);
    EXPECT_EQ(pair(details().json(), "subscriberStatus"), "C") << "details still tell of it";
}

TEST_F(TelegenceChangeTest, equipment_moves_a_line_to_another_sim) {
    load_lines(2);
    expect_description(change(equipment_change("89010300000000000011", "350000000000099")), 400,
                       "in use");
    const Answer answer = change(equipment_change("89010300000000000999", "350000000000099"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(pair(answer.json(), "sim"), "89010300000000000999");
    EXPECT_EQ(pair(answer.json(), "BLIMEI"), "350000000000099");
    EXPECT_EQ(pair(answer.json(), "serviceZipCode"), "75002");
    EXPECT_EQ(text(last_entry()["fields"].at("reasonCode")), "CUST_OWN_EQU");
    EXPECT_EQ(truth_of("subscriberNumber", "89010300000000000999"), "2145550100");
    EXPECT_EQ(
        change(equipment_change("89010300000000000010", "350000000000098"), "2145550101").status,
        200)
        << "the old SIM is free";
    EXPECT_EQ(change(equipment_change("8901", "350000000000099")).status, 400);
}

TEST_F(TelegenceChangeTest, a_sim_that_needs_an_esim_profile_is_refused_with_its_own_sign) {
    load_lines(1);
    set_knobs(R"({"esimOnlyPrefix":"8903"})");
    const Answer answer = change(equipment_change("89030300000000000001", "350000000000099"));
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(text(answer.json().at("description")), "/service/");
    EXPECT_EQ(text(answer.json().at("id")).size(), 36U);
    EXPECT_EQ(truth_of("iccid"), "89010300000000000010");
}

TEST_F(TelegenceChangeTest, what_the_carrier_does_not_understand_is_refused) {
    load_lines(1);
    const std::pair<std::string, std::string_view> cases[] = {
        {plan_change("NOPLAN", ""), "singleUserCode: NOPLAN"},
        {plan_change("PLAN5GB", "2026-03-01"), "effectiveDate"},
        {plan_change("PLAN5GB", "2026-02-30Z"), "effectiveDate"},
        {R"({"mode":"A","reasonCode":"CR"})", "mode"},
        {R"({"mode":"S"})", "reasonCode"},
        {R"({"mode":"S","reasonCode":"A LONG REASON CODE"})", "reasonCode"},
        {R"({"serviceCharacteristic":[{"name":"typo","value":"x"}]})", "typo"},
        {R"({"serviceCharacteristic":{"name":"sim"}})", "serviceCharacteristic"},
        {R"({"effectiveDate":""})", "Nothing to change"},
        {"[]", "JSON object"},
        {"{", "JSON object"}};
    for (const auto& [body, words] : cases) {
        const Answer answer = change(body);
        expect_description(answer, 400, words);
        EXPECT_EQ(text(answer.json().at("responseMessage")), "Bad Request");
        EXPECT_EQ(last_entry()["performed"], false) << body;
    }
    EXPECT_EQ(truth_of("plan"), "PLAN1GB");
}

TEST_F(TelegenceChangeTest, the_answer_to_a_change_may_be_thin_or_no_json) {
    load_lines(1);
    set_knobs(R"({"patchAnswer":"thin"})");
    Answer answer = change(plan_change("PLAN5GB", ""));
    EXPECT_EQ(answer.body, R"({"subscriberNumber":"2145550100"})");
    set_knobs(R"({"patchAnswer":"empty"})");
    answer = change(plan_change("PLAN100MB", ""));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "");
    set_knobs(R"({"patchAnswer":"text"})");
    answer = change(plan_change("PLAN1GB", ""));
    EXPECT_EQ(answer.header("Content-Type"), "text/plain");
    EXPECT_EQ(answer.body, "Request accepted");
    EXPECT_EQ(admin("POST", "telegence/knobs", R"({"patchAnswer":"typo"})").status, 400);
}

TEST_F(TelegenceChangeTest, an_answer_may_be_lost_after_the_change) {
    load_lines(1);
    set_faults("telegence",
               R"([{"match":{"action":"line_change"},"fault":"execute_then_reset","limit":1},)"
               R"({"match":{"action":"line_change"},"fault":"execute_then_500","limit":1}])");
    EXPECT_EQ(change(plan_change("PLAN5GB", "")).status, 0);
    EXPECT_EQ(truth_of("plan"), "PLAN5GB");
    client_.reset();
    expect_description(change(plan_change("PLAN100MB", "")), 500, "");
    EXPECT_EQ(truth_of("plan"), "PLAN100MB");
}

}  // namespace
}  // namespace carryall::simulators
