#include "charges/enqueue_store.hpp"

#include <fmt/format.h>

#include "charges/optimization.hpp"

namespace carryall::charges {
namespace {

using db::Array;
using db::Params;
using db::Query;

constexpr Query kFacts{"charge_instance_facts", R"(
    SELECT w.id, i.optimization_instance_id IS NOT NULL, i.run_end_time IS NOT NULL,
           EXISTS (SELECT FROM optimization_comm_group g
                   WHERE g.tenant_id = $1 AND g.optimization_instance_id = w.id),
           i.integration_authentication_id IS NOT NULL,
           CASE WHEN c.rev_customer_id ~ '^[1-9][0-9]{0,9}$'
                THEN c.rev_customer_id::bigint <= 2147483647 ELSE false END,
           coalesce(p.integration = 'revio' AND p.is_active AND p.write_is_enabled, false),
           coalesce(c.name, ''), coalesce(p.name, ''), r.charge_run_id
    FROM unnest($2::bigint[]) WITH ORDINALITY w(id, place)
    LEFT JOIN optimization_instance i ON i.tenant_id = $1 AND i.optimization_instance_id = w.id
    LEFT JOIN customer c ON c.tenant_id = $1 AND c.customer_id = i.customer_id
    LEFT JOIN service_provider p ON p.tenant_id = $1
        AND p.service_provider_id = i.integration_authentication_id
    LEFT JOIN charge_run_instance r ON r.tenant_id = $1 AND r.optimization_instance_id = w.id
    ORDER BY w.place)"};

// By what is to be charged, not by what another queue that lost has.
Query repeated_line_query() {
    static const std::string sql = fmt::format(R"(
    SELECT asked.place - 1, asked.id, d.iccid,
           string_agg(q.optimization_queue_id::text, ' and ' ORDER BY q.optimization_queue_id)
    FROM unnest($2::bigint[]) WITH ORDINALITY asked(id, place)
    JOIN optimization_instance i ON i.tenant_id = $1 AND i.optimization_instance_id = asked.id
    CROSS JOIN LATERAL ({}) q
    JOIN optimization_device_result r ON r.tenant_id = $1
        AND r.optimization_queue_id = q.optimization_queue_id
        AND i.portal_type IN (r.portal, 'cross_provider')
    JOIN device d ON d.tenant_id = $1 AND d.device_id = r.device_id
    GROUP BY asked.place, asked.id, d.device_id, d.iccid HAVING count(*) > 1
    ORDER BY asked.place, d.device_id LIMIT 1)",
                                               winning_queue_sql("asked.id"));
    return {"charge_repeated_line", sql.c_str()};
}

constexpr Query kInstancesOfRun{"charge_instances_of_run", R"(
    SELECT count(*) FROM charge_run_instance WHERE tenant_id = $1 AND charge_run_id = $2)"};

constexpr Query kInsertRun{"charge_insert_run", R"(
    WITH run AS (
        INSERT INTO charge_run (tenant_id, source, open_instance_count, created_by, correlation_id)
        VALUES ($1, 'instances', cardinality($2::bigint[]), $3, $4) RETURNING charge_run_id),
    instance AS (
        INSERT INTO charge_run_instance (tenant_id, charge_run_id, optimization_instance_id,
            position, is_last)
        SELECT $1, run.charge_run_id, w.id, w.place, w.place = cardinality($2::bigint[])
        FROM run, unnest($2::bigint[]) WITH ORDINALITY w(id, place))
    SELECT charge_run_id FROM run)"};

constexpr Query kFileFacts{"charge_file_facts", R"(
    SELECT f.integration_authentication_id IS NOT NULL,
           coalesce(p.integration = 'revio' AND p.is_active AND p.write_is_enabled, false),
           coalesce(p.name, ''), f.billing_period_start, f.billing_period_end, r.charge_run_id
    FROM charge_file f
    LEFT JOIN service_provider p ON p.tenant_id = $1
        AND p.service_provider_id = f.integration_authentication_id
    LEFT JOIN charge_run r ON r.tenant_id = $1 AND r.charge_file_id = f.charge_file_id
    WHERE f.tenant_id = $1 AND f.charge_file_id = $2)"};

constexpr Query kInsertFileRun{"charge_insert_file_run", R"(
    WITH run AS (
        INSERT INTO charge_run (tenant_id, source, charge_file_id, created_by, correlation_id)
        VALUES ($1, 'file', $2, $3, $4) RETURNING charge_run_id),
    part AS (
        INSERT INTO charge_run_part (tenant_id, charge_run_id, part_number,
            integration_authentication_id, billing_period_start, billing_period_end, note)
        SELECT $1, run.charge_run_id, 1, f.integration_authentication_id, f.billing_period_start,
               f.billing_period_end, 'file ' || f.name
        FROM run, charge_file f WHERE f.tenant_id = $1 AND f.charge_file_id = $2)
    SELECT charge_run_id FROM run)"};

constexpr Query kLockFileRun{"charge_lock_file_run", R"(
    SELECT charge_file_id, state <> 'enqueueing', hold <> 'running' FROM charge_run
    WHERE tenant_id = $1 AND charge_run_id = $2 AND source = 'file' FOR UPDATE)"};

constexpr Query kOrphans{"charge_file_orphans", R"(
    SELECT count(*), coalesce(min(d.iccid), '')
    FROM charge_file_row r JOIN device d ON d.tenant_id = $1 AND d.device_id = r.device_id
    WHERE r.tenant_id = $1 AND r.charge_file_id = $2 AND d.customer_id IS NULL)"};

constexpr Query kStopMaking{"charge_stop_making", R"(
    UPDATE charge_run SET hold = 'stopped', hold_reason = $3, hold_by = 'carryall', hold_at = now()
    WHERE tenant_id = $1 AND charge_run_id = $2)"};

constexpr Query kOrderDelay{"charge_order_delay", R"(
    SELECT last_instance_delay_seconds FROM charge_setting WHERE tenant_id = $1)"};

constexpr Query kBeginMaking{"charge_begin_making", R"(
    SELECT pg_advisory_xact_lock(hashtextextended('charge intents', $1::bigint))::text,
           set_config('enable_seqscan', 'on', true), set_config('enable_hashjoin', 'on', true),
           set_config('enable_mergejoin', 'on', true),
           set_config('plan_cache_mode', 'force_custom_plan', true),
           set_config('statement_timeout', '30min', true))"};

constexpr Query kLockInstance{"charge_lock_instance", R"(
    SELECT i.made_at IS NOT NULL, i.position, i.is_last,
           (SELECT count(*) FROM charge_run_instance o
            WHERE o.tenant_id = $1 AND o.charge_run_id = $2),
           (SELECT string_agg(o.optimization_instance_id::text, ',' ORDER BY o.position)
            FROM charge_run_instance o WHERE o.tenant_id = $1 AND o.charge_run_id = $2),
           r.correlation_id,
           coalesce((SELECT s.last_group_delay_seconds FROM charge_setting s
                     WHERE s.tenant_id = $1), 0)
    FROM charge_run_instance i
    JOIN charge_run r ON r.tenant_id = $1 AND r.charge_run_id = i.charge_run_id
    WHERE i.tenant_id = $1 AND i.charge_run_id = $2 AND i.optimization_instance_id = $3
    FOR UPDATE OF i)"};

constexpr Query kSweep{"charge_sweep", R"(
    WITH revived AS (
        UPDATE queue_message m
        SET dead_at = NULL, dead_reason = NULL, receive_count = 0, visible_at = now()
        FROM unfinished_charge_work() u
        WHERE m.queue = u.queue AND m.dead_at < now() - interval '1 hour'
          AND m.attributes ->> 'ChargeRunId' = u.charge_run::text
          AND m.attributes ->> 'TenantId' = u.tenant::text
        RETURNING m.queue),
    sent AS (
        INSERT INTO queue_message (queue, body, attributes)
        SELECT u.queue, 'Charge run to work is ' || u.charge_run, jsonb_strip_nulls(
            jsonb_build_object('TenantId', u.tenant::text, 'ChargeRunId', u.charge_run::text,
                               'InstanceId', u.instance::text, 'PartNumber', u.part::text,
                               'RetryNumber', '0', 'RequestId', ''))
        FROM unfinished_charge_work() u
        WHERE NOT EXISTS (
            SELECT FROM queue_message m WHERE m.queue = u.queue
              AND m.attributes ->> 'ChargeRunId' = u.charge_run::text
              AND m.attributes ->> 'TenantId' = u.tenant::text
              AND CASE WHEN u.part IS NULL THEN m.attributes ->> 'InstanceId' = u.instance::text
                       ELSE m.attributes ->> 'PartNumber' = u.part::text END)
        RETURNING queue)
    SELECT count(*), (SELECT count(pg_notify('carryall_queue', queue)::text) FROM (
               SELECT queue FROM sent UNION SELECT queue FROM revived) waiting)
    FROM (SELECT FROM revived UNION ALL SELECT FROM sent) message)"};

constexpr Query kWake{"charge_wake", R"(
    WITH sent AS (
        INSERT INTO queue_message (queue, body, attributes)
        SELECT CASE p.state WHEN 'sending' THEN 'customer_charge' ELSE 'customer_charge_check' END,
               'Queue to work is ' || p.optimization_queue_id, jsonb_strip_nulls(jsonb_build_object(
                   'TenantId', $1::bigint::text, 'ChargeRunId', $2::bigint::text,
                   'InstanceId', p.optimization_instance_id::text,
                   'QueueId', p.optimization_queue_id::text, 'FileId', r.charge_file_id::text,
                   'PartNumber', p.part_number::text, 'RetryNumber', '0',
                   'CurrentIntegrationAuthenticationId', p.integration_authentication_id::text,
                   'RequestId', r.correlation_id))
        FROM charge_run r
        JOIN charge_run_part p ON p.tenant_id = $1 AND p.charge_run_id = $2 AND p.state <> 'listed'
        WHERE r.tenant_id = $1 AND r.charge_run_id = $2
          AND (r.hold = 'running' OR p.state = 'settled')
        RETURNING queue)
    SELECT count(pg_notify('carryall_queue', queue)::text)
    FROM (SELECT DISTINCT queue FROM sent) q)"};

}  // namespace

