// The auditor's SQL. Each rule is one read-only statement that answers (subject, detail) for what
// breaks it; $1 is the tenant, $2 the seconds after which something due is overdue.
#include "changes/audit_rule.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Params;
using db::Query;

// A change is live while it is NEW or PLANNED or has open pages; its devices are 'new', 'waiting',
// 'unknown'.
constexpr AuditSqlRule kRules[] = {
    {{"I1.counts", "the counters of a change are the states of its devices"}, false, false, R"(
        SELECT 'bulk_change ' || b.bulk_change_id,
               format('counters new %s waiting %s unknown %s processed %s error %s parked %s '
                      'cancelled %s of %s; rows %s', b.new_count, b.waiting_count,
                      b.unknown_count, b.processed_count, b.error_count, b.parked_count,
                      b.cancelled_count, b.device_count, coalesce(s.states, '{}'))
        FROM bulk_change b LEFT JOIN (
            SELECT device_change_id >> 20 AS bulk_change_id, count(*) AS rows,
                   count(*) FILTER (WHERE state = 'new') AS fresh,
                   count(*) FILTER (WHERE state = 'waiting') AS waiting,
                   count(*) FILTER (WHERE state = 'unknown') AS unknown,
                   count(*) FILTER (WHERE state = 'processed') AS processed,
                   count(*) FILTER (WHERE state = 'error') AS error,
                   count(*) FILTER (WHERE state = 'parked') AS parked,
                   count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
                   format('new %s waiting %s unknown %s processed %s error %s parked %s',
                       count(*) FILTER (WHERE state = 'new'),
                       count(*) FILTER (WHERE state = 'waiting'),
                       count(*) FILTER (WHERE state = 'unknown'),
                       count(*) FILTER (WHERE state = 'processed'),
                       count(*) FILTER (WHERE state = 'error'),
                       count(*) FILTER (WHERE state = 'parked')) AS states
            FROM device_change WHERE tenant_id = $1 GROUP BY 1) s USING (bulk_change_id)
        WHERE b.tenant_id = $1 AND NOT coalesce(s.rows = b.device_count
            AND s.fresh = b.new_count AND s.waiting = b.waiting_count
            AND s.unknown = b.unknown_count AND s.processed = b.processed_count
            AND s.error = b.error_count AND s.parked = b.parked_count
            AND s.cancelled = b.cancelled_count, b.device_count = 0))"},
    {{"I1.status", "the status of a change follows from its devices and pages"}, false, false, R"(
        SELECT 'bulk_change ' || bulk_change_id,
               format('is %s with %s of %s processed, %s errors, %s open pages', status,
                      processed_count, device_count, error_count, open_page_count)
        FROM bulk_change WHERE tenant_id = $1 AND (
            (status = 'PROCESSED' AND processed_count <> device_count)
            OR (status = 'ERROR' AND error_count <> device_count)
            OR (status = 'CANCELLED' AND (cancelled_count = 0
                OR processed_count + cancelled_count <> device_count))
            OR (status IN ('PROCESSED', 'ERROR', 'PARTIAL', 'CANCELLED')
                AND (open_page_count <> 0 OR new_count + waiting_count + unknown_count <> 0))
            OR (status IN ('PENDING', 'PROCESSING') AND open_page_count = 0)
            OR (finished_at IS NOT NULL)
                <> (status IN ('PROCESSED', 'ERROR', 'PARTIAL', 'CANCELLED'))))"},
    {{"I1.live", "after a calm phase no device is live"}, true, false, R"(
        SELECT 'device_change ' || device_change_id, format('still %s, due %s', state, due_at)
        FROM device_change d WHERE tenant_id = $1 AND state IN ('new', 'waiting', 'unknown')
          AND EXISTS (SELECT FROM bulk_change b WHERE b.tenant_id = $1
                AND b.bulk_change_id = d.device_change_id >> 20
                AND b.status NOT IN ('NEW', 'PLANNED')
                AND b.control <> 'paused'))"},
    {{"I1.queue", "a change with open pages has a message or is found by the sweep"},
     false,
     true,
     R"(
        SELECT 'bulk_change ' || b.bulk_change_id, 'has open pages that are due and no message'
        FROM bulk_change b WHERE b.tenant_id = $1 AND b.status IN ('PENDING', 'PROCESSING')
          AND b.control = 'running' AND EXISTS (SELECT FROM change_page p WHERE p.tenant_id = $1
                AND p.bulk_change_id = b.bulk_change_id AND p.state <> 'done'
                AND p.page_number <= coalesce(b.wave_ends[b.wave], p.page_number)
                AND p.available_at < now() - make_interval(secs => $2::int))
          AND NOT EXISTS (SELECT FROM queue_message m WHERE m.dead_at IS NULL
                AND m.attributes ->> 'BulkChangeId' = b.bulk_change_id::text))"},
    {{"I4.final", "a final state has its time, a failure its reason and class"}, false, false, R"(
        SELECT 'device_change ' || device_change_id,
               format('%s, finished %s, class %s, reason %s', state,
                      coalesce(finished_at::text, 'never'), coalesce(error_class, 'none'),
                      coalesce(reason, 'none'))
        FROM device_change WHERE tenant_id = $1 AND (
            (finished_at IS NOT NULL) <> (state IN ('processed', 'error', 'cancelled'))
            OR (state IN ('error', 'parked', 'unknown') AND coalesce(reason, '') = '')
            OR (state = 'error' AND error_class IS NULL)
            OR (state = 'processed' AND device_id IS NULL)))"},
    {{"I4.logged", "what is final was written down"}, false, false, R"(
        SELECT 'device_change ' || device_change_id, state || ' without a line in the log'
        FROM device_change d WHERE tenant_id = $1
          AND state IN ('processed', 'error', 'parked', 'cancelled')
          AND NOT EXISTS (SELECT FROM device_change_log l
                WHERE l.tenant_id = $1 AND l.device_change_id = d.device_change_id))"},
    {{"I4.unclear", "nothing processed rests on an attempt whose outcome is unknown"},
     false,
     false,
     R"(
        SELECT 'device_change ' || device_change_id, 'processed, unclear since ' || unclear_since
        FROM device_change WHERE tenant_id = $1 AND state IN ('processed', 'new')
          AND unclear_since IS NOT NULL)"},
    {{"I4.unknown_is_due", "an unknown outcome has a time at which it is looked up"},
     false,
     true,
     R"(
        SELECT 'device_change ' || device_change_id,
               format('unknown, due %s, read back %s times', due_at, read_back_count)
        FROM device_change WHERE tenant_id = $1 AND state = 'unknown'
          AND (due_at = 'infinity' OR due_at < now() - make_interval(secs => $2::int)))"},
    {{"I5.attempts", "no line of the log is of an attempt that its page never had"},
     false,
     false,
     R"(
        SELECT 'device_change ' || l.device_change_id,
               format('log of attempt %s, the page had %s', l.attempt, p.attempt)
        FROM device_change_log l JOIN change_page p
          ON p.tenant_id = $1 AND p.bulk_change_id = l.device_change_id >> 20
             AND l.device_change_id BETWEEN p.first_device_change_id AND p.last_device_change_id
        WHERE l.tenant_id = $1 AND (l.attempt > p.attempt OR l.attempt < 0))"},
    {{"I5.deciding", "at most one attempt of a device ended in success"}, false, false, R"(
        SELECT 'device_change ' || device_change_id, 'attempts after the device was finished'
        FROM device_change_log l JOIN device_change d USING (tenant_id, device_change_id)
        WHERE l.tenant_id = $1 AND d.state = 'processed' AND l.processed_at > d.finished_at
            + interval '1 minute')"},
    {{"I5.pages", "pages cover the devices of a change once, without gaps"}, false, false, R"(
        SELECT 'change_page ' || bulk_change_id || '/' || page_number,
               format('covers %s to %s, the one before ends at %s', first_device_change_id,
                      last_device_change_id, before)
        FROM (SELECT p.*, lag(last_device_change_id) OVER w AS before
              FROM change_page p WHERE tenant_id = $1
              WINDOW w AS (PARTITION BY bulk_change_id ORDER BY page_number)) q
        WHERE last_device_change_id < first_device_change_id
           OR first_device_change_id >> 20 <> bulk_change_id
           OR last_device_change_id >> 20 <> bulk_change_id
           OR first_device_change_id <= before)"},
    {{"I5.open_pages", "the number of open pages is counted right"}, false, false, R"(
        SELECT 'bulk_change ' || b.bulk_change_id,
               format('counts %s open pages, has %s', b.open_page_count, coalesce(p.open, 0))
        FROM bulk_change b LEFT JOIN (
            SELECT bulk_change_id, count(*) FILTER (WHERE state <> 'done') AS open
            FROM change_page WHERE tenant_id = $1 GROUP BY 1) p USING (bulk_change_id)
        WHERE b.tenant_id = $1 AND b.status <> 'NEW'
          AND b.open_page_count <> coalesce(p.open, 0))"},
    {{"I9.device_change", "a device change belongs to a change of its tenant"}, false, false, R"(
        SELECT 'device_change ' || device_change_id, 'has no bulk change of its tenant'
        FROM device_change d WHERE tenant_id = $1 AND NOT EXISTS (
            SELECT FROM bulk_change b WHERE b.tenant_id = $1
              AND b.bulk_change_id = d.device_change_id >> 20))"},
    {{"I9.device", "a device change names a device of its tenant"}, false, false, R"(
        SELECT 'device_change ' || device_change_id, 'names device ' || device_id
        FROM device_change c WHERE tenant_id = $1 AND device_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM device d WHERE d.tenant_id = $1 AND d.device_id = c.device_id))"},
    {{"I9.log", "a line of the log belongs to a device change of its tenant"}, false, false, R"(
        SELECT 'device_change_log ' || device_change_id, 'has no device change of its tenant'
        FROM device_change_log l WHERE tenant_id = $1 AND NOT EXISTS (
            SELECT FROM device_change d WHERE d.tenant_id = $1
              AND d.device_change_id = l.device_change_id))"},
    {{"I9.page", "a page belongs to a change of its tenant"}, false, false, R"(
        SELECT 'change_page ' || bulk_change_id || '/' || page_number, 'has no bulk change'
        FROM change_page p WHERE tenant_id = $1 AND NOT EXISTS (
            SELECT FROM bulk_change b WHERE b.tenant_id = $1
              AND b.bulk_change_id = p.bulk_change_id))"},
    {{"I9.provider", "a change names a service provider of its tenant"}, false, false, R"(
        SELECT 'bulk_change ' || bulk_change_id, 'names service provider ' || service_provider_id
        FROM bulk_change b WHERE tenant_id = $1 AND NOT EXISTS (
            SELECT FROM service_provider p WHERE p.tenant_id = $1
              AND p.service_provider_id = b.service_provider_id))"},
    {{"I9.references", "what a device refers to belongs to its tenant"}, false, false, R"(
        SELECT 'device ' || device_id, 'refers to something that its tenant does not have'
        FROM device d WHERE tenant_id = $1 AND NOT (
            EXISTS (SELECT FROM service_provider p WHERE p.tenant_id = $1
                    AND p.service_provider_id = d.service_provider_id)
            AND (carrier_rate_plan_id IS NULL OR EXISTS (
                SELECT FROM carrier_rate_plan p WHERE p.tenant_id = $1
                  AND p.carrier_rate_plan_id = d.carrier_rate_plan_id
                  AND p.service_provider_id = d.service_provider_id))
            AND (customer_id IS NULL OR EXISTS (
                SELECT FROM customer c WHERE c.tenant_id = $1 AND c.customer_id = d.customer_id))
            AND (site_id IS NULL OR EXISTS (
                SELECT FROM site s WHERE s.tenant_id = $1 AND s.site_id = d.site_id
                  AND s.customer_id = d.customer_id))
            AND (customer_rate_plan_id IS NULL OR EXISTS (
                SELECT FROM customer_rate_plan p WHERE p.tenant_id = $1
                  AND p.customer_rate_plan_id = d.customer_rate_plan_id))
            AND (rev_service_id IS NULL OR EXISTS (
                SELECT FROM rev_service s WHERE s.tenant_id = $1
                  AND s.rev_service_id = d.rev_service_id))))"},
    {{"I9.schedule", "a scheduled plan belongs to a device change of its device"}, false, false, R"(
        SELECT 'customer_rate_plan_device_queue ' || id, 'has no such device change'
        FROM customer_rate_plan_device_queue q WHERE tenant_id = $1 AND NOT EXISTS (
            SELECT FROM device_change d WHERE d.tenant_id = $1
              AND d.device_change_id = q.device_change_id AND d.device_id = q.device_id))"},
    {{"I9.idempotency", "an idempotency key names a change of its tenant"}, false, false, R"(
        SELECT 'idempotency_key ' || key, 'names bulk change ' || bulk_change_id
        FROM idempotency_key k WHERE tenant_id = $1 AND NOT EXISTS (
            SELECT FROM bulk_change b WHERE b.tenant_id = $1
              AND b.bulk_change_id = k.bulk_change_id))"},
    {{"I10.lease", "no page is leased for longer than its lease and two rescues"}, false, true, R"(
        SELECT 'change_page ' || bulk_change_id || '/' || page_number,
               format('sending by %s, its lease ended %s', worker, available_at)
        FROM change_page WHERE tenant_id = $1 AND state = 'sending'
          AND available_at < now() - make_interval(secs => $2::int))"},
    {{"I10.page", "a page that is sent names its worker, one that is done has nothing live"},
     false,
     false,
     R"(
        SELECT 'change_page ' || bulk_change_id || '/' || page_number,
               format('is %s by %s', state, coalesce(worker, 'nobody'))
        FROM change_page p WHERE tenant_id = $1 AND (
            (state = 'sending') <> (worker IS NOT NULL)
            OR (state = 'sending' AND (attempt < 1 OR claimed_at IS NULL))
            OR (state = 'done' AND EXISTS (SELECT FROM device_change d WHERE d.tenant_id = $1
                AND d.device_change_id BETWEEN p.first_device_change_id
                    AND p.last_device_change_id
                AND d.state IN ('new', 'waiting', 'unknown')))))"},
    {{"I10.overdue", "a device that is due is worked on"}, false, true, R"(
        SELECT 'change_page ' || p.bulk_change_id || '/' || p.page_number,
               'ready since ' || p.available_at
        FROM change_page p JOIN bulk_change b USING (tenant_id, bulk_change_id)
        WHERE p.tenant_id = $1 AND p.state = 'ready' AND b.status IN ('PENDING', 'PROCESSING')
          AND greatest(p.available_at, b.created_at) < now() - make_interval(secs => $2::int))"},
};

