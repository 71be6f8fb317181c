// The auditor finds what was planted, and nothing else. The constraints that would refuse most of
// it are dropped first: the auditor trusts none of them.
#include "changes/audit.hpp"

#include <set>

#include "support/database.hpp"

namespace carryall::changes {
namespace {

class AuditTest : public support::DatabaseTest {
  protected:
    static void SetUpTestSuite() {
        support::DatabaseTest::SetUpTestSuite();
        database().run(R"(
            DO $$ DECLARE c record; BEGIN
                FOR c IN SELECT conrelid::regclass AS of, conname FROM pg_constraint
                    WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace LOOP
                    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.of, c.conname);
                END LOOP;
            END $$)");
    }

    // One finished change (a device processed, one refused) and one that is being worked on.
    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant, service_provider, customer, site, device, bulk_change, device_change,
                device_change_log, change_page, queue_message, idempotency_key,
                customer_rate_plan_device_queue, carrier_rate_plan RESTART IDENTITY CASCADE;
            INSERT INTO tenant (name) VALUES ('one'), ('two');
            INSERT INTO service_provider (tenant_id, name, integration)
                VALUES (1, 'pond', 'pond'), (2, 'pond', 'pond');
            INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name)
                VALUES (1, 1, 'A', 'A'), (2, 2, 'A', 'A');
            INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status)
                SELECT t, t, 'm2m', '891030000000000000' || i, 'Active'
                FROM generate_series(1, 2) t, generate_series(1, 3) i;
            INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status,
                request, source, correlation_id, created_by, device_count, new_count,
                processed_count, error_count, open_page_count, finished_at)
            VALUES (1, 1, 'statusupdate', 'm2m', 'PARTIAL', '{}', 'csv', 'c', 'me', 2, 0, 1, 1, 0,
                    now()),
                   (1, 1, 'statusupdate', 'm2m', 'PROCESSING', '{}', 'csv', 'c', 'me', 1, 1, 0, 0,
                    1, NULL);
            INSERT INTO device_change (device_change_id, tenant_id, device_id, row_number,
                identifier, state, error_class, reason, finished_at)
            VALUES ((1::bigint << 20) + 1, 1, 1, 1, 'x', 'processed', NULL, NULL, now()),
                   ((1::bigint << 20) + 2, 1, 2, 2, 'y', 'error', 'business', 'no', now()),
                   ((2::bigint << 20) + 1, 1, 3, 1, 'z', 'new', NULL, NULL, NULL);
            INSERT INTO change_page (bulk_change_id, page_number, tenant_id,
                first_device_change_id, last_device_change_id, state, attempt, claimed_at, worker,
                available_at)
            VALUES (1, 1, 1, (1::bigint << 20) + 1, (1::bigint << 20) + 2, 'done', 1, now(), NULL,
                    'infinity'),
                   (2, 1, 1, (2::bigint << 20) + 1, (2::bigint << 20) + 1, 'sending', 1, now(),
                    'w', now() + interval '1 minute');
            INSERT INTO device_change_log (device_change_id, attempt, step, tenant_id, portal,
                log_entry_description, response_status, has_errors, process_by, correlation_id,
                started_at, processed_at)
            SELECT (1::bigint << 20) + i, 1, 1, 1, 'm2m', 'd', 'PROCESSED', false, 'me', 'c',
                   now(), now() FROM generate_series(1, 2) i)");
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened);
        connection_ = std::move(opened).value();
    }

    std::set<std::string> found(const AuditSettings& settings = {}, std::int64_t tenant = 1) {
        const auto violations = audit(*connection_, {tenant}, settings);
        EXPECT_TRUE(violations) << (violations ? "" : violations.error().message);
        std::set<std::string> rules;
        if (!violations) return rules;
        for (const Violation& one : *violations) {
            EXPECT_EQ(one.tenant_id, tenant);
            EXPECT_FALSE(one.subject.empty());
            rules.insert(one.rule);
        }
        return rules;
    }

    std::unique_ptr<db::Connection> connection_;
};

using Rules = std::set<std::string>;

struct Planted {
    const char* rule;
    const char* sql;
};

