// devices, import, and the small nouns (providers, customers, sites, plans, pools): the inventory
// through the API. Credentials are read from a file or from standard input, never from the command
// line, where every user of the machine could see them.
#include <fstream>
#include <iostream>
#include <iterator>

#include "app/api_client.hpp"
#include "app/json_file.hpp"
#include "app/table_upload.hpp"

namespace carryall::app {
namespace {

using base::Result;
namespace json = base::json;

constexpr std::size_t kMaxListed = 1'000'000;
constexpr std::size_t kMaxCredentialFileBytes = 256U << 10;

struct ListArguments {
    std::size_t limit = 50;
    std::vector<std::string> filters;
};

struct DeviceArguments {
    std::string id;
    ListArguments list;
    std::string iccid;
    std::string msisdn;
    std::string status;
    std::string customer_id;
    std::string provider_id;
};

struct ImportArguments {
    std::string kind;
    std::string file;
    std::string provider_id;
    bool is_dry_run = false;
    bool is_all_or_nothing = false;
};

struct RecordArguments {
    std::string id;
    std::vector<std::string> members;
    std::string credentials_file;
};

// "status=active" as it is: the API names the filters it knows.
Result<Parameters> filters_of(const std::vector<std::string>& texts) {
    Parameters filters;
    for (const std::string& text : texts) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0) {
            return base::invalid_input("write a filter as name=value, not \"" + text + '"',
                                       "--filter");
        }
        filters.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return filters;
}

Result<void> show_list(const Cli& cli, ApiClient& client, const std::string& path,
                       const ListArguments& arguments, Parameters query, const Row& columns) {
    const auto filters = filters_of(arguments.filters);
    if (!filters) return filters.error();
    query.insert(query.end(), filters->begin(), filters->end());
    return show_list(cli, client, path, query, arguments.limit, columns);
}

void add_list_options(CLI::App* app, ListArguments& arguments) {
    app->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    app->add_option("--filter", arguments.filters, "name=value, as the API names its filters");
}

// --- devices

// An ICCID is looked up; a shorter number is the device's own id.
Result<std::string> device_path(ApiClient& client, const std::string& given) {
    constexpr std::size_t kShortestIccid = 18;
    if (given.size() < kShortestIccid) return "/v1/devices/" + percent_encoded(given);
    const auto found = client.list("/v1/devices", {{"iccid", given}}, 2);
    if (!found) return found.error();
    if (found->size() != 1) return base::not_found("there is no device with ICCID " + given);
    return "/v1/devices/" + cell(found->front(), "deviceId");
}

Result<void> show_device(const Cli& cli, ApiClient& client, const DeviceArguments& arguments) {
    const auto path = device_path(client, arguments.id);
    if (!path) return path.error();
    const auto device = client.get(*path);
    if (!device) return device.error();
    print_object(cli, *device);
    return {};
}

Result<void> show_history(const Cli& cli, ApiClient& client, const DeviceArguments& arguments) {
    const auto path = device_path(client, arguments.id);
    if (!path) return path.error();
    return show_list(cli, client, *path + "/history", arguments.list, {},
                     {"occurredAt", "kind", "source", "actor", "status", "bulkChangeId",
                      "description", "detail"});
}

Result<void> show_events(const Cli& cli, ApiClient& client, const DeviceArguments& arguments) {
    const auto path = device_path(client, arguments.id);
    if (!path) return path.error();
    return show_list(cli, client, *path + "/carrier-events", arguments.list, {},
                     {"occurredAt", "kind", "before", "after", "lineId", "syncId"});
}

void add_device_commands(CLI::App& root, Cli& cli) {
    static DeviceArguments arguments;
    auto* devices = root.add_subcommand("devices", "The lines of the inventory");
    devices->require_subcommand(1);
    auto* list = devices->add_subcommand("list", "Search the devices");
    list->add_option("--iccid", arguments.iccid, "ICCID, or how it begins");
    list->add_option("--msisdn", arguments.msisdn, "Subscriber number, or how it begins");
    list->add_option("--status", arguments.status, "Status");
    list->add_option("--customer-id", arguments.customer_id, "Customer's id");
    list->add_option("--provider-id", arguments.provider_id, "Service provider's id");
    add_list_options(list, arguments.list);
    list->callback([&] {
        cli.command = with_client(cli, [&](ApiClient& client) {
            return show_list(cli, client, "/v1/devices", arguments.list,
                             {{"iccid", arguments.iccid},
                              {"msisdn", arguments.msisdn},
                              {"status", arguments.status},
                              {"customerId", arguments.customer_id},
                              {"serviceProviderId", arguments.provider_id}},
                             {"deviceId", "iccid", "msisdn", "status", "serviceProvider",
                              "carrierRatePlan", "customer", "customerRatePlan", "modifiedAt"});
        });
    });
    auto* show = devices->add_subcommand("show", "One device, by id or ICCID");
    auto* history = devices->add_subcommand("history", "All that happened to one device");
    auto* events = devices->add_subcommand(
        "events", "What readings found changed at the carrier on one device's line");
    for (auto* app : {show, history, events}) {
        app->add_option("device", arguments.id, "Device id or ICCID")->required();
    }
    add_list_options(history, arguments.list);
    add_list_options(events, arguments.list);
    show->callback([&] {
        cli.command = with_client(
            cli, [&](ApiClient& client) { return show_device(cli, client, arguments); });
    });
    history->callback([&] {
        cli.command = with_client(
            cli, [&](ApiClient& client) { return show_history(cli, client, arguments); });
    });
    events->callback([&] {
        cli.command = with_client(
            cli, [&](ApiClient& client) { return show_events(cli, client, arguments); });
    });
}

// --- import

Result<void> import_file(Cli& cli, ApiClient& client, const ImportArguments& arguments) {
    const auto report = client.upload("/v1/imports/" + percent_encoded(arguments.kind),
                                      {{"dryRun", arguments.is_dry_run ? "true" : ""},
                                       {"allOrNothing", arguments.is_all_or_nothing ? "true" : ""},
                                       {"serviceProviderId", arguments.provider_id}},
                                      arguments.file, table_content_type(arguments.file));
    if (!report) return report.error();
    print_rows_report(
        cli, *report,
        {"rowCount", "createdCount", "updatedCount", "unchangedCount", "badCount", "stored"});
    return {};
}

void add_import_command(CLI::App& root, Cli& cli) {
    static ImportArguments arguments;
    auto* import = root.add_subcommand("import", "Load the inventory from a CSV or XLSX file");
    import
        ->add_option("kind", arguments.kind,
                     "devices, customers, sites, carrier-rate-plans, communication-plans, "
                     "customer-rate-plans, customer-rate-pools, service-providers")
        ->required();
    import->add_option("file", arguments.file, "The file")->required();
    import->add_option("--provider-id", arguments.provider_id,
                       "Service provider of rows that name none");
    import->add_flag("--dry-run", arguments.is_dry_run, "Check and count, store nothing");
    import->add_flag("--all-or-nothing", arguments.is_all_or_nothing,
                     "One bad row: nothing is stored");
    import->callback([&] {
        cli.command = with_client(
            cli, [&](ApiClient& client) { return import_file(cli, client, arguments);
});
}  // namespace
);
}  // namespace carryall::app

// --- the small nouns

Result<json::object> read_credentials(const std::string& file) {
    std::string text;
    const auto read = [&](std::istream& stream) {
        text.resize(kMaxCredentialFileBytes);
        stream.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<std::size_t>(stream.gcount()));
    };
    if (file == "-") {
        read(std::cin);
    } else {
        std::ifstream stream(file, std::ios::binary);
        if (!stream) return base::invalid_input("this file cannot be read", file);
        read(stream);
    }
    auto parsed = base::parse_json(text);
    // The message of the parser could show a part of a secret.
    if (!parsed || !parsed->is_object()) {
        return base::invalid_input(
            "credentials are a JSON object, such as {\"username\": …, \"password\": …}", file);
    }
    return std::move(parsed->get_object());
}

