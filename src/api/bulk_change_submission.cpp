// /v1/bulk-changes, writing: submit as JSON, upload as a file, start, retry. An upload's parameters
// stand in the query and become the same request that JSON makes, so both ways give the same
// answers; mistakes in them are reported by parameter instead of by pointer.
#include <algorithm>
#include <array>
#include <boost/describe.hpp>

#include "api/api.hpp"
#include "api/bulk_change_documents.hpp"
#include "api/problem.hpp"
#include "base/text.hpp"
#include "changes/report.hpp"
#include "changes/request.hpp"
#include "changes/submit.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using changes::BulkChangeId;
using http::Method;
using http::Response;
using tenants::Permission;

constexpr std::size_t kMaxFileNameBytes = 200;
constexpr std::array<std::string_view, 4> kErrorClasses = {"validation", "business", "transient",
                                                           "system"};

// Parameters of an upload, by how their text becomes JSON.
const std::vector<std::string> kIntegers = {
    "serviceProviderId",  "customerId",       "siteId",         "revioProviderId",
    "serviceTypeId",      "usagePlanGroupId", "revioPackageId", "customerRatePlanId",
    "customerRatePoolId", "customerPoolId"};
const std::vector<std::string> kFlags = {
    "processChanges",   "allOrNothing",        "dryRun",
    "createRevService", "addCustomerRatePlan", "useCarrierActivation"};
const std::vector<std::string> kTexts = {"changeType",
                                         "portalType",
                                         "revCustomerId",
                                         "accountNumber",
                                         "effectiveDate",
                                         "activatedDate",
                                         "carrierRatePlan",
                                         "commPlan",
                                         "customerDataAllocationMB",
                                         "updateStatus",
                                         "reasonCode",
                                         "zipCode",
                                         "customerRatePlan",
                                         "customerPool",
                                         "customer",
                                         "site"};
constexpr const char* kIntegerList = "revioProductIds";  // "12,15"
constexpr const char* kFileName = "fileName";

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Text that is no number stays text, so that the request's own check names the mistake.
json::value integer_or_text(std::string_view text) {
    const auto number = base::parse_int(text);
    return number ? json::value(*number) : json::value(text);
}

json::value value_of(const std::string& name, std::string_view text) {
    if (contains(kIntegers, name)) return integer_or_text(text);
    if (contains(kFlags, name) && (text == "true" || text == "false")) return text == "true";
    if (name != kIntegerList) return json::value(text);
    json::array numbers;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        numbers.push_back(integer_or_text(base::trim(text.substr(0, comma))));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return numbers;
}

json::object request_of_query(const http::Query& query) {
    json::object request;
    for (const auto& [name, text] : query.items) {
        if (name != kFileName && !text.empty()) request[name] = value_of(name, text);
    }
    return request;
}

// "/customerRatePlanUpdate/effectiveDate" -> "parameter effectiveDate"
void name_parameters(std::vector<base::Error>& errors) {
    for (base::Error& error : errors) {
        if (!error.where.starts_with('/')) continue;
        error.where = "parameter " + error.where.substr(error.where.rfind('/') + 1);
    }
}

// allOrNothing, and some devices were bad: nothing was stored, and these are the reasons.
Response refused_whole(const Call& call, const changes::SubmitResult& result) {
    json::array errors;
    for (const changes::RefusedDevice& device : result.devices) {
        if (errors.size() == kMaxProblemItems) break;
        errors.push_back(json::object{{"row", device.row_number},
                                      {"identifier", device.identifier},
                                      {"detail", device.reason}});
    }
    const std::string detail =
        std::to_string(result.refused_count) + " of " + std::to_string(result.device_count) +
        " devices cannot be changed, and allOrNothing was asked for: nothing was stored.";
    Response response = json_response(json::object{{"type", "urn:carryall:problem:devices_refused"},
                                                   {"title", "Not every device can be changed"},
                                                   {"status", 422},
                                                   {"detail", detail},
                                                   {"instance", call.request.request_id},
                                                   {"deviceCount", result.device_count},
                                                   {"refusedCount", result.refused_count},
                                                   {"reasons", to_json(result.reasons)},
                                                   {"errors", std::move(errors)}},
                                      422);
    response.headers.set("Content-Type", kProblemType);
    return response;
}

Result<Response> submit(Call& call, changes::BulkChangeRequest request,
                        changes::DeviceSource& devices, std::optional<std::string> file_name) {
    changes::SubmitOptions options;
    options.page_size = call.services.settings.change_page_size;
    options.idempotency_key = call.header("Idempotency-Key");
    options.file_name = std::move(file_name);
    options.correlation_id = call.request.request_id;
    auto database = call.database();
    if (!database) return database.error();
    const auto result =
        changes::submit(**database, call.caller, std::move(request), devices, options, call.errors);
    if (!result) return result.error();
    if (result->refused) return refused_whole(call, *result);
    if (!result->id) return json_response(to_json(*result));
    Response response = json_response(to_json(*result), 202);
    response.headers.set("Location", "/v1/bulk-changes/" + base::to_string(result->id));
    if (result->replayed) response.headers.set("Idempotency-Replayed", "true");
    return response;
}

Result<Response> submit_json(Call& call) {
    auto body = call.json_body();
    if (!body) return body.error();
    auto parsed = changes::parse_request(std::move(*body), call.errors);
    if (!parsed) return parsed.error();
    if (parsed->devices == nullptr) {
        return base::invalid_input("devices is required: a list of ICCIDs or subscriber numbers",
                                   "/devices");
    }
    return submit(call, std::move(parsed->request), *parsed->devices, std::nullopt);
}

Result<Response> submit_file(Call& call, std::optional<std::string> file_name) {
    auto parsed = changes::parse_request(request_of_query(call.request.query), call.errors);
    if (!parsed) return parsed.error();
    sheets::Limits limits;
    limits.max_file_bytes = call.services.settings.max_upload_bytes;
    auto table = sheets::open_table(call.request.body_file, limits);
    if (!table) return table.error();
    auto devices = changes::table_devices(parsed->request, std::move(*table));
    if (!devices) return devices.error();
    return submit(call, std::move(parsed->request), **devices, std::move(file_name));
}

Result<Response> upload(Call& call) {
    std::optional<std::string> file_name = call.query(kFileName);
    if (file_name && file_name->size() > kMaxFileNameBytes) {
        return bad_parameter(kFileName,
                             "fileName may have " + std::to_string(kMaxFileNameBytes) + " bytes");
    }
    if (call.request.body_bytes == 0) {
        return base::invalid_input(
            "the file is empty; its first row must name the columns, for example ICCID");
    }
    Result<Response> answer = submit_file(call, std::move(file_name));
    if (answer) return answer;
    if (call.errors.empty()) call.errors.push_back(answer.error());
    name_parameters(call.errors);
    return call.errors.front();
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

std::vector<std::string> upload_parameters() {
    std::vector<std::string> names = kIntegers;
    names.insert(names.end(), kFlags.begin(), kFlags.end());
    names.insert(names.end(), kTexts.begin(), kTexts.end());
    names.emplace_back(kIntegerList);
    names.emplace_back(kFileName);
    return names;
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
    add("/v1/bulk-changes/upload", RateClass::upload, Body::table, upload, upload_parameters());
    add("/v1/bulk-changes/{bulkChangeId}/process", RateClass::write, Body::none, process);
    add("/v1/bulk-changes/{bulkChangeId}/retry", RateClass::write, Body::optional_json, retry);
}

}  // namespace carryall::api
