// optimization: what the optimiser found, on its way in and as it is stored. An instance comes as
// JSON, its device results in there or as a CSV or XLSX file.
#include <iostream>

#include "app/api_client.hpp"
#include "app/json_file.hpp"
#include "app/table_upload.hpp"
#include "base/text.hpp"

namespace carryall::app {
namespace {

namespace json = base::json;
using base::Result;

constexpr const char* kPath = "/v1/optimization-instances";
constexpr std::size_t kMaxListed = 1'000'000;

struct Arguments {
    std::string instance;
    std::string file;
    bool is_dry_run = false;
    std::size_t limit = 50;
    std::string customer_id;
    std::string portal_type;
    std::string is_charged;
};

std::string path_of(const Arguments& arguments) {
    return std::string(kPath) + '/' + percent_encoded(arguments.instance);
}

// A line a queue: which wins is what one looks for.
void print_instance(const Cli& cli, const json::value& instance) {
    if (cli.json || !instance.is_object()) return print_json(instance);
    json::object summary = instance.get_object();
    summary.erase("commGroups");
    print_object(cli, summary);
    const Row columns{"queueId",        "totalCost",           "runEndTime",
                      "m2mResultCount", "mobilityResultCount", "isWinning"};
    Row header{"commGroupId"};
    header.insert(header.end(), columns.begin(), columns.end());
    std::vector<Row> rows;
    for (const json::value& group : array_of(instance, "commGroups")) {
        for (Row& queue : cells(array_of(group, "queues"), columns)) {
            queue.insert(queue.begin(), cell(group, "commGroupId"));
            rows.push_back(std::move(queue));
        }
    }
    std::cout << "\n" << format_table(header, rows);
    for (const json::value& group : array_of(instance, "commGroups")) {
        const std::string reason = cell(group, "noWinnerReason");
        if (reason.empty()) continue;
        std::cout << "comm group " << cell(group, "commGroupId") << ": " << printable(reason)
                  << "\n";
    }
}

Result<void> import(Cli& cli, ApiClient& client, const Arguments& arguments) {
    if (base::ascii_lower(arguments.file).ends_with(".json")) {
        if (arguments.is_dry_run) {
            return base::invalid_input("only a file of device results can be tried", "--dry-run");
        }
        const auto body = read_exact_json_file(arguments.file);
        if (!body) return body.error();
        const auto instance = client.send(http::Method::put, path_of(arguments), *body);
        if (!instance) return instance.error();
        print_instance(cli, *instance);
        return {};
    }
    const auto report = client.upload(path_of(arguments) + "/device-results",
                                      {{"dryRun", arguments.is_dry_run ? "true" : ""}},
                                      arguments.file, table_content_type(arguments.file));
    if (!report) return report.error();
    print_rows_report(cli, *report,
                      {"rowCount", "storedCount", "removedCount", "badCount", "stored"});
    return {};
}

Result<void> show(const Cli& cli, ApiClient& client, const Arguments& arguments) {
    const auto instance = client.get(path_of(arguments));
    if (!instance) return instance.error();
    print_instance(cli, *instance);
    return {};
}

Result<void> list(const Cli& cli, ApiClient& client, const Arguments& arguments) {
    return show_list(cli, client, kPath,
                     {{"customerId", arguments.customer_id},
                      {"portalType", arguments.portal_type},
                      {"isCharged", arguments.is_charged}},
                     arguments.limit,
                     {"instanceId", "portalType", "customer", "billingPeriodStart",
                      "billingPeriodEnd", "runEndTime", "queueCount", "chargeRunId"});
}

}  // namespace

void add_optimization_commands(CLI::App& root, Cli& cli) {
    static Arguments arguments;
    auto* app = root.add_subcommand("optimization", "What the optimiser found");
    app->require_subcommand(1);
    auto* import_app = app->add_subcommand(
        "import", "An instance (JSON), or the device results of one (CSV, XLSX)");
    import_app->add_option("file", arguments.file, "The file")->required();
    import_app->add_option("--instance", arguments.instance, "The optimiser's id of the instance")
        ->required();
    import_app->add_flag("--dry-run", arguments.is_dry_run,
                         "Check and count device results, store nothing");
    on_command(import_app, cli, arguments, import);
    auto* list_app = app->add_subcommand("list", "List the instances, newest first");
    list_app->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    list_app->add_option("--customer-id", arguments.customer_id, "Customer's id");
    list_app->add_option("--portal-type", arguments.portal_type, "m2m, mobility, crossProvider");
    list_app->add_option("--charged", arguments.is_charged, "true or false");
    on_command(list_app, cli, arguments, list);
    auto* show_app = app->add_subcommand("show", "One instance, its queues and which of them win");
    show_app->add_option("instance", arguments.instance, "Its id")->required();
    on_command(show_app, cli, arguments, show);
}

}  // namespace carryall::app
