// A device change is still to come while it is new, its date is ahead and nothing was ever tried
// for it: one that waits to be tried again is being carried out already.
#include "changes/schedule_store.hpp"

#include <fmt/format.h>

#include "tenants/sql_time.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;

constexpr const char* kProcessBy = "carryall schedule";

// Of a device_change `c`; {0} is the present.
constexpr const char* kToCome =
    "c.state = 'new' AND c.due_at > {0}::timestamptz AND c.retry_number = 0 AND c.sent_at IS NULL";

std::string to_come(const char* now) {
    return fmt::format(fmt::runtime(kToCome), now);
}

Query staged_query() {
    static const std::string kSql = "SELECT " + iso8601("min(due_at)") + ", " +
                                    iso8601("max(due_at)") +
                                    " FROM submit_verdict WHERE reason IS NULL";
    return {"schedule_staged_dates", kSql.c_str()};
}

constexpr Query kNote{"schedule_note_dates", R"(
    UPDATE bulk_change SET first_due_at = $3::timestamptz, last_due_at = $4::timestamptz,
        time_zone = nullif($5::text, '')
    WHERE tenant_id = $1 AND bulk_change_id = $2)"};

Query stored_query() {
    static const std::string kSql = "SELECT " + iso8601("first_due_at") + ", " +
                                    iso8601("last_due_at") +
                                    ", time_zone FROM bulk_change"
                                    " WHERE tenant_id = $1 AND bulk_change_id = $2";
    return {"schedule_stored_dates", kSql.c_str()};
}

constexpr Query kAnythingToCome{"schedule_anything_to_come", R"(
    SELECT EXISTS (SELECT FROM bulk_change WHERE tenant_id = $1 AND finished_at IS NULL
                     AND last_due_at > $3::timestamptz AND bulk_change_id <> $2)
        OR EXISTS (SELECT FROM customer_rate_plan_device_queue
                   WHERE tenant_id = $1 AND is_active))"};

// A change contradicts one of the same type. A status contradicts everything that comes after it,
// and everything a later status; a customer's rate plan that is scheduled contradicts another one
// and another customer. The soonest is named.
Query warn_query() {
    static const std::string kSql = fmt::format(R"(
    WITH pending AS (
        SELECT v.ordinal, c.due_at, b.change_type AS type, b.bulk_change_id,
               coalesce(c.request, b.request) AS request, NULL::bigint AS plan_id
        FROM submit_verdict v
        JOIN device_change c ON c.tenant_id = $1 AND c.device_id = v.device_id AND {}
        JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = c.device_change_id >> 20
            AND b.finished_at IS NULL AND b.last_due_at > $4::timestamptz
            AND b.bulk_change_id <> $2 AND b.status <> 'PLANNED'
        WHERE v.reason IS NULL AND (b.change_type = $3 OR 'statusupdate' IN (b.change_type, $3))
        UNION ALL
        SELECT v.ordinal, q.effective_date, 'customerrateplanchange', q.device_change_id >> 20,
               NULL, q.customer_rate_plan_id
        FROM submit_verdict v
        JOIN customer_rate_plan_device_queue q ON q.tenant_id = $1 AND q.device_id = v.device_id
            AND q.is_active
        WHERE v.reason IS NULL AND $3 IN ('customerrateplanchange', 'customerassignment')),
    soonest AS MATERIALIZED (
        SELECT DISTINCT ON (ordinal) *, count(*) OVER (PARTITION BY ordinal) AS several
        FROM pending ORDER BY ordinal, due_at, bulk_change_id),
    warned AS (
        UPDATE device_change c
        SET warning = 'device has a pending ' || CASE s.type
                WHEN 'carrierrateplanchange' THEN 'carrier rate plan change'
                WHEN 'customerrateplanchange' THEN 'customer rate plan change'
                WHEN 'customerassignment' THEN 'customer assignment'
                WHEN 'statusupdate' THEN 'status update' ELSE s.type END
            || coalesce(' to ' || CASE s.type
                WHEN 'carrierrateplanchange'
                    THEN s.request -> 'carrierRatePlanUpdate' ->> 'carrierRatePlan'
                WHEN 'statusupdate' THEN s.request -> 'statusUpdate' ->> 'updateStatus'
                WHEN 'customerassignment' THEN (SELECT u.name FROM customer u
                    WHERE u.tenant_id = $1 AND u.customer_id =
                        (s.request -> 'customerAssignment' ->> 'customerId')::bigint)
                WHEN 'customerrateplanchange' THEN (SELECT r.code FROM customer_rate_plan r
                    WHERE r.tenant_id = $1 AND r.customer_rate_plan_id = coalesce(s.plan_id,
                        (s.request -> 'customerRatePlanUpdate' ->> 'customerRatePlanId')::bigint))
                END, '')
            || ' on ' || to_char(s.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            || ' (bulk change ' || s.bulk_change_id || ')'
            || CASE WHEN s.several > 1 THEN ' and ' || s.several - 1 || ' more' ELSE '' END
        FROM soonest s
        WHERE c.tenant_id = $1 AND c.device_change_id = ($2::bigint << 20) + s.ordinal)
    SELECT count(*) FROM soonest)",
                                                to_come("$4"));
    return {"schedule_warn_of_pending", kSql.c_str()};
}

