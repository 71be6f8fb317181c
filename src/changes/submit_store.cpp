// The SQL of submission. Two temporary tables: submit_row holds what was given, submit_verdict what
// was decided. Devices are found by (tenant_id, iccid19), (tenant_id, msisdn) or (tenant_id, imei),
// so the planner may look a few up in the index and hash many; nothing here depends on statistics
// of rows that were written a moment ago.
#include "changes/submit_store.hpp"

#include "base/text.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;

constexpr const char* kCreateStage = R"(
    CREATE TEMP TABLE submit_row (
        ordinal integer NOT NULL, row_number integer NOT NULL, identifier text NOT NULL,
        kind text NOT NULL, key text COLLATE "C", problem text, parameter_problem text, own text,
        due_at timestamptz, customer_id bigint, rev_customer_id text, customer_name text,
        site_id bigint, site_name text, creates_service boolean, plan_id bigint, plan_name text,
        pool_id bigint, pool_name text, status text, comm_plan text) ON COMMIT DROP;
    CREATE TEMP TABLE submit_verdict (
        ordinal integer NOT NULL, row_number integer NOT NULL, identifier text NOT NULL,
        device_id bigint, portal text NOT NULL, request jsonb, due_at timestamptz, reason text)
        ON COMMIT DROP)";

const std::vector<std::string>& stage_columns() {
    static const std::vector<std::string> names = {
        "ordinal",         "row_number",        "identifier", "kind",      "key",
        "problem",         "parameter_problem", "own",        "due_at",    "customer_id",
        "rev_customer_id", "customer_name",     "site_id",    "site_name", "creates_service",
        "plan_id",         "plan_name",         "pool_id",    "pool_name", "status",
        "comm_plan"};
    return names;
}

