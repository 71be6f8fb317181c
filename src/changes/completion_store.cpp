// Writing a page down: what became of its devices, in one statement that is fenced by the page's
// attempt. What must stay true: a stale attempt changes nothing, not even the log; the counters of
// the change add up to its devices; whether the change goes on is decided in the same statement.
#include <array>
#include <set>

#include "changes/effect_store.hpp"
#include "changes/image_store.hpp"
#include "changes/run_store.hpp"

namespace carryall::changes {
namespace {

using db::Array;
using db::Params;

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

const QueryByType& completion_query() {
    static const QueryByType queries("run_complete", [](ChangeType type) {
        return std::string(kCompleteBefore) + effect_sql(type) + kCompleteAfter + kHoldAfterPage;
    });
    return queries;
}

constexpr const char* kProcessBy = "carryall work";

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

}  // namespace

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
    const auto rows = connection.exec(completion_query().of(change.type), params);
    if (!rows) return rows.error();
    PageCompletion completion;
    completion.accepted = !rows->empty();
    if (!completion.accepted) return completion;
    completion.change_finished = rows->boolean(0, 0);
    completion.change_paused = rows->boolean(0, 2);
    completion.wave_began = rows->integer(0, 3) > page.wave;
    return completion;
}

}  // namespace carryall::changes
