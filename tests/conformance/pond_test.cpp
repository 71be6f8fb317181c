// POND's exchanges against the simulator, undisturbed and with each fault at each kind of call.
#include <algorithm>
#include <gtest/gtest.h>

#include "conformance/small_engine.hpp"

namespace carryall::conformance {
namespace {

constexpr std::string_view kFaults[] = {
    "reset_before", "execute_then_reset", "execute_then_500", "execute_then_hang", "503",
    "429",          "malformed_json",     "html_200",         "truncated",         "wrong_type"};

const carriers::Carrier& pond() {
    return *carriers::find_carrier(carriers::Integration::pond);
}

class PondConformance : public testing::Test {
  protected:
    static void SetUpTestSuite() { simulator_ = std::make_unique<Simulator>(); }
    static void TearDownTestSuite() { simulator_.reset(); }

    void SetUp() override {
        simulator_->post("reset", base::json::object{});
        old_type_ = add_type(1), new_type_ = add_type(2);
        simulator_->post("pond/fleet",
                         {{"firstIccid", kIccid}, {"count", 1}, {"packageTypeId", old_type_}});
        account_ = make_account();
    }

    static carriers::Account make_account(const base::json::object& more = {},
                                          const char* key = "pond-key") {
        base::json::object settings = {
            {"baseUrl", simulator_->url() + "/pond/ds/u/distributorPPUService/v1"},
            {"distributorId", 71},
            {"timeoutSeconds", 1}};
        for (const auto& member : more) settings[member.key()] = member.value();
        carriers::Account account = *pond().account(
            1, settings, {{"apiKey", key}, {"username", "pond"}, {"password", "pond-password"}});
        account.write_is_enabled = true;
        return account;
    }

    carriers::Outcome run(const carriers::Action& action) {
        return run_to_end(*simulator_, account_, [&](const carriers::Attempt& attempt) {
            return pond().exchange(account_, {std::string(kIccid) + "8", "", "", ""}, action,
                                   attempt);
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
    account_ = make_account({}, "wrong");
    const carriers::Outcome no_key = run(carriers::StatusChange{"Active"});
    ASSERT_EQ(carriers::kind_of(no_key), "refused");
    EXPECT_EQ(std::get<carriers::Refused>(no_key).failure, carriers::FailureClass::system);
}

// --- inventory ---

TEST_F(PondConformance, the_inventory_shows_services_groups_and_plans) {
    simulator_->post("pond/fleet", {{"firstIccid", "8910300000002000000"},
                                    {"count", 250},
                                    {"groupId", 7002},
                                    {"packageTypeId", old_type_}});
    ASSERT_EQ(carriers::kind_of(run(carriers::StatusChange{"Suspended"})), "applied");
    const ReadInventory all = read_inventory(*simulator_, pond(), account_);
    ASSERT_FALSE(all.failed) << all.failed->reason;
    EXPECT_EQ(all.lines.size(), 251u);
    EXPECT_EQ(all.lines.at(kIccid).status, "Inactive");
    EXPECT_EQ(all.lines.at("8910300000002000007").status, "Active");
    EXPECT_EQ(all.lines.at("8910300000002000007").carrier_status, "In-Service");
    EXPECT_TRUE(all.lines.at("8910300000002000007").group);
    const auto plan = std::find_if(all.plans.begin(), all.plans.end(), [&](const auto& one) {
        return one.carrier_plan_id == old_type_;
    });
    EXPECT_NE(plan, all.plans.end());
}

TEST_F(PondConformance, both_ways_of_listing_find_the_same_lines) {
    simulator_->post("pond/fleet", {{"firstIccid", "8910300000002000000"}, {"count", 120}});
    account_ = make_account({{"syncDetails", true}});
    const ReadInventory by_search = read_inventory(*simulator_, pond(), account_);
    account_ = make_account({{"simList", "groups"}, {"syncDetails", true}});
    const ReadInventory by_group = read_inventory(*simulator_, pond(), account_);
    ASSERT_FALSE(by_search.failed || by_group.failed);
    ASSERT_EQ(by_search.lines.size(), 121u);
    ASSERT_EQ(by_group.lines.size(), 121u);
    for (const auto& [iccid, line] : by_search.lines) {
        const carriers::CarrierLine& other = by_group.lines.at(iccid);
        EXPECT_EQ(line.status, other.status) << iccid;
        EXPECT_EQ(line.rate_plan, other.rate_plan) << iccid;
        EXPECT_EQ(line.group, other.group) << iccid;
        EXPECT_EQ(line.modified_at, other.modified_at) << iccid;
    }
    EXPECT_EQ(by_group.lines.at(kIccid).rate_plan, std::to_string(old_type_));
}

TEST_F(PondConformance, the_inventory_goes_on_from_any_page) {
    simulator_->post("pond/fleet", {{"firstIccid", "8910300000002000000"}, {"count", 250}});
    const ReadInventory all = read_inventory(*simulator_, pond(), account_);
    ASSERT_GE(all.resumes.size(), 3u);
    std::size_t more = all.lines.size();
    for (const base::json::value& resume : all.resumes) {
        carriers::InventoryScope scope;
        scope.resume = resume;
        const ReadInventory rest = read_inventory(*simulator_, pond(), account_, scope);
        EXPECT_FALSE(rest.failed);
        EXPECT_LE(rest.lines.size(), more);
        more = rest.lines.size();
    }
    EXPECT_EQ(more, 51u);
}

TEST_F(PondConformance, a_fault_ends_the_reading_with_a_reason_and_leaves_a_place) {
    // A connection that is reset is opened again by the client: a reading harms nobody.
    for (const std::string_view fault :
         {"execute_then_hang", "500", "503", "429", "html_200", "html_502", "malformed_json",
          "truncated", "wrong_type", "error_in_200"}) {
        simulator_->fail_once("pond", "search_sim", fault);
        const ReadInventory cut = read_inventory(*simulator_, pond(), account_);
        ASSERT_TRUE(cut.failed) << fault;
        EXPECT_EQ(cut.failed->failure, carriers::FailureClass::transient) << fault;
        ASSERT_FALSE(cut.resumes.empty());
        carriers::InventoryScope scope;
        scope.resume = cut.resumes.back();
        EXPECT_EQ(read_inventory(*simulator_, pond(), account_, scope).lines.size(), 1u);
    }
}

TEST_F(PondConformance, wrong_credentials_end_the_reading_for_good) {
    account_ = make_account({}, "wrong");
    const ReadInventory all = read_inventory(*simulator_, pond(), account_);
    ASSERT_TRUE(all.failed);
    EXPECT_EQ(all.failed->failure, carriers::FailureClass::system);
}

}  // namespace
}  // namespace carryall::conformance