constexpr Query kFindProvider{"submit_find_provider", R"(
    SELECT name, integration, write_is_enabled, is_active,
           to_char(coalesce($3::timestamptz, now()) AT TIME ZONE 'UTC',
                   'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    FROM service_provider WHERE tenant_id = $1 AND service_provider_id = $2)"};

constexpr Query kFindKey{"submit_find_key", R"(
    SELECT bulk_change_id, request_hash FROM idempotency_key
    WHERE tenant_id = $1 AND key = $2
      AND created_at > $3::timestamptz - make_interval(secs => $4::int))"};

constexpr Query kTakeKey{"submit_take_key", R"(
    INSERT INTO idempotency_key AS k (tenant_id, key, request_hash, bulk_change_id, created_at)
    VALUES ($1, $2, $3, $4, $5::timestamptz)
    ON CONFLICT (tenant_id, key) DO UPDATE
        SET request_hash = excluded.request_hash, bulk_change_id = excluded.bulk_change_id,
            created_at = excluded.created_at
        WHERE k.created_at <= $5::timestamptz - make_interval(secs => $6::int)
    RETURNING 1)"};

constexpr Query kFindCustomer{"submit_find_customer", R"(
    SELECT customer_id, rev_customer_id, account_number FROM customer
    WHERE tenant_id = $1 AND is_active
      AND ($2::text IS NULL OR rev_customer_id = $2)
      AND ($3::bigint IS NULL OR customer_id = $3)
      AND ($4::text IS NULL OR name = $4))"};

constexpr Query kFindSite{"submit_find_site", R"(
    SELECT site_id FROM site
    WHERE tenant_id = $1 AND customer_id = $2 AND is_active
      AND ($3::bigint IS NULL OR site_id = $3) AND ($4::text IS NULL OR name = $4)
    ORDER BY site_id LIMIT 1)"};

constexpr Query kFindPlan{"submit_find_plan", R"(
    SELECT customer_rate_plan_id FROM customer_rate_plan
    WHERE tenant_id = $1 AND is_active
      AND ($2::bigint IS NULL OR customer_rate_plan_id = $2) AND ($3::text IS NULL OR code = $3))"};

constexpr Query kFindPool{"submit_find_pool", R"(
    SELECT customer_rate_pool_id FROM customer_rate_pool
    WHERE tenant_id = $1 AND is_active
      AND ($2::bigint IS NULL OR customer_rate_pool_id = $2) AND ($3::text IS NULL OR name = $3))"};

constexpr Query kFindCarrierPlan{"submit_find_carrier_plan", R"(
    SELECT service_provider_id = $2, is_active, plan_uuid, carrier_plan_id FROM carrier_rate_plan
    WHERE tenant_id = $1 AND code = $3
    ORDER BY service_provider_id = $2 DESC LIMIT 1)"};

constexpr Query kHasCommunicationPlan{"submit_has_communication_plan", R"(
    SELECT EXISTS (SELECT FROM communication_plan
        WHERE tenant_id = $1 AND service_provider_id = $2 AND name = $3 AND is_active))"};

constexpr Query kStagedStatuses{"submit_staged_statuses", R"(
    SELECT DISTINCT d.status FROM submit_row r
    JOIN device d ON d.tenant_id = $1 AND d.iccid19 = r.key WHERE r.kind = 'iccid'
    UNION SELECT d.status FROM submit_row r
    JOIN device d ON d.tenant_id = $1 AND d.msisdn = r.key WHERE r.kind = 'msisdn'
    UNION SELECT d.status FROM submit_row r
    JOIN device d ON d.tenant_id = $1 AND d.imei = r.key WHERE r.kind = 'imei')"};

// One device for each row that names one. An ICCID names at most one; of several devices with the
// same number, the live one of this service provider is meant, unless there are several.
// $1 tenant, $2 service provider, $3 portal or NULL.
constexpr const char* kFound = R"(
    INSERT INTO submit_verdict
    WITH candidate AS (
        SELECT r.ordinal, r.kind, d.device_id, d.service_provider_id AS provider_id,
               d.portal AS device_portal, d.status AS device_status, d.iccid, d.msisdn,
               d.rev_service_id, d.is_active AND NOT d.is_deleted AS live
        FROM submit_row r JOIN device d ON d.tenant_id = $1 AND d.iccid19 = r.key
        WHERE r.kind = 'iccid'
        UNION ALL
        SELECT r.ordinal, r.kind, d.device_id, d.service_provider_id, d.portal, d.status, d.iccid,
               d.msisdn, d.rev_service_id, d.is_active AND NOT d.is_deleted
        FROM submit_row r JOIN device d ON d.tenant_id = $1 AND d.msisdn = r.key
        WHERE r.kind = 'msisdn'
        UNION ALL
        SELECT r.ordinal, r.kind, d.device_id, d.service_provider_id, d.portal, d.status, d.iccid,
               d.msisdn, d.rev_service_id, d.is_active AND NOT d.is_deleted
        FROM submit_row r JOIN device d ON d.tenant_id = $1 AND d.imei = r.key
        WHERE r.kind = 'imei'),
    matched AS (
        SELECT c.*, false AS ambiguous FROM candidate c WHERE kind = 'iccid'
        UNION ALL
        SELECT ordinal, kind, device_id, provider_id, device_portal, device_status, iccid, msisdn,
               rev_service_id, live, usable > 1
        FROM (SELECT c.*, count(*) FILTER (WHERE live AND provider_id = $2)
                          OVER (PARTITION BY ordinal) AS usable,
                     row_number() OVER (PARTITION BY ordinal
                         ORDER BY live AND provider_id = $2 DESC, live DESC, device_id) AS place
              FROM candidate c WHERE kind <> 'iccid') several
        WHERE place = 1),
    portal AS (
        SELECT coalesce($3::text, (SELECT device_portal FROM matched
            ORDER BY live AND provider_id = $2 DESC, ordinal LIMIT 1), 'm2m') AS name),
    found AS (
        SELECT r.*, m.device_id, m.provider_id, m.device_portal, m.device_status, m.iccid, m.msisdn,
               m.rev_service_id, m.live, m.ambiguous, portal.name AS portal,
               min(r.row_number) OVER (PARTITION BY m.device_id) AS first_row
        FROM portal, submit_row r LEFT JOIN matched m ON m.ordinal = r.ordinal))";

// The reasons every type shares, in the order submit.hpp documents.
constexpr const char* kSharedReasons = R"(
        CASE WHEN f.problem IS NOT NULL THEN f.problem
             WHEN f.device_id IS NULL THEN CASE f.kind WHEN 'iccid' THEN 'Invalid ICCID'
                 WHEN 'msisdn' THEN 'Invalid subscriber number' ELSE 'Invalid IMEI' END
             WHEN f.ambiguous THEN 'Ambiguous ' || CASE f.kind WHEN 'msisdn'
                 THEN 'subscriber number' ELSE 'IMEI' END
                 || ' (several devices have it; give the ICCID)'
             WHEN f.first_row < f.row_number THEN 'Duplicate of row ' || f.first_row
             WHEN NOT f.live THEN CASE f.device_portal WHEN 'm2m' THEN 'M2M Device is archived'
                 ELSE 'Mobility Device is archived' END
             WHEN f.provider_id <> $2 THEN 'Device belongs to another service provider'
             WHEN f.portal <> 'lnp' AND f.device_portal <> f.portal
                 THEN 'Device belongs to the ' || f.device_portal || ' portal'
             WHEN f.parameter_problem IS NOT NULL THEN f.parameter_problem)";

constexpr const char* kSelectVerdict = R"(
    SELECT f.ordinal, f.row_number, f.identifier, f.device_id, f.portal,)";

constexpr const char* kStatusVerdict = R"(
        f.own::jsonb, f.due_at,)";
constexpr const char* kStatusReasons = R"(
             WHEN allowed.to_status IS NULL THEN 'Status transition from ' || f.device_status
                 || ' to ' || f.status || ' not allowed'
        END
    FROM found f
    LEFT JOIN (SELECT * FROM unnest($4::text[], $5::text[]) AS a(from_status, to_status)) allowed
        ON allowed.from_status = translate(lower(f.device_status), ' _-', '')
       AND allowed.to_status = translate(lower(f.status), ' _-', ''))";

