// The pure decisions about charges.
#include <gtest/gtest.h>

#include "charges/charge_rules.hpp"
#include "charges/finish_rules.hpp"

namespace carryall::charges {
namespace {

using changes::DeviceResult;
using changes::DeviceState;

DeviceResult result(DeviceState state, std::optional<carriers::FailureClass> failure,
                    std::string effect = "") {
    DeviceResult made;
    made.before = DeviceState::fresh;
    made.verdict.state = state;
    made.verdict.error_class = failure;
    made.verdict.reason = "why";
    made.effect = std::move(effect);
    return made;
}

TEST(ChargeRules, a_refused_account_fails_no_charge) {
    std::vector<DeviceResult> results{result(DeviceState::processed, {}),
                                      result(DeviceState::error, carriers::FailureClass::business),
                                      result(DeviceState::error, carriers::FailureClass::system)};
    EXPECT_EQ(spare_charges(results), "why");
    EXPECT_EQ(results[1].verdict.state, DeviceState::error);
    EXPECT_EQ(results[2].verdict.state, DeviceState::fresh);
    EXPECT_FALSE(results[2].verdict.error_class);
    std::vector<DeviceResult> fine{result(DeviceState::processed, {})};
    EXPECT_FALSE(spare_charges(fine));
}

TEST(ChargeRules, what_rev_io_was_never_asked_waits_for_a_person) {
    std::vector<DeviceResult> results{
        result(DeviceState::error, carriers::FailureClass::transient),
        result(DeviceState::error, carriers::FailureClass::business),
        result(DeviceState::fresh, carriers::FailureClass::transient)};
    park_unreached(results);
    EXPECT_EQ(results[0].verdict.state, DeviceState::parked);
    EXPECT_EQ(results[0].verdict.reason, "why; release it when Rev.io can be reached again");
    EXPECT_EQ(results[1].verdict.state, DeviceState::error);
    EXPECT_EQ(results[2].verdict.state, DeviceState::fresh);
}

TEST(ChargeRules, twins_of_one_charge_are_parted) {
    std::vector<DeviceResult> results{result(DeviceState::processed, {}, R"({"chargeId":5})"),
                                      result(DeviceState::processed, {}, R"({"chargeId":6})"),
                                      result(DeviceState::processed, {}, R"({"chargeId":5})")};
    part_twins(results);
    EXPECT_EQ(results[0].verdict.state, DeviceState::processed);
    EXPECT_EQ(results[1].verdict.state, DeviceState::processed);
    EXPECT_EQ(results[2].verdict.state, DeviceState::parked);
    EXPECT_EQ(results[2].verdict.reason, "Rev.io's charge 5 is that of another intent");
}

AccountLoad load(std::int64_t calls) {
    AccountLoad made;
    made.calls = calls;
    made.rate_per_second = 5;
    made.day_quota = 1'000;
    made.seconds_to_midnight = 1'000;
    return made;
}

TEST(FinishRules, the_rate_and_the_day_decide_together) {
    EXPECT_EQ(seconds_to_send(load(0)), 0);
    EXPECT_EQ(seconds_to_send(load(500)), 100);
    EXPECT_EQ(seconds_to_send(load(1'000)), 200);
    // One more than today takes: right after midnight.
    EXPECT_EQ(seconds_to_send(load(1'001)), 1'000 + 1);
    EXPECT_EQ(seconds_to_send(load(2'000)), 1'000 + 200);
    EXPECT_EQ(seconds_to_send(load(2'001)), 1'000 + 86'400 + 1);
    AccountLoad used = load(10);
    used.used_today = 995;
    EXPECT_EQ(seconds_to_send(used), 1'000 + 1);
    AccountLoad paused = load(10);
    paused.blocked_seconds = 60;
    EXPECT_EQ(seconds_to_send(paused), 62);
    AccountLoad late = load(1'000);
    late.seconds_to_midnight = 10;  // only 50 fit into what is left of today
    EXPECT_EQ(seconds_to_send(late), 10 + 190);
    AccountLoad free = load(10);
    free.is_unpaced = true;
    EXPECT_FALSE(seconds_to_send(free));
}

}  // namespace
}  // namespace carryall::charges
