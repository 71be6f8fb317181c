// Calls a second, calls in flight, the throttled answer, source addresses, and faults in Jasper's
// own shapes.
#include "jasper/jasper_fixture.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::int64_t kHourMillis = 3'600'000;
constexpr std::string_view kDeactivate = R"({"status":"DEACTIVATED"})";
constexpr std::string_view kHourOfLatency = R"([{"fault":"latency","milliseconds":3600000}])";

class JasperLimitsTest : public JasperFixture {
  protected:
    void wait_for_edits(int count) {
        until([&] {
            const auto summary = summary_of("jasper", "edit_device");
            return summary.contains("received") && summary.at("received") == count;
        });
    }
    int echo() { return jasper("GET", "echo/x").status; }
};

TEST_F(JasperLimitsTest, five_calls_in_a_window_and_no_sixth) {
    options_.jasper.calls_per_second = 5;
    start();
    set_knobs(R"({"windowMillis":3600000})");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(echo(), 200);
    expect_error(jasper("GET", "echo/x"), 429, "40000029");
    advance_millis(kHourMillis);
    EXPECT_EQ(echo(), 200);
}

TEST_F(JasperLimitsTest, each_user_has_its_own_limits) {
    options_.jasper.calls_per_second = 1;
    start();
    set_knobs(R"({"windowMillis":3600000})");
    post("users", R"([{"user":"b","key":"k"},{"user":"c","key":"k","requestsPerSecond":0}])");
    EXPECT_EQ(echo(), 200);
    EXPECT_EQ(echo(), 429);
    headers_ = as_user("b", "k");
    EXPECT_EQ(echo(), 200);
    EXPECT_EQ(echo(), 429);
    headers_ = as_user("c", "k");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(echo(), 200);
}

TEST_F(JasperLimitsTest, the_throttled_answer_is_configurable) {
    options_.jasper.calls_per_second = 1;
    start();
    set_knobs(R"({"windowMillis":3600000,"throttle":{"status":503,"errorCode":"30000001",
                  "errorMessage":"Too many","retryAfter":4}})");
    echo();
    const Answer answer = jasper("GET", "echo/x");
    expect_error(answer, 503, "30000001");
    EXPECT_EQ(text(answer.json().at("errorMessage")), "Too many");
    EXPECT_EQ(answer.header("Retry-After"), "4");
    set_knobs(R"({"throttle":{"errorCode":"","retryAfter":0}})");
    const Answer bare = jasper("GET", "echo/x");
    EXPECT_EQ(bare.body, R"({"errorMessage":"Too many"})");
    EXPECT_EQ(bare.header("Retry-After"), "");
    set_knobs(R"({"requestsPerSecond":0})");
    set_faults("jasper", R"([{"fault":"429","retryAfterSeconds":9}])");
    const Answer injected = jasper("GET", "echo/x");
    EXPECT_EQ(injected.status, 503) << "an injected 429 looks like the throttled answer";
    EXPECT_EQ(injected.header("Retry-After"), "9");
}

TEST_F(JasperLimitsTest, a_second_call_is_throttled_while_the_first_is_in_flight) {
    load();
    set_faults("jasper", kHourOfLatency);
    TestClient own(simulator_->port());
    send_edit(own, kDeactivate);
    wait_for_edits(1);
    admin("DELETE", "faults");
    EXPECT_EQ(echo(), 429);
    EXPECT_EQ(last_entry()["status"], 429);
    advance_millis(kHourMillis);
    EXPECT_EQ(own.read().status, 200);
    EXPECT_EQ(echo(), 200);
    const auto edited = ledger("system=jasper").front();
    EXPECT_EQ(edited.at("delayUs"), kHourMillis * 1000);
}

TEST_F(JasperLimitsTest, a_lost_call_stays_in_flight_until_the_carrier_is_done_with_it) {
    load();
    for (const std::string_view fault : {"execute_then_hang", "execute_late"}) {
        set_faults("jasper", R"([{"match":{"action":"edit_device"},"fault":")" +
                                 std::string(fault) + R"(","milliseconds":3600000}])");
        TestClient own(simulator_->port());
        send_edit(own, kDeactivate);
        until([&] { return echo() == 429; });
        advance_millis(kHourMillis);
        EXPECT_EQ(own.read().status, fault == "execute_late" ? 200 : 0);
        EXPECT_EQ(echo(), 200);
    }
    EXPECT_EQ(status(), "DEACTIVATED");
}

TEST_F(JasperLimitsTest, calls_in_flight_can_be_more_or_unlimited) {
    load();
    set_knobs(R"({"callsInFlight":2})");
    set_faults("jasper",
               R"([{"match":{"action":"edit_device"},"fault":"latency","milliseconds":3600000}])");
    TestClient first(simulator_->port());
    TestClient second(simulator_->port());
    send_edit(first, kDeactivate);
    wait_for_edits(1);
    EXPECT_EQ(echo(), 200);
    send_edit(second, kDeactivate);
    wait_for_edits(2);
    EXPECT_EQ(echo(), 429);
    set_knobs(R"({"callsInFlight":0})");
    EXPECT_EQ(echo(), 200);
}

TEST_F(JasperLimitsTest, a_rotated_key_fails_at_once) {
    start();
    EXPECT_EQ(echo(), 200);
    post("users", R"({"user":"carryall","key":"new"})");
    EXPECT_EQ(echo(), 401);
    headers_ = as_user("carryall", "new");
    EXPECT_EQ(echo(), 200);
    EXPECT_EQ(admin("DELETE", "jasper/users/carryall").status, 200);
    EXPECT_EQ(echo(), 401);
}

TEST_F(JasperLimitsTest, an_address_that_is_not_listed_looks_like_bad_credentials) {
    start();
    set_knobs(R"({"allowedAddresses":["192.0.2.7"]})");
    expect_error(jasper("GET", "echo/x"), 401, "10000001");
    headers_ = credentials() + "X-Forwarded-For: 192.0.2.7, 10.0.0.1\r\n";
    EXPECT_EQ(echo(), 200);
    post("users", R"({"user":"b","key":"k","allowedAddresses":["127.0.0.1"]})");
    headers_ = as_user("b", "k");
    EXPECT_EQ(echo(), 200) << "a user's own list wins";
}

TEST_F(JasperLimitsTest, faults_come_in_jaspers_own_shapes) {
    load();
    set_faults("jasper", R"([{"match":{"action":"edit_device"},"fault":"500"}])");
    expect_error(edit(kDeactivate), 500, "30000001");
    EXPECT_EQ(status(), "ACTIVATED");
    set_faults("jasper", R"([{"match":{"action":"edit_device"},"fault":"503"}])");
    EXPECT_EQ(edit(kDeactivate).status, 503);
    set_faults("jasper", R"([{"match":{"action":"edit_device"},"fault":"html_404"}])");
    EXPECT_EQ(edit(kDeactivate).body.find("<!DOCTYPE html>"), 0U);
    EXPECT_EQ(status(), "ACTIVATED");
    set_faults("jasper", R"([{"match":{"action":"edit_device"},"fault":"execute_then_500"}])");
    expect_error(edit(kDeactivate), 500, "30000001");
    EXPECT_EQ(status(), "DEACTIVATED");
    EXPECT_EQ(last_entry()["performed"], true);
    set_faults("jasper", R"([{"match":{"keySuffix":"17"},"fault":"truncated"}])");
    EXPECT_FALSE(edit(kDeactivate).whole);
}

}  // namespace
}  // namespace carryall::simulators::jasper
