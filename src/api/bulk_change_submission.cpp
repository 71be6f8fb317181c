// /v1/bulk-changes, writing: submit as JSON, upload as a file, start, retry.
#include <algorithm>
#include <array>
#include <boost/describe.hpp>

#include "api/api.hpp"
#include "api/bulk_change_documents.hpp"
#include "api/submitting.hpp"
#include "changes/report.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using changes::BulkChangeId;
using http::Method;
using http::Response;
using tenants::Permission;

constexpr std::array<std::string_view, 4> kErrorClasses = {"validation", "business", "transient",
                                                           "system"};

Result<Response> submit(Call& call, changes::BulkChangeRequest request,
                        changes::DeviceSource& devices, std::optional<std::string> file_name) {
    const changes::SubmitOptions options = submit_options(call, std::move(file_name));
    auto database = call.database();
    if (!database) return database.error();
    const auto result =
        changes::submit(**database, call.caller, std::move(request), devices, options, call.errors);
    if (!result) return result.error();
    if (result->refused) return refused_whole(call.request, {&*result});
    if (!result->id) return json_response(to_json(*result));
    Response response = json_response(to_json(*result), result->plan_hash.empty() ? 202 : 200);
    response.headers.set("Location", "/v1/bulk-changes/" + base::to_string(result->id));
    if (result->replayed) response.headers.set("Idempotency-Replayed", "true");
    return response;
}

Result<Response> submit_json(Call& call) {
    auto body = call.json_body();
    if (!body) return body.error();
    auto parsed = changes::parse_request(std::move(*body), call.errors);
    if (!parsed) return parsed.error();
    if (parsed->devices == nullptr) return devices_are_missing();
    return submit(call, std::move(parsed->request), *parsed->devices, std::nullopt);
}

Result<Response> upload(Call& call) {
    return with_upload(call, [&](auto request, auto file_name) -> Result<Response> {
        auto devices = uploaded_devices(call, request);
        if (!devices) return devices.error();
        return submit(call, std::move(request), **devices, std::move(file_name));
    });
}

struct RetryBody {
    std::optional<std::vector<std::string>> error_classes;
};
BOOST_DESCRIBE_STRUCT(RetryBody, (), (error_classes))

Result<Response> retry(Call& call) {
    const auto id = call.id("bulkChangeId", "bulk change");
    if (!id) return id.error();
    changes::RetryFilter filter;
    if (!call.request.body.empty()) {
        auto body = call.body<RetryBody>();
        if (!body) return body.error();
        filter.error_classes = std::move(body->error_classes).value_or(std::vector<std::string>());
    }
    for (const std::string& one : filter.error_classes) {
        if (std::find(kErrorClasses.begin(), kErrorClasses.end(), one) == kErrorClasses.end()) {
            return base::invalid_input(
                "an error class is validation, business, transient or system", "/errorClasses");
        }
    }
    auto database = call.database();
    if (!database) return database.error();
    const auto result = changes::retry_failed(**database, call.caller, BulkChangeId{*id}, filter);
    if (!result) return result.error();
    Response response = json_response(to_json(*result), 202);
    response.headers.set("Location", "/v1/bulk-changes/" + std::to_string(*id));
    return response;
}

Result<Response> process(Call& call) {
    const auto id = call.id("bulkChangeId", "bulk change");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    CARRYALL_TRY(changes::process_change(**database, call.caller, BulkChangeId{*id}));
    const auto progress =
        changes::get_progress(**database, call.caller.tenant_id, BulkChangeId{*id});
    if (!progress) return progress.error();
    Response response = json_response(to_json(*progress), 202);
    response.headers.set("Location", "/v1/bulk-changes/" + std::to_string(*id));
    return response;
}

}  // namespace

void add_bulk_change_submission_routes(Routes& routes) {
    const auto add = [&routes](const char* pattern, RateClass rate, Body body, Handler handler,
                               std::vector<std::string> query = {}) {
        routes.add({.method = Method::post,
                    .pattern = pattern,
                    .permission = Permission::change_submit,
                    .rate = rate,
                    .body = body,
                    .query = std::move(query),
                    .handler = std::move(handler)});
    };
    add("/v1/bulk-changes", RateClass::write, Body::json, submit_json);
    add("/v1/bulk-changes/upload", RateClass::upload, Body::table, upload,
        upload_parameters("serviceProviderId"));
    add("/v1/bulk-changes/{bulkChangeId}/process", RateClass::write, Body::none, process);
    add("/v1/bulk-changes/{bulkChangeId}/retry", RateClass::write, Body::optional_json, retry);
}

}  // namespace carryall::api