constexpr const char* kCarrierPlanVerdict = R"(
        CASE WHEN f.own IS NOT NULL THEN jsonb_set(f.own::jsonb, '{carrierRatePlanUpdate}',
            coalesce(f.own::jsonb -> 'carrierRatePlanUpdate', '{}') || jsonb_strip_nulls(
                jsonb_build_object('planUuid', p.plan_uuid, 'ratePlanId', p.carrier_plan_id)))
        END, f.due_at,)";
constexpr const char* kCarrierPlanReasons = R"(
             WHEN p.code IS NULL AND other.code IS NOT NULL
                 THEN 'Carrier rate plan belongs to another service provider'
             WHEN p.code IS NULL THEN 'Carrier rate plan not found'
             WHEN NOT p.is_active THEN 'Carrier rate plan is inactive'
             WHEN $4::boolean AND p.carrier_plan_id IS NULL
                 THEN 'Carrier rate plan has no id at the carrier'
             WHEN f.comm_plan IS NOT NULL AND c.name IS NULL THEN 'Communication plan not found'
        END
    FROM found f
    LEFT JOIN carrier_rate_plan p ON p.tenant_id = $1 AND p.service_provider_id = $2
        AND p.code = f.plan_name
    LEFT JOIN (SELECT DISTINCT code FROM carrier_rate_plan
               WHERE tenant_id = $1 AND service_provider_id <> $2) other ON other.code = f.plan_name
    LEFT JOIN communication_plan c ON c.tenant_id = $1 AND c.service_provider_id = $2
        AND c.name = f.comm_plan AND c.is_active)";

// A plan or pool given by name, whose name is a number, may be an id: the name goes first.
constexpr const char* kCustomerPlanVerdict = R"(
        CASE WHEN f.own IS NOT NULL THEN jsonb_set(f.own::jsonb, '{customerRatePlanUpdate}',
            coalesce(f.own::jsonb -> 'customerRatePlanUpdate', '{}') || jsonb_strip_nulls(
                jsonb_build_object(
                    'customerRatePlanId', coalesce(pn.customer_rate_plan_id, p.customer_rate_plan_id),
                    'customerPoolId', coalesce(on_.customer_rate_pool_id, o.customer_rate_pool_id))))
        END, NULL,)";
constexpr const char* kCustomerPlanReasons = R"(
             WHEN (f.plan_id IS NOT NULL OR f.plan_name IS NOT NULL)
                  AND p.customer_rate_plan_id IS NULL AND pn.customer_rate_plan_id IS NULL
                 THEN 'Invalid customer rate plan'
             WHEN (f.pool_id IS NOT NULL OR f.pool_name IS NOT NULL)
                  AND o.customer_rate_pool_id IS NULL AND on_.customer_rate_pool_id IS NULL
                 THEN 'Invalid customer rate pool'
        END
    FROM found f)";
constexpr const char* kPlanJoins = R"(
    LEFT JOIN customer_rate_plan p ON p.tenant_id = $1 AND p.customer_rate_plan_id = f.plan_id
        AND p.is_active
    LEFT JOIN customer_rate_plan pn ON pn.tenant_id = $1 AND pn.code = f.plan_name AND pn.is_active
    LEFT JOIN customer_rate_pool o ON o.tenant_id = $1 AND o.customer_rate_pool_id = f.pool_id
        AND o.is_active
    LEFT JOIN customer_rate_pool on_ ON on_.tenant_id = $1 AND on_.name = f.pool_name
        AND on_.is_active)";

// A line is in service while Rev.io's service is not disconnected; it is known by the device's own
// link or by its number. Rev.io itself is asked again when the device is processed.
constexpr const char* kAssignmentFound = R"(,
    target AS (
        SELECT f.ordinal, f.device_id, f.iccid, f.msisdn, f.rev_service_id,
               coalesce(cr.customer_id, ci.customer_id, cn.customer_id) AS id,
               coalesce(cr.rev_customer_id, ci.rev_customer_id, cn.rev_customer_id) AS rev_id,
               coalesce(cr.account_number, ci.account_number, cn.account_number) AS account_number,
               f.rev_customer_id IS NOT NULL AND (cr.customer_id IS NULL OR
                   cr.customer_id <> f.customer_id) AS rev_missing
        FROM found f
        LEFT JOIN customer cr ON cr.tenant_id = $1 AND cr.rev_customer_id = f.rev_customer_id
            AND cr.is_active
        LEFT JOIN customer ci ON ci.tenant_id = $1 AND ci.customer_id = f.customer_id
            AND ci.is_active
        LEFT JOIN customer cn ON cn.tenant_id = $1 AND cn.name = f.customer_name AND cn.is_active),
    service AS (
        SELECT ordinal, bool_or(other) AS other FROM (
            SELECT t.ordinal, s.customer_id IS DISTINCT FROM t.id AS other
            FROM target t JOIN rev_service s ON s.tenant_id = $1
                AND s.rev_service_id = t.rev_service_id AND s.disconnected_date IS NULL
            UNION ALL
            SELECT t.ordinal, s.customer_id IS DISTINCT FROM t.id
            FROM target t JOIN rev_service s ON s.tenant_id = $1 AND s.number = t.msisdn
                AND s.disconnected_date IS NULL
            UNION ALL
            SELECT t.ordinal, s.customer_id IS DISTINCT FROM t.id
            FROM target t JOIN rev_service s ON s.tenant_id = $1 AND s.number = t.iccid
                AND s.disconnected_date IS NULL) line
        GROUP BY ordinal),
    first_site AS (
        SELECT customer_id, min(site_id) AS site_id FROM site
        WHERE tenant_id = $1 AND is_active GROUP BY customer_id))";
