// The SQL of lists of drift.
#include "sync/drift.hpp"
#include "tenants/list_page.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::sync {
namespace {

using db::Params;
using tenants::iso8601;

const std::string& list_sql() {
    static const std::string sql =
        "SELECT x.drift_id, x.service_provider_id, p.name, x.device_id, x.carrier_line_id, "
        "coalesce(d.iccid, l.iccid), coalesce(d.msisdn, l.msisdn), x.field, x.ours, x.theirs, "
        "x.state, " +
        iso8601("x.found_at") + ", x.found_in, " + iso8601("l.seen_at") + ", x.decided_by, " +
        iso8601("x.decided_at") + ", " + iso8601("x.settled_at") +
        ", x.note "
        "FROM drift x JOIN service_provider p ON p.tenant_id = $1 "
        "AND p.service_provider_id = x.service_provider_id "
        "LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = x.device_id "
        "LEFT JOIN carrier_line l ON l.tenant_id = $1 AND l.carrier_line_id = x.carrier_line_id "
        "WHERE x.tenant_id = $1 AND x.drift_id > $2 "
        "AND ($3::bigint IS NULL OR x.service_provider_id = $3) "
        "AND ($4::bigint IS NULL OR x.device_id = $4) AND ($5::text IS NULL OR x.field = $5) "
        "AND ($6::text IS NULL OR x.state = $6) ORDER BY x.drift_id LIMIT $7";
    return sql;
}

std::optional<std::string> field_of(const DriftFilter& filter) {
    if (!filter.field) return std::nullopt;
    return std::string(to_string(*filter.field));
}

std::string question_of(const DriftFilter& filter) {
    return base::json::serialize(
        base::json::array{"drift", filter.service_provider_id.value, filter.device_id.value,
                          field_of(filter).value_or(""), filter.state.value_or("")});
}

Drift drift_at(const db::Rows& rows, std::size_t row) {
    Drift drift;
    drift.id = {rows.integer(row, 0)};
    drift.service_provider_id = {rows.integer(row, 1)};
    drift.service_provider = rows.string(row, 2);
    drift.device_id = {rows.integer(row, 3)};
    drift.carrier_line_id = rows.integer(row, 4);
    drift.iccid = rows.optional_text(row, 5);
    drift.msisdn = rows.optional_text(row, 6);
    drift.field = rows.string(row, 7);
    drift.ours = rows.optional_text(row, 8);
    drift.theirs = rows.optional_text(row, 9);
    drift.state = rows.string(row, 10);
    drift.found_at = rows.string(row, 11);
    drift.found_in = {rows.integer(row, 12)};
    drift.read_at = rows.optional_text(row, 13);
    drift.decided_by = rows.optional_text(row, 14);
    drift.decided_at = rows.optional_text(row, 15);
    drift.settled_at = rows.optional_text(row, 16);
    drift.note = rows.optional_text(row, 17);
    return drift;
}

}  // namespace

Result<tenants::Page<Drift>> list_drift(db::Connection& connection,
                                        const tenants::PageTokens& tokens, TenantId tenant_id,
                                        const DriftFilter& filter,
                                        const tenants::PageRequest& page) {
    const std::string question = question_of(filter);
    const auto after = tenants::oldest_first(tokens, tenant_id, question, page);
    if (!after) return after.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows =
        connection.exec({"drift_list", list_sql().c_str()}, Params()
                                                                .add(tenant_id)
                                                                .add(*after)
                                                                .add(filter.service_provider_id)
                                                                .add(filter.device_id)
                                                                .add(field_of(filter))
                                                                .add(filter.state)
                                                                .add(page.limit + 1));
    if (!rows) return rows.error();
    return tenants::page_of<Drift>(*rows, tokens, tenant_id, question, page.limit, drift_at);
}

}  // namespace carryall::sync