// Credentials go a way of their own, to which only some roles are let.
Result<void> write_record(Cli& cli, ApiClient& client, http::Method method, std::string path,
                          const RecordArguments& arguments) {
    auto members = members_of(arguments.members);
    if (!members) return members.error();
    json::object credentials;
    if (!arguments.credentials_file.empty()) {
        auto read = read_credentials(arguments.credentials_file);
        if (!read) return read.error();
        credentials = std::move(*read);
    }
    json::value shown;
    if (method == http::Method::post || !members->empty()) {
        auto record = client.send(method, path, *members);
        if (!record) return record.error();
        shown = std::move(*record);
        if (method == http::Method::post) path += "/" + cell(shown, "serviceProviderId");
    }
    if (!credentials.empty()) {
        auto names = client.send(http::Method::patch, path + "/credentials", credentials);
        if (!names) return names.error();
        auto record = client.get(path);
        if (!record) return record.error();
        shown = std::move(*record);
    }
    print_object(cli, shown);
    return {};
}

struct NounCommand {
    const char* name;
    const char* path;
    const char* help;
    Row columns;
};

const std::vector<NounCommand>& noun_commands() {
    static const std::vector<NounCommand> all = {
        {"providers",
         "/v1/service-providers",
         "Accounts at carriers and at Rev.io",
         {"serviceProviderId", "name", "integration", "writeIsEnabled", "isActive", "ratePerSecond",
          "maxConcurrency", "credentialNames"}},
        {"customers",
         "/v1/customers",
         "Customers, of Rev.io and others",
         {"customerId", "name", "revCustomerId", "accountNumber", "isActive"}},
        {"sites", "/v1/sites", "Sites of customers", {"siteId", "name", "customerId", "isActive"}},
        {"carrier-plans",
         "/v1/carrier-rate-plans",
         "Carriers' rate plans",
         {"carrierRatePlanId", "serviceProviderId", "code", "name", "carrierPlanId", "isActive"}},
        {"communication-plans",
         "/v1/communication-plans",
         "Carriers' communication plans",
         {"communicationPlanId", "serviceProviderId", "name", "isActive"}},
        {"customer-plans",
         "/v1/customer-rate-plans",
         "Customers' rate plans",
         {"customerRatePlanId", "code", "name", "dataAllocationMB", "isActive"}},
        {"pools",
         "/v1/customer-rate-pools",
         "Customers' data pools",
         {"customerRatePoolId", "name", "dataAllocationMB", "isActive"}},
    };
    return all;
}

