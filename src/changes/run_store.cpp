// The run engine's SQL. Every statement names the tenant and runs inside it; every write of a
// worker is fenced by the page's attempt. Connections that run these disable hash and merge joins
// (see worker.cpp): rows are looked up by key only, so that statistics written before the rows
// existed cannot turn a page into a scan.
#include "changes/run_store.hpp"

#include <array>
#include <fmt/format.h>
#include <map>
#include <set>

#include "changes/control_store.hpp"
#include "queue/queue.hpp"
#include "tenants/tenant.hpp"

namespace carryall::changes {
namespace {

using db::Array;
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
    -- under way already.
    later AS MATERIALIZED (
        SELECT min(b.bulk_change_id) AS first, max(b.bulk_change_id) AS last
        FROM bulk_change b, change
        WHERE b.tenant_id = $1 AND b.status IN ('PENDING', 'PROCESSING')
          AND (b.start_number, b.bulk_change_id) > (change.start_number, $2::bigint))
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

constexpr const char* kCompleteBefore = R"(
    WITH fence AS (
        SELECT first_device_change_id AS first, last_device_change_id AS last FROM change_page
        WHERE tenant_id = $1 AND bulk_change_id = $2 AND page_number = $3 AND attempt = $4
          AND state = 'sending' FOR UPDATE),
    result AS MATERIALIZED (
        SELECT r.* FROM fence, unnest($5::bigint[], $6::bigint[], $7::text[], $8::text[],
            $9::text[], $10::bigint[], $11::int[], $12::int[], $13::text[], $14::text[],
            $15::text[], $16::bigint[])
            AS r(device_change_id, device_id, state, error_class, reason, due_ms, retry_number,
                 read_back_count, progress, effect, unclear_since, sent_ms)),
    changed AS (
        UPDATE device_change c
        SET state = r.state, error_class = r.error_class, reason = r.reason,
            due_at = CASE WHEN r.due_ms IS NULL THEN c.due_at
                          ELSE now() + r.due_ms * interval '1 millisecond' END,
            retry_number = r.retry_number, read_back_count = r.read_back_count,
            progress = r.progress::jsonb, unclear_since = r.unclear_since::timestamptz,
            sent_at = now() - r.sent_ms * interval '1 millisecond',
            notices = CASE WHEN r.state = 'waiting' THEN c.notices END,
            finished_at = CASE WHEN r.state IN ('processed', 'error', 'cancelled') THEN now() END
        FROM result r WHERE c.tenant_id = $1 AND c.device_change_id = r.device_change_id),
    )";

constexpr const char* kCompleteAfter = R"(,
    logged AS (
        INSERT INTO device_change_log (device_change_id, attempt, step, tenant_id, portal,
            log_entry_description, action_text, request_text, response_text, response_status,
            has_errors, error_text, process_by, retry_number, correlation_id, started_at,
            processed_at)
        SELECT l.id, $4, l.step, $1, $30, l.description, l.action, l.request, l.response, l.status,
            l.error IS NOT NULL, l.error, $31, l.retry_number, $32, l.started_at, l.processed_at
        FROM fence, unnest($19::bigint[], $20::int[], $21::text[], $22::text[], $23::text[],
            $24::text[],
            $25::text[], $26::text[], $27::int[], $28::timestamptz[], $29::timestamptz[])
            AS l(id, step, description, action, request, response, status, error, retry_number,
                 started_at, processed_at)),
    requested AS (
        INSERT INTO carrier_request (tenant_id, service_provider_id, reference, bulk_change_id,
            page_number)
        SELECT $1, $33, q.reference, $2, $3 FROM fence, unnest($36::text[]) AS q(reference)
        ON CONFLICT DO NOTHING),
    acted AS (
        INSERT INTO line_action (device_change_id, tenant_id, device_id, action)
        SELECT a.id, $1, a.device_id, a.action
        FROM fence, unnest($37::bigint[], $38::bigint[], $39::text[]) AS a(id, device_id, action)
        ON CONFLICT DO NOTHING),
    rest AS (
        SELECT least(l.due_at, t.due_at) AS due_at, least(l.reads_at, t.reads_at) AS reads_at,
               coalesce(l.unsent, false) OR coalesce(t.unsent, false) AS has_unsent,
               -- What the page waits for may have ended while it was in hand.
               CASE WHEN $40::bigint IS NOT NULL AND EXISTS (
                        SELECT FROM bulk_change h WHERE h.tenant_id = $1
                          AND h.bulk_change_id = $40 AND h.finished_at IS NOT NULL)
                    THEN now() ELSE now() + $35::bigint * interval '1 millisecond'
               END AS not_before
        FROM fence,
            LATERAL (SELECT min(c.due_at) AS due_at, bool_or(c.state = 'new') AS unsent,
                            min(c.due_at) FILTER (WHERE c.state <> 'new') AS reads_at
             FROM device_change c
             WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN fence.first AND fence.last
               AND c.state IN ('new', 'waiting', 'unknown')
               AND c.device_change_id <> ALL ($5::bigint[])) l,
            LATERAL (SELECT min(d.due_at) AS due_at, bool_or(r.state = 'new') AS unsent,
                            min(d.due_at) FILTER (WHERE r.state <> 'new') AS reads_at
             FROM result r,
                 LATERAL (SELECT now() + r.due_ms * interval '1 millisecond' AS due_at) d
             WHERE r.state IN ('new', 'waiting', 'unknown')) t),
    page AS (
        UPDATE change_page p
        SET state = CASE WHEN rest.due_at IS NULL THEN 'done' ELSE 'ready' END, worker = NULL,
            lost_count = $34::int, has_unsent = rest.has_unsent,
            available_at = greatest(coalesce(rest.due_at, 'infinity'), rest.not_before),
            reads_at = CASE WHEN rest.reads_at IS NOT NULL
                            THEN greatest(rest.reads_at, rest.not_before) END
        FROM rest
        WHERE p.tenant_id = $1 AND p.bulk_change_id = $2 AND p.page_number = $3
        RETURNING (p.state = 'done')::int AS done, p.claimed_at),
    held AS (
        SELECT coalesce(sum((r.state IN ('error', 'parked'))::int), 0)::int AS failed,
               coalesce(sum((r.state NOT IN ('new', 'waiting', 'unknown'))::int), 0)::int AS ended
        FROM result r),
    total AS (
        UPDATE bulk_change b
        SET new_count = b.new_count + ($17::int[])[1],
            waiting_count = b.waiting_count + ($17::int[])[2],
            unknown_count = b.unknown_count + ($17::int[])[3],
            processed_count = b.processed_count + ($17::int[])[4],
            error_count = b.error_count + ($17::int[])[5],
            parked_count = b.parked_count + ($17::int[])[6],
            cancelled_count = b.cancelled_count + ($17::int[])[7],
            open_page_count = b.open_page_count - page.done,
            started_at = least(b.started_at, page.claimed_at),
            finished_at = CASE WHEN b.open_page_count = page.done THEN now() END,
            status = CASE WHEN b.open_page_count > page.done THEN 'PROCESSING' ELSE ended_status(
                b.device_count, b.processed_count + ($17::int[])[4],
                b.error_count + ($17::int[])[5], b.parked_count + ($17::int[])[6],
                b.cancelled_count + ($17::int[])[7]) END,
            failure_count = b.failure_count + held.failed, ended_count = b.ended_count + held.ended,
            waits_for_bulk_change_id = coalesce($40::bigint, b.waits_for_bulk_change_id),
            (control, control_cause, control_reason, control_by, control_at, wave,
             wave_open_page_count) = ()";

// Whether the change goes on after this page: not if too many devices have failed, nor past the end
// of a wave that a person is to follow. The next wave's pages nobody has touched, so they can be
// counted; the present one's are counted down under the change's lock.
constexpr const char* kHoldAfterPage = R"(
                SELECT CASE WHEN n.cause IS NULL THEN b.control ELSE 'paused' END,
                       coalesce(n.cause, b.control_cause),
                       CASE n.cause WHEN 'threshold' THEN n.crossed
                            WHEN 'wave' THEN 'wave ' || b.wave || ' of '
                                || cardinality(b.wave_ends) || ' has ended'
                            ELSE b.control_reason END,
                       CASE WHEN n.cause IS NULL THEN b.control_by ELSE 'carryall' END,
                       CASE WHEN n.cause IS NULL THEN b.control_at ELSE now() END,
                       b.wave + n.moves_on::int,
                       CASE WHEN n.moves_on THEN (
                                SELECT count(*) FROM change_page w
                                WHERE w.tenant_id = $1 AND w.bulk_change_id = $2
                                  AND w.state <> 'done' AND w.page_number > b.wave_ends[b.wave]
                                  AND w.page_number <= b.wave_ends[b.wave + 1])
                            WHEN b.wave_ends IS NULL THEN 0
                            ELSE b.wave_open_page_count - page.done END
                FROM (SELECT x.crossed, x.has_ended AND NOT b.waves_by_hand AS moves_on,
                             CASE WHEN b.control <> 'running' OR b.open_page_count = page.done
                                      THEN NULL
                                  WHEN x.crossed IS NOT NULL THEN 'threshold'
                                  WHEN x.has_ended AND b.waves_by_hand THEN 'wave' END AS cause
                      FROM (SELECT threshold_reason(b.failure_limit, b.failure_percent,
                                       b.failure_after, b.failure_count + held.failed,
                                       b.ended_count + held.ended) AS crossed,
                                   b.wave_ends IS NOT NULL AND page.done = 1
                                       AND b.open_page_count > page.done
                                       AND b.wave_open_page_count = 1
                                       AND b.wave < cardinality(b.wave_ends) AS has_ended) x) n)
        FROM page, held WHERE b.tenant_id = $1 AND b.bulk_change_id = $2
        RETURNING b.finished_at IS NOT NULL AS finished, b.wave,
                  b.control = 'paused' AND b.control_at = now() AS is_stopped)
    SELECT finished,
           CASE WHEN finished OR is_stopped OR $18::boolean
                THEN pg_notify('carryall_bulk_change', $1 || ':' || $2)::text END,
           is_stopped, wave,
           CASE WHEN EXISTS (SELECT FROM result WHERE state = 'parked')
                THEN emit_event($1, 'device_change.parked', 'bulk_change/' || $2,
                         (SELECT jsonb_build_object('bulkChangeId', $2::bigint,
                              'pageNumber', $3::int, 'count', count(*),
                              'devices', jsonb_agg(jsonb_build_object(
                                  'deviceChangeId', p.device_change_id, 'deviceId', p.device_id,
                                  'reason', left(p.reason, 200)) ORDER BY p.place)
                                  FILTER (WHERE p.place <= 100))
                          FROM (SELECT r.device_change_id, r.device_id, r.reason,
                                    row_number() OVER (ORDER BY r.device_change_id) AS place
                                FROM result r WHERE r.state = 'parked') p)) END
    FROM total)";

