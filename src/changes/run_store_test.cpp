// Claims, fences and completions on real PostgreSQL.
#include "changes/run_store.hpp"

#include "changes/runner.hpp"
#include "support/database.hpp"

namespace carryall::changes {
namespace {

class RunStoreTest : public support::DatabaseTest {
  protected:
    static constexpr std::int64_t kTenant = 1;
    static constexpr int kPageSize = 10;

    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant RESTART IDENTITY CASCADE;
            TRUNCATE account_pace, device_change, device_change_log, queue_message, device_event
                RESTART IDENTITY CASCADE;
            INSERT INTO tenant (name) VALUES ('one'), ('two');
            INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled)
                VALUES (1, 'pond', 'pond', true), (2, 'pond', 'pond', true);
            INSERT INTO customer_rate_plan (tenant_id, code, name)
                VALUES (1, 'A', 'A'), (1, 'B', 'B');
            INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status)
                SELECT 1, 1, 'm2m', '891030000000000' || lpad(i::text, 4, '0'), 'Active'
                FROM generate_series(1, 25) i;)");
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened);
        connection_ = std::move(opened).value();
        ASSERT_TRUE(Runner::prepare_connection(*connection_));
    }

    // A change of 25 devices in three pages; the second device is already refused.
    BulkChangeId make_change(const std::string& type, const std::string& request) {
        database().run(
            "INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status,"
            " request, source, correlation_id, created_by, device_count, new_count, error_count,"
            " open_page_count) VALUES (1, 1, '" +
            type + "', 'm2m', 'PENDING', '" + request + "', 'json', 'c-1', 'test', 25, 24, 1, 3)");
        const std::int64_t id =
            std::stoll(database().value("SELECT max(bulk_change_id) FROM bulk_change"));
        const std::string base = std::to_string(id << kOrdinalBits);
        database().run(
            "INSERT INTO device_change (device_change_id, tenant_id, device_id, row_number,"
            " identifier, state, reason, error_class, finished_at) SELECT " +
            base +
            " + device_id, 1, device_id, device_id, iccid, CASE device_id WHEN 2 THEN 'error' ELSE"
            " 'new' END, CASE device_id WHEN 2 THEN 'Invalid ICCID' END, CASE device_id WHEN 2"
            " THEN 'validation' END, CASE device_id WHEN 2 THEN now() END FROM device;"
            " INSERT INTO change_page (bulk_change_id, page_number, tenant_id,"
            " first_device_change_id, last_device_change_id) SELECT " +
            std::to_string(id) + ", p, 1, " + base + " + (p - 1) * 10 + 1, " + base +
            " + p * 10"
            " FROM generate_series(1, 3) p");
        return {id};
    }

    BulkChangeId make_status_change() {
        return make_change("statusupdate", R"({"statusUpdate":{"updateStatus":"Suspended"}})");
    }

    RunnableChange load(BulkChangeId id) {
        auto change = load_change(*connection_, kTenant, id, key_);
        CHECK(change.has_value());
        return std::move(change).value();
    }

    ClaimedPage claim(BulkChangeId id, const std::string& worker = "w") {
        auto page = claim_page(*connection_, kTenant, id, worker, std::chrono::seconds(60));
        CHECK(page.has_value() && page->has_value());
        return std::move(**page);
    }

    static std::vector<DeviceResult> all(const ClaimedPage& page, DeviceState state,
                                         const std::string& effect = "") {
        std::vector<DeviceResult> results;
        for (const ClaimedDevice& device : page.devices) {
            DeviceResult result;
            result.id = device.id;
            result.device_id = device.device_id;
            result.before = device.state;
            result.verdict.state = state;
            if (state == DeviceState::error) result.verdict.reason = "no";
            result.effect = effect;
            results.push_back(result);
        }
        return results;
    }

    static std::vector<LogEntry> log_for(const ClaimedPage& page) {
        std::vector<LogEntry> log;
        for (const ClaimedDevice& device : page.devices) {
            LogEntry entry;
            entry.device_change = device.id;
            entry.description = "Update Device Status: POND Update Status";
            entry.request = "quotes \" and \\ and { } survive, NULL too";
            entry.status = "PROCESSED";
            entry.started_at = entry.processed_at = base::system_clock().now();
            log.push_back(entry);
        }
        return log;
    }

    bool complete(const RunnableChange& change, const ClaimedPage& page, DeviceState state,
                  const std::string& effect = "") {
        const auto done = complete_page(*connection_, change, page, all(page, state, effect),
                                        log_for(page), true);
        EXPECT_TRUE(done) << (done ? "" : done.error().message);
        return done && done->accepted;
    }

    std::string value(const std::string& sql) { return database().value(sql); }

    std::unique_ptr<db::Connection> connection_;
    base::MasterKey key_ = base::MasterKey::generate();
};

