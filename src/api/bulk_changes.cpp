// /v1/bulk-changes, reading: lists, details, devices, log, the file of failed rows, live progress.
// Submission and retry are in bulk_change_submission.cpp.
#include <algorithm>

#include "api/api.hpp"
#include "api/bulk_change_documents.hpp"
#include "api/file_response.hpp"
#include "base/text.hpp"
#include "changes/activation_report.hpp"
#include "changes/report.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using changes::BulkChangeId;
using changes::DeviceChangeId;
using http::Method;
using http::Response;
using tenants::Permission;

constexpr const char* kChangePath = "/v1/bulk-changes/{bulkChangeId}";
constexpr std::size_t kMaxStates = 8;
constexpr auto kShown = [](const auto& item) { return to_json(item); };

Result<BulkChangeId> change_id(const Call& call) {
    const auto id = call.id("bulkChangeId", "bulk change");
    if (!id) return id.error();
    return BulkChangeId{*id};
}

// The device change of the path, which must belong to the change of the path.
Result<DeviceChangeId> device_change_id(const Call& call, BulkChangeId change) {
    const auto id = call.id("deviceChangeId", "device change");
    if (!id) return id.error();
    if (changes::bulk_change_of(DeviceChangeId{*id}) != change) {
        return base::not_found("There is no such device change");
    }
    return DeviceChangeId{*id};
}

Result<void> one_of(std::string_view name, std::string_view value,
                    std::initializer_list<std::string_view> allowed) {
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return {};
    std::string message = std::string(name) + " must be one of";
    for (const std::string_view one : allowed) message += ' ' + std::string(one);
    return bad_parameter(name, message);
}

Result<changes::ChangeFilter> change_filter(const Call& call) {
    changes::ChangeFilter filter;
    filter.status = call.query("status");
    if (filter.status) {
        CARRYALL_TRY(one_of("status", *filter.status,
                            {"NEW", "PLANNED", "PENDING", "PROCESSING", "PROCESSED", "ERROR",
                             "PARTIAL", "CANCELLED"}));
    }
    if (const auto type = call.query("changeType")) {
        filter.change_type = changes::parse_change_type(*type);
        if (!filter.change_type) {
            return bad_parameter("changeType", "this change type is not known");
        }
    }
    const auto provider = call.query_integer("serviceProviderId");
    if (!provider) return provider.error();
    filter.service_provider_id = *provider;
    const auto set = call.query_integer("changeSetId");
    if (!set) return set.error();
    filter.change_set_id = *set;
    filter.created_by = call.query("createdBy");
    const auto from = call.query_instant("createdFrom");
    if (!from) return from.error();
    filter.created_from = *from;
    const auto before = call.query_instant("createdBefore");
    if (!before) return before.error();
    filter.created_before = *before;
    return filter;
}

Result<Response> list(Call& call) {
    const auto filter = change_filter(call);
    if (!filter) return filter.error();
    return list_response(call, changes::list_changes, kShown, *filter);
}

Result<Response> get(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto found = changes::get_change(**database, call.caller.tenant_id, *id);
    if (!found) return found.error();
    json::object document = to_json(*found);
    if (found->summary.change_type == to_string(changes::ChangeType::newserviceactivation)) {
        const auto steps = changes::activation_steps(**database, call.caller.tenant_id, *id);
        if (!steps) return steps.error();
        document["steps"] = to_json(*steps);
    }
    return json_response(document);
}

// "error,parked"
Result<std::vector<std::string>> states_of(std::string_view list) {
    std::vector<std::string> states;
    while (!list.empty() && states.size() < kMaxStates) {
        const std::string_view state = base::trim(base::take_part(list, ","));
        CARRYALL_TRY(one_of(
            "state", state,
            {"new", "sending", "waiting", "unknown", "processed", "error", "parked", "cancelled"}));
        states.emplace_back(state);
    }
    return states;
}

