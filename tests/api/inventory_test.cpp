// The inventory as clients see it: records, credentials, imports, devices and their history.
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;
using tenants::Role;

class Inventory : public ApiTest {
  protected:
    static support::HttpReply import(const std::string& kind, const std::string& csv,
                                     const std::string& query = {}) {
        return ask("POST", "/v1/imports/" + kind + query, csv, "text/csv");
    }
    static json::object object_of(const support::HttpReply& reply, int status) {
        EXPECT_EQ(reply.status, status) << reply.body;
        const json::value body = json_of(reply);
        EXPECT_TRUE(body.is_object()) << reply.body;
        return body.is_object() ? body.get_object() : json::object{};
    }
    static json::array items_of(const support::HttpReply& reply) {
        const json::object page = object_of(reply, 200);
        const auto* items = page.if_contains("items");
        return items != nullptr ? items->as_array() : json::array{};
    }
    static std::string provider_id() { return std::to_string(own().ids.at("serviceProviderId")); }
};

TEST_F(Inventory, a_record_is_made_read_changed_and_listed) {
    const auto made = ask("POST", "/v1/customers", R"({"name":"Acme","revCustomerId":"77001"})");
    const json::object customer = object_of(made, 201);
    const std::string path = made.header("location");
    EXPECT_EQ(path, "/v1/customers/" + std::to_string(customer.at("customerId").as_int64()));
    EXPECT_EQ(object_of(ask("GET", path), 200), customer);
    const json::object changed = object_of(ask("PATCH", path, R"({"accountNumber":"A-7"})"), 200);
    EXPECT_EQ(changed.at("revCustomerId"), "77001");
    EXPECT_EQ(changed.at("accountNumber"), "A-7");
    const json::array found = items_of(ask("GET", "/v1/customers?name=acm&isActive=true"));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0], json::value(changed));
}

TEST_F(Inventory, every_mistake_of_a_record_is_named_by_pointer) {
    const auto problem = problem_of(ask("POST", "/v1/customers", R"({"colour":1,"isActive":"x"})"),
                                    400, "invalid_input");
    std::vector<std::string> pointers;
    for (const auto& error : problem.at("errors").as_array()) {
        pointers.emplace_back(error.at("pointer").as_string());
    }
    EXPECT_EQ(pointers, (std::vector<std::string>{"/colour", "/isActive", "/name"}));
    problem_of(ask("POST", "/v1/customers", "[]"), 400, "invalid_input");
    ask("POST", "/v1/customers", R"({"name":"Twice"})");
    problem_of(ask("POST", "/v1/customers", R"({"name":"Twice"})"), 409, "conflict");
}

TEST_F(Inventory, lists_go_on_with_their_token_and_refuse_a_foreign_one) {
    for (const char* name : {"Page A", "Page B", "Page C"}) {
        ask("POST", "/v1/customer-rate-pools", json::serialize(json::object{{"name", name}}));
    }
    const std::string path = "/v1/customer-rate-pools?name=Page&limit=2";
    const json::object first = object_of(ask("GET", path), 200);
    EXPECT_EQ(first.at("items").as_array().size(), 2U);
    const std::string token(first.at("nextPageToken").as_string());
    const json::object second = object_of(ask("GET", path + "&pageToken=" + token), 200);
    EXPECT_EQ(second.at("items").as_array().size(), 1U);
    EXPECT_FALSE(second.contains("nextPageToken"));
    problem_of(ask("GET", path + "&pageToken=" + token, {}, {}, as(foreign(), Role::admin)), 400,
               "invalid_input");
    problem_of(ask("GET", "/v1/customers?limit=2&pageToken=" + token), 400, "invalid_input");
}

