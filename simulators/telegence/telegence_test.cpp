// Telegence's wire format: credentials, limits, error shapes, line details, the paged list, and the
// admin routes.
#include "telegence/days.hpp"
#include "telegence/digits.hpp"
#include "telegence/telegence_fixture.hpp"

namespace carryall::simulators {
namespace {

class TelegenceWireTest : public TelegenceTest {};

TEST_F(TelegenceWireTest, both_headers_are_needed) {
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

TEST_F(TelegenceWireTest, details_are_pairs_of_names_and_values) {
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

TEST_F(TelegenceWireTest, an_unknown_line_is_told_with_an_id_and_a_description) {
    load_lines(1);
    const Answer answer = details("2145559999");
    expect_description(answer, 404, "not found");
    EXPECT_EQ(text(answer.json().at("id")).size(), 36U);
    expect_description(details("214555"), 400, "10 digits");
    expect_description(call("GET", "/sp/nothing"), 404, "not found");
    EXPECT_EQ(call("DELETE", std::string(kLinePath) + "2145550100").status, 405);
}

TEST_F(TelegenceWireTest, a_missing_back_end_is_told_in_plain_text) {
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

TEST_F(TelegenceWireTest, details_may_be_stale) {
    load_lines(1);
    set_faults("telegence", R"([{"match":{"action":"line_details"},"fault":"stale_read",)"
                            R"("milliseconds":60000}])");
    EXPECT_EQ(change(plan_change("PLAN5GB", "")).status, 200);
    EXPECT_EQ(pair(details().json(), "singleUserCode"), "PLAN1GB");
    advance_millis(61'000);
    EXPECT_EQ(pair(details().json(), "singleUserCode"), "PLAN5GB");
}

TEST_F(TelegenceWireTest, calls_a_second_are_limited_for_each_app_id) {
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

TEST_F(TelegenceWireTest, the_list_is_paged_by_headers_and_leaves_cancelled_lines_out) {
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

TEST_F(TelegenceWireTest, pages_far_behind_come_in_order_across_accounts) {
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

TEST_F(TelegenceWireTest, a_billing_account_tells_its_status_and_fan) {
    start();
    const auto body = call("GET", std::string(kBanPath) + "287000000001").json();
    EXPECT_EQ(text(body.at("status")), "Active");
    EXPECT_EQ(text(body.at("businessAccount").at("fan")), "000055500001");
    expect_description(call("GET", std::string(kBanPath) + "1"), 404, "not found");
    load_lines(1);
    EXPECT_EQ(call("GET", "/sp/mobility/usage/api/v1/service/2145550100").status, 200);
}

TEST_F(TelegenceWireTest, names_of_answers_may_come_in_another_casing) {
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

TEST_F(TelegenceWireTest, fleets_load_by_named_columns_or_by_digits) {
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

TEST_F(TelegenceWireTest, a_line_can_change_behind_the_clients_back) {
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

TEST_F(TelegenceWireTest, plans_are_added_and_a_reset_forgets_them) {
    load_lines(1);
    ASSERT_EQ(admin("POST", "telegence/catalogue", R"({"plans":[{"code":"P9"}]})").status, 200);
    EXPECT_EQ(change(plan_change("P9", "")).status, 200);
    EXPECT_EQ(admin("GET", "telegence/catalogue").json().at("plans").as_array().size(), 5U);
    EXPECT_EQ(admin("POST", "telegence/catalogue", R"({"plans":[{}]})").status, 400);
    admin("POST", "reset");
    EXPECT_EQ(details().status, 404);
    EXPECT_EQ(admin("GET", "telegence/catalogue").json().at("plans").as_array().size(), 4U);
}

TEST_F(TelegenceWireTest, calls_in_flight_can_be_limited) {
    load_lines(1);
    set_knobs(R"({"callsInFlight":1})");
    EXPECT_EQ(details().status, 200);
    set_faults("telegence", R"([{"match":{"action":"line_change"},"fault":"latency",)"
                            R"("milliseconds":3600000}])");
    TestClient own(simulator_->port());
    const std::string body = plan_change("PLAN5GB", "");
    own.send("PATCH /telegence" + std::string(kLinePath) + "2145550100 HTTP/1.1\r\nHost: x\r\n" +
             credentials() + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    until([&] { return truth_of("plan") == "PLAN5GB"; });
    EXPECT_EQ(details().status, 429);
    advance_millis(3'600'000);
    EXPECT_EQ(own.read().status, 200);
    EXPECT_EQ(details().status, 200);
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