TEST_F(RunStoreTest, a_change_runs_page_by_page_and_ends_partial_when_some_devices_failed) {
    const BulkChangeId id = make_status_change();
    const RunnableChange change = load(id);
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 3; ++i) {
        const ClaimedPage page = claim(id);
        sizes.push_back(page.devices.size());
        EXPECT_TRUE(complete(change, page, DeviceState::processed, "Suspended"));
    }
    EXPECT_EQ(sizes, (std::vector<std::size_t>{9, 10, 5}));
    const auto none = claim_page(*connection_, kTenant, id, "w", std::chrono::seconds(60));
    ASSERT_TRUE(none);
    EXPECT_FALSE(none->has_value());
    const auto due = next_page_due_in(*connection_, kTenant, id);
    ASSERT_TRUE(due);
    EXPECT_EQ(
        value("SELECT b.started_at <= min(l.started_at) FROM bulk_change b, device_change_log l"
              " GROUP BY b.started_at"),
        "t")
        << "a change starts with its first claim";
    EXPECT_FALSE(due->due_in) << "a finished change is looked at no more";
    EXPECT_EQ(
        value("SELECT status || processed_count || error_count || new_count FROM bulk_change"),
        "PARTIAL2410");
    EXPECT_EQ(value("SELECT count(*) FROM device WHERE status = 'Suspended'"), "24");
    EXPECT_EQ(value("SELECT count(*) FROM device_change_log"), "24");
    EXPECT_EQ(value("SELECT request_text FROM device_change_log LIMIT 1"),
              "quotes \" and \\ and { } survive, NULL too");
}

TEST_F(RunStoreTest, two_workers_never_hold_the_same_page) {
    const BulkChangeId id = make_status_change();
    EXPECT_EQ(claim(id, "a").page_number, 1);
    EXPECT_EQ(claim(id, "b").page_number, 2);
}

TEST_F(RunStoreTest, late_success_from_a_stale_attempt_is_ignored) {
    const BulkChangeId id = make_status_change();
    const RunnableChange change = load(id);
    const ClaimedPage stale = claim(id, "paused");
    database().run(
        "UPDATE change_page SET available_at = now() - interval '1 second' WHERE page_number = 1");
    const ClaimedPage current = claim(id, "successor");
    EXPECT_EQ(current.page_number, 1);
    EXPECT_EQ(current.lost_count, 1);
    EXPECT_FALSE(complete(change, stale, DeviceState::processed, "Suspended"));
    EXPECT_EQ(value("SELECT count(*) FROM device_change WHERE state = 'processed'"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM device_change_log"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM device WHERE status = 'Suspended'"), "0");
    EXPECT_TRUE(complete(change, current, DeviceState::processed, "Suspended"));
    EXPECT_FALSE(complete(change, current, DeviceState::processed, "Suspended"));
    EXPECT_EQ(value("SELECT processed_count FROM bulk_change"), "9");
}

TEST_F(RunStoreTest, after_a_crash_every_device_that_may_have_been_sent_is_marked_lost) {
    const BulkChangeId id = make_status_change();
    claim(id, "died");
    const std::string first = std::to_string(first_device_change(id).value);
    database().run(
        "UPDATE device_change SET due_at = now() - interval '1 hour' WHERE device_change_id = " +
        first + "; UPDATE device_change SET state = 'waiting' WHERE device_change_id = " + first +
        " + 2"
        "; UPDATE device_change SET due_at = now() - interval '1 ms' WHERE device_change_id = " +
        first +
        " + 3"
        "; UPDATE bulk_change SET new_count = 23, waiting_count = 1"
        "; UPDATE change_page SET claimed_at = now() - interval '1 minute', available_at = now()"
        " - interval '10 seconds' WHERE page_number = 1");
    const ClaimedPage page = claim(id, "successor");
    ASSERT_EQ(page.devices.size(), 9U);
    EXPECT_TRUE(page.devices[0].lost);
    EXPECT_TRUE(page.devices[0].unclear_since.has_value());
    ASSERT_TRUE(page.devices[0].sent_ago.has_value());
    EXPECT_GE(*page.devices[0].sent_ago, std::chrono::seconds(9));
    EXPECT_LE(*page.devices[0].sent_ago, std::chrono::seconds(30));
    EXPECT_FALSE(page.devices[1].lost) << "only asking for an answer";
    EXPECT_FALSE(page.devices[2].lost) << "not due when the dead worker claimed the page";
}

