// See submit_set_store.hpp. As in judge_store.cpp, nothing depends on statistics of staged rows.
#include "changes/submit_set_store.hpp"

#include <fmt/format.h>

#include "changes/submit_set.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;

// Which of the accounts $2 a staged row's line belongs to. Several devices may have had the same
// number: those that live count.
constexpr const char* kOwners = R"(owner AS (
        SELECT r.ordinal, d.service_provider_id AS provider_id
        FROM submit_row r JOIN device d ON d.tenant_id = $1 AND d.iccid19 = r.key
        WHERE r.kind = 'iccid' AND d.service_provider_id = ANY ($2::bigint[])
        UNION
        SELECT r.ordinal, d.service_provider_id
        FROM submit_row r JOIN device d ON d.tenant_id = $1 AND d.msisdn = r.key
        WHERE r.kind = 'msisdn' AND d.service_provider_id = ANY ($2::bigint[])
          AND d.is_active AND NOT d.is_deleted
        UNION
        SELECT r.ordinal, d.service_provider_id
        FROM submit_row r JOIN device d ON d.tenant_id = $1 AND d.imei = r.key
        WHERE r.kind = 'imei' AND d.service_provider_id = ANY ($2::bigint[])
          AND d.is_active AND NOT d.is_deleted))";

constexpr Query kProviders{"set_providers", R"(
    SELECT service_provider_id, name FROM service_provider
    WHERE tenant_id = $1 AND is_active AND integration <> 'revio'
      AND (cardinality($2::bigint[]) = 0 OR service_provider_id = ANY ($2::bigint[]))
    ORDER BY service_provider_id)"};

Query staged_query() {
    static const std::string kSql =
        fmt::format("WITH {} SELECT DISTINCT provider_id FROM owner ORDER BY 1", kOwners);
    return {"set_staged_providers", kSql.c_str()};
}

// What is left is numbered anew, so that the pages of a change are full.
Query leave_query() {
    static const std::string kSql = fmt::format(R"(
        WITH {},
        owners AS (
            SELECT ordinal, count(*) AS times, min(provider_id) AS provider_id
            FROM owner GROUP BY ordinal)
        DELETE FROM submit_row r
        USING submit_row s LEFT JOIN owners o ON o.ordinal = s.ordinal
        WHERE s.ordinal = r.ordinal
          AND NOT (CASE WHEN o.times = 1 THEN o.provider_id = $3 ELSE $4::boolean END))",
                                                kOwners);
    return {"set_leave_others", kSql.c_str()};
}

Query number_query() {
    static const std::string kSql = fmt::format(R"(
        WITH {},
        several AS (SELECT ordinal FROM owner GROUP BY ordinal HAVING count(*) > 1),
        place AS (SELECT ordinal, row_number() OVER (ORDER BY ordinal) AS number FROM submit_row)
        UPDATE submit_row r
        SET ordinal = p.number,
            problem = CASE WHEN s.ordinal IS NULL THEN r.problem
                           ELSE 'Ambiguous ' || CASE r.kind WHEN 'msisdn' THEN 'subscriber number'
                                                            ELSE 'IMEI' END
                               || ' (lines of several accounts have it; give the ICCID)' END
        FROM place p LEFT JOIN several s ON s.ordinal = p.ordinal
        WHERE p.ordinal = r.ordinal)",
                                                kOwners);
    return {"set_number", kSql.c_str()};
}

constexpr Query kInsertSet{"set_insert", R"(
    INSERT INTO change_set (tenant_id, created_by, correlation_id, created_at)
    VALUES ($1, $2, $3, $4::timestamptz) RETURNING change_set_id)"};

constexpr Query kSetOf{"set_of", R"(
    SELECT b.bulk_change_id, b.change_set_id, b.service_provider_id, p.name
    FROM bulk_change of_it
    JOIN bulk_change b ON b.tenant_id = $1 AND b.change_set_id = of_it.change_set_id
    JOIN service_provider p ON p.tenant_id = $1 AND p.service_provider_id = b.service_provider_id
    WHERE of_it.tenant_id = $1 AND of_it.bulk_change_id = $2
    ORDER BY b.bulk_change_id)"};

constexpr Query kGet{"set_get", R"(
    SELECT created_by, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           correlation_id
    FROM change_set WHERE tenant_id = $1 AND change_set_id = $2)"};

std::string array_of(const std::vector<std::int64_t>& ids) {
    Array array;
    for (const std::int64_t id : ids) array.add(id);
    return array.take();
}

}  // namespace

Result<std::vector<SetProvider>> find_set_providers(db::Transaction& transaction,
                                                    std::int64_t tenant_id,
                                                    const std::vector<std::int64_t>& ids) {
    const auto rows = transaction.exec(kProviders, Params().add(tenant_id).add(array_of(ids)));
    if (!rows) return rows.error();
    std::vector<SetProvider> providers;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        providers.push_back({rows->integer(i, 0), rows->string(i, 1)});
    }
    return providers;
}

Result<std::vector<std::int64_t>> staged_providers(db::Transaction& transaction,
                                                   std::int64_t tenant_id,
                                                   const std::vector<std::int64_t>& ids) {
    const auto rows = transaction.exec(staged_query(), Params().add(tenant_id).add(array_of(ids)));
    if (!rows) return rows.error();
    std::vector<std::int64_t> providers;
    for (std::size_t i = 0; i < rows->size(); ++i) providers.push_back(rows->integer(i, 0));
    return providers;
}

Result<std::int64_t> keep_own_rows(db::Transaction& transaction, std::int64_t tenant_id,
                                   std::int64_t service_provider_id, const SetShare& share) {
    const std::string ids = array_of(share.service_provider_ids);
    const auto left = transaction.exec(
        leave_query(),
        Params().add(tenant_id).add(ids).add(service_provider_id).add(share.takes_the_rest));
    if (!left) return left.error();
    const auto kept = transaction.exec(number_query(), Params().add(tenant_id).add(ids));
    if (!kept) return kept.error();
    return static_cast<std::int64_t>(kept->affected());
}

Result<std::int64_t> insert_set(db::Transaction& transaction, std::int64_t tenant_id,
                                const std::string& created_by, const std::string& correlation_id,
                                base::Instant now) {
    const auto rows = transaction.exec(
        kInsertSet, Params().add(tenant_id).add(created_by).add(correlation_id).add(now));
    if (!rows) return rows.error();
    return rows->integer(0, 0);
}

Result<std::vector<StoredPart>> set_of(db::Transaction& transaction, std::int64_t tenant_id,
                                       BulkChangeId id) {
    const auto rows = transaction.exec(kSetOf, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    std::vector<StoredPart> parts;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        parts.push_back({BulkChangeId{rows->integer(i, 0)}, rows->integer(i, 1),
                         rows->integer(i, 2), rows->string(i, 3)});
    }
    return parts;
}

Result<ChangeSet> get_change_set(db::Connection& connection, tenants::TenantId tenant_id,
                                 std::int64_t change_set_id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(kGet, Params().add(tenant_id).add(change_set_id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("There is no such change set");
    return ChangeSet{change_set_id, rows->string(0, 0), rows->string(0, 1), rows->string(0, 2)};
}

}  // namespace carryall::changes
