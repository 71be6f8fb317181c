#include "charges/charge_list_store.hpp"

namespace carryall::charges {
namespace {

using db::Array;
using db::Params;
using db::Query;

// Outer joins: a charge is listed whatever is missing beside it.
constexpr Query kRange{"charge_list_range", R"(
    SELECT c.position, c.device_id, d.msisdn, d.iccid, c.kind, c.state, c.amount,
           c.revio_charge_id, c.reason,
           CASE WHEN c.state IN ('charged', 'recorded')
                THEN to_char(c.settled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END,
           c.portal, p.name, c.billing_period_start, c.billing_period_end, c.is_adopted
    FROM charge c
    LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id
    LEFT JOIN service_provider p ON p.tenant_id = $1
        AND p.service_provider_id = c.service_provider_id
    WHERE c.tenant_id = $1 AND c.charge_run_id = $2 AND c.part_number = $3
      AND c.position BETWEEN $4 AND $5
    ORDER BY c.position)"};

constexpr Query kErrors{"charge_list_errors", R"(
    WITH kind AS (
        SELECT c.state, left(regexp_replace(coalesce(c.reason, 'no reason is known'), '[0-9]+', '#',
                                            'g'), 200) AS text, count(*) AS count
        FROM unnest($3::int[]) p(part_number)
        JOIN charge c ON c.tenant_id = $1 AND c.charge_run_id = $2
            AND c.part_number = p.part_number AND c.state IN ('unknown', 'failed', 'parked')
        GROUP BY 1, 2),
    placed AS (
        SELECT kind.*, row_number() OVER (ORDER BY count DESC, state, text) AS place FROM kind)
    SELECT state, CASE WHEN place > $4 THEN 'other reasons' ELSE text END, sum(count)::bigint
    FROM placed
    GROUP BY 1, 2, least(place, $4::int + 1)
    ORDER BY least(place, $4::int + 1), state)"};

}  // namespace

Result<std::vector<ListedCharge>> read_listed_charges(db::Connection& connection,
                                                      const PartId& part, std::int64_t first,
                                                      std::int64_t last) {
    CARRYALL_TRY(connection.work_for_tenant(part.tenant_id));
    const auto rows = connection.exec(
        kRange,
        Params().add(part.tenant_id).add(part.run).add(part.part_number).add(first).add(last));
    if (!rows) return rows.error();
    std::vector<ListedCharge> charges;
    charges.reserve(rows->size());
    for (std::size_t i = 0; i < rows->size(); ++i) {
        charges.push_back({rows->integer(i, 0), rows->integer(i, 1), rows->string(i, 2),
                           rows->string(i, 3), rows->string(i, 4), rows->string(i, 5),
                           rows->string(i, 6), rows->string(i, 7), rows->string(i, 8),
                           rows->string(i, 9), rows->string(i, 10), rows->string(i, 11),
                           rows->string(i, 12), rows->string(i, 13), rows->boolean(i, 14)});
    }
    return charges;
}

Result<std::vector<ErrorCount>> count_errors(db::Connection& connection, std::int64_t tenant_id,
                                             ChargeRunId run, const std::vector<int>& parts) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    Array numbers;
    for (const int part : parts) numbers.add(static_cast<std::int64_t>(part));
    const auto rows = connection.exec(
        kErrors, Params().add(tenant_id).add(run).add(numbers.take()).add(kMaxErrorKinds));
    if (!rows) return rows.error();
    std::vector<ErrorCount> errors;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        errors.push_back({rows->string(i, 0), rows->string(i, 1), rows->integer(i, 2)});
    }
    return errors;
}

}  // namespace carryall::charges
