// Rev.io's exchanges against the simulator, undisturbed and with each fault at each kind of call.
#include "billing/revio/revio.hpp"

#include <gtest/gtest.h>

#include "conformance/small_engine.hpp"

namespace carryall::conformance {
namespace {

namespace revio = billing::revio;

constexpr std::string_view kFaults[] = {
    "reset_before", "execute_then_reset", "execute_then_500", "execute_then_hang", "500", "503",
    "429",          "malformed_json",     "html_200",         "truncated"};

class RevioConformance : public testing::Test {
  protected:
    static void SetUpTestSuite() { simulator_ = std::make_unique<Simulator>(); }
    static void TearDownTestSuite() { simulator_.reset(); }

    void SetUp() override {
        simulator_->post("reset", base::json::object{});
        const base::json::object settings = {{"baseUrl", simulator_->url() + "/revio"},
                                             {"timeoutSeconds", 1}};
        const base::json::object credentials = {{"username", "carryall@demo"},
                                                {"password", "revio-password"},
                                                {"subscriptionKey", "revio-key"}};
        account_ = *revio::account(2, settings, credentials);
        account_.write_is_enabled = true;
    }

    carriers::Outcome assign(std::int64_t customer) {
        revio::AssignService request;
        request.rev_customer_id = customer;
        request.number = "15550001111";
        request.number2 = "8910300000001234567";
        request.provider_id = 21;
        request.service_type_id = 61;
        request.product_ids = {5001, 5002};
        request.activated_date = "2026-03-01";
        request.token = "cry-1";
        return run_to_end(*simulator_, account_, [&](const carriers::Attempt& attempt) {
            return revio::assign_service(account_, request, attempt);
        });
    }

    static std::unique_ptr<Simulator> simulator_;
    carriers::Account account_;
};
std::unique_ptr<Simulator> RevioConformance::simulator_;

TEST_F(RevioConformance, a_line_is_assigned_once_and_then_refused) {
    const carriers::Outcome outcome = assign(4101);
    ASSERT_EQ(carriers::kind_of(outcome), "applied") << carriers::reason_of(outcome);
    const auto& details = std::get<carriers::Applied>(outcome).details;
    EXPECT_GT(details.at("revioServiceId").as_int64(), 0);
    EXPECT_EQ(details.at("revioServiceProductIds").as_array().size(), 2u);
    EXPECT_EQ(carriers::reason_of(assign(4101)),
              "Active service line. New Service line not created");
    EXPECT_EQ(carriers::reason_of(assign(4102)), "Active service line. Cannot change customers");
    const carriers::Outcome found = run_to_end(
        *simulator_, account_,
        [&](const carriers::Attempt&) { return revio::find_service(account_, "15550001111"); });
    EXPECT_EQ(std::get<carriers::Applied>(found).details.at("revioServiceId"),
              details.at("revioServiceId"));
}

TEST_F(RevioConformance, nothing_is_created_twice_by_any_fault_at_any_call) {
    for (const std::string_view action :
         {"list_services", "create_service", "list_service_products", "create_service_product"}) {
        for (const std::string_view fault : kFaults) {
            SetUp();
            simulator_->fail_once("revio", action, fault);
            const carriers::Outcome outcome = assign(4101);
            EXPECT_EQ(carriers::kind_of(outcome), "applied")
                << action << ' ' << fault << ": " << carriers::reason_of(outcome);
            EXPECT_EQ(simulator_->performed("revio", "create_service"), 1) << action << fault;
            EXPECT_EQ(simulator_->performed("revio", "create_service_product"), 2)
                << action << fault;
        }
    }
}

TEST_F(RevioConformance, the_refusals_of_revio_reach_the_user) {
    const carriers::Outcome no_customer = assign(999'999);
    ASSERT_EQ(carriers::kind_of(no_customer), "refused");
    EXPECT_NE(carriers::reason_of(no_customer).find("999999"), std::string::npos)
        << carriers::reason_of(no_customer);
}

}  // namespace
}  // namespace carryall::conformance
