// What the carrier's ledger tells against what we believe.
#include "app/ledger_audit.hpp"

#include <gtest/gtest.h>

namespace carryall::app {
namespace {

using changes::BelievedDevice;
namespace json = base::json;

constexpr const char* kIccid = "8944501000000000001";

BelievedDevice suspended() {
    BelievedDevice device;
    device.iccid = "89445010000000000015";  // the ledger has 19 digits
    device.status = "Suspended";
    device.processed_status_changes = device.started_status_changes = 1;
    return device;
}

BelievedDevice on_plan(std::int64_t plan) {
    BelievedDevice device;
    device.iccid = kIccid;
    device.status = "Active";
    device.carrier_plan_id = plan;
    device.processed_plan_changes = device.started_plan_changes = 1;
    return device;
}

json::value truth(const char* data, std::initializer_list<std::pair<int, const char*>> packages) {
    json::array list;
    for (const auto& [type, status] : packages) {
        list.push_back(json::object{{"packageTypeId", type}, {"status", status}});
    }
    return json::object{{"status", {{"simDataServiceStatus", data}}}, {"packages", list}};
}

std::vector<std::string> rules(const BelievedDevice& device, const PerformedCounts& performed,
                               const json::value& state) {
    std::vector<std::string> found;
    for (const auto& one : compare_with_carrier(device, performed, state)) {
        found.push_back(one.rule);
    }
    return found;
}

using Rules = std::vector<std::string>;
const PerformedCounts kStatusOnce = {{{"sim_status", kIccid}, 1}};
const PerformedCounts kAddedOnce = {{{"add_package", kIccid}, 1}};

TEST(LedgerAudit, agreement_is_no_finding) {
    EXPECT_EQ(rules(suspended(), kStatusOnce, truth("DISABLED", {})), Rules{});
    EXPECT_EQ(rules(on_plan(2), kAddedOnce, truth("ENABLED", {{1, "TERMINATED"}, {2, "ACTIVE"}})),
              Rules{});
}

TEST(LedgerAudit, a_package_added_twice_is_found_even_while_the_outcome_is_unclear) {
    BelievedDevice device = on_plan(2);
    device.is_unclear = true;
    EXPECT_EQ(rules(device, {{{"add_package", kIccid}, 2}}, truth("ENABLED", {})),
              Rules{"I3.add_package"});
}

TEST(LedgerAudit, a_status_that_the_carrier_never_set_is_found) {
    EXPECT_EQ(rules(suspended(), {}, truth("ENABLED", {})), (Rules{"I4.performed", "I6.status"}));
}

TEST(LedgerAudit, another_or_a_second_active_plan_is_found) {
    EXPECT_EQ(rules(on_plan(2), kAddedOnce, truth("ENABLED", {{1, "ACTIVE"}})), Rules{"I6.plan"});
    EXPECT_EQ(rules(on_plan(2), kAddedOnce, truth("ENABLED", {{1, "ACTIVE"}, {2, "ACTIVE"}})),
              Rules{"I6.plan"});
}

TEST(LedgerAudit, a_device_whose_change_is_open_may_differ) {
    BelievedDevice device = suspended();
    device.is_unclear = true;
    EXPECT_EQ(rules(device, {}, truth("ENABLED", {})), Rules{});
}

TEST(LedgerAudit, only_what_was_performed_since_the_last_reset_counts) {
    PerformedCounts counts;
    count_performed(
        R"({"seq":1,"system":"pond","action":"add_package","key":"a","performed":true})"
        "\n"
        R"({"seq":2,"system":"sim","action":"reset","key":"","performed":false})"
        "\n"
        R"({"seq":3,"system":"pond","action":"add_package","key":"a","performed":true})"
        "\n"
        R"({"seq":4,"system":"pond","action":"add_package","key":"a","performed":false})"
        "\n"
        R"({"seq":5,"system":"revio","action":"add_package","key":"a","performed":true})"
        "\n",
        counts);
    EXPECT_EQ(counts, (PerformedCounts{{{"add_package", "a"}, 1}}));
}

}  // namespace
}  // namespace carryall::app