TEST_F(Inventory, credentials_go_in_and_never_come_out) {
    const std::string path = "/v1/service-providers/" + provider_id();
    const json::object set = object_of(
        ask("PATCH", path + "/credentials", R"({"apiKey":"s3cr3t-text","username":"u"})"), 200);
    EXPECT_EQ(set.at("credentialNames"), (json::array{"apiKey", "username"}));
    const auto shown = ask("GET", path);
    EXPECT_EQ(object_of(shown, 200).at("credentialNames"), (json::array{"apiKey", "username"}));
    EXPECT_EQ(shown.body.find("s3cr3t-text"), std::string::npos);
    EXPECT_EQ(object_of(ask("PATCH", path + "/credentials", R"({"username":null})"), 200)
                  .at("credentialNames"),
              json::array{"apiKey"});
    problem_of(ask("PATCH", path + "/credentials", R"({"username":7})"), 400, "invalid_input");
    const auto refused = ask("PATCH", path, R"({"settings":{"password":"s3cr3t-text"}})");
    problem_of(refused, 400, "invalid_input");
    EXPECT_EQ(refused.body.find("s3cr3t-text"), std::string::npos);
    problem_of(ask("PATCH", path, R"({"writeIsEnabled":true})", "application/json",
                   as(own(), Role::operator_)),
               403, "forbidden");
}

