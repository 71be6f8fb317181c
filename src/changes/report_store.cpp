// The SQL of reports. The devices of a change are one range of the primary key, so every statement
// reads a bounded piece of that range, in order, from where the last page ended.
#include "base/text.hpp"
#include "changes/device_row.hpp"
#include "changes/report.hpp"
#include "changes/report_rows.hpp"
#include "changes/submit_store.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;

constexpr int kFailedRowsBatch = 1'000;

// A new device is being sent while its page is.
constexpr const char* kSending = R"(
    (SELECT count(*) FROM change_page g JOIN device_change c
        ON c.tenant_id = $1 AND c.device_change_id BETWEEN g.first_device_change_id
                                                       AND g.last_device_change_id
     WHERE g.tenant_id = $1 AND g.bulk_change_id = b.bulk_change_id AND g.state = 'sending'
       AND NOT g.reads_only AND c.state = 'new' AND c.due_at <= g.claimed_at))";

const std::string& summary_columns() {
    static const std::string columns =
        "b.bulk_change_id, b.service_provider_id, p.name, p.integration, b.change_type, b.portal, "
        "b.status, b.source, b.file_name, b.correlation_id, b.created_by, " +
        iso8601("b.created_at") + ", " + iso8601("b.started_at") + ", " + iso8601("b.finished_at") +
        ", b.device_count, b.new_count, b.waiting_count, b.unknown_count, b.processed_count, "
        "b.error_count, b.parked_count, b.cancelled_count, " +
        std::string("CASE WHEN b.open_page_count > 0 THEN ") + kSending +
        " ELSE 0 END, b.change_set_id, " + iso8601("b.first_due_at") + ", " +
        iso8601("b.last_due_at") + ", b.time_zone, " + control_columns();
    return columns;
}
constexpr int kControlColumn = 27;
constexpr int kSummaryColumns = kControlColumn + kControlColumns;

const std::string& from_change() {
    static const std::string from =
        " FROM bulk_change b JOIN service_provider p ON p.tenant_id = $1"
        " AND p.service_provider_id = b.service_provider_id WHERE b.tenant_id = $1";
    return from;
}

Query get_query() {
    static const std::string sql = "SELECT " + summary_columns() +
                                   ", b.request, b.follows_bulk_change_id,"
                                   " (SELECT f.bulk_change_id FROM bulk_change f WHERE"
                                   " f.tenant_id = $1 AND f.follows_bulk_change_id = $2)" +
                                   from_change() + " AND b.bulk_change_id = $2";
    return {"report_get_change", sql.c_str()};
}

Query list_query() {
    static const std::string sql =
        "SELECT " + summary_columns() + from_change() +
        " AND ($2::bigint IS NULL OR b.bulk_change_id < $2)"
        " AND ($3::text IS NULL OR b.status = $3) AND ($4::text IS NULL OR b.change_type = $4)"
        " AND ($5::bigint IS NULL OR b.service_provider_id = $5)"
        " AND ($6::text IS NULL OR b.created_by = $6)"
        " AND ($7::timestamptz IS NULL OR b.created_at >= $7)"
        " AND ($8::timestamptz IS NULL OR b.created_at < $8)"
        " AND ($10::bigint IS NULL OR b.change_set_id = $10)"
        " ORDER BY b.bulk_change_id DESC LIMIT $9::int";
    return {"report_list_changes", sql.c_str()};
}

Query reasons_query() {
    static const std::string sql =
        "SELECT " + counted_reason("reason") +
        ", error_class, count(*) FROM device_change WHERE tenant_id = $1"
        " AND device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1"
        " AND state IN ('error', 'parked') GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT $3::int";
    return {"report_reasons", sql.c_str()};
}

// The page of a device, for its exact state; a primary key's range, so at most one.
const std::string& device_columns() {
    static const std::string columns =
        "c.device_change_id, c.row_number, c.identifier, c.device_id, d.iccid, d.msisdn, "
        "CASE WHEN c.state = 'new' AND g.state = 'sending' AND c.due_at <= g.claimed_at"
        " THEN 'sending' ELSE c.state END, c.retry_number, c.read_back_count, "
        "CASE WHEN c.due_at > '-infinity' AND c.state IN ('new', 'waiting', 'unknown') THEN " +
        iso8601("c.due_at") + " END, " + iso8601("c.sent_at") + ", c.error_class, c.reason, " +
        iso8601("c.finished_at") +
        ", c.request, c.warning"
        " FROM device_change c LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id"
        " LEFT JOIN change_page g ON g.tenant_id = $1"
        " AND g.bulk_change_id = c.device_change_id >> 20 AND g.state = 'sending'"
        " AND NOT g.reads_only"
        " AND c.device_change_id BETWEEN g.first_device_change_id AND g.last_device_change_id"
        " WHERE c.tenant_id = $1";
    return columns;
}

