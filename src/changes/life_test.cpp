// What a change can be at once: planned, agreed to by a second person, with a date and in waves;
// then failed in part, retried, cancelled in the middle, undone. On a real database, with the real
// claims and completions.
#include "changes/control.hpp"
#include "changes/control_store.hpp"
#include "changes/runner.hpp"
#include "changes/schedule.hpp"
#include "support/plans.hpp"

namespace carryall::changes {
namespace {

using base::ErrorKind;
using std::chrono::hours;

class LifeTest : public PlanTest {
  protected:
    static constexpr int kDevices = 10;
    // Waves of four and six devices; a person follows the first.
    static constexpr const char* kWaves = R"("waves": [40, 100], "waveApproval": "manual")";
    static constexpr const char* kDate =
        R"("startAt": "2099-01-01T10:00:00", "timeZone": "Europe/Berlin")";

    void SetUp() override {
        PlanTest::SetUp();
        ASSERT_TRUE(Runner::prepare_connection(*connection_));
        second_ = ours_.caller;
        second_.name = "second person";
        for (int i = 1; i <= kDevices; ++i) lines_.push_back(add_device(ours_, i));
    }

    void need_approval_above(int devices) {
        database().run("UPDATE tenant SET approval_threshold_devices = " + std::to_string(devices) +
                       " WHERE id = " + base::to_string(ours_.caller.tenant_id));
    }
    std::string suspend(const std::string& more) {
        return request(ours_.pond, "statusupdate", quoted(lines_), status("Suspended", more));
    }
    // In a year that may be scheduled.
    static std::string dated() {
        std::string date = kDate;
        const auto next_year =
            base::to_iso8601(base::system_clock().now() + hours(24) * 365).substr(0, 4);
        return date.replace(date.find("2099"), 4, next_year);
    }
    BulkChangeId apply_dated_waves() {
        need_approval_above(3);
        const auto plan =
            planned(ours_, suspend(", " + std::string(kWaves) + ", " + dated() + kDryRun));
        const auto applied = apply(ours_, plan);
        EXPECT_TRUE(applied) << applied.error().message;
        EXPECT_EQ(of(plan.id, "status || ' ' || approval || ' ' || time_zone"),
                  "PENDING required Europe/Berlin");
        return plan.id;
    }
    void approve(BulkChangeId id) {
        const auto done = approve_change(*connection_, second_, id, of(id, "plan_hash"));
        ASSERT_TRUE(done) << done.error().message;
    }
    // As if the date had come.
    void let_date_come(BulkChangeId id) {
        const std::string key = base::to_string(id);
        database().run(
            "UPDATE bulk_change SET first_due_at = now() - interval '1 second', last_due_at = now()"
            " - interval '1 second' WHERE bulk_change_id = " +
            key +
            "; UPDATE device_change SET due_at = now() - interval '1 second' WHERE state = 'new'"
            " AND device_change_id >> 20 = " +
            key +
            "; UPDATE change_page SET available_at = now() - interval '1 second' WHERE state ="
            " 'ready' AND bulk_change_id = " +
            key);
    }
    void resume(BulkChangeId id) {
        const auto done = resume_change(*connection_, ours_.caller, id, {});
        ASSERT_TRUE(done) << done.error().message;
    }
    void cancel(BulkChangeId id) {
        ASSERT_TRUE(cancel_change(*connection_, ours_.caller, id, std::nullopt));
        cancel_rest(id);
    }
    void cancel_rest(BulkChangeId id) {
        for (int i = 0; i < 10; ++i) {
            const auto some =
                cancel_some(*connection_, ours_.caller.tenant_id.value, id, "Cancelled by me");
            ASSERT_TRUE(some) << some.error().message;
            if (!some->more) return;
        }
        ADD_FAILURE() << "the cancellation does not come to an end";
    }
    // Read back as not done: of a change that is being cancelled nothing is sent again.
    void complete_as_withdrawn(BulkChangeId id, const ClaimedPage& page) {
        RunnableChange change;
        change.id = id;
        change.type = ChangeType::statusupdate;
        change.portal = "m2m";
        change.tenant_id = ours_.caller.tenant_id.value;
        change.correlation_id = "test";
        std::vector<DeviceResult> results;
        for (const ClaimedDevice& device : page.devices) {
            DeviceResult result;
            result.id = device.id;
            result.device_id = device.device_id;
            result.verdict.state = DeviceState::cancelled;
            result.verdict.reason = "Cancelled by me";
            results.push_back(result);
        }
        const auto done = complete_page(*connection_, change, page, results, {}, false);
        ASSERT_TRUE(done) << done.error().message;
        ASSERT_TRUE(done->accepted);
    }
    std::optional<ClaimedPage> claim(BulkChangeId id) {
        const auto page = claim_page(*connection_, ours_.caller.tenant_id.value, id, "test",
                                     std::chrono::seconds(60));
        EXPECT_TRUE(page) << page.error().message;
        return page.value_or(std::nullopt);
    }
    std::string of(BulkChangeId id, const std::string& columns) {
        return sql("SELECT " + columns +
                   " FROM bulk_change WHERE bulk_change_id = " + base::to_string(id));
    }
    std::string counts(BulkChangeId id) {
        return of(id,
                  "concat_ws(' ', status, new_count, processed_count, error_count,"
                  " cancelled_count)");
    }
    std::string suspended() {
        return sql("SELECT count(*) FROM device WHERE status = 'Suspended' AND tenant_id = " +
                   base::to_string(ours_.caller.tenant_id));
    }
    static std::map<std::int64_t, Verdict> failing(std::vector<std::int64_t> rows) {
        std::map<std::int64_t, Verdict> verdicts;
        for (const std::int64_t row : rows) {
            verdicts[row].error_class = carriers::FailureClass::transient;
            verdicts[row].reason = "no answer";
        }
        return verdicts;
    }
    SubmitResult undo(BulkChangeId id) {
        const auto made = plan_undo(*connection_, ours_.caller, id, {});
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        SubmitResult plan;
        if (!made) return plan;
        const PlanDetail detail = plan_of(*made);
        plan.id = *made;
        plan.plan_hash = detail.plan_hash;
        plan.accepted_count = detail.sums.at("acceptedCount").to_number<std::int64_t>();
        return plan;
    }