// The pages of a piece, locked as a worker's claim locks them, that hold rows of the scope.
// $1 tenant, $2 change, $3 after which page, $4 pages, $5 the rows' ids or NULL.
constexpr const char* kLockPages = R"(
    WITH page AS MATERIALIZED (
        SELECT page_number, first_device_change_id AS first, last_device_change_id AS last
        FROM change_page
        WHERE tenant_id = $1 AND bulk_change_id = $2 AND state = 'ready' AND page_number > $3
          AND ($5::bigint[] IS NULL OR EXISTS (SELECT FROM unnest($5::bigint[]) u(id)
               WHERE u.id BETWEEN first_device_change_id AND last_device_change_id))
        ORDER BY page_number LIMIT $4::int FOR UPDATE),)";
// What is left of a touched page is due at its earliest device.
constexpr const char* kRestOfPages = R"(
    rest AS (
        SELECT page.page_number, (
            SELECT min(o.due_at) FROM device_change o
            WHERE o.tenant_id = $1 AND o.device_change_id BETWEEN page.first AND page.last
              AND o.state IN ('new', 'waiting', 'unknown')
              AND NOT EXISTS (SELECT FROM hit WHERE hit.device_change_id = o.device_change_id))
            AS due_at
        FROM page WHERE page.page_number IN (SELECT page_number FROM hit)),)";

// $6 now, $7 the new date, $8 section of the type's own date or empty.
Query move_query() {
    static const std::string kSql =
        fmt::format(R"({0}
    hit AS (
        UPDATE device_change c
        SET due_at = $7::timestamptz,
            request = CASE WHEN c.request #> ARRAY[$8, 'effectiveDate'] IS NOT NULL
                THEN jsonb_set(c.request, ARRAY[$8, 'effectiveDate'], to_jsonb({3})) ELSE c.request
                END
        FROM page
        WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN page.first AND page.last AND {1}
          AND ($5::bigint[] IS NULL OR c.device_change_id = ANY ($5::bigint[]))
        RETURNING c.device_change_id, page.page_number),{2}
    moved AS (
        UPDATE change_page p SET available_at = least(rest.due_at, $7::timestamptz)
        FROM rest WHERE p.tenant_id = $1 AND p.bulk_change_id = $2
          AND p.page_number = rest.page_number)
    SELECT (SELECT count(*) FROM hit), coalesce((SELECT max(page_number) FROM page), 0))",
                    kLockPages, to_come("$6"), kRestOfPages, iso8601("$7::timestamptz"));
    return {"schedule_move_changes", kSql.c_str()};
}

// $6 now, $7 reason, $8 process_by.
Query cancel_query() {
    static const std::string kSql = fmt::format(R"({0}
    hit AS (
        UPDATE device_change c
        SET state = 'cancelled', reason = $7, finished_at = $6::timestamptz
        FROM page
        WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN page.first AND page.last AND {1}
          AND ($5::bigint[] IS NULL OR c.device_change_id = ANY ($5::bigint[]))
        RETURNING c.device_change_id, page.page_number),{2}
    logged AS (
        INSERT INTO device_change_log (device_change_id, attempt, step, tenant_id, portal,
            log_entry_description, action_text, response_text, response_status, has_errors,
            process_by, correlation_id, started_at, processed_at)
        SELECT hit.device_change_id, 0, coalesce((SELECT max(l.step) + 1 FROM device_change_log l
                   WHERE l.tenant_id = $1 AND l.device_change_id = hit.device_change_id
                     AND l.attempt = 0), 1),
               $1, b.portal, 'Cancelled before its date', 'Cancel', $7, 'PROCESSED', false, $8,
               b.correlation_id, $6::timestamptz, clock_timestamp()
        FROM hit JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = $2),
    ended AS (
        UPDATE change_page p
        SET state = CASE WHEN rest.due_at IS NULL THEN 'done' ELSE 'ready' END,
            available_at = coalesce(rest.due_at, 'infinity')
        FROM rest WHERE p.tenant_id = $1 AND p.bulk_change_id = $2
          AND p.page_number = rest.page_number
        RETURNING (p.state = 'done')::int AS done),
    total AS (
        SELECT (SELECT count(*) FROM hit)::int AS devices,
               (SELECT coalesce(sum(done), 0) FROM ended)::int AS pages),
    counted AS (
        UPDATE bulk_change b
        SET new_count = b.new_count - t.devices, cancelled_count = b.cancelled_count + t.devices,
            open_page_count = b.open_page_count - t.pages,
            finished_at = CASE WHEN b.open_page_count = t.pages THEN $6::timestamptz END,
            status = CASE WHEN b.open_page_count > t.pages THEN b.status
                WHEN b.error_count + b.parked_count = 0 THEN 'CANCELLED' ELSE 'PARTIAL' END
        FROM total t
        WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND t.devices > 0)
    SELECT total.devices, coalesce((SELECT max(page_number) FROM page), 0) FROM total)",
                                                kLockPages, to_come("$6"), kRestOfPages);
    return {"schedule_cancel_changes", kSql.c_str()};
}

