// Pausing, cancelling, thresholds and waves on a real database: what a claim hands out, what a
// completion decides, what becomes of every device.
#include "changes/control.hpp"

#include "changes/control_store.hpp"
#include "changes/run_store.hpp"
#include "changes/runner.hpp"
#include "support/changes.hpp"

namespace carryall::changes {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::seconds;

class ControlTest : public ChangesTest {
  protected:
    static constexpr int kDevices = 25;

    void SetUp() override {
        ChangesTest::SetUp();
        ASSERT_TRUE(Runner::prepare_connection(*connection_));
    }

    // 25 lines in pages of five; `unknown` further rows in front name no device.
    BulkChangeId submit(
        const std::string& more = "", int refused = 0, const std::string& type = "statusupdate",
        const std::string& section = R"("statusUpdate": {"updateStatus": "Suspended"})") {
        std::vector<std::string> devices;
        for (int i = 0; i < refused; ++i) devices.push_back(iccid_of_serial(9000 + i));
        for (int i = 1; i <= kDevices; ++i) {
            if (static_cast<int>(lines_.size()) < i) lines_.push_back(add_device(ours_, i));
            devices.push_back(lines_[static_cast<std::size_t>(i - 1)]);
        }
        SubmitOptions options;
        options.page_size = 5;
        const auto result = submit_json(
            ours_,
            request(ours_.pond, type, quoted(devices), section + (more.empty() ? "" : ", " + more)),
            options);
        EXPECT_TRUE(result) << result.error().where << ' ' << result.error().message;
        return result ? result->id : BulkChangeId{};
    }

    std::int64_t tenant() const { return ours_.caller.tenant_id.value; }

    std::optional<ClaimedPage> claim(BulkChangeId id) {
        auto page = claim_page(*connection_, tenant(), id, "w", seconds(60));
        EXPECT_TRUE(page) << page.error().message;
        return page ? std::move(*page) : std::nullopt;
    }

    PageCompletion complete(BulkChangeId id, const ClaimedPage& page, DeviceState state,
                            int failures = 0) {
        const auto change = load_change(*connection_, tenant(), id, key_);
        CHECK(change.has_value());
        std::vector<DeviceResult> results;
        std::vector<LogEntry> log;
        for (const ClaimedDevice& device : page.devices) {
            DeviceResult result;
            result.id = device.id;
            result.device_id = device.device_id;
            result.before = device.state;
            result.verdict.state = failures-- > 0 ? DeviceState::error : state;
            if (result.verdict.state != DeviceState::processed) result.verdict.reason = "no";
            if (result.verdict.state == DeviceState::error) {
                result.verdict.error_class = carriers::FailureClass::business;
            }
            if (state == DeviceState::unknown) result.verdict.due_in = milliseconds(0);
            results.push_back(result);
            LogEntry entry;
            entry.device_change = device.id;
            entry.status = "PROCESSED";
            entry.started_at = entry.processed_at = base::system_clock().now();
            log.push_back(entry);
        }
        const auto done = complete_page(*connection_, *change, page, results, log, false);
        EXPECT_TRUE(done) << done.error().message;
        return done.value_or(PageCompletion{});
    }
    PageCompletion work_a_page(BulkChangeId id, DeviceState state = DeviceState::processed,
                               int failures = 0) {
        const auto page = claim(id);
        EXPECT_TRUE(page.has_value());
        return page ? complete(id, *page, state, failures) : PageCompletion{};
    }

    void cancel_all(BulkChangeId id) {
        for (int i = 0; i < 10; ++i) {
            const auto some = cancel_some(*connection_, tenant(), id, "Cancelled by me: mistake");
            ASSERT_TRUE(some) << some.error().message;
            if (!some->more) return;
        }
        ADD_FAILURE() << "the cancellation does not come to an end";
    }

