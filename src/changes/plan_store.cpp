#include "changes/plan_store.hpp"

#include "changes/image_store.hpp"
#include "changes/request.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;

std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) text += part;
    return text;
}

// The devices of the change $2, each with the section it is to get: `c`, `b`, `s`. $3 names the
// section.
constexpr const char* kDevices = R"(
    FROM bulk_change b
    JOIN device_change c ON c.tenant_id = $1
        AND c.device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1
    CROSS JOIN LATERAL (SELECT coalesce(c.request -> $3, b.request -> $3) AS section) s)";

const QueryByType& counts_query() {
    static const QueryByType queries("plan_counts", [](ChangeType type) {
        return joined({"SELECT count(*) FILTER (WHERE c.before @> ", target_of_section(type), R"(),
           count(*) FILTER (WHERE (s.section ->> 'createRevService')::boolean),
           coalesce(sum(jsonb_array_length(s.section -> 'revioProductIds'))
               FILTER (WHERE (s.section ->> 'createRevService')::boolean), 0),
           count(*) FILTER (WHERE s.section ->> 'removeOfferingCodes' <> ''),
           count(*) FILTER (WHERE (s.section ->> 'staticIp')::boolean))",
                       kDevices,
                       " WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND c.state = 'new'"});
    });
    return queries;
}

// Devices are counted by their plans first, so that a price is looked up once for each plan.
Query prices_query() {
    static const std::string sql = joined({R"(
    WITH plans AS (
        SELECT d.carrier_rate_plan_id AS carrier_before,
               coalesce(t.carrier_rate_plan_id, d.carrier_rate_plan_id) AS carrier_after,
               d.customer_rate_plan_id AS customer_before,
               CASE WHEN s.section -> 'emptied' ? 'customerRatePlanId' THEN NULL
                    ELSE coalesce((s.section ->> 'customerRatePlanId')::bigint,
                                  d.customer_rate_plan_id) END AS customer_after,
               count(*) AS devices)",
                                           kDevices, R"(
        LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id
        LEFT JOIN carrier_rate_plan t ON t.tenant_id = $1
            AND t.service_provider_id = b.service_provider_id
            AND t.code = s.section ->> 'carrierRatePlan'
        WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND c.state = 'new'
        GROUP BY 1, 2, 3, 4),
    sides AS (
        SELECT 0 AS side, devices, p.monthly_price, p.currency
        FROM plans LEFT JOIN carrier_rate_plan p
            ON p.tenant_id = $1 AND p.carrier_rate_plan_id = carrier_before
        UNION ALL SELECT 1, devices, p.monthly_price, p.currency
        FROM plans LEFT JOIN carrier_rate_plan p
            ON p.tenant_id = $1 AND p.carrier_rate_plan_id = carrier_after
        UNION ALL SELECT 2, devices, p.monthly_price, p.currency
        FROM plans LEFT JOIN customer_rate_plan p
            ON p.tenant_id = $1 AND p.customer_rate_plan_id = customer_before
        UNION ALL SELECT 3, devices, p.monthly_price, p.currency
        FROM plans LEFT JOIN customer_rate_plan p
            ON p.tenant_id = $1 AND p.customer_rate_plan_id = customer_after)
    SELECT side, known.currency, sum(monthly_price * devices)::text, sum(devices)
    FROM sides, LATERAL (
        SELECT CASE WHEN monthly_price IS NOT NULL THEN currency END AS currency) known
    GROUP BY side, known.currency ORDER BY side, known.currency)"});
    return {"plan_prices", sql.c_str()};
}

// Hashed in blocks, so that no text grows with the change. The hash of an activation covers the
// plan that follows it, which is applied with it.
Query seal_query() {
    static const std::string sql = joined({R"(
    WITH block AS (
        SELECT (c.device_change_id - ($2::bigint << 20) - 1) / 1000 AS number,
               sha256(convert_to(string_agg(jsonb_build_array(c.identifier, c.device_id, c.before,
                   s.section, c.state, c.reason, c.due_at)::text, E'\n'
                   ORDER BY c.device_change_id), 'UTF8')) AS hash)",
                                           kDevices, R"(
        WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 GROUP BY 1)
    UPDATE bulk_change b
    SET status = 'PLANNED', plan_summary = $4::jsonb,
        plan_hash = encode(sha256(
            convert_to(jsonb_build_array(b.service_provider_id, b.change_type, b.portal,
                b.undoes_bulk_change_id, b.device_count)::text, 'UTF8')
            || (SELECT string_agg(hash, ''::bytea ORDER BY number) FROM block)
            || coalesce((SELECT convert_to(f.plan_hash, 'UTF8') FROM bulk_change f
                         WHERE f.tenant_id = $1 AND f.follows_bulk_change_id = $2), '')), 'hex')
    WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND b.status = 'NEW'
    RETURNING plan_hash)"});
    return {"plan_seal", sql.c_str()};
}