// Effect: {"status"}, and after an activation {"msisdn"} and {"ratePlan"}; or the status alone.
constexpr const char* kStatusEffect = R"(wanted AS MATERIALIZED (
        SELECT r.device_id, coalesce(j.told ->> 'status', r.effect) AS status,
               j.told ->> 'msisdn' AS msisdn, j.told ->> 'ratePlan' AS rate_plan
        FROM result r, LATERAL (
            SELECT CASE WHEN r.effect LIKE '{%' THEN r.effect::jsonb END AS told) j
        WHERE r.effect IS NOT NULL),
    effect AS (
        UPDATE device d SET status = w.status, msisdn = coalesce(w.msisdn, d.msisdn),
            carrier_rate_plan_id = coalesce(
                (SELECT p.carrier_rate_plan_id FROM carrier_rate_plan p
                 WHERE w.rate_plan IS NOT NULL AND p.tenant_id = $1
                   AND p.service_provider_id = $33::bigint AND p.code = w.rate_plan),
                d.carrier_rate_plan_id),
            modified_at = now()
        FROM wanted w WHERE d.tenant_id = $1 AND d.device_id = w.device_id))";

// Effect: {"ratePlan", "communicationPlan"}, the latter if it changed too; or the plan's code
// alone.
constexpr const char* kCarrierPlanEffect = R"(wanted AS MATERIALIZED (
        SELECT r.device_id, coalesce(j.told ->> 'ratePlan', r.effect) AS code,
               j.told ->> 'communicationPlan' AS communication_plan
        FROM result r, LATERAL (
            SELECT CASE WHEN r.effect LIKE '{%' THEN r.effect::jsonb END AS told) j
        WHERE r.effect IS NOT NULL),
    effect AS (
        UPDATE device d SET carrier_rate_plan_id = p.carrier_rate_plan_id,
            communication_plan_id = coalesce(
                (SELECT m.communication_plan_id FROM communication_plan m
                 WHERE w.communication_plan IS NOT NULL AND m.tenant_id = $1
                   AND m.service_provider_id = $33::bigint AND m.name = w.communication_plan),
                d.communication_plan_id),
            modified_at = now()
        FROM wanted w JOIN carrier_rate_plan p
            ON p.tenant_id = $1 AND p.service_provider_id = $33::bigint AND p.code = w.code
        WHERE d.tenant_id = $1 AND d.device_id = w.device_id))";