// Of the queue: $3 after which device change, $4 rows, $5 ids or NULL, $6 now, $7 actor.
constexpr const char* kLockPlans = R"(
    WITH hit AS MATERIALIZED (
        SELECT id, device_id, device_change_id FROM customer_rate_plan_device_queue
        WHERE tenant_id = $1 AND is_active AND effective_date > $6::timestamptz
          AND device_change_id > $3::bigint
          AND device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1
          AND ($5::bigint[] IS NULL OR device_change_id = ANY ($5::bigint[]))
        ORDER BY device_change_id LIMIT $4::int FOR UPDATE),
    done AS (
        UPDATE customer_rate_plan_device_queue q
        SET modified_by = $7, modified_date = $6::timestamptz, )";
constexpr const char* kPlansDone = R"(
        FROM hit WHERE q.tenant_id = $1 AND q.id = hit.id))";
constexpr const char* kPlansEnd = R"(
    SELECT count(*), coalesce(max(device_change_id), 0) FROM hit)";

Query move_plans_query() {
    static const std::string kSql =
        fmt::format("{}effective_date = $8::timestamptz{}{}", kLockPlans, kPlansDone, kPlansEnd);
    return {"schedule_move_plans", kSql.c_str()};
}

Query cancel_plans_query() {
    static const std::string kSql = fmt::format(R"({}is_active = false{},
    event AS (
        INSERT INTO device_event (tenant_id, device_id, source, actor, detail)
        SELECT $1, device_id, 'schedule', $7, jsonb_build_object('withdrawn',
            'customer rate plan', 'bulkChangeId', $2::bigint, 'reason', $8::text)
        FROM hit){})",
                                                kLockPlans, kPlansDone, kPlansEnd);
    return {"schedule_cancel_plans", kSql.c_str()};
}

// $3 now, $4 zone, $5 the date, $6 section, $7 whole.
Query refresh_query() {
    static const std::string kSql = fmt::format(R"(
    WITH dates AS (
        SELECT min(c.due_at) AS first, max(c.due_at) AS last FROM device_change c
        WHERE c.tenant_id = $1
          AND c.device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1 AND {})
    UPDATE bulk_change b
    SET first_due_at = coalesce(dates.first, b.first_due_at),
        last_due_at = coalesce(dates.last, b.last_due_at),
        time_zone = coalesce(nullif($4::text, ''), b.time_zone),
        request = CASE WHEN $7::boolean AND b.request #> ARRAY[$6, 'effectiveDate'] IS NOT NULL
            THEN jsonb_set(b.request, ARRAY[$6, 'effectiveDate'], to_jsonb({}))
            ELSE b.request END
    FROM dates WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)",
                                                to_come("$3"), iso8601("$5::timestamptz"));
    return {"schedule_refresh_dates", kSql.c_str()};
}

// $3 now, $4 ids or NULL.
Query rest_query() {
    static const std::string kSql = fmt::format(R"(
    SELECT b.status, (
        SELECT count(*) FROM device_change c
        WHERE c.tenant_id = $1 AND b.last_due_at > $3::timestamptz
          AND c.device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1
          AND ($4::bigint[] IS NULL OR c.device_change_id = ANY ($4::bigint[])) AND {})
    FROM bulk_change b WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)",
                                                to_come("$3"));
    return {"schedule_rest", kSql.c_str()};
}