constexpr Query kBelieved{"audit_believed_devices", R"(
    SELECT d.device_id, d.iccid, d.status, p.carrier_plan_id,
           bool_or(c.state IN ('new', 'waiting', 'unknown', 'parked')
                   OR (c.state = 'error' AND c.sent_at IS NOT NULL)),
           count(*) FILTER (WHERE b.change_type = 'statusupdate' AND c.state = 'processed'),
           count(*) FILTER (WHERE b.change_type = 'carrierrateplanchange'
                            AND c.state = 'processed'),
           count(*) FILTER (WHERE b.change_type = 'statusupdate'
                            AND coalesce(c.error_class, '') <> 'validation'),
           count(*) FILTER (WHERE b.change_type = 'carrierrateplanchange'
                            AND coalesce(c.error_class, '') <> 'validation')
    FROM device_change c
    JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = c.device_change_id >> 20
    JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id
    JOIN service_provider s ON s.tenant_id = $1 AND s.service_provider_id = d.service_provider_id
    LEFT JOIN carrier_rate_plan p
        ON p.tenant_id = $1 AND p.carrier_rate_plan_id = d.carrier_rate_plan_id
    WHERE c.tenant_id = $1 AND s.integration = $2 AND d.device_id > $3
      AND b.change_type IN ('statusupdate', 'carrierrateplanchange')
    GROUP BY d.device_id, d.iccid, d.status, p.carrier_plan_id
    ORDER BY d.device_id LIMIT $4::int)"};

