// Claims, completions, corrections, and what the database itself keeps from happening.
#include <thread>

#include "support/charges.hpp"

namespace carryall::charges {
namespace {

using changes::DeviceState;
using std::chrono::seconds;

class WorkStoreTest : public LedgerTest {
  protected:
    ClaimedCharges claim(const WorkablePart& part, const std::string& worker = "worker") {
        auto claimed = claim_charges(*connection_, part, worker, seconds(60));
        EXPECT_TRUE(claimed && *claimed);
        return claimed && *claimed ? std::move(**claimed) : ClaimedCharges{};
    }
    ClaimCompletion complete(const WorkablePart& part, const ClaimedCharges& claimed,
                             const std::vector<changes::DeviceResult>& results) {
        const auto done = complete_claim(*connection_, part, claimed.page, results, {}, {});
        EXPECT_TRUE(done) << done.error().message;
        return done ? *done : ClaimCompletion{};
    }
    bool application_may(const std::string& text) {
        auto transaction = db::Transaction::begin(*connection_, 1);
        return transaction && transaction->exec_text(text).has_value();
    }
    std::string counts() {
        return sql(
            "SELECT concat_ws(' ', state, charge_count, new_count, unknown_count, "
            "charged_count, failed_count, parked_count, charged_amount) FROM "
            "charge_run_part ORDER BY charge_run_id DESC LIMIT 1");
    }
};

TEST_F(WorkStoreTest, a_charge_is_claimed_with_everything_that_rev_io_is_told) {
    const WorkablePart part = part_of(make());
    const ClaimedCharges claimed = claim(part);
    ASSERT_EQ(claimed.page.devices.size(), 6U);
    const billing::revio::Charge& charge = claimed.charges.at(claimed.page.devices[0].id.value);
    EXPECT_EQ(charge.rev_customer_id, 4102);
    EXPECT_EQ(charge.service_id, 99120);
    EXPECT_EQ(charge.product_id, std::nullopt);
    EXPECT_EQ(charge.product_type_id, 311);
    EXPECT_EQ(charge.amount.text(), "6.50");
    EXPECT_EQ(charge.marker, "amop:Q7101-D1-RATE");
    EXPECT_EQ(charge.start_date, "2026-02-01");
}

TEST_F(WorkStoreTest, a_part_settles_with_its_last_charge_and_is_checked) {
    const WorkablePart part = part_of(make());
    EXPECT_TRUE(charge_all(part));
    EXPECT_EQ(counts(), "settled 6 0 0 6 0 0 22.5300");
    EXPECT_EQ(sql("SELECT charged_amount - (SELECT sum(amount) FROM charge WHERE state = "
                  "'charged') FROM charge_run_part"),
              "0.0000");
    EXPECT_EQ(sql("SELECT (attributes ->> 'QueueId') || (attributes ->> 'PartNumber') FROM "
                  "queue_message WHERE queue = 'customer_charge_check'"),
              "71011");
    EXPECT_EQ(sql("SELECT list_version FROM charge_run_part"), "1");
}

TEST_F(WorkStoreTest, charges_end_in_every_way_and_the_counts_follow) {
    const WorkablePart part = part_of(make());
    const ClaimedCharges claimed = claim(part);
    const auto& charges = claimed.page.devices;
    changes::DeviceResult later = ended(charges[4], DeviceState::fresh);
    later.verdict.due_in = std::chrono::hours(1);
    changes::DeviceResult unclear = ended(charges[1], DeviceState::unknown);
    unclear.verdict.due_in = std::chrono::hours(1);
    const auto done = complete(
        part, claimed,
        {ended(charges[0], DeviceState::processed, 8'800'001), unclear,
         ended(charges[2], DeviceState::error), ended(charges[3], DeviceState::parked), later});
    EXPECT_TRUE(done.accepted);
    EXPECT_FALSE(done.is_settled);
    EXPECT_EQ(counts(), "sending 6 2 1 1 1 1 6.5000");
    // The sixth was not begun, so the page is due at once.
    const auto due = next_claim_due_in(*connection_, part);
    ASSERT_TRUE(due && *due);
    EXPECT_LE((*due)->count(), 0);
}

TEST_F(WorkStoreTest, a_stale_worker_writes_nothing) {
    const WorkablePart part = part_of(make());
    const ClaimedCharges first = claim(part);
    database().run("UPDATE charge_page SET available_at = now() - interval '1 second'");
    const ClaimedCharges second = claim(part, "another");
    EXPECT_TRUE(second.page.devices[0].lost);
    const auto late =
        complete(part, first, {ended(first.page.devices[0], DeviceState::processed, 8'800'001)});
    EXPECT_FALSE(late.accepted);
    EXPECT_EQ(counts(), "sending 6 6 0 0 0 0 0.0000");
    EXPECT_EQ(sql("SELECT count(*) FROM charge WHERE state <> 'new'"), "0");
}

TEST_F(WorkStoreTest, a_charge_of_rev_io_belongs_to_one_intent) {
    const WorkablePart part = part_of(make());
    ClaimedCharges claimed = claim(part);
    complete(part, claimed, {ended(claimed.page.devices[0], DeviceState::processed, 5)});
    claimed = claim(part);
    complete(part, claimed, {ended(claimed.page.devices[0], DeviceState::processed, 5)});
    EXPECT_EQ(sql("SELECT reason FROM charge WHERE state = 'parked'"),
              "Rev.io's charge 5 is that of intent 1");
    // It may have been sent: released it is looked up, and nobody can dismiss it.
    EXPECT_EQ(sql("SELECT unclear_since IS NOT NULL FROM charge WHERE state = 'parked'"), "t");
    EXPECT_EQ(counts(), "sending 6 4 0 1 0 1 6.5000");
}

TEST_F(WorkStoreTest, each_account_of_rev_io_counts_its_charges_for_itself) {
    database().run(R"(
        INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled)
            VALUES (1, 'second rev', 'revio', true);
        INSERT INTO optimization_instance (tenant_id, optimization_instance_id, portal_type,
            customer_id, integration_authentication_id, billing_period_start, billing_period_end,
            run_end_time, imported_by)
            SELECT 1, 72, 'm2m', 1, service_provider_id, '2026-02-01', '2026-02-28', now(), 'test'
            FROM service_provider WHERE name = 'second rev';
        INSERT INTO optimization_comm_group VALUES (1, 721, 72);
        INSERT INTO optimization_queue VALUES (1, 7201, 721, 20, now());
        INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal,
            device_id, rate_plan_name, usage_mb, rate_charge_amount, overage_charge_amount,
            rev_product_type_id) VALUES (1, 7201, 'm2m', 4, 'IoT 1GB', 1, 2, 0, 311))");
    const ChargeRunId run = make({71, 72});
    for (const int number : {1, 2}) {
        const WorkablePart part = part_of(run, number);
        const ClaimedCharges claimed = claim(part);
        complete(part, claimed, {ended(claimed.page.devices[0], DeviceState::processed, 5)});
    }
    EXPECT_EQ(sql("SELECT count(*) FROM charge WHERE revio_charge_id = 5"), "2");
    EXPECT_EQ(sql("SELECT count(*) FROM charge WHERE state = 'parked'"), "0");
}