constexpr Planted kPlanted[] = {
    {"I1.counts",
     "UPDATE bulk_change SET processed_count = 2, error_count = 0"
     " WHERE bulk_change_id = 1"},
    {"I1.counts", "DELETE FROM device_change WHERE device_change_id = (1::bigint << 20) + 2"},
    {"I1.status", "UPDATE bulk_change SET status = 'PROCESSED' WHERE bulk_change_id = 1"},
    {"I1.status", "UPDATE bulk_change SET finished_at = NULL WHERE bulk_change_id = 1"},
    {"I1.queue",
     "UPDATE change_page SET state = 'ready', worker = NULL,"
     " available_at = now() - interval '1 day' WHERE bulk_change_id = 2"},
    {"I4.final", "UPDATE device_change SET finished_at = NULL WHERE state = 'processed'"},
    {"I4.final", "UPDATE device_change SET reason = NULL WHERE state = 'error'"},
    {"I4.final", "UPDATE device_change SET error_class = NULL WHERE state = 'error'"},
    {"I4.logged", "DELETE FROM device_change_log WHERE device_change_id = (1::bigint << 20) + 1"},
    {"I4.unclear", "UPDATE device_change SET unclear_since = now() WHERE state = 'processed'"},
    {"I4.unknown_is_due",
     "UPDATE device_change SET state = 'unknown', reason = 'r', due_at = 'infinity'"
     " WHERE state = 'new'"},
    {"I5.attempts", "UPDATE device_change_log SET attempt = 9"},
    {"I5.deciding", "UPDATE device_change_log SET processed_at = now() + interval '1 hour'"},
    {"I5.pages",
     "UPDATE change_page SET last_device_change_id = first_device_change_id - 1"
     " WHERE bulk_change_id = 2"},
    {"I5.open_pages", "UPDATE bulk_change SET open_page_count = 2 WHERE bulk_change_id = 2"},
    {"I9.device_change", "DELETE FROM bulk_change WHERE bulk_change_id = 1"},
    {"I9.device", "UPDATE device_change SET device_id = 4 WHERE state = 'processed'"},
    {"I9.log", "UPDATE device_change_log SET device_change_id = device_change_id + 1000"},
    {"I9.page", "UPDATE change_page SET bulk_change_id = 77 WHERE bulk_change_id = 1"},
    {"I9.provider", "UPDATE bulk_change SET service_provider_id = 2 WHERE bulk_change_id = 1"},
    {"I9.references", "UPDATE device SET carrier_rate_plan_id = 2 WHERE device_id = 1"},
    {"I9.references", "UPDATE device SET customer_id = 5 WHERE device_id = 1"},
    {"I9.schedule",
     "INSERT INTO customer_rate_plan_device_queue (tenant_id, device_id,"
     " device_change_id, effective_date, portal_type, created_by)"
     " VALUES (1, 2, (1::bigint << 20) + 1, now(), 'm2m', 'me')"},
    {"I9.idempotency",
     "INSERT INTO idempotency_key (tenant_id, key, request_hash, bulk_change_id)"
     " VALUES (1, 'k', 'h', 99)"},
    {"I10.lease",
     "UPDATE change_page SET available_at = now() - interval '1 hour'"
     " WHERE bulk_change_id = 2"},
    {"I10.page", "UPDATE change_page SET worker = NULL WHERE bulk_change_id = 2"},
    {"I10.page", "UPDATE change_page SET state = 'done', worker = NULL WHERE bulk_change_id = 2"},
    {"I10.overdue",
     "UPDATE change_page SET state = 'ready', worker = NULL,"
     " available_at = now() - interval '1 day' WHERE bulk_change_id = 2;"
     " UPDATE bulk_change SET created_at = now() - interval '1 day'"},
};

TEST_F(AuditTest, a_sound_database_is_clean) {
    EXPECT_EQ(found(), Rules{});
    EXPECT_EQ(found({}, 2), Rules{});
}

TEST_F(AuditTest, after_a_calm_phase_nothing_may_be_live) {
    AuditSettings settings;
    settings.everything_is_finished = true;
    EXPECT_EQ(found(settings), Rules{"I1.live"});
}

TEST_F(AuditTest, every_planted_fault_is_found_and_every_rule_has_one) {
    Rules planted{"I1.live"};
    for (const Planted& fault : kPlanted) {
        SetUp();
        database().run(fault.sql);
        EXPECT_TRUE(found().contains(fault.rule)) << fault.rule << ": " << fault.sql;
        planted.insert(fault.rule);
    }
    Rules known;
    for (const AuditRule& rule : audit_rules()) known.insert(rule.id);
    EXPECT_EQ(planted, known);
}

TEST_F(AuditTest, many_findings_of_a_rule_are_counted_and_the_first_are_listed) {
    database().run(
        "INSERT INTO device_change (device_change_id, tenant_id, row_number, identifier, state)"
        " SELECT (9::bigint << 20) + i, 1, 1, 'x', 'new' FROM generate_series(1, 200) i");
    const auto violations = audit(*connection_, {1}, {});
    ASSERT_TRUE(violations);
    ASSERT_EQ(violations->size(), static_cast<std::size_t>(kMaxListedViolations));
    EXPECT_EQ(violations->back().rule, "I9.device_change");
    EXPECT_EQ(violations->back().count, 200);
}

TEST_F(AuditTest, what_we_believe_of_a_device_counts_its_changes) {
    const auto devices = believed_devices(*connection_, {1}, "pond", 0, 10);
    ASSERT_TRUE(devices);
    ASSERT_EQ(devices->size(), 3U);
    EXPECT_EQ(devices->at(0).processed_status_changes, 1);
    EXPECT_FALSE(devices->at(0).is_unclear);
    EXPECT_EQ(devices->at(1).processed_status_changes, 0);
    EXPECT_TRUE(devices->at(2).is_unclear);
    const auto rest = believed_devices(*connection_, {1}, "pond", 1, 1);
    ASSERT_EQ(rest->size(), 1U);
    EXPECT_EQ(rest->front().device_id, 2);
    EXPECT_TRUE(believed_devices(*connection_, {1}, "jasper", 0, 10)->empty());
}

}  // namespace
}  // namespace carryall::changes