constexpr Query kLock{"plan_lock_change", R"(
    SELECT FROM bulk_change WHERE tenant_id = $1 AND bulk_change_id = $2 FOR UPDATE)"};

constexpr const char* kCreateRows = R"(
    CREATE TEMP TABLE plan_row (
        ordinal integer NOT NULL, row_number integer NOT NULL, identifier text NOT NULL,
        device_id bigint, section jsonb, own jsonb, problem text, due_at timestamptz,
        restores boolean NOT NULL, before jsonb) ON COMMIT DROP)";

// Written a moment ago, and joined with each other next: without figures of their size the planner
// may compare every row with every other.
constexpr const char* kMeasureRows = "ANALYZE plan_row";
constexpr const char* kMeasureVerdicts = "ANALYZE submit_verdict";

Query take_query() {
    static const std::string sql = joined({R"(
    INSERT INTO plan_row
    SELECT c.device_change_id - ($2::bigint << 20), c.row_number, c.identifier, c.device_id,
           s.section, c.request, NULL, nullif(c.due_at, '-infinity'),
           b.undoes_bulk_change_id IS NOT NULL, c.before)",
                                           kDevices, R"(
    WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND c.state = 'new')"});
    return {"plan_take_rows", sql.c_str()};
}

constexpr Query kDates{"plan_effective_dates", R"(
    SELECT DISTINCT section ->> 'effectiveDate' FROM plan_row
    WHERE section ->> 'effectiveDate' IS NOT NULL ORDER BY 1 LIMIT $1::int)"};

constexpr Query kRefuseDates{"plan_refuse_dates", R"(
    UPDATE plan_row r SET problem = coalesce(r.problem, x.reason)
    FROM unnest($1::text[], $2::text[]) AS x(date, reason)
    WHERE r.section ->> 'effectiveDate' = x.date)"};

constexpr Query kRefuseDue{"plan_refuse_due", R"(
    UPDATE plan_row SET problem = $2
    WHERE problem IS NULL AND due_at < $1::timestamptz
      AND section ->> 'effectiveDate' IS NULL)"};

// By the device itself: its ICCID is the one key that cannot have moved. A SIM that had no record
// when the plan was made is known by the ICCID that was given.
constexpr Query kStage{"plan_stage_rows", R"(
    INSERT INTO submit_row (ordinal, row_number, identifier, kind, key, parameter_problem, own,
        due_at, customer_id, rev_customer_id, site_id, creates_service, plan_id, plan_name, pool_id,
        status, comm_plan, imei, restores)
    SELECT r.ordinal, r.row_number, r.identifier, 'iccid',
           CASE WHEN r.device_id IS NOT NULL THEN d.iccid19
                ELSE left(regexp_replace(r.identifier, '[^0-9]', '', 'g'), 19) END,
           r.problem, r.own::text,
           r.due_at, (r.section ->> 'customerId')::bigint, r.section ->> 'revCustomerId',
           (r.section ->> 'siteId')::bigint,
           coalesce((r.section ->> 'createRevService')::boolean, false),
           (r.section ->> 'customerRatePlanId')::bigint, r.section ->> 'carrierRatePlan',
           coalesce(r.section ->> 'customerPoolId', r.section ->> 'customerRatePoolId')::bigint,
           r.section ->> 'updateStatus', r.section ->> 'commPlan', r.section ->> 'imei',
           r.restores
    FROM plan_row r LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = r.device_id)"};