    std::string of(BulkChangeId id, const std::string& columns) {
        return sql("SELECT " + columns +
                   " FROM bulk_change WHERE bulk_change_id = " + base::to_string(id));
    }
    std::string states(BulkChangeId id) {
        return sql(
            "SELECT string_agg(state || n, ' ' ORDER BY state) FROM (SELECT state, count(*) AS n"
            " FROM device_change WHERE device_change_id >> 20 = " +
            base::to_string(id) + " GROUP BY state) s");
    }
    std::string messages(BulkChangeId id) {
        return sql("SELECT count(*) FROM queue_message WHERE attributes->>'BulkChangeId' = '" +
                   base::to_string(id) + "'");
    }
    void expect_clean_audit(BulkChangeId id) {
        expect_counts_add_up(id);
        EXPECT_EQ(sql("SELECT count(*) FROM device_change d WHERE state IN ('cancelled', 'parked')"
                      " AND NOT EXISTS (SELECT FROM device_change_log l"
                      " WHERE l.device_change_id = d.device_change_id)"),
                  "0");
    }

    std::vector<std::string> lines_;
    base::MasterKey key_ = base::MasterKey::generate();
};

TEST_F(ControlTest, a_paused_change_hands_out_nothing_new_and_says_by_whom_and_why) {
    const BulkChangeId id = submit();
    work_a_page(id);
    ASSERT_TRUE(pause_change(*connection_, ours_.caller, id, "wrong plan"));
    EXPECT_FALSE(claim(id).has_value());
    const auto next = next_page_due_in(*connection_, tenant(), id);
    ASSERT_TRUE(next);
    EXPECT_FALSE(next->due_in) << "the message may go";
    const auto progress = get_progress(*connection_, ours_.caller.tenant_id, id);
    ASSERT_TRUE(progress);
    EXPECT_EQ(progress->control.control, "paused");
    EXPECT_EQ(progress->control.by, "operator of ours");
    EXPECT_EQ(progress->control.reason, "wrong plan");
    EXPECT_EQ(progress->control.cause, "person");
    EXPECT_TRUE(progress->control.since.has_value());
    EXPECT_EQ(progress->status, "PROCESSING");
}

TEST_F(ControlTest, pausing_twice_is_pausing_once_and_resuming_brings_messages) {
    const BulkChangeId id = submit();
    ASSERT_TRUE(pause_change(*connection_, ours_.caller, id, "first"));
    ASSERT_TRUE(pause_change(*connection_, ours_.caller, id, "second"));
    EXPECT_EQ(of(id, "control_reason"), "first");
    sql("WITH gone AS (DELETE FROM queue_message RETURNING 1) SELECT count(*) FROM gone");
    EXPECT_EQ(
        sql("SELECT count(*) FROM unfinished_changes() WHERE bulk_change = " + base::to_string(id)),
        "0")
        << "a paused change without outcomes to come needs no worker";
    ASSERT_TRUE(resume_change(*connection_, ours_.caller, id, {}));
    ASSERT_TRUE(resume_change(*connection_, ours_.caller, id, {}));
    EXPECT_EQ(messages(id), "5");
    EXPECT_TRUE(claim(id).has_value());
}

TEST_F(ControlTest, unknown_outcomes_of_a_paused_change_are_read_and_its_new_devices_left_alone) {
    const BulkChangeId id = submit();
    const auto page = claim(id);
    ClaimedPage part = *page;
    part.devices.resize(2);
    complete(id, part, DeviceState::unknown);
    ASSERT_TRUE(pause_change(*connection_, ours_.caller, id, std::nullopt));
    EXPECT_EQ(
        sql("SELECT count(*) FROM unfinished_changes() WHERE bulk_change = " + base::to_string(id)),
        "1");
    const auto read = claim(id);
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(read->reads_only);
    EXPECT_EQ(read->page_number, page->page_number);
    ASSERT_EQ(read->devices.size(), 2U) << "three new ones stay";
    EXPECT_EQ(read->devices[0].state, DeviceState::unknown);
    const auto detail = get_change(*connection_, ours_.caller.tenant_id, id);
    ASSERT_TRUE(detail);
    EXPECT_EQ(detail->summary.counts.sending, 0) << "nothing is being sent";
    complete(id, *read, DeviceState::processed);
    EXPECT_FALSE(claim(id).has_value());
    EXPECT_EQ(states(id), "new23 processed2");
}

TEST_F(ControlTest, what_a_worker_left_that_died_is_handed_out_also_while_paused) {
    const BulkChangeId id = submit();
    claim(id);
    ASSERT_TRUE(pause_change(*connection_, ours_.caller, id, std::nullopt));
    sql("WITH u AS (UPDATE change_page SET available_at = now() - interval '1 second'"
        " WHERE state = 'sending' RETURNING 1) SELECT count(*) FROM u");
    const auto left = claim(id);
    ASSERT_TRUE(left.has_value());
    EXPECT_FALSE(left->reads_only) << "if this worker dies too, they are still in doubt";
    ASSERT_EQ(left->devices.size(), 5U);
    EXPECT_TRUE(left->devices[0].lost);
}

TEST_F(ControlTest, a_page_that_was_only_read_leaves_nothing_in_doubt_when_its_worker_dies) {
    const BulkChangeId id = submit();
    auto page = claim(id);
    page->devices.resize(1);
    complete(id, *page, DeviceState::unknown);
    ASSERT_TRUE(pause_change(*connection_, ours_.caller, id, std::nullopt));
    ASSERT_TRUE(claim(id).has_value());
    sql("WITH u AS (UPDATE change_page SET available_at = now() - interval '1 second'"
        " WHERE state = 'sending' RETURNING 1) SELECT count(*) FROM u");
    ASSERT_TRUE(resume_change(*connection_, ours_.caller, id, {}));
    const auto again = claim(id);
    ASSERT_TRUE(again.has_value());
    ASSERT_EQ(again->devices.size(), 5U);
    for (const ClaimedDevice& device : again->devices) EXPECT_FALSE(device.lost);
}

TEST_F(ControlTest, cancelling_ends_what_was_not_begun_and_accounts_for_every_device) {
    const BulkChangeId id = submit("", 1);
    work_a_page(id);
    const auto in_flight = claim(id);
    const std::string first = std::to_string(first_device_change(id).value + 20);
    sql("WITH u AS (UPDATE device_change SET progress = '{\"newPackage\": \"7\"}'"
        " WHERE device_change_id = " +
        first + " RETURNING 1) SELECT count(*) FROM u");
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, id, "mistake"));
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, id, "again"));
    EXPECT_EQ(of(id, "control || ' ' || control_reason"), "cancelling mistake");
    EXPECT_FALSE(claim(id).has_value());
    cancel_all(id);
    EXPECT_EQ(states(id), "cancelled15 error1 new5 parked1 processed4")
        << "a page in hand is left to its worker";
    complete(id, *in_flight, DeviceState::processed);
    cancel_all(id);
    EXPECT_EQ(states(id), "cancelled15 error1 parked1 processed9");
    EXPECT_EQ(of(id, "status || ' ' || control || ' ' || cancelled_count || ' ' || parked_count"),
              "PARTIAL cancelled 15 1");
    EXPECT_EQ(sql("SELECT reason FROM device_change WHERE device_change_id = " + first),
              "Cancelled by me: mistake; what was done before stays done at the carrier: "
              "{\"newPackage\": \"7\"}");
    EXPECT_EQ(sql("SELECT count(*) FROM device_change_log WHERE action_text = 'Cancel' AND"
                  " error_text LIKE 'Cancelled by me: mistake%' AND device_change_id >> 20 = " +
                  base::to_string(id)),
              "16");
    expect_clean_audit(id);
}

