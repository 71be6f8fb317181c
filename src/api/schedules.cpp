// /v1/schedules: what is still to come of bulk changes; moving and cancelling it.
#include "api/api.hpp"
#include "api/bulk_change_documents.hpp"
#include "api/or_null.hpp"
#include "base/text.hpp"
#include "base/time_zone.hpp"
#include "changes/schedule.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using changes::BulkChangeId;
using changes::ScheduleFilter;
using changes::ScheduleScope;
using http::Method;
using http::Response;
using tenants::Permission;

json::object document_of(const changes::Schedule& schedule) {
    return {{"bulkChangeId", schedule.id.value},
            {"changeRequestType", schedule.change_type},
            {"status", schedule.status},
            {"serviceProviderId", schedule.service_provider_id},
            {"serviceProvider", schedule.service_provider},
            {"createdBy", schedule.created_by},
            {"dates", to_json(std::optional(schedule.dates))},
            {"changeCount", schedule.change_count},
            {"ratePlanCount", schedule.plan_count}};
}

json::object document_of(const changes::ScheduledRow& row) {
    return {{"deviceChangeId", row.id.value},
            {"bulkChangeId", changes::bulk_change_of(row.id).value},
            {"kind", row.is_rate_plan ? "customerRatePlan" : "change"},
            {"rowNumber", row.row_number},
            {"identifier", row.identifier},
            {"deviceId", row.device_id},
            {"iccid", row.iccid},
            {"msisdn", or_null(row.msisdn)},
            {"customerId", or_null(row.customer_id)},
            {"dueAt", row.due_at},
            {"request", row.request}};
}

Result<ScheduleFilter> filter_of(const Call& call) {
    ScheduleFilter filter;
    for (const auto& [name, target] : {std::pair{"deviceId", &filter.device_id},
                                       {"customerId", &filter.customer_id},
                                       {"serviceProviderId", &filter.service_provider_id}}) {
        const auto id = call.query_integer(name);
        if (!id) return id.error();
        *target = *id;
    }
    for (const auto& [name, target] :
         {std::pair{"dueFrom", &filter.due_from}, {"dueBefore", &filter.due_before}}) {
        const auto date = call.query_instant(name);
        if (!date) return date.error();
        *target = *date;
    }
    return filter;
}

// The documents of a page; an empty token is the last one's.
template <class T>
Response listed(const tenants::Page<T>& page) {
    json::array items;
    for (const T& item : page.items) items.emplace_back(document_of(item));
    return page_response(std::move(items), page.next_token);
}

Result<Response> list(Call& call) {
    const auto filter = filter_of(call);
    if (!filter) return filter.error();
    const auto page = call.page();
    if (!page) return page.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto found = changes::list_schedules(**database, call.services.page_tokens,
                                               call.caller.tenant_id, *filter, *page);
    if (!found) return found.error();
    return listed(*found);
}

Result<Response> list_rows(Call& call) {
    const auto id = call.id("bulkChangeId", "bulk change");
    if (!id) return id.error();
    const auto filter = filter_of(call);
    if (!filter) return filter.error();
    const auto page = call.page();
    if (!page) return page.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto found =
        changes::list_scheduled_rows(**database, call.services.page_tokens, call.caller.tenant_id,
                                     BulkChangeId{*id}, *filter, *page);
    if (!found) return found.error();
    return listed(*found);
}

struct MoveBody {
    std::string effective_date;
    std::optional<std::string> time_zone;
    std::optional<std::vector<std::int64_t>> device_change_ids;
};
BOOST_DESCRIBE_STRUCT(MoveBody, (), (effective_date, time_zone, device_change_ids))

struct CancelBody {
    std::optional<std::string> reason;
    std::optional<std::vector<std::int64_t>> device_change_ids;
};
BOOST_DESCRIBE_STRUCT(CancelBody, (), (reason, device_change_ids))

Result<ScheduleScope> scope_of(std::int64_t id,
                               const std::optional<std::vector<std::int64_t>>& rows) {
    ScheduleScope scope{BulkChangeId{id}, {}};
    if (!rows) return scope;
    if (rows->empty()) {
        return base::invalid_input("must name at least one; leave it out for the whole",
                                   "/deviceChangeIds");
    }
    for (const std::int64_t row : *rows) scope.rows.push_back({row});
    return scope;
}

Response answer_of(std::int64_t id, const changes::ScheduleOutcome& outcome, json::object more) {
    json::object document{{"bulkChangeId", id},
                          {"status", outcome.status},
                          {"changeCount", outcome.change_count},
                          {"ratePlanCount", outcome.plan_count},
                          {"leftCount", outcome.left_count}};
    for (auto& member : more) document[member.key()] = std::move(member.value());
    return json_response(document);
}

Result<Response> move(Call& call) {
    const auto id = call.id("bulkChangeId", "bulk change");
    if (!id) return id.error();
    const auto body = call.body<MoveBody>();
    if (!body) return body.error();
    const auto zone = base::TimeZone::find(body->time_zone.value_or("UTC"));
    if (!zone) return base::invalid_input(zone.error().message, "/timeZone");
    const std::string_view text = base::trim(body->effective_date);
    Result<base::Instant> date = base::parse_iso8601(text);
    if (!date) return base::invalid_input(date.error().message, "/effectiveDate");
    if (const auto local = base::parse_local_time(text)) date = zone->meaning_of(*local).at;
    const auto scope = scope_of(*id, body->device_change_ids);
    if (!scope) return scope.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto outcome = changes::move_schedule(**database, call.caller, *scope, *date,
                                                body->time_zone.value_or(""));
    if (!outcome) return outcome.error();
    return answer_of(*id, *outcome,
                     {{"dueAt", base::to_iso8601(*date)}, {"dueAtLocal", zone->text_of(*date)}});
}

Result<Response> cancel(Call& call) {
    const auto id = call.id("bulkChangeId", "bulk change");
    if (!id) return id.error();
    CancelBody body;
    if (!call.request.body.empty()) {
        auto read = call.body<CancelBody>();
        if (!read) return read.error();
        body = std::move(*read);
    }
    const auto scope = scope_of(*id, body.device_change_ids);
    if (!scope) return scope.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto outcome =
        changes::cancel_schedule(**database, call.caller, *scope, body.reason.value_or(""));
    if (!outcome) return outcome.error();
    return answer_of(*id, *outcome, {});
}

}  // namespace

void add_schedule_routes(Routes& routes) {
    routes.add({.method = Method::get,
                .pattern = "/v1/schedules",
                .permission = Permission::read,
                .rate = RateClass::read,
                .query = {"deviceId", "customerId", "serviceProviderId", "dueFrom", "dueBefore",
                          "limit", "pageToken"},
                .handler = list});
    routes.add({.method = Method::get,
                .pattern = "/v1/schedules/{bulkChangeId}/rows",
                .permission = Permission::read,
                .rate = RateClass::read,
                .query = {"deviceId", "customerId", "dueFrom", "dueBefore", "limit", "pageToken"},
                .handler = list_rows});
    routes.add({.method = Method::post,
                .pattern = "/v1/schedules/{bulkChangeId}/move",
                .permission = Permission::change_submit,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = move});
    routes.add({.method = Method::post,
                .pattern = "/v1/schedules/{bulkChangeId}/cancel",
                .permission = Permission::change_submit,
                .rate = RateClass::write,
                .body = Body::optional_json,
                .handler = cancel});
}

}  // namespace carryall::api