TEST_F(RunStoreTest, a_page_with_unfinished_devices_becomes_due_again_and_the_counts_add_up) {
    const BulkChangeId id = make_status_change();
    const RunnableChange change = load(id);
    const ClaimedPage page = claim(id);
    auto results = all(page, DeviceState::processed, "Suspended");
    results[0].verdict = {.state = DeviceState::fresh,
                          .error_class = {},
                          .reason = "429",
                          .due_in = std::chrono::hours(1),
                          .retry_number = 1};
    results[1].verdict = {.state = DeviceState::unknown,
                          .error_class = {},
                          .reason = "timeout",
                          .due_in = std::chrono::seconds(30)};
    results[1].unclear_since = page.claimed_at;
    results[1].sent_ago = std::chrono::milliseconds(1500);
    results[1].progress = R"({"packageId":"p-1"})";
    ASSERT_TRUE(complete_page(*connection_, change, page, results, {}, false)->accepted);
    EXPECT_EQ(value("SELECT new_count || ',' || unknown_count || ',' || processed_count || ',' || "
                    "open_page_count"
                    " FROM bulk_change"),
              "16,1,7,3");
    EXPECT_EQ(value("SELECT state FROM change_page WHERE page_number = 1"), "ready");
    database().run(
        "UPDATE change_page SET available_at = now() WHERE page_number = 1;"
        "UPDATE device_change SET due_at = now() WHERE state = 'unknown'");
    const ClaimedPage again = claim(id);
    ASSERT_EQ(again.devices.size(), 1U) << "the retry is due in an hour, the read-back now";
    EXPECT_EQ(again.devices[0].state, DeviceState::unknown);
    EXPECT_EQ(again.devices[0].progress, R"({"packageId": "p-1"})");
    EXPECT_EQ(again.devices[0].unclear_since, page.claimed_at);
    EXPECT_GE(*again.devices[0].sent_ago, std::chrono::milliseconds(1500));
    ASSERT_TRUE(complete(change, again, DeviceState::processed, "Suspended"));
    EXPECT_EQ(value("SELECT count(*) FROM device_change WHERE unclear_since IS NOT NULL OR sent_at "
                    "IS NOT NULL"),
              "0");
    const auto due = next_page_due_in(*connection_, kTenant, id);
    ASSERT_TRUE(due && due->due_in);
    EXPECT_LE(*due->due_in, std::chrono::milliseconds(0)) << "pages 2 and 3 are due now";
}

TEST_F(RunStoreTest, a_customer_rate_plan_takes_effect_now_or_is_scheduled_by_its_date) {
    const BulkChangeId id = make_change("customerrateplanchange", "{}");
    const RunnableChange change = load(id);
    ASSERT_TRUE(complete(change, claim(id), DeviceState::processed,
                         R"({"customerRatePlanId":1,"customerDataAllocationMb":"12.5"})"));
    ASSERT_TRUE(complete(change, claim(id), DeviceState::processed,
                         R"({"customerRatePlanId":2,"effectiveDate":"2999-01-01T00:00:00Z"})"));
    EXPECT_EQ(value("SELECT count(*) FROM device WHERE customer_rate_plan_id = 1 AND "
                    "customer_data_allocation_mb = 12.5"),
              "9");
    EXPECT_EQ(value("SELECT count(*) FROM customer_rate_plan_device_queue WHERE is_active AND "
                    "customer_rate_plan_id = 2"),
              "10");
    EXPECT_EQ(value("SELECT count(*) FROM device WHERE customer_rate_plan_id = 2"), "0");
    ASSERT_EQ(apply_due_rate_plans(*connection_, 100).value_or(-1), 0);
    database().run(
        "UPDATE customer_rate_plan_device_queue SET effective_date = now() - interval '1 second'");
    EXPECT_EQ(apply_due_rate_plans(*connection_, 4).value_or(-1), 4);
    EXPECT_EQ(apply_due_rate_plans(*connection_, 100).value_or(-1), 6);
    EXPECT_EQ(apply_due_rate_plans(*connection_, 100).value_or(-1), 0) << "each row exactly once";
    EXPECT_EQ(value("SELECT count(*) FROM device WHERE customer_rate_plan_id = 2"), "10");
    EXPECT_EQ(value("SELECT count(*) FROM device_event WHERE source = 'schedule'"), "10");
}

