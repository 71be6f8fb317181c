// /v1/change-sets: one change for the lines of several accounts, as JSON or as a file, and how its
// bulk changes stand.
#include "api/api.hpp"
#include "api/bulk_change_documents.hpp"
#include "api/submitting.hpp"
#include "changes/report.hpp"
#include "changes/submit_set.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;
using http::Response;
using tenants::Permission;

bool is_planned(const changes::SubmitSetResult& result) {
    return !result.changes.front().result.plan_hash.empty();
}

json::object to_json(const changes::SubmitSetResult& result) {
    json::array parts;
    for (const changes::SetPart& part : result.changes) {
        json::object one = api::to_json(part.result);
        one["serviceProviderId"] = part.service_provider_id;
        one["serviceProvider"] = part.service_provider;
        parts.push_back(std::move(one));
    }
    json::object document{{"deviceCount", result.device_count},
                          {"acceptedCount", result.accepted_count},
                          {"refusedCount", result.refused_count},
                          {"correlationId", result.correlation_id},
                          {"changes", std::move(parts)}};
    document["changeSetId"] = result.change_set_id;
    document[is_planned(result) ? "dryRun" : "replayed"] = is_planned(result) || result.replayed;
    return document;
}

Result<Response> submit(Call& call, const changes::BulkChangeRequest& request,
                        const changes::DeviceSourceFactory& devices,
                        std::optional<std::string> file_name) {
    if (!request.service_provider_ids) {
        return base::invalid_input(
            "serviceProviderIds is required: \"all\", or a list of ids. A change for one account "
            "goes to /v1/bulk-changes",
            "/serviceProviderIds");
    }
    const changes::SubmitOptions options = submit_options(call, std::move(file_name));
    auto database = call.database();
    if (!database) return database.error();
    const auto result =
        changes::submit_set(**database, call.caller, request, devices, options, call.errors);
    if (!result) return result.error();
    if (result->refused) {
        std::vector<const changes::SubmitResult*> parts;
        for (const changes::SetPart& part : result->changes) parts.push_back(&part.result);
        return refused_whole(call.request, parts);
    }
    Response response = json_response(to_json(*result), is_planned(*result) ? 200 : 202);
    response.headers.set("Location", "/v1/change-sets/" + std::to_string(result->change_set_id));
    if (result->replayed) response.headers.set("Idempotency-Replayed", "true");
    return response;
}

Result<Response> submit_json(Call& call) {
    const auto body = call.json_body();
    if (!body) return body.error();
    auto parsed = changes::parse_request(*body, call.errors);
    if (!parsed) return parsed.error();
    if (parsed->devices == nullptr) return devices_are_missing();
    const auto again = [&]() -> Result<std::unique_ptr<changes::DeviceSource>> {
        auto one = changes::parse_request(*body, call.errors);
        if (!one) return one.error();
        return std::move(one->devices);
    };
    return submit(call, parsed->request, again, std::nullopt);
}

Result<Response> upload(Call& call) {
    return with_upload(call, [&](const auto& request, auto file_name) {
        const auto devices = [&] { return uploaded_devices(call, request); };
        return submit(call, request, devices, std::move(file_name));
    });
}

Result<Response> get(Call& call) {
    const auto id = call.id("changeSetId", "change set");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto set = changes::get_change_set(**database, call.caller.tenant_id, *id);
    if (!set) return set.error();
    changes::ChangeFilter filter;
    filter.change_set_id = *id;
    tenants::PageRequest all;
    all.limit = changes::kMaxProvidersPerSet;
    const auto found = changes::list_changes(**database, call.services.page_tokens,
                                             call.caller.tenant_id, filter, all);
    if (!found) return found.error();
    json::array parts;
    for (const changes::ChangeSummary& one : found->items) parts.push_back(api::to_json(one));
    return json_response(json::object{{"changeSetId", set->id},
                                      {"createdBy", set->created_by},
                                      {"createdAt", set->created_at},
                                      {"correlationId", set->correlation_id},
                                      {"changes", std::move(parts)}});
}

}  // namespace

void add_change_set_routes(Routes& routes) {
    routes.add({.method = Method::post,
                .pattern = "/v1/change-sets",
                .permission = Permission::change_submit,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = submit_json});
    routes.add({.method = Method::post,
                .pattern = "/v1/change-sets/upload",
                .permission = Permission::change_submit,
                .rate = RateClass::upload,
                .body = Body::table,
                .query = upload_parameters("serviceProviderIds"),
                .handler = upload});
    routes.add({.method = Method::get,
                .pattern = "/v1/change-sets/{changeSetId}",
                .permission = Permission::read,
                .rate = RateClass::read,
                .handler = get});
}

}  // namespace carryall::api
