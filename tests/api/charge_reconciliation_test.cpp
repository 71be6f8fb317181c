// Reconciliations, their differences and the sign-off of billing periods as clients see them. What
// Rev.io showed is made here: the readings themselves have tests of their own.
#include <fmt/format.h>

#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;
using tenants::Role;

class ReconciliationApi : public ApiTest {
  protected:
    static constexpr const char* kPath = "/v1/charge-reconciliations";

    // A run of the own tenant that has finished: one charge of 6.50, which Rev.io has as 8800001.
    void SetUp() override {
        const std::int64_t tenant = own().id.value;
        const std::int64_t customer = own().ids.at("customerId");
        account_ = number(fmt::format(
            "INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) VALUES "
            "({0}, 'Rev.io ' || (SELECT count(*) FROM service_provider), 'revio', true) "
            "RETURNING service_provider_id",
            tenant));
        run_ = number(fmt::format(
            "INSERT INTO charge_run (tenant_id, source, state, finished_at, created_by, "
            "correlation_id) VALUES ({}, 'instances', 'finished', now(), 'test', 'c') "
            "RETURNING charge_run_id",
            tenant));
        // A period of its own for each test.
        period_start_ =
            database().value(fmt::format("SELECT ('2020-01-01'::date + {}::int)::text", run_ * 2));
        database().run(fmt::format(
            "INSERT INTO charge_run_part (tenant_id, charge_run_id, part_number, customer_id, "
            "integration_authentication_id, billing_period_start, billing_period_end, state, "
            "charge_count, charged_count, total_amount, charged_amount, settled_at, list_key) "
            "VALUES ({0}, {1}, 1, {2}, {3}, '{4}', '{4}', 'listed', 1, 1, 6.5, 6.5, now(), 'x')",
            tenant, run_, customer, account_, period_start_));
        charge_ = number(fmt::format(
            "INSERT INTO charge (tenant_id, charge_run_id, part_number, position, source, "
            "source_id, device_id, customer_id, service_provider_id, portal, kind, "
            "billing_period_start, billing_period_end, amount, description, rev_customer_id, "
            "start_date, end_date, state, revio_charge_id, settled_at, "
            "integration_authentication_id) SELECT {0}, {1}, 1, 1, "
            "'instance', {1}, device_id, {2}, service_provider_id, portal, 'rate', '{3}', '{3}', "
            "6.5, 'x', 4102, '{3}', '{3}', 'charged', 8800000 + {1}, now() - interval '1 "
            "hour', {5} FROM device WHERE device_id = {4} RETURNING charge_id",
            tenant, run_, customer, period_start_, own().ids.at("deviceId"), account_));
    }

    static std::int64_t number(const std::string& sql) { return std::stoll(database().value(sql)); }
    static json::object object_of(const support::HttpReply& reply, int status) {
        EXPECT_EQ(reply.status, status) << reply.body;
        const json::value body = json_of(reply);
        return body.is_object() ? body.get_object() : json::object{};
    }
    static std::string one(std::int64_t id, const char* rest = "") {
        return fmt::format("{}/{}{}", kPath, id, rest);
    }
    std::string of_run() const { return fmt::format(R"({{"chargeRunId":{}}})", run_); }
    std::string of_period() const {
        return fmt::format(R"({{"integrationAuthenticationId":{0},"billingPeriodStart":"{1}",)"
                           R"("billingPeriodEnd":"{1}"}})",
                           account_, period_start_);
    }
    std::string sign_off(const std::string& note = "looked at") const {
        return fmt::format(
            R"({{"billingPeriodStart":"{0}","billingPeriodEnd":"{0}","note":"{1}"}})",
            period_start_, note);
    }
    static std::int64_t asked(const std::string& body) {
        return object_of(ask("POST", kPath, body), 201).at("chargeReconciliationId").as_int64();
    }
    // As a worker ends it, with this many charges missing.
    void end(std::int64_t reconciliation, int missing) const {
        database().run(fmt::format(
            "UPDATE charge_reconciliation SET state = 'done', finished_at = now(), judged_until = "
            "now(), intended_count = 1, intended_amount = 6.5, sent_count = 1, sent_amount = 6.5, "
            "found_count = 1 - {2}, difference_count = {2} WHERE charge_reconciliation_id = {0};"
            "INSERT INTO charge_difference (tenant_id, charge_reconciliation_id, kind, charge_id, "
            "rev_customer_id, charge_state, our_amount, ours, repair, proposal) "
            "SELECT {3}, {0}, 'missing', {1}, 4102, 'charged', 6.5, '=8800001', 'charge_again', "
            "'look there' FROM generate_series(1, {2})",
            reconciliation, charge_, missing, own().id.value));
    }

