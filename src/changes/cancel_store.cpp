// What a cancelled change has not begun is ended here: its new devices page by page, then the
// customer rate plans that it has scheduled. Each statement is bounded, locks in the order of the
// run engine (page, devices, change) and passes over what others hold.
//
// A page gets an attempt of its own for it, as a claim would give it: so the log's key cannot
// collide, and a worker that still believes it holds the page is fenced off.
#include "changes/control_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Params;
using db::Query;

constexpr int kCancelPages = 100;  // a statement, if they are small

constexpr Query kEndDevices{"cancel_end_devices", R"(
    WITH change AS MATERIALIZED (
        SELECT portal, correlation_id FROM bulk_change
        WHERE tenant_id = $1 AND bulk_change_id = $2 AND control = 'cancelling'),
    open AS MATERIALIZED (
        SELECT page_number, row_number() OVER w AS place,
               sum(last_device_change_id - first_device_change_id + 1) OVER w AS devices
        FROM (SELECT page_number, first_device_change_id, last_device_change_id FROM change_page
              WHERE tenant_id = $1 AND bulk_change_id = $2 AND state <> 'done'
                AND state = 'ready' AND has_unsent
              ORDER BY page_number LIMIT $4::int) p
        WINDOW w AS (ORDER BY page_number)),
    page AS MATERIALIZED (
        SELECT page_number, attempt + 1 AS attempt, first_device_change_id AS first,
               last_device_change_id AS last
        FROM change_page
        WHERE tenant_id = $1 AND bulk_change_id = $2 AND state = 'ready' AND has_unsent
          AND EXISTS (SELECT FROM change) AND page_number IN (
              SELECT page_number FROM open WHERE place = 1 OR devices <= $5::int)
        ORDER BY page_number FOR UPDATE SKIP LOCKED),
    ended AS (
        UPDATE device_change c
        SET state = CASE WHEN c.progress IS NULL THEN 'cancelled' ELSE 'parked' END,
            reason = $3 || CASE WHEN c.progress IS NULL THEN ''
                ELSE '; what was done before stays done at the carrier: ' || c.progress::text END,
            error_class = NULL,
            finished_at = CASE WHEN c.progress IS NULL THEN now() END
        FROM page
        WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN page.first AND page.last
          AND c.state = 'new'
        RETURNING c.device_change_id, c.state, c.reason, c.retry_number, page.attempt),
    logged AS (
        INSERT INTO device_change_log (device_change_id, attempt, step, tenant_id, portal,
            log_entry_description, action_text, response_status, has_errors, error_text,
            process_by, retry_number, correlation_id, started_at, processed_at)
        SELECT e.device_change_id, e.attempt, 1, $1, change.portal, $3, 'Cancel',
               CASE e.state WHEN 'cancelled' THEN 'ERROR' ELSE 'PENDING' END, true, e.reason,
               'carryall work', e.retry_number, change.correlation_id, now(), clock_timestamp()
        FROM ended e CROSS JOIN change),
    left_open AS (
        SELECT page.page_number, page.attempt, (
            SELECT min(c.due_at) FROM device_change c
            WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN page.first AND page.last
              AND c.state IN ('waiting', 'unknown')) AS due_at
        FROM page),
    closed AS (
        UPDATE change_page p
        SET attempt = l.attempt, has_unsent = false, reads_at = l.due_at,
            state = CASE WHEN l.due_at IS NULL THEN 'done' ELSE 'ready' END,
            available_at = coalesce(l.due_at, 'infinity')
        FROM left_open l
        WHERE p.tenant_id = $1 AND p.bulk_change_id = $2 AND p.page_number = l.page_number
        RETURNING (p.state = 'done')::int AS done),
    sum AS (
        SELECT (SELECT count(*) FROM ended WHERE state = 'cancelled')::int AS cancelled,
               (SELECT count(*) FROM ended WHERE state = 'parked')::int AS parked,
               (SELECT count(*) FROM closed)::int AS pages,
               (SELECT coalesce(sum(done), 0) FROM closed)::int AS done),
    total AS (
        UPDATE bulk_change b
        SET new_count = b.new_count - sum.cancelled - sum.parked,
            cancelled_count = b.cancelled_count + sum.cancelled,
            parked_count = b.parked_count + sum.parked,
            open_page_count = b.open_page_count - sum.done,
            finished_at = CASE WHEN b.open_page_count = sum.done THEN now() END,
            status = CASE WHEN b.open_page_count > sum.done THEN 'PROCESSING' ELSE ended_status(
                b.device_count, b.processed_count, b.error_count, b.parked_count + sum.parked,
                b.cancelled_count + sum.cancelled) END
        FROM sum WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND sum.pages > 0)
    SELECT sum.cancelled + sum.parked, sum.pages,
           CASE WHEN sum.pages > 0
                THEN pg_notify('carryall_bulk_change', $1 || ':' || $2)::text END
    FROM sum)"};

constexpr Query kWithdraw{"cancel_withdraw", R"(
    WITH due AS (
        SELECT q.id FROM customer_rate_plan_device_queue q
        WHERE q.tenant_id = $1 AND q.is_active
          AND q.device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1
          AND EXISTS (SELECT FROM bulk_change WHERE tenant_id = $1 AND bulk_change_id = $2
                        AND control = 'cancelling')
        ORDER BY q.device_change_id LIMIT $4::int FOR UPDATE SKIP LOCKED),
    withdrawn AS (
        UPDATE customer_rate_plan_device_queue q
        SET is_active = false, modified_by = $3, modified_date = now()
        FROM due WHERE q.tenant_id = $1 AND q.id = due.id RETURNING 1),
    total AS (
        UPDATE bulk_change b SET withdrawn_count = b.withdrawn_count + n.withdrawn
        FROM (SELECT count(*)::int AS withdrawn FROM withdrawn) n
        WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND n.withdrawn > 0)
    SELECT count(*) FROM withdrawn)"};

constexpr Query kEnd{"cancel_end", R"(
    WITH ended AS (
        UPDATE bulk_change b SET control = 'cancelled'
        WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND b.control = 'cancelling'
          AND b.finished_at IS NOT NULL AND NOT EXISTS (
              SELECT FROM customer_rate_plan_device_queue q
              WHERE q.tenant_id = $1 AND q.is_active
                AND q.device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1)
        RETURNING 1)
    SELECT pg_notify('carryall_bulk_change', $1 || ':' || $2) FROM ended)"};

}  // namespace

Result<Cancelled> cancel_some(db::Connection& connection, std::int64_t tenant_id, BulkChangeId id,
                              const std::string& words) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    Cancelled cancelled;
    const auto devices = connection.exec(
        kEndDevices,
        Params().add(tenant_id).add(id).add(words).add(kCancelPages).add(kCancelDevices));
    if (!devices) return devices.error();
    cancelled.devices = devices->integer(0, 0);
    cancelled.more = devices->integer(0, 1) > 0;
    if (cancelled.more) return cancelled;
    const auto plans =
        connection.exec(kWithdraw, Params().add(tenant_id).add(id).add(words).add(kCancelDevices));
    if (!plans) return plans.error();
    cancelled.withdrawn = plans->integer(0, 0);
    cancelled.more = cancelled.withdrawn > 0;
    if (cancelled.more) return cancelled;
    const auto ended = connection.exec(kEnd, Params().add(tenant_id).add(id));
    if (!ended) return ended.error();
    return cancelled;
}

}  // namespace carryall::changes
