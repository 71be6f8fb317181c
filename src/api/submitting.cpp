// See submitting.hpp.
#include "api/submitting.hpp"

#include <algorithm>

#include "api/bulk_change_documents.hpp"
#include "api/problem.hpp"
#include "base/text.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Response;

// Parameters of an upload, by how their text becomes JSON.
const std::vector<std::string> kIntegers = {"serviceProviderId",
                                            "customerId",
                                            "siteId",
                                            "revioProviderId",
                                            "serviceTypeId",
                                            "usagePlanGroupId",
                                            "revioPackageId",
                                            "customerRatePlanId",
                                            "customerRatePoolId",
                                            "customerPoolId",
                                            "maxConcurrency",
                                            "failureThresholdCount",
                                            "failureThresholdPercent",
                                            "failureThresholdAfterDevices"};
const std::vector<std::string> kFlags = {"processChanges",
                                         "allOrNothing",
                                         "dryRun",
                                         "createRevService",
                                         "addCustomerRatePlan",
                                         "useCarrierActivation",
                                         "staticIp",
                                         "lteIndicator",
                                         "defaultAccessPoint",
                                         "strict"};
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
                                         "startAt",
                                         "timeZone",
                                         "customerRatePlan",
                                         "customerPool",
                                         "customer",
                                         "site",
                                         "waves",
                                         "waveApproval",
                                         "imei",
                                         "offeringCodes",
                                         "removeOfferingCodes",
                                         "billingAccount",
                                         "technologyType",
                                         "carrierDataGroup",
                                         "carrierRatePool",
                                         "ipPool",
                                         "customerIpRange",
                                         "accessPointName",
                                         "firstName",
                                         "lastName",
                                         "streetNumber",
                                         "streetDirection",
                                         "streetName",
                                         "streetType",
                                         "city",
                                         "stateOrProvince",
                                         "postalCode"};
const std::vector<std::string> kIntegerLists = {"revioProductIds",
                                                "serviceProviderIds"};  // "12,15"
constexpr const char* kFileName = "fileName";
constexpr std::string_view kEveryAccount = "all";
constexpr std::size_t kMaxFileNameBytes = 200;

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
    if (!contains(kIntegerLists, name) || text == kEveryAccount) return json::value(text);
    json::array numbers;
    while (!text.empty()) {
        numbers.push_back(integer_or_text(base::trim(base::take_part(text, ","))));
    }
    return numbers;
}

json::object request_of_query(const http::Query& query) {
    json::object request;
    for (const auto& [name, text] : query.items) {
        // A date that somebody meant to give is not taken for none.
        const bool is_given = !text.empty() || name == "startAt";
        if (name != kFileName && is_given) request[name] = value_of(name, text);
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

}  // namespace

std::vector<std::string> upload_parameters(const char* accounts) {
    std::vector<std::string> names = {accounts, "revioProductIds", kFileName};
    for (const std::vector<std::string>* some : {&kIntegers, &kFlags, &kTexts}) {
        std::copy_if(some->begin(), some->end(), std::back_inserter(names),
                     [](const std::string& name) { return name != "serviceProviderId"; });
    }
    return names;
}

Result<std::unique_ptr<changes::DeviceSource>> uploaded_devices(
    const Call& call, const changes::BulkChangeRequest& request) {
    sheets::Limits limits;
    limits.max_file_bytes = call.services.settings.max_upload_bytes;
    auto table = sheets::open_table(call.request.body_file, limits);
    if (!table) return table.error();
    return changes::table_devices(request, std::move(*table));
}

Result<Response> with_upload(Call& call, const UploadTaker& take) {
    std::optional<std::string> file_name = call.query(kFileName);
    if (file_name && file_name->size() > kMaxFileNameBytes) {
        return bad_parameter(kFileName,
                             "fileName may have " + std::to_string(kMaxFileNameBytes) + " bytes");
    }
    if (call.request.body_bytes == 0) {
        return base::invalid_input(
            "the file is empty; its first row must name the columns, for example ICCID");
    }
    const auto answer = [&]() -> Result<Response> {
        auto parsed = changes::parse_request(request_of_query(call.request.query), call.errors);
        if (!parsed) return parsed.error();
        return take(std::move(parsed->request), std::move(file_name));
    }();
    if (answer) return answer;
    if (call.errors.empty()) call.errors.push_back(answer.error());
    name_parameters(call.errors);
    return call.errors.front();
}

changes::SubmitOptions submit_options(const Call& call, std::optional<std::string> file_name) {
    changes::SubmitOptions options;
    options.page_size = call.services.settings.change_page_size;
    options.idempotency_key = call.header("Idempotency-Key");
    options.file_name = std::move(file_name);
    options.correlation_id = call.request.request_id;
    return options;
}

base::Error devices_are_missing() {
    return base::invalid_input("devices is required: a list of ICCIDs or subscriber numbers",
                               "/devices");
}

Response refused_whole(const http::Request& request,
                       const std::vector<const changes::SubmitResult*>& results) {
    std::int64_t device_count = 0;
    std::int64_t refused_count = 0;
    json::array errors, reasons;
    for (const changes::SubmitResult* result : results) {
        device_count += result->device_count;
        refused_count += result->refused_count;
        for (json::value& reason : to_json(result->reasons)) reasons.push_back(std::move(reason));
        for (const changes::RefusedDevice& device : result->devices) {
            if (errors.size() == kMaxProblemItems) break;
            errors.push_back(json::object{{"row", device.row_number},
                                          {"identifier", device.identifier},
                                          {"detail", device.reason}});
        }
    }
    const std::string detail =
        std::to_string(refused_count) + " of " + std::to_string(device_count) +
        " devices cannot be changed, and allOrNothing was asked for: nothing was stored.";
    Response response = json_response(json::object{{"type", "urn:carryall:problem:devices_refused"},
                                                   {"title", "Not every device can be changed"},
                                                   {"status", 422},
                                                   {"detail", detail},
                                                   {"instance", request.request_id},
                                                   {"deviceCount", device_count},
                                                   {"refusedCount", refused_count},
                                                   {"reasons", std::move(reasons)},
                                                   {"errors", std::move(errors)}},
                                      422);
    response.headers.set("Content-Type", kProblemType);
    return response;
}

}  // namespace carryall::api