    std::int64_t account_ = 0, run_ = 0, charge_ = 0;
    std::string period_start_;
};

TEST_F(ReconciliationApi, one_is_asked_for_once_and_followed_to_its_result) {
    const auto made = ask("POST", kPath, of_run());
    const json::object queued = object_of(made, 201);
    const std::int64_t id = queued.at("chargeReconciliationId").as_int64();
    EXPECT_EQ(made.header("location"), one(id));
    EXPECT_EQ(queued.at("state"), "queued");
    EXPECT_EQ(queued.at("customerCount"), 1);
    EXPECT_TRUE(queued.at("billingPeriodStart").is_null());
    EXPECT_EQ(object_of(ask("POST", kPath, of_run()), 200).at("chargeReconciliationId"), id);
    end(id, 1);
    const json::object done = object_of(ask("GET", one(id)), 200);
    EXPECT_EQ(done.at("sentAmount"), "6.5");
    EXPECT_EQ(done.at("missingCount"), 1);
    EXPECT_EQ(done.at("missingAmount"), "6.5");
    EXPECT_EQ(done.at("openDifferenceCount"), 1);
    const json::object listed =
        object_of(ask("GET", fmt::format("{}?chargeRunId={}", kPath, run_)), 200);
    ASSERT_EQ(listed.at("items").as_array().size(), 1U);
    EXPECT_EQ(listed.at("items").at(0).at("chargeReconciliationId"), id);
    // What has ended is done anew when it is asked for again.
    EXPECT_NE(asked(of_run()), id);
}

TEST_F(ReconciliationApi, differences_are_listed_filed_and_accepted_once_with_a_reason) {
    const std::int64_t id = asked(of_run());
    end(id, 2);
    const std::string path = one(id, "/differences");
    const json::object first = object_of(ask("GET", path + "?limit=1"), 200);
    const json::value& shown = first.at("items").at(0);
    EXPECT_EQ(shown.at("kind"), "missing");
    EXPECT_EQ(shown.at("chargeId"), charge_);
    EXPECT_EQ(shown.at("ourAmount"), "6.5");
    EXPECT_EQ(shown.at("proposal"), "look there");
    EXPECT_TRUE(shown.at("revChargeId").is_null());
    EXPECT_FALSE(first.at("nextPageToken").is_null());
    // A spreadsheet would execute what begins with "=".
    const auto file = ask("GET", one(id, "/differences.csv"));
    EXPECT_EQ(file.status, 200);
    EXPECT_EQ(file.body.substr(0, 26), "Difference,Kind,Charge,Rev");
    EXPECT_NE(file.body.find(",'=8800001,"), std::string::npos) << file.body;
    const std::string accept =
        fmt::format("/v1/charge-differences/{}/accept", shown.at("chargeDifferenceId").as_int64());
    problem_of(ask("POST", accept, "{}"), 400, "invalid_input");
    problem_of(ask("POST", accept, R"({"reason":""})"), 400, "invalid_input");
    const json::object accepted = object_of(ask("POST", accept, R"({"reason":"credited"})"), 200);
    EXPECT_EQ(accepted.at("acceptedReason"), "credited");
    EXPECT_FALSE(accepted.at("acceptedAt").is_null());
    problem_of(ask("POST", accept, R"({"reason":"again"})"), 409, "conflict");
    const auto count = [&](const std::string& query) {
        return object_of(ask("GET", path + query), 200).at("items").as_array().size();
    };
    EXPECT_EQ(count("?isAccepted=true"), 1U);
    EXPECT_EQ(count("?isAccepted=false&kind=missing"), 1U);
    EXPECT_EQ(count("?kind=extra"), 0U);
    problem_of(ask("GET", path + "?kind=odd"), 400, "invalid_input");
}