constexpr const char* kAssignmentVerdict = R"(
        CASE WHEN f.own IS NOT NULL THEN jsonb_set(f.own::jsonb, '{customerAssignment}',
            jsonb_strip_nulls(jsonb_build_object('accountNumber', t.account_number))
            || coalesce(f.own::jsonb -> 'customerAssignment', '{}')
            || jsonb_strip_nulls(jsonb_build_object(
                'customerId', t.id, 'revCustomerId', t.rev_id,
                'siteId', coalesce(si.site_id, sn.site_id, CASE WHEN f.site_id IS NULL
                    AND f.site_name IS NULL THEN fs.site_id END),
                'customerRatePlanId', coalesce(pn.customer_rate_plan_id, p.customer_rate_plan_id),
                'customerRatePoolId',
                    coalesce(on_.customer_rate_pool_id, o.customer_rate_pool_id))))
        END, NULL,)";
constexpr const char* kAssignmentReasons = R"(
             WHEN t.rev_missing THEN 'Rev Customer not found'
             WHEN t.id IS NULL THEN 'Customer not found'
             WHEN f.creates_service AND t.rev_id IS NULL THEN 'Rev Customer not found'
             WHEN CASE WHEN f.site_id IS NOT NULL OR f.site_name IS NOT NULL
                       THEN si.site_id IS NULL AND sn.site_id IS NULL
                       ELSE t.rev_id IS NOT NULL AND fs.site_id IS NULL END
                 THEN 'Site not found for customer'
             WHEN f.creates_service AND s.other IS NOT NULL
                 THEN 'Active service line. New Service line not created'
             WHEN s.other THEN 'Active service line. Cannot change customers'
             WHEN (f.plan_id IS NOT NULL OR f.plan_name IS NOT NULL)
                  AND p.customer_rate_plan_id IS NULL AND pn.customer_rate_plan_id IS NULL
                 THEN 'Invalid customer rate plan'
             WHEN (f.pool_id IS NOT NULL OR f.pool_name IS NOT NULL)
                  AND o.customer_rate_pool_id IS NULL AND on_.customer_rate_pool_id IS NULL
                 THEN 'Invalid customer rate pool'
        END
    FROM found f
    JOIN target t ON t.ordinal = f.ordinal
    LEFT JOIN service s ON s.ordinal = f.ordinal
    LEFT JOIN site si ON si.tenant_id = $1 AND si.site_id = f.site_id AND si.customer_id = t.id
        AND si.is_active
    LEFT JOIN site sn ON sn.tenant_id = $1 AND sn.customer_id = t.id AND sn.name = f.site_name
        AND sn.is_active
    LEFT JOIN first_site fs ON fs.customer_id = t.id)";

Query judge_query(ChangeType type) {
    const auto joined = [](std::initializer_list<const char*> parts) {
        std::string sql;
        for (const char* part : parts) sql += part;
        return sql;
    };
    static const std::string status =
        joined({kFound, kSelectVerdict, kStatusVerdict, kSharedReasons, kStatusReasons});
    static const std::string carrier_plan =
        joined({kFound, kSelectVerdict, kCarrierPlanVerdict, kSharedReasons, kCarrierPlanReasons});
    static const std::string customer_plan =
        joined({kFound, kSelectVerdict, kCustomerPlanVerdict, kSharedReasons, kCustomerPlanReasons,
                kPlanJoins});
    static const std::string assignment =
        joined({kFound, kAssignmentFound, kSelectVerdict, kAssignmentVerdict, kSharedReasons,
                kAssignmentReasons, kPlanJoins});
    switch (type) {
        case ChangeType::statusupdate:
            return {"submit_judge_status", status.c_str()};
        case ChangeType::carrierrateplanchange:
            return {"submit_judge_carrier_plan", carrier_plan.c_str()};
        case ChangeType::customerrateplanchange:
            return {"submit_judge_customer_plan", customer_plan.c_str()};
        case ChangeType::customerassignment:
            return {"submit_judge_assignment", assignment.c_str()};
    }
    CHECK(false && "a change type that nobody judges");
    return {};
}

