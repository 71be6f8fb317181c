// Rev.io as its wire format says: gateway, envelope, searches, creates, patches.
#include "base64.hpp"
#include "revio/revio_fixture.hpp"

namespace carryall::simulators {
namespace {

TEST_F(RevioTest, the_gateway_checks_the_key_first_and_in_its_own_shape) {
    start();
    const std::string basic =
        "Authorization: Basic " + base64("billing@nordcell:revio-sim-password") + "\r\n";
    Answer answer = client().request("GET", "/revio/v1/SystemStatus");
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.json().at("statusCode"), 401);
    answer = client().request("GET", "/revio/v1/SystemStatus", "",
                              "Ocp-Apim-Subscription-Key: wrong\r\n" + basic);
    EXPECT_EQ(answer.json().at("statusCode"), 401);
    answer = client().request("GET", "/revio/v1/SystemStatus", "",
                              "Ocp-Apim-Subscription-Key: revio-sim-key\r\n");
    EXPECT_EQ(faults(answer, 401).size(), 1U) << "then Basic, array-shaped";
    EXPECT_EQ(revio("GET", "SystemStatus").json().at("ok"), true);
}

TEST_F(RevioTest, collections_page_from_one_and_say_whether_there_is_more) {
    start();
    auto page = revio("GET", "Customers").json();
    EXPECT_EQ(page.at("record_count"), 10);
    EXPECT_EQ(page.at("has_more"), true);
    page = revio("GET", "Customers?search.page_size=30&search.page=2").json();
    EXPECT_EQ(page.at("record_count"), 20);
    EXPECT_EQ(page.at("has_more"), false);
    EXPECT_EQ(page.at("records").at(0).at("customer_id"), 4131);
    page = revio("GET", "Customers?page_size=25&page=2").json();
    EXPECT_EQ(page.at("record_count"), 25);
    EXPECT_EQ(page.at("has_more"), false) << "exactly full, and nothing follows";
    admin("POST", "revio/knobs", R"({"fullPageSaysMore":true})");
    EXPECT_EQ(revio("GET", "Customers?page_size=25&page=2").json().at("has_more"), true);
    EXPECT_EQ(revio("GET", "Customers?page_size=25&page=3").json().at("record_count"), 0);
    EXPECT_EQ(faults(revio("GET", "Customers?search.page=0")).size(), 1U);
    EXPECT_EQ(revio("GET", "customers").status, 200) << "paths are not case-sensitive";
}

TEST_F(RevioTest, one_resource_carries_ok_and_links) {
    start();
    const auto customer = revio("GET", "Customers/4102").json();
    EXPECT_EQ(customer.at("ok"), true);
    EXPECT_EQ(customer.at("customer_id"), 4102);
    EXPECT_EQ(text(customer.at("listing_address").at("company_name")), "Customer 4102");
    EXPECT_EQ(customer.at("finance").at("bill_profile_id"), 92);
    EXPECT_EQ(text(customer.at("activated_date")), "2025-01-01T00:00:00");
    EXPECT_EQ(text(customer.at("links").at(0).at("rel")), "self");
    EXPECT_EQ(faults(revio("GET", "Customers/1"), 404).at(0), "Customer was not found.");
    EXPECT_EQ(faults(revio("GET", "Customers/x"), 404).size(), 1U);
    EXPECT_EQ(faults(revio("PUT", "Customers/4102"), 405).size(), 1U);
    admin("POST", "revio/knobs", R"({"textCustomerIds":true})");
    EXPECT_EQ(text(revio("GET", "Customers/4102").json().at("customer_id")), "4102");
}

TEST_F(RevioTest, every_catalogue_can_be_listed_and_read) {
    start();
    for (const std::string name :
         {"ProductTypes", "Products", "Providers", "ServiceTypes", "Packages", "PackageProducts",
          "UsagePlanGroups", "Agents", "BillProfiles", "InventoryTypes"}) {
        const auto page = revio("GET", name).json();
        ASSERT_GE(page.at("record_count").as_int64(), 1) << name;
        const auto& first = page.at("records").at(0).as_object();
        const auto id = std::to_string(first.begin()->value().as_int64());
        EXPECT_EQ(revio("GET", name + "/" + id).status, 200) << name;
    }
}

TEST_F(RevioTest, filters_narrow_and_repeated_ones_widen) {
    start();
    EXPECT_EQ(records("Customers?search.bill_profile_id=91&search.page_size=100"), 25);
    EXPECT_EQ(records("Customers?search.bill_profile_id=91&search.bill_profile_id=92&"
                      "search.page_size=100"),
              50);
    EXPECT_EQ(records("Customers?search.customer_id=4105&search.status=open"), 1);
    EXPECT_EQ(records("Customers?search.customer_id=4105&search.status=CLOSED"), 0);
    EXPECT_EQ(faults(revio("GET", "Customers?search.nonsense=1")).size(), 1U);
    admin("POST", "revio/knobs", R"({"ignoreUnknownSearch":true})");
    EXPECT_EQ(records("Customers?search.nonsense=1"), 10);
}

TEST_F(RevioTest, the_minute_window_refuses_and_says_when) {
    options_.revio.limit_per_minute = 3;
    start();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(revio("GET", "SystemStatus").status, 200);
    const Answer answer = revio("GET", "SystemStatus");
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.json().at("statusCode"), 429);
    const std::string wait = answer.header("Retry-After");
    EXPECT_EQ(text(answer.json().at("message")),
              "Rate limit is exceeded. Try again in " + wait + " seconds.");
    advance_millis(std::stoll(wait) * 1000);
    EXPECT_EQ(revio("GET", "SystemStatus").status, 200);
    admin("POST", "revio/knobs",
          R"({"limitPerMinute":1,"retryAfter":false,"messageVariant":2,"windowSeconds":600})");
    EXPECT_EQ(revio("GET", "SystemStatus").status, 200);
    const Answer mute = revio("GET", "SystemStatus");
    EXPECT_EQ(mute.header("Retry-After"), "");
    EXPECT_EQ(text(mute.json().at("message")), "Too many requests.");
}