Result<void> check(db::Transaction& transaction, const AuditSqlRule& rule,
                   tenants::TenantId tenant_id, const AuditSettings& settings,
                   std::vector<Violation>& found) {
    // One row more than is listed tells that there are more; count(*) OVER () says how many.
    const std::string sql = "SELECT v.*, count(*) OVER () FROM (" + std::string(rule.sql) +
                            ") v (subject, detail) LIMIT " + std::to_string(kMaxListedViolations);
    Params params;
    params.add(tenant_id.value);
    if (rule.has_patience) params.add(settings.overdue_seconds);
    const std::string name = "audit_" + std::string(rule.rule.id);
    const auto rows = transaction.exec({name.c_str(), sql.c_str()}, params);
    if (!rows) return rows.error();
    for (std::size_t i = 0; i < rows->size(); ++i) {
        found.push_back({rule.rule.id, tenant_id.value, rows->string(i, 0), rows->string(i, 1),
                         i + 1 == rows->size() ? rows->integer(i, 2) : 1});
    }
    return {};
}

}  // namespace

std::vector<AuditRule> rules_of(std::span<const AuditSqlRule> rules) {
    std::vector<AuditRule> all;
    for (const AuditSqlRule& rule : rules) all.push_back(rule.rule);
    return all;
}

