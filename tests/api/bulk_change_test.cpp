// The bulk change resource from submission to the file of failed rows.
#include <set>
#include <thread>

#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;
using tenants::Role;

constexpr const char* kChanges = "/v1/bulk-changes";
constexpr int kAtOnce = 50;

class BulkChanges : public ApiTest {
  protected:
    static json::object request(const Tenant& tenant = own()) {
        return {{"serviceProviderId", tenant.ids.at("serviceProviderId")},
                {"changeType", "statusupdate"},
                {"statusUpdate", json::object{{"updateStatus", "suspended"}}},
                {"devices", json::array{kOwnIccid, kArchivedIccid}}};
    }
    static support::HttpReply submit(const json::object& body, support::Headers more = {}) {
        return ask("POST", kChanges, json::serialize(body), "application/json", std::move(more));
    }
    static std::string count_of_changes() {
        return database().value("SELECT count(*) FROM bulk_change");
    }
};

TEST_F(BulkChanges, a_submitted_change_is_found_where_its_location_says) {
    const auto reply = submit(request(), {{"X-Request-Id", "my-own-id-1"}});
    ASSERT_EQ(reply.status, 202) << reply.body;
    const json::value result = json_of(reply);
    EXPECT_EQ(result.at("status"), "PENDING");
    EXPECT_EQ(result.at("deviceCount"), 2);
    EXPECT_EQ(result.at("acceptedCount"), 1);
    EXPECT_EQ(result.at("refusedCount"), 1);
    EXPECT_EQ(result.at("reasons").at(0).at("reason"), "M2M Device is archived");
    EXPECT_EQ(result.at("correlationId"), "my-own-id-1");
    const json::value found = json_of(ask("GET", reply.header("location")));
    EXPECT_EQ(found.at("bulkChangeId"), result.at("bulkChangeId"));
    EXPECT_EQ(found.at("changeRequestType"), "statusupdate");
    EXPECT_EQ(found.at("portalType"), "m2m");
    EXPECT_EQ(found.at("counts").at("new"), 1);
    EXPECT_EQ(found.at("counts").at("error"), 1);
    EXPECT_EQ(found.at("createdBy"), "own tenant admin");
}

TEST_F(BulkChanges, a_dry_run_gives_the_verdicts_and_stores_a_plan) {
    json::object body = request();
    body["dryRun"] = true;
    const auto reply = submit(body);
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(json_of(reply).at("dryRun"), true);
    EXPECT_EQ(json_of(reply).at("devices").at(0).at("identifier"), kArchivedIccid);
    EXPECT_EQ(json_of(reply).at("status"), "PLANNED");
    const json::value plan = json_of(ask("GET", reply.header("location") + "/plan"));
    EXPECT_EQ(plan.at("planHash"), json_of(reply).at("planHash"));
}

TEST_F(BulkChanges, all_or_nothing_refuses_the_whole_with_every_reason) {
    const std::string before = count_of_changes();
    json::object body = request();
    body["allOrNothing"] = true;
    const auto problem = problem_of(submit(body), 422, "devices_refused");
    EXPECT_EQ(problem.at("refusedCount"), 1);
    EXPECT_EQ(problem.at("errors").at(0).at("row"), 2);
    EXPECT_EQ(problem.at("errors").at(0).at("detail"), "M2M Device is archived");
    EXPECT_EQ(count_of_changes(), before);
}

TEST_F(BulkChanges, one_idempotency_key_sent_fifty_times_at_once_makes_one_change) {
    std::vector<support::HttpReply> replies(kAtOnce);
    std::vector<std::thread> senders;
    for (auto& reply : replies) {
        senders.emplace_back([&reply] {
            reply = submit(request(), {{"Idempotency-Key", "fifty"}});
        });
    }
    for (std::thread& sender : senders) sender.join();
    std::set<std::string> locations;
    int first = 0;
    for (const auto& reply : replies) {
        // A waiting one may be told to come again; none may make a second change.
        if (reply.status == 503) continue;
        EXPECT_EQ(reply.status, 202) << reply.body;
        locations.insert(reply.header("location"));
        first += reply.header("idempotency-replayed") == "true" ? 0 : 1;
    }
    EXPECT_EQ(locations.size(), 1u);
    EXPECT_EQ(first, 1);
    EXPECT_EQ(database().value("SELECT count(*) FROM idempotency_key WHERE key = 'fifty'"), "1");
}

