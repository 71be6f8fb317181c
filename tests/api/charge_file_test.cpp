// Files of charges as clients see them: on their way in, refused, listed, ordered.
#include <fmt/format.h>

#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;
using tenants::Role;

class ChargeFileApi : public ApiTest {
  protected:
    static constexpr const char* kPath = "/v1/charge-files";
    static constexpr const char* kPeriod =
        "?billingPeriodStart=2026-02-01&billingPeriodEnd=2026-02-28";
    // The period and more parameters.
    static std::string with(std::string_view more) { return fmt::format("{}{}", kPeriod, more); }

    static json::object object_of(const support::HttpReply& reply, int status) {
        EXPECT_EQ(reply.status, status) << reply.body;
        const json::value body = json_of(reply);
        return body.is_object() ? body.get_object() : json::object{};
    }
    static support::HttpReply upload(const std::string& csv, const std::string& query = kPeriod) {
        return ask("POST", fmt::format("{}{}", kPath, query), csv, "text/csv");
    }
    static support::HttpReply order(const std::string& body, const char* path = "") {
        return ask("POST", fmt::format("/v1/charge-runs{}", path), body);
    }
    static std::string rows(const std::string& rest) {
        return fmt::format("iccid,amount,description\n{},{}\n", kOwnIccid, rest);
    }
    static void give_customer() {
        database().run(
            fmt::format("UPDATE customer SET rev_customer_id = NULL WHERE customer_id = {0};"
                        "UPDATE device SET customer_id = {0} WHERE iccid = '{1}'",
                        own().ids.at("customerId"), kOwnIccid));
    }
};

TEST_F(ChargeFileApi, a_file_is_tried_taken_shown_previewed_and_ordered_once) {
    give_customer();
    const std::string named = with("&name=fees.csv");
    const json::object tried =
        object_of(upload(rows("12.50,Late fee"), with("&name=fees.csv&dryRun=true")), 200);
    EXPECT_TRUE(tried.at("fileId").is_null());
    EXPECT_EQ(tried.at("totalAmount"), "12.5");
    const auto made = upload(rows("12.50,Late fee"), named);
    const json::object report = object_of(made, 201);
    EXPECT_EQ(report.at("storedCount"), 1);
    const std::int64_t id = report.at("fileId").as_int64();
    EXPECT_EQ(made.header("location"), fmt::format("{}/{}", kPath, id));
    const json::object shown = object_of(ask("GET", fmt::format("{}/{}", kPath, id)), 200);
    EXPECT_EQ(shown.at("name"), "fees.csv");
    EXPECT_EQ(shown.at("totalAmount"), "12.5");
    EXPECT_EQ(shown.at("isCharged"), false);
    const std::string body = fmt::format(R"({{"fileId":{}}})", id);
    EXPECT_EQ(object_of(order(body, "/preview"), 200).at("amount"), "12.5");
    const json::object run = object_of(order(body), 201);
    EXPECT_EQ(run.at("source"), "file");
    EXPECT_EQ(run.at("state"), "enqueueing");
    EXPECT_EQ(run.at("fileId"), id);
    EXPECT_EQ(object_of(order(body), 200).at("chargeRunId"), run.at("chargeRunId"));
    const json::object listed = object_of(ask("GET", fmt::format("{}?limit=1", kPath)), 200);
    EXPECT_EQ(listed.at("items").at(0).at("chargeRunId"), run.at("chargeRunId"));
}

TEST_F(ChargeFileApi, bad_rows_are_told_and_nothing_is_stored) {
    give_customer();
    const auto count = [] { return database().value("SELECT count(*) FROM charge_file"); };
    const std::string before = count();
    const auto refused = upload(fmt::format(
        "iccid,kind,amount,description\n{0},rate,1,Fee\n{0},rate,2,Fee\n{1},rate,1,Fee\n"
        "{0},sms,\"1,5\",Fee\n{0},overage,1,\n",
        kOwnIccid, kForeignIccid));
    const json::object problem = problem_of(refused, 422, "rows_refused");
    EXPECT_EQ(problem.at("rowCount"), 5);
    EXPECT_EQ(problem.at("badCount"), 4);
    std::string told;
    for (const json::value& one : problem.at("errors").as_array()) {
        told += fmt::format("{} {};", one.at("row").as_int64(),
                            std::string_view(one.at("column").as_string()));
    }
    EXPECT_EQ(told, "3 kind;4 iccid;5 amount;6 description;");
    EXPECT_EQ(count(), before);
}

TEST_F(ChargeFileApi, a_request_that_cannot_be_is_refused_with_what_is_wrong) {
    const auto parameter = [](const std::string& query) {
        const json::object problem = problem_of(upload(rows("1,Fee"), query), 400, "invalid_input");
        return std::string(problem.at("errors").at(0).at("parameter").as_string());
    };
    EXPECT_EQ(parameter(""), "billingPeriodStart");
    EXPECT_EQ(parameter("?billingPeriodStart=2026-02-01"), "billingPeriodEnd");
    EXPECT_EQ(parameter("?billingPeriodStart=2026-03-01&billingPeriodEnd=2026-02-28"),
              "billingPeriodEnd");
    EXPECT_EQ(parameter("?billingPeriodStart=soon&billingPeriodEnd=2026-02-28"),
              "billingPeriodStart");
    const std::string account = with("&integrationAuthenticationId=");
    EXPECT_EQ(parameter(account + "x"), "integrationAuthenticationId");
    // A carrier's account, and one of another tenant.
    for (const Tenant* tenant : {&own(), &foreign()}) {
        EXPECT_EQ(parameter(account + std::to_string(tenant->ids.at("serviceProviderId"))),
                  "integrationAuthenticationId");
    }
    EXPECT_EQ(parameter(with("&name=" + std::string(201, 'n'))), "name");
    problem_of(upload(""), 415, "unsupported_media_type");
    problem_of(upload("iccid,amount,description\n"), 400, "invalid_input");
    problem_of(upload("PK\x03\x04 no workbook"), 400, "invalid_input");
}

TEST_F(ChargeFileApi, an_order_names_instances_or_a_file_of_the_tenant) {
    const auto pointer = [](const std::string& body) {
        const json::object problem = problem_of(order(body), 400, "invalid_input");
        return std::string(problem.at("errors").at(0).at("pointer").as_string());
    };
    EXPECT_EQ(pointer("{}"), "/instanceIds");
    EXPECT_EQ(pointer(R"({"instanceIds":[1],"fileId":1})"), "/fileId");
    EXPECT_EQ(pointer(R"({"fileId":999999})"), "/fileId");
    EXPECT_EQ(pointer(fmt::format(R"({{"fileId":{}}})", foreign().ids.at("fileId"))), "/fileId");
    EXPECT_EQ(pointer(R"({"fileId":"7"})"), "/fileId");
}

TEST_F(ChargeFileApi, only_those_who_charge_upload) {
    for (const Role role : {Role::viewer, Role::operator_}) {
        const auto refused = ask("POST", fmt::format("{}{}", kPath, kPeriod), rows("1,Fee"),
                                 "text/csv", as(own(), role));
        problem_of(refused, 403, "forbidden");
    }
}

}  // namespace
}  // namespace carryall::api_tests
