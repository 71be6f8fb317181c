// The lists of what is still to come, read from both places where a date can stand.
#include <fmt/format.h>

#include "base/text.hpp"
#include "changes/schedule.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;

// $1 tenant, $2 device, $3 customer, $4 from, $5 before, $6 now.
constexpr const char* kChangesToCome = R"(
    c.tenant_id = $1 AND c.state = 'new' AND c.due_at > coalesce($6::timestamptz, now())
    AND c.retry_number = 0 AND c.sent_at IS NULL AND ($2::bigint IS NULL OR c.device_id = $2)
    AND ($4::timestamptz IS NULL OR c.due_at >= $4) AND ($5::timestamptz IS NULL OR c.due_at < $5)
    AND ($3::bigint IS NULL OR EXISTS (SELECT FROM device d WHERE d.tenant_id = $1
         AND d.device_id = c.device_id AND d.customer_id = $3)))";
constexpr const char* kPlansToCome = R"(
    q.tenant_id = $1 AND q.is_active AND ($2::bigint IS NULL OR q.device_id = $2)
    AND ($4::timestamptz IS NULL OR q.effective_date >= $4)
    AND ($5::timestamptz IS NULL OR q.effective_date < $5)
    AND ($3::bigint IS NULL OR EXISTS (SELECT FROM device d WHERE d.tenant_id = $1
         AND d.device_id = q.device_id AND d.customer_id = $3)))";

// The changes that may have something to come: those with a date, and, walked from one to the next,
// those with rows in the queue. $7 service provider, $8 and $9 where the page starts, $10 how many.
Query list_query() {
    static const std::string kSql =
        fmt::format(R"(
    WITH RECURSIVE queued(id) AS (
        SELECT min(device_change_id) >> 20 FROM customer_rate_plan_device_queue
        WHERE tenant_id = $1 AND is_active
        UNION ALL
        SELECT (SELECT min(n.device_change_id) >> 20 FROM customer_rate_plan_device_queue n
                WHERE n.tenant_id = $1 AND n.is_active
                  AND n.device_change_id >= (queued.id + 1) << 20)
        FROM queued WHERE queued.id IS NOT NULL),
    candidate AS (
        SELECT bulk_change_id AS id FROM bulk_change
        WHERE tenant_id = $1 AND finished_at IS NULL
          AND last_due_at > coalesce($6::timestamptz, now())
          AND status <> 'PLANNED'
        UNION SELECT id FROM queued WHERE id IS NOT NULL),
    part AS (
        SELECT k.id, c.devices, q.plans, least(c.first, q.first) AS first,
               greatest(c.last, q.last) AS last
        FROM candidate k CROSS JOIN LATERAL (
            SELECT count(*) AS devices, min(c.due_at) AS first, max(c.due_at) AS last
            FROM device_change c
            WHERE c.device_change_id BETWEEN k.id << 20 AND ((k.id + 1) << 20) - 1 AND {0}) c
        CROSS JOIN LATERAL (
            SELECT count(*) AS plans, min(q.effective_date) AS first, max(q.effective_date) AS last
            FROM customer_rate_plan_device_queue q
            WHERE q.device_change_id BETWEEN k.id << 20 AND ((k.id + 1) << 20) - 1 AND {1}) q)
    SELECT b.bulk_change_id, b.change_type, b.status, b.service_provider_id, p.name, b.created_by,
           {2}, {3}, b.time_zone, part.devices, part.plans
    FROM part JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = part.id
    JOIN service_provider p ON p.tenant_id = $1 AND p.service_provider_id = b.service_provider_id
    WHERE part.devices + part.plans > 0 AND ($7::bigint IS NULL OR b.service_provider_id = $7)
      AND (part.first, part.id) > ($8::timestamptz, $9::bigint)
    ORDER BY part.first, part.id LIMIT $10::int)",
                    kChangesToCome, kPlansToCome, iso8601("part.first"), iso8601("part.last"));
    return {"schedule_list", kSql.c_str()};
}

// $7 change, $8 after which device change, $9 how many.
Query rows_query() {
    static const std::string kSql =
        fmt::format(R"(
    WITH part AS (
        (SELECT c.device_change_id, false AS is_plan, c.device_id, c.due_at, c.request
         FROM device_change c
         WHERE c.device_change_id > $8::bigint
           AND c.device_change_id BETWEEN $7::bigint << 20 AND (($7::bigint + 1) << 20) - 1 AND {0}
         ORDER BY c.device_change_id LIMIT $9::int)
        UNION ALL
        (SELECT q.device_change_id, true, q.device_id, q.effective_date,
                jsonb_build_object('customerRatePlanUpdate', jsonb_strip_nulls(jsonb_build_object(
                    'customerRatePlanId', q.customer_rate_plan_id,
                    'customerPoolId', q.customer_rate_pool_id,
                    'customerDataAllocationMb', q.customer_data_allocation_mb::text)))
         FROM customer_rate_plan_device_queue q
         WHERE q.device_change_id > $8::bigint
           AND q.device_change_id BETWEEN $7::bigint << 20 AND (($7::bigint + 1) << 20) - 1 AND {1}
         ORDER BY q.device_change_id LIMIT $9::int))
    SELECT part.device_change_id, part.is_plan, c.row_number, c.identifier, part.device_id, d.iccid,
           d.msisdn, d.customer_id, {2}, coalesce(part.request, b.request)
    FROM part JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = $7
    JOIN device_change c ON c.tenant_id = $1 AND c.device_change_id = part.device_change_id
    JOIN device d ON d.tenant_id = $1 AND d.device_id = part.device_id
    ORDER BY part.device_change_id LIMIT $9::int)",
                    kChangesToCome, kPlansToCome, iso8601("part.due_at"));
    return {"schedule_rows", kSql.c_str()};
}