// As when the account refused the charge that was to be sent again.
TEST_F(WorkStoreTest, an_unknown_charge_stays_known_as_sent_whatever_is_told_of_it) {
    const WorkablePart part = part_of(make());
    const ClaimedCharges first = claim(part);
    auto lost = ended(first.page.devices[0], DeviceState::unknown);
    lost.sent_ago = std::chrono::minutes(5);
    lost.verdict.due_in = std::chrono::milliseconds(0);
    complete(part, first, {lost});
    const ClaimedCharges second = claim(part);
    ASSERT_EQ(second.page.devices[0].state, DeviceState::unknown);
    auto spared = ended(second.page.devices[0], DeviceState::unknown);
    spared.unclear_since.reset();
    spared.verdict.due_in = std::chrono::milliseconds(0);
    complete(part, second, {spared});
    const ClaimedCharges third = claim(part);
    EXPECT_EQ(third.page.devices[0].unclear_since, lost.unclear_since);
    ASSERT_TRUE(third.page.devices[0].sent_ago);
    EXPECT_GE(*third.page.devices[0].sent_ago, std::chrono::minutes(5));
}

TEST_F(WorkStoreTest, the_application_cannot_change_or_delete_facts) {
    charge_all(part_of(make()));
    for (const char* fact :
         {"amount = 1", "device_id = 2", "kind = 'sms'", "description = 'x'", "generation = 2",
          "billing_period_start = '2026-01-01'", "customer_id = 2", "marker = ''",
          "integration_authentication_id = 2", "created_at = now()"}) {
        EXPECT_FALSE(application_may(std::string("UPDATE charge SET ") + fact)) << fact;
    }
    EXPECT_FALSE(application_may("DELETE FROM charge"));
    EXPECT_FALSE(application_may("TRUNCATE charge"));
    EXPECT_FALSE(application_may("UPDATE charge_log SET error_text = 'x'"));
    EXPECT_FALSE(application_may("DELETE FROM charge_run"));
    // Nor what has ended, not even how.
    EXPECT_FALSE(application_may("UPDATE charge SET revio_charge_id = 1 WHERE charge_id = 1"));
    EXPECT_TRUE(application_may("SELECT 1 FROM charge"));
}