TEST_F(RunStoreTest, scheduled_rows_of_one_device_are_applied_in_the_order_of_their_dates) {
    database().run(
        "INSERT INTO customer_rate_plan_device_queue (tenant_id, device_id, device_change_id,"
        " customer_rate_plan_id, customer_data_allocation_mb, effective_date, portal_type, "
        "created_by) VALUES"
        " (1, 1, 1, 1, 5, now() - interval '2 hours', 'm2m', 't'), (1, 1, 2, 2, NULL, now() - "
        "interval '1 hour', 'm2m', 't')");
    EXPECT_EQ(apply_due_rate_plans(*connection_, 100).value_or(-1), 1);
    EXPECT_EQ(value("SELECT customer_rate_plan_id FROM device WHERE device_id = 1"), "1");
    EXPECT_EQ(apply_due_rate_plans(*connection_, 100).value_or(-1), 1);
    EXPECT_EQ(value("SELECT customer_rate_plan_id || '/' || customer_data_allocation_mb FROM "
                    "device WHERE device_id = 1"),
              "2/5");
}

TEST_F(RunStoreTest, an_assignment_takes_over_customer_site_and_the_service_created_at_rev_io) {
    database().run(
        "INSERT INTO customer (tenant_id, name, rev_customer_id) VALUES (1, 'Acme', '4102');"
        "INSERT INTO site (tenant_id, customer_id, name) VALUES (1, 1, 'HQ')");
    const BulkChangeId id = make_change("customerassignment", "{}");
    const RunnableChange change = load(id);
    const ClaimedPage page = claim(id);
    auto results = all(page, DeviceState::processed);
    for (std::size_t i = 0; i < results.size(); ++i) {
        results[i].effect =
            R"({"revCustomerId":"4102","siteId":1,"accountNumber":"77","customerRatePlanId":1,)"
            R"("revioServiceId":)" +
            std::to_string(900 + i) +
            R"(,"number":"n",)"
            R"("revioServiceProducts":[{"revioServiceProductId":)" +
            std::to_string(500 + i) + R"(,"productId":3}]})";
    }
    ASSERT_TRUE(complete_page(*connection_, change, page, results, {}, false)->accepted);
    EXPECT_EQ(
        value("SELECT count(*) FROM device d JOIN rev_service s USING (rev_service_id) WHERE "
              "d.customer_id = 1"
              " AND d.site_id = 1 AND d.account_number = '77' AND d.customer_rate_plan_id = 1"),
        "9");
    EXPECT_EQ(value("SELECT count(*) FROM rev_service_product WHERE product_id = 3"), "9");
}

TEST_F(RunStoreTest, another_tenants_change_looks_like_none) {
    const BulkChangeId id = make_status_change();
    const auto change = load_change(*connection_, 2, id, key_);
    ASSERT_FALSE(change);
    EXPECT_EQ(change.error().kind, base::ErrorKind::not_found);
    const auto page = claim_page(*connection_, 2, id, "w", std::chrono::seconds(60));
    ASSERT_TRUE(page);
    EXPECT_FALSE(page->has_value());
}

TEST_F(RunStoreTest, the_sweep_rebuilds_an_emptied_queue_and_leaves_a_full_one_alone) {
    make_status_change();
    EXPECT_EQ(sweep(*connection_).value_or(-1), 1);
    EXPECT_EQ(sweep(*connection_).value_or(-1), 0);
    auto queue = queue::postgres_queue(*connection_, queue::kBulkChangeQueue);
    const auto message = queue->receive(std::chrono::seconds(60));
    ASSERT_TRUE(message && message->has_value());
    EXPECT_EQ((*message)->attributes.tenant_id, 1);
}

