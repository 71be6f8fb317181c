// The figures of accounts as people see them, from rows of every table they come from.
#include "accounts/account_report.hpp"

#include <gtest/gtest.h>

#include "accounts/account_gauges.hpp"
#include "db/gauges.hpp"
#include "support/database.hpp"

namespace carryall::accounts {
namespace {

class AccountReportTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant RESTART IDENTITY CASCADE;
            TRUNCATE account_pace, account_minute, account_turn;
            INSERT INTO tenant (name) VALUES ('one'), ('two');
            INSERT INTO service_provider (tenant_id, name, integration, rate_per_second, is_unpaced)
                VALUES (1, 'a', 'jasper', NULL, false), (1, 'b', 'pond', 40, false),
                       (1, 'c', 'pond', NULL, true), (2, 'foreign', 'pond', NULL, false);)");
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened);
        connection_ = std::move(opened).value();
    }
    std::vector<AccountReport> report() {
        const auto reports = report_accounts(*connection_, 1);
        EXPECT_TRUE(reports) << (reports ? "" : reports.error().message);
        return reports.value_or({});
    }
    std::unique_ptr<db::Connection> connection_;
};

TEST_F(AccountReportTest, limits_are_the_carriers_unless_set_or_switched_off) {
    const auto reports = report();
    ASSERT_EQ(reports.size(), 3U) << "another tenant's are not shown";
    EXPECT_EQ(reports[0].limits.rate_per_second, 5);
    EXPECT_EQ(reports[0].limits.max_concurrency, 1);
    EXPECT_EQ(reports[1].limits.rate_per_second, 40);
    EXPECT_EQ(reports[2].limits.rate_per_second, std::nullopt);
    EXPECT_EQ(reports[0].backlog, 0);
    EXPECT_EQ(reports[0].held_up_by, "");
}

TEST_F(AccountReportTest, a_backlog_is_done_at_the_present_pace_or_nobody_knows_when) {
    database().run(R"(
        INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status,
            request, source, correlation_id, created_by, device_count, new_count, waiting_count,
            error_count, open_page_count)
            VALUES (1, 1, 'statusupdate', 'm2m', 'PROCESSING', '{}', 'json', 'c', 't', 130, 100,
                    20, 10, 2),
                   (1, 2, 'statusupdate', 'm2m', 'PENDING', '{}', 'json', 'c', 't', 7, 7, 0, 0, 1);
        INSERT INTO account_pace (pacing_key) VALUES ('provider-1'), ('provider-2');
        INSERT INTO account_minute (pacing_key, minute, calls, devices)
            VALUES ('provider-1', now(), 300, 240);)");
    const auto reports = report();
    EXPECT_EQ(reports[0].backlog, 120);
    EXPECT_DOUBLE_EQ(reports[0].calls_per_second, 5);
    EXPECT_DOUBLE_EQ(reports[0].devices_per_second, 4);
    EXPECT_EQ(reports[0].finishes_in_seconds, 30);
    EXPECT_EQ(reports[1].backlog, 7);
    EXPECT_EQ(reports[1].finishes_in_seconds, std::nullopt) << "nothing was called lately";
}

TEST_F(AccountReportTest, devices_that_nobody_may_begin_are_no_backlog) {
    database().run(R"(
        INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status,
            request, source, correlation_id, created_by, device_count, new_count, waiting_count,
            unknown_count, error_count, open_page_count, control, approval, control_cause,
            control_by, control_at)
            SELECT 1, 1, 'statusupdate', 'm2m', 'PROCESSING', '{}', 'json', 'c', 't', 107, 100, 5,
                   2, 0, 2, held.control, held.approval, 'person', 't', now()
            FROM (VALUES ('paused', 'not_required'), ('cancelling', 'not_required'),
                         ('running', 'required')) AS held(control, approval);)");
    EXPECT_EQ(report()[0].backlog, 3 * 7) << "what waits or is unknown will be asked for";
    database().run("UPDATE bulk_change SET control = 'running', approval = 'not_required'");
    EXPECT_EQ(report()[0].backlog, 3 * 107);
}

