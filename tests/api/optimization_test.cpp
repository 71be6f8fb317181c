// Optimisation results and charge settings as clients see them.
#include <fmt/format.h>

#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;
using tenants::Role;

class OptimizationApi : public ApiTest {
  protected:
    static json::object object_of(const support::HttpReply& reply, int status) {
        EXPECT_EQ(reply.status, status) << reply.body;
        const json::value body = json_of(reply);
        return body.is_object() ? body.get_object() : json::object{};
    }
    static std::string path(std::int64_t instance) {
        return fmt::format("/v1/optimization-instances/{}", instance);
    }
    static std::string instance_body(std::int64_t customer_id, const std::string& comm_groups) {
        return fmt::format(R"({{"portalType":"m2m","billingPeriodStart":"2026-03-01T05:00:00Z",)"
                           R"("billingPeriodEnd":"2026-03-31","customerId":{},"commGroups":{}}})",
                           customer_id, comm_groups);
    }
    static support::HttpReply put(std::int64_t instance, const std::string& comm_groups) {
        return ask("PUT", path(instance), instance_body(own().ids.at("customerId"), comm_groups));
    }
    static support::HttpReply upload(std::int64_t instance, const std::string& csv,
                                     const std::string& query = {}) {
        return ask("POST", fmt::format("{}/device-results{}", path(instance), query), csv,
                   "text/csv");
    }
    static std::string pointer(const support::HttpReply& reply) {
        const json::object problem = problem_of(reply, 400, "invalid_input");
        return std::string(problem.at("errors").at(0).at("pointer").as_string());
    }
};

TEST_F(OptimizationApi, an_instance_is_put_filled_shown_and_listed) {
    const auto groups = [](const std::string& cost) {
        return fmt::format(R"([{{"commGroupId":8901,"queues":[{{"queueId":89011,)"
                           R"("runEndTime":"2026-04-01T01:00:00Z","totalCost":{}}}]}}])",
                           cost);
    };
    EXPECT_EQ(pointer(put(8900, groups("0.3000001"))), "/commGroups/0/queues/0/totalCost");
    const auto made = put(8900, groups("0.30"));
    EXPECT_EQ(made.header("location"), path(8900));
    const json::object instance = object_of(made, 201);
    EXPECT_EQ(instance.at("billingPeriodStart"), "2026-03-01");
    EXPECT_EQ(instance.at("portalTypeId"), 0);
    const json::value& group = instance.at("commGroups").at(0);
    EXPECT_EQ(group.at("queues").at(0).at("totalCost"), "0.3");
    EXPECT_TRUE(group.at("winningQueueId").is_null());
    EXPECT_EQ(group.at("noWinnerReason"),
              "no queue that has ended has device results in the portal m2m");
    const std::string csv = fmt::format("queueId,iccid,rateCharge\n89011,{},1.5\n", kOwnIccid);
    EXPECT_EQ(object_of(upload(8900, csv, "?dryRun=true"), 200).at("storedCount"), 0);
    EXPECT_EQ(object_of(upload(8900, csv), 200).at("storedCount"), 1);
    EXPECT_EQ(object_of(ask("GET", path(8900)), 200).at("commGroups").at(0).at("winningQueueId"),
              89011);
    EXPECT_EQ(put(8900, groups("0.30")).status, 200);
    const json::object listed = object_of(
        ask("GET", "/v1/optimization-instances?portalType=m2m&isCharged=false&limit=1"), 200);
    EXPECT_EQ(listed.at("items").at(0).at("instanceId"), 8900);
    EXPECT_FALSE(listed.at("items").at(0).as_object().contains("commGroups"));
}

TEST_F(OptimizationApi, bad_rows_of_a_file_are_told_and_nothing_is_stored) {
    object_of(put(8200, R"([{"commGroupId":8201,"queues":[{"queueId":8202}]}])"), 201);
    const auto refused = upload(
        8200, fmt::format("queueId,iccid,rateCharge\n8202,{0},1\n8202,{1},1\n8203,{0},\"1,5\"\n",
                          kOwnIccid, kForeignIccid));
    const json::object problem = problem_of(refused, 422, "rows_refused");
    EXPECT_EQ(problem.at("rowCount"), 3);
    EXPECT_EQ(problem.at("badCount"), 2);
    EXPECT_EQ(problem.at("errors").at(0).at("row"), 3);
    EXPECT_EQ(problem.at("errors").at(0).at("column"), "iccid");
    EXPECT_EQ(problem.at("errors").at(1).at("column"), "rateCharge");
    EXPECT_EQ(object_of(ask("GET", path(8200)), 200)
                  .at("commGroups")
                  .at(0)
                  .at("queues")
                  .at(0)
                  .at("m2mResultCount"),
              0);
    problem_of(upload(8299, "queueId,iccid,rateCharge\n"), 404, "not_found");
}

TEST_F(OptimizationApi, things_of_another_tenant_are_as_absent_ones) {
    const std::int64_t customer_id = foreign().ids.at("customerId");
    EXPECT_EQ(pointer(ask("PUT", path(8300), instance_body(customer_id, "[]"))), "/customerId");
    problem_of(ask("GET", path(foreign().ids.at("instanceId"))), 404, "not_found");
}

TEST_F(OptimizationApi, settings_change_member_by_member_and_need_the_role) {
    const std::string settings = "/v1/charge-settings";
    const json::object before = object_of(ask("GET", settings), 200);
    EXPECT_EQ(before.at("billingTimeZone"), "UTC");
    EXPECT_EQ(pointer(ask("PATCH", settings, R"({"maxChargeAmount":0.00001})")),
              "/maxChargeAmount");
    const json::object changed = object_of(
        ask("PATCH", settings, R"({"maxChargeAmount":0.1,"billingTimeZone":"Europe/Berlin"})"),
        200);
    EXPECT_EQ(changed.at("maxChargeAmount"), "0.1");
    EXPECT_EQ(changed.at("billingTimeZone"), "Europe/Berlin");
    EXPECT_EQ(changed.at("pageSize"), before.at("pageSize"));
    const auto refused =
        ask("PATCH", settings, R"({"pageSize":9})", "application/json", as(own(), Role::operator_));
    problem_of(refused, 403, "forbidden");
    problem_of(ask("GET", settings, {}, {}, as(own(), Role::viewer)), 403, "forbidden");
    ask("PATCH", settings, R"({"billingTimeZone":"UTC"})");
}

}  // namespace
}  // namespace carryall::api_tests
