#include "charges/work_store.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace carryall::charges {
namespace {

using changes::ClaimedDevice;
using changes::DeviceResult;
using changes::DeviceState;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;

Query load_query() {
    static const std::string sql = fmt::format(R"(
    SELECT r.correlation_id, r.hold <> 'running', t.state = 'sending',
           r.source = 'file' AND r.state = 'enqueueing', coalesce(p.is_active, false), {}
    FROM charge_run r
    JOIN charge_run_part t ON t.tenant_id = $1 AND t.charge_run_id = $2 AND t.part_number = $3
    LEFT JOIN service_provider p ON p.tenant_id = $1
        AND p.service_provider_id = t.integration_authentication_id
    WHERE r.tenant_id = $1 AND r.charge_run_id = $2)",
                                               accounts::account_columns());
    return {"charge_load_part", sql.c_str()};
}
constexpr int kAccountColumn = 5;

// Without a marker a charge is told from others by what it says: those that are known to be others
// are left out.
constexpr Query kClaim{"charge_claim", R"(
    WITH next AS (
        SELECT page_number, state, claimed_at, available_at FROM charge_page
        WHERE tenant_id = $1 AND charge_run_id = $2 AND part_number = $3 AND state <> 'done'
          AND available_at <= now()
          AND (SELECT hold = 'running' FROM charge_run
               WHERE tenant_id = $1 AND charge_run_id = $2)
        ORDER BY page_number LIMIT 1 FOR UPDATE SKIP LOCKED),
    page AS (
        UPDATE charge_page p
        SET state = 'sending', attempt = p.attempt + 1, worker = $4, claimed_at = now(),
            available_at = now() + make_interval(secs => $5::int),
            lost_count = p.lost_count + (next.state = 'sending')::int
        FROM next
        WHERE p.tenant_id = $1 AND p.charge_run_id = $2 AND p.part_number = $3
          AND p.page_number = next.page_number
        RETURNING p.page_number, p.attempt, p.lost_count, p.claimed_at, p.first_position,
                  p.last_position, next.state = 'sending' AS was_lost,
                  next.claimed_at AS lost_claim, next.available_at AS lost_until)
    SELECT page.page_number, page.attempt, page.lost_count,
           to_char(page.claimed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           c.charge_id, c.device_id, c.state, page.was_lost AND c.due_at <= page.lost_claim,
           c.retry_number, c.read_back_count, c.progress,
           to_char(coalesce(c.unclear_since,
                            CASE WHEN page.was_lost AND c.due_at <= page.lost_claim
                                 THEN page.lost_claim END)
                   AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           (extract(epoch FROM now() - CASE WHEN page.was_lost AND c.due_at <= page.lost_claim
                                            THEN page.lost_until ELSE c.sent_at END)
            * 1000)::bigint,
           c.rev_customer_id, c.revio_service_id, c.product_id, c.product_type_id, c.amount,
           c.description, c.marker, c.start_date, c.end_date,
           CASE WHEN c.marker = '' AND (c.state = 'unknown' OR page.was_lost) THEN (
               SELECT string_agg(o.revio_charge_id::text, ',') FROM charge o
               WHERE o.tenant_id = $1 AND o.customer_id = c.customer_id
                 AND o.start_date = c.start_date AND o.end_date = c.end_date
                 AND o.amount = c.amount AND o.revio_charge_id IS NOT NULL
                 AND o.integration_authentication_id = c.integration_authentication_id) END
    FROM page
    LEFT JOIN charge c ON c.tenant_id = $1 AND c.charge_run_id = $2 AND c.part_number = $3
        AND c.position BETWEEN page.first_position AND page.last_position
        AND c.state IN ('new', 'unknown') AND c.due_at <= now()
    ORDER BY c.position)"};

constexpr Query kExtend{"charge_extend", R"(
    UPDATE charge_page SET available_at = now() + make_interval(secs => $6::int)
    WHERE tenant_id = $1 AND charge_run_id = $2 AND part_number = $3 AND page_number = $4
      AND attempt = $5 AND state = 'sending')"};

// A charge of Rev.io that another intent has is not adopted a second time: a person decides. What
// is unknown or parked here may have been sent, and says so until it has ended.
constexpr Query kComplete{"charge_complete", R"(
    WITH fence AS (
        SELECT first_position AS first, last_position AS last,
               (SELECT p.integration_authentication_id FROM charge_run_part p
                WHERE p.tenant_id = $1 AND p.charge_run_id = $2 AND p.part_number = $3) AS account
        FROM charge_page
        WHERE tenant_id = $1 AND charge_run_id = $2 AND part_number = $3 AND page_number = $4
          AND attempt = $5 AND state = 'sending' FOR UPDATE),
    result AS MATERIALIZED (
        SELECT r.*, o.charge_id AS other
        FROM fence CROSS JOIN unnest($6::bigint[], $7::text[], $8::text[], $9::text[],
            $10::bigint[], $11::int[], $12::int[], $13::text[], $14::timestamptz[],
            $15::bigint[], $16::bigint[], $17::boolean[])
            AS r(charge_id, state, error_class, reason, due_ms, retry_number, read_back_count,
                 progress, unclear_since, sent_ms, revio_charge_id, is_adopted)
        LEFT JOIN charge o ON o.tenant_id = $1 AND o.integration_authentication_id = fence.account
            AND o.revio_charge_id = r.revio_charge_id AND o.charge_id <> r.charge_id),
    before AS MATERIALIZED (
        SELECT c.charge_id, c.state, c.amount FROM result r
        JOIN charge c ON c.tenant_id = $1 AND c.charge_id = r.charge_id),
    changed AS (
        UPDATE charge c
        SET state = CASE WHEN r.other IS NULL THEN r.state ELSE 'parked' END,
            error_class = r.error_class,
            reason = CASE WHEN r.other IS NULL THEN r.reason ELSE 'Rev.io''s charge '
                || r.revio_charge_id || ' is that of intent ' || r.other END,
            due_at = CASE WHEN r.due_ms IS NULL THEN c.due_at
                          ELSE now() + r.due_ms * interval '1 millisecond' END,
            retry_number = r.retry_number, read_back_count = r.read_back_count,
            progress = r.progress::jsonb,
            unclear_since = CASE WHEN r.other IS NULL AND r.state NOT IN ('unknown', 'parked')
                THEN r.unclear_since ELSE coalesce(r.unclear_since, c.unclear_since, now()) END,
            sent_at = coalesce(now() - r.sent_ms * interval '1 millisecond',
                               CASE WHEN r.state = 'unknown' THEN c.sent_at END),
            revio_charge_id = CASE WHEN r.other IS NULL THEN r.revio_charge_id END,
            is_adopted = r.is_adopted,
            settled_at = CASE WHEN r.other IS NULL AND r.state IN ('charged', 'failed')
                              THEN now() END
        FROM result r WHERE c.tenant_id = $1 AND c.charge_id = r.charge_id
        RETURNING c.charge_id, c.state),
    logged AS (
        INSERT INTO charge_log (charge_id, attempt, step, tenant_id, description, action_text,
            request_text, response_text, response_status, error_text, process_by, correlation_id,
            started_at, processed_at)
        SELECT l.id, $5, l.step, $1, l.description, l.action, l.request, l.response, l.status,
            l.error, $20, $21, l.started_at, l.processed_at
        FROM fence, unnest($22::bigint[], $23::int[], $24::text[], $25::text[], $26::text[],
            $27::text[], $28::text[], $29::text[], $30::timestamptz[], $31::timestamptz[])
            AS l(id, step, description, action, request, response, status, error, started_at,
                 processed_at)),
    rest AS (
        SELECT least(l.due_at, t.due_at) AS due_at,
               now() + $19::bigint * interval '1 millisecond' AS not_before
        FROM fence,
            LATERAL (SELECT min(c.due_at) AS due_at FROM charge c
             WHERE c.tenant_id = $1 AND c.charge_run_id = $2 AND c.part_number = $3
               AND c.position BETWEEN fence.first AND fence.last
               AND c.state IN ('new', 'unknown') AND c.charge_id <> ALL ($6::bigint[])) l,
            LATERAL (SELECT min(coalesce(now() + r.due_ms * interval '1 millisecond',
                                         '-infinity')) AS due_at
             FROM result r WHERE r.other IS NULL AND r.state IN ('new', 'unknown')) t),
    page AS (
        UPDATE charge_page p
        SET state = CASE WHEN rest.due_at IS NULL THEN 'done' ELSE 'ready' END, worker = NULL,
            lost_count = $18::int,
            available_at = greatest(coalesce(rest.due_at, 'infinity'), rest.not_before)
        FROM rest
        WHERE p.tenant_id = $1 AND p.charge_run_id = $2 AND p.part_number = $3
          AND p.page_number = $4
        RETURNING 1),
    delta AS (
        SELECT coalesce(sum((c.state = 'new')::int - (b.state = 'new')::int), 0)::int AS fresh,
               coalesce(sum((c.state = 'unknown')::int - (b.state = 'unknown')::int), 0)::int
                   AS unknown,
               coalesce(sum((c.state = 'charged')::int), 0)::int AS charged,
               coalesce(sum((c.state = 'failed')::int), 0)::int AS failed,
               coalesce(sum((c.state = 'parked')::int), 0)::int AS parked,
               coalesce(sum(b.amount) FILTER (WHERE c.state = 'charged'), 0) AS amount
        FROM changed c JOIN before b ON b.charge_id = c.charge_id),
    part AS (
        UPDATE charge_run_part p
        SET new_count = p.new_count + d.fresh, unknown_count = p.unknown_count + d.unknown,
            charged_count = p.charged_count + d.charged, failed_count = p.failed_count + d.failed,
            parked_count = p.parked_count + d.parked,
            charged_amount = p.charged_amount + d.amount,
            state = CASE WHEN p.new_count + d.fresh + p.unknown_count + d.unknown = 0
                         THEN 'settled' ELSE p.state END,
            settled_at = CASE WHEN p.new_count + d.fresh + p.unknown_count + d.unknown = 0
                              THEN now() END,
            list_version = p.list_version
                + (p.new_count + d.fresh + p.unknown_count + d.unknown = 0)::int
        FROM delta d, page
        WHERE p.tenant_id = $1 AND p.charge_run_id = $2 AND p.part_number = $3
          AND p.state = 'sending'
        RETURNING p.state = 'settled' AS is_settled, p.optimization_queue_id),
    checked AS (
        INSERT INTO queue_message (queue, body, attributes, visible_at)
        SELECT 'customer_charge_check', 'Queue to check is ' || part.optimization_queue_id,
               jsonb_build_object('TenantId', $1::bigint::text, 'ChargeRunId', $2::bigint::text,
                                  'PartNumber', $3::int::text,
                                  'QueueId', part.optimization_queue_id::text,
                                  'RetryNumber', '0', 'RequestId', $21::text),
               now() + make_interval(secs => coalesce((SELECT s.check_delay_seconds
                   FROM charge_setting s WHERE s.tenant_id = $1), 0))
        FROM part WHERE part.is_settled RETURNING queue)
    SELECT coalesce((SELECT is_settled FROM part), false),
           (SELECT pg_notify('carryall_queue', queue)::text FROM checked)
    FROM page)"};

constexpr Query kNextDue{"charge_next_due", R"(
    SELECT (extract(epoch FROM min(available_at) - now()) * 1000)::bigint FROM charge_page
    WHERE tenant_id = $1 AND charge_run_id = $2 AND part_number = $3 AND state = 'ready'
      AND (SELECT hold = 'running' FROM charge_run WHERE tenant_id = $1 AND charge_run_id = $2))"};

// Who writes a page down does not see what a person releases in that very moment, and so may close
// the page over it.
constexpr Query kReopen{"charge_reopen_pages", R"(
    UPDATE charge_page g SET state = 'ready', available_at = now()
    WHERE g.tenant_id = $1 AND g.charge_run_id = $2 AND g.part_number = $3 AND g.state = 'done'
      AND EXISTS (SELECT FROM charge_run_part p WHERE p.tenant_id = $1 AND p.charge_run_id = $2
                  AND p.part_number = $3 AND p.state = 'sending')
      AND NOT EXISTS (SELECT FROM charge_page o WHERE o.tenant_id = $1 AND o.charge_run_id = $2
                      AND o.part_number = $3 AND o.state <> 'done')
      AND EXISTS (SELECT FROM charge c WHERE c.tenant_id = $1 AND c.charge_run_id = $2
                  AND c.part_number = $3
                  AND c.position BETWEEN g.first_position AND g.last_position
                  AND c.state IN ('new', 'unknown')))"};

constexpr Query kStop{"charge_stop_runs", R"(
    WITH stopped AS (
        UPDATE charge_run r
        SET hold = 'stopped', hold_reason = $3, hold_by = 'carryall', hold_at = now()
        WHERE r.tenant_id = $1 AND r.state <> 'finished' AND r.hold = 'running' AND EXISTS (
            SELECT FROM charge_run_part p WHERE p.tenant_id = $1
              AND p.charge_run_id = r.charge_run_id AND p.state = 'sending'
              AND p.integration_authentication_id = $2)
        RETURNING r.charge_run_id)
    SELECT emit_event($1, 'charge_run.stopped', 'charge_run/' || charge_run_id,
               jsonb_build_object('chargeRunId', charge_run_id, 'serviceProviderId', $2::bigint,
                                  'reason', $3::text))
    FROM stopped)"};

Params& add_part(Params& params, const WorkablePart& part) {
    return params.add(part.tenant_id).add(part.run).add(part.part_number);
}

ClaimedDevice read_claim(const Rows& rows, std::size_t row) {
    ClaimedDevice device;
    device.id = {rows.integer(row, 4)};
    device.device_id = rows.integer(row, 5);
    device.state = rows.text(row, 6) == "unknown" ? DeviceState::unknown : DeviceState::fresh;
    device.lost = rows.boolean(row, 7);
    device.retry_number = static_cast<int>(rows.integer(row, 8));
    device.read_back_count = static_cast<int>(rows.integer(row, 9));
    device.progress = rows.string(row, 10);
    device.unclear_since = rows.optional_instant(row, 11);
    if (const auto ago = rows.optional_integer(row, 12)) {
        device.sent_ago = std::chrono::milliseconds(*ago);
    }
    return device;
}

billing::revio::Charge read_charge(const Rows& rows, std::size_t row) {
    billing::revio::Charge charge;
    charge.rev_customer_id = rows.integer(row, 13);
    charge.service_id = rows.optional_integer(row, 14);
    // Rev.io takes exactly one of the two; the original system preferred the product.
    charge.product_id = rows.optional_integer(row, 15);
    if (!charge.product_id) charge.product_type_id = rows.optional_integer(row, 16);
    const auto amount = base::Money::parse(rows.text(row, 17));
    CHECK(amount.has_value());
    charge.amount = *amount;
    charge.description = rows.string(row, 18);
    charge.marker = rows.string(row, 19);
    charge.start_date = rows.string(row, 20);
    charge.end_date = rows.string(row, 21);
    std::string_view known = rows.text(row, 22);
    while (!known.empty()) {
        const auto id = base::parse_int(base::take_part(known, ","));
        if (id) charge.known_ids.push_back(*id);
    }
    return charge;
}

std::string_view stored_state(DeviceState state) {
    switch (state) {
        case DeviceState::processed:
            return "charged";
        case DeviceState::error:
            return "failed";
        case DeviceState::unknown:
            return "unknown";
        case DeviceState::parked:
            return "parked";
        default:
            return "new";
    }
}

void add_results(Params& params, const std::vector<DeviceResult>& results) {
    Array ids, states, classes, reasons, due, retries, read_backs, progress, unclear, sent, revio,
        adopted;
    for (const DeviceResult& result : results) {
        const changes::Verdict& verdict = result.verdict;
        ids.add(result.id.value);
        states.add(stored_state(verdict.state));
        verdict.error_class ? classes.add(changes::to_string(*verdict.error_class))
                            : classes.add_null();
        reasons.add_or_null(verdict.reason);
        verdict.due_in ? due.add(verdict.due_in->count()) : due.add_null();
        retries.add(static_cast<std::int64_t>(verdict.retry_number));
        read_backs.add(static_cast<std::int64_t>(verdict.read_back_count));
        progress.add_or_null(base::storable_json(result.progress));
        unclear.add(result.unclear_since);
        result.sent_ago ? sent.add(result.sent_ago->count()) : sent.add_null();
        const base::json::object told = base::parse_object(result.effect);
        const auto* id = told.if_contains("chargeId");
        id != nullptr && id->is_int64() ? revio.add(id->get_int64()) : revio.add_null();
        const auto* found = told.if_contains("adopted");
        adopted.add(found != nullptr && found->is_bool() && found->get_bool());
    }
    for (Array* array : {&ids, &states, &classes, &reasons, &due, &retries, &read_backs, &progress,
                         &unclear, &sent, &revio, &adopted}) {
        params.add(array->take());
    }
}

void add_log(Params& params, const std::vector<changes::LogEntry>& log) {
    Array ids, steps, descriptions, actions, requests, responses, statuses, errors, started,
        processed;
    for (const changes::LogEntry& entry : log) {
        ids.add(entry.device_change.value);
        steps.add(static_cast<std::int64_t>(entry.step));
        descriptions.add(entry.description);
        actions.add(entry.action);
        requests.add(entry.request);
        responses.add(entry.response);
        statuses.add(entry.status);
        errors.add_or_null(entry.error);
        started.add(entry.started_at);
        processed.add(entry.processed_at);
    }
    for (Array* array : {&ids, &steps, &descriptions, &actions, &requests, &responses, &statuses,
                         &errors, &started, &processed}) {
        params.add(array->take());
    }
}

constexpr const char* kProcessBy = "carryall work";

}  // namespace

Result<WorkablePart> load_part(db::Connection& connection, std::int64_t tenant_id, ChargeRunId run,
                               int part_number, const base::MasterKey& key) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    WorkablePart part;
    part.tenant_id = tenant_id;
    part.run = run;
    part.part_number = part_number;
    Params params;
    const auto rows = connection.exec(load_query(), add_part(params, part));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such part of a charge run");
    part.correlation_id = rows->string(0, 0);
    part.is_held = rows->boolean(0, 1);
    part.is_open = rows->boolean(0, 2);
    part.is_to_be_made = rows->boolean(0, 3);
    if (!rows->is_null(0, kAccountColumn)) {
        auto account = accounts::read_account(*rows, 0, kAccountColumn, key);
        if (!account) return account.error();
        part.account = std::move(*account);
        // Whoever switches the account off wants nothing to be written into it.
        if (!rows->boolean(0, 4)) part.account->write_is_enabled = false;
    }
    return part;
}