constexpr Query kTotals{"submit_totals", R"(
    SELECT count(*), count(reason), count(DISTINCT (ordinal - 1) / $1::int) FILTER (
               WHERE reason IS NULL), coalesce(max(portal), 'm2m'),
           ceil(greatest(0, extract(epoch FROM min(coalesce(due_at, '1970-01-01'))
               FILTER (WHERE reason IS NULL) - $2::timestamptz)))::bigint
    FROM submit_verdict)"};

// What is particular to one row is left out, so that the same mistake is counted as the same.
constexpr Query kReasons{"submit_reasons", R"(
    SELECT CASE WHEN reason LIKE 'Duplicate of row %' THEN 'Duplicate of an earlier row'
                WHEN reason LIKE 'Invalid ICCID (%' OR reason LIKE 'Invalid IMEI (%'
                     OR reason LIKE 'Invalid subscriber number (%'
                     OR reason LIKE 'Unreadable row (%' THEN split_part(reason, ' (', 1)
                ELSE reason END AS text, count(*)
    FROM submit_verdict WHERE reason IS NOT NULL
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $1::int)"};

constexpr int kMaxCountedReasons = 100;

constexpr Query kFirstRefused{"submit_first_refused", R"(
    SELECT row_number, identifier, reason FROM submit_verdict
    WHERE reason IS NOT NULL ORDER BY ordinal LIMIT $1::int)"};

constexpr Query kInsertChange{"submit_insert_change", R"(
    INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status, request,
        source, file_name, correlation_id, created_by, created_at, finished_at, device_count,
        new_count, error_count, open_page_count)
    VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, $10, $11::timestamptz,
        CASE WHEN $5 = 'ERROR' THEN $11::timestamptz END, $12, $12::int - $13::int, $13, $14)
    RETURNING bulk_change_id)"};

constexpr Query kInsertDevices{"submit_insert_devices", R"(
    INSERT INTO device_change (device_change_id, tenant_id, device_id, row_number, identifier,
        request, state, due_at, error_class, reason, finished_at)
    SELECT ($2::bigint << 20) + ordinal, $1, device_id, row_number, identifier, request,
           CASE WHEN reason IS NULL THEN 'new' ELSE 'error' END,
           coalesce(due_at, '-infinity'), CASE WHEN reason IS NOT NULL THEN 'validation' END,
           reason, CASE WHEN reason IS NOT NULL THEN $3::timestamptz END
    FROM submit_verdict ORDER BY ordinal)"};

constexpr Query kInsertLog{"submit_insert_log", R"(
    INSERT INTO device_change_log (device_change_id, attempt, step, tenant_id, portal,
        log_entry_description, action_text, request_text, response_text, response_status,
        has_errors, error_text, process_by, correlation_id, started_at, processed_at)
    SELECT ($2::bigint << 20) + ordinal, 0, 1, $1, $4, $5, 'Validate',
           identifier || coalesce(' ' || request::text, ''), reason, 'ERROR', true, reason, $6, $7,
           $3::timestamptz, clock_timestamp()
    FROM submit_verdict WHERE reason IS NOT NULL ORDER BY ordinal)"};

constexpr Query kInsertPages{"submit_insert_pages", R"(
    INSERT INTO change_page (bulk_change_id, page_number, tenant_id, first_device_change_id,
        last_device_change_id, state, available_at)
    SELECT $2, (ordinal - 1) / $3::int + 1, $1, ($2::bigint << 20) + min(ordinal),
           ($2::bigint << 20) + max(ordinal),
           CASE WHEN count(*) > count(reason) THEN 'ready' ELSE 'done' END,
           coalesce(min(coalesce(due_at, '-infinity')) FILTER (WHERE reason IS NULL), 'infinity')
    FROM submit_verdict GROUP BY (ordinal - 1) / $3::int ORDER BY 2)"};

constexpr Query kNotify{"submit_notify", R"(
    SELECT pg_notify('carryall_bulk_change', $1))"};

constexpr Query kReadSubmission{"submit_read_submission", R"(
    SELECT status, correlation_id, device_count FROM bulk_change
    WHERE tenant_id = $1 AND bulk_change_id = $2)"};

constexpr Query kReadRefusals{"submit_read_refusals", R"(
    SELECT CASE WHEN error_text LIKE 'Duplicate of row %' THEN 'Duplicate of an earlier row'
                WHEN error_text LIKE 'Invalid ICCID (%' OR error_text LIKE 'Invalid IMEI (%'
                     OR error_text LIKE 'Invalid subscriber number (%'
                     OR error_text LIKE 'Unreadable row (%' THEN split_part(error_text, ' (', 1)
                ELSE error_text END AS text, count(*), sum(count(*)) OVER ()
    FROM device_change_log
    WHERE tenant_id = $1 AND device_change_id BETWEEN $2::bigint << 20 AND ($2::bigint + 1) << 20
      AND attempt = 0 AND step = 1
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $3::int)"};

