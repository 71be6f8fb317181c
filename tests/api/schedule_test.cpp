// Schedules, recurring changes and blackouts as clients see them.
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;

class ScheduleApi : public ApiTest {
  protected:
    static std::string provider() { return std::to_string(own().ids.at("serviceProviderId")); }
    // A status update of the own device with these members more; its document.
    static json::object submit(const std::string& more) {
        const auto reply =
            ask("POST", "/v1/bulk-changes",
                R"({"serviceProviderId":)" + provider() +
                    R"(,"changeType":"statusupdate","statusUpdate":{"updateStatus":"suspended"},)"
                    R"("devices":[")" +
                    kOwnIccid + "\"]," + more + "}");
        EXPECT_EQ(reply.status, 202) << reply.body;
        return json_of(reply).as_object();
    }
    static std::string in_days(int days) {
        return base::to_iso8601(std::chrono::floor<std::chrono::days>(base::system_clock().now()) +
                                std::chrono::days(days));
    }
    static std::string text(const json::value& value) { return std::string(value.as_string()); }
    static std::string schedule_path(const json::object& submitted, const char* what) {
        return "/v1/schedules/" + std::to_string(submitted.at("bulkChangeId").as_int64()) + what;
    }
};

TEST_F(ScheduleApi, a_change_with_a_date_is_shown_moved_and_cancelled) {
    const auto submitted =
        submit(R"("startAt":")" + in_days(30).substr(0, 10) + R"(T03:00","timeZone":"Asia/Tokyo")");
    const json::object& dates = submitted.at("dates").as_object();
    EXPECT_EQ(text(dates.at("firstDueAt")).substr(11, 5), "18:00");
    EXPECT_EQ(dates.at("firstDueAtLocal").as_string(),
              in_days(30).substr(0, 10) + "T03:00:00+09:00");
    EXPECT_EQ(dates.at("timeZone").as_string(), "Asia/Tokyo");

    const auto rows = ask("GET", schedule_path(submitted, "/rows"));
    ASSERT_EQ(rows.status, 200) << rows.body;
    EXPECT_EQ(json_of(rows).at("items").as_array().size(), 1u);

    const auto moved = ask("POST", schedule_path(submitted, "/move"),
                           R"({"effectiveDate":")" + in_days(40).substr(0, 10) +
                               R"(T03:00","timeZone":"Europe/Berlin"})");
    ASSERT_EQ(moved.status, 200) << moved.body;
    EXPECT_EQ(json_of(moved).at("changeCount").as_int64(), 1);
    const auto listed = ask("GET", "/v1/schedules?dueFrom=" + in_days(39));
    ASSERT_EQ(listed.status, 200) << listed.body;
    ASSERT_EQ(json_of(listed).at("items").as_array().size(), 1u);

    problem_of(ask("POST", schedule_path(submitted, "/move"), R"({"effectiveDate":"2020-01-01"})"),
               400, "invalid_input");
    problem_of(ask("POST", schedule_path(submitted, "/move"),
                   R"({"effectiveDate":"2027-01-01","timeZone":"Nowhere/Land"})"),
               400, "invalid_input");
    problem_of(ask("POST", schedule_path(submitted, "/move"),
                   R"({"effectiveDate":")" + in_days(3) + R"(","deviceChangeIds":[]})"),
               400, "invalid_input");
    const auto cancelled =
        ask("POST", schedule_path(submitted, "/cancel"), R"({"reason":"a mistake"})");
    ASSERT_EQ(cancelled.status, 200) << cancelled.body;
    EXPECT_EQ(json_of(cancelled).at("status").as_string(), "CANCELLED");
    problem_of(ask("POST", schedule_path(submitted, "/cancel")), 409, "conflict");
    const auto detail =
        ask("GET", "/v1/bulk-changes/" + std::to_string(submitted.at("bulkChangeId").as_int64()));
    EXPECT_EQ(json_of(detail).at("status").as_string(), "CANCELLED");
}