TEST_F(WorkStoreTest, a_refused_account_stops_its_runs_and_a_person_resumes_them) {
    const ChargeRunId run = make();
    const WorkablePart part = part_of(run);
    accounts::StoredAccount account = *part.account;
    ASSERT_TRUE(stop_runs_of(*connection_, account, "Access denied"));
    const auto none = claim_charges(*connection_, part, "worker", seconds(60));
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none);
    EXPECT_EQ(sql("SELECT hold || hold_reason FROM charge_run"), "stoppedAccess denied");
    EXPECT_EQ(sql("SELECT payload ->> 'reason' FROM event WHERE type = 'charge_run.stopped'"),
              "Access denied");
    ASSERT_TRUE(resume_run(*connection_, caller_, run));
    EXPECT_FALSE(resume_run(*connection_, caller_, run));
    EXPECT_TRUE(charge_all(part));
}

TEST_F(WorkStoreTest, an_account_that_is_switched_off_is_not_written_to) {
    const ChargeRunId run = make();
    EXPECT_TRUE(part_of(run).account->write_is_enabled);
    database().run("UPDATE service_provider SET is_active = false WHERE name = 'rev'");
    EXPECT_FALSE(part_of(run).account->write_is_enabled);
}

TEST_F(WorkStoreTest, parked_charges_go_on_and_what_may_be_sent_is_unknown) {
    database().run(
        "UPDATE optimization_device_result SET rate_charge_amount = 20000 "
        "WHERE device_id = 2; UPDATE optimization_device_result "
        "SET rev_product_type_id = NULL WHERE device_id = 3");
    const ChargeRunId run = make();
    const WorkablePart part = part_of(run);
    const ClaimedCharges claimed = claim(part);
    ASSERT_EQ(claimed.page.devices.size(), 3U);
    auto lost = ended(claimed.page.devices[0], DeviceState::parked);
    lost.unclear_since = base::Instant{};
    std::vector<changes::DeviceResult> results{lost};
    for (std::size_t i = 1; i < 3; ++i) {
        results.push_back(ended(claimed.page.devices[i], DeviceState::processed,
                                static_cast<std::int64_t>(100 + i)));
    }
    EXPECT_TRUE(complete(part, claimed, results).is_settled);
    const auto released = release_parked(*connection_, caller_, run, {});
    ASSERT_TRUE(released) << released.error().message;
    EXPECT_EQ(released->released, 2);
    EXPECT_EQ(released->unknown, 1);
    EXPECT_EQ(released->kept, 2);
    EXPECT_EQ(counts(), "sending 6 1 1 2 0 2 2.0100");
    const ClaimedCharges again = claim(part);
    ASSERT_EQ(again.page.devices.size(), 2U);
    EXPECT_EQ(again.page.devices[0].state, DeviceState::unknown);
    const auto missing = release_parked(*connection_, caller_, run, {1});
    EXPECT_FALSE(missing);
}

