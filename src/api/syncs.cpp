// Syncs: readings of a carrier's inventory. Asked for here, carried out by workers.
#include "api/api.hpp"
#include "api/or_null.hpp"
#include "sync/sync.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;
using http::Response;
using sync::Sync;
using sync::SyncKind;
using tenants::Permission;

constexpr const char* kOfProvider = "/v1/service-providers/{serviceProviderId}/syncs";
constexpr const char* kProviderLabel = "service provider";

json::object document_of(const Sync& sync) {
    return {{"syncId", sync.id.value},
            {"serviceProviderId", sync.service_provider_id.value},
            {"serviceProvider", sync.service_provider},
            {"kind", sync.kind},
            {"state", sync.state},
            {"phase", sync.phase},
            {"pageCount", sync.page_count},
            {"lineCount", sync.line_count},
            {"changedCount", sync.changed_count},
            {"goneCount", sync.gone_count},
            {"driftCount", sync.drift_count},
            {"retryNumber", sync.retry_number},
            {"result", sync.result},
            {"reason", or_null(sync.reason)},
            {"modifiedSince", or_null(sync.modified_since)},
            {"dueAt", or_null(sync.due_at)},
            {"createdBy", sync.created_by},
            {"createdAt", sync.created_at},
            {"startedAt", or_null(sync.started_at)},
            {"finishedAt", or_null(sync.finished_at)}};
}

// {"kind": "full"}; nothing is a full one.
Result<SyncKind> kind_of(Call& call) {
    if (call.request.body.empty()) return SyncKind::full;
    const auto body = call.json_body();
    if (!body) return body.error();
    if (!body->is_object()) return base::invalid_input("the body must be a JSON object");
    for (const auto& [name, value] : body->get_object()) {
        if (name != "kind") {
            return base::invalid_input("is unknown; a sync has kind", '/' + std::string(name));
        }
        const auto kind = value.is_string() ? sync::parse_sync_kind(value.get_string())
                                            : std::optional<SyncKind>();
        if (!kind) return base::invalid_input("must be full or incremental", "/kind");
        return *kind;
    }
    return SyncKind::full;
}

Result<Response> request(Call& call) {
    const auto id = call.id("serviceProviderId", kProviderLabel);
    if (!id) return id.error();
    const auto kind = kind_of(call);
    if (!kind) return kind.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto requested = sync::request_sync(**database, call.caller, {*id}, *kind);
    if (!requested) return requested.error();
    json::object body = document_of(requested->sync);
    body["isNew"] = requested->is_new;
    Response response = json_response(body, 202);
    response.headers.set("Location", "/v1/syncs/" + base::to_string(requested->sync.id));
    return response;
}

Result<Response> list(Call& call) {
    const auto id = call.id("serviceProviderId", kProviderLabel);
    if (!id) return id.error();
    return list_response(
        call, sync::list_syncs, [](const auto& item) { return document_of(item); },
        sync::ServiceProviderId{*id});
}

Result<Response> get(Call& call) {
    const auto id = call.id("syncId", "sync");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto found = sync::get_sync(**database, call.caller.tenant_id, {*id});
    if (!found) return found.error();
    return json_response(document_of(*found));
}

}  // namespace

void add_sync_routes(Routes& routes) {
    routes.add({.method = Method::post,
                .pattern = kOfProvider,
                .permission = Permission::inventory_write,
                .rate = RateClass::write,
                .body = Body::optional_json,
                .handler = request});
    routes.add({.method = Method::get,
                .pattern = kOfProvider,
                .permission = Permission::read,
                .rate = RateClass::read,
                .query = {"limit", "pageToken"},
                .handler = list});
    routes.add({.method = Method::get,
                .pattern = "/v1/syncs/{syncId}",
                .permission = Permission::read,
                .rate = RateClass::read,
                .handler = get});
}

}  // namespace carryall::api