Result<std::optional<ClaimedCharges>> claim_charges(db::Connection& connection,
                                                    const WorkablePart& part,
                                                    const std::string& worker,
                                                    std::chrono::seconds lease) {
    CARRYALL_TRY(connection.work_for_tenant(part.tenant_id));
    Params params;
    const auto rows =
        connection.exec(kClaim, add_part(params, part).add(worker).add(lease.count()));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ClaimedCharges>();
    ClaimedCharges claimed;
    claimed.page.page_number = static_cast<int>(rows->integer(0, 0));
    claimed.page.attempt = static_cast<int>(rows->integer(0, 1));
    claimed.page.lost_count = static_cast<int>(rows->integer(0, 2));
    claimed.page.claimed_at = *rows->optional_instant(0, 3);
    for (std::size_t row = 0; row < rows->size(); ++row) {
        if (rows->is_null(row, 4)) continue;
        claimed.page.devices.push_back(read_claim(*rows, row));
        claimed.charges.emplace(rows->integer(row, 4), read_charge(*rows, row));
    }
    return std::optional(std::move(claimed));
}

Result<bool> extend_claim(db::Connection& connection, const WorkablePart& part,
                          const changes::ClaimedPage& page, std::chrono::seconds lease) {
    Params params;
    const auto rows = connection.exec(
        kExtend, add_part(params, part).add(page.page_number).add(page.attempt).add(lease.count()));
    if (!rows) return rows.error();
    return rows->affected() == 1;
}