TEST_F(ControlTest, a_change_without_failures_ends_as_cancelled_and_is_cancelled_in_pieces) {
    const BulkChangeId id = submit();
    work_a_page(id);
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, id, std::nullopt));
    cancel_all(id);
    EXPECT_EQ(of(id, "status"), "CANCELLED");
    EXPECT_EQ(states(id), "cancelled20 processed5");
    const auto retried = retry_failed(*connection_, ours_.caller, id, {});
    ASSERT_TRUE(retried);
    EXPECT_EQ(retried->retried_count, 0) << "what was cancelled is not retried";
    EXPECT_EQ(of(id, "status"), "CANCELLED");
    expect_clean_audit(id);
}

TEST_F(ControlTest, what_was_never_started_is_cancelled_too) {
    const BulkChangeId id = submit(R"("processChanges": false)");
    EXPECT_EQ(of(id, "status"), "NEW");
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, id, std::nullopt));
    EXPECT_EQ(messages(id), "1");
    EXPECT_FALSE(claim(id).has_value());
    cancel_all(id);
    EXPECT_EQ(of(id, "status || new_count"), "CANCELLED0");
    const auto paused = pause_change(*connection_, ours_.caller, id, std::nullopt);
    ASSERT_FALSE(paused);
    EXPECT_EQ(paused.error().kind, ErrorKind::conflict);
}