// Effect: {"customerRatePlanId", "customerPoolId", "customerDataAllocationMb", "effectiveDate"}.
// Absent members stay as they are, null ones become empty. A date ahead, by the database's clock,
// goes into the schedule instead.
constexpr const char* kCustomerPlanEffect = R"(wanted AS MATERIALIZED (
        SELECT r.device_change_id, r.device_id,
            (r.effect::jsonb ->> 'customerRatePlanId')::bigint AS plan_id,
               (r.effect::jsonb ->> 'customerPoolId')::bigint AS pool_id,
               (r.effect::jsonb ->> 'customerDataAllocationMb')::numeric AS allocation_mb,
               (r.effect::jsonb ->> 'effectiveDate')::timestamptz AS effective_at,
               r.effect::jsonb ? 'customerRatePlanId' AS has_plan,
               r.effect::jsonb ? 'customerPoolId' AS has_pool,
               r.effect::jsonb ? 'customerDataAllocationMb' AS has_allocation
        FROM result r WHERE r.effect IS NOT NULL AND $33::bigint > 0),
    effect AS (
        UPDATE device d SET
            customer_rate_plan_id = CASE WHEN w.has_plan THEN w.plan_id
                                         ELSE d.customer_rate_plan_id END,
            customer_rate_pool_id = CASE WHEN w.has_pool THEN w.pool_id
                                         ELSE d.customer_rate_pool_id END,
            customer_data_allocation_mb = CASE WHEN w.has_allocation THEN w.allocation_mb
                                               ELSE d.customer_data_allocation_mb END,
            modified_at = now()
        FROM wanted w WHERE d.tenant_id = $1 AND d.device_id = w.device_id
          AND (w.effective_at IS NULL OR w.effective_at <= now())),
    scheduled AS (
        INSERT INTO customer_rate_plan_device_queue (tenant_id, device_id, device_change_id,
            customer_rate_plan_id, customer_rate_pool_id, customer_data_allocation_mb,
            effective_date,
            portal_type, created_by)
        SELECT $1, w.device_id, w.device_change_id, w.plan_id, w.pool_id, w.allocation_mb,
            w.effective_at,
            $30, $31
        FROM wanted w WHERE w.effective_at > now()
        ON CONFLICT (device_change_id) DO NOTHING))";

