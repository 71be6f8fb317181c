// The SQL of a device's history: events, bulk changes and their logged steps, merged by time. The
// order (time, kind, id, step) is total, so that paging neither skips nor repeats an entry.
#include "base/text.hpp"
#include "devices/device.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::devices {
namespace {

using base::Result;
using db::Params;
using db::Query;

constexpr Query kDeviceExists{"device_exists",
                              "SELECT 1 FROM device WHERE tenant_id = $1 AND device_id = $2"};

// bulk_change_id is the device change's id without its last 20 bits (db/migrations/0002). A plan
// that nobody applied has not happened.
const std::string& history_sql() {
    static const std::string sql = R"(
WITH changes AS MATERIALIZED (
    SELECT c.device_change_id, c.row_number, c.identifier, c.request, c.state, c.reason,
           c.retry_number, c.finished_at, b.bulk_change_id, b.change_type, b.created_by,
           b.created_at, b.request AS change_request, b.file_name
    FROM device_change c
    JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = c.device_change_id >> 20
        AND b.status <> 'PLANNED'
    WHERE c.tenant_id = $1 AND c.device_id = $2)
SELECT )" + tenants::iso8601("h.at") +
                                   R"(,
       h.kind, h.source, h.actor, h.bulk_change_id, h.device_change_id, h.status,
       h.description, h.detail, h.at::text, h.rank, h.id, h.step
FROM (
    SELECT e.occurred_at AS at, 1 AS rank, e.device_event_id AS id, 0::bigint AS step,
           'event' AS kind, e.source, e.actor, NULL::bigint AS bulk_change_id,
           NULL::bigint AS device_change_id, '' AS status, '' AS description,
           e.detail::text AS detail
    FROM device_event e WHERE e.tenant_id = $1 AND e.device_id = $2
    UNION ALL
    SELECT c.created_at, 2, c.device_change_id, 0, 'change', c.change_type, c.created_by,
           c.bulk_change_id, c.device_change_id, c.state, coalesce(c.reason, ''),
           json_build_object('rowNumber', c.row_number, 'identifier', c.identifier,
                             'changeRequest', c.change_request, 'request', c.request,
                             'retryNumber', c.retry_number, 'fileName', c.file_name,
                             'finishedAt', )" +
                                   tenants::iso8601("c.finished_at") + R"()::text
    FROM changes c
    UNION ALL
    SELECT l.processed_at, 3, l.device_change_id, l.attempt::bigint * 65536 + l.step, 'log',
           c.change_type, l.process_by, c.bulk_change_id, l.device_change_id, l.response_status,
           l.log_entry_description,
           json_build_object('attempt', l.attempt, 'step', l.step, 'actionText', l.action_text,
                             'requestText', l.request_text, 'responseText', l.response_text,
                             'hasErrors', l.has_errors, 'errorText', l.error_text,
                             'retryNumber', l.retry_number, 'correlationId', l.correlation_id,
                             'startedAt', )" +
                                   tenants::iso8601("l.started_at") + R"()::text
    FROM changes c
    JOIN device_change_log l ON l.tenant_id = $1 AND l.device_change_id = c.device_change_id
) h
WHERE (h.at, h.rank, h.id, h.step) < ($3::timestamptz, $4::integer, $5::bigint, $6::bigint)
ORDER BY h.at DESC, h.rank DESC, h.id DESC, h.step DESC
LIMIT $7)";
    return sql;
}

struct Cursor {
    std::int64_t rank = 0;
    std::int64_t id = 0;
    std::int64_t step = 0;
    std::string at = "infinity";
};

std::string to_text(const Cursor& cursor) {
    return std::to_string(cursor.rank) + ' ' + std::to_string(cursor.id) + ' ' +
           std::to_string(cursor.step) + ' ' + cursor.at;
}

Cursor parse_cursor(std::string_view text) {
    Cursor cursor;
    for (std::int64_t* number : {&cursor.rank, &cursor.id, &cursor.step}) {
        CHECK(!text.empty());  // sealed by us
        *number = base::parse_int(base::take_part(text, " ")).value_or(0);
    }
    cursor.at = text;
    return cursor;
}

Result<HistoryEntry> entry_at(const db::Rows& rows, std::size_t row) {
    HistoryEntry entry;
    entry.occurred_at = rows.string(row, 0);
    entry.kind = rows.string(row, 1);
    entry.source = rows.string(row, 2);
    entry.actor = rows.string(row, 3);
    entry.bulk_change_id = rows.optional_integer(row, 4);
    entry.device_change_id = rows.optional_integer(row, 5);
    entry.status = rows.string(row, 6);
    entry.description = rows.string(row, 7);
    auto detail = base::parse_json(rows.text(row, 8));
    if (!detail) return base::internal_error("a stored history entry is not JSON");
    entry.detail = *std::move(detail);
    return entry;
}

}  // namespace

Result<Page<HistoryEntry>> device_history(db::Connection& connection, const PageTokens& tokens,
                                          TenantId tenant_id, DeviceId id,
                                          const PageRequest& page) {
    CARRYALL_TRY(tenants::check_limit(page.limit));
    const std::string question = "device_history/" + base::to_string(id);
    Cursor start;
    if (!page.token.empty()) {
        const auto opened = tokens.open(tenant_id, question, page.token);
        if (!opened) return opened.error();
        start = parse_cursor(*opened);
    }
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto device = connection.exec(kDeviceExists, Params().add(tenant_id).add(id));
    if (!device) return device.error();
    if (device->empty()) return base::not_found("there is no such device");
    Params params;
    params.add(tenant_id).add(id).add(start.at).add(start.rank).add(start.id).add(start.step);
    const auto rows =
        connection.exec({"device_history", history_sql().c_str()}, params.add(page.limit + 1));
    if (!rows) return rows.error();
    Page<HistoryEntry> result;
    const auto limit = static_cast<std::size_t>(page.limit);
    for (std::size_t i = 0; i < rows->size() && i < limit; ++i) {
        auto entry = entry_at(*rows, i);
        if (!entry) return entry.error();
        result.items.push_back(*std::move(entry));
    }
    if (rows->size() > limit) {
        const std::size_t last = limit - 1;
        result.next_token = tokens.make(tenant_id, question,
                                        to_text({rows->integer(last, 10), rows->integer(last, 11),
                                                 rows->integer(last, 12), rows->string(last, 9)}));
    }
    return result;
}

}  // namespace carryall::devices
