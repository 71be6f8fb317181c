// The run engine's SQL, all but the completion of a page (completion_store.cpp). Every statement
// names the tenant and runs inside it; every write of a worker is fenced by the page's attempt.
// Connections that run these disable hash and merge joins (see worker.cpp): rows are looked up by
// key only, so that statistics written before the rows existed cannot turn a page into a scan.
#include "changes/run_store.hpp"

#include <fmt/format.h>

#include "changes/control_store.hpp"
#include "queue/queue.hpp"
#include "tenants/tenant.hpp"

namespace carryall::changes {
namespace {

using db::Params;
using db::Query;
using db::Rows;

Query load_query() {
    static const std::string kSql = fmt::format(R"(
    SELECT b.change_type, b.portal, b.request, b.correlation_id, b.open_page_count,
           b.undoes_bulk_change_id IS NOT NULL, b.follows_bulk_change_id, {1}, {0}, r.*
    FROM bulk_change b
    JOIN service_provider p ON p.tenant_id = $1 AND p.service_provider_id = b.service_provider_id
    LEFT JOIN LATERAL (
        SELECT {0} FROM service_provider p
        WHERE p.tenant_id = $1 AND p.integration = 'revio' AND p.is_active
        ORDER BY p.service_provider_id LIMIT 1) r ON true
    WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)",
                                                accounts::account_columns(), kHeldColumns);
    return {"run_load_change", kSql.c_str()};
}

// Of a change that is held only outcomes that are still to come are handed out, and what a worker
// left that died; of one in waves only the pages up to the end of the present wave.
constexpr Query kClaim{"run_claim_page", R"(
    WITH change AS MATERIALIZED (
        SELECT may_send(b) AS sends, b.wave, b.failure_limit - b.failure_count AS failures_left,
               b.start_number, coalesce(b.wave_ends[b.wave], 2147483647) AS last_page
        FROM bulk_change b WHERE b.tenant_id = $1 AND b.bulk_change_id = $2),
    next AS (
        SELECT page_number, state, claimed_at, available_at, reads_only AS was_reading
        FROM change_page
        WHERE tenant_id = $1 AND bulk_change_id = $2 AND state <> 'done'
          AND page_number <= (SELECT last_page FROM change)
          AND CASE WHEN state = 'sending' OR (SELECT sends FROM change) THEN available_at
                   ELSE reads_at END <= now()
        ORDER BY page_number LIMIT 1 FOR UPDATE SKIP LOCKED),
    page AS (
        UPDATE change_page p
        SET state = 'sending', attempt = p.attempt + 1, worker = $3, claimed_at = now(),
            available_at = now() + make_interval(secs => $4::int),
            reads_only = next.state = 'ready' AND NOT (SELECT sends FROM change),
            lost_count = p.lost_count + (next.state = 'sending')::int
        FROM next
        WHERE p.tenant_id = $1 AND p.bulk_change_id = $2 AND p.page_number = next.page_number
        RETURNING p.page_number, p.attempt, p.lost_count, p.claimed_at, p.first_device_change_id,
                  p.last_device_change_id,
                  p.reads_only, next.state = 'sending' AND NOT next.was_reading AS was_lost,
                  next.claimed_at AS lost_claim, next.available_at AS lost_until),
    -- Only what was started earlier and has not ended can hold a device back; mostly nothing is.
    earlier AS MATERIALIZED (
        SELECT min(b.bulk_change_id) AS first, max(b.bulk_change_id) AS last
        FROM bulk_change b, change
        WHERE b.tenant_id = $1 AND b.status IN ('PENDING', 'PROCESSING')
          AND (b.start_number, b.bulk_change_id) < (change.start_number, $2::bigint)),
    -- A device that had a date, or is tried again, may meet a change that was started later and is
    -- under way already. What follows this change waits for it and is never waited for.
    later AS MATERIALIZED (
        SELECT min(b.bulk_change_id) AS first, max(b.bulk_change_id) AS last
        FROM bulk_change b, change
        WHERE b.tenant_id = $1 AND b.status IN ('PENDING', 'PROCESSING')
          AND (b.start_number, b.bulk_change_id) > (change.start_number, $2::bigint)
          AND b.follows_bulk_change_id IS DISTINCT FROM $2::bigint)
    SELECT page.page_number, page.attempt, page.lost_count,
           to_char(page.claimed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           c.device_change_id, c.device_id, d.iccid, d.msisdn, d.imei, d.status, c.request, c.state,
           page.was_lost AND c.state <> 'waiting' AND c.due_at <= page.lost_claim AS lost,
           c.retry_number, c.read_back_count, c.progress,
           to_char(coalesce(c.unclear_since,
                            CASE WHEN page.was_lost AND c.due_at <= page.lost_claim
                                 THEN page.lost_claim END)
                   AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           (extract(epoch FROM now() - CASE WHEN page.was_lost AND c.due_at <= page.lost_claim
                                            THEN page.lost_until ELSE c.sent_at END)
            * 1000)::bigint,
           CASE WHEN c.state = 'new' AND NOT (page.was_lost AND c.due_at <= page.lost_claim)
               THEN coalesce(CASE WHEN earlier.first IS NOT NULL THEN (
               SELECT min(b.bulk_change_id) FROM device_change e
               JOIN bulk_change b ON b.tenant_id = $1
                   AND b.bulk_change_id = e.device_change_id >> 20
                   AND b.status IN ('PENDING', 'PROCESSING')
                   AND (b.start_number, b.bulk_change_id) < (change.start_number, $2::bigint)
               WHERE e.tenant_id = $1 AND e.device_id = c.device_id
                 AND e.device_change_id >= earlier.first << 20
                 AND e.device_change_id < (earlier.last + 1) << 20
                 AND e.state IN ('new', 'waiting', 'unknown')
                 -- One whose date is still ahead holds nothing back.
                 AND NOT (e.state = 'new' AND e.due_at > now() AND b.last_due_at > now()
                          AND e.retry_number = 0 AND e.sent_at IS NULL)) END,
               CASE WHEN later.first IS NOT NULL AND c.due_at > '-infinity' THEN (
               SELECT min(b.bulk_change_id) FROM device_change l
               JOIN bulk_change b ON b.tenant_id = $1
                   AND b.bulk_change_id = l.device_change_id >> 20
                   AND b.status IN ('PENDING', 'PROCESSING')
                   AND (b.start_number, b.bulk_change_id) > (change.start_number, $2::bigint)
                   AND b.follows_bulk_change_id IS DISTINCT FROM $2::bigint
               WHERE l.tenant_id = $1 AND l.device_id = c.device_id
                 AND l.device_change_id >= later.first << 20
                 AND l.device_change_id < (later.last + 1) << 20
                 AND (l.state IN ('waiting', 'unknown') OR l.state = 'new' AND EXISTS (
                     SELECT FROM change_page g
                     WHERE g.tenant_id = $1 AND g.bulk_change_id = b.bulk_change_id
                       AND g.state = 'sending' AND l.due_at <= g.claimed_at
                       AND l.device_change_id BETWEEN g.first_device_change_id
                                                  AND g.last_device_change_id))) END)
               END AS held_back_by,
           (SELECT greatest(0, extract(epoch FROM greatest(nullif(p.paused_until, '-infinity'),
                p.breaker_probe_at) - page.claimed_at) * 1000)::bigint
            FROM account_pace p WHERE p.pacing_key = $5),
           CASE WHEN c.state = 'waiting' THEN c.notices END, page.reads_only,
           change.wave, change.failures_left
    FROM page CROSS JOIN change CROSS JOIN earlier CROSS JOIN later
    LEFT JOIN device_change c
        ON c.tenant_id = $1 AND c.device_change_id BETWEEN page.first_device_change_id
                                                       AND page.last_device_change_id
           AND c.state IN ('new', 'waiting', 'unknown') AND c.due_at <= now()
           AND (c.state <> 'new' OR (SELECT sends FROM change)
                OR page.was_lost AND c.due_at <= page.lost_claim)
    LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id
    ORDER BY c.device_change_id)"};

constexpr Query kExtend{"run_extend_page", R"(
    UPDATE change_page SET available_at = now() + make_interval(secs => $5::int)
    WHERE tenant_id = $1 AND bulk_change_id = $2 AND page_number = $3 AND attempt = $4
      AND state = 'sending')"};

constexpr Query kNextDue{"run_next_due", R"(
    WITH change AS MATERIALIZED (
        SELECT may_send(b) AS sends, b.control = 'cancelling' AS is_cancelling,
               coalesce(b.wave_ends[b.wave], 2147483647) AS last_page
        FROM bulk_change b WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)
    SELECT (extract(epoch FROM min(greatest(
               CASE WHEN (SELECT sends FROM change) THEN available_at ELSE reads_at END,
               CASE WHEN (SELECT sends FROM change) OR reads_at IS NOT NULL THEN now() END))
               - now()) * 1000)::bigint, (SELECT is_cancelling FROM change)
    FROM change_page WHERE tenant_id = $1 AND bulk_change_id = $2 AND state = 'ready'
      AND page_number <= (SELECT last_page FROM change))"};

constexpr Query kSweep{"run_sweep", R"(
    WITH revived AS (
        UPDATE queue_message m
        SET dead_at = NULL, dead_reason = NULL, receive_count = 0, visible_at = now()
        FROM unfinished_changes() u
        WHERE m.queue = 'bulk_change' AND m.dead_at < now() - interval '1 hour'
          AND m.attributes ->> 'BulkChangeId' = u.bulk_change::text
          AND m.attributes ->> 'TenantId' = u.tenant::text
        RETURNING 1),
    sent AS (
        INSERT INTO queue_message (queue, body, attributes)
        SELECT 'bulk_change', 'Bulk change to work is ' || u.bulk_change,
               jsonb_build_object('TenantId', u.tenant::text, 'BulkChangeId', u.bulk_change::text,
                                  'RetryNumber', '0', 'RequestId', '')
        FROM unfinished_changes() u
        WHERE NOT EXISTS (
            SELECT FROM queue_message m WHERE m.queue = 'bulk_change'
              AND m.attributes ->> 'BulkChangeId' = u.bulk_change::text
              AND m.attributes ->> 'TenantId' = u.tenant::text)
        RETURNING 1)
    SELECT count(*), CASE WHEN count(*) > 0
        THEN pg_notify('carryall_queue', 'bulk_change')::text END
    FROM (SELECT FROM revived UNION ALL SELECT FROM sent) message)"};

// Rows of one device are applied one after the other in the order of their dates: a pass takes only
// a device's earliest row, so members that a later row leaves out keep what the earlier one set.
constexpr Query kApplyDue{"run_apply_due_plans", R"(
    WITH due AS (
        SELECT q.id, q.device_id, q.customer_rate_plan_id, q.customer_rate_pool_id,
               q.customer_data_allocation_mb, q.effective_date
        FROM customer_rate_plan_device_queue q
        WHERE q.tenant_id = $1 AND q.is_active AND q.effective_date <= now()
          AND NOT EXISTS (
              SELECT FROM customer_rate_plan_device_queue e
              WHERE e.tenant_id = $1 AND e.device_id = q.device_id AND e.is_active
                AND (e.effective_date, e.id) < (q.effective_date, q.id))
        ORDER BY q.effective_date, q.id LIMIT $2::int FOR UPDATE SKIP LOCKED),
    applied AS (
        UPDATE customer_rate_plan_device_queue q
        SET is_active = false, applied_at = now(), modified_by = 'schedule', modified_date = now()
        FROM due WHERE q.tenant_id = $1 AND q.id = due.id),
    effect AS (
        UPDATE device d SET
            customer_rate_plan_id = coalesce(l.customer_rate_plan_id, d.customer_rate_plan_id),
            customer_rate_pool_id = coalesce(l.customer_rate_pool_id, d.customer_rate_pool_id),
            customer_data_allocation_mb =
                coalesce(l.customer_data_allocation_mb, d.customer_data_allocation_mb),
            modified_at = now()
        FROM due l WHERE d.tenant_id = $1 AND d.device_id = l.device_id),
    event AS (
        INSERT INTO device_event (tenant_id, device_id, source, actor, detail)
        SELECT $1, device_id, 'schedule', 'schedule', jsonb_strip_nulls(jsonb_build_object(
            'customerRatePlanId', customer_rate_plan_id, 'customerPoolId', customer_rate_pool_id,
            'customerDataAllocationMb', customer_data_allocation_mb, 'effectiveDate',
            effective_date))
        FROM due)
    SELECT count(*) FROM due)"};

DeviceState stored_state(std::string_view text) {
    if (text == "waiting") return DeviceState::waiting;
    if (text == "unknown") return DeviceState::unknown;
    return DeviceState::fresh;
}

ClaimedDevice read_device(const Rows& rows, std::size_t row) {
    ClaimedDevice device;
    device.id = {rows.integer(row, 4)};
    device.device_id = rows.integer(row, 5);
    device.line = {rows.string(row, 6), rows.string(row, 7), rows.string(row, 8),
                   rows.string(row, 9)};
    device.own_request = rows.string(row, 10);
    device.state = stored_state(rows.text(row, 11));
    device.lost = rows.boolean(row, 12);
    device.retry_number = static_cast<int>(rows.integer(row, 13));
    device.read_back_count = static_cast<int>(rows.integer(row, 14));
    device.progress = rows.string(row, 15);
    device.unclear_since = rows.optional_instant(row, 16);
    if (const auto ago = rows.optional_integer(row, 17)) {
        device.sent_ago = std::chrono::milliseconds(*ago);
    }
    device.notices = rows.string(row, 20);
    return device;
}

// Of load_query().
constexpr int kHeldColumn = 7;
constexpr int kProviderColumn = kHeldColumn + kHeldColumnCount;
constexpr int kRevioColumn = kProviderColumn + accounts::kAccountColumnCount;

}  // namespace

Result<RunnableChange> load_change(db::Connection& connection, std::int64_t tenant_id,
                                   BulkChangeId id, const base::MasterKey& key) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(load_query(), Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such bulk change in this tenant");
    const auto type = parse_change_type(rows->text(0, 0));
    if (!type) {
        return base::internal_error("change type '" + rows->string(0, 0) +
                                    "' is unknown to this version; a newer worker must take it");
    }
    RunnableChange change;
    change.tenant_id = tenant_id;
    change.id = id;
    change.type = *type;
    change.portal = rows->string(0, 1);
    change.request = base::parse_object(rows->text(0, 2));
    change.correlation_id = rows->string(0, 3);
    change.open_page_count = static_cast<int>(rows->integer(0, 4));
    change.is_undo = rows->boolean(0, 5);
    if (const auto follows = rows->optional_integer(0, 6)) change.follows = {*follows};
    change.held = read_held(*rows, 0, kHeldColumn);
    auto account = accounts::read_account(*rows, 0, kProviderColumn, key);
    if (!account) return account.error();
    change.account = std::move(account).value();
    // Only an assignment speaks with Rev.io; nothing else shall fail by its credentials.
    if (change.type == ChangeType::customerassignment && !rows->is_null(0, kRevioColumn)) {
        auto revio = accounts::read_account(*rows, 0, kRevioColumn, key);
        if (!revio) return revio.error();
        change.revio = std::move(revio).value();
    }
    return change;
}

Result<std::optional<ClaimedPage>> claim_page(db::Connection& connection, std::int64_t tenant_id,
                                              BulkChangeId id, const std::string& worker,
                                              std::chrono::seconds lease,
                                              const std::string& pacing_key) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(
        kClaim, Params().add(tenant_id).add(id).add(worker).add(lease.count()).add(pacing_key));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ClaimedPage>();
    ClaimedPage page;
    page.page_number = static_cast<int>(rows->integer(0, 0));
    page.attempt = static_cast<int>(rows->integer(0, 1));
    page.lost_count = static_cast<int>(rows->integer(0, 2));
    page.claimed_at = *rows->optional_instant(0, 3);
    page.devices.reserve(rows->size());
    for (std::size_t row = 0; row < rows->size(); ++row) {
        if (rows->is_null(row, 4)) continue;
        if (!rows->is_null(row, 18)) {
            ++page.held_back;
            page.held_back_by = BulkChangeId{rows->integer(row, 18)};
        } else {
            page.devices.push_back(read_device(*rows, row));
        }
    }
    page.paused_for = std::chrono::milliseconds(rows->integer(0, 19));
    page.reads_only = rows->boolean(0, 21);
    page.wave = static_cast<int>(rows->integer(0, 22));
    page.failures_left = rows->optional_integer(0, 23);
    return std::optional<ClaimedPage>(std::move(page));
}

Result<bool> extend_page(db::Connection& connection, std::int64_t tenant_id, BulkChangeId id,
                         const ClaimedPage& page, std::chrono::seconds lease) {
    const auto rows = connection.exec(
        kExtend,
        Params().add(tenant_id).add(id).add(page.page_number).add(page.attempt).add(lease.count()));
    if (!rows) return rows.error();
    return rows->affected() == 1;
}

Result<NextPage> next_page_due_in(db::Connection& connection, std::int64_t tenant_id,
                                  BulkChangeId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(kNextDue, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    NextPage next;
    if (const auto due = rows->optional_integer(0, 0)) next.due_in.emplace(*due);
    next.is_cancelling = rows->boolean(0, 1);
    return next;
}

Result<std::int64_t> sweep(db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto rows = connection.exec(kSweep);
    if (!rows) return rows.error();
    return rows->integer(0, 0);
}

Result<std::int64_t> apply_due_rate_plans(db::Connection& connection, int limit) {
    const auto tenants = tenants::active_tenants(connection);
    if (!tenants) return tenants.error();
    std::int64_t applied = 0;
    for (const std::int64_t tenant : *tenants) {
        CARRYALL_TRY(connection.work_for_tenant(tenant));
        const auto rows = connection.exec(kApplyDue, Params().add(tenant).add(limit));
        if (!rows) return rows.error();
        applied += rows->integer(0, 0);
    }
    CARRYALL_TRY(connection.work_for_tenant(0));
    return applied;
}

}  // namespace carryall::changes
