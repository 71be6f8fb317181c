// The figures of charges as metrics, from the rows of runs, parts and charges.
#include "charges/charge_gauges.hpp"

#include "db/gauges.hpp"
#include "support/charges.hpp"

namespace carryall::charges {
namespace {

class ChargeGaugesTest : public LedgerTest {
  protected:
    std::string exposition() {
        const auto gauges = read_charge_gauges(*connection_);
        EXPECT_TRUE(gauges) << gauges.error().message;
        return gauges ? base::metrics::exposition(*gauges) : "";
    }
    static std::string member(const std::string& name, const std::string& value,
                              const std::string& state = "") {
        return "\n" + name + "{integration=\"revio\",service_provider=\"1\"" +
               (state.empty() ? "" : ",state=\"" + state + "\"") + ",tenant=\"1\"} " + value + "\n";
    }
    void expect_members(const std::vector<std::string>& members) {
        const std::string text = exposition();
        for (const std::string& one : members) {
            EXPECT_NE(text.find(one), std::string::npos) << one << text;
        }
    }
};

TEST_F(ChargeGaugesTest, charges_that_have_not_ended_well_are_told_by_state_and_account) {
    const WorkablePart part = part_of(make());
    const auto claimed = claim_charges(*connection_, part, "worker", std::chrono::seconds(60));
    ASSERT_TRUE(claimed && *claimed);
    const auto& charges = (*claimed)->page.devices;
    changes::DeviceResult unclear = ended(charges[1], changes::DeviceState::unknown);
    unclear.unclear_since = base::system_clock().now() - std::chrono::hours(2);
    unclear.verdict.due_in = std::chrono::hours(1);
    ASSERT_TRUE(complete_claim(*connection_, part, (*claimed)->page,
                               {ended(charges[0], changes::DeviceState::processed, 8'800'001),
                                unclear, ended(charges[2], changes::DeviceState::error),
                                ended(charges[3], changes::DeviceState::parked)},
                               {}, {}));
    database().run("UPDATE service_provider SET rate_per_second = 0.5 WHERE integration = 'revio'");
    expect_members(
        {member("carryall_charges", "2", "new"), member("carryall_charges", "1", "unknown"),
         member("carryall_charges", "1", "failed"), member("carryall_charges", "1", "parked"),
         member("carryall_charge_runs_stopped", "0"), member("carryall_charge_lists_to_store", "0"),
         member("carryall_charge_seconds_to_finish", "6")});
    const auto standings = read_charge_standings(*connection_);
    ASSERT_TRUE(standings);
    ASSERT_EQ(standings->size(), 1U);
    EXPECT_NEAR(static_cast<double>(standings->front().oldest_unknown_seconds), 7'200, 60);
}

TEST_F(ChargeGaugesTest, a_stopped_run_is_told_and_nothing_of_it_is_waited_for) {
    const ChargeRunId run = make();
    ASSERT_TRUE(stop_run(*connection_, caller_, run, "the amounts look wrong"));
    expect_members({member("carryall_charge_runs_stopped", "1"),
                    member("carryall_charges", "6", "new"),
                    member("carryall_charge_seconds_to_finish", "0")});
    ASSERT_TRUE(resume_run(*connection_, caller_, run));
    expect_members({member("carryall_charge_runs_stopped", "0")});
}

TEST_F(ChargeGaugesTest, a_list_waits_from_the_settling_of_its_part_until_it_is_stored) {
    charge_all(part_of(make()));
    database().run("UPDATE charge_run_part SET settled_at = now() - interval '1 hour'");
    expect_members({member("carryall_charge_lists_to_store", "1")});
    const auto waiting = read_charge_standings(*connection_);
    ASSERT_TRUE(waiting && waiting->size() == 1);
    EXPECT_NEAR(static_cast<double>(waiting->front().oldest_list_seconds), 3'600, 60);
    database().run("UPDATE charge_run_part SET state = 'listed', list_key = 'k'");
    expect_members({member("carryall_charge_lists_to_store", "0"),
                    member("carryall_charge_oldest_list_seconds", "0")});
}

TEST_F(ChargeGaugesTest, an_account_without_limits_has_no_estimate_and_old_runs_are_left_out) {
    const ChargeRunId run = make();
    database().run("UPDATE service_provider SET is_unpaced = true WHERE integration = 'revio'");
    EXPECT_EQ(exposition().find("carryall_charge_seconds_to_finish{"), std::string::npos);
    charge_all(part_of(run));
    database().run(
        "UPDATE charge_run SET state = 'finished', finished_at = now(), "
        "created_at = now() - interval '93 days'");
    EXPECT_EQ(exposition().find("service_provider="), std::string::npos);
}

TEST_F(ChargeGaugesTest, charges_of_customers_without_rev_io_have_no_account) {
    database().run(
        "UPDATE optimization_instance SET customer_id = 2, integration_authentication_id = NULL;"
        "UPDATE device SET customer_id = 2");
    make();
    EXPECT_NE(exposition().find("carryall_charges{integration=\"none\",service_provider=\"none\","
                                "state=\"new\",tenant=\"1\"} 0\n"),
              std::string::npos);
}

}  // namespace
}  // namespace carryall::charges
