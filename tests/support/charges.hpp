// What tests of the ledger share: two tenants, a Rev.io account, a carrier of each kind, a customer
// with and one without Rev.io, and an optimisation of the first one's devices.
#pragma once

#include <gtest/gtest.h>

#include "charges/enqueue.hpp"
#include "charges/run.hpp"
#include "charges/work_store.hpp"
#include "support/database.hpp"

namespace carryall::charges {

// Devices 1 POND, 2 Telegence, 3 Jasper, 4 and 5 POND; of customer 1 (Rev.io's 4102). Service
// provider 1 is Rev.io, 2 POND, 3 Telegence, 4 Jasper. Customer 2 has no Rev.io. Instance 71 has
// comm group 711, in which queue 7101 wins over 7102.
class LedgerTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant RESTART IDENTITY CASCADE;
            TRUNCATE charge, charge_log, queue_message, event RESTART IDENTITY CASCADE;
            INSERT INTO tenant (name) VALUES ('one'), ('two');
            INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) VALUES
                (1, 'rev', 'revio', true), (1, 'pond', 'pond', true),
                (1, 'telegence', 'telegence', true), (1, 'jasper', 'jasper', true);
            INSERT INTO customer (tenant_id, name, rev_customer_id) VALUES
                (1, 'Acme', '4102'), (1, 'Bolt', NULL), (2, 'Acme', '4102');
            INSERT INTO rev_service (tenant_id, customer_id, revio_service_id, number) VALUES
                (1, 1, 99120, '1'), (1, 2, 99121, '5');
            INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status, customer_id,
                rev_service_id)
                SELECT 1, (ARRAY[2, 3, 4, 2, 2])[i], 'm2m',
                       '891030000000000' || lpad(i::text, 4, '0'), 'Active', 1,
                       CASE i WHEN 1 THEN 1 END
                FROM generate_series(1, 5) i;
            INSERT INTO optimization_instance (tenant_id, optimization_instance_id, portal_type,
                customer_id, integration_authentication_id, billing_period_start,
                billing_period_end, run_end_time, imported_by)
                VALUES (1, 71, 'm2m', 1, 1, '2026-02-01', '2026-02-28', now(), 'test');
            INSERT INTO optimization_comm_group VALUES (1, 711, 71);
            INSERT INTO optimization_queue
                VALUES (1, 7101, 711, 20, now()), (1, 7102, 711, 30, now());
            INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal,
                device_id, rate_plan_name, usage_mb, rate_charge_amount, overage_charge_amount,
                rev_product_type_id)
                SELECT 1, q, 'm2m', d, 'IoT 1GB', 912.4, 6.504, 1.003, 311
                FROM generate_series(1, 3) d, unnest(ARRAY[7101, 7102]) q;)");
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened);
        connection_ = std::move(opened).value();
    }

    Result<OrderedRun> try_order(const std::vector<std::int64_t>& instances) {
        return order_run(*connection_, caller_, instances);
    }
    ChargeRunId order(const std::vector<std::int64_t>& instances) {
        const auto ordered = try_order(instances);
        EXPECT_TRUE(ordered) << ordered.error().message;
        return ordered ? ordered->id : ChargeRunId{};
    }
    ChargeRunId make(const std::vector<std::int64_t>& instances = {71}) {
        const ChargeRunId run = order(instances);
        for (const std::int64_t instance : instances) {
            const auto made = make_intents(*connection_, 1, run, InstanceId{instance});
            EXPECT_TRUE(made) << made.error().message;
        }
        return run;
    }
    WorkablePart part_of(ChargeRunId run, int number = 1) {
        auto part = load_part(*connection_, 1, run, number, key_);
        EXPECT_TRUE(part) << part.error().message;
        return part ? *part : WorkablePart{};
    }
    // As a runner would end each claimed charge: with ids from 8800001 on.
    static changes::DeviceResult ended(const changes::ClaimedDevice& charge,
                                       changes::DeviceState state, std::int64_t revio_id = 0) {
        changes::DeviceResult result;
        result.id = charge.id;
        result.device_id = charge.device_id;
        result.before = charge.state;
        result.verdict.state = state;
        if (state != changes::DeviceState::processed) result.verdict.reason = "because";
        if (state == changes::DeviceState::unknown) result.unclear_since = base::Instant{};
        if (revio_id != 0) {
            result.effect = "{\"chargeId\":" + std::to_string(revio_id) + ",\"adopted\":false}";
        }
        return result;
    }
    // Works every page of the part; answers whether it settled.
    bool charge_all(const WorkablePart& part) {
        bool is_settled = false;
        while (true) {
            const auto claimed =
                claim_charges(*connection_, part, "worker", std::chrono::seconds(60));
            EXPECT_TRUE(claimed) << claimed.error().message;
            if (!claimed || !*claimed) return is_settled;
            std::vector<changes::DeviceResult> results;
            for (const changes::ClaimedDevice& charge : (*claimed)->page.devices) {
                results.push_back(ended(charge, changes::DeviceState::processed, next_revio_id_++));
            }
            const auto done = complete_claim(*connection_, part, (*claimed)->page, results, {}, {});
            EXPECT_TRUE(done) << done.error().message;
            is_settled = done && done->is_settled;
        }
    }
    std::string sql(const std::string& text) { return database().value(text); }
    std::string charges(const std::string& columns, const std::string& rest = "") {
        return sql("SELECT string_agg(" + columns + ", ' ' ORDER BY charge_id) FROM charge " +
                   rest);
    }

    std::unique_ptr<db::Connection> connection_;
    base::MasterKey key_ = base::MasterKey::generate();
    tenants::Caller caller_{{1}, {1}, "biller", tenants::Role::billing};
    tenants::PageTokens tokens_{base::MasterKey::generate()};
    std::int64_t next_revio_id_ = 8'800'001;
};

}  // namespace carryall::charges