// Effect: the CustomerAssignment with customer and site resolved, and for a Rev.io customer whose
// service was created "revioServiceId", "number", "activatedDate", "revioServiceProducts". Of
// account number, plan and pool absent members stay as they are, null ones become empty.
constexpr const char* kAssignmentEffect = R"(wanted AS MATERIALIZED (
        SELECT r.device_change_id, r.device_id, e.*,
               coalesce(e.customer_id, (SELECT c.customer_id FROM customer c
                    WHERE c.tenant_id = $1 AND c.rev_customer_id = e.rev_customer_id)) AS customer
        FROM result r, LATERAL (
            SELECT (j ->> 'customerId')::bigint AS customer_id,
                   j ->> 'revCustomerId' AS rev_customer_id,
                   (j ->> 'siteId')::bigint AS site_id, j ->> 'accountNumber' AS account_number,
                   (j ->> 'customerRatePlanId')::bigint AS plan_id,
                   (j ->> 'customerRatePoolId')::bigint AS pool_id,
                   (j ->> 'effectiveDate')::timestamptz AS effective_at,
                   (j ->> 'revioServiceId')::bigint AS revio_service_id, j ->> 'number' AS number,
                   nullif(j ->> 'activatedDate', '')::date AS activated_date,
                   j -> 'revioServiceProducts' AS products,
                   j ? 'accountNumber' AS has_account, j ? 'customerRatePlanId' AS has_plan,
                   j ? 'customerRatePoolId' AS has_pool
            FROM (SELECT r.effect::jsonb AS j) x) e
        WHERE r.effect IS NOT NULL AND $33::bigint > 0),
    service AS (
        INSERT INTO rev_service (tenant_id, customer_id, revio_service_id, number, activated_date)
        SELECT $1, w.customer, w.revio_service_id, w.number, w.activated_date
        FROM wanted w WHERE w.revio_service_id IS NOT NULL
        ON CONFLICT (tenant_id, revio_service_id) DO UPDATE SET number = excluded.number
        RETURNING rev_service_id, revio_service_id),
    product AS (
        INSERT INTO rev_service_product (tenant_id, rev_service_id, revio_service_product_id,
            product_id)
        SELECT $1, s.rev_service_id, (p ->> 'revioServiceProductId')::bigint,
            (p ->> 'productId')::bigint
        FROM wanted w JOIN service s ON s.revio_service_id = w.revio_service_id,
             jsonb_array_elements(w.products) p
        ON CONFLICT (tenant_id, revio_service_product_id) DO NOTHING),
    effect AS (
        UPDATE device d SET customer_id = w.customer, site_id = w.site_id,
            account_number = CASE WHEN w.has_account THEN w.account_number
                                  ELSE d.account_number END,
            rev_service_id = coalesce(
                (SELECT s.rev_service_id FROM service s
                    WHERE s.revio_service_id = w.revio_service_id),
                d.rev_service_id),
            customer_rate_plan_id = CASE WHEN NOT w.has_plan OR w.effective_at > now()
                                         THEN d.customer_rate_plan_id ELSE w.plan_id END,
            customer_rate_pool_id = CASE WHEN NOT w.has_pool OR w.effective_at > now()
                                         THEN d.customer_rate_pool_id ELSE w.pool_id END,
            modified_at = now()
        FROM wanted w WHERE d.tenant_id = $1 AND d.device_id = w.device_id),
    scheduled AS (
        INSERT INTO customer_rate_plan_device_queue (tenant_id, device_id, device_change_id,
            customer_rate_plan_id, customer_rate_pool_id, effective_date, portal_type, created_by)
        SELECT $1, w.device_id, w.device_change_id, w.plan_id, w.pool_id, w.effective_at, $30, $31
        FROM wanted w WHERE w.effective_at > now() AND coalesce(w.plan_id, w.pool_id) IS NOT NULL
        ON CONFLICT (device_change_id) DO NOTHING))";