void add_rows(Params& params, const ScheduleScope& scope) {
    if (scope.rows.empty()) {
        params.add_null();
        return;
    }
    Array ids;
    for (const DeviceChangeId id : scope.rows) ids.add(id.value);
    params.add(ids.take());
}

// $1 to $6 of a piece.
Params params_of(const SchedulePiece& piece, int limit) {
    Params params;
    params.add(piece.tenant_id).add(piece.scope.id).add(piece.after).add(limit);
    add_rows(params, piece.scope);
    params.add(piece.now);
    return params;
}

Result<PieceDone> done(const Result<Rows>& rows) {
    if (!rows) return rows.error();
    return PieceDone{rows->integer(0, 0), rows->integer(0, 1)};
}

// Pages of the smallest size make the smallest pieces.
constexpr int kPagesOfPiece = kScheduleBatch / kDefaultPageSize;

std::optional<ScheduleDates> dates_at(const Rows& rows, int column) {
    if (rows.empty() || rows.is_null(0, column)) return std::nullopt;
    return ScheduleDates{rows.string(0, column), rows.string(0, column + 1), {}};
}

}  // namespace

Result<std::optional<ScheduleDates>> staged_dates(db::Transaction& transaction) {
    const auto rows = transaction.exec(staged_query());
    if (!rows) return rows.error();
    return dates_at(*rows, 0);
}

Result<void> note_dates(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                        const ScheduleDates& dates) {
    CARRYALL_TRY(transaction.exec(
        kNote,
        Params().add(tenant_id).add(id).add(dates.first).add(dates.last).add(dates.time_zone)));
    return {};
}

Result<std::optional<ScheduleDates>> stored_dates(db::Transaction& transaction,
                                                  std::int64_t tenant_id, BulkChangeId id) {
    const auto rows = transaction.exec(stored_query(), Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    auto dates = dates_at(*rows, 0);
    if (dates) dates->time_zone = rows->string(0, 2);
    return dates;
}

Result<std::int64_t> warn_of_pending(db::Transaction& transaction, std::int64_t tenant_id,
                                     BulkChangeId id, ChangeType type, base::Instant now) {
    const auto any =
        transaction.exec(kAnythingToCome, Params().add(tenant_id).add(id.value).add(now));
    if (!any) return any.error();
    if (!any->boolean(0, 0)) return std::int64_t{0};
    const auto rows = transaction.exec(
        warn_query(), Params().add(tenant_id).add(id.value).add(to_string(type)).add(now));
    if (!rows) return rows.error();
    return rows->integer(0, 0);
}

Result<PieceDone> move_changes(db::Transaction& transaction, const SchedulePiece& piece,
                               const NewDate& date) {
    return done(transaction.exec(move_query(),
                                 params_of(piece, kPagesOfPiece).add(date.at).add(date.section)));
}

Result<PieceDone> cancel_changes(db::Transaction& transaction, const SchedulePiece& piece,
                                 const std::string& reason) {
    return done(transaction.exec(cancel_query(),
                                 params_of(piece, kPagesOfPiece).add(reason).add(kProcessBy)));
}

Result<PieceDone> move_plans(db::Transaction& transaction, const SchedulePiece& piece,
                             base::Instant to) {
    return done(transaction.exec(move_plans_query(),
                                 params_of(piece, kScheduleBatch).add(piece.actor).add(to)));
}

Result<PieceDone> cancel_plans(db::Transaction& transaction, const SchedulePiece& piece,
                               const std::string& reason) {
    return done(transaction.exec(cancel_plans_query(),
                                 params_of(piece, kScheduleBatch).add(piece.actor).add(reason)));
}

Result<void> refresh_dates(db::Transaction& transaction, const SchedulePiece& piece,
                           const std::string& time_zone, const NewDate& date, bool whole) {
    CARRYALL_TRY(transaction.exec(refresh_query(), Params()
                                                       .add(piece.tenant_id)
                                                       .add(piece.scope.id)
                                                       .add(piece.now)
                                                       .add(time_zone)
                                                       .add(date.at)
                                                       .add(date.section)
                                                       .add(whole)));
    return {};
}

Result<ScheduleRest> rest_of(db::Transaction& transaction, const SchedulePiece& piece) {
    Params params;
    params.add(piece.tenant_id).add(piece.scope.id).add(piece.now);
    add_rows(params, piece.scope);
    const auto rows = transaction.exec(rest_query(), params);
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("the bulk change was not found");
    return ScheduleRest{rows->integer(0, 1), rows->string(0, 0)};
}

}  // namespace carryall::changes