// What is being changed by an unfinished change may be another value a moment later.
const QueryByType& moved_query() {
    static const QueryByType queries("plan_find_moved", [](ChangeType type) {
        return R"(
    WITH unfinished AS MATERIALIZED (
        SELECT bulk_change_id FROM bulk_change
        WHERE tenant_id = $1 AND status IN ('PENDING', 'PROCESSING') AND bulk_change_id <> $2),
    now AS (
        SELECT r.ordinal, r.row_number, r.identifier, r.before,
               coalesce(v.reason, r.problem) AS reason,
               )" +
               image_of_device(type) +
               R"( AS image,
               r.section ->> 'carrierRatePlan' AS plan_code,
               $3::boolean AND p.code IS NOT NULL
                   AND (p.plan_uuid IS DISTINCT FROM r.section ->> 'planUuid'
                        OR p.carrier_plan_id IS DISTINCT FROM
                           (r.section ->> 'ratePlanId')::bigint) AS has_other_plan,
               CASE WHEN EXISTS (SELECT FROM unfinished) THEN (
                   SELECT min(e.device_change_id >> 20) FROM device_change e
                   WHERE e.tenant_id = $1 AND e.device_id = d.device_id
                     AND e.state IN ('new', 'waiting', 'unknown')
                     AND e.device_change_id >> 20 IN (SELECT bulk_change_id FROM unfinished))
               END AS busy
        FROM plan_row r
        JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = $2
        JOIN submit_verdict v ON v.ordinal = r.ordinal
        -- A SIM may have got its record since.
        LEFT JOIN device d ON d.tenant_id = $1
            AND d.device_id = coalesce(r.device_id, v.device_id)
        LEFT JOIN carrier_rate_plan p ON p.tenant_id = $1
            AND p.service_provider_id = b.service_provider_id
            AND p.code = r.section ->> 'carrierRatePlan')" +
               image_joins(type) + R"()
    SELECT row_number, identifier, CASE
               WHEN reason IS NOT NULL THEN reason
               WHEN before IS NULL AND image IS NOT NULL
                   THEN 'The SIM has a device record by now; the plan was made without one'
               WHEN image IS DISTINCT FROM before THEN (
                   SELECT string_agg(k || ' is ' || coalesce(image ->> k, 'empty')
                              || ', the plan was made for ' || coalesce(before ->> k, 'empty'),
                              '; ' ORDER BY k)
                   FROM jsonb_object_keys(image) k
                   WHERE image -> k IS DISTINCT FROM before -> k)
               WHEN has_other_plan THEN 'The carrier''s id of the carrier rate plan ' || plan_code
                   || ' has changed'
               ELSE 'Bulk change ' || busy || ' of this device has not ended' END,
           count(*) OVER ()
    FROM now
    WHERE reason IS NOT NULL OR image IS DISTINCT FROM before OR has_other_plan
       OR busy IS NOT NULL
    ORDER BY ordinal LIMIT $4::int)";
    });
    return queries;
}

constexpr Query kStart{"plan_start", R"(
    UPDATE bulk_change SET status = 'PENDING', applied_at = $4::timestamptz, applied_by = $3
    WHERE tenant_id = $1 AND bulk_change_id = $2 AND status = 'PLANNED')"};

// A plan that follows another goes with it.
constexpr Query kDeleteOld{"plan_delete_old", R"(
    WITH first AS MATERIALIZED (
        SELECT bulk_change_id FROM bulk_change
        WHERE tenant_id = $1 AND status = 'PLANNED' AND follows_bulk_change_id IS NULL
          AND created_at < coalesce($4::timestamptz, now()) - make_interval(secs => $2::int)
        ORDER BY created_at LIMIT $3::int FOR UPDATE SKIP LOCKED),
    old AS MATERIALIZED (
        SELECT bulk_change_id FROM first
        UNION ALL
        SELECT f.bulk_change_id FROM first JOIN bulk_change f
            ON f.tenant_id = $1 AND f.follows_bulk_change_id = first.bulk_change_id),
    pages AS (
        DELETE FROM change_page p USING old
        WHERE p.tenant_id = $1 AND p.bulk_change_id = old.bulk_change_id),
    logs AS (
        DELETE FROM device_change_log l USING old
        WHERE l.tenant_id = $1 AND l.device_change_id BETWEEN old.bulk_change_id << 20
                                                          AND ((old.bulk_change_id + 1) << 20) - 1),
    devices AS (
        DELETE FROM device_change c USING old
        WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN old.bulk_change_id << 20
                                                          AND ((old.bulk_change_id + 1) << 20) - 1)
    DELETE FROM bulk_change b USING old
    WHERE b.tenant_id = $1 AND b.bulk_change_id = old.bulk_change_id)"};

Result<void> without_rows(const Result<Rows>& rows) {
    if (!rows) return rows.error();
    return {};
}

Params change_and_section(std::int64_t tenant_id, BulkChangeId id, ChangeType type) {
    return Params().add(tenant_id).add(id).add(section_name(type));
}