// Of the page both see a state that the other is about to change: whoever writes it down closes it.
TEST_F(WorkStoreTest, what_is_released_while_its_page_is_written_down_is_sent_all_the_same) {
    database().run(
        "UPDATE optimization_device_result SET rate_charge_amount = 20000 "
        "WHERE device_id = 2");
    const ChargeRunId run = make();
    const WorkablePart part = part_of(run);
    const ClaimedCharges claimed = claim(part);
    ASSERT_EQ(claimed.page.devices.size(), 5U);
    std::vector<changes::DeviceResult> results;
    for (const changes::ClaimedDevice& charge : claimed.page.devices) {
        results.push_back(ended(charge, DeviceState::processed, next_revio_id_++));
    }
    auto other = db::Connection::open(base::Secret(database().app_conninfo()));
    auto gate = db::Connection::open(base::Secret(database().app_conninfo()));
    ASSERT_TRUE(other && gate);
    {
        auto held = db::Transaction::begin(**gate, 1);
        ASSERT_TRUE(held && held->exec_text("SELECT FROM charge_run_part FOR UPDATE"));
        std::thread releasing([&] { EXPECT_TRUE(release_parked(**other, caller_, run, {})); });
        std::thread writing([&] { complete(part, claimed, results); });
        while (sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                   "datname = current_database()") != "2") {
        }
        ASSERT_TRUE(held->commit());
        releasing.join();
        writing.join();
    }
    EXPECT_EQ(counts(), "sending 6 1 0 5 0 0 16.0200");
    ASSERT_FALSE(*claim_charges(*connection_, part, "worker", seconds(60)));
    const auto is_reopened = reopen_pages(*connection_, part);
    ASSERT_TRUE(is_reopened && *is_reopened);
    EXPECT_TRUE(charge_all(part));
    EXPECT_FALSE(*reopen_pages(*connection_, part));
}

TEST_F(WorkStoreTest, parked_charges_that_are_not_meant_are_dismissed_unless_they_may_be_sent) {
    database().run(
        "UPDATE optimization_device_result SET rate_charge_amount = 20000 "
        "WHERE device_id = 2");
    const ChargeRunId run = make();
    const WorkablePart part = part_of(run);
    const ClaimedCharges claimed = claim(part);
    auto lost = ended(claimed.page.devices[0], DeviceState::parked);
    lost.unclear_since = base::Instant{};
    std::vector<changes::DeviceResult> results{lost};
    for (std::size_t i = 1; i < claimed.page.devices.size(); ++i) {
        results.push_back(ended(claimed.page.devices[i], DeviceState::processed, next_revio_id_++));
    }
    ASSERT_TRUE(complete(part, claimed, results).is_settled);
    database().run(
        "UPDATE charge_run_part SET state = 'listed', list_key = 'x';"
        "UPDATE charge_run SET state = 'finished', finished_at = now(), open_part_count = 0");
    EXPECT_FALSE(dismiss_parked(*connection_, caller_, run, {}, ""));
    EXPECT_FALSE(dismiss_parked(*connection_, caller_, run, {999}, "wrong plan"));
    const auto dismissed = dismiss_parked(*connection_, caller_, run, {}, "wrong plan");
    ASSERT_TRUE(dismissed) << dismissed.error().message;
    EXPECT_EQ(dismissed->dismissed, 1);
    EXPECT_EQ(dismissed->kept, 1);
    EXPECT_EQ(sql("SELECT state || ': ' || reason FROM charge WHERE device_id = 2 AND "
                  "kind = 'rate'"),
              "skipped: dismissed by biller: wrong plan (it was parked: the amount 20000.00 is "
              "above the limit 10000)");
    EXPECT_EQ(sql("SELECT concat_ws(' ', state, parked_count, skipped_count, list_version) "
                  "FROM charge_run_part"),
              "settled 1 1 2");
    // Its list is written again, and the run is told again.
    EXPECT_EQ(sql("SELECT state || open_part_count FROM charge_run"), "sending1");
    EXPECT_EQ(sql("SELECT count(*) FROM queue_message WHERE queue = 'customer_charge_check'"), "2");
    EXPECT_EQ(dismiss_parked(*connection_, caller_, run, {}, "again")->dismissed, 0);
}

TEST_F(WorkStoreTest, a_reversal_that_was_refused_has_reversed_nothing) {
    const ChargeRunId run = make();
    charge_all(part_of(run));
    const auto first = reverse_charges(*connection_, caller_, run, {1}, "wrong plan");
    ASSERT_TRUE(first) << first.error().message;
    const WorkablePart part = part_of(first->run);
    const ClaimedCharges claimed = claim(part);
    complete(part, claimed, {ended(claimed.page.devices[0], DeviceState::error)});
    EXPECT_FALSE(get_charge(*connection_, {1}, ChargeId{1})->reversed_by_charge_id);
    const auto second = reverse_charges(*connection_, caller_, run, {1}, "once more");
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(sql("SELECT generation || marker FROM charge WHERE reverses_charge_id = 1 AND "
                  "state = 'new'"),
              "3amop:Q7101-D1-RATE-G3");
    EXPECT_FALSE(reverse_charges(*connection_, caller_, run, {1}, "twice"));
    EXPECT_TRUE(charge_all(part_of(second->run)));
    EXPECT_FALSE(reverse_charges(*connection_, caller_, run, {1}, "twice"));
    EXPECT_TRUE(get_charge(*connection_, {1}, ChargeId{1})->reversed_by_charge_id);
    EXPECT_EQ(sql("SELECT count(*) FROM charge v WHERE reverses_charge_id = 1"), "2");
}