TEST_F(AccountReportTest, what_holds_an_account_up_is_named_with_its_end) {
    database().run(R"(
        UPDATE service_provider SET day_quota = 10 WHERE service_provider_id = 2;
        INSERT INTO account_pace (pacing_key, paused_until, pause_reason)
            VALUES ('provider-1', now() + interval '90 seconds', 'HTTP 429');
        INSERT INTO account_pace (pacing_key, quota_used) VALUES ('provider-2', 10);
        INSERT INTO account_pace (pacing_key, breaker_opened_at, breaker_probe_at, breaker_reason)
            VALUES ('provider-3', now(), now() + interval '15 seconds', 'no answer');)");
    const auto reports = report();
    EXPECT_EQ(reports[0].held_up_by, "pause");
    EXPECT_EQ(reports[0].reason, "HTTP 429");
    EXPECT_TRUE(reports[0].held_up_until.has_value());
    EXPECT_EQ(reports[1].held_up_by, "quota");
    EXPECT_EQ(reports[2].held_up_by, "breaker");
    EXPECT_EQ(reports[2].reason, "no answer");
}

TEST_F(AccountReportTest, metrics_show_every_tenants_accounts_and_leave_out_what_is_not_known) {
    database().run(R"(
        UPDATE service_provider SET day_quota = 10 WHERE service_provider_id = 2;
        INSERT INTO account_pace (pacing_key, quota_used) VALUES ('provider-2', 4);
        INSERT INTO account_turn (pacing_key, holder, slots, wanted, since, lease_ends) VALUES
            ('provider-2', 'a', 3, 3, now(), now() + interval '1 minute'),
            ('provider-2', 'b', 2, 2, now(), now() + interval '1 minute'),
            ('provider-2', 'gone', 9, 9, now(), now());
        INSERT INTO account_pace (pacing_key, breaker_opened_at, breaker_probe_at)
            VALUES ('provider-4', now(), now() + interval '15 seconds');
        INSERT INTO carrier_callback (tenant_id, service_provider_id, remote_address, body,
            body_hash, state) SELECT 2, 4, '10.0.0.1', '{}', 'h', state
            FROM unnest(ARRAY['orphan', 'orphan', 'matched']) AS s(state);)");
    db::Gauges gauges(base::Secret(database().app_conninfo()), {read_account_gauges});
    const std::string text = base::metrics::exposition(gauges.read());
    const auto account = [](const char* name, int tenant, int provider, const char* integration) {
        return std::string("\ncarryall_account_") + name + "{integration=\"" + integration +
               "\",service_provider=\"" + std::to_string(provider) + "\",tenant=\"" +
               std::to_string(tenant) + "\"} ";
    };
    for (const std::string& line : {account("allowed_calls_per_second", 1, 1, "jasper") + "5\n",
                                    account("calls_in_flight", 1, 2, "pond") + "5\n",
                                    account("day_quota_left", 1, 2, "pond") + "6\n",
                                    account("breaker_open", 1, 2, "pond") + "0\n",
                                    account("breaker_open", 2, 4, "pond") + "1\n",
                                    account("orphan_callbacks", 2, 4, "pond") + "2\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
    }
    for (const std::string& unknown :
         {account("allowed_calls_per_second", 1, 3, "pond"),
          account("calls_in_flight", 1, 3, "pond"), account("day_quota_left", 1, 1, "jasper")}) {
        EXPECT_EQ(text.find(unknown), std::string::npos) << unknown;
    }
    database().run("UPDATE service_provider SET is_active = false");
    EXPECT_EQ(base::metrics::exposition(gauges.read()), text) << "one question for all who ask";
}

}  // namespace
}  // namespace carryall::accounts
