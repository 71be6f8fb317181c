// What the tests of charge lists share: runs whose charges have ended, in a real database, and file
// stores that do as they are told.
#pragma once

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "charges/part_check.hpp"
#include "files/folder_store.hpp"
#include "support/database.hpp"
#include "support/temp_dir.hpp"

namespace carryall::charges {

// A folder that can be made to fail, to lose files and to count.
class SwitchedStore final : public files::FileStore {
  public:
    explicit SwitchedStore(std::filesystem::path folder)
        : folder_(files::FolderSettings{std::move(folder)}) {}

    Result<void> put(const std::string& key, const std::filesystem::path& file,
                     const std::string& content_type) override {
        if (refusal) return *refusal;
        return folder_.put(key, file, content_type);
    }
    Result<std::optional<std::uint64_t>> size_of(const std::string& key) override {
        if (loses) return std::optional<std::uint64_t>();
        return folder_.size_of(key);
    }
    Result<bool> get(const std::string& key, const std::filesystem::path& target) override {
        return folder_.get(key, target);
    }
    Result<void> check() override { return folder_.check(); }

    std::optional<base::Error> refusal;
    bool loses = false;

  private:
    files::FolderStore folder_;
};

class ChargeListTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(
            "TRUNCATE tenant RESTART IDENTITY CASCADE;"
            "INSERT INTO tenant (name) VALUES ('ours'), ('theirs');"
            "INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) VALUES "
            "(1, 'POND', 'pond', true), (1, 'Rev.io', 'revio', true);"
            "INSERT INTO customer (tenant_id, name, rev_customer_id, account_number) VALUES "
            "(1, 'Acme', '100', 'A-1'), (1, 'Bolt & Sons', '200', NULL);");
        connection_ = open();
        store_ = std::make_shared<SwitchedStore>(folder_.path() / "store");
        settings_.store = store_;
        settings_.links.public_url = "https://carryall.example.com";
        settings_.scratch_directory = scratch_.path();
        settings_.pace.wait = [](std::chrono::milliseconds) { return true; };
    }

    static std::unique_ptr<db::Connection> open() {
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        EXPECT_TRUE(opened.has_value());
        return std::move(opened).value();
    }
    static std::string sql(const std::string& text) { return database().value(text); }
    static std::string n(std::int64_t number) { return std::to_string(number); }

    static void set_emails(const std::string& administrators, const std::string& billing) {
        database().run(
            "INSERT INTO charge_setting (tenant_id, administrator_emails, billing_emails) VALUES "
            "(1, '{" +
            administrators + "}', '{" + billing + "}')");
    }
    static void add_instance(int id, int customer, const std::string& emails) {
        database().run(
            "INSERT INTO optimization_instance (tenant_id, optimization_instance_id, portal_type, "
            "customer_id, integration_authentication_id, billing_period_start, "
            "billing_period_end, run_end_time, customer_emails, imported_by) VALUES (1, " +
            n(id) + ", 'm2m', " + n(customer) + ", 2, '2026-03-01', '2026-03-31', now(), '{" +
            emails + "}', 'test')");
    }
    // A run with parts that are still open, all of its intents made.
    static std::int64_t add_run(int open_parts) {
        return std::stoll(
            sql("INSERT INTO charge_run (tenant_id, source, state, open_part_count, created_by, "
                "started_at, correlation_id) VALUES (1, 'instances', 'sending', " +
                n(open_parts) + ", 'alice', now(), 'c-1') RETURNING charge_run_id"));
    }
    static void add_part(std::int64_t run, int part, int instance, int queue) {
        database().run(
            "INSERT INTO charge_run_part (tenant_id, charge_run_id, part_number, "
            "optimization_instance_id, optimization_queue_id, integration_authentication_id, "
            "customer_id, billing_period_start, billing_period_end) SELECT 1, " +
            n(run) + ", " + n(part) + ", " + n(instance) + ", " + n(queue) +
            ", 2, customer_id, billing_period_start, billing_period_end FROM "
            "optimization_instance WHERE optimization_instance_id = " +
            n(instance));
    }
    static std::int64_t add_device(int serial, const std::string& msisdn,
                                   const std::string& portal = "m2m") {
        return std::stoll(sql(
            "INSERT INTO device (tenant_id, service_provider_id, portal, iccid, msisdn, status) "
            "VALUES (1, 1, '" +
            portal + "', '" + n(8910300000000000000 + serial) + "', nullif('" + msisdn +
            "', ''), 'Active') RETURNING device_id"));
    }
    struct Charge {
        std::int64_t device = 0;
        std::string kind;
        std::string state;
        std::string amount;
        std::string reason = {};
        std::int64_t revio_id = 0;
    };
    static void add_charges(std::int64_t run, int part, const std::vector<Charge>& charges) {
        int position = 0;
        for (const Charge& one : charges) {
            const bool is_open = one.state == "parked" || one.state == "new";
            database().run(
                "INSERT INTO charge (tenant_id, charge_run_id, part_number, position, source, "
                "source_id, device_id, customer_id, service_provider_id, portal, kind, "
                "billing_period_start, billing_period_end, amount, description, start_date, "
                "end_date, state, reason, revio_charge_id, settled_at, "
                "integration_authentication_id) SELECT 1, " +
                n(run) + ", " + n(part) + ", " + n(++position) + ", 'instance', " +
                n(run * 100 + part) + ", d.device_id, p.customer_id, 1, d.portal, '" + one.kind +
                "', '2026-03-01', '2026-03-31', '" + one.amount +
                "', 'text', '2026-03-02', '2026-03-31', '" + one.state + "', nullif('" +
                one.reason + "', ''), nullif(" + n(one.revio_id) + ", 0), " +
                (is_open ? "NULL" : "'2026-04-01 10:00:00+00'") +
                ", p.integration_authentication_id FROM device d, charge_run_part p WHERE "
                "d.device_id = " +
                n(one.device) + " AND p.charge_run_id = " + n(run) +
                " AND p.part_number = " + n(part));
        }
    }
    // As the completion of the last page does.
    static void settle(std::int64_t run, int part) {
        database().run(
            "UPDATE charge_run_part p SET state = 'settled', settled_at = now(), "
            "list_version = list_version + 1, charge_count = c.total, charged_count = c.charged, "
            "recorded_count = c.recorded, skipped_count = c.skipped, failed_count = c.failed, "
            "parked_count = c.parked, total_amount = c.amount, charged_amount = c.made FROM ("
            "SELECT count(*) AS total, count(*) FILTER (WHERE state = 'charged') AS charged, "
            "count(*) FILTER (WHERE state = 'recorded') AS recorded, "
            "count(*) FILTER (WHERE state = 'skipped') AS skipped, "
            "count(*) FILTER (WHERE state = 'failed') AS failed, "
            "count(*) FILTER (WHERE state = 'parked') AS parked, "
            "coalesce(sum(amount) FILTER (WHERE amount <> 'NaN'), 0) AS amount, coalesce(sum("
            "amount) FILTER (WHERE state IN ('charged', 'recorded') AND amount <> 'NaN'), 0) AS "
            "made FROM charge WHERE charge_run_id = " +
            n(run) + " AND part_number = " + n(part) + ") c WHERE p.charge_run_id = " + n(run) +
            " AND p.part_number = " + n(part));
    }
    // A part with one charged device: queue 500 + part, amount 1.00 × part.
    static void add_simple_part(std::int64_t run, int part, int instance) {
        add_part(run, part, instance, 500 + part);
        add_charges(run, part,
                    {{add_device(static_cast<int>(run) * 1'000 + part, ""), "rate", "charged",
                      n(part) + ".00", "", 1'000 * run + part}});
        settle(run, part);
    }

    Result<PartChecked> check(std::int64_t run, int part) {
        return check_part(*connection_, key_, settings_, {1, {run}, part});
    }
    // The part is listed by this call.
    void list(std::int64_t run, int part) {
        const auto checked = check(run, part);
        ASSERT_TRUE(checked) << checked.error().message;
        EXPECT_TRUE(checked->is_listed);
    }
    std::string stored(const std::string& key) {
        const auto file = folder_.path() / "loaded";
        const auto got = store_->get(key, file);
        EXPECT_TRUE(got && *got) << key;
        return content_of(file);
    }
    static std::string content_of(const std::filesystem::path& file) {
        std::ostringstream content;
        content << std::ifstream(file, std::ios::binary).rdbuf();
        return content.str();
    }
    static std::vector<std::vector<std::string>> mails() {
        return database().rows(
            "SELECT d.address, d.subject, coalesce((SELECT string_agg(a.file_name || '=' || "
            "a.file_key || '=' || a.size_bytes, ',') FROM delivery_attachment a WHERE "
            "a.delivery_id = d.delivery_id), '') FROM delivery d ORDER BY d.event_id, d.address");
    }
    static std::string run_value(std::int64_t run, const std::string& column) {
        return sql("SELECT " + column + " FROM charge_run WHERE charge_run_id = " + n(run));
    }

    support::TempDir folder_;
    support::TempDir scratch_;
    std::shared_ptr<SwitchedStore> store_;
    CheckSettings settings_;
    base::MasterKey key_ = base::MasterKey::generate();
    std::unique_ptr<db::Connection> connection_;
};

}  // namespace carryall::charges