// Effect: {"status"}, and of an active line {"msisdn", "ratePlan", "imei", "ipAddress"}.
constexpr const char* kActivationEffect = R"(wanted AS MATERIALIZED (
        SELECT r.device_id, r.effect::jsonb AS told FROM result r WHERE r.effect IS NOT NULL),
    effect AS (
        UPDATE device d SET status = coalesce(w.told ->> 'status', d.status),
            msisdn = coalesce(w.told ->> 'msisdn', d.msisdn),
            imei = coalesce(w.told ->> 'imei', d.imei),
            ip_address = coalesce((w.told ->> 'ipAddress')::inet, d.ip_address),
            carrier_rate_plan_id = coalesce(
                (SELECT p.carrier_rate_plan_id FROM carrier_rate_plan p
                 WHERE p.tenant_id = $1 AND p.service_provider_id = $33::bigint
                   AND p.code = w.told ->> 'ratePlan'),
                d.carrier_rate_plan_id),
            modified_at = now()
        FROM wanted w WHERE d.tenant_id = $1 AND d.device_id = w.device_id))";

Query completion_of(ChangeType type) {
    static const std::array<std::string, kChangeTypeCount> kSql = [] {
        const auto whole = [](const char* effect) {
            return std::string(kCompleteBefore) + effect + kCompleteAfter + kHoldAfterPage;
        };
        std::array<std::string, kChangeTypeCount> sql;
        sql[static_cast<std::size_t>(ChangeType::customerassignment)] = whole(kAssignmentEffect);
        sql[static_cast<std::size_t>(ChangeType::carrierrateplanchange)] =
            whole(kCarrierPlanEffect);
        sql[static_cast<std::size_t>(ChangeType::customerrateplanchange)] =
            whole(kCustomerPlanEffect);
        sql[static_cast<std::size_t>(ChangeType::statusupdate)] = whole(kStatusEffect);
        sql[static_cast<std::size_t>(ChangeType::newserviceactivation)] = whole(kActivationEffect);
        return sql;
    }();
    constexpr std::array<const char*, kChangeTypeCount> kNames = {
        "run_complete_assignment", "run_complete_carrier_plan", "run_complete_customer_plan",
        "run_complete_status", "run_complete_activation"};
    const auto index = static_cast<std::size_t>(type);
    return {kNames[index], kSql[index].c_str()};
}

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

// Where a state's devices are counted: the order of the counters in kCompleteAfter.
std::size_t counter_of(DeviceState state) {
    switch (state) {
        case DeviceState::fresh:
        case DeviceState::sending:
            return 0;
        case DeviceState::waiting:
            return 1;
        case DeviceState::unknown:
            return 2;
        case DeviceState::processed:
            return 3;
        case DeviceState::error:
            return 4;
        case DeviceState::parked:
            return 5;
        case DeviceState::cancelled:
            return 6;
    }
    return 0;
}