Result<Response> list_devices(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    changes::DeviceChangeFilter filter;
    const auto states = states_of(call.query("state").value_or(""));
    if (!states) return states.error();
    filter.states = *states;
    filter.reason = call.query("reason");
    filter.error_class = call.query("errorClass");
    if (filter.error_class) {
        CARRYALL_TRY(one_of("errorClass", *filter.error_class,
                            {"validation", "business", "transient", "system"}));
    }
    filter.identifier = call.query("identifier");
    return list_response(call, changes::list_device_changes, kShown, *id, filter);
}

Result<Response> get_device(Call& call) {
    const auto change = change_id(call);
    if (!change) return change.error();
    const auto id = device_change_id(call, *change);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto found = changes::get_device_change(**database, call.caller.tenant_id, *id);
    if (!found) return found.error();
    return json_response(to_json(*found));
}

Result<Response> log_page(Call& call, BulkChangeId change, std::optional<DeviceChangeId> device) {
    return list_response(call, changes::change_log, kShown, change, device);
}

Result<Response> change_log(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    return log_page(call, *id, std::nullopt);
}

Result<Response> device_log(Call& call) {
    const auto change = change_id(call);
    if (!change) return change.error();
    const auto id = device_change_id(call, *change);
    if (!id) return id.error();
    return log_page(call, *change, *id);
}

Result<Response> failed_rows(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    return csv_response(call, "bulk-change-" + base::to_string(*id) + "-failed.csv",
                        [&](sheets::CsvWriter& writer) {
                            return changes::write_failed_rows(**database, call.caller.tenant_id,
                                                              *id, writer);
                        });
}

Result<Response> activation_report(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    const std::string format = call.query("format").value_or("csv");
    CARRYALL_TRY(one_of("format", format, {"csv", "html"}));
    auto database = call.database();
    if (!database) return database.error();
    const bool is_csv = format == "csv";
    return file_response(
        call, is_csv ? "text/csv; charset=utf-8" : "text/html; charset=utf-8",
        "activation-" + base::to_string(*id) + '.' + format, [&](const changes::ReportSink& sink) {
            return changes::write_activation_report(
                **database, call.caller.tenant_id, *id,
                is_csv ? changes::ReportFormat::csv : changes::ReportFormat::html, sink);
        });
}

Result<Response> events(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    auto subscription = call.services.progress->follow(call.caller.tenant_id, id->value);
    if (!subscription) return subscription.error();
    return Response::events(std::move(*subscription));
}

void add_read_route(Routes& routes, std::string pattern, std::vector<std::string> query,
                    Handler handler) {
    routes.add({.method = Method::get,
                .pattern = std::move(pattern),
                .permission = Permission::read,
                .rate = RateClass::read,
                .query = std::move(query),
                .handler = std::move(handler)});
}

}  // namespace

void add_bulk_change_routes(Routes& routes) {
    const std::string change = kChangePath;
    const std::string device = change + "/devices/{deviceChangeId}";
    add_read_route(routes, "/v1/bulk-changes",
                   {"status", "changeType", "serviceProviderId", "changeSetId", "createdBy",
                    "createdFrom", "createdBefore", "limit", "pageToken"},
                   list);
    add_read_route(routes, change, {}, get);
    add_read_route(routes, change + "/devices",
                   {"state", "reason", "errorClass", "identifier", "limit", "pageToken"},
                   list_devices);
    add_read_route(routes, device, {}, get_device);
    add_read_route(routes, change + "/log", {"limit", "pageToken"}, change_log);
    add_read_route(routes, device + "/log", {"limit", "pageToken"}, device_log);
    add_read_route(routes, change + "/failed.csv", {}, failed_rows);
    add_read_route(routes, change + "/activation-report", {"format"}, activation_report);
    add_read_route(routes, change + "/events", {}, events);
    add_bulk_change_submission_routes(routes);
    add_bulk_change_control_routes(routes);
    add_plan_routes(routes);
}

ProgressFeed::Reader progress_reader() {
    return [](db::Connection& connection, tenants::TenantId tenant,
              std::int64_t id) -> Result<Progress> {
        const auto progress = changes::get_progress(connection, tenant, BulkChangeId{id});
        if (!progress) return progress.error();
        return Progress{json::serialize(to_json(*progress)), progress->finished};
    };
}

}  // namespace carryall::api