Result<std::vector<Violation>> audit_by(std::span<const AuditSqlRule> rules,
                                        db::Connection& connection, tenants::TenantId tenant_id,
                                        const AuditSettings& settings) {
    auto transaction = db::Transaction::begin(connection, tenant_id.value);
    if (!transaction) return transaction.error();
    CARRYALL_TRY(
        transaction->exec_text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"));
    std::vector<Violation> found;
    for (const AuditSqlRule& rule : rules) {
        if (rule.after_calm_only && !settings.everything_is_finished) continue;
        CARRYALL_TRY(check(*transaction, rule, tenant_id, settings, found));
    }
    return found;
}

std::vector<AuditRule> audit_rules() {
    return rules_of(kRules);
}

Result<std::vector<Violation>> audit(db::Connection& connection, tenants::TenantId tenant_id,
                                     const AuditSettings& settings) {
    return audit_by(kRules, connection, tenant_id, settings);
}

Result<std::vector<BelievedDevice>> believed_devices(db::Connection& connection,
                                                     tenants::TenantId tenant_id,
                                                     const std::string& integration,
                                                     std::int64_t after, int limit) {
    auto transaction = db::Transaction::begin(connection, tenant_id.value);
    if (!transaction) return transaction.error();
    const auto rows = transaction->exec(
        kBelieved, Params().add(tenant_id.value).add(integration).add(after).add(limit));
    if (!rows) return rows.error();
    std::vector<BelievedDevice> devices;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        devices.push_back({rows->integer(i, 0), rows->string(i, 1), rows->string(i, 2),
                           rows->optional_integer(i, 3), rows->boolean(i, 4), rows->integer(i, 5),
                           rows->integer(i, 6), rows->integer(i, 7), rows->integer(i, 8)});
    }
    return devices;
}

}  // namespace carryall::changes