void add_results(Params& params, const std::vector<DeviceResult>& results) {
    Array ids, devices, states, classes, reasons, due, retries, read_backs, progress, effects,
        unclear, sent;
    std::array<std::int64_t, 7> delta{};
    for (const DeviceResult& result : results) {
        const Verdict& verdict = result.verdict;
        --delta[counter_of(result.before)];
        ++delta[counter_of(verdict.state)];
        ids.add(result.id.value);
        devices.add(result.device_id);
        states.add(to_string(verdict.state));
        verdict.error_class ? classes.add(to_string(*verdict.error_class)) : classes.add_null();
        reasons.add_or_null(verdict.reason);
        verdict.due_in ? due.add(verdict.due_in->count()) : due.add_null();
        retries.add(static_cast<std::int64_t>(verdict.retry_number));
        read_backs.add(static_cast<std::int64_t>(verdict.read_back_count));
        progress.add_or_null(base::storable_json(result.progress));
        effects.add_or_null(base::storable_json(result.effect));
        unclear.add(result.unclear_since);
        result.sent_ago ? sent.add(result.sent_ago->count()) : sent.add_null();
    }
    Array deltas;
    for (const std::int64_t value : delta) deltas.add(value);
    for (Array* array : {&ids, &devices, &states, &classes, &reasons, &due, &retries, &read_backs,
                         &progress, &effects, &unclear, &sent, &deltas}) {
        params.add(array->take());
    }
}

void add_log(Params& params, const std::vector<LogEntry>& log) {
    Array ids, steps, descriptions, actions, requests, responses, statuses, errors, retries,
        started, processed;
    for (const LogEntry& entry : log) {
        ids.add(entry.device_change.value);
        steps.add(static_cast<std::int64_t>(entry.step));
        descriptions.add(entry.description);
        actions.add(entry.action);
        requests.add(entry.request);
        responses.add(entry.response);
        statuses.add(entry.status);
        errors.add_or_null(entry.error);
        retries.add(static_cast<std::int64_t>(entry.retry_number));
        started.add(entry.started_at);
        processed.add(entry.processed_at);
    }
    for (Array* array : {&ids, &steps, &descriptions, &actions, &requests, &responses, &statuses,
                         &errors, &retries, &started, &processed}) {
        params.add(array->take());
    }
}

// What later messages of the carrier and later checks of the line's budgets go by.
void add_traces(Params& params, const std::vector<DeviceResult>& results) {
    std::set<std::string_view> named;
    Array references, ids, devices, actions;
    for (const DeviceResult& result : results) {
        if (!result.reference.empty() && named.insert(result.reference).second) {
            references.add(result.reference);
        }
        if (result.line_action.empty()) continue;
        ids.add(result.id.value);
        devices.add(result.device_id);
        actions.add(result.line_action);
    }
    for (Array* array : {&references, &ids, &devices, &actions}) params.add(array->take());
}

// Of load_query().
constexpr int kHeldColumn = 7;
constexpr int kProviderColumn = kHeldColumn + kHeldColumnCount;
constexpr int kRevioColumn = kProviderColumn + accounts::kAccountColumnCount;

constexpr const char* kProcessBy = "carryall work";

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

Result<PageCompletion> complete_page(db::Connection& connection, const RunnableChange& change,
                                     const ClaimedPage& page,
                                     const std::vector<DeviceResult>& results,
                                     const std::vector<LogEntry>& log, bool notify,
                                     const PageEnd& end) {
    CARRYALL_TRY(connection.work_for_tenant(change.tenant_id));
    Params params;
    params.add(change.tenant_id).add(change.id).add(page.page_number).add(page.attempt);
    add_results(params, results);
    params.add(notify);
    add_log(params, log);
    params.add(change.portal).add(kProcessBy).add(change.correlation_id);
    params.add(change.account.service_provider_id);
    params.add(end.lost_count).add(end.resume_in.count());
    add_traces(params, results);
    params.add(page.held_back_by);
    const auto rows = connection.exec(completion_of(change.type), params);
    if (!rows) return rows.error();
    PageCompletion completion;
    completion.accepted = !rows->empty();
    if (!completion.accepted) return completion;
    completion.change_finished = rows->boolean(0, 0);
    completion.change_paused = rows->boolean(0, 2);
    completion.wave_began = rows->integer(0, 3) > page.wave;
    return completion;
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