TEST_F(WorkStoreTest, a_reversal_is_an_opposite_entry_of_a_new_generation_once) {
    const ChargeRunId run = make();
    charge_all(part_of(run));
    EXPECT_FALSE(reverse_charges(*connection_, caller_, run, {}, ""));
    EXPECT_FALSE(reverse_charges(*connection_, caller_, run, {1, 99}, "wrong plan"));
    const auto one = reverse_charges(*connection_, caller_, run, {1}, "wrong plan");
    ASSERT_TRUE(one) << one.error().message;
    EXPECT_EQ(one->charges, 1);
    EXPECT_EQ(sql("SELECT concat_ws(' ', amount, generation, reverses_charge_id, state, marker) "
                  "FROM charge WHERE reverses_charge_id = 1"),
              "-6.5000 2 1 new amop:Q7101-D1-RATE-G2");
    EXPECT_FALSE(reverse_charges(*connection_, caller_, run, {1}, "again"));
    const auto rest = reverse_charges(*connection_, caller_, run, {}, "wrong plan");
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->charges, 5);
    charge_all(part_of(one->run));
    charge_all(part_of(rest->run));
    EXPECT_EQ(sql("SELECT sum(amount) FROM charge WHERE state = 'charged'"), "0.0000");
    const auto detail = get_charge(*connection_, {1}, ChargeId{1});
    ASSERT_TRUE(detail);
    EXPECT_TRUE(detail->reversed_by_charge_id);
}

TEST_F(WorkStoreTest, lost_messages_are_rebuilt) {
    order({71});
    database().run("DELETE FROM queue_message");
    EXPECT_EQ(sweep_charges(*connection_).value(), 1);
    EXPECT_EQ(sweep_charges(*connection_).value(), 0);
    EXPECT_EQ(sql("SELECT queue || (attributes ->> 'InstanceId') FROM queue_message"),
              "customer_charge_enqueue71");
    database().run("DELETE FROM queue_message");
    make();
    database().run("DELETE FROM queue_message");
    EXPECT_EQ(sweep_charges(*connection_).value(), 1);
    EXPECT_EQ(sql("SELECT queue || (attributes ->> 'PartNumber') FROM queue_message"),
              "customer_charge1");
}

TEST_F(WorkStoreTest, runs_and_charges_are_listed_within_their_tenant) {
    const ChargeRunId run = make();
    const auto detail = get_run(*connection_, {1}, run);
    ASSERT_TRUE(detail) << detail.error().message;
    EXPECT_EQ(detail->run.instance_ids, std::vector<std::int64_t>{71});
    EXPECT_EQ(detail->run.counts.total_amount, "22.53");
    ASSERT_EQ(detail->parts.size(), 1U);
    EXPECT_EQ(detail->parts[0].queue_id, 7101);
    ASSERT_TRUE(detail->estimate);
    EXPECT_EQ(detail->estimate->calls, 6);
    EXPECT_EQ(detail->estimate->seconds, 1);
    EXPECT_FALSE(get_run(*connection_, {2}, run));
    ChargeFilter filter;
    filter.run = run;
    const auto first = list_charges(*connection_, tokens_, {1}, filter, {4, ""});
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->items.size(), 4U);
    const auto rest = list_charges(*connection_, tokens_, {1}, filter, {4, first->next_token});
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->items.size(), 2U);
    const auto of_another = list_charges(*connection_, tokens_, {2}, filter, {4, ""});
    ASSERT_FALSE(of_another);
    EXPECT_EQ(of_another.error().kind, base::ErrorKind::not_found);
    EXPECT_TRUE(list_charges(*connection_, tokens_, {2}, {}, {4, ""})->items.empty());
    EXPECT_EQ(list_runs(*connection_, tokens_, {1}, "sending", {4, ""})->items.size(), 1U);
}

}  // namespace
}  // namespace carryall::charges