TEST_F(RunStoreTest, a_request_whose_result_comes_later_is_remembered_once_a_page) {
    const BulkChangeId id = make_status_change();
    const RunnableChange change = load(id);
    const ClaimedPage page = claim(id);
    std::vector<DeviceResult> results = all(page, DeviceState::waiting);
    for (DeviceResult& result : results) {
        result.verdict.due_in = std::chrono::minutes(30);
        result.reference = "r-1";
        result.line_action = "suspend";
        result.sent_ago = std::chrono::milliseconds(10);
    }
    ASSERT_TRUE(complete_page(*connection_, change, page, results, log_for(page), false));
    EXPECT_EQ(value("SELECT string_agg(reference || bulk_change_id || page_number, ',')"
                    " FROM carrier_request"),
              "r-111");
    EXPECT_EQ(value("SELECT count(*) FROM line_action WHERE action = 'suspend'"), "9");
    EXPECT_EQ(value("SELECT count(*) FROM device_change WHERE state = 'waiting' AND sent_at IS"
                    " NOT NULL"),
              "9");
    const auto past = accounts::past_actions(*connection_, kTenant, {1, 2, 3});
    ASSERT_TRUE(past);
    EXPECT_EQ(past->size(), 2U) << "the second device was refused";
    EXPECT_EQ(past->at(1)[0].action, accounts::LineAction::suspend);
}

TEST_F(RunStoreTest, a_waiting_device_is_claimed_with_what_the_carrier_told_meanwhile) {
    const BulkChangeId id = make_status_change();
    const RunnableChange change = load(id);
    const ClaimedPage sent = claim(id);
    std::vector<DeviceResult> results = all(sent, DeviceState::waiting);
    for (DeviceResult& result : results) result.verdict.due_in = std::chrono::minutes(30);
    ASSERT_TRUE(complete_page(*connection_, change, sent, results, {}, false));
    database().run(
        "UPDATE device_change SET notices = '[{\"status\": \"Success\"}]', due_at = now()"
        " WHERE device_id = 3;"
        " UPDATE change_page SET available_at = now() WHERE page_number = 1");
    const ClaimedPage page = claim(id);
    ASSERT_EQ(page.devices.size(), 1U) << "the others are not due";
    EXPECT_EQ(page.devices[0].device_id, 3);
    EXPECT_EQ(page.devices[0].notices, R"([{"status": "Success"}])");
    ASSERT_TRUE(
        complete_page(*connection_, change, page, all(page, DeviceState::processed), {}, false));
    EXPECT_EQ(value("SELECT count(notices) FROM device_change"), "0");
}

TEST_F(RunStoreTest, an_activation_brings_number_and_plan_into_the_record) {
    database().run(
        "INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name)"
        " VALUES (1, 1, 'M2M-5MB', '5 MB')");
    const BulkChangeId id = make_status_change();
    const RunnableChange change = load(id);
    const ClaimedPage page = claim(id);
    std::vector<DeviceResult> results = all(page, DeviceState::processed, "Active");
    results[0].effect = R"({"status":"Active","msisdn":"15550100123","ratePlan":"M2M-5MB"})";
    ASSERT_TRUE(complete_page(*connection_, change, page, results, {}, false));
    EXPECT_EQ(value("SELECT d.status || d.msisdn || p.code FROM device d JOIN carrier_rate_plan p"
                    " USING (carrier_rate_plan_id) WHERE device_id = 1"),
              "Active15550100123M2M-5MB");
    EXPECT_EQ(value("SELECT count(*) FROM device WHERE status = 'Active' AND msisdn IS NULL"),
              "24");
}

TEST_F(RunStoreTest, a_plan_change_takes_the_communication_plan_along) {
    database().run(
        "INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name)"
        " VALUES (1, 1, 'P', 'P');"
        " INSERT INTO communication_plan (tenant_id, service_provider_id, name)"
        " VALUES (1, 1, 'DATA SMS')");
    const BulkChangeId id = make_change("carrierrateplanchange", "{}");
    const RunnableChange change = load(id);
    const ClaimedPage page = claim(id);
    std::vector<DeviceResult> results = all(page, DeviceState::processed, "P");
    results[0].effect = R"({"ratePlan":"P","communicationPlan":"DATA SMS"})";
    ASSERT_TRUE(complete_page(*connection_, change, page, results, {}, false));
    EXPECT_EQ(value("SELECT count(carrier_rate_plan_id) || '/' || count(communication_plan_id)"
                    " FROM device"),
              "9/1");
}

}  // namespace
}  // namespace carryall::changes
