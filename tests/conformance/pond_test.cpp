// POND's exchanges against the simulator, undisturbed and with each fault at each kind of call.
#include <gtest/gtest.h>

#include "conformance/simulator.hpp"

namespace carryall::conformance {
namespace {

constexpr std::string_view kFaults[] = {
    "reset_before", "execute_then_reset", "execute_then_500", "execute_then_hang", "503",
    "429",          "malformed_json",     "html_200",         "truncated",         "wrong_type"};

class PondConformance : public testing::Test {
  protected:
    static void SetUpTestSuite() { simulator_ = std::make_unique<Simulator>(); }
    static void TearDownTestSuite() { simulator_.reset(); }

    void SetUp() override {
        simulator_->post("reset", base::json::object{});
        old_type_ = add_type(1), new_type_ = add_type(2);
        simulator_->post("pond/fleet",
                         {{"firstIccid", kIccid}, {"count", 1}, {"packageTypeId", old_type_}});
        const base::json::object settings = {
            {"baseUrl", simulator_->url() + "/pond/ds/u/distributorPPUService/v1"},
            {"distributorId", 71},
            {"timeoutSeconds", 1}};
        const base::json::object credentials = {
            {"apiKey", "pond-key"}, {"username", "pond"}, {"password", "pond-password"}};
        account_ =
            *carriers::find_carrier(carriers::Integration::pond)->account(1, settings, credentials);
        account_.write_is_enabled = true;
    }

    carriers::Outcome run(const carriers::Action& action) {
        return run_to_end(*simulator_, account_, [&](const carriers::Attempt& attempt) {
            return carriers::find_carrier(carriers::Integration::pond)
                ->exchange(account_, {std::string(kIccid) + "8", "", "", ""}, action, attempt);
        });
    }
    base::json::value truth() { return simulator_->get("pond/sim/" + std::string(kIccid)); }
    int active_of(std::int64_t type) {
        int count = 0;
        const base::json::value state = truth();
        for (const auto& package : state.at("packages").as_array()) {
            count += package.at("status") == "ACTIVE" && package.at("packageTypeId") == type;
        }
        return count;
    }

    static std::int64_t add_type(std::int64_t number) {
        const std::int64_t id = 50'000 + number;
        const base::json::array types = {
            {{"packageTypeId", id}, {"name", "P"}, {"inventoryId", 310}}};
        simulator_->post("pond/package-types", types);
        return id;
    }

    static constexpr const char* kIccid = "8910300000001234567";
    static std::unique_ptr<Simulator> simulator_;
    carriers::Account account_;
    std::int64_t old_type_ = 0;
    std::int64_t new_type_ = 0;
};
std::unique_ptr<Simulator> PondConformance::simulator_;

TEST_F(PondConformance, a_status_update_switches_the_three_services) {
    const carriers::Outcome outcome = run(carriers::StatusChange{"Suspended"});
    ASSERT_EQ(carriers::kind_of(outcome), "applied") << carriers::reason_of(outcome);
    EXPECT_EQ(truth().at("status").at("simDataServiceStatus"), "DISABLED");
    EXPECT_EQ(truth().at("status").at("simSmsServiceStatus"), "DISABLED");
    EXPECT_EQ(carriers::kind_of(run(carriers::StatusChange{"Active"})), "applied");
    EXPECT_EQ(truth().at("status").at("simVoiceServiceStatus"), "ENABLED");
}

TEST_F(PondConformance, a_status_update_survives_every_fault) {
    for (const std::string_view fault : kFaults) {
        SetUp();
        simulator_->fail_once("pond", "sim_status", fault);
        const carriers::Outcome outcome = run(carriers::StatusChange{"Inactive"});
        EXPECT_EQ(carriers::kind_of(outcome), "applied") << fault << carriers::reason_of(outcome);
        EXPECT_EQ(truth().at("status").at("simDataServiceStatus"), "DISABLED") << fault;
    }
}

TEST_F(PondConformance, a_plan_change_replaces_the_package) {
    const carriers::Outcome outcome = run(carriers::RatePlanChange{"P", "", new_type_});
    ASSERT_EQ(carriers::kind_of(outcome), "applied") << carriers::reason_of(outcome);
    EXPECT_EQ(active_of(old_type_), 0);
    EXPECT_EQ(active_of(new_type_), 1);
}

TEST_F(PondConformance, a_plan_change_survives_every_fault_at_every_call) {
    for (const std::string_view action : {"sim_packages", "add_package", "package_status"}) {
        for (const std::string_view fault : kFaults) {
            SetUp();
            simulator_->fail_once("pond", action, fault);
            const carriers::Outcome outcome = run(carriers::RatePlanChange{"P", "", new_type_});
            EXPECT_EQ(carriers::kind_of(outcome), "applied")
                << action << ' ' << fault << ": " << carriers::reason_of(outcome);
            EXPECT_EQ(active_of(old_type_), 0) << action << ' ' << fault;
            EXPECT_EQ(active_of(new_type_), 1) << action << ' ' << fault;
            EXPECT_EQ(simulator_->performed("pond", "add_package"), 1) << action << ' ' << fault;
        }
    }
}

TEST_F(PondConformance, the_refusals_of_the_carrier_reach_the_user) {
    const carriers::Outcome no_type = run(carriers::RatePlanChange{"P", "", 999'999});
    EXPECT_EQ(carriers::kind_of(no_type), "refused");
    EXPECT_NE(carriers::reason_of(no_type).find("Package type not found"), std::string::npos);
    account_ = *carriers::find_carrier(carriers::Integration::pond)
                    ->account(1, account_.settings,
                              {{"apiKey", "wrong"}, {"username", "u"}, {"password", "p"}});
    account_.write_is_enabled = true;
    const carriers::Outcome no_key = run(carriers::StatusChange{"Active"});
    ASSERT_EQ(carriers::kind_of(no_key), "refused");
    EXPECT_EQ(std::get<carriers::Refused>(no_key).failure, carriers::FailureClass::system);
}

}  // namespace
}  // namespace carryall::conformance
