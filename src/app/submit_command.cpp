// change submit: a file, a JSON request or devices named on the command line, with the parameters
// as options. All three become the request that the API documents; nothing is checked here that the
// API checks.
#include <filesystem>
#include <iostream>
#include <map>

#include "app/api_client.hpp"
#include "app/json_file.hpp"
#include "app/table_upload.hpp"
#include "app/watch.hpp"
#include "base/text.hpp"

namespace carryall::app {
namespace {

using base::Result;
namespace json = base::json;

struct ParameterOption {
    const char* option;
    const char* name;  // in the API
    const char* help;
};

constexpr ParameterOption kParameters[] = {
    {"--status", "updateStatus", "statusupdate: the status to set, such as suspended"},
    {"--reason-code", "reasonCode", "statusupdate: the carrier's reason code"},
    {"--zip-code", "zipCode", "the place of use: of an activation, at ThingSpace of a status too"},
    {"--plan", "carrierRatePlan",
     "carrierrateplanchange: the plan's code; the plan to activate with"},
    {"--imei", "imei", "newserviceactivation: the device a single SIM is in"},
    {"--billing-account", "billingAccount", "newserviceactivation: the billing account (BAN)"},
    {"--offering-codes", "offeringCodes", "newserviceactivation: features, separated by ;"},
    {"--remove-offering-codes", "removeOfferingCodes",
     "newserviceactivation: features to take away once the line is active"},
    {"--ip-pool", "ipPool", "newserviceactivation: the pool of static addresses (PDP)"},
    {"--ip-range", "customerIpRange", "newserviceactivation: the customer's network"},
    {"--apn", "accessPointName", "newserviceactivation: access point of the address"},
    {"--data-group", "carrierDataGroup", "newserviceactivation: the carrier's data group"},
    {"--rate-pool", "carrierRatePool", "newserviceactivation: the carrier's rate pool"},
    {"--comm-plan", "commPlan", "carrierrateplanchange: the communication plan"},
    {"--customer-plan", "customerRatePlan", "the customer rate plan's code"},
    {"--customer-plan-id", "customerRatePlanId", "the same by id"},
    {"--pool", "customerPool", "the customer rate pool's name"},
    {"--pool-id", "customerPoolId", "the same by id"},
    {"--allocation-mb", "customerDataAllocationMB", "customerrateplanchange: megabytes a device"},
    {"--effective-date", "effectiveDate", "when it takes effect; ahead: scheduled"},
    {"--start-at", "startAt", "when the whole change is begun, whatever its type"},
    {"--time-zone", "timeZone", "of these two without an offset, such as Europe/Berlin"},
    {"--customer", "customer", "customerassignment: an AMOP customer's name"},
    {"--customer-id", "customerId", "the same by id"},
    {"--rev-customer", "revCustomerId", "customerassignment: Rev.io's customer id"},
    {"--site", "site", "customerassignment: the customer's site"},
    {"--site-id", "siteId", "the same by id"},
    {"--account", "accountNumber", "customerassignment: account number"},
    {"--rev-provider", "revioProviderId", "Rev.io's provider id for a new service"},
    {"--service-type", "serviceTypeId", "Rev.io's service type for a new service"},
    {"--usage-plan-group", "usagePlanGroupId", "Rev.io's usage plan group"},
    {"--rev-package", "revioPackageId", "Rev.io's package"},
    {"--products", "revioProductIds", "Rev.io's products, separated by commas"},
    {"--activated-date", "activatedDate", "activation date of a new service"},
    {"--failures", "failureThresholdCount", "pause at so many failures"},
    {"--failure-percent", "failureThresholdPercent", "pause at so many percent of failures"},
    {"--failure-after", "failureThresholdAfterDevices",
     "with --failure-percent: once so many devices have ended"},
    {"--waves", "waves", "percents, such as 1,10,100: the next wave begins when one has ended"},
    {"--wave-approval", "waveApproval", "automatic or manual: each wave is resumed by a person"},
    {"--max-concurrency", "maxConcurrency", "calls in flight over all workers"},
    {"--portal", "portalType", "m2m, mobility or lnp; else that of the first device"},
};
constexpr std::size_t kParameterCount = std::size(kParameters);

struct Switch {
    const char* option;
    const char* name;
    const char* help;
};
constexpr Switch kSwitches[] = {
    {"--dry-run", "dryRun", "Check every device, store a plan and start nothing"},
    {"--all-or-nothing", "allOrNothing", "One bad device refuses the whole"},
    {"--create-rev-service", "createRevService", "customerassignment: create services at Rev.io"},
    {"--add-customer-plan", "addCustomerRatePlan", "customerassignment: set the customer plan too"},
    {"--carrier-activation", "useCarrierActivation", "Take the carrier's activation date"},
    {"--static-ip", "staticIp", "newserviceactivation: with a static IP address"},
    {"--strict", "strict", "newserviceactivation: all devices go on together, or none"},
};
constexpr std::size_t kSwitchCount = std::size(kSwitches);
const std::string kEveryAccount = "all";

struct Arguments {
    std::string file;
    std::string json_file;
    std::vector<std::string> devices;
    std::string type;
    std::vector<std::string> providers;
    std::string idempotency_key;
    std::string parameters[kParameterCount];
    bool switches[kSwitchCount] = {};
    bool is_stored_only = false;
    bool is_watched = false;
};

// Short names that people type, beside those of the API.
const std::map<std::string, std::string>& type_names() {
    static const std::map<std::string, std::string> names = {
        {"status", "statusupdate"},
        {"carrier-plan", "carrierrateplanchange"},
        {"customer-plan", "customerrateplanchange"},
        {"assign", "customerassignment"},
        {"activate", "newserviceactivation"},
    };
    return names;
}

std::string type_of(const std::string& given) {
    const auto found = type_names().find(given);
    return found == type_names().end() ? given : found->second;
}

bool is_set(const Arguments& arguments) {
    return arguments.providers.size() > 1 || (arguments.providers == std::vector{kEveryAccount});
}

// One account, or those of a change set.
Result<std::pair<std::string, std::string>> provider_parameter(ApiClient& client,
                                                               const Arguments& arguments) {
    if (arguments.providers == std::vector{kEveryAccount}) {
        return std::pair<std::string, std::string>("serviceProviderIds", kEveryAccount);
    }
    std::string ids;
    for (const std::string& provider : arguments.providers) {
        const auto id = provider_id(client, provider);
        if (!id) return id.error();
        ids += (ids.empty() ? "" : ",") + *id;
    }
    return std::pair<std::string, std::string>(
        is_set(arguments) ? "serviceProviderIds" : "serviceProviderId", ids);
}

Result<Parameters> parameters_of(ApiClient& client, const Arguments& arguments) {
    const auto provider = provider_parameter(client, arguments);
    if (!provider) return provider.error();
    Parameters all{*provider, {"changeType", type_of(arguments.type)}};
    for (std::size_t i = 0; i < kParameterCount; ++i) {
        all.emplace_back(kParameters[i].name, arguments.parameters[i]);
    }
    for (std::size_t i = 0; i < kSwitchCount; ++i) {
        if (arguments.switches[i]) all.emplace_back(kSwitches[i].name, "true");
    }
    if (arguments.is_stored_only) all.emplace_back("processChanges", "false");
    return all;
}

// Options win over what stands in a JSON file.
void merge(const Parameters& parameters, json::object& request) {
    for (const auto& [name, text] : parameters) {
        if (text.empty()) continue;
        const auto number = base::parse_int(text);
        if (text == "true" || text == "false") {
            request[name] = text == "true";
        } else if (number && name.ends_with("Id") && name != "revCustomerId") {
            request[name] = *number;
        } else if (name == "serviceProviderIds" && text != kEveryAccount) {
            request[name] = base::parse_json('[' + text + ']').value();
        } else {
            request[name] = text;
        }
    }
}

std::string resource_of(const Arguments& arguments) {
    return is_set(arguments) ? "/v1/change-sets" : "/v1/bulk-changes";
}

Result<json::value> send(ApiClient& client, const Arguments& arguments) {
    auto parameters = parameters_of(client, arguments);
    if (!parameters) return parameters.error();
    const Parameters headers{{"Idempotency-Key", arguments.idempotency_key}};
    if (!arguments.file.empty()) {
        const std::filesystem::path file = arguments.file;
        parameters->emplace_back("fileName", file.filename().string());
        return client.upload(resource_of(arguments) + "/upload", *parameters, file,
                             table_content_type(file), headers);
    }
    json::object request;
    if (!arguments.json_file.empty()) {
        auto read = read_json_file(arguments.json_file);
        if (!read) return read.error();
        request = std::move(*read);
    }
    merge(*parameters, request);
    if (!arguments.devices.empty()) {
        json::array devices(arguments.devices.begin(), arguments.devices.end());
        request["devices"] = std::move(devices);
    }
    return client.send(http::Method::post, resource_of(arguments), std::move(request), headers);
}

void print_list(const json::value& document, const char* member, const Row& columns) {
    const json::value* list = document.get_object().if_contains(member);
    if (list == nullptr || !list->is_array() || list->get_array().empty()) return;
    std::cout << "\n" << format_table(columns, cells(list->get_array(), columns));
}

void print_submitted(const Cli& cli, const json::value& result) {
    if (cli.json || !result.is_object()) return print_json(result);
    const std::string id = cell(result, "bulkChangeId");
    const std::string hash = cell(result, "planHash");
    std::cout << (hash.empty() ? "bulk change " : "nothing started, plan ") << id << ": "
              << cell(result, "deviceCount") << " devices, " << cell(result, "acceptedCount")
              << " accepted, " << cell(result, "refusedCount") << " refused";
    if (cell(result, "replayed") == "true") std::cout << " (submitted before with this key)";
    std::cout << "\n";
    if (const std::string begins = begin_of(result); !begins.empty()) {
        std::cout << "begins " << begins << "\n";
    }
    if (const std::string next = cell(result, "additionalBulkChangeId"); !next.empty()) {
        std::cout << "followed by bulk change " << next << ", the customer's assignment\n";
    }
    if (cell(result, "waitsForApproval") == "true") {
        std::cout << "waits for the approval of another person, who looks at it with: carryall "
                     "change plan "
                  << id << "\n";
    }
    if (!hash.empty()) std::cout << how_to_apply(result);
    print_list(result, "reasons", {"count", "errorClass", "reason"});
    print_list(result, "devices", {"rowNumber", "identifier", "reason"});
    const json::value* warnings = result.get_object().if_contains("warnings");
    if (warnings == nullptr || !warnings->is_array()) return;
    for (const json::value& warning : warnings->get_array()) {
        if (warning.is_string()) std::cerr << "note: " << printable(warning.get_string()) << "\n";
    }
}

// The bulk changes of an answer: one, or those of a set.
std::vector<json::value> changes_of(const json::value& result) {
    const json::value* list = result.get_object().if_contains("changes");
    if (list == nullptr) return {result};
    return {list->get_array().begin(), list->get_array().end()};
}

void print_set(const Cli& cli, const json::value& result) {
    if (cli.json) return print_json(result);
    const std::string id = cell(result, "changeSetId");
    if (!id.empty()) std::cout << "change set " << id << "\n";
    for (const json::value& change : changes_of(result)) {
        std::cout << cell(change, "serviceProvider") << ": ";
        print_submitted(cli, change);
    }
}

Result<void> submit(Cli& cli, const Arguments& arguments) {
    const int sources = !arguments.file.empty() + !arguments.json_file.empty() +
                        (arguments.json_file.empty() && !arguments.devices.empty());
    if (sources != 1) {
        return base::invalid_input(
            "give the devices one way: a CSV or XLSX file, --json-file, or --device for each");
    }
    auto client = ApiClient::make(cli, process_environment());
    if (!client) return client.error();
    const auto result = send(*client, arguments);
    if (!result) return result.error();
    if (!cli.json || !arguments.is_watched || arguments.is_stored_only) {
        is_set(arguments) ? print_set(cli, *result) : print_submitted(cli, *result);
    }
    if (!arguments.is_watched || arguments.is_stored_only) return {};
    Result<void> watched;
    int worst = 0;
    for (const json::value& change : changes_of(*result)) {
        const auto id = base::parse_int(cell(change, "bulkChangeId"));
        if (!id || !cell(change, "planHash").empty()) continue;  // a plan does nothing by itself
        const auto ended = watch_change(cli, *client, *id, {});
        if (!ended && watched) watched = ended;
        worst = std::max(worst, cli.exit_status);
    }
    cli.exit_status = worst;
    return watched;
}

}  // namespace

void add_submit_command(CLI::App& change, Cli& cli) {
    static Arguments arguments;
    auto* submit_app = change.add_subcommand("submit", "Submit a change: a file or single devices");
    submit_app->add_option("file", arguments.file, "CSV or XLSX with a column ICCID or MSISDN");
    submit_app->add_option("--json-file", arguments.json_file, "A BulkChangeRequest as JSON");
    submit_app->add_option("--device", arguments.devices, "ICCID or subscriber number; repeatable");
    submit_app->add_option("--type", arguments.type,
                           "status, carrier-plan, customer-plan, assign or activate (or the API's "
                           "names)");
    submit_app->add_option("--provider", arguments.providers,
                           "Service provider, by name or id; several, or all: a change set");
    submit_app->add_option("--idempotency-key", arguments.idempotency_key,
                           "The same key never makes two changes");
    // An empty variable of a script is no date and no threshold; left out, it would be a change at
    // once.
    const auto has_value = [](const std::string& text) {
        return text.empty() ? "has no value; leave the option out, or give it one" : "";
    };
    for (std::size_t i = 0; i < kParameterCount; ++i) {
        submit_app->add_option(kParameters[i].option, arguments.parameters[i], kParameters[i].help)
            ->check(CLI::Validator(has_value, ""));
    }
    for (std::size_t i = 0; i < kSwitchCount; ++i) {
        submit_app->add_flag(kSwitches[i].option, arguments.switches[i], kSwitches[i].help);
    }
    submit_app->add_flag("--store-only", arguments.is_stored_only,
                         "Do not start it; `change process` does");
    submit_app->add_flag("--watch", arguments.is_watched, "Follow it to its end");
    submit_app->callback([&] { cli.command = [&] { return submit(cli, arguments); }; });
}

}  // namespace carryall::app
