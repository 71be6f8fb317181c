// The verdict on every staged row, one statement for each change type: who is meant, what is wrong
// first. Devices are found by (tenant_id, iccid19), (tenant_id, msisdn) or (tenant_id, imei), so
// the planner may look a few up in the index and hash many; nothing here depends on statistics of
// rows that were written a moment ago.
#include "base/text.hpp"
#include "changes/submit_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;

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
        SELECT r.ordinal, d.device_id, d.service_provider_id AS provider_id,
               d.portal AS device_portal, d.status AS device_status, d.iccid, d.msisdn,
               d.rev_service_id, d.is_active AND NOT d.is_deleted AS live
        FROM submit_row r JOIN device d ON d.tenant_id = $1 AND d.msisdn = r.key
        WHERE r.kind = 'msisdn'
        UNION ALL
        SELECT r.ordinal, d.device_id, d.service_provider_id, d.portal, d.status, d.iccid,
               d.msisdn, d.rev_service_id, d.is_active AND NOT d.is_deleted
        FROM submit_row r JOIN device d ON d.tenant_id = $1 AND d.imei = r.key
        WHERE r.kind = 'imei'),
    matched AS (
        SELECT r.ordinal, d.device_id, d.service_provider_id AS provider_id,
               d.portal AS device_portal, d.status AS device_status, d.iccid, d.msisdn,
               d.rev_service_id, d.is_active AND NOT d.is_deleted AS live, false AS ambiguous
        FROM submit_row r JOIN device d ON d.tenant_id = $1 AND d.iccid19 = r.key
        WHERE r.kind = 'iccid'
        UNION ALL
        SELECT ordinal, device_id, provider_id, device_portal, device_status, iccid, msisdn,
               rev_service_id, live, usable > 1
        FROM (SELECT c.*, count(*) FILTER (WHERE live AND provider_id = $2)
                          OVER (PARTITION BY ordinal) AS usable,
                     row_number() OVER (PARTITION BY ordinal
                         ORDER BY live AND provider_id = $2 DESC, live DESC, device_id) AS place
              FROM candidate c) several
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
                 || ' to ' || f.status || ' not allowed' || coalesce('; ' || advised.advice, '')
        END
    FROM found f
    LEFT JOIN (SELECT * FROM unnest($4::text[], $5::text[]) AS a(from_status, to_status)) allowed
        ON allowed.from_status = translate(lower(f.device_status), ' _-', '')
       AND allowed.to_status = translate(lower(f.status), ' _-', '')
    LEFT JOIN (SELECT * FROM unnest($6::text[], $7::text[], $8::text[])
               AS b(from_status, to_status, advice)) advised
        ON advised.from_status = translate(lower(f.device_status), ' _-', '')
       AND advised.to_status = translate(lower(f.status), ' _-', ''))";

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
                    'customerRatePlanId',
                        coalesce(pn.customer_rate_plan_id, p.customer_rate_plan_id),
                    'customerPoolId',
                        coalesce(on_.customer_rate_pool_id, o.customer_rate_pool_id))))
        END, f.due_at,)";
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
        END, f.due_at,)";
constexpr const char* kAssignmentReasons = R"(
             WHEN t.rev_missing THEN 'Rev Customer not found'
             WHEN t.id IS NULL AND NOT (f.restores AND f.customer_id IS NULL)
                 THEN 'Customer not found'
             WHEN f.creates_service AND t.rev_id IS NULL THEN 'Rev Customer not found'
             WHEN CASE WHEN f.site_id IS NOT NULL OR f.site_name IS NOT NULL
                       THEN si.site_id IS NULL AND sn.site_id IS NULL
                       ELSE t.rev_id IS NOT NULL AND fs.site_id IS NULL AND NOT f.restores END
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
        case ChangeType::newserviceactivation:
            return activation_verdict();
    }
    CHECK(false && "a change type that nobody judges");
    return {};
}

constexpr Query kTotals{"submit_totals", R"(
    SELECT count(*), count(reason), count(DISTINCT (ordinal - 1) / $1::int) FILTER (
               WHERE reason IS NULL), coalesce(max(portal), 'm2m'),
           ceil(greatest(0, extract(epoch FROM min(coalesce(due_at, '1970-01-01'))
               FILTER (WHERE reason IS NULL) - $2::timestamptz)) * 1000)::bigint
    FROM submit_verdict)"};

Query reasons_query() {
    static const std::string sql = "SELECT " + counted_reason("reason") +
                                   ", count(*) FROM submit_verdict WHERE reason IS NOT NULL"
                                   " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $1::int";
    return {"submit_reasons", sql.c_str()};
}

constexpr Query kFirstRefused{"submit_first_refused", R"(
    SELECT row_number, identifier, reason FROM submit_verdict
    WHERE reason IS NOT NULL ORDER BY ordinal LIMIT $1::int)"};

}  // namespace

std::vector<ReasonCount> reason_counts(const Rows& rows) {
    std::vector<ReasonCount> reasons;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        reasons.push_back({rows.string(i, 0), "validation", rows.integer(i, 1)});
    }
    return reasons;
}

std::string counted_reason(const std::string& column) {
    return "CASE WHEN " + column + " LIKE 'Duplicate of row %' THEN 'Duplicate of an earlier row'" +
           " WHEN " + column + " ~ '^(Invalid (ICCID|IMEI|subscriber number)|Unreadable row) [(]'" +
           " THEN split_part(" + column + ", ' (', 1) ELSE " + column + " END";
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
        for (const auto* texts : {&facts.from_statuses, &facts.to_statuses, &facts.advised_from,
                                  &facts.advised_to, &facts.advice}) {
            Array array;
            for (const std::string& text : *texts) array.add(std::string_view(text));
            params.add(array.take());
        }
    } else if (facts.type == ChangeType::newserviceactivation) {
        Array statuses, reasons;
        for (const std::string& text : facts.from_statuses) statuses.add(std::string_view(text));
        for (const std::string& text : facts.advice) reasons.add(std::string_view(text));
        params.add(facts.retried_change.value).add(statuses.take()).add(reasons.take());
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
    result.until_due = std::chrono::milliseconds(totals->integer(0, 4));
    if (result.refused == 0) return result;
    const auto reasons = transaction.exec(reasons_query(), Params().add(kMaxCountedReasons));
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

}  // namespace carryall::changes