void add_noun_command(CLI::App& root, Cli& cli, const NounCommand& noun) {
    static ListArguments list_arguments;
    static RecordArguments arguments;
    auto* app = root.add_subcommand(noun.name, noun.help);
    app->require_subcommand(1);
    auto* list = app->add_subcommand("list", "List them");
    add_list_options(list, list_arguments);
    list->callback([&cli, &noun] {
        cli.command = with_client(cli, [&](ApiClient& client) {
            return show_list(cli, client, noun.path, list_arguments, {}, noun.columns);
        });
    });
    auto* create = app->add_subcommand("create", "Create one: name=value, name:=JSON");
    auto* set = app->add_subcommand("set", "Change one: name=value, name:=JSON");
    set->add_option("id", arguments.id, "Its id")->required();
    for (auto* one : {create, set}) {
        one->add_option("members", arguments.members, "name=value, or name:=value for JSON");
        if (std::string_view(noun.name) != "providers") continue;
        one->add_option("--credentials", arguments.credentials_file,
                        "JSON file with the account's credentials; - reads standard input");
    }
    create->callback([&cli, &noun] {
        cli.command = with_client(cli, [&](ApiClient& client) {
            return write_record(cli, client, http::Method::post, noun.path, arguments);
        });
    });
    set->callback([&cli, &noun] {
        cli.command = with_client(cli, [&](ApiClient& client) {
            return write_record(cli, client, http::Method::patch,
                                std::string(noun.path) + "/" + percent_encoded(arguments.id),
                                arguments);
        });
    });
}

}  // namespace

void add_inventory_commands(CLI::App& root, Cli& cli) {
    add_device_commands(root, cli);
    add_import_command(root, cli);
    for (const NounCommand& noun : noun_commands()) add_noun_command(root, cli, noun);
}

}  // namespace carryall::app
