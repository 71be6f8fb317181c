// The SQL of what a person may do with a run: stop, resume, let parked charges go on or dismiss
// them, reverse.
#include <fmt/format.h>

#include "charges/charge_period.hpp"
#include "charges/enqueue.hpp"
#include "charges/enqueue_store.hpp"
#include "charges/intents_store.hpp"
#include "charges/run.hpp"

namespace carryall::charges {
namespace {

using base::Error;
using base::ErrorKind;
using db::Array;
using db::Params;
using db::Query;

constexpr Query kState{"charge_run_state", R"(
    SELECT state, hold FROM charge_run WHERE tenant_id = $1 AND charge_run_id = $2 FOR UPDATE)"};

constexpr Query kStop{"charge_run_stop", R"(
    UPDATE charge_run SET hold = 'stopped', hold_reason = $3, hold_by = $4, hold_at = now()
    WHERE tenant_id = $1 AND charge_run_id = $2)"};

constexpr Query kResume{"charge_run_resume", R"(
    UPDATE charge_run SET hold = 'running', hold_reason = NULL, hold_by = $3, hold_at = now()
    WHERE tenant_id = $1 AND charge_run_id = $2)"};

// What a person decides about parked charges: $5, a reason, dismisses them; without one they go on.
// What may have been sent is looked up first, and is never dismissed: it may be in Rev.io. A
// customer without Rev.io has nothing to be sent to. What lacks a customer or a product of Rev.io
// could only be refused, so it stays.
constexpr Query kDecide{"charge_decide", R"(
    WITH wanted AS MATERIALIZED (
        SELECT c.charge_id, c.part_number, c.position, c.amount,
               CASE WHEN $5::text IS NOT NULL THEN
                        CASE WHEN c.unclear_since IS NULL AND c.sent_at IS NULL THEN 'skipped'
                             ELSE 'parked' END
                    WHEN p.integration_authentication_id IS NULL THEN 'recorded'
                    WHEN c.rev_customer_id IS NULL
                        OR coalesce(c.product_id, c.product_type_id) IS NULL THEN 'parked'
                    WHEN c.unclear_since IS NOT NULL OR c.sent_at IS NOT NULL THEN 'unknown'
                    ELSE 'new' END AS next
        FROM charge c
        JOIN charge_run_part p ON p.tenant_id = $1 AND p.charge_run_id = $2
            AND p.part_number = c.part_number
        WHERE c.tenant_id = $1 AND c.charge_run_id = $2 AND c.state = 'parked'
          AND (cardinality($3::bigint[]) = 0 OR c.charge_id = ANY ($3::bigint[]))
        FOR UPDATE OF c),
    decided AS (
        UPDATE charge c
        SET state = w.next, error_class = NULL, due_at = '-infinity',
            reason = CASE w.next WHEN 'skipped' THEN 'dismissed by ' || $4 || ': ' || $5
                || ' (it was parked: ' || c.reason || ')' END,
            retry_number = 0, read_back_count = 0, released_by = $4,
            settled_at = CASE WHEN w.next IN ('recorded', 'skipped') THEN now() END
        FROM wanted w WHERE c.tenant_id = $1 AND c.charge_id = w.charge_id AND w.next <> 'parked'),
    page AS (
        UPDATE charge_page g SET state = 'ready', available_at = now()
        WHERE g.tenant_id = $1 AND g.charge_run_id = $2 AND g.state <> 'sending' AND EXISTS (
            SELECT FROM wanted w WHERE w.part_number = g.part_number
              AND w.position BETWEEN g.first_position AND g.last_position
              AND w.next IN ('new', 'unknown'))),
    counted AS (
        SELECT part_number, count(*) AS decided, count(*) FILTER (WHERE next = 'new') AS fresh,
               count(*) FILTER (WHERE next = 'unknown') AS unknown,
               count(*) FILTER (WHERE next = 'recorded') AS recorded,
               count(*) FILTER (WHERE next = 'skipped') AS skipped,
               coalesce(sum(amount) FILTER (WHERE next = 'recorded'), 0) AS amount
        FROM wanted WHERE next <> 'parked' GROUP BY part_number),
    part AS (
        UPDATE charge_run_part p
        SET parked_count = p.parked_count - c.decided, new_count = p.new_count + c.fresh,
            unknown_count = p.unknown_count + c.unknown,
            recorded_count = p.recorded_count + c.recorded,
            skipped_count = p.skipped_count + c.skipped,
            charged_amount = p.charged_amount + c.amount,
            state = CASE WHEN p.new_count + c.fresh + p.unknown_count + c.unknown > 0
                         THEN 'sending' ELSE 'settled' END,
            settled_at = CASE WHEN p.new_count + c.fresh + p.unknown_count + c.unknown > 0
                              THEN NULL ELSE now() END,
            list_version = p.list_version
                + (p.new_count + c.fresh + p.unknown_count + c.unknown = 0)::int
        FROM counted c, charge_run_part old
        WHERE p.tenant_id = $1 AND p.charge_run_id = $2 AND p.part_number = c.part_number
          AND old.tenant_id = $1 AND old.charge_run_id = $2 AND old.part_number = c.part_number
        RETURNING (old.state = 'listed')::int AS was_listed),
    run AS (
        UPDATE charge_run r
        SET open_part_count = r.open_part_count + n.reopened,
            state = CASE WHEN r.state = 'finished' THEN 'sending' ELSE r.state END,
            finished_at = NULL
        FROM (SELECT sum(was_listed) AS reopened FROM part HAVING count(*) > 0) n
        WHERE r.tenant_id = $1 AND r.charge_run_id = $2)
    SELECT count(*) FILTER (WHERE next <> 'parked'), count(*) FILTER (WHERE next = 'unknown'),
           count(*) FILTER (WHERE next = 'parked'), count(*)
    FROM wanted)"};

// A sign-off that was waited for came first, by the clock, too.
constexpr Query kInsertReversal{"charge_insert_reversal", R"(
    INSERT INTO charge_run (tenant_id, source, state, reason, created_by, created_at,
        correlation_id)
    VALUES ($1, 'reversal', 'sending', $2, $3, clock_timestamp(), $4) RETURNING charge_run_id)"};

// The parts that have something to reverse, under their own numbers. A reversal that was refused or
// dismissed has reversed nothing.
constexpr Query kReversalParts{"charge_reversal_parts", R"(
    INSERT INTO charge_run_part (tenant_id, charge_run_id, part_number, optimization_queue_id,
        integration_authentication_id, customer_id, billing_period_start, billing_period_end, note)
    SELECT $1, $2, p.part_number, p.optimization_queue_id, p.integration_authentication_id,
        p.customer_id, p.billing_period_start, p.billing_period_end,
        'reverses charges of run ' || $3::bigint || coalesce((
            SELECT ', whose billing period ' || s.signed_off_by || ' has signed off'
            FROM charge_period_sign_off s WHERE s.tenant_id = $1
              AND s.billing_period_start = p.billing_period_start
              AND s.billing_period_end = p.billing_period_end), '')
    FROM charge_run_part p
    WHERE p.tenant_id = $1 AND p.charge_run_id = $3 AND EXISTS (
        SELECT FROM charge c WHERE c.tenant_id = $1 AND c.charge_run_id = $3
          AND c.part_number = p.part_number AND c.state IN ('charged', 'recorded')
          AND c.reverses_charge_id IS NULL
          AND (cardinality($4::bigint[]) = 0 OR c.charge_id = ANY ($4::bigint[]))
          AND NOT EXISTS (SELECT FROM charge v WHERE v.tenant_id = $1
              AND v.reverses_charge_id = c.charge_id AND v.state NOT IN ('failed', 'skipped'))))"};

constexpr Query kReversalCharges{"charge_reversal_charges", R"(
    INSERT INTO charge (tenant_id, charge_run_id, part_number, position, source, source_id,
        device_id, customer_id, service_provider_id, portal, kind, billing_period_start,
        billing_period_end, generation, reverses_charge_id, amount, usage_mb, description, marker,
        integration_authentication_id, rev_customer_id, revio_service_id, product_id,
        product_type_id, start_date, end_date, state, settled_at)
    SELECT $1, $2, c.part_number,
        row_number() OVER (PARTITION BY c.part_number ORDER BY c.position), c.source, c.source_id,
        c.device_id, c.customer_id, c.service_provider_id, c.portal, c.kind,
        c.billing_period_start, c.billing_period_end, g.next, c.charge_id, -c.amount,
        c.usage_mb, left('Reversal - ' || c.description, 1500),
        CASE WHEN c.marker = '' THEN '' ELSE c.marker || '-G' || g.next END,
        c.integration_authentication_id, c.rev_customer_id, c.revio_service_id, c.product_id,
        c.product_type_id, c.start_date, c.end_date,
        CASE c.state WHEN 'charged' THEN 'new' ELSE 'recorded' END,
        CASE c.state WHEN 'recorded' THEN now() END
    FROM charge c CROSS JOIN LATERAL (
        SELECT c.generation + 1 + count(*) AS next FROM charge v
        WHERE v.tenant_id = $1 AND v.reverses_charge_id = c.charge_id) g
    WHERE c.tenant_id = $1 AND c.charge_run_id = $3 AND c.state IN ('charged', 'recorded')
      AND c.reverses_charge_id IS NULL
      AND (cardinality($4::bigint[]) = 0 OR c.charge_id = ANY ($4::bigint[]))
      AND NOT EXISTS (SELECT FROM charge v WHERE v.tenant_id = $1
          AND v.reverses_charge_id = c.charge_id AND v.state NOT IN ('failed', 'skipped')))"};

std::string array_of(const std::vector<std::int64_t>& ids) {
    Array array;
    for (const std::int64_t id : ids) array.add(id);
    return array.take();
}

Result<void> check_named(const std::vector<std::int64_t>& ids) {
    if (ids.size() <= kMaxNamedCharges) return {};
    return base::invalid_input(
        fmt::format("at most {} charges can be named; leave the list out for all",
                    kMaxNamedCharges),
        "/chargeIds");
}

Result<void> check_reason(const std::string& reason) {
    if (!reason.empty() && reason.size() <= kMaxReasonBytes) return {};
    return base::invalid_input(
        fmt::format("say why, in at most {} bytes: it is kept with the run", kMaxReasonBytes),
        "/reason");
}

struct RunState {
    std::string state;
    std::string hold;
};
Result<RunState> lock_run(db::Transaction& transaction, const tenants::Caller& caller,
                          ChargeRunId id) {
    const auto rows = transaction.exec(kState, Params().add(caller.tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such charge run");
    return RunState{rows->string(0, 0), rows->string(0, 1)};
}

Error conflict(std::string message) {
    return {ErrorKind::conflict, std::move(message), {}};
}

}  // namespace

Result<void> stop_run(db::Connection& connection, const tenants::Caller& caller, ChargeRunId id,
                      const std::string& reason) {
    CARRYALL_TRY(check_reason(reason));
    const auto done = db::in_transaction<bool>(
        connection, caller.tenant_id.value, [&](db::Transaction& transaction) -> Result<bool> {
            const auto run = lock_run(transaction, caller, id);
            if (!run) return run.error();
            if (run->state == "finished") return conflict("the run has finished");
            if (run->hold == "stopped") return true;
            CARRYALL_TRY(transaction.exec(
                kStop, Params().add(caller.tenant_id).add(id).add(reason).add(caller.name)));
            return true;
        });
    if (!done) return done.error();
    return {};
}

Result<void> resume_run(db::Connection& connection, const tenants::Caller& caller, ChargeRunId id) {
    const auto done = db::in_transaction<bool>(
        connection, caller.tenant_id.value, [&](db::Transaction& transaction) -> Result<bool> {
            const auto run = lock_run(transaction, caller, id);
            if (!run) return run.error();
            if (run->hold != "stopped") return conflict("the run is not stopped");
            CARRYALL_TRY(
                transaction.exec(kResume, Params().add(caller.tenant_id).add(id).add(caller.name)));
            return wake_run(transaction, caller.tenant_id.value, id);
        });
    if (!done) return done.error();
    return {};
}

namespace {

// Of parked charges; `reason` dismisses them.
Result<Released> decide(db::Connection& connection, const tenants::Caller& caller, ChargeRunId id,
                        const std::vector<std::int64_t>& charge_ids,
                        const std::optional<std::string>& reason) {
    CARRYALL_TRY(check_named(charge_ids));
    return db::in_transaction<Released>(
        connection, caller.tenant_id.value, [&](db::Transaction& transaction) -> Result<Released> {
            const auto run = lock_run(transaction, caller, id);
            if (!run) return run.error();
            const auto rows = transaction.exec(kDecide, Params()
                                                            .add(caller.tenant_id)
                                                            .add(id)
                                                            .add(array_of(charge_ids))
                                                            .add(caller.name)
                                                            .add(reason));
            if (!rows) return rows.error();
            const auto found = static_cast<std::size_t>(rows->integer(0, 3));
            if (found < charge_ids.size()) {
                return conflict(fmt::format("{} of the {} named charges are not parked in this run",
                                            charge_ids.size() - found, charge_ids.size()));
            }
            CARRYALL_TRY(wake_run(transaction, caller.tenant_id.value, id));
            return Released{rows->integer(0, 0), rows->integer(0, 1), rows->integer(0, 2)};
        });
}

}  // namespace

Result<Released> release_parked(db::Connection& connection, const tenants::Caller& caller,
                                ChargeRunId id, const std::vector<std::int64_t>& charge_ids) {
    return decide(connection, caller, id, charge_ids, std::nullopt);
}

Result<Dismissed> dismiss_parked(db::Connection& connection, const tenants::Caller& caller,
                                 ChargeRunId id, const std::vector<std::int64_t>& charge_ids,
                                 const std::string& reason) {
    CARRYALL_TRY(check_reason(reason));
    const auto decided = decide(connection, caller, id, charge_ids, reason);
    if (!decided) return decided.error();
    return Dismissed{decided->released, decided->kept};
}

Result<Reversed> reverse_charges(db::Connection& connection, const tenants::Caller& caller,
                                 ChargeRunId id, const std::vector<std::int64_t>& charge_ids,
                                 const std::string& reason) {
    CARRYALL_TRY(check_named(charge_ids));
    CARRYALL_TRY(check_reason(reason));
    return db::in_transaction<Reversed>(
        connection, caller.tenant_id.value, [&](db::Transaction& transaction) -> Result<Reversed> {
            CARRYALL_TRY(begin_making(transaction, caller.tenant_id.value));
            CARRYALL_TRY(keep_periods_open(transaction, caller.tenant_id.value));
            const auto run = lock_run(transaction, caller, id);
            if (!run) return run.error();
            const auto made = transaction.exec(kInsertReversal, Params()
                                                                    .add(caller.tenant_id)
                                                                    .add(reason)
                                                                    .add(caller.name)
                                                                    .add(base::random_uuid()));
            if (!made) return made.error();
            const ChargeRunId reversal{made->integer(0, 0)};
            const Params which =
                Params().add(caller.tenant_id).add(reversal).add(id).add(array_of(charge_ids));
            CARRYALL_TRY(transaction.exec(kReversalParts, which));
            const auto inserted = transaction.exec(kReversalCharges, which);
            if (!inserted) return inserted.error();
            const std::size_t count = inserted->affected();
            if (count == 0) {
                return conflict(
                    "no charge of this run can be reversed: none is charged, or all "
                    "are reversed already");
            }
            if (count < charge_ids.size()) {
                return conflict(fmt::format(
                    "{} of the {} named charges are not charged by this run, or are reversed "
                    "already",
                    charge_ids.size() - count, charge_ids.size()));
            }
            const auto parts =
                finish_making(transaction, caller.tenant_id.value, reversal, InstanceId{});
            if (!parts) return parts.error();
            CARRYALL_TRY(wake_run(transaction, caller.tenant_id.value, reversal));
            return Reversed{reversal, static_cast<std::int64_t>(count)};
        });
}

}  // namespace carryall::charges