Result<bool> wake_run(db::Transaction& transaction, std::int64_t tenant_id, ChargeRunId run) {
    const auto rows = transaction.exec(kWake, Params().add(tenant_id).add(run));
    if (!rows) return rows.error();
    return true;
}

Result<std::int64_t> sweep_charges(db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto rows = connection.exec(kSweep);
    if (!rows) return rows.error();
    return rows->integer(0, 0);
}

Result<std::vector<InstanceFacts>> instance_facts(db::Transaction& transaction,
                                                  std::int64_t tenant_id,
                                                  const std::vector<std::int64_t>& ids) {
    Array wanted;
    for (const std::int64_t id : ids) wanted.add(id);
    const auto rows = transaction.exec(kFacts, Params().add(tenant_id).add(wanted.take()));
    if (!rows) return rows.error();
    std::vector<InstanceFacts> facts;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        facts.push_back({rows->integer(i, 0), rows->boolean(i, 1), rows->boolean(i, 2),
                         rows->boolean(i, 3), rows->boolean(i, 4), rows->boolean(i, 5),
                         rows->boolean(i, 6), rows->string(i, 7), rows->string(i, 8),
                         rows->optional_integer(i, 9)});
    }
    return facts;
}

Result<std::optional<RepeatedLine>> repeated_line(db::Transaction& transaction,
                                                  std::int64_t tenant_id,
                                                  const std::vector<std::int64_t>& ids) {
    Array wanted;
    for (const std::int64_t id : ids) wanted.add(id);
    const auto rows =
        transaction.exec(repeated_line_query(), Params().add(tenant_id).add(wanted.take()));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<RepeatedLine>();
    return std::optional(RepeatedLine{static_cast<std::size_t>(rows->integer(0, 0)),
                                      rows->integer(0, 1), rows->string(0, 2), rows->string(0, 3)});
}