TEST_F(ScheduleApi, a_pending_change_is_warned_of_at_the_device) {
    const auto pending = submit(R"("startAt":")" + in_days(50) + '"');
    const auto second = submit(R"("processChanges":false)");
    EXPECT_EQ(second.at("warnedCount").as_int64(), 1);
    const auto devices =
        ask("GET", "/v1/bulk-changes/" + std::to_string(second.at("bulkChangeId").as_int64()) +
                       "/devices");
    ASSERT_EQ(devices.status, 200) << devices.body;
    const json::value device = json_of(devices).at("items").at(0);
    EXPECT_NE(std::string(device.at("warning").as_string())
                  .find("pending status update to Suspended on " + in_days(50).substr(0, 10)),
              std::string::npos)
        << devices.body;
    EXPECT_EQ(ask("POST", schedule_path(pending, "/cancel")).status, 200);
}

TEST_F(ScheduleApi, recurring_changes_live_from_post_to_delete) {
    const std::string request =
        R"("request":{"serviceProviderId":)" + provider() +
        R"(,"changeType":"statusupdate","statusUpdate":{"updateStatus":"suspended"}})";
    const auto made =
        ask("POST", "/v1/recurring-changes",
            R"({"name":"mondays","timeZone":"Europe/Berlin","cron":"0 3 * * 1",)"
            R"("until":")" +
                in_days(300) + R"(","deviceFilter":{"status":"active"},)" + request + "}");
    ASSERT_EQ(made.status, 201) << made.body;
    EXPECT_EQ(json_of(made).at("nextRuns").as_array().size(), 10u);
    EXPECT_EQ(text(json_of(made).at("nextRuns").at(0).at("local")).substr(11, 5), "03:00");
    const std::string path = made.header("location");
    EXPECT_EQ(ask("GET", path).status, 200);
    EXPECT_EQ(json_of(ask("POST", path + "/pause")).at("state").as_string(), "paused");
    EXPECT_EQ(json_of(ask("POST", path + "/resume")).at("state").as_string(), "active");
    EXPECT_EQ(ask("DELETE", path).status, 200);
    EXPECT_EQ(ask("GET", path).status, 404);

    for (const char* bad :
         {R"("timeZone":"UTC","rrule":"FREQ=DAILY")", R"("timeZone":"UTC")",
          R"("timeZone":"UTC","cron":"0 3 * * 1")", R"("timeZone":"Nowhere","cron":"0 3 * * 1")",
          R"("timeZone":"UTC","rrule":"FREQ=DAILY;COUNT=2","until":"2027-01-01")",
          R"("timeZone":"UTC","cron":"0 0 31 2 *","until":"2027-06-01")"}) {
        problem_of(
            ask("POST", "/v1/recurring-changes",
                std::string(R"({"name":"x","deviceFilter":{},)") + bad + ',' + request + "}"),
            400, "invalid_input");
    }
}

TEST_F(ScheduleApi, blackouts_are_added_shown_and_removed) {
    const std::string path = "/v1/service-providers/" + provider() + "/blackouts";
    const auto added = ask("POST", path,
                           R"({"name":"freeze","timeZone":"UTC","startsAt":")" + in_days(-1) +
                               R"(","endsAt":")" + in_days(2) + R"("})");
    ASSERT_EQ(added.status, 201) << added.body;
    const auto listed = ask("GET", path);
    EXPECT_EQ(json_of(listed).at("items").as_array().size(), 2u) << listed.body;
    EXPECT_FALSE(json_of(listed).at("heldUpUntil").is_null());
    const auto accounts = ask("GET", "/v1/accounts");
    EXPECT_EQ(json_of(accounts).at("items").at(0).at("heldUpBy").as_string(), "blackout")
        << accounts.body;
    problem_of(ask("POST", path,
                   R"({"name":"always","timeZone":"UTC","weekdays":)"
                   R"(["MO","TU","WE","TH","FR","SA","SU"],"from":"00:00","to":"24:00"})"),
               409, "conflict");
    problem_of(ask("POST", path, R"({"name":"x","timeZone":"UTC"})"), 400, "invalid_input");
    const std::string one = path + '/' + std::to_string(json_of(added).at("blackoutId").as_int64());
    EXPECT_EQ(ask("DELETE", one).status, 200);
    EXPECT_EQ(ask("DELETE", one).status, 404);
}

}  // namespace
}  // namespace carryall::api_tests