// Which program wrote a log row, beside the engine's.
constexpr const char* kProcessBy = "carryall validation";

int in_seconds(std::chrono::hours hours) {
    return static_cast<int>(std::chrono::seconds(hours).count());
}

template <class T>
Result<std::optional<T>> one_row(const Result<Rows>& rows,
                                 const std::function<T(const Rows&)>& of) {
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<T>();
    return std::optional<T>(of(*rows));
}

Result<std::optional<std::int64_t>> one_id(const Result<Rows>& rows) {
    return one_row<std::int64_t>(rows, [](const Rows& row) { return row.integer(0, 0); });
}

std::vector<ReasonCount> reason_counts(const Rows& rows) {
    std::vector<ReasonCount> reasons;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        reasons.push_back({rows.string(i, 0), "validation", rows.integer(i, 1)});
    }
    return reasons;
}

}  // namespace

Result<std::optional<ProviderFacts>> find_provider(db::Transaction& transaction,
                                                   std::int64_t tenant_id,
                                                   std::int64_t service_provider_id,
                                                   std::optional<base::Instant> now) {
    const auto rows =
        transaction.exec(kFindProvider, Params().add(tenant_id).add(service_provider_id).add(now));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ProviderFacts>();
    const auto instant = base::parse_iso8601(rows->text(0, 4));
    if (!instant) return instant.error();
    return std::optional(ProviderFacts{rows->string(0, 0), rows->string(0, 1), rows->boolean(0, 2),
                                       rows->boolean(0, 3), *instant});
}

Result<std::optional<EarlierChange>> find_key(db::Transaction& transaction, std::int64_t tenant_id,
                                              const std::string& key, base::Instant now) {
    const auto rows = transaction.exec(
        kFindKey, Params().add(tenant_id).add(key).add(now).add(in_seconds(kIdempotencyKeyLife)));
    return one_row<EarlierChange>(rows, [](const Rows& row) {
        return EarlierChange{{row.integer(0, 0)}, row.string(0, 1)};
    });
}

Result<bool> take_key(db::Transaction& transaction, std::int64_t tenant_id, const std::string& key,
                      const std::string& request_hash, BulkChangeId id, base::Instant now) {
    const auto rows = transaction.exec(kTakeKey, Params()
                                                     .add(tenant_id)
                                                     .add(key)
                                                     .add(request_hash)
                                                     .add(id)
                                                     .add(now)
                                                     .add(in_seconds(kIdempotencyKeyLife)));
    if (!rows) return rows.error();
    return !rows->empty();
}

Result<std::optional<FoundCustomer>> find_customer(db::Transaction& transaction,
                                                   std::int64_t tenant_id,
                                                   const CustomerAssignment& wanted,
                                                   const std::optional<std::string>& name) {
    const auto rows = transaction.exec(
        kFindCustomer,
        Params().add(tenant_id).add(wanted.rev_customer_id).add(wanted.customer_id).add(name));
    return one_row<FoundCustomer>(rows, [](const Rows& row) {
        return FoundCustomer{row.integer(0, 0), row.optional_text(0, 1), row.optional_text(0, 2)};
    });
}

Result<std::optional<std::int64_t>> find_site(db::Transaction& transaction, std::int64_t tenant_id,
                                              std::int64_t customer_id,
                                              std::optional<std::int64_t> site_id,
                                              const std::optional<std::string>& name) {
    return one_id(transaction.exec(
        kFindSite, Params().add(tenant_id).add(customer_id).add(site_id).add(name)));
}

Result<std::optional<std::int64_t>> find_customer_plan(db::Transaction& transaction,
                                                       std::int64_t tenant_id,
                                                       std::optional<std::int64_t> id,
                                                       const std::optional<std::string>& code) {
    return one_id(transaction.exec(kFindPlan, Params().add(tenant_id).add(id).add(code)));
}

Result<std::optional<std::int64_t>> find_customer_pool(db::Transaction& transaction,
                                                       std::int64_t tenant_id,
                                                       std::optional<std::int64_t> id,
                                                       const std::optional<std::string>& name) {
    return one_id(transaction.exec(kFindPool, Params().add(tenant_id).add(id).add(name)));
}

Result<std::optional<FoundCarrierPlan>> find_carrier_plan(db::Transaction& transaction,
                                                          std::int64_t tenant_id,
                                                          std::int64_t service_provider_id,
                                                          const std::string& code) {
    const auto rows = transaction.exec(kFindCarrierPlan,
                                       Params().add(tenant_id).add(service_provider_id).add(code));
    return one_row<FoundCarrierPlan>(rows, [](const Rows& row) {
        return FoundCarrierPlan{row.boolean(0, 0), row.boolean(0, 1), row.optional_text(0, 2),
                                row.optional_integer(0, 3)};
    });
}