Result<std::int64_t> instances_of_run(db::Transaction& transaction, std::int64_t tenant_id,
                                      ChargeRunId run) {
    const auto rows = transaction.exec(kInstancesOfRun, Params().add(tenant_id).add(run));
    if (!rows) return rows.error();
    return rows->integer(0, 0);
}

Result<ChargeRunId> insert_run(db::Transaction& transaction, const tenants::Caller& caller,
                               const std::vector<std::int64_t>& ids,
                               const std::string& correlation_id) {
    Array wanted;
    for (const std::int64_t id : ids) wanted.add(id);
    const auto rows = transaction.exec(
        kInsertRun,
        Params().add(caller.tenant_id).add(wanted.take()).add(caller.name).add(correlation_id));
    if (!rows) return rows.error();
    return ChargeRunId{rows->integer(0, 0)};
}

Result<OrderDelay> order_delay(db::Transaction& transaction, std::int64_t tenant_id) {
    const auto rows = transaction.exec(kOrderDelay, Params().add(tenant_id));
    if (!rows) return rows.error();
    return rows->empty() ? OrderDelay{} : OrderDelay{static_cast<int>(rows->integer(0, 0))};
}

Result<void> begin_making(db::Transaction& transaction, std::int64_t tenant_id) {
    CARRYALL_TRY(transaction.exec(kBeginMaking, Params().add(tenant_id)));
    return {};
}