    tenants::Caller second_;
    std::vector<std::string> lines_;
};

TEST_F(LifeTest, a_plan_with_a_date_and_waves_waits_for_consent_for_its_date_and_for_each_wave) {
    const BulkChangeId id = apply_dated_waves();
    EXPECT_EQ(messages(id), "0");
    EXPECT_FALSE(claim(id)) << "nobody agreed";
    approve(id);
    EXPECT_FALSE(claim(id)) << "its date is ahead";
    let_date_come(id);
    carry_out(id);
    EXPECT_EQ(counts(id), "PROCESSING 6 4 0 0");
    EXPECT_EQ(of(id, "control || ' ' || control_cause"), "paused wave");
    resume(id);
    carry_out(id);
    EXPECT_EQ(counts(id), "PROCESSED 0 10 0 0");
    EXPECT_EQ(of(id, "approved_by"), "second person");
    expect_counts_add_up(id);
}

TEST_F(LifeTest, the_date_that_was_agreed_to_is_not_moved_and_not_agreed_to_when_it_has_passed) {
    const BulkChangeId id = apply_dated_waves();
    const auto move = [&] {
        return move_schedule(*connection_, ours_.caller, {id, {}},
                             base::system_clock().now() + hours(24), "")
            .error()
            .kind;
    };
    EXPECT_EQ(move(), ErrorKind::conflict) << "it is being looked at";
    database().run(
        "UPDATE bulk_change SET first_due_at = now() - interval '37 hours' WHERE bulk_change_id "
        "= " +
        base::to_string(id));
    const auto late = approve_change(*connection_, second_, id, of(id, "plan_hash"));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, ErrorKind::conflict);
    let_date_come(id);
    approve(id);
    EXPECT_EQ(move(), ErrorKind::conflict) << "it was agreed to";
    const auto plan = planned(ours_, suspend(", " + dated() + kDryRun));
    database().run(
        "UPDATE device_change SET due_at = now() - interval '37 hours' WHERE"
        " device_change_id >> 20 = " +
        base::to_string(plan.id));
    const auto applied = apply(ours_, plan);
    ASSERT_TRUE(applied) << applied.error().message;
    ASSERT_EQ(applied->moved_count, kDevices);
    EXPECT_EQ(applied->moved.front().reason, "Invalid effective date (past dates for scheduling)");
    EXPECT_EQ(status_of(plan.id), "PLANNED");
}

TEST_F(LifeTest, what_failed_of_it_is_retried_in_its_wave_and_at_its_end_without_another_consent) {
    const BulkChangeId id = apply_dated_waves();
    approve(id);
    let_date_come(id);
    carry_out(id, failing({2, 3, 7}));
    EXPECT_EQ(counts(id), "PROCESSING 6 2 2 0");
    const auto first = retry_failed(*connection_, ours_.caller, id, {});
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->retried_count, 2);
    EXPECT_FALSE(claim(id)) << "it is paused at the end of its wave";
    resume(id);
    carry_out(id, failing({7}));
    EXPECT_EQ(counts(id), "PROCESSING 6 4 0 0") << "the retried devices end the wave again";
    EXPECT_EQ(of(id, "control_cause"), "wave");
    resume(id);
    carry_out(id, failing({7}));
    EXPECT_EQ(counts(id), "PARTIAL 0 9 1 0");
    const auto last = retry_failed(*connection_, ours_.caller, id, {});
    ASSERT_TRUE(last) << last.error().message;
    EXPECT_EQ(last->retried_count, 1);
    carry_out(id);
    EXPECT_EQ(counts(id), "PROCESSED 0 10 0 0");
    EXPECT_EQ(of(id, "approval"), "approved");
    expect_counts_add_up(id);
}

