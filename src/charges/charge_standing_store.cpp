// The figures are sums of the parts' counters, which add up to their charges; only what is unknown
// is looked at row by row, by the index of what is not well.
#include "charges/charge_standing.hpp"

namespace carryall::charges {
namespace {

using db::Params;
using db::Query;

constexpr Query kTenants{"charge_standing_tenants",
                         "SELECT id FROM tenant WHERE is_active ORDER BY id"};

constexpr Query kStanding{"charge_standing", R"(
    WITH run AS MATERIALIZED (
        SELECT charge_run_id, hold = 'stopped' AND state <> 'finished' AS is_stopped
        FROM charge_run
        WHERE tenant_id = $1 AND (state <> 'finished' OR created_at > now() - interval '92 days')
    ), part AS MATERIALIZED (
        SELECT p.*, r.is_stopped
        FROM run r JOIN charge_run_part p ON p.tenant_id = $1
            AND p.charge_run_id = r.charge_run_id
    ), account AS (
        SELECT integration_authentication_id AS id, sum(new_count) AS fresh,
            sum(unknown_count) AS unknown, sum(parked_count) AS parked,
            sum(failed_count) AS failed,
            count(DISTINCT charge_run_id) FILTER (WHERE is_stopped) AS stopped,
            count(*) FILTER (WHERE state = 'settled') AS lists,
            min(settled_at) FILTER (WHERE state = 'settled') AS list_since,
            coalesce(sum(new_count + unknown_count) FILTER (WHERE NOT is_stopped), 0) AS calls
        FROM part GROUP BY 1
    ), unclear AS (
        SELECT p.integration_authentication_id AS id,
            min(coalesce(c.unclear_since, c.sent_at, c.created_at)) AS since
        FROM part p JOIN charge c ON c.tenant_id = $1 AND c.charge_run_id = p.charge_run_id
            AND c.part_number = p.part_number AND c.state = 'unknown'
        WHERE p.unknown_count > 0 GROUP BY 1
    )
    SELECT a.id, coalesce(s.integration, 'none'), a.fresh, a.unknown, a.parked, a.failed,
        a.stopped, a.lists,
        coalesce(greatest(0, extract(epoch FROM now() - a.list_since)), 0)::bigint,
        coalesce(greatest(0, extract(epoch FROM now() - u.since)), 0)::bigint,
        a.calls, s.rate_per_second, s.day_quota, coalesce(s.is_unpaced, false),
        CASE WHEN p.quota_day = (now() AT TIME ZONE 'UTC')::date THEN p.quota_used ELSE 0 END,
        greatest(0, extract(epoch FROM greatest(nullif(p.paused_until, '-infinity'),
                                                p.breaker_probe_at) - now()))::bigint,
        extract(epoch FROM (((now() AT TIME ZONE 'UTC')::date + 1)::timestamp
                            AT TIME ZONE 'UTC') - now())::bigint
    FROM account a
    LEFT JOIN unclear u ON u.id IS NOT DISTINCT FROM a.id
    LEFT JOIN service_provider s ON s.tenant_id = $1 AND s.service_provider_id = a.id
    LEFT JOIN account_pace p ON p.pacing_key = s.pacing_key
    ORDER BY a.id)"};

ChargeStanding standing_at(const db::Rows& rows, std::size_t row, std::int64_t tenant_id) {
    ChargeStanding standing;
    standing.tenant_id = tenant_id;
    standing.service_provider_id = rows.optional_integer(row, 0);
    standing.integration = rows.string(row, 1);
    standing.fresh = rows.integer(row, 2);
    standing.unknown = rows.integer(row, 3);
    standing.parked = rows.integer(row, 4);
    standing.failed = rows.integer(row, 5);
    standing.stopped_runs = rows.integer(row, 6);
    standing.lists_to_store = rows.integer(row, 7);
    standing.oldest_list_seconds = rows.integer(row, 8);
    standing.oldest_unknown_seconds = rows.integer(row, 9);
    standing.load.calls = rows.integer(row, 10);
    if (const auto rate = rows.optional_text(row, 11)) {
        standing.load.rate_per_second = std::stod(*rate);
    }
    standing.load.day_quota = rows.optional_integer(row, 12);
    standing.load.is_unpaced = rows.boolean(row, 13);
    standing.load.used_today = rows.integer(row, 14);
    standing.load.blocked_seconds = rows.integer(row, 15);
    standing.load.seconds_to_midnight = rows.integer(row, 16);
    return standing;
}

}  // namespace

Result<std::vector<ChargeStanding>> read_charge_standings(db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto tenants = connection.exec(kTenants);
    if (!tenants) return tenants.error();
    std::vector<ChargeStanding> standings;
    for (std::size_t i = 0; i < tenants->size(); ++i) {
        const std::int64_t tenant_id = tenants->integer(i, 0);
        CARRYALL_TRY(connection.work_for_tenant(tenant_id));
        const auto rows = connection.exec(kStanding, Params().add(tenant_id));
        if (!rows) return rows.error();
        for (std::size_t row = 0; row < rows->size(); ++row) {
            standings.push_back(standing_at(*rows, row, tenant_id));
        }
    }
    return standings;
}

}  // namespace carryall::charges
