// The decisions about held changes, case by case.
#include "changes/control_rules.hpp"

#include <gtest/gtest.h>

namespace carryall::changes {
namespace {

using carriers::NotSent;
using carriers::Outcome;
using carriers::Unknown;
using std::chrono::milliseconds;

Held held_as(Control control) {
    Held held;
    held.control = control;
    held.may_begin = control == Control::running;
    held.words = held_words(control, "alice", "wrong plan");
    return held;
}

Verdict withdrawn(Control control, const AttemptEnd& end,
                  const Outcome& outcome = NotSent{"x", {}, false},
                  const std::string& done = "null") {
    return judge_withdrawn(outcome, end, held_as(control), done, RetrySettings{});
}

TEST(ControlRules,
     a_running_change_may_begin_a_held_one_only_finish_a_cancelled_one_soon_only_read) {
    EXPECT_EQ(leave_of(Control::running, true, milliseconds(0)), Leave::begin);
    EXPECT_EQ(leave_of(Control::running, false, milliseconds(0)), Leave::finish);
    EXPECT_EQ(leave_of(Control::paused, false, std::chrono::hours(9)), Leave::finish);
    EXPECT_EQ(leave_of(Control::cancelling, false, kCancelGrace - milliseconds(1)), Leave::finish);
    EXPECT_EQ(leave_of(Control::cancelling, false, kCancelGrace), Leave::read);
    EXPECT_EQ(leave_of(Control::cancelled, false, kCancelGrace), Leave::read);
}

TEST(ControlRules, the_last_send_comes_within_two_seconds) {
    constexpr milliseconds kPromise{2'000};
    EXPECT_LT(kControlTrust, kPromise);
    EXPECT_LT(kControlLook, kControlTrust);
    EXPECT_LT(kCancelGrace, kPromise);
}

TEST(ControlRules, a_device_whose_call_was_not_made_is_new_again_while_paused) {
    AttemptEnd end;
    end.retry_number = 3;
    const Verdict verdict = withdrawn(Control::paused, end);
    EXPECT_EQ(verdict.state, DeviceState::fresh);
    EXPECT_EQ(verdict.retry_number, 3) << "it cost no try";
    EXPECT_EQ(verdict.due_in, milliseconds(0));
}

TEST(ControlRules, what_was_read_back_as_not_done_is_new_and_what_waits_keeps_waiting) {
    AttemptEnd end;
    end.was_unknown = true;
    end.read_back_count = 2;
    EXPECT_EQ(withdrawn(Control::paused, end).state, DeviceState::fresh);
    end.was_unknown = false;
    end.was_waiting = true;
    EXPECT_EQ(withdrawn(Control::paused, end).state, DeviceState::waiting);
}

TEST(ControlRules, a_cancelled_device_says_by_whom_and_one_with_steps_done_is_parked_with_them) {
    AttemptEnd end;
    const Verdict plain = withdrawn(Control::cancelling, end);
    EXPECT_EQ(plain.state, DeviceState::cancelled);
    EXPECT_EQ(plain.reason, "Cancelled by alice: wrong plan");
    end.did_earlier_steps = true;
    const Verdict parked =
        withdrawn(Control::cancelling, end, NotSent{"x", {}, false}, R"({"newPackage":"7"})");
    EXPECT_EQ(parked.state, DeviceState::parked);
    EXPECT_NE(parked.reason.find(R"({"newPackage":"7"})"), std::string::npos) << parked.reason;
}

TEST(ControlRules, what_may_have_been_done_is_never_called_cancelled) {
    AttemptEnd end;
    end.was_unknown = true;
    end.read_back_count = 2;
    const Verdict verdict = withdrawn(Control::cancelling, end, Unknown{"no answer", {}, false});
    EXPECT_EQ(verdict.state, DeviceState::unknown);
    EXPECT_EQ(verdict.read_back_count, 2) << "nobody could look: no rung is used up";
}

TEST(ControlRules, who_may_ask_what_when) {
    const auto asked = [](ControlAction action, const std::string& status, Control control,
                          bool has_plans = false) {
        ControlFacts facts{status, control, {}, false, has_plans};
        facts.has_finished = status == "PROCESSED" || status == "CANCELLED";
        const auto may = may_act(action, facts);
        return !may ? std::string("conflict") : std::string(*may ? "do it" : "is so");
    };
    using enum ControlAction;
    EXPECT_EQ(asked(pause, "PROCESSING", Control::running), "do it");
    EXPECT_EQ(asked(pause, "PENDING", Control::paused), "is so");
    EXPECT_EQ(asked(pause, "NEW", Control::running), "conflict");
    EXPECT_EQ(asked(pause, "PROCESSED", Control::running), "conflict");
    EXPECT_EQ(asked(resume, "PROCESSING", Control::paused), "do it");
    EXPECT_EQ(asked(resume, "PROCESSING", Control::running), "is so");
    EXPECT_EQ(asked(resume, "PROCESSING", Control::cancelling), "conflict");
    EXPECT_EQ(asked(cancel, "PROCESSING", Control::paused), "do it");
    EXPECT_EQ(asked(cancel, "NEW", Control::running), "do it");
    EXPECT_EQ(asked(cancel, "PLANNED", Control::running), "do it");
    EXPECT_EQ(asked(cancel, "CANCELLED", Control::cancelled), "is so");
    EXPECT_EQ(asked(cancel, "PROCESSED", Control::running), "conflict");
    EXPECT_EQ(asked(cancel, "PROCESSED", Control::running, true), "do it");
}

TEST(ControlRules, consent_is_another_persons_and_to_the_plan_as_it_is) {
    ApprovalFacts facts{"PENDING", false, Approval::required, "h1", "", {"alice", "bob"}};
    const auto asked = [&](const std::string& by, const std::string& hash) {
        const auto may = may_approve(facts, by, hash);
        if (may) return std::string(*may ? "do it" : "is so");
        return std::string(may.error().kind == base::ErrorKind::forbidden ? "forbidden"
                                                                          : "conflict");
    };
    EXPECT_EQ(asked("carol", "h1"), "do it");
    EXPECT_EQ(asked("alice", "h1"), "forbidden") << "who submitted it";
    EXPECT_EQ(asked("bob", "h1"), "forbidden") << "who applied its plan";
    EXPECT_EQ(asked("carol", "h0"), "conflict");
    facts.approval = Approval::approved;
    facts.approved_hash = "h1";
    EXPECT_EQ(asked("carol", "h1"), "is so");
    EXPECT_EQ(asked("dora", "h1"), "is so");
    EXPECT_EQ(asked("carol", "h0"), "conflict");
    facts.approval = Approval::not_required;
    EXPECT_EQ(asked("carol", "h1"), "conflict");
    facts.approval = Approval::required;
    facts.plan_hash.clear();
    EXPECT_EQ(asked("carol", ""), "conflict") << "what has no hash cannot be agreed to";
}

TEST(ControlRules, a_request_is_refused_for_each_of_its_mistakes) {
    const auto pointers = [](const ControlRequest& request) {
        std::string all;
        for (const base::Error& error : check_control_request(request)) all += error.where + ' ';
        return all;
    };
    EXPECT_EQ(pointers({}), "");
    EXPECT_EQ(pointers({{}, {1, 10, 100}, true, 5}), "");
    EXPECT_EQ(pointers({{}, {10, 10, 100}, false, {}}), "/waves ");
    EXPECT_EQ(pointers({{}, {1, 50}, false, {}}), "/waves ");
    EXPECT_EQ(pointers({{}, {0, 100}, false, {}}), "/waves ");
    EXPECT_EQ(pointers({{}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100}, false, {}}), "/waves ");
    EXPECT_EQ(pointers({{}, {}, true, 0}), "/waveApproval /maxConcurrency ");
    EXPECT_EQ(pointers({FailureThreshold{}, {}, false, {}}), "/failureThreshold ");
    EXPECT_EQ(pointers({FailureThreshold{0, 101, 5}, {}, false, {}}),
              "/failureThreshold/count /failureThreshold/percent ");
    EXPECT_EQ(pointers({FailureThreshold{{}, 10, 0}, {}, false, {}}),
              "/failureThreshold/afterDevices ");
    EXPECT_EQ(pointers({FailureThreshold{5, {}, 10}, {}, false, {}}),
              "/failureThreshold/afterDevices ");
}

}  // namespace
}  // namespace carryall::changes