Query device_query() {
    static const std::string sql = "SELECT " + device_columns() + " AND c.device_change_id = $2";
    return {"report_get_device_change", sql.c_str()};
}

Query devices_query() {
    static const std::string sql =
        "SELECT " + device_columns() +
        " AND c.device_change_id > $3 AND c.device_change_id BETWEEN $2::bigint << 20"
        " AND (($2::bigint + 1) << 20) - 1"
        " AND ($4::text[] IS NULL OR CASE WHEN c.state = 'new' AND g.state = 'sending'"
        " AND c.due_at <= g.claimed_at THEN 'sending' ELSE c.state END = ANY ($4))"
        " AND ($5::text IS NULL OR c.reason = $5) AND ($6::text IS NULL OR c.error_class = $6)"
        " AND ($7::text IS NULL OR c.identifier = $7)"
        " ORDER BY c.device_change_id LIMIT $8::int";
    return {"report_list_device_changes", sql.c_str()};
}

Query log_query() {
    static const std::string sql =
        "SELECT device_change_id, attempt, step, portal, log_entry_description, action_text, "
        "request_text, response_text, response_status, has_errors, error_text, process_by, "
        "retry_number, correlation_id, " +
        iso8601("started_at") + ", " + iso8601("processed_at") +
        " FROM device_change_log WHERE tenant_id = $1"
        " AND device_change_id BETWEEN $2::bigint AND $3::bigint"
        " AND (device_change_id, attempt, step) > ($4::bigint, $5::int, $6::int)"
        " ORDER BY device_change_id, attempt, step LIMIT $7::int";
    return {"report_log", sql.c_str()};
}

constexpr Query kExists{"report_change_exists", R"(
    SELECT change_type, request FROM bulk_change WHERE tenant_id = $1 AND bulk_change_id = $2)"};

Query progress_query() {
    static const std::string sql =
        "SELECT b.status, b.device_count, b.new_count, b.waiting_count, b.unknown_count,"
        " b.processed_count, b.error_count, b.parked_count, b.cancelled_count,"
        " b.finished_at IS NOT NULL, " +
        control_columns() + ", " + iso8601("b.first_due_at") + ", " + iso8601("b.last_due_at") +
        ", b.time_zone FROM bulk_change b"
        " WHERE b.tenant_id = $1 AND b.bulk_change_id = $2";
    return {"report_progress", sql.c_str()};
}

constexpr Query kFailedRows{"report_failed_rows", R"(
    SELECT c.device_change_id, c.row_number, c.identifier, c.request, c.state, c.error_class,
           c.reason, d.iccid
    FROM device_change c LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id
    WHERE c.tenant_id = $1 AND c.device_change_id > $3
      AND c.device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1
      AND c.state = 'error'
    ORDER BY c.device_change_id LIMIT $4::int)"};

std::int64_t first_of(BulkChangeId id) {
    return id.value << kOrdinalBits;
}

// From column `at` on: new, waiting, unknown, processed, error, parked, cancelled.
StateCounts counts_at(const Rows& rows, std::size_t i, int at, std::int64_t sending) {
    StateCounts counts;
    counts.sending = std::min(sending, rows.integer(i, at));
    counts.fresh = rows.integer(i, at) - counts.sending;
    counts.waiting = rows.integer(i, at + 1);
    counts.unknown = rows.integer(i, at + 2);
    counts.processed = rows.integer(i, at + 3);
    counts.error = rows.integer(i, at + 4);
    counts.parked = rows.integer(i, at + 5);
    counts.cancelled = rows.integer(i, at + 6);
    return counts;
}

std::optional<ScheduleDates> dates_at(const Rows& rows, std::size_t i, int first) {
    if (rows.is_null(i, first)) return std::nullopt;
    return ScheduleDates{rows.string(i, first), rows.string(i, first + 1),
                         rows.string(i, first + 2)};
}