constexpr Query kExists{"schedule_change_exists", R"(
    SELECT FROM bulk_change WHERE tenant_id = $1 AND bulk_change_id = $2)"};

std::string question_of(std::string_view list, const ScheduleFilter& filter) {
    const auto instant = [](const std::optional<base::Instant>& at) {
        return at ? base::to_iso8601(*at) : std::string();
    };
    return std::string(list) + '/' + std::to_string(filter.device_id.value_or(0)) + '/' +
           std::to_string(filter.customer_id.value_or(0)) + '/' +
           std::to_string(filter.service_provider_id.value_or(0)) + '/' + instant(filter.due_from) +
           '/' + instant(filter.due_before);
}

Params params_of(TenantId tenant_id, const ScheduleFilter& filter,
                 std::optional<base::Instant> now) {
    Params params;
    params.add(tenant_id).add(filter.device_id).add(filter.customer_id).add(filter.due_from);
    params.add(filter.due_before).add(now);
    return params;
}

// "<id>:<date>" of the last item; the date is empty where ids alone order.
struct Cursor {
    std::int64_t id = 0;
    std::string date = "-infinity";
};
Result<Cursor> cursor_of(const PageTokens& tokens, TenantId tenant_id, const std::string& question,
                         const PageRequest& page) {
    CARRYALL_TRY(tenants::check_limit(page.limit));
    if (page.token.empty()) return Cursor{};
    const auto text = tokens.open(tenant_id, question, page.token);
    if (!text) return text.error();
    const std::size_t colon = text->find(':');
    CHECK(colon != std::string::npos);  // sealed by us
    return Cursor{base::parse_int(text->substr(0, colon)).value_or(0), text->substr(colon + 1)};
}

Schedule schedule_at(const Rows& rows, std::size_t i) {
    Schedule schedule;
    schedule.id = {rows.integer(i, 0)};
    schedule.change_type = rows.string(i, 1);
    schedule.status = rows.string(i, 2);
    schedule.service_provider_id = rows.integer(i, 3);
    schedule.service_provider = rows.string(i, 4);
    schedule.created_by = rows.string(i, 5);
    schedule.dates = {rows.string(i, 6), rows.string(i, 7), rows.string(i, 8)};
    schedule.change_count = rows.integer(i, 9);
    schedule.plan_count = rows.integer(i, 10);
    return schedule;
}

Result<ScheduledRow> row_at(const Rows& rows, std::size_t i) {
    ScheduledRow row;
    row.id = {rows.integer(i, 0)};
    row.is_rate_plan = rows.boolean(i, 1);
    row.row_number = rows.integer(i, 2);
    row.identifier = rows.string(i, 3);
    row.device_id = rows.integer(i, 4);
    row.iccid = rows.string(i, 5);
    row.msisdn = rows.optional_text(i, 6);
    row.customer_id = rows.optional_integer(i, 7);
    row.due_at = rows.string(i, 8);
    auto request = base::parse_json(rows.text(i, 9));
    if (!request) return request.error();
    row.request = std::move(*request);
    return row;
}

}  // namespace

Result<Page<Schedule>> list_schedules(db::Connection& connection, const PageTokens& tokens,
                                      TenantId tenant_id, const ScheduleFilter& filter,
                                      const PageRequest& page, std::optional<base::Instant> now) {
    const std::string question = question_of("schedules", filter);
    const auto cursor = cursor_of(tokens, tenant_id, question, page);
    if (!cursor) return cursor.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    Params params = params_of(tenant_id, filter, now);
    params.add(filter.service_provider_id).add(cursor->date).add(cursor->id).add(page.limit + 1);
    const auto rows = connection.exec(list_query(), params);
    if (!rows) return rows.error();
    Page<Schedule> result;
    const std::size_t count = std::min(rows->size(), static_cast<std::size_t>(page.limit));
    for (std::size_t i = 0; i < count; ++i) result.items.push_back(schedule_at(*rows, i));
    if (rows->size() > count) {
        const Schedule& last = result.items.back();
        result.next_token =
            tokens.make(tenant_id, question, base::to_string(last.id) + ':' + last.dates.first);
    }
    return result;
}

Result<Page<ScheduledRow>> list_scheduled_rows(db::Connection& connection, const PageTokens& tokens,
                                               TenantId tenant_id, BulkChangeId id,
                                               const ScheduleFilter& filter,
                                               const PageRequest& page,
                                               std::optional<base::Instant> now) {
    const std::string question = question_of("schedule " + base::to_string(id), filter);
    const auto cursor = cursor_of(tokens, tenant_id, question, page);
    if (!cursor) return cursor.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto known = connection.exec(kExists, Params().add(tenant_id).add(id));
    if (!known) return known.error();
    if (known->empty()) return base::not_found("the bulk change was not found");
    Params params = params_of(tenant_id, filter, now);
    params.add(id).add(cursor->id).add(page.limit + 1);
    const auto rows = connection.exec(rows_query(), params);
    if (!rows) return rows.error();
    Page<ScheduledRow> result;
    const std::size_t count = std::min(rows->size(), static_cast<std::size_t>(page.limit));
    for (std::size_t i = 0; i < count; ++i) {
        auto row = row_at(*rows, i);
        if (!row) return row.error();
        result.items.push_back(std::move(*row));
    }
    if (rows->size() > count) {
        result.next_token =
            tokens.make(tenant_id, question, base::to_string(result.items.back().id) + ':');
    }
    return result;
}

}  // namespace carryall::changes
