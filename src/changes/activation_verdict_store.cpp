// The verdict on the rows of an activation. A SIM need not be in the inventory: accepted ones get
// their device record here. One statement, as for the other types.
#include "changes/submit_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Params;
using db::Query;

// $1 tenant, $2 service provider, $3 portal (always mobility), $4 the change that is retried or 0,
// $5 and $6 statuses (as comparable_status() writes them) of lines that are active, and the reason.
constexpr Query kVerdict{"submit_judge_activation", R"(
    INSERT INTO submit_verdict
    WITH found AS (
        SELECT r.*, d.device_id, d.service_provider_id AS provider_id,
               d.portal AS device_portal, d.is_active AND NOT d.is_deleted AS live,
               translate(lower(d.status), ' _-', '') AS device_status,
               coalesce(mine.progress ->> 'subscriberNumber', '') <> '' AS is_done,
               min(r.row_number) OVER (PARTITION BY r.kind, r.key) AS first_row
        FROM submit_row r
        LEFT JOIN device d ON d.tenant_id = $1 AND r.kind = 'iccid' AND d.iccid19 = r.key
        LEFT JOIN device_change mine ON mine.tenant_id = $1
            AND mine.device_change_id = ($4::bigint << 20) + r.ordinal),
    active AS (
        SELECT * FROM unnest($5::text[], $6::text[]) AS a(status, reason)),
    open AS (
        SELECT f.ordinal, min(b.bulk_change_id) AS bulk_change_id
        FROM found f
        JOIN device_change e ON e.tenant_id = $1 AND e.device_id = f.device_id
            AND e.state IN ('new', 'waiting', 'unknown', 'parked')
        JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = e.device_change_id >> 20
            AND b.change_type = 'newserviceactivation' AND b.bulk_change_id <> $4::bigint
            AND b.status <> 'PLANNED'
        GROUP BY f.ordinal)
    SELECT f.ordinal, f.row_number, f.identifier, f.device_id, coalesce($3::text, 'mobility'),
        f.own::jsonb, f.due_at,
        CASE WHEN f.problem IS NOT NULL THEN f.problem
             WHEN f.kind <> 'iccid' THEN 'Invalid ICCID (an activation names the SIM by its ICCID)'
             WHEN f.first_row < f.row_number THEN 'Duplicate of row ' || f.first_row
             WHEN NOT f.live THEN CASE f.device_portal WHEN 'm2m' THEN 'M2M Device is archived'
                 ELSE 'Mobility Device is archived' END
             WHEN f.provider_id <> $2 THEN 'Device belongs to another service provider'
             WHEN f.device_portal <> 'mobility'
                 THEN 'Device belongs to the ' || f.device_portal || ' portal'
             WHEN f.parameter_problem IS NOT NULL THEN f.parameter_problem
             WHEN p.code IS NULL AND other.code IS NOT NULL
                 THEN 'Carrier rate plan belongs to another service provider'
             WHEN p.code IS NULL THEN 'Carrier rate plan not found'
             WHEN NOT p.is_active THEN 'Carrier rate plan is inactive'
             WHEN open.bulk_change_id IS NOT NULL THEN 'Another activation of this SIM is open '
                 || '(bulk change ' || open.bulk_change_id || ')'
             WHEN f.is_done THEN NULL
             WHEN ours.reason IS NOT NULL THEN ours.reason
             WHEN theirs.reason IS NOT NULL THEN theirs.reason || ' (by the carrier''s inventory, '
                 || 'as ' || coalesce(l.msisdn, 'an unknown number') || ')'
        END
    FROM found f
    LEFT JOIN carrier_rate_plan p ON p.tenant_id = $1 AND p.service_provider_id = $2
        AND p.code = f.plan_name
    LEFT JOIN (SELECT DISTINCT code FROM carrier_rate_plan
               WHERE tenant_id = $1 AND service_provider_id <> $2) other ON other.code = f.plan_name
    LEFT JOIN carrier_line l ON l.tenant_id = $1 AND l.service_provider_id = $2
        AND l.line_key = f.key AND NOT l.is_gone
    LEFT JOIN active ours ON ours.status = f.device_status
    LEFT JOIN active theirs ON theirs.status = translate(lower(l.status), ' _-', '')
    LEFT JOIN open ON open.ordinal = f.ordinal)"};

// A record that somebody else makes at the same time is used as it is.
constexpr Query kMakeDevices{"submit_make_devices", R"(
    WITH made AS (
        INSERT INTO device AS d (tenant_id, service_provider_id, portal, iccid, imei, status)
        SELECT $1, $2, 'mobility', regexp_replace(r.identifier, '[^0-9]', '', 'g'), r.imei,
               'Inventory'
        FROM submit_verdict v JOIN submit_row r ON r.ordinal = v.ordinal
        WHERE v.reason IS NULL AND v.device_id IS NULL ORDER BY v.ordinal
        ON CONFLICT (tenant_id, iccid19) DO UPDATE SET modified_at = d.modified_at
        RETURNING d.device_id, d.iccid19)
    UPDATE submit_verdict v SET device_id = made.device_id
    FROM submit_row r, made
    WHERE r.ordinal = v.ordinal AND made.iccid19 = r.key AND v.device_id IS NULL
      AND v.reason IS NULL)"};

// In the order of their ids, so that two that want the same SIMs do not wait for each other.
constexpr Query kLockSims{"submit_lock_sims", R"(
    SELECT count(*) FROM (
        SELECT FROM device d
        WHERE d.tenant_id = $1
          AND d.device_id IN (SELECT v.device_id FROM submit_verdict v WHERE v.reason IS NULL)
        ORDER BY d.device_id FOR NO KEY UPDATE) locked)"};

constexpr Query kOvertaken{"submit_overtaken_sims", R"(
    SELECT count(DISTINCT v.device_id), min(b.bulk_change_id)
    FROM submit_verdict v
    JOIN device_change e ON e.tenant_id = $1 AND e.device_id = v.device_id
        AND e.state IN ('new', 'waiting', 'unknown', 'parked')
    JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = e.device_change_id >> 20
        AND b.change_type = 'newserviceactivation' AND b.status <> 'PLANNED'
        AND b.bulk_change_id <> $2
    WHERE v.reason IS NULL)"};

constexpr Query kFollow{"submit_follow", R"(
    UPDATE submit_verdict SET request = NULL, reason = 'activation failed: ' || reason)"};

Result<void> without_rows(const Result<db::Rows>& rows) {
    if (!rows) return rows.error();
    return {};
}

}  // namespace

Query activation_verdict() {
    return kVerdict;
}

Result<void> make_devices(db::Transaction& transaction, std::int64_t tenant_id,
                          std::int64_t service_provider_id) {
    return without_rows(
        transaction.exec(kMakeDevices, Params().add(tenant_id).add(service_provider_id)));
}

Result<void> take_sims(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id) {
    CARRYALL_TRY(without_rows(transaction.exec(kLockSims, Params().add(tenant_id))));
    const auto rows = transaction.exec(kOvertaken, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->integer(0, 0) == 0) return {};
    return base::Error{base::ErrorKind::conflict,
                       "bulk change " + std::to_string(rows->integer(0, 1)) +
                           " was accepted a moment ago for " + std::to_string(rows->integer(0, 0)) +
                           " of these SIMs; nothing was done, look at it and ask again",
                       {}};
}

Result<void> turn_to_following_change(db::Transaction& transaction) {
    return without_rows(transaction.exec(kFollow));
}

}  // namespace carryall::changes
