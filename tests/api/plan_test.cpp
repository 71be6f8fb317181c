// Plans over HTTP: from a dry run to its apply and the way back.
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;

class Plans : public ApiTest {
  protected:
    static json::value dry_run() {
        const auto reply = ask("POST", "/v1/bulk-changes",
                               json::serialize(json::object{
                                   {"serviceProviderId", own().ids.at("serviceProviderId")},
                                   {"changeType", "statusupdate"},
                                   {"statusUpdate", json::object{{"updateStatus", "suspended"}}},
                                   {"dryRun", true},
                                   {"devices", json::array{kOwnIccid, kArchivedIccid}}}));
        EXPECT_EQ(reply.status, 200) << reply.body;
        return json_of(reply);
    }
    static std::string path_of(const json::value& plan) {
        return "/v1/bulk-changes/" + json::serialize(plan.at("bulkChangeId"));
    }
    static support::HttpReply apply(const json::value& plan, const json::value& hash) {
        return ask("POST", path_of(plan) + "/apply",
                   json::serialize(json::object{{"planHash", hash}}));
    }
    void SetUp() override {
        database().run("UPDATE device SET status = 'Active' WHERE iccid = '" +
                       std::string(kOwnIccid) + "'");
        // What other tests started would hold the device.
        database().run("UPDATE bulk_change SET status = 'NEW' WHERE status = 'PENDING'");
    }
};

TEST_F(Plans, a_plan_shows_its_devices_by_verdict_and_as_a_file) {
    const json::value made = dry_run();
    const std::string path = path_of(made);
    const json::value plan = json_of(ask("GET", path + "/plan"));
    EXPECT_EQ(plan.at("planHash"), made.at("planHash"));
    EXPECT_EQ(plan.at("status"), "PLANNED");
    EXPECT_EQ(plan.at("acceptedCount"), 1);
    EXPECT_EQ(plan.at("carrierCalls").at("calls"), 1);
    EXPECT_TRUE(plan.at("undo").is_null());
    const json::value refused = json_of(ask("GET", path + "/plan/devices?verdict=refused"));
    ASSERT_EQ(refused.at("items").as_array().size(), 1u);
    EXPECT_EQ(refused.at("items").at(0).at("reason"), "M2M Device is archived");
    EXPECT_TRUE(refused.at("items").at(0).at("after").is_null());
    const json::value first = json_of(ask("GET", path + "/plan/devices?limit=1"));
    EXPECT_EQ(first.at("items").at(0).at("after").at("status"), "Suspended");
    const auto next = ask("GET", path + "/plan/devices?limit=1&pageToken=" +
                                     std::string(first.at("nextPageToken").as_string()));
    EXPECT_EQ(json_of(next).at("items").at(0).at("rowNumber"), 2);
    problem_of(ask("GET", path + "/plan/devices?verdict=maybe"), 400, "invalid_input");
    const auto file = ask("GET", path + "/plan.csv");
    ASSERT_EQ(file.status, 200) << file.body;
    EXPECT_NE(file.body.find(",change,,,,,Active,Suspended"), std::string::npos) << file.body;
    problem_of(ask("GET", "/v1/bulk-changes/" + std::to_string(own().stored_change) + "/plan"), 404,
               "not_found");
}

TEST_F(Plans, a_plan_is_applied_with_its_hash_only_and_once) {
    const json::value plan = dry_run();
    problem_of(apply(plan, nullptr), 400, "invalid_input");
    problem_of(apply(plan, json::value(std::string(64, '0'))), 409, "conflict");
    const auto applied = apply(plan, plan.at("planHash"));
    ASSERT_EQ(applied.status, 202) << applied.body;
    EXPECT_EQ(json_of(applied).at("status"), "PENDING");
    EXPECT_EQ(applied.header("idempotency-replayed"), "");
    const auto again = apply(plan, plan.at("planHash"));
    EXPECT_EQ(again.status, 202) << again.body;
    EXPECT_EQ(again.header("idempotency-replayed"), "true");
    problem_of(ask("POST", path_of(plan) + "/undo"), 409, "conflict");
}

TEST_F(Plans, a_plan_whose_device_moved_answers_with_the_device_and_what_moved) {
    const json::value plan = dry_run();
    database().run("UPDATE device SET status = 'Inactive' WHERE iccid = '" +
                   std::string(kOwnIccid) + "'");
    const json::value problem = problem_of(apply(plan, plan.at("planHash")), 409, "plan_moved");
    EXPECT_EQ(problem.at("movedCount"), 1);
    EXPECT_EQ(problem.at("errors").at(0).at("identifier"), kOwnIccid);
    EXPECT_EQ(problem.at("errors").at(0).at("detail"),
              "Status transition from Inactive to Suspended not allowed");
    EXPECT_EQ(json_of(ask("GET", path_of(plan))).at("status"), "PLANNED");
}

TEST_F(Plans, an_ended_change_is_undone_by_a_plan_that_names_it) {
    const auto made =
        ask("POST", "/v1/bulk-changes/" + std::to_string(own().finished_change) + "/undo");
    ASSERT_EQ(made.status, 201) << made.body;
    const json::value plan = json_of(made);
    EXPECT_EQ(plan.at("undoesBulkChangeId"), own().finished_change);
    EXPECT_EQ(made.header("location"), path_of(plan));
    // It was stored before values were.
    const json::value devices = json_of(ask("GET", path_of(plan) + "/plan/devices"));
    EXPECT_EQ(devices.at("items").at(0).at("reason"),
              "Not reversible: the values before were not recorded");
}

}  // namespace
}  // namespace carryall::api_tests