ChangeSummary summary_of(const Rows& rows, std::size_t i) {
    ChangeSummary summary;
    summary.id = {rows.integer(i, 0)};
    summary.service_provider_id = rows.integer(i, 1);
    summary.service_provider = rows.string(i, 2);
    summary.integration = rows.string(i, 3);
    summary.change_type = rows.string(i, 4);
    summary.portal = rows.string(i, 5);
    summary.status = rows.string(i, 6);
    summary.source = rows.string(i, 7);
    summary.file_name = rows.optional_text(i, 8);
    summary.correlation_id = rows.string(i, 9);
    summary.created_by = rows.string(i, 10);
    summary.created_at = rows.string(i, 11);
    summary.started_at = rows.optional_text(i, 12);
    summary.finished_at = rows.optional_text(i, 13);
    summary.device_count = rows.integer(i, 14);
    summary.counts = counts_at(rows, i, 15, rows.integer(i, 22));
    summary.change_set_id = rows.optional_integer(i, 23);
    summary.control = control_at(rows, i, kControlColumn);
    summary.dates = dates_at(rows, i, 24);
    return summary;
}

Result<base::json::value> json_at(const Rows& rows, std::size_t i, int column) {
    if (rows.is_null(i, column)) return base::json::value(nullptr);
    return base::parse_json(rows.text(i, column));
}

Result<DeviceChange> device_of(const Rows& rows, std::size_t i) {
    DeviceChange device;
    device.id = {rows.integer(i, 0)};
    device.row_number = rows.integer(i, 1);
    device.identifier = rows.string(i, 2);
    device.device_id = rows.optional_integer(i, 3);
    device.iccid = rows.optional_text(i, 4);
    device.msisdn = rows.optional_text(i, 5);
    device.state = rows.string(i, 6);
    const auto state = parse_device_state(device.state);
    CHECK(state.has_value());
    device.status = seed_status(*state);
    device.retry_number = static_cast<int>(rows.integer(i, 7));
    device.read_back_count = static_cast<int>(rows.integer(i, 8));
    device.due_at = rows.optional_text(i, 9);
    device.sent_at = rows.optional_text(i, 10);
    device.error_class = rows.optional_text(i, 11);
    device.reason = rows.optional_text(i, 12);
    device.finished_at = rows.optional_text(i, 13);
    auto request = json_at(rows, i, 14);
    if (!request) return request.error();
    device.request = std::move(request).value();
    device.warning = rows.optional_text(i, 15);
    return device;
}

LoggedStep step_of(const Rows& rows, std::size_t i) {
    LoggedStep step;
    step.device_change_id = {rows.integer(i, 0)};
    step.attempt = static_cast<int>(rows.integer(i, 1));
    step.step = static_cast<int>(rows.integer(i, 2));
    step.portal = rows.string(i, 3);
    step.id_name = step.portal + "DeviceChangeId";
    step.log_entry_description = rows.string(i, 4);
    step.action_text = rows.string(i, 5);
    step.request_text = rows.string(i, 6);
    step.response_text = rows.string(i, 7);
    step.response_status = rows.string(i, 8);
    step.has_errors = rows.boolean(i, 9);
    step.error_text = rows.optional_text(i, 10);
    step.process_by = rows.string(i, 11);
    step.retry_number = static_cast<int>(rows.integer(i, 12));
    step.correlation_id = rows.string(i, 13);
    step.started_at = rows.string(i, 14);
    step.processed_at = rows.string(i, 15);
    return step;
}

base::Error no_change() {
    return base::not_found("the bulk change was not found");
}

// Where the last page ended: numbers separated by slashes, `fallback` on the first page.
Result<std::vector<std::int64_t>> cursor_of(const PageTokens& tokens, TenantId tenant_id,
                                            const std::string& question, const PageRequest& page,
                                            std::vector<std::int64_t> fallback) {
    CARRYALL_TRY(tenants::check_limit(page.limit));
    if (page.token.empty()) return fallback;
    const auto cursor = tokens.open(tenant_id, question, page.token);
    if (!cursor) return cursor.error();
    std::vector<std::int64_t> numbers;
    std::string_view rest = *cursor;
    while (numbers.size() < fallback.size()) {
        numbers.push_back(base::parse_int(base::take_part(rest, "/")).value_or(0));
    }
    return numbers;
}