TEST_F(ControlTest, devices_that_were_not_begun_in_a_page_in_hand_are_cancelled_after_it) {
    const BulkChangeId id = submit();
    auto page = claim(id);
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, id, std::nullopt));
    page->devices.resize(2);
    complete(id, *page, DeviceState::unknown);
    const auto next = next_page_due_in(*connection_, tenant(), id);
    ASSERT_TRUE(next);
    EXPECT_TRUE(next->is_cancelling);
    cancel_all(id);
    EXPECT_EQ(states(id), "cancelled23 unknown2");
    const auto read = claim(id);
    ASSERT_TRUE(read.has_value());
    ASSERT_EQ(read->devices.size(), 2U);
    complete(id, *read, DeviceState::processed);
    cancel_all(id);
    EXPECT_EQ(of(id, "status || control"), "CANCELLEDcancelled");
    expect_clean_audit(id);
}

TEST_F(ControlTest, scheduled_customer_plans_are_withdrawn_and_counted_also_after_the_end) {
    const BulkChangeId id =
        submit("", 0, "customerrateplanchange",
               R"("customerRatePlanUpdate": {"customerRatePlanId": )" + std::to_string(ours_.gold) +
                   R"(, "effectiveDate": "2027-06-01"})");
    sql("WITH q AS (INSERT INTO customer_rate_plan_device_queue (tenant_id, device_id,"
        " device_change_id, effective_date, portal_type, created_by)"
        " SELECT tenant_id, device_id, device_change_id, now() + interval '9 days', 'm2m', 't'"
        " FROM device_change WHERE device_change_id >> 20 = " +
        base::to_string(id) + " RETURNING 1) SELECT count(*) FROM q");
    while (const auto page = claim(id)) complete(id, *page, DeviceState::processed);
    EXPECT_EQ(of(id, "status"), "PROCESSED");
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, id, std::nullopt));
    cancel_all(id);
    EXPECT_EQ(of(id, "status || control || withdrawn_count"), "PROCESSEDcancelled25");
    EXPECT_EQ(sql("SELECT count(*) FROM customer_rate_plan_device_queue WHERE is_active"), "0");
}

TEST_F(ControlTest, too_many_failures_pause_the_change_once_and_a_word_is_needed_to_go_on) {
    const BulkChangeId id = submit(R"("failureThreshold": {"count": 3})", 4);
    const auto first = claim(id);
    const auto second = claim(id);
    EXPECT_FALSE(complete(id, *first, DeviceState::processed, 1).change_paused)
        << "refused rows do not count";
    EXPECT_TRUE(complete(id, *second, DeviceState::processed, 2).change_paused);
    EXPECT_EQ(of(id,
                 "control || ' ' || control_cause || ' ' || control_by || ' ' ||"
                 " control_reason"),
              "paused threshold carryall 3 devices failed; the threshold is 3");
    EXPECT_FALSE(claim(id).has_value());
    const auto silent = resume_change(*connection_, ours_.caller, id, {});
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().kind, ErrorKind::conflict);
    Resumption wanted;
    wanted.threshold = FailureThreshold{2, {}, 0};
    ASSERT_TRUE(resume_change(*connection_, ours_.caller, id, wanted));
    EXPECT_FALSE(work_a_page(id, DeviceState::processed, 1).change_paused) << "counted anew";
    EXPECT_TRUE(work_a_page(id, DeviceState::parked, 0).change_paused) << "parked ones count";
    wanted = {};
    wanted.ignore_threshold = true;
    ASSERT_TRUE(resume_change(*connection_, ours_.caller, id, wanted));
    while (const auto page = claim(id)) complete(id, *page, DeviceState::processed, 5);
    EXPECT_EQ(of(id, "status"), "PARTIAL");
}