TEST_F(BulkChanges, an_idempotency_key_with_another_request_or_tenant_is_another_matter) {
    const auto one = submit(request(), {{"Idempotency-Key", "again"}});
    ASSERT_EQ(one.status, 202) << one.body;
    json::object other = request();
    other["devices"] = json::array{kOwnIccid};
    problem_of(submit(other, {{"Idempotency-Key", "again"}}), 409, "conflict");
    json::object theirs = request(foreign());
    theirs["devices"] = json::array{kForeignIccid};
    support::Headers headers = as(foreign(), Role::admin);
    headers.emplace_back("Idempotency-Key", "again");
    const auto independent = submit(theirs, headers);
    EXPECT_EQ(independent.status, 202) << independent.body;
    EXPECT_NE(independent.header("location"), one.header("location"));
    EXPECT_EQ(independent.header("idempotency-replayed"), "");
}

TEST_F(BulkChanges, a_stored_change_is_started_once) {
    json::object body = request();
    body["processChanges"] = false;
    const auto stored = submit(body);
    ASSERT_EQ(stored.status, 202) << stored.body;
    EXPECT_EQ(json_of(stored).at("status"), "NEW");
    const std::string path = stored.header("location") + "/process";
    const auto started = ask("POST", path);
    EXPECT_EQ(started.status, 202) << started.body;
    EXPECT_EQ(json_of(started).at("status"), "PENDING");
    problem_of(ask("POST", path), 409, "conflict");
}

TEST_F(BulkChanges, the_file_of_failed_rows_can_be_uploaded_again) {
    const std::string parameters =
        "?serviceProviderId=" + std::to_string(own().ids.at("serviceProviderId")) +
        "&changeType=statusupdate&updateStatus=suspended";
    const std::string file =
        std::string("iccid\r\n") + kOwnIccid + "\r\n" + kArchivedIccid + "\r\n";
    const auto uploaded =
        ask("POST", "/v1/bulk-changes/upload" + parameters + "&fileName=a.csv", file, "text/csv");
    ASSERT_EQ(uploaded.status, 202) << uploaded.body;
    const std::string path = uploaded.header("location");
    EXPECT_EQ(json_of(ask("GET", path)).at("fileName"), "a.csv");
    const auto failed = ask("GET", path + "/failed.csv");
    ASSERT_EQ(failed.status, 200) << failed.body;
    EXPECT_TRUE(failed.header("content-type").starts_with("text/csv"));
    EXPECT_NE(failed.header("content-disposition").find("failed.csv"), std::string::npos);
    EXPECT_NE(failed.body.find(kArchivedIccid), std::string::npos);
    EXPECT_EQ(failed.body.find(kOwnIccid), std::string::npos);
    const auto again = ask("POST", "/v1/bulk-changes/upload" + parameters + "&dryRun=true",
                           failed.body, "text/csv");
    ASSERT_EQ(again.status, 200) << again.body;
    EXPECT_EQ(json_of(again).at("deviceCount"), 1);
    EXPECT_EQ(json_of(again).at("devices").at(0).at("reason"), "M2M Device is archived");
    // Nothing is left of the files that were made on the way.
    EXPECT_TRUE(std::filesystem::is_empty(running().folder.path()));
}

TEST_F(BulkChanges, devices_are_listed_by_state_and_page_by_page) {
    const std::string path = submit(request()).header("location") + "/devices";
    const json::value first = json_of(ask("GET", path + "?limit=1"));
    ASSERT_EQ(first.at("items").as_array().size(), 1u);
    EXPECT_EQ(first.at("items").at(0).at("rowNumber"), 1);
    const json::value second = json_of(ask(
        "GET", path + "?limit=1&pageToken=" + std::string(first.at("nextPageToken").as_string())));
    EXPECT_EQ(second.at("items").at(0).at("rowNumber"), 2);
    EXPECT_FALSE(second.as_object().contains("nextPageToken"));
    const json::value failed = json_of(ask("GET", path + "?state=error,parked"));
    ASSERT_EQ(failed.at("items").as_array().size(), 1u);
    EXPECT_EQ(failed.at("items").at(0).at("reason"), "M2M Device is archived");
    EXPECT_EQ(failed.at("items").at(0).at("status"), "ERROR");
    const std::string one =
        path + '/' + std::to_string(failed.at("items").at(0).at("deviceChangeId").as_int64());
    EXPECT_EQ(json_of(ask("GET", one)).at("state"), "error");
    EXPECT_EQ(ask("GET", one + "/log").status, 200);
}

TEST_F(BulkChanges, a_retry_checks_the_failed_devices_again) {
    const std::string path = submit(request()).header("location");
    const auto refused = ask("POST", path + "/retry", R"({"errorClasses":["validation"]})");
    ASSERT_EQ(refused.status, 202) << refused.body;
    EXPECT_EQ(json_of(refused).at("retriedCount"), 0);
    EXPECT_EQ(json_of(refused).at("refusedCount"), 1);
    problem_of(ask("POST", path + "/retry", R"({"errorClasses":["bad luck"]})"), 400,
               "invalid_input");
}

}  // namespace
}  // namespace carryall::api_tests