Result<std::optional<InstanceToMake>> lock_instance(db::Transaction& transaction,
                                                    std::int64_t tenant_id, ChargeRunId run,
                                                    InstanceId instance) {
    const auto rows =
        transaction.exec(kLockInstance, Params().add(tenant_id).add(run).add(instance));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<InstanceToMake>();
    InstanceToMake found;
    found.is_made = rows->boolean(0, 0);
    found.position = static_cast<int>(rows->integer(0, 1));
    found.is_last = rows->boolean(0, 2);
    found.instance_count = static_cast<int>(rows->integer(0, 3));
    found.instance_ids = rows->string(0, 4);
    found.correlation_id = rows->string(0, 5);
    found.last_group_delay_seconds = static_cast<int>(rows->integer(0, 6));
    return std::optional(std::move(found));
}

Result<std::optional<FileFacts>> file_facts(db::Transaction& transaction, std::int64_t tenant_id,
                                            ChargeFileId file) {
    const auto rows = transaction.exec(kFileFacts, Params().add(tenant_id).add(file));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<FileFacts>();
    return std::optional(FileFacts{rows->boolean(0, 0), rows->boolean(0, 1), rows->string(0, 2),
                                   rows->string(0, 3), rows->string(0, 4),
                                   rows->optional_integer(0, 5)});
}

Result<ChargeRunId> insert_file_run(db::Transaction& transaction, const tenants::Caller& caller,
                                    ChargeFileId file, const std::string& correlation_id) {
    const auto rows = transaction.exec(
        kInsertFileRun,
        Params().add(caller.tenant_id).add(file).add(caller.name).add(correlation_id));
    if (!rows) return rows.error();
    return ChargeRunId{rows->integer(0, 0)};
}

Result<std::optional<FileToMake>> lock_file_run(db::Transaction& transaction,
                                                std::int64_t tenant_id, ChargeRunId run) {
    const auto rows = transaction.exec(kLockFileRun, Params().add(tenant_id).add(run));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<FileToMake>();
    FileToMake found;
    found.file = {rows->integer(0, 0)};
    found.is_made = rows->boolean(0, 1);
    found.is_held = rows->boolean(0, 2);
    const auto orphans = transaction.exec(kOrphans, Params().add(tenant_id).add(found.file));
    if (!orphans) return orphans.error();
    found.orphans = orphans->integer(0, 0);
    found.first_orphan = orphans->string(0, 1);
    return std::optional(std::move(found));
}

Result<void> stop_making(db::Transaction& transaction, std::int64_t tenant_id, ChargeRunId run,
                         const std::string& reason) {
    CARRYALL_TRY(transaction.exec(kStopMaking, Params().add(tenant_id).add(run).add(reason)));
    return {};
}

}  // namespace carryall::charges