TEST_F(ControlTest, pages_in_hand_that_fail_too_do_not_pause_a_second_time) {
    const BulkChangeId id = submit(R"("failureThreshold": {"count": 1})");
    const auto first = claim(id);
    const auto second = claim(id);
    EXPECT_TRUE(complete(id, *first, DeviceState::processed, 1).change_paused);
    const std::string since = of(id, "control_at");
    EXPECT_FALSE(complete(id, *second, DeviceState::processed, 5).change_paused);
    EXPECT_EQ(of(id, "control_at"), since);
}

TEST_F(ControlTest, a_percentage_counts_once_enough_devices_have_ended) {
    const BulkChangeId id = submit(R"("failureThreshold": {"percent": 20, "afterDevices": 10})");
    EXPECT_FALSE(work_a_page(id, DeviceState::processed, 1).change_paused) << "only five ended";
    EXPECT_TRUE(work_a_page(id, DeviceState::processed, 1).change_paused) << "2 of 10";
    EXPECT_EQ(of(id, "control_reason"), "2 of 10 devices failed; the threshold is 20 %");
}

TEST_F(ControlTest, a_change_that_ends_with_its_last_failure_is_not_paused) {
    const BulkChangeId id = submit(R"("failureThreshold": {"count": 5})");
    for (int i = 0; i < 4; ++i) work_a_page(id);
    EXPECT_FALSE(work_a_page(id, DeviceState::processed, 5).change_paused);
    EXPECT_EQ(of(id, "status || control"), "PARTIALrunning");
}

TEST_F(ControlTest, waves_are_of_the_accepted_devices_and_no_page_holds_devices_of_two) {
    const BulkChangeId id = submit(R"("waves": [8, 50, 100])", 2);
    // 25 accepted behind 2 refused: the 2nd is row 4, the 13th row 15.
    EXPECT_EQ(sql("SELECT string_agg((first_device_change_id & 1048575) || '-' ||"
                  " (last_device_change_id & 1048575), ' ' ORDER BY page_number)"
                  " FROM change_page WHERE bulk_change_id = " +
                  base::to_string(id)),
              "1-4 5-9 10-14 15-15 16-20 21-25 26-27");
    EXPECT_EQ(of(id, "wave_ends::text || wave || wave_open_page_count || open_page_count"),
              "{1,4,7}117");
    expect_counts_add_up(id);
}

TEST_F(ControlTest, a_wave_begins_when_every_device_of_the_one_before_has_ended_or_is_parked) {
    const BulkChangeId id = submit(R"("waves": [8, 50, 100])");
    auto page = claim(id);
    EXPECT_EQ(page->devices.size(), 2U);
    EXPECT_FALSE(claim(id).has_value()) << "the second wave has not begun";
    complete(id, *page, DeviceState::unknown);
    page = claim(id);
    ASSERT_TRUE(page.has_value());
    EXPECT_EQ(page->wave, 1) << "an unknown outcome holds the wave";
    EXPECT_TRUE(complete(id, *page, DeviceState::parked).wave_began);
    std::vector<ClaimedPage> second;
    while (auto more = claim(id)) second.push_back(std::move(*more));
    ASSERT_EQ(second.size(), 3U);
    EXPECT_FALSE(complete(id, second[0], DeviceState::processed).wave_began);
    EXPECT_FALSE(complete(id, second[2], DeviceState::processed).wave_began);
    EXPECT_TRUE(complete(id, second[1], DeviceState::processed).wave_began);
    const auto progress = get_progress(*connection_, ours_.caller.tenant_id, id);
    ASSERT_TRUE(progress);
    EXPECT_EQ(progress->control.wave, 3);
    EXPECT_EQ(progress->control.wave_count, 3);
    while (const auto more = claim(id)) complete(id, *more, DeviceState::processed);
    EXPECT_EQ(of(id, "status || wave"), "PARTIAL3");
}