MonthlyCost cost_of(const Rows& rows) {
    MonthlyCost cost;
    PlanPrices* const sides[] = {&cost.carrier_before, &cost.carrier_after, &cost.customer_before,
                                 &cost.customer_after};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        PlanPrices& side = *sides[rows.integer(i, 0)];
        if (rows.is_null(i, 1)) {
            side.unknown += rows.integer(i, 3);
        } else {
            side.sums.push_back({rows.string(i, 1), rows.string(i, 2), rows.integer(i, 3)});
        }
    }
    return cost;
}

}  // namespace

Result<PlanSums> sum_plan(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                          ChangeType type) {
    const Params params = change_and_section(tenant_id, id, type);
    const auto counts = transaction.exec(counts_query().of(type), params);
    if (!counts) return counts.error();
    const auto prices = transaction.exec(prices_query(), params);
    if (!prices) return prices.error();
    PlanSums sums;
    sums.unchanged = counts->integer(0, 0);
    sums.rev_services = counts->integer(0, 1);
    sums.rev_products = counts->integer(0, 2);
    sums.removed_codes = counts->integer(0, 3);
    sums.addresses = counts->integer(0, 4);
    sums.cost = cost_of(*prices);
    return sums;
}

Result<std::string> seal_plan(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                              ChangeType type, const base::json::object& summary) {
    const auto rows = transaction.exec(
        seal_query(), change_and_section(tenant_id, id, type).add(base::json::serialize(summary)));
    if (!rows) return rows.error();
    CHECK(rows->size() == 1);
    return rows->string(0, 0);
}

Result<void> lock_change(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id) {
    return without_rows(transaction.exec(kLock, Params().add(tenant_id).add(id)));
}

Result<void> create_plan_rows(db::Transaction& transaction) {
    return transaction.exec_text(kCreateRows);
}

Result<void> take_plan_rows(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                            ChangeType type) {
    return without_rows(transaction.exec(take_query(), change_and_section(tenant_id, id, type)));
}

Result<std::vector<std::string>> effective_dates(db::Transaction& transaction, int limit) {
    const auto rows = transaction.exec(kDates, Params().add(limit));
    if (!rows) return rows.error();
    std::vector<std::string> dates;
    for (std::size_t i = 0; i < rows->size(); ++i) dates.push_back(rows->string(i, 0));
    return dates;
}

Result<void> refuse_dates(db::Transaction& transaction, const std::vector<std::string>& dates,
                          const std::vector<std::string>& reasons) {
    Array date_array, reason_array;
    for (const std::string& date : dates) date_array.add(std::string_view(date));
    for (const std::string& reason : reasons) reason_array.add(std::string_view(reason));
    return without_rows(
        transaction.exec(kRefuseDates, Params().add(date_array.take()).add(reason_array.take())));
}

Result<void> refuse_due_before(db::Transaction& transaction, base::Instant oldest,
                               const std::string& reason) {
    return without_rows(transaction.exec(kRefuseDue, Params().add(oldest).add(reason)));
}

Result<void> stage_plan_rows(db::Transaction& transaction, std::int64_t tenant_id) {
    CARRYALL_TRY(transaction.exec_text(kMeasureRows));
    return without_rows(transaction.exec(kStage, Params().add(tenant_id)));
}

Result<Moved> find_moved(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                         ChangeType type) {
    CARRYALL_TRY(transaction.exec_text(kMeasureVerdicts));
    // Only a change of carrier plan keeps the carrier's ids of the plan.
    const auto rows =
        transaction.exec(moved_query().of(type), Params()
                                                     .add(tenant_id)
                                                     .add(id)
                                                     .add(type == ChangeType::carrierrateplanchange)
                                                     .add(kMaxMovedListed));
    if (!rows) return rows.error();
    Moved moved;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        moved.count = rows->integer(i, 3);
        moved.first.push_back({rows->integer(i, 0), rows->string(i, 1), rows->string(i, 2)});
    }
    return moved;
}

Result<void> start_plan(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                        const std::string& applied_by, base::Instant now) {
    const auto rows =
        transaction.exec(kStart, Params().add(tenant_id).add(id).add(applied_by).add(now));
    if (!rows) return rows.error();
    CHECK(rows->affected() == 1);  // it was locked and PLANNED
    return {};
}

Result<std::int64_t> delete_plans_of(db::Connection& connection, std::int64_t tenant_id,
                                     std::chrono::seconds age, std::optional<base::Instant> now) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(
        kDeleteOld, Params().add(tenant_id).add(age.count()).add(kMaxPlansDeletedAtOnce).add(now));
    if (!rows) return rows.error();
    return static_cast<std::int64_t>(rows->affected());
}

}  // namespace carryall::changes