Result<void> require_change(db::Connection& connection, TenantId tenant_id, BulkChangeId id) {
    const auto rows = connection.exec(kExists, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return no_change();
    return {};
}

// One more than asked for was read, to know whether there is another page.
template <class T>
std::size_t cut(const Rows& rows, int limit, const std::function<T(std::size_t)>& of,
                std::vector<T>& items) {
    const std::size_t count = std::min(rows.size(), static_cast<std::size_t>(limit));
    for (std::size_t i = 0; i < count; ++i) items.push_back(of(i));
    return rows.size() > count ? count : 0;
}

}  // namespace

Result<ChangeDetail> get_change(db::Connection& connection, TenantId tenant_id, BulkChangeId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(get_query(), Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return no_change();
    ChangeDetail detail;
    detail.summary = summary_of(*rows, 0);
    auto request = json_at(*rows, 0, kSummaryColumns);
    if (!request) return request.error();
    detail.request = std::move(request).value();
    const auto linked = [&](int column) {
        const auto other = rows->optional_integer(0, kSummaryColumns + column);
        return other ? std::optional(BulkChangeId{*other}) : std::nullopt;
    };
    detail.follows = linked(1);
    detail.additional = linked(2);
    if (detail.summary.counts.error + detail.summary.counts.parked == 0) return detail;
    const auto reasons =
        connection.exec(reasons_query(), Params().add(tenant_id).add(id).add(kMaxReasons));
    if (!reasons) return reasons.error();
    for (std::size_t i = 0; i < reasons->size(); ++i) {
        detail.reasons.push_back(
            {reasons->string(i, 0), reasons->string(i, 1), reasons->integer(i, 2)});
    }
    return detail;
}

Result<Page<ChangeSummary>> list_changes(db::Connection& connection, const PageTokens& tokens,
                                         TenantId tenant_id, const ChangeFilter& filter,
                                         const PageRequest& page) {
    const auto instant = [](const std::optional<base::Instant>& at) {
        return at ? base::to_iso8601(*at) : std::string();
    };
    const std::string type(filter.change_type ? to_string(*filter.change_type) : "");
    const std::string question =
        "changes/" + filter.status.value_or("") + '/' + type + '/' +
        std::to_string(filter.service_provider_id.value_or(0)) + '/' +
        std::to_string(filter.change_set_id.value_or(0)) + '/' + instant(filter.created_from) +
        '/' + instant(filter.created_before) + '/' + filter.created_by.value_or("");
    const auto cursor = cursor_of(tokens, tenant_id, question, page, {0});
    if (!cursor) return cursor.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    Params params;
    params.add(tenant_id).add(BulkChangeId{cursor->front()}).add(filter.status);
    params.add(filter.change_type ? std::optional(type) : std::nullopt);
    params.add(filter.service_provider_id).add(filter.created_by).add(filter.created_from);
    params.add(filter.created_before).add(page.limit + 1).add(filter.change_set_id);
    const auto rows = connection.exec(list_query(), params);
    if (!rows) return rows.error();
    Page<ChangeSummary> result;
    const auto of = [&](std::size_t i) { return summary_of(*rows, i); };
    if (cut<ChangeSummary>(*rows, page.limit, of, result.items) > 0) {
        result.next_token =
            tokens.make(tenant_id, question, base::to_string(result.items.back().id));
    }
    return result;
}

Result<Page<DeviceChange>> list_device_changes(db::Connection& connection, const PageTokens& tokens,
                                               TenantId tenant_id, BulkChangeId id,
                                               const DeviceChangeFilter& filter,
                                               const PageRequest& page) {
    std::string question = "device changes/" + base::to_string(id);
    Array states;
    for (const std::string& state : filter.states) {
        if (!parse_device_state(state)) {
            return base::invalid_input("\"" + state.substr(0, 40) +
                                           "\" is no state of a device "
                                           "change",
                                       "state");
        }
        states.add(std::string_view(state));
        question += '/' + state;
    }
    question += '|' + filter.reason.value_or("") + '|' + filter.error_class.value_or("") + '|' +
                filter.identifier.value_or("");
    const auto cursor = cursor_of(tokens, tenant_id, question, page, {0});
    if (!cursor) return cursor.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    Params params;
    params.add(tenant_id).add(id).add(cursor->front());
    filter.states.empty() ? params.add_null() : params.add(states.take());
    params.add(filter.reason).add(filter.error_class).add(filter.identifier).add(page.limit + 1);
    const auto rows = connection.exec(devices_query(), params);
    if (!rows) return rows.error();
    if (rows->empty()) CARRYALL_TRY(require_change(connection, tenant_id, id));
    Page<DeviceChange> result;
    const std::size_t count = std::min(rows->size(), static_cast<std::size_t>(page.limit));
    for (std::size_t i = 0; i < count; ++i) {
        auto device = device_of(*rows, i);
        if (!device) return device.error();
        result.items.push_back(std::move(device).value());
    }
    if (rows->size() > count) {
        result.next_token =
            tokens.make(tenant_id, question, base::to_string(result.items.back().id));
    }
    return result;
}

Result<DeviceChange> get_device_change(db::Connection& connection, TenantId tenant_id,
                                       DeviceChangeId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(device_query(), Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("the device change was not found");
    return device_of(*rows, 0);
}

Result<Page<LoggedStep>> change_log(db::Connection& connection, const PageTokens& tokens,
                                    TenantId tenant_id, BulkChangeId id,
                                    std::optional<DeviceChangeId> device, const PageRequest& page) {
    if (device && bulk_change_of(*device) != id) return no_change();
    const std::int64_t first = device ? device->value : first_of(id);
    const std::int64_t last = device ? device->value : first_of({id.value + 1}) - 1;
    const std::string question = "log/" + std::to_string(first) + '/' + std::to_string(last);
    const auto cursor = cursor_of(tokens, tenant_id, question, page, {first, -1, -1});
    if (!cursor) return cursor.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    Params params;
    params.add(tenant_id).add(first).add(last);
    for (const std::int64_t part : *cursor) params.add(part);
    const auto rows = connection.exec(log_query(), params.add(page.limit + 1));
    if (!rows) return rows.error();
    if (rows->empty()) CARRYALL_TRY(require_change(connection, tenant_id, id));
    Page<LoggedStep> result;
    const auto of = [&](std::size_t i) { return step_of(*rows, i); };
    if (cut<LoggedStep>(*rows, page.limit, of, result.items) > 0) {
        const LoggedStep& end = result.items.back();
        result.next_token =
            tokens.make(tenant_id, question,
                        base::to_string(end.device_change_id) + '/' + std::to_string(end.attempt) +
                            '/' + std::to_string(end.step));
    }
    return result;
}

Result<Progress> get_progress(db::Connection& connection, TenantId tenant_id, BulkChangeId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(progress_query(), Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return no_change();
    Progress progress;
    progress.id = id;
    progress.status = rows->string(0, 0);
    progress.device_count = rows->integer(0, 1);
    progress.counts = counts_at(*rows, 0, 2, 0);
    progress.finished = rows->boolean(0, 9);
    constexpr int kControl = 10;
    constexpr int kDates = kControl + kControlColumns;
    progress.control = control_at(*rows, 0, kControl);
    progress.dates = dates_at(*rows, 0, kDates);
    return progress;
}

Result<void> write_failed_rows(db::Connection& connection, TenantId tenant_id, BulkChangeId id,
                               sheets::CsvWriter& writer) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto change = connection.exec(kExists, Params().add(tenant_id).add(id));
    if (!change) return change.error();
    if (change->empty()) return no_change();
    const auto type = parse_change_type(change->text(0, 0));
    CHECK(type.has_value());
    const auto request = json_at(*change, 0, 1);
    if (!request) return request.error();
    FailedRows table(*type, *request, writer);
    CARRYALL_TRY(table.write_header());
    std::int64_t after = 0;
    while (true) {  // ends with the devices of the change: `after` only grows
        const auto rows = connection.exec(
            kFailedRows, Params().add(tenant_id).add(id).add(after).add(kFailedRowsBatch));
        if (!rows) return rows.error();
        for (std::size_t i = 0; i < rows->size(); ++i) {
            after = rows->integer(i, 0);
            const auto own = json_at(*rows, i, 3);
            if (!own) return own.error();
            CARRYALL_TRY(table.write({rows->integer(i, 1), rows->string(i, 2), *own,
                                      rows->string(i, 4), rows->string(i, 5), rows->string(i, 6)}));
        }
        if (rows->size() < kFailedRowsBatch) return {};
    }
}

}  // namespace carryall::changes
