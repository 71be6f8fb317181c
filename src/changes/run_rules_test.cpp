// Every outcome in every situation that matters.
#include "changes/run_rules.hpp"

#include <gtest/gtest.h>

namespace carryall::changes {
namespace {

using carriers::FailureClass;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Judge, applied_is_processed_also_when_it_was_unknown_before) {
    EXPECT_EQ(judge(carriers::Applied{}, {}, {}).state, DeviceState::processed);
    EXPECT_EQ(judge(carriers::Applied{}, {.was_unknown = true}, {}).state, DeviceState::processed);
}

TEST(Judge, validation_business_and_system_refusals_are_final_and_not_retried) {
    for (const auto failure :
         {FailureClass::validation, FailureClass::business, FailureClass::system}) {
        const Verdict verdict = judge(carriers::Refused{failure, "no"}, {}, {});
        EXPECT_EQ(verdict.state, DeviceState::error);
        EXPECT_EQ(verdict.error_class, failure);
        EXPECT_EQ(verdict.reason, "no");
        EXPECT_FALSE(verdict.due_in);
    }
}

TEST(Judge, not_sent_is_retried_with_growing_back_off_until_the_retries_are_used_up) {
    RetrySettings settings;
    settings.max_retries = 3;
    AttemptEnd end;
    milliseconds before{0};
    for (int retry = 0; retry < 3; ++retry) {
        end.retry_number = retry;
        const Verdict verdict = judge(carriers::NotSent{"down", {}, false}, end, settings);
        EXPECT_EQ(verdict.state, DeviceState::fresh);
        EXPECT_EQ(verdict.retry_number, retry + 1);
        ASSERT_TRUE(verdict.due_in);
        EXPECT_GT(*verdict.due_in, before);
        before = *verdict.due_in;
    }
    end.retry_number = 3;
    const Verdict last = judge(carriers::NotSent{"down", {}, false}, end, settings);
    EXPECT_EQ(last.state, DeviceState::error);
    EXPECT_EQ(last.error_class, FailureClass::transient);
}

TEST(Judge, a_device_with_earlier_steps_done_is_parked_and_not_shown_as_failed) {
    RetrySettings settings;
    settings.max_retries = 0;
    EXPECT_EQ(
        judge(carriers::NotSent{"down", {}, false}, {.did_earlier_steps = true}, settings).state,
        DeviceState::parked);
}

TEST(Judge, a_step_that_is_done_leads_to_the_next_with_retries_of_its_own) {
    const AttemptEnd end{.was_waiting = true, .retry_number = 5, .read_back_count = 3};
    const Verdict verdict = judge(carriers::Advanced{seconds(7), "on"}, end, {});
    EXPECT_EQ(verdict.state, DeviceState::fresh);
    EXPECT_EQ(verdict.due_in, seconds(7));
    EXPECT_EQ(verdict.retry_number, 0);
    EXPECT_EQ(verdict.read_back_count, 0);
}

TEST(Judge, what_only_a_person_can_tell_is_parked_at_once) {
    carriers::Unknown unknown{"look"};
    unknown.needs_person = true;
    const Verdict verdict = judge(unknown, {}, {});
    EXPECT_EQ(verdict.state, DeviceState::parked);
    EXPECT_EQ(verdict.reason, "look");
    EXPECT_FALSE(verdict.due_in);
}

TEST(Judge, the_wait_the_outside_system_asks_for_is_honoured) {
    const Verdict verdict = judge(carriers::NotSent{"429", seconds(120), true}, {}, {});
    EXPECT_GE(*verdict.due_in, seconds(120));
}

TEST(Judge, an_unknown_outcome_climbs_the_ladder_and_is_then_parked) {
    RetrySettings settings;
    settings.ladder = {seconds(0), seconds(300), seconds(3600)};
    AttemptEnd end{.settles_in = seconds(30)};
    Verdict verdict = judge(carriers::Unknown{"timeout"}, end, settings);
    EXPECT_EQ(verdict.state, DeviceState::unknown);
    EXPECT_EQ(verdict.due_in, seconds(30));  // the settling time is longer than the first rung
    end = {.was_unknown = true, .read_back_count = 0};
    std::vector<seconds> waits;
    for (int i = 0; i < 2; ++i) {
        verdict = judge(carriers::Unknown{"timeout"}, end, settings);
        ASSERT_EQ(verdict.state, DeviceState::unknown);
        waits.push_back(std::chrono::duration_cast<seconds>(*verdict.due_in));
        end.read_back_count = verdict.read_back_count;
    }
    EXPECT_EQ(waits, (std::vector<seconds>{seconds(300), seconds(3600)}));
    verdict = judge(carriers::Unknown{"timeout"}, end, settings);
    EXPECT_EQ(verdict.state, DeviceState::parked);
    EXPECT_NE(verdict.reason.find("timeout"), std::string::npos);
}

TEST(Judge, a_reading_within_the_settling_time_uses_up_no_rung) {
    const AttemptEnd end{.was_unknown = true, .read_back_count = 1, .settles_in = seconds(20)};
    const Verdict verdict = judge(carriers::Unknown{"not yet"}, end, {});
    EXPECT_EQ(verdict.read_back_count, 1);
    EXPECT_EQ(verdict.due_in, seconds(20));
}

TEST(Judge, a_reading_that_has_come_a_part_of_its_way_goes_on_at_once_and_uses_up_no_rung) {
    carriers::Unknown part{"page 3 of 9"};
    part.goes_on = true;
    RetrySettings settings;
    settings.ladder = {seconds(0)};
    const AttemptEnd end{.was_unknown = true, .retry_number = 2, .settles_in = milliseconds(-1)};
    const Verdict verdict = judge(part, end, settings);
    EXPECT_EQ(verdict.state, DeviceState::unknown);
    EXPECT_EQ(verdict.due_in, milliseconds(0));
    EXPECT_EQ(verdict.read_back_count, 0);
    EXPECT_EQ(verdict.retry_number, 2);
    part.goes_on = false;
    EXPECT_EQ(judge(part, end, settings).state, DeviceState::parked);
}

TEST(Judge, a_read_back_that_could_not_be_made_leaves_the_device_unknown) {
    const Verdict verdict =
        judge(carriers::NotSent{"connection refused", {}, false}, {.was_unknown = true}, {});
    EXPECT_EQ(verdict.state, DeviceState::unknown);
}

TEST(Judge, what_the_account_is_to_blame_for_costs_the_device_nothing) {
    const AttemptEnd fresh{.retry_number = 8};
    const Verdict again = judge(carriers::NotSent{"429", seconds(60), true}, fresh, {});
    EXPECT_EQ(again.state, DeviceState::fresh);
    EXPECT_EQ(again.retry_number, 8);
    EXPECT_GE(*again.due_in, seconds(60));
    const AttemptEnd waiting{.was_waiting = true};
    EXPECT_EQ(judge(carriers::NotSent{"429", {}, true}, waiting, {}).state, DeviceState::waiting);
    const AttemptEnd unknown{.was_unknown = true, .read_back_count = 7};
    for (const carriers::Outcome& outcome :
         {carriers::Outcome(carriers::NotSent{"429", {}, true}),
          carriers::Outcome(carriers::Unknown{"429", {}, true})}) {
        const Verdict verdict = judge(outcome, unknown, {});
        EXPECT_EQ(verdict.state, DeviceState::unknown);
        EXPECT_EQ(verdict.read_back_count, 7);
    }
}

TEST(Judge, a_device_that_became_unclear_in_a_throttled_conversation_is_not_sent_again) {
    const Verdict verdict =
        judge(carriers::Unknown{"429", seconds(5), true}, {.settles_in = seconds(30)}, {});
    EXPECT_EQ(verdict.state, DeviceState::unknown);
    EXPECT_EQ(verdict.due_in, seconds(30));
}

TEST(Backoff, doubles_within_its_maximum_and_jitters_a_quarter_either_way) {
    const RetrySettings settings;
    EXPECT_EQ(backoff(0, 0.5, settings), settings.backoff_base);
    EXPECT_EQ(backoff(3, 0.5, settings), settings.backoff_base * 8);
    EXPECT_EQ(backoff(1000, 0.5, settings), settings.backoff_max);
    EXPECT_EQ(backoff(0, 0.0, settings), settings.backoff_base * 3 / 4);
}

}  // namespace
}  // namespace carryall::changes
