#include "sync/sync_rules.hpp"

#include <gtest/gtest.h>

#include "sync/acceptance_rules.hpp"

namespace carryall::sync {
namespace {

using carriers::CarrierLine;
using carriers::FailureClass;
using carriers::InventoryFailed;
using std::chrono::milliseconds;
using std::chrono::seconds;

CarrierLine line(std::optional<std::string> iccid, std::optional<std::string> msisdn) {
    CarrierLine made;
    made.iccid = std::move(iccid);
    made.msisdn = std::move(msisdn);
    return made;
}

TEST(Keys, are_the_first_19_digits_or_the_number) {
    const auto keyed = keyed_lines(
        {line("89103000000000000071", "+2125550100"), line({}, "2125550101"), line({}, "  ")});
    ASSERT_EQ(keyed.lines.size(), 2U);
    EXPECT_EQ(keyed.lines[0].key, "8910300000000000007");
    EXPECT_EQ(keyed.lines[0].line.msisdn, "2125550100");
    EXPECT_EQ(keyed.lines[1].key, "msisdn:2125550101");
    EXPECT_FALSE(keyed.lines[1].iccid19);
    EXPECT_EQ(keyed.nameless, 1);
}

TEST(Keys, of_a_line_that_is_told_twice_the_later_words_win) {
    CarrierLine first = line("8910300000000000007", "1");
    first.status = "Active";
    CarrierLine second = line("89103000000000000071", {});
    second.status = "Suspended";
    const auto keyed = keyed_lines({first, second});
    ASSERT_EQ(keyed.lines.size(), 1U);
    EXPECT_EQ(keyed.lines[0].line.status, "Suspended");
    EXPECT_EQ(keyed.lines[0].line.msisdn, "1");
}

TEST(Keys, an_empty_text_is_told_and_an_empty_identifier_or_status_is_not) {
    CarrierLine told = line("8910300000000000007", "");
    told.rate_plan = " ";
    told.status = "";
    const auto keyed = keyed_lines({told, line("", "")});
    ASSERT_EQ(keyed.lines.size(), 1U);
    EXPECT_EQ(keyed.lines[0].line.rate_plan, "");
    EXPECT_FALSE(keyed.lines[0].line.status);
    EXPECT_EQ(keyed.nameless, 1);
}

TEST(Retries, back_off_and_end) {
    RetryRules rules;
    const InventoryFailed failed{"down", FailureClass::transient, {}, false};
    EXPECT_EQ(retry_in(failed, 0, 1.0, rules), milliseconds(5'000));
    EXPECT_EQ(retry_in(failed, 1, 1.0, rules), milliseconds(10'000));
    EXPECT_EQ(retry_in(failed, 0, 0.0, rules), milliseconds(2'500));
    rules.max_retries = 100;
    EXPECT_EQ(retry_in(failed, 99, 1.0, rules), rules.backoff_max);
    rules.max_retries = 8;
    EXPECT_FALSE(retry_in(failed, 8, 1.0, rules));
}

TEST(Retries, are_not_for_what_stays_wrong) {
    EXPECT_FALSE(
        retry_in({"no such account", FailureClass::system, {}, false}, 0, 0.5, RetryRules{}));
}

TEST(Retries, wait_as_long_as_the_carrier_asks_and_limits_of_the_account_do_not_count) {
    const InventoryFailed limited{"slow down", FailureClass::transient, seconds(3'600), true};
    EXPECT_EQ(retry_in(limited, 50, 0.5, RetryRules{}), milliseconds(3'600'000));
}

TEST(Results, list_so_many_and_count_all) {
    base::json::object result;
    for (std::size_t i = 0; i < kMaxListedPlans + 5; ++i) add_to_result(result, "plansAdded", "P");
    EXPECT_EQ(result.at("plansAdded").as_array().size(), kMaxListedPlans);
    EXPECT_EQ(result.at("plansAddedCount").as_int64(),
              static_cast<std::int64_t>(kMaxListedPlans + 5));
}

DecidedDrift status_drift() {
    DecidedDrift drift;
    drift.drift_id = 1;
    drift.device_id = 7;
    drift.theirs = "Suspended";
    drift.state = "open";
    return drift;
}

TEST(Accepting, takes_the_carriers_value) {
    const auto acceptance = accept(status_drift());
    ASSERT_TRUE(std::holds_alternative<DeviceEdit>(acceptance));
    EXPECT_EQ(std::get<DeviceEdit>(acceptance).member, "status");
    EXPECT_EQ(std::get<DeviceEdit>(acceptance).value, "Suspended");
}

TEST(Accepting, waits_for_the_change_under_way) {
    DecidedDrift drift = status_drift();
    drift.is_moving = true;
    EXPECT_TRUE(std::holds_alternative<NotAcceptable>(accept(drift)));
}

TEST(Accepting, refuses_identifiers_that_are_none) {
    DecidedDrift drift = status_drift();
    drift.field = DriftField::imei;
    drift.theirs = "490154203237519";
    const auto acceptance = accept(drift);
    ASSERT_TRUE(std::holds_alternative<NotAcceptable>(acceptance));
    EXPECT_NE(std::get<NotAcceptable>(acceptance).reason.find("IMEI"), std::string::npos);
}

TEST(Accepting, archives_what_the_carrier_does_not_have_and_brings_back_what_it_uses) {
    DecidedDrift drift = status_drift();
    drift.field = DriftField::presence;
    EXPECT_EQ(std::get<DeviceEdit>(accept(drift)).value, "t");
    drift.is_archived = true;
    EXPECT_EQ(std::get<DeviceEdit>(accept(drift)).value, "f");
}

TEST(Accepting, adds_the_line_on_the_portal_of_its_integration) {
    DecidedDrift drift = status_drift();
    drift.device_id = 0;
    drift.field = DriftField::presence;
    drift.iccid = "8910300000000000007";
    drift.status = "Active";
    drift.integration = "telegence";
    EXPECT_EQ(std::get<NewDevice>(accept(drift)).portal, "mobility");
    drift.integration = "jasper";
    EXPECT_EQ(std::get<NewDevice>(accept(drift)).portal, "m2m");
    drift.owner = "Another account";
    EXPECT_TRUE(std::holds_alternative<NotAcceptable>(accept(drift)));
    drift.owner.reset();
    drift.iccid.reset();
    EXPECT_TRUE(std::holds_alternative<NotAcceptable>(accept(drift)));
}

}  // namespace
}  // namespace carryall::sync