TEST_F(LifeTest, a_retry_begins_nothing_that_nobody_agreed_to) {
    for (int i = 6; i <= kDevices; ++i) {
        set(lines_[static_cast<std::size_t>(i - 1)], "is_deleted = true");
    }
    const auto mostly_refused = submit_json(ours_, suspend(""));
    ASSERT_TRUE(mostly_refused);
    need_approval_above(3);
    const auto approved = submit_json(ours_, suspend(""));
    ASSERT_TRUE(approved);
    approve(approved->id);
    carry_out(mostly_refused->id);
    carry_out(approved->id, failing({1}));
    EXPECT_EQ(counts(approved->id), "PARTIAL 0 4 6 0");
    database().run("UPDATE device SET is_deleted = false, status = 'Active'");
    const auto retried = retry_failed(*connection_, ours_.caller, approved->id, {});
    ASSERT_TRUE(retried) << retried.error().message;
    EXPECT_EQ(retried->retried_count, 1) << "the one that was in the plan";
    EXPECT_EQ(retried->refused_count, 5);
    EXPECT_EQ(reason(approved->id, 6),
              "Not in the plan that was approved: submit it in a change of its own");
    const auto many = retry_failed(*connection_, ours_.caller, mostly_refused->id, {});
    ASSERT_FALSE(many);
    EXPECT_EQ(many.error().kind, ErrorKind::conflict);
    EXPECT_EQ(counts(mostly_refused->id), "PARTIAL 0 5 5 0");
    need_approval_above(5);
    const auto few = retry_failed(*connection_, ours_.caller, mostly_refused->id, {});
    ASSERT_TRUE(few) << few.error().message;
    EXPECT_EQ(few->retried_count, 5);
}

TEST_F(LifeTest, cancelled_in_the_middle_of_a_wave_it_keeps_what_was_done_and_only_that_goes_back) {
    const BulkChangeId id = apply_dated_waves();
    approve(id);
    let_date_come(id);
    carry_out(id, failing({3}));
    resume(id);
    const auto in_hand = claim(id);
    ASSERT_TRUE(in_hand);
    ASSERT_EQ(in_hand->devices.size(), 6U);
    cancel(id);
    EXPECT_EQ(counts(id), "PROCESSING 6 3 1 0") << "a worker has the page in hand";
    database().run(
        "UPDATE change_page SET available_at = now() - interval '1 second' WHERE state ="
        " 'sending'");
    const auto left = claim(id);
    ASSERT_TRUE(left) << "what a worker left is read back";
    EXPECT_TRUE(left->devices.front().lost);
    complete_as_withdrawn(id, *left);
    cancel_rest(id);
    EXPECT_EQ(counts(id), "PARTIAL 0 3 1 6");
    EXPECT_EQ(of(id, "control"), "cancelled");
    EXPECT_EQ(suspended(), "3");
    expect_counts_add_up(id);
    const auto again = retry_failed(*connection_, ours_.caller, id, {});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->retried_count, 1) << "what was cancelled is not retried";
    carry_out(id);
    EXPECT_EQ(counts(id), "CANCELLED 0 4 0 6");
    need_approval_above(100);
    const auto back = undo(id);
    EXPECT_EQ(back.accepted_count, 4);
    ASSERT_TRUE(apply(ours_, back));
    carry_out(back.id);
    EXPECT_EQ(suspended(), "0");
}

TEST_F(LifeTest, what_waits_for_consent_is_cancelled_whole_and_nobody_can_agree_to_it_later) {
    const BulkChangeId id = apply_dated_waves();
    cancel(id);
    EXPECT_EQ(counts(id), "CANCELLED 0 0 0 10");
    const auto late = approve_change(*connection_, second_, id, of(id, "plan_hash"));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, ErrorKind::conflict);
    EXPECT_EQ(plan_undo(*connection_, ours_.caller, id, {}).error().kind, ErrorKind::conflict)
        << "it changed no device";
}

TEST_F(LifeTest, a_change_in_waves_goes_back_as_one_that_needs_consent_of_its_own) {
    const auto change = submit_json(ours_, suspend(", " + std::string(kWaves)));
    ASSERT_TRUE(change) << change.error().message;
    carry_out(change->id);
    EXPECT_EQ(plan_undo(*connection_, ours_.caller, change->id, {}).error().kind,
              ErrorKind::conflict)
        << "it has not ended";
    resume(change->id);
    carry_out(change->id);
    EXPECT_EQ(suspended(), "10");
    need_approval_above(3);
    const auto back = undo(change->id);
    EXPECT_EQ(back.accepted_count, 10);
    ASSERT_TRUE(apply(ours_, back));
    EXPECT_FALSE(claim(back.id)) << "nobody agreed to the way back";
    approve(back.id);
    carry_out(back.id);
    EXPECT_EQ(counts(back.id), "PROCESSED 0 10 0 0") << "an undo has no waves";
    EXPECT_EQ(suspended(), "0");
}

}  // namespace
}  // namespace carryall::changes