TEST_F(RevioTest, the_day_quota_is_a_403_that_is_no_permission_error) {
    options_.revio.quota_per_day = 2;
    start();
    EXPECT_EQ(revio("GET", "SystemStatus").status, 200);
    EXPECT_EQ(revio("GET", "SystemStatus").status, 200);
    const Answer answer = revio("GET", "SystemStatus");
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.json().at("statusCode"), 403);
    EXPECT_EQ(text(answer.json().at("message")).substr(0, 55),
              "Out of call volume quota. Quota will be replenished in ");
    EXPECT_GT(std::stoi(answer.header("Retry-After")), 80'000);
    advance_millis(86'400'000);
    EXPECT_EQ(revio("GET", "SystemStatus").status, 200);
}

TEST_F(RevioTest, services_are_created_found_by_number_and_patched) {
    start();
    const auto id = create("Services",
                           R"({"customer_id":4102,"provider_id":21,"number":"8910300000000000001",
                              "service_type_id":61,"activated_date":"2026-03-01Z"})");
    EXPECT_EQ(create_service(4102, "8910300000000000001"), id + 1) << "duplicates pass";
    EXPECT_EQ(records("Services?search.number=8910300000000000001"), 2);
    const std::string path = "Services/" + std::to_string(id);
    const auto service = revio("GET", path).json();
    EXPECT_EQ(text(service.at("activated_date")), "2026-03-01T00:00:00");
    EXPECT_TRUE(service.at("disconnected_date").is_null());
    EXPECT_EQ(revio("PATCH", path,
                    R"([{"op":"replace","path":"/number","value":"new"},
                        {"op":"replace","path":"fields/2/value","value":"Oslo"}])")
                  .status,
              200);
    const auto patched = revio("GET", path).json();
    EXPECT_EQ(text(patched.at("number")), "new");
    EXPECT_EQ(text(patched.at("fields").at(2).at("value")), "Oslo");
    EXPECT_EQ(records("Services?search.number=8910300000000000001"), 1);
    EXPECT_EQ(records("Services?search.number=new"), 1);
    EXPECT_EQ(revio("PATCH", path, R"([{"op":"remove","path":"/number"}])").status, 200);
    EXPECT_TRUE(revio("GET", path).json().at("number").is_null());
    for (const std::string_view patch :
         {"{}", "[]", R"([{"op":"replace","path":"/service_id","value":1}])",
          R"([{"op":"replace","path":"/nonsense","value":1}])",
          R"([{"op":"copy","path":"/number"}])",
          R"([{"op":"replace","path":"/customer_id","value":1}])",
          R"([{"op":"replace","path":"/number","value":1}])"}) {
        EXPECT_EQ(faults(revio("PATCH", path, patch)).size(), 1U) << patch;
    }
    EXPECT_EQ(faults(revio("POST", "Services", R"({"customer_id":1,"provider_id":2})")).size(), 2U);
}

