// What Rev.io's ledger tells against what we believe of charges.
#include "app/charge_ledger_audit.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace carryall::app {
namespace {

using charges::BelievedCharge;
using charges::ChargeState;

constexpr std::int64_t kCommitted = 1'000'000;

BelievedCharge believed(ChargeState state) {
    BelievedCharge one;
    one.id = {7};
    one.state = state;
    one.created_at_us = kCommitted;
    one.charge.rev_customer_id = 4102;
    one.charge.product_type_id = 311;
    one.charge.amount = *base::Money::parse("6.50");
    one.charge.description = "Data 1/2";
    one.charge.marker = "amop:Q1-D1-RATE";
    one.charge.start_date = "2026-02-01";
    one.charge.end_date = "2026-02-28";
    return one;
}

std::string line(std::int64_t us, const char* amount = "6.5", const char* performed = "true",
                 const char* marker = "amop:Q1-D1-RATE") {
    return fmt::format(
        R"({{"seq":1,"us":{},"system":"revio","action":"create_charge",)"
        R"("key":"4102/0/0/311/2026-02-01/2026-02-28/{}/Data 1/2 [{}]","performed":{}}})"
        "\n",
        us, amount, marker, performed);
}

std::vector<std::string> rules(ChargeState state, const std::string& ledger) {
    PerformedCharges performed;
    count_performed_charges(ledger, performed);
    std::vector<std::string> found;
    for (const auto& one : compare_charges_with_ledger({believed(state)}, performed)) {
        found.push_back(one.rule);
    }
    return found;
}

using Rules = std::vector<std::string>;

TEST(ChargeLedgerAudit, a_charge_performed_once_after_its_intent_is_no_finding) {
    EXPECT_EQ(rules(ChargeState::charged, line(kCommitted + 5)), Rules{});
    EXPECT_EQ(rules(ChargeState::unknown, line(kCommitted + 5)), Rules{});
    EXPECT_EQ(rules(ChargeState::fresh, ""), Rules{});
    EXPECT_EQ(rules(ChargeState::failed, line(kCommitted + 5, "6.5", "false")), Rules{});
}

TEST(ChargeLedgerAudit, a_charge_performed_twice_is_found) {
    EXPECT_EQ(rules(ChargeState::charged, line(kCommitted + 5) + line(kCommitted + 9)),
              Rules{"I3.create_charge"});
}

TEST(ChargeLedgerAudit, a_refused_charge_that_was_performed_is_found) {
    EXPECT_EQ(rules(ChargeState::failed, line(kCommitted + 5)), Rules{"I3.create_charge"});
}

TEST(ChargeLedgerAudit, a_charge_that_rev_io_never_made_is_found) {
    EXPECT_EQ(rules(ChargeState::charged, line(kCommitted + 5, "6.5", "false")),
              Rules{"I7.create_charge"});
}

TEST(ChargeLedgerAudit, another_amount_is_found) {
    EXPECT_EQ(rules(ChargeState::charged, line(kCommitted + 5, "6.51")), Rules{"I8.create_charge"});
}

TEST(ChargeLedgerAudit, what_was_performed_without_or_before_its_intent_is_found) {
    EXPECT_EQ(rules(ChargeState::charged, line(kCommitted - 5)), Rules{"I2.create_charge"});
    EXPECT_EQ(rules(ChargeState::fresh, line(kCommitted + 5, "6.5", "true", "amop:Q9-D9-RATE")),
              Rules{"I2.create_charge"});
}

TEST(ChargeLedgerAudit, only_what_was_performed_since_the_last_reset_counts) {
    const std::string reset = R"({"seq":2,"system":"sim","action":"reset","performed":false})"
                              "\n";
    EXPECT_EQ(rules(ChargeState::charged, line(kCommitted + 5) + reset + line(kCommitted + 9)),
              Rules{});
}

}  // namespace
}  // namespace carryall::app
