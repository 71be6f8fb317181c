// /v1/bulk-changes/{bulkChangeId}/plan, apply, undo: what a change would do, doing exactly
// that, and the way back.
#include "api/api.hpp"
#include "api/bulk_change_documents.hpp"
#include "api/file_response.hpp"
#include "api/problem.hpp"
#include "changes/plan.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using changes::BulkChangeId;
using http::Method;
using http::Response;
using tenants::Permission;

constexpr const char* kChangePath = "/v1/bulk-changes/{bulkChangeId}";

Result<BulkChangeId> change_id(const Call& call) {
    const auto id = call.id("bulkChangeId", "bulk change");
    if (!id) return id.error();
    return BulkChangeId{*id};
}

std::string location_of(BulkChangeId id) {
    return "/v1/bulk-changes/" + base::to_string(id);
}

Result<Response> plan_response(Call& call, db::Connection& connection, BulkChangeId id,
                               int status) {
    const auto plan = changes::get_plan(connection, call.caller.tenant_id, id);
    if (!plan) return plan.error();
    return json_response(to_json(*plan), status);
}

Result<Response> get_plan(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    return plan_response(call, **database, *id, 200);
}

Result<Response> list_devices(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    changes::PlannedDeviceFilter filter;
    filter.verdict = call.query("verdict");
    if (filter.verdict && *filter.verdict != "change" && *filter.verdict != "unchanged" &&
        *filter.verdict != "refused") {
        return bad_parameter("verdict", "verdict must be one of change unchanged refused");
    }
    filter.identifier = call.query("identifier");
    return list_response(
        call, changes::list_planned_devices, [](const auto& item) { return to_json(item); }, *id,
        filter);
}

Result<Response> plan_file(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    return csv_response(
        call, "bulk-change-" + base::to_string(*id) + "-plan.csv", [&](sheets::CsvWriter& writer) {
            return changes::write_plan_rows(**database, call.caller.tenant_id, *id, writer);
        });
}

// Nothing was started: devices are not what the plan was made for.
Response moved_since(const Call& call, const changes::ApplyResult& result) {
    json::array errors;
    for (const changes::RefusedDevice& device : result.moved) {
        errors.push_back(json::object{{"row", device.row_number},
                                      {"identifier", device.identifier},
                                      {"detail", device.reason}});
    }
    const std::string detail =
        std::to_string(result.moved_count) +
        " devices are not any more what the plan was made for: nothing was started. Make a new "
        "plan.";
    Response response = json_response(json::object{{"type", "urn:carryall:problem:plan_moved"},
                                                   {"title", "The plan is out of date"},
                                                   {"status", 409},
                                                   {"detail", detail},
                                                   {"instance", call.request.request_id},
                                                   {"movedCount", result.moved_count},
                                                   {"errors", std::move(errors)}},
                                      409);
    response.headers.set("Content-Type", kProblemType);
    return response;
}

struct ApplyBody {
    std::string plan_hash;
};
BOOST_DESCRIBE_STRUCT(ApplyBody, (), (plan_hash))

Result<Response> apply(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    const auto body = call.body<ApplyBody>();
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto result = changes::apply_plan(**database, call.caller, *id, body->plan_hash);
    if (!result) return result.error();
    if (result->moved_count > 0) return moved_since(call, *result);
    const auto progress = changes::get_progress(**database, call.caller.tenant_id, *id);
    if (!progress) return progress.error();
    Response response = json_response(to_json(*progress), 202);
    response.headers.set("Location", location_of(*id));
    if (result->replayed) response.headers.set("Idempotency-Replayed", "true");
    return response;
}

Result<Response> undo(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    changes::UndoOptions options;
    options.page_size = call.services.settings.change_page_size;
    options.correlation_id = call.request.request_id;
    auto database = call.database();
    if (!database) return database.error();
    const auto made = changes::plan_undo(**database, call.caller, *id, options);
    if (!made) return made.error();
    auto response = plan_response(call, **database, *made, 201);
    if (response) response->headers.set("Location", location_of(*made));
    return response;
}

}  // namespace

void add_plan_routes(Routes& routes) {
    const std::string change = kChangePath;
    const auto read = [&](const char* path, Handler handler, std::vector<std::string> query) {
        routes.add({.method = Method::get,
                    .pattern = change + path,
                    .permission = Permission::read,
                    .rate = RateClass::read,
                    .query = std::move(query),
                    .handler = std::move(handler)});
    };
    read("/plan", get_plan, {});
    read("/plan/devices", list_devices, {"verdict", "identifier", "limit", "pageToken"});
    read("/plan.csv", plan_file, {});
    routes.add({.method = Method::post,
                .pattern = change + "/apply",
                .permission = Permission::change_submit,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = apply});
    routes.add({.method = Method::post,
                .pattern = change + "/undo",
                .permission = Permission::change_submit,
                .rate = RateClass::write,
                .body = Body::none,
                .handler = undo});
}

}  // namespace carryall::api