TEST_F(RevioTest, a_service_disconnects_when_its_products_have_the_same_date) {
    start();
    const auto service = create_service();
    const auto product =
        create("ServiceProduct", R"({"customer_id":4102,"product_id":5001,"service_id":)" +
                                     std::to_string(service) + "}");
    const std::string path = "Services/" + std::to_string(service);
    const std::string_view patch =
        R"([{"op":"replace","path":"/disconnected_date","value":"2026-03-31"}])";
    EXPECT_EQ(faults(revio("PATCH", path, patch)).size(), 1U);
    EXPECT_EQ(revio("DELETE", "ServiceProduct",
                    R"({"service_product_id":)" + std::to_string(product) +
                        R"(,"effective_date":"2026-03-31","generate_proration":false})")
                  .status,
              200);
    EXPECT_EQ(revio("PATCH", path, patch).status, 200);
    EXPECT_EQ(text(revio("GET", path).json().at("disconnected_date")), "2026-03-31T00:00:00");
}

TEST_F(RevioTest, service_products_live_from_active_to_disconnected) {
    start();
    const auto service = std::to_string(create_service());
    const auto id = create("ServiceProduct",
                           R"({"customer_id":4102,"product_id":5001,"rate":6.5,"quantity":2,
                              "effective_date":"2026-03-01","service_id":)" +
                               service + "}");
    const std::string path = "ServiceProduct/" + std::to_string(id);
    EXPECT_EQ(records("ServiceProduct?search.status=ACTIVE&search.service_id=" + service), 1);
    EXPECT_EQ(revio("PATCH", path, R"([{"op":"replace","path":"/quantity","value":3}])").status,
              200);
    EXPECT_EQ(revio("GET", path).json().at("quantity"), 3);
    const std::string_view disconnect_by_patch =
        R"([{"op":"replace","path":"/status","value":"DISCONNECTED"}])";
    EXPECT_EQ(faults(revio("PATCH", path, disconnect_by_patch)).size(), 1U);
    EXPECT_EQ(faults(revio("DELETE", "ServiceProduct")).size(), 1U) << "the body says which";
    const std::string body = R"({"service_product_id":)" + std::to_string(id) +
                             R"(,"effective_date":"2026-03-31","generate_proration":false})";
    EXPECT_EQ(revio("DELETE", "ServiceProduct", body).status, 200);
    const auto gone = revio("GET", path).json();
    EXPECT_EQ(text(gone.at("status")), "DISCONNECTED");
    EXPECT_EQ(text(gone.at("canceled_date")), "2026-03-31T00:00:00");
    EXPECT_EQ(records("ServiceProduct?search.status=ACTIVE&search.service_id=" + service), 0);
    EXPECT_EQ(faults(revio("DELETE", "ServiceProduct", body)).size(), 1U);
}

TEST_F(RevioTest, put_replaces_a_service_product_within_its_rules) {
    start();
    const auto service = std::to_string(create_service());
    const auto id = create("ServiceProduct",
                           R"({"customer_id":4102,"product_id":5001,"rate":6.5,"quantity":2,
                              "description":"old","service_id":)" +
                               service + "}");
    const std::string path = "ServiceProduct/" + std::to_string(id);
    const auto put = [&](std::string_view more) {
        return revio("PUT", path,
                     R"({"product_id":5002,"generate_proration":true,"service_id":)" + service +
                         std::string(more) + "}");
    };
    EXPECT_EQ(put(R"(,"rate":9,"quantity":1)").status, 200);
    const auto record = revio("GET", path).json();
    EXPECT_EQ(record.at("product_id"), 5002);
    EXPECT_EQ(record.at("rate"), 9);
    EXPECT_TRUE(record.at("description").is_null()) << "the whole resource is replaced";
    EXPECT_EQ(text(record.at("status")), "ACTIVE");
    EXPECT_EQ(faults(put(R"(,"rate":9,"quantity":1,"status":"DISCONNECTED")")).size(), 2U - 1U);
    EXPECT_EQ(faults(put(R"(,"rate":8,"quantity":1,"status":"PENDING")")).size(), 1U);
    EXPECT_EQ(put(R"(,"rate":9,"quantity":1,"status":"PENDING")").status, 200);
    EXPECT_EQ(faults(revio("PUT", path, R"({"product_id":5001})")).size(), 2U);
}

