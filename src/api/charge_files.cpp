// /v1/charge-files: files of charges, on their way in and as they are stored.
#include "api/api.hpp"
#include "api/bad_rows.hpp"
#include "api/or_null.hpp"
#include "charges/charge_file.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using charges::ChargeFileId;
using http::Method;
using http::Response;
using tenants::Permission;

constexpr const char* kPath = "/v1/charge-files";
constexpr const char* kOne = "/v1/charge-files/{fileId}";

json::object document_of(const charges::ChargeFile& file) {
    return {{"fileId", file.id.value},
            {"name", file.name},
            {"integrationAuthenticationId", or_null(file.integration_authentication_id)},
            {"billingPeriodStart", file.billing_period_start},
            {"billingPeriodEnd", file.billing_period_end},
            {"rowCount", file.row_count},
            {"isCharged", file.charge_run_id.has_value()},
            {"chargeRunId", or_null(file.charge_run_id)},
            {"uploadedBy", file.uploaded_by},
            {"uploadedAt", file.uploaded_at}};
}

Result<charges::ChargeFileRequest> request_of(const Call& call) {
    charges::ChargeFileRequest request;
    for (const auto& [name, target] :
         {std::pair{"billingPeriodStart", &request.billing_period_start},
          std::pair{"billingPeriodEnd", &request.billing_period_end}}) {
        const auto date = call.query(name);
        if (!date) return bad_parameter(name, std::string(name) + " is needed: a date");
        *target = *date;
    }
    const auto account = call.query_integer("integrationAuthenticationId");
    if (!account) return account.error();
    request.integration_authentication_id = *account;
    request.name = call.query("name").value_or("");
    return request;
}

Result<Response> take(Call& call) {
    const auto dry_run = call.query_flag("dryRun");
    if (!dry_run) return dry_run.error();
    const bool is_dry = dry_run->value_or(false);
    const auto request = request_of(call);
    if (!request) return request.error();
    if (call.request.body_bytes == 0) {
        return base::invalid_input("the file is empty; its first row must name the columns");
    }
    auto database = call.database();
    if (!database) return database.error();
    const auto report =
        charges::take_file(**database, call.caller, *request, call.request.body_file, is_dry);
    if (!report) return report.error();
    if (!is_dry && report->bad > 0) return rows_refused(call, *report);
    json::object document = document_of_rows(*report, is_dry);
    document["fileId"] = is_dry ? json::value(nullptr) : json::value(report->id.value);
    document["totalAmount"] = report->total_amount;
    Response response = json_response(document, is_dry ? 200 : 201);
    if (!is_dry) {
        response.headers.set("Location", std::string(kPath) + '/' + base::to_string(report->id));
    }
    return response;
}

Result<Response> list(Call& call) {
    return list_response(call, charges::list_files,
                         [](const auto& file) { return document_of(file); });
}

Result<Response> get(Call& call) {
    const auto id = call.id("fileId", "charge file");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto found = charges::get_file(**database, call.caller.tenant_id, ChargeFileId{*id});
    if (!found) return found.error();
    json::object document = document_of(found->file);
    document["totalAmount"] = found->total_amount;
    return json_response(document);
}

}  // namespace

void add_charge_file_routes(Routes& routes) {
    routes.add({.method = Method::get,
                .pattern = kPath,
                .permission = Permission::billing_read,
                .rate = RateClass::read,
                .query = {"limit", "pageToken"},
                .handler = list});
    routes.add({.method = Method::post,
                .pattern = kPath,
                .permission = Permission::billing_run,
                .rate = RateClass::upload,
                .body = Body::table,
                .query = {"billingPeriodStart", "billingPeriodEnd", "integrationAuthenticationId",
                          "name", "dryRun"},
                .handler = take});
    routes.add({.method = Method::get,
                .pattern = kOne,
                .permission = Permission::billing_read,
                .rate = RateClass::read,
                .handler = get});
}

}  // namespace carryall::api