TEST_F(Inventory, settings_are_checked_when_they_are_written) {
    const auto refused = [](const support::HttpReply& reply) {
        const auto problem = problem_of(reply, 400, "invalid_input");
        return std::string(problem.at("errors").at(0).at("pointer").as_string());
    };
    const std::string path = "/v1/service-providers";
    const std::string one = path + '/' + provider_id();
    const json::object before = object_of(ask("GET", one), 200);
    EXPECT_EQ(refused(ask("POST", path,
                          R"({"name":"J","integration":"jasper","settings":)"
                          R"({"baseUrl":"jasper.test"}})")),
              "/settings/baseUrl");
    EXPECT_EQ(refused(ask("POST", path,
                          R"({"name":"T","integration":"telegence","settings":)"
                          R"({"baseUrl":"https://att.test","utcOffset":1}})")),
              "/settings/utcOffset");
    EXPECT_EQ(refused(ask("PATCH", one, R"({"settings":{"baseUrl":"https://pond.test"}})")),
              "/settings/distributorId");
    for (const char* rate : {R"("-1")", "-1", "0", R"("0.00")"}) {
        EXPECT_EQ(refused(ask("PATCH", one, std::string(R"({"ratePerSecond":)") + rate + '}')),
                  "/ratePerSecond");
    }
    EXPECT_EQ(refused(ask("PATCH", one + "/credentials", R"({"apiKye":"k"})")), "/apiKye");
    EXPECT_EQ(object_of(ask("GET", one), 200), before);
    object_of(ask("PATCH", one + "/credentials", R"({"apiKye":null})"), 200);
    object_of(ask("POST", path, R"({"name":"R","integration":"revio","settings":{}})"), 201);
    object_of(ask("POST", path,
                  R"({"name":"J","integration":"jasper","settings":)"
                  R"({"baseUrl":"https://jasper.test"}})"),
              201);
}

TEST_F(Inventory, accounts_with_one_login_share_one_pacing_key_across_tenants) {
    const auto make = [](const Tenant& tenant, const std::string& key) {
        const auto headers = as(tenant, Role::admin);
        const auto made = ask("POST", "/v1/service-providers",
                              R"({"name":"Shared )" + key +
                                  R"(","integration":"jasper",)"
                                  R"("settings":{"baseUrl":"https://shared.test"}})",
                              "application/json", headers);
        const std::string path = made.header("location");
        object_of(
            ask("PATCH", path + "/credentials", R"({"username":"user","apiKey":")" + key + R"("})",
                "application/json", headers),
            200);
        return database().value(
            "SELECT pacing_key FROM service_provider WHERE "
            "service_provider_id = " +
            path.substr(path.rfind('/') + 1));
    };
    const std::string key = make(own(), "right");
    EXPECT_EQ(key.rfind("login-", 0), 0U) << key;
    EXPECT_EQ(make(foreign(), "right"), key);
    EXPECT_NE(make(foreign(), "guessed"), key);
}

TEST_F(Inventory, an_import_stores_good_rows_and_names_bad_ones) {
    const std::string csv =
        "ICCID,Status,IMEI\n8944500000000000101,active,490154203237518\n8944500000000000102,active,"
        "490154203237519\n";
    const std::string query = "?serviceProviderId=" + provider_id();
    const json::object tried = object_of(import("devices", csv, query + "&dryRun=true"), 200);
    EXPECT_EQ(tried.at("createdCount"), 1);
    EXPECT_EQ(tried.at("stored"), false);
    const auto refused = import("devices", csv, query + "&allOrNothing=true");
    EXPECT_EQ(refused.status, 422);
    EXPECT_EQ(json_of(refused).at("type"), "urn:carryall:problem:rows_refused");
    const json::object stored = object_of(import("devices", csv, query), 200);
    EXPECT_EQ(stored.at("createdCount"), 1);
    EXPECT_EQ(stored.at("badCount"), 1);
    const json::object bad = stored.at("badRows").as_array().at(0).as_object();
    EXPECT_EQ(bad.at("row"), 3);
    EXPECT_EQ(bad.at("column"), "imei");
    EXPECT_NE(bad.at("detail").as_string().find("should be 8"), json::string::npos);
    EXPECT_EQ(object_of(import("devices", csv, query), 200).at("unchangedCount"), 1);

    const json::array found = items_of(ask("GET", "/v1/devices?iccid=8944500000000000101"));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].at("imei"), "490154203237518");
    const std::string path = "/v1/devices/" + std::to_string(found[0].at("deviceId").as_int64());
    json::object shown = object_of(ask("GET", path), 200);
    EXPECT_EQ(shown.at("carrier"), nullptr);
    shown.erase("carrier");
    EXPECT_EQ(json::value(shown), found[0]);
    const json::array history = items_of(ask("GET", path + "/history"));
    ASSERT_EQ(history.size(), 1U);
    EXPECT_EQ(history[0].at("source"), "import");
    EXPECT_EQ(history[0].at("actor"), "own tenant admin");
}

TEST_F(Inventory, an_import_that_cannot_be_read_is_a_clear_refusal) {
    problem_of(import("devices", "Status\nactive\n"), 400, "invalid_input");
    problem_of(import("service-providers", "name,integration,apiKey\nX,pond,k\n"), 400,
               "invalid_input");
    problem_of(ask("POST", "/v1/imports/devices", "", "text/csv", {{"Content-Type", "text/csv"}}),
               400, "invalid_input");
    problem_of(
        import("devices", "iccid\n",
               "?serviceProviderId=" + std::to_string(foreign().ids.at("serviceProviderId"))),
        400, "invalid_input");
    EXPECT_EQ(import("tenants", "name\nX\n").status, 404);
    const auto viewer =
        ask("POST", "/v1/imports/customers", "name\nX\n", "text/csv", as(own(), Role::viewer));
    problem_of(viewer, 403, "forbidden");
    const auto operator_of_providers =
        ask("POST", "/v1/imports/service-providers", "name,integration\nX,pond\n", "text/csv",
            as(own(), Role::operator_));
    problem_of(operator_of_providers, 403, "forbidden");
    EXPECT_EQ(items_of(ask("GET", "/v1/imports")).size(), 8U);
}

TEST_F(Inventory, devices_are_searched_sorted_and_paged) {
    const json::object first = object_of(ask("GET", "/v1/devices?sort=-iccid&limit=1"), 200);
    const std::string token(first.at("nextPageToken").as_string());
    const json::object second =
        object_of(ask("GET", "/v1/devices?sort=-iccid&limit=1&pageToken=" + token), 200);
    EXPECT_GT(first.at("items").as_array()[0].at("iccid").as_string(),
              second.at("items").as_array()[0].at("iccid").as_string());
    problem_of(ask("GET", "/v1/devices?limit=1&pageToken=" + token), 400, "invalid_input");
    problem_of(ask("GET", "/v1/devices?sort=colour"), 400, "invalid_input");
    problem_of(ask("GET", "/v1/devices?iccid=89x"), 400, "invalid_input");
    problem_of(ask("GET", "/v1/devices?limit=501"), 400, "invalid_input");
    EXPECT_EQ(items_of(ask("GET", std::string("/v1/devices?iccid=") + kForeignIccid)).size(), 0U);
    const auto archived = items_of(ask("GET", "/v1/devices?archived=true"));
    ASSERT_EQ(archived.size(), 1U);
    EXPECT_EQ(archived[0].at("iccid"), kArchivedIccid);
}

}  // namespace
}  // namespace carryall::api_tests