TEST_F(ControlTest, a_wave_by_hand_waits_for_a_person_and_its_failures_can_be_retried_before) {
    const BulkChangeId id = submit(R"("waves": [8, 100], "waveApproval": "manual")");
    EXPECT_TRUE(work_a_page(id, DeviceState::processed, 1).change_paused);
    EXPECT_EQ(of(id, "control_cause || ' ' || control_reason"), "wave wave 1 of 2 has ended");
    EXPECT_FALSE(claim(id).has_value());
    RetryFilter business;
    business.error_classes = {"business"};
    const auto retried = retry_failed(*connection_, ours_.caller, id, business);
    ASSERT_TRUE(retried) << retried.error().message;
    EXPECT_EQ(retried->retried_count, 1);
    ASSERT_TRUE(resume_change(*connection_, ours_.caller, id, {}));
    const auto page = claim(id);
    ASSERT_TRUE(page.has_value());
    EXPECT_EQ(page->devices.size(), 1U) << "the first wave ends first";
    EXPECT_TRUE(complete(id, *page, DeviceState::processed).change_paused);
    ASSERT_TRUE(resume_change(*connection_, ours_.caller, id, {}));
    EXPECT_EQ(of(id, "wave || control"), "2running");
    while (const auto more = claim(id)) complete(id, *more, DeviceState::processed);
    EXPECT_EQ(of(id, "status"), "PROCESSED");
}

TEST_F(ControlTest,
       a_later_change_says_that_it_waits_for_a_paused_one_and_a_cancelled_one_holds_nothing) {
    const BulkChangeId earlier = submit();
    const BulkChangeId later = submit();
    ASSERT_TRUE(pause_change(*connection_, ours_.caller, earlier, std::nullopt));
    const auto page = claim(later);
    ASSERT_TRUE(page.has_value());
    EXPECT_TRUE(page->devices.empty());
    EXPECT_EQ(page->held_back_by, earlier);
    complete(later, *page, DeviceState::processed);
    const auto waiting = get_change(*connection_, ours_.caller.tenant_id, later);
    ASSERT_TRUE(waiting);
    EXPECT_EQ(waiting->summary.control.waits_for, earlier.value);
    EXPECT_EQ(waiting->summary.control.waits_for_state, "paused");
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, earlier, std::nullopt));
    cancel_all(earlier);
    const auto free = claim(later);
    ASSERT_TRUE(free.has_value());
    EXPECT_EQ(free->devices.size(), 5U);
    const auto freed = get_change(*connection_, ours_.caller.tenant_id, later);
    ASSERT_TRUE(freed);
    EXPECT_FALSE(freed->summary.control.waits_for.has_value());
}

TEST_F(ControlTest, others_changes_are_missing_and_viewers_may_not) {
    const BulkChangeId id = submit();
    for (const auto& done : {pause_change(*connection_, theirs_.caller, id, std::nullopt),
                             resume_change(*connection_, theirs_.caller, id, {}),
                             cancel_change(*connection_, theirs_.caller, id, std::nullopt),
                             limit_change(*connection_, theirs_.caller, id, 3)}) {
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().kind, ErrorKind::not_found);
    }
    tenants::Caller viewer = ours_.caller;
    viewer.role = tenants::Role::viewer;
    EXPECT_EQ(cancel_change(*connection_, viewer, id, std::nullopt).error().kind,
              ErrorKind::forbidden);
    EXPECT_EQ(of(id, "control"), "running");
}

}  // namespace
}  // namespace carryall::changes
