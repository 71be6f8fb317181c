// Telegence's lines as its wire format says: credentials, error shapes, line details, changes now
// and on a later day, the paged list, and the knobs.
#include "telegence/days.hpp"
#include "telegence/digits.hpp"
#include "telegence/telegence_fixture.hpp"

namespace carryall::simulators {
namespace {

constexpr std::int64_t kDayMillis = 86'400'000;

std::string plan_change(std::string_view plan, std::string_view date) {
    return R"({"effectiveDate":")" + std::string(date) +
           R"(","serviceCharacteristic":[{"name":"singleUserCode","value":")" + std::string(plan) +
           "\"}]}";
}

std::string status_change(std::string_view mode) {
    return R"({"mode":")" + std::string(mode) + R"(","reasonCode":"CR"})";
}

std::string equipment_change(std::string_view sim, std::string_view imei) {
    return R"({"serviceCharacteristic":[{"name":"reasonCode","value":"CUST_OWN_EQU"},)"
           R"({"name":"serviceZipCode","value":"75002"},{"name":"technologyType","value":"LTE"},)"
           R"({"name":"IMEI","value":")" +
           std::string(imei) + R"("},{"name":"sim","value":")" + std::string(sim) + "\"}]}";
}

class TelegenceLineTest : public TelegenceTest {
  protected:
    // The simulator's day that lies so many days ahead.
    std::string day_ahead(int days) {
        std::string out;
        telegence::append_day(out, *telegence::parse_day(today()) + days);
        return out;
    }
    void expect_description(const Answer& answer, int status, std::string_view words) {
        EXPECT_EQ(answer.status, status);
        const auto body = answer.json().as_object();
        const std::string found =
            text(body.at(body.contains("description") ? "description" : "errorDescription"));
        EXPECT_NE(found.find(words), std::string::npos) << found;
    }
};

TEST_F(TelegenceLineTest, both_headers_are_needed) {
    load_lines(1);
    const std::string target = "/telegence" + std::string(kLinePath) + "2145550100";
    const Answer none = client().request("GET", target);
    EXPECT_EQ(none.status, 401);
    EXPECT_EQ(text(none.json().at("responseMessage")), "Unauthorized");
    EXPECT_TRUE(none.json().as_object().contains("errorDescription"));
    EXPECT_EQ(client().request("GET", target, "", "app-id: telegence-sim-app\r\n").status, 401);
    EXPECT_EQ(client()
                  .request("GET", target, "", "app-id: telegence-sim-app\r\napp-secret: wrong\r\n")
                  .status,
              401);
    EXPECT_EQ(details().status, 200);
}

TEST_F(TelegenceLineTest, details_are_pairs_of_names_and_values) {
    load_lines(1, R"("features":["FEATA","FEATB"],"dataGroup":"POOL7")");
    const auto body = details().json();
    EXPECT_EQ(text(body.at("subscriberNumber")), "2145550100");
    EXPECT_EQ(pair(body, "subscriberStatus"), "A");
    EXPECT_EQ(pair(body, "singleUserCode"), "PLAN1GB");
    EXPECT_EQ(pair(body, "sim"), "89010300000000000010");
    EXPECT_EQ(pair(body, "BLIMEI"), "350000000000010");
    EXPECT_EQ(pair(body, "billingAccountNumber"), "287000000001");
    EXPECT_EQ(pair(body, "statusEffectiveDate"), today());
    EXPECT_EQ(pair(body, "offeringCode1"), "FEATA");
    EXPECT_EQ(pair(body, "offeringCode2"), "FEATB");
    EXPECT_EQ(pair(body, "offeringEffectiveDate2"), today());
    EXPECT_EQ(pair(body, "dataGroupIDCode1"), "POOL7");
    EXPECT_EQ(pair(body, "ipAddress"), "-") << "only a line with a static address has it";
}

TEST_F(TelegenceLineTest, an_unknown_line_is_told_with_an_id_and_a_description) {
    load_lines(1);
    const Answer answer = details("2145559999");
    expect_description(answer, 404, "not found");
    EXPECT_EQ(text(answer.json().at("id")).size(), 36U);
    expect_description(details("214555"), 400, "10 digits");
    expect_description(call("GET", "/sp/nothing"), 404, "not found");
    EXPECT_EQ(call("DELETE", std::string(kLinePath) + "2145550100").status, 405);
}

TEST_F(TelegenceLineTest, a_plan_change_of_today_holds_at_once) {
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

TEST_F(TelegenceLineTest, a_change_of_a_later_day_waits_for_it) {
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

TEST_F(TelegenceLineTest, a_waiting_change_of_a_line_that_was_cancelled_is_dropped) {
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

TEST_F(TelegenceLineTest, features_are_added_and_removed_in_one_call) {
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

TEST_F(TelegenceLineTest, status_goes_from_active_to_suspended_and_back_and_ends_cancelled) {
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

TEST_F(TelegenceLineTest, equipment_moves_a_line_to_another_sim) {
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

TEST_F(TelegenceLineTest, a_sim_that_needs_an_esim_profile_is_refused_with_its_own_sign) {
    load_lines(1);
    set_knobs(R"({"esimOnlyPrefix":"8903"})");
    const Answer answer = change(equipment_change("89030300000000000001", "350000000000099"));
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(text(answer.json().at("description")), "/service/");
    EXPECT_EQ(text(answer.json().at("id")).size(), 36U);
    EXPECT_EQ(truth_of("iccid"), "89010300000000000010");
}

TEST_F(TelegenceLineTest, what_the_carrier_does_not_understand_is_refused) {
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

TEST_F(TelegenceLineTest, the_answer_to_a_change_may_be_thin_or_no_json) {
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

TEST_F(TelegenceLineTest, a_missing_back_end_is_told_in_plain_text) {
    load_lines(1);
    set_faults("telegence", R"([{"fault":"503","limit":1}])");
    Answer answer = change(plan_change("PLAN5GB", ""));
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.body, "A Resource Required By Service Is Not Available");
    EXPECT_EQ(answer.header("Content-Type"), "text/plain");
    EXPECT_EQ(truth_of("plan"), "PLAN1GB");
    set_knobs(R"({"unavailable":true})");
    EXPECT_EQ(details().body, "A Resource Required By Service Is Not Available");
    set_knobs(R"({"plainText503":false})");
    expect_description(details(), 503, "Not Available");
    set_knobs(R"({"unavailable":false})");
    EXPECT_EQ(details().status, 200);
}

TEST_F(TelegenceLineTest, an_answer_may_be_lost_after_the_change) {
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

TEST_F(TelegenceLineTest, details_may_be_stale) {
    load_lines(1);
    set_faults("telegence", R"([{"match":{"action":"line_details"},"fault":"stale_read",)"
                            R"("milliseconds":60000}])");
    EXPECT_EQ(change(plan_change("PLAN5GB", "")).status, 200);
    EXPECT_EQ(pair(details().json(), "singleUserCode"), "PLAN1GB");
    advance_millis(61'000);
    EXPECT_EQ(pair(details().json(), "singleUserCode"), "PLAN5GB");
}

TEST_F(TelegenceLineTest, calls_a_second_are_limited_for_each_app_id) {
    options_.telegence.requests_per_second = 3;
    load_lines(1);
    ASSERT_EQ(admin("POST", "telegence/accounts",
                    R"({"appId":"second","appSecret":"s2","bans":["287000000009"]})")
                  .status,
              200);
    Answer answer;
    until([&] {
        answer = details();
        return answer.status == 429;
    });
    EXPECT_EQ(answer.header("Retry-After"), "1");
    EXPECT_TRUE(answer.json().as_object().contains("errorDescription"));
    EXPECT_EQ(client()
                  .request("GET", "/telegence" + std::string(kListPath), "",
                           "app-id: second\r\napp-secret: s2\r\n")
                  .status,
              200);
    advance_millis(1000);
    EXPECT_EQ(details().status, 200);
    set_knobs(R"({"retryAfter":false,"requestsPerSecond":1})");
    until([&] {
        answer = details();
        return answer.status == 429;
    });
    EXPECT_EQ(answer.header("Retry-After"), "");
}

TEST_F(TelegenceLineTest, the_list_is_paged_by_headers_and_leaves_cancelled_lines_out) {
    load_lines(5);
    change(status_change("C"), "2145550101");
    change(status_change("S"), "2145550102");
    Answer answer = call("GET", kListPath, "", "current-page: 1\r\npage-size: 3\r\n");
    EXPECT_EQ(answer.header("page-total"), "2");
    EXPECT_EQ(answer.header("refresh-timestamp").size(), 20U);
    auto rows = answer.json().as_array();
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(text(rows[0].at("foundationAccountNumber")), "000055500001");
    EXPECT_EQ(text(rows[0].at("billingAccountNumber")), "287000000001");
    EXPECT_EQ(text(rows[1].at("subscriberNumber")), "2145550102");
    EXPECT_EQ(text(rows[1].at("subscriberNumberStatus")), "S");
    answer = call("GET", kListPath, "", "current-page: 2\r\npage-size: 3\r\n");
    rows = answer.json().as_array();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(text(rows[0].at("subscriberNumber")), "2145550104");
    EXPECT_EQ(call("GET", kListPath, "", "current-page: 3\r\npage-size: 3\r\n").body, "[]");
    EXPECT_EQ(call("GET", kListPath).json().as_array().size(), 4U);
    EXPECT_EQ(call("GET", kListPath, "", "current-page: 0\r\n").status, 400);
    EXPECT_EQ(call("GET", kListPath, "", "page-size: all\r\n").status, 400);
    set_knobs(R"({"pageCap":2})");
    EXPECT_EQ(call("GET", kListPath, "", "page-size: 200\r\n").header("page-total"), "2");
}

TEST_F(TelegenceLineTest, pages_far_behind_come_in_order_across_accounts) {
    load_lines(5000);
    ASSERT_EQ(admin("POST", "telegence/accounts",
                    R"({"appId":"second","appSecret":"s2","bans":["287000000009"],"fan":"7"})")
                  .status,
              200);
    ASSERT_EQ(admin("POST", "telegence/line/2145550100", R"({"ban":"287000000009"})").status, 200);
    ASSERT_EQ(admin("POST", "telegence/line/2145554000", R"({"status":"C"})").status, 200);
    const Answer answer = call("GET", kListPath, "", "current-page: 5\r\npage-size: 1000\r\n");
    EXPECT_EQ(answer.header("page-total"), "5");
    const auto rows = answer.json().as_array();
    ASSERT_EQ(rows.size(), 998U);
    EXPECT_EQ(text(rows[0].at("subscriberNumber")), "2145554102");
    const Answer other = client().request("GET", "/telegence" + std::string(kListPath), "",
                                          "app-id: second\r\napp-secret: s2\r\n");
    ASSERT_EQ(other.json().as_array().size(), 1U);
    EXPECT_EQ(text(other.json().at(0).at("foundationAccountNumber")), "7");
    EXPECT_EQ(details().status, 404) << "the line is another app id's now";
}

TEST_F(TelegenceLineTest, a_billing_account_tells_its_status_and_fan) {
    start();
    const auto body = call("GET", std::string(kBanPath) + "287000000001").json();
    EXPECT_EQ(text(body.at("status")), "Active");
    EXPECT_EQ(text(body.at("businessAccount").at("fan")), "000055500001");
    expect_description(call("GET", std::string(kBanPath) + "1"), 404, "not found");
    load_lines(1);
    EXPECT_EQ(call("GET", "/sp/mobility/usage/api/v1/service/2145550100").status, 200);
}

TEST_F(TelegenceLineTest, names_of_answers_may_come_in_another_casing) {
    load_lines(1);
    set_knobs(R"({"answerCasing":"PascalCase"})");
    const Answer answer = call("GET", kListPath);
    EXPECT_TRUE(answer.json().at(0).as_object().contains("SubscriberNumber"));
    EXPECT_EQ(answer.header("Page-total"), "1");
    set_knobs(R"({"answerCasing":"UPPERCASE"})");
    const auto body = details().json();
    EXPECT_EQ(text(body.at("SERVICECHARACTERISTIC").at(0).at("NAME")), "subscriberStatus");
    EXPECT_TRUE(details("1").json().as_object().contains("ERRORDESCRIPTION"));
}

TEST_F(TelegenceLineTest, fleets_load_by_named_columns_or_by_digits) {
    const auto load = [this](std::string_view csv) {
        return admin("POST", "telegence/fleet", csv).json();
    };
    auto report = load(
        "name,Status,plan,ICCID,subscriberNumber,IMEI\r\n"
        "a,S,PLAN5GB,89010300000000000001,2025550001,350000000000001\r\n"
        "b,A,NOPLAN,89010300000000000002,2025550002,\r\n"
        "c,,,\"8901030000000000003\",,\r\n");
    EXPECT_EQ(report.at("loaded"), 2);
    EXPECT_EQ(report.at("skipped"), 1) << "the plan is unknown";
    EXPECT_EQ(truth_of("status", "2025550001"), "S");
    EXPECT_EQ(truth_of("plan", "89010300000000000001"), "PLAN5GB");
    EXPECT_EQ(truth_of("subscriberNumber", "8901030000000000003"), "2145550100")
        << "a line without a number gets the next free one";
    report = load("89010300000000000004;2025550004\n89010300000000000001;2025550005\n");
    EXPECT_EQ(report.at("loaded"), 1);
    EXPECT_EQ(report.at("skipped"), 1) << "the SIM is in use";
    EXPECT_EQ(admin("POST", "telegence/fleet", R"({"firstIccid":"1"})").status, 400);
    EXPECT_EQ(
        admin("POST", "telegence/fleet", R"({"firstIccid":"89010300000000000004","plan":"?"})")
            .status,
        400);
}

TEST_F(TelegenceLineTest, a_line_can_change_behind_the_clients_back) {
    load_lines(2);
    ASSERT_EQ(
        admin("POST", "telegence/line/2145550100",
              R"({"status":"S","plan":"PLAN5GB","addFeature":"FEATB","imei":"350000000000099"})")
            .status,
        200);
    const auto body = details().json();
    EXPECT_EQ(pair(body, "subscriberStatus"), "S");
    EXPECT_EQ(pair(body, "singleUserCode"), "PLAN5GB");
    EXPECT_EQ(pair(body, "offeringCode1"), "FEATB");
    EXPECT_EQ(pair(body, "BLIMEI"), "350000000000099");
    EXPECT_EQ(
        admin("POST", "telegence/line/2145550100", R"({"iccid":"89010300000000000011"})").status,
        400)
        << "another line has it";
    EXPECT_EQ(admin("POST", "telegence/line/2145550100", R"({"typo":"x"})").status, 400);
    EXPECT_EQ(admin("GET", "telegence/line/1").status, 404);
}

TEST_F(TelegenceLineTest, plans_are_added_and_a_reset_forgets_them) {
    load_lines(1);
    ASSERT_EQ(admin("POST", "telegence/catalogue", R"({"plans":[{"code":"P9"}]})").status, 200);
    EXPECT_EQ(change(plan_change("P9", "")).status, 200);
    EXPECT_EQ(admin("GET", "telegence/catalogue").json().at("plans").as_array().size(), 5U);
    EXPECT_EQ(admin("POST", "telegence/catalogue", R"({"plans":[{}]})").status, 400);
    admin("POST", "reset");
    EXPECT_EQ(details().status, 404);
    EXPECT_EQ(admin("GET", "telegence/catalogue").json().at("plans").as_array().size(), 4U);
}

TEST(TelegenceDigitsTest, identifiers_of_twenty_digits_keep_every_digit) {
    const auto last = telegence::parse_digits("89999999999999999999", 19, 20);
    ASSERT_TRUE(last);
    EXPECT_EQ(telegence::text_of(*last), "89999999999999999999");
    EXPECT_EQ(telegence::text_of(telegence::after(*last, 1)), "90000000000000000000");
    const auto zeros = telegence::parse_digits("0012345678901234", 14, 16);
    ASSERT_TRUE(zeros);
    EXPECT_EQ(telegence::text_of(*zeros), "0012345678901234");
    EXPECT_FALSE(telegence::parse_digits("8901x", 5, 5));
    EXPECT_FALSE(telegence::parse_digits("8901", 5, 5));
}

TEST(TelegenceDaysTest, a_day_is_written_with_a_literal_z) {
    const auto day = telegence::parse_day("2028-02-29Z");
    ASSERT_TRUE(day);
    std::string out;
    telegence::append_day(out, *day);
    EXPECT_EQ(out, "2028-02-29Z");
    EXPECT_EQ(telegence::first_of_next_month(*telegence::parse_day("2027-12-31Z")),
              *telegence::parse_day("2028-01-01Z"));
    for (const std::string_view wrong : {"2026-02-29Z", "2026-3-01Z", "2026-03-01", "20260301Z"}) {
        EXPECT_FALSE(telegence::parse_day(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace carryall::simulators