TEST_F(ReconciliationApi, a_request_that_cannot_be_is_refused_with_what_is_wrong) {
    const auto pointer = [](const std::string& body) {
        const json::object problem = problem_of(ask("POST", kPath, body), 400, "invalid_input");
        return std::string(problem.at("errors").at(0).at("pointer").as_string());
    };
    EXPECT_EQ(pointer("{}"), "/integrationAuthenticationId");
    EXPECT_EQ(pointer(R"({"chargeRunId":999999})"), "/chargeRunId");
    EXPECT_EQ(pointer(fmt::format(R"({{"chargeRunId":{}}})", foreign().ids.at("chargeRunId"))),
              "/chargeRunId");
    EXPECT_EQ(
        pointer(fmt::format(R"({{"chargeRunId":{},"billingPeriodStart":"2026-02-01"}})", run_)),
        "/chargeRunId");
    const auto period = [&](std::int64_t account, const char* start, const char* end) {
        return pointer(fmt::format(R"({{"integrationAuthenticationId":{},"billingPeriodStart":"{}")"
                                   R"(,"billingPeriodEnd":"{}"}})",
                                   account, start, end));
    };
    EXPECT_EQ(period(account_, "soon", "2026-02-28"), "/billingPeriodStart");
    EXPECT_EQ(period(account_, "2026-02-01", "2026-02-31"), "/billingPeriodEnd");
    EXPECT_EQ(period(account_, "2026-03-01", "2026-02-28"), "/billingPeriodEnd");
    // A carrier's account, and one of another tenant.
    for (const Tenant* tenant : {&own(), &foreign()}) {
        EXPECT_EQ(period(tenant->ids.at("serviceProviderId"), "2026-02-01", "2026-02-28"),
                  "/integrationAuthenticationId");
    }
    // Nothing of it goes to Rev.io. The one that is open was not asked for by this way.
    database().run(
        fmt::format("UPDATE charge_reconciliation SET state = 'done', finished_at = now() "
                    "WHERE charge_run_id = {}",
                    own().ids.at("chargeRunId")));
    const std::string none = fmt::format(R"({{"chargeRunId":{}}})", own().ids.at("chargeRunId"));
    problem_of(ask("POST", kPath, none), 409, "conflict");
}

TEST_F(ReconciliationApi, a_period_is_signed_off_once_it_is_reconciled_and_says_so) {
    constexpr const char* kSignOff = "/v1/charge-periods/sign-off";
    const auto why_not = [&](const std::string& body) {
        return std::string(
            problem_of(ask("POST", kSignOff, body), 409, "conflict").at("detail").as_string());
    };
    EXPECT_NE(why_not(sign_off()).find("was not reconciled for this period"), std::string::npos);
    // A run's own reconciliation does not see the other runs.
    end(asked(of_run()), 0);
    EXPECT_NE(why_not(sign_off()).find("was not reconciled for this period"), std::string::npos);
    end(asked(of_period()), 1);
    EXPECT_NE(why_not(sign_off()).find("1 differences"), std::string::npos);
    end(asked(of_period()), 0);
    problem_of(ask("POST", kSignOff, sign_off("")), 400, "invalid_input");
    const json::object period = object_of(ask("POST", kSignOff, sign_off()), 201);
    EXPECT_EQ(period.at("state"), "signed_off");
    EXPECT_EQ(period.at("signOff").at("note"), "looked at");
    EXPECT_EQ(period.at("signOff").at("chargedAmount"), "6.5");
    EXPECT_EQ(period.at("signOff").at("customers").at(0).at("amount"), "6.5");
    EXPECT_NE(why_not(sign_off()).find("already"), std::string::npos);
    const json::object listed = object_of(ask("GET", "/v1/charge-periods?limit=200"), 200);
    bool is_listed = false;
    for (const json::value& one : listed.at("items").as_array()) {
        if (std::string_view(one.at("billingPeriodStart").as_string()) == period_start_) {
            is_listed = !one.at("signOff").is_null();
        }
    }
    EXPECT_TRUE(is_listed);
}

TEST_F(ReconciliationApi, only_those_who_charge_ask_accept_and_sign_off) {
    const std::int64_t id = asked(of_run());
    end(id, 1);
    const std::string accept =
        fmt::format("/v1/charge-differences/{}/accept",
                    number("SELECT max(charge_difference_id) FROM charge_difference"));
    for (const Role role : {Role::viewer, Role::operator_}) {
        const auto refused = [&](const std::string& path, const std::string& body) {
            problem_of(ask("POST", path, body, "application/json", as(own(), role)), 403,
                       "forbidden");
        };
        refused(kPath, of_run());
        refused(accept, R"({"reason":"mine"})");
        refused("/v1/charge-periods/sign-off", sign_off());
    }
    EXPECT_EQ(ask("GET", one(id), {}, {}, as(own(), Role::billing)).status, 200);
}

}  // namespace
}  // namespace carryall::api_tests