Result<bool> has_communication_plan(db::Transaction& transaction, std::int64_t tenant_id,
                                    std::int64_t service_provider_id, const std::string& name) {
    const auto rows = transaction.exec(kHasCommunicationPlan,
                                       Params().add(tenant_id).add(service_provider_id).add(name));
    if (!rows) return rows.error();
    return rows->boolean(0, 0);
}

Result<void> Stage::create(db::Transaction& transaction) {
    return transaction.exec_text(kCreateStage);
}

Result<Stage> Stage::open(db::Transaction& transaction) {
    auto copy = db::CopyIn::start(transaction, "submit_row", stage_columns());
    if (!copy) return copy.error();
    return Stage(std::move(copy).value());
}

namespace {

void put(db::CopyIn& copy, const std::optional<std::string>& value) {
    value ? copy.field(*value) : copy.null();
}
void put(db::CopyIn& copy, std::optional<std::int64_t> value) {
    value ? copy.field(*value) : copy.null();
}
void put_text(db::CopyIn& copy, const std::string& value) {
    value.empty() ? copy.null() : copy.field(value);
}
// By id, or by a name that, being a number, may be an id after all.
void put_plan(db::CopyIn& copy, std::optional<std::int64_t> id,
              const std::optional<std::string>& name) {
    const auto number = name ? base::parse_int(*name) : std::nullopt;
    put(copy, id ? id : number);
    put(copy, id ? std::nullopt : name);
}
void put_nulls(db::CopyIn& copy, int count) {
    for (int i = 0; i < count; ++i) copy.null();
}

// The device's own request as it is stored. What could not be used is kept with it, so that the
// device is never retried as if nothing had been given.
std::string own_request(const DeviceRow& row, ChangeType type, const ChangeParameters& effective,
                        const References& names) {
    const bool has_problem = !row.problem.empty() || !row.parameter_problem.empty();
    if (!row.has_own && !has_problem) return {};
    base::json::object request;
    if (row.has_own) {
        base::json::object section = section_of(effective, type);
        const auto name = [&](const char* key, const std::optional<std::string>& value) {
            if (value) section[key] = *value;
        };
        name("customerRatePlan", names.customer_rate_plan);
        name("customerPool", names.customer_pool);
        name("customer", names.customer);
        name("site", names.site);
        request[section_name(type)] = std::move(section);
    }
    if (has_problem) request["problem"] = true;
    if (!row.rejected.empty()) {
        base::json::object& given = request["given"].emplace_object();
        for (const auto& [field, text] : row.rejected) given[field] = text;
    }
    return base::json::serialize(request);
}

}  // namespace

void Stage::add_parameters(ChangeType type, const ChangeParameters& effective,
                           const References& names) {
    const bool is_assignment = type == ChangeType::customerassignment;
    const auto& assignment = effective.customer_assignment;
    if (is_assignment && assignment) {
        put(copy_, assignment->customer_id);
        put(copy_, assignment->rev_customer_id);
        put(copy_, names.customer);
        put(copy_, assignment->site_id);
        put(copy_, names.site);
        copy_.field(assignment->create_rev_service.value_or(false) ? "t" : "f");
        put_plan(copy_, assignment->customer_rate_plan_id, names.customer_rate_plan);
        put_plan(copy_, assignment->customer_rate_pool_id, names.customer_pool);
    } else {
        put_nulls(copy_, 6);
        const auto& plan = effective.customer_rate_plan_update;
        const auto& carrier_plan = effective.carrier_rate_plan_update;
        if (type == ChangeType::customerrateplanchange && plan) {
            put_plan(copy_, plan->customer_rate_plan_id, names.customer_rate_plan);
            put_plan(copy_, plan->customer_pool_id, names.customer_pool);
        } else {
            copy_.null();
            put(copy_, carrier_plan ? carrier_plan->carrier_rate_plan : std::nullopt);
            put_nulls(copy_, 2);
        }
    }
    put(copy_, effective.status_update ? effective.status_update->update_status : std::nullopt);
    put(copy_, effective.carrier_rate_plan_update ? effective.carrier_rate_plan_update->comm_plan
                                                  : std::nullopt);
}

Result<void> Stage::add(std::int64_t ordinal, const DeviceRow& row, ChangeType type,
                        const ChangeParameters& effective, const References& names,
                        const std::optional<std::string>& due_at) {
    copy_.field(ordinal).field(row.row_number).field(row.identifier).field(to_string(row.kind));
    put_text(copy_, row.key);
    put_text(copy_, row.problem);
    put_text(copy_, row.parameter_problem);
    put_text(copy_, own_request(row, type, effective, names));
    put(copy_, due_at);
    add_parameters(type, effective, names);
    return copy_.end_row();
}

std::string comparable_status(std::string_view status) {
    std::string out = base::ascii_lower(status);
    std::erase_if(out, [](char c) { return c == ' ' || c == '_' || c == '-'; });
    return out;
}

