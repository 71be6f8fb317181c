// Events are found through their line, by its index, newest first.
#include "sync/events.hpp"
#include "tenants/list_page.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::sync {
namespace {

using db::Params;
using db::Query;

constexpr Query kDeviceExists{"sync_device_exists",
                              "SELECT 1 FROM device WHERE tenant_id = $1 AND device_id = $2"};

const std::string& events_sql() {
    static const std::string sql =
        "SELECT e.carrier_line_event_id, " + tenants::iso8601("e.occurred_at") + R"(,
           CASE WHEN e.before IS NULL THEN 'appeared' WHEN e.after IS NULL THEN 'gone'
                WHEN e.before @> '{"isGone": true}' THEN 'returned' ELSE 'changed' END,
           e.before, e.after, e.carrier_line_id, e.inventory_sync_id
    FROM carrier_line l
    CROSS JOIN LATERAL (
        SELECT * FROM carrier_line_event
        WHERE tenant_id = $1 AND carrier_line_id = l.carrier_line_id
          AND carrier_line_event_id < $3
        ORDER BY carrier_line_event_id DESC LIMIT $4) e
    WHERE l.tenant_id = $1 AND l.device_id = $2
    ORDER BY e.carrier_line_event_id DESC LIMIT $4)";
    return sql;
}

base::json::value json_at(const db::Rows& rows, std::size_t row, int column) {
    return rows.is_null(row, column) ? base::json::value(nullptr)
                                     : base::parse_json(rows.text(row, column)).value_or(nullptr);
}

CarrierEvent event_at(const db::Rows& rows, std::size_t i) {
    return {rows.integer(i, 0),  rows.string(i, 1),  rows.string(i, 2),   json_at(rows, i, 3),
            json_at(rows, i, 4), rows.integer(i, 5), {rows.integer(i, 6)}};
}

}  // namespace

Result<tenants::Page<CarrierEvent>> carrier_events(db::Connection& connection,
                                                   const tenants::PageTokens& tokens,
                                                   TenantId tenant_id, devices::DeviceId device,
                                                   const tenants::PageRequest& page) {
    const std::string question = "carrier_events/" + base::to_string(device);
    const auto before = tenants::newest_first(tokens, tenant_id, question, page);
    if (!before) return before.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto known = connection.exec(kDeviceExists, Params().add(tenant_id).add(device));
    if (!known) return known.error();
    if (known->empty()) return base::not_found("there is no such device");
    const auto rows =
        connection.exec({"sync_carrier_events", events_sql().c_str()},
                        Params().add(tenant_id).add(device).add(*before).add(page.limit + 1));
    if (!rows) return rows.error();
    return tenants::page_of<CarrierEvent>(*rows, tokens, tenant_id, question, page.limit, event_at);
}

}  // namespace carryall::sync