Result<ClaimCompletion> complete_claim(db::Connection& connection, const WorkablePart& part,
                                       const changes::ClaimedPage& page,
                                       const std::vector<DeviceResult>& results,
                                       const std::vector<changes::LogEntry>& log,
                                       const ClaimEnd& end) {
    CARRYALL_TRY(connection.work_for_tenant(part.tenant_id));
    Params params;
    add_part(params, part).add(page.page_number).add(page.attempt);
    add_results(params, results);
    params.add(end.lost_count).add(end.resume_in.count());
    params.add(kProcessBy).add(part.correlation_id);
    add_log(params, log);
    const auto rows = connection.exec(kComplete, params);
    if (!rows) return rows.error();
    ClaimCompletion completion;
    completion.accepted = !rows->empty();
    completion.is_settled = completion.accepted && rows->boolean(0, 0);
    return completion;
}

Result<std::optional<std::chrono::milliseconds>> next_claim_due_in(db::Connection& connection,
                                                                   const WorkablePart& part) {
    CARRYALL_TRY(connection.work_for_tenant(part.tenant_id));
    Params params;
    const auto rows = connection.exec(kNextDue, add_part(params, part));
    if (!rows) return rows.error();
    std::optional<std::chrono::milliseconds> due_in;
    if (const auto due = rows->optional_integer(0, 0)) due_in.emplace(*due);
    return due_in;
}

Result<bool> reopen_pages(db::Connection& connection, const WorkablePart& part) {
    CARRYALL_TRY(connection.work_for_tenant(part.tenant_id));
    Params params;
    const auto rows = connection.exec(kReopen, add_part(params, part));
    if (!rows) return rows.error();
    return rows->affected() > 0;
}

Result<void> stop_runs_of(db::Connection& connection, const accounts::StoredAccount& account,
                          const std::string& reason) {
    CARRYALL_TRY(connection.work_for_tenant(account.tenant_id));
    CARRYALL_TRY(connection.exec(
        kStop, Params().add(account.tenant_id).add(account.service_provider_id).add(reason)));
    return {};
}

}  // namespace carryall::charges