Result<std::vector<std::string>> staged_statuses(db::Transaction& transaction,
                                                 std::int64_t tenant_id) {
    const auto rows = transaction.exec(kStagedStatuses, Params().add(tenant_id));
    if (!rows) return rows.error();
    std::vector<std::string> statuses;
    for (std::size_t i = 0; i < rows->size(); ++i) statuses.push_back(rows->string(i, 0));
    return statuses;
}

Result<void> judge_rows(db::Transaction& transaction, const JudgeFacts& facts) {
    Params params;
    params.add(facts.tenant_id).add(facts.service_provider_id);
    params.add(facts.portal ? std::optional(to_string(*facts.portal)) : std::nullopt);
    if (facts.type == ChangeType::statusupdate) {
        Array from;
        Array to;
        for (const std::string& status : facts.from_statuses) from.add(std::string_view(status));
        for (const std::string& status : facts.to_statuses) to.add(std::string_view(status));
        params.add(from.take()).add(to.take());
    } else if (facts.type == ChangeType::carrierrateplanchange) {
        params.add(facts.plan_needs_carrier_id);
    }
    const auto done = transaction.exec(judge_query(facts.type), params);
    if (!done) return done.error();
    return {};
}

Result<VerdictTotals> count_verdicts(db::Transaction& transaction, int page_size,
                                     base::Instant now) {
    const auto totals = transaction.exec(kTotals, Params().add(page_size).add(now));
    if (!totals) return totals.error();
    VerdictTotals result;
    result.rows = totals->integer(0, 0);
    result.refused = totals->integer(0, 1);
    result.open_pages = totals->integer(0, 2);
    result.portal = totals->string(0, 3);
    result.seconds_until_due = totals->integer(0, 4);
    if (result.refused == 0) return result;
    const auto reasons = transaction.exec(kReasons, Params().add(kMaxCountedReasons));
    if (!reasons) return reasons.error();
    result.reasons = reason_counts(*reasons);
    return result;
}

Result<std::vector<RefusedDevice>> first_refused(db::Transaction& transaction, int limit) {
    const auto rows = transaction.exec(kFirstRefused, Params().add(limit));
    if (!rows) return rows.error();
    std::vector<RefusedDevice> refused;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        refused.push_back({rows->integer(i, 0), rows->string(i, 1), rows->string(i, 2)});
    }
    return refused;
}

Result<BulkChangeId> insert_change(db::Transaction& transaction, const NewChange& change,
                                   const VerdictTotals& totals, base::Instant now) {
    Params params;
    params.add(change.tenant_id).add(change.service_provider_id).add(to_string(change.type));
    params.add(change.portal).add(change.status).add(change.request).add(change.source);
    params.add(change.file_name).add(change.correlation_id).add(change.created_by).add(now);
    params.add(totals.rows).add(totals.refused).add(totals.open_pages);
    const auto rows = transaction.exec(kInsertChange, params);
    if (!rows) return rows.error();
    return BulkChangeId{rows->integer(0, 0)};
}

Result<void> insert_devices(db::Transaction& transaction, BulkChangeId id, const NewChange& change,
                            const VerdictTotals& totals, base::Instant now) {
    const auto devices =
        transaction.exec(kInsertDevices, Params().add(change.tenant_id).add(id).add(now));
    if (!devices) return devices.error();
    CHECK(static_cast<std::int64_t>(devices->affected()) == totals.rows);
    if (totals.refused > 0) {
        const auto log = transaction.exec(kInsertLog, Params()
                                                          .add(change.tenant_id)
                                                          .add(id)
                                                          .add(now)
                                                          .add(change.portal)
                                                          .add(change.log_description)
                                                          .add(kProcessBy)
                                                          .add(change.correlation_id));
        if (!log) return log.error();
    }
    const auto pages = transaction.exec(
        kInsertPages, Params().add(change.tenant_id).add(id).add(change.page_size));
    if (!pages) return pages.error();
    return {};
}

Result<void> notify_change(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id) {
    const auto done = transaction.exec(
        kNotify, Params().add(std::to_string(tenant_id) + ':' + base::to_string(id)));
    if (!done) return done.error();
    return {};
}

Result<StoredSubmission> read_submission(db::Transaction& transaction, std::int64_t tenant_id,
                                         BulkChangeId id) {
    const auto change = transaction.exec(kReadSubmission, Params().add(tenant_id).add(id));
    if (!change) return change.error();
    if (change->empty()) return base::not_found("the bulk change was not found");
    StoredSubmission stored;
    stored.status = change->string(0, 0);
    stored.correlation_id = change->string(0, 1);
    stored.device_count = change->integer(0, 2);
    const auto refusals =
        transaction.exec(kReadRefusals, Params().add(tenant_id).add(id).add(kMaxCountedReasons));
    if (!refusals) return refusals.error();
    stored.reasons = reason_counts(*refusals);
    stored.refused = refusals->empty() ? 0 : refusals->integer(0, 2);
    return stored;
}

}  // namespace carryall::changes