TEST_F(RevioTest, inventory_is_created_assigned_and_freed) {
    start();
    const auto service = std::to_string(create_service());
    const auto id = create("InventoryItem",
                           R"({"inventory_type_id":20,"identifier":"8901","customer_id":4102,
                              "status":"AVAILABLE"})");
    EXPECT_EQ(records("InventoryItem?search.identifier=8901"), 1);
    EXPECT_EQ(records("ServiceInventory?search.service_id=" + service), 0);
    const std::string assign = R"({"service_id":)" + service + R"(,"identifiers":["8901"]})";
    EXPECT_EQ(revio("PATCH", "InventoryItem/assignService", assign).status, 200);
    EXPECT_EQ(records("ServiceInventory?search.service_id=" + service), 1);
    EXPECT_EQ(text(revio("GET", "InventoryItem/" + std::to_string(id)).json().at("status")),
              "ASSIGNED");
    const std::string unknown = R"({"service_id":)" + service + R"(,"identifiers":["1","2"]})";
    EXPECT_EQ(faults(revio("PATCH", "InventoryItem/assignService", unknown)).size(), 2U);
    EXPECT_EQ(
        revio("PATCH", "InventoryItem/UnassignCustomer", R"({"id":)" + std::to_string(id) + "}")
            .status,
        200);
    EXPECT_EQ(records("ServiceInventory?search.service_id=" + service), 0);
    EXPECT_EQ(faults(revio("POST", "InventoryItem", R"({"inventory_type_id":20})")).size(), 1U);
}

TEST_F(RevioTest, customers_are_created_patched_and_closed) {
    start();
    const auto id = create("Customers",
                           R"({"parent_customer_id":4101,"listing_address":{"company_name":"Acme"},
                              "finance":{"bill_profile_id":91}})");
    const std::string path = "Customers/" + std::to_string(id);
    EXPECT_EQ(text(revio("GET", path).json().at("listing_address").at("company_name")), "Acme");
    EXPECT_EQ(
        revio("PATCH", path, R"([{"op":"replace","path":"/finance/bill_profile_id","value":92}])")
            .status,
        200);
    EXPECT_EQ(revio("GET", path).json().at("finance").at("bill_profile_id"), 92);
    EXPECT_EQ(revio("DELETE", path).status, 200);
    EXPECT_EQ(text(revio("GET", path).json().at("status")), "CLOSED");
}

TEST_F(RevioTest, rows_are_loaded_with_ids_of_ones_own) {
    start();
    const auto report = admin("POST", "revio/customers",
                              R"([{"customer_id":9000},{"customer_id":7000,"status":"CLOSED"}])")
                            .json();
    EXPECT_EQ(report.at("loaded"), 2);
    EXPECT_EQ(revio("GET", "Customers/9000").status, 200);
    EXPECT_EQ(text(revio("GET", "Customers/7000").json().at("status")), "CLOSED");
    EXPECT_EQ(admin("POST", "revio/customers", R"({"customer_id":9000})").status, 400);
    const auto many =
        admin("POST", "revio/services",
              R"({"count":500,"template":{"customer_id":4102,"provider_id":21,"number":"bulk"}})")
            .json();
    EXPECT_EQ(many.at("firstId"), 99001);
    EXPECT_EQ(records("Services?search.number=bulk&search.page_size=500"), 500);
    EXPECT_EQ(admin("GET", "revio/services").json().at("rows"), 500);
    EXPECT_EQ(admin("GET", "revio/services/99001").json().at("customer_id"), 4102);
    EXPECT_EQ(admin("POST", "revio/products",
                    R"({"product_type_id":311,"description":"Added","provider_id":21})")
                  .status,
              200);
    EXPECT_EQ(admin("POST", "revio/knobs", R"({"typo":1})").status, 400);
}

}  // namespace
}  // namespace carryall::simulators
