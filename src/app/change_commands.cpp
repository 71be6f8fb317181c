// change list, status, watch, devices, log, failed, report, retry, process: what becomes of bulk
// changes.
#include <iostream>

#include "app/api_client.hpp"
#include "app/watch.hpp"

namespace carryall::app {
namespace {

using base::Result;
namespace json = base::json;

constexpr std::size_t kMaxListed = 1'000'000;

struct Arguments {
    std::int64_t id = 0;
    std::int64_t device_change_id = 0;
    std::size_t limit = 50;
    std::string status;
    std::string type;
    std::string state;
    std::string identifier;
    std::string format = "csv";
    std::vector<std::string> error_classes;
    int timeout_seconds = 0;
    bool is_watched = false;
    bool is_full = false;
};

std::string path_of(std::int64_t id) {
    return "/v1/bulk-changes/" + std::to_string(id);
}

Result<void> list_changes(const Cli& cli, ApiClient& client, const Arguments& arguments) {
    return show_list(cli, client, "/v1/bulk-changes",
                     {{"status", arguments.status}, {"changeType", arguments.type}},
                     arguments.limit,
                     {"bulkChangeId", "status", "changeRequestType", "serviceProvider",
                      "deviceCount", "counts.processed", "counts.error", "control", "approval",
                      "dates.firstDueAt", "createdBy", "createdAt", "finishedAt"});
}

Result<void> show_status(Cli& cli, ApiClient& client, const Arguments& arguments) {
    const auto change = client.get(path_of(arguments.id));
    if (!change) return change.error();
    if (cli.json) {
        print_json(*change);
        return {};
    }
    json::object flat;
    for (const auto& [key, value] : change->get_object()) {
        if (key != "reasons" && key != "counts" && key != "steps") flat[key] = value;
    }
    print_object(cli, flat);
    const json::object* counts = nullptr;
    if (const auto* found = change->get_object().if_contains("counts")) counts = found->if_object();
    std::vector<Row> rows;
    if (counts != nullptr) {
        for (const auto& [key, value] : *counts) rows.push_back({key, serialize(value)});
    }
    std::cout << "\n" << format_table({"state", "devices"}, rows);
    if (const auto* steps = change->get_object().if_contains("steps")) {
        std::vector<Row> step_rows;
        for (const auto& [step, count] : steps->get_object()) {
            step_rows.push_back({step, serialize(count.at("open")), serialize(count.at("failed"))});
        }
        std::cout << "\n" << format_table({"step", "open", "failed"}, step_rows);
    }
    const json::value* reasons = change->get_object().if_contains("reasons");
    if (reasons != nullptr && reasons->is_array() && !reasons->get_array().empty()) {
        const Row columns{"count", "errorClass", "reason"};
        std::cout << "\n" << format_table(columns, cells(reasons->get_array(), columns));
    }
    return {};
}

Result<void> show_devices(const Cli& cli, ApiClient& client, const Arguments& arguments) {
    return show_list(cli, client, path_of(arguments.id) + "/devices", {{"state", arguments.state}},
                     arguments.limit,
                     {"deviceChangeId", "rowNumber", "identifier", "state", "dueAt", "retryNumber",
                      "errorClass", "reason", "warning", "finishedAt"});
}

Result<void> show_log(const Cli& cli, ApiClient& client, const Arguments& arguments) {
    const std::string path = arguments.device_change_id == 0
                                 ? path_of(arguments.id) + "/log"
                                 : path_of(arguments.id) + "/devices/" +
                                       std::to_string(arguments.device_change_id) + "/log";
    Row columns{"deviceChangeId",      "attempt",    "step",      "responseStatus",
                "logEntryDescription", "actionText", "errorText", "processedDate"};
    if (arguments.is_full) {
        columns.emplace_back("requestText");
        columns.emplace_back("responseText");
    }
    return show_list(cli, client, path, {}, arguments.limit, columns);
}

bool print_piece(std::string_view piece) {
    std::cout << piece;
    return std::cout.good();
}

Result<void> print_failed(ApiClient& client, const Arguments& arguments) {
    return client.download(path_of(arguments.id) + "/failed.csv", {}, "text/csv", print_piece);
}

Result<void> print_report(ApiClient& client, const Arguments& arguments) {
    return client.download(path_of(arguments.id) + "/activation-report",
                           {{"format", arguments.format}}, "text/" + arguments.format, print_piece);
}

Result<void> retry(Cli& cli, ApiClient& client, const Arguments& arguments) {
    json::object body;
    if (!arguments.error_classes.empty()) {
        body["errorClasses"] =
            json::array(arguments.error_classes.begin(), arguments.error_classes.end());
    }
    const auto result = client.send(http::Method::post, path_of(arguments.id) + "/retry", body);
    if (!result) return result.error();
    if (arguments.is_watched) return watch_change(cli, client, arguments.id, {});
    print_object(cli, *result);
    return {};
}

Result<void> process(Cli& cli, ApiClient& client, const Arguments& arguments) {
    const auto result = client.post(path_of(arguments.id) + "/process");
    if (!result) return result.error();
    if (arguments.is_watched) return watch_change(cli, client, arguments.id, {});
    print_object(cli, *result);
    return {};
}

void add_reading_commands(CLI::App& change, Cli& cli, Arguments& arguments) {
    const auto add = [&](const char* name, const char* help, auto action) {
        auto* app = change.add_subcommand(name, help);
        app->add_option("id", arguments.id, "The bulk change's id")->required();
        app->callback([&cli, action] { cli.command = with_client(cli, action); });
        return app;
    };
    const auto limit = [&](CLI::App* app) {
        app->add_option("--limit", arguments.limit, "How many rows to show")
            ->check(CLI::Range(std::size_t{1}, kMaxListed));
    };
    add("status", "One change: counts and why devices failed",
        [&](ApiClient& client) { return show_status(cli, client, arguments); });
    add("watch",
        "Follow a change to its end; exit status 0 PROCESSED, 8 PARTIAL, CANCELLED, 9 ERROR",
        [&](ApiClient& client) {
            return watch_change(cli, client, arguments.id,
                                {std::chrono::seconds(arguments.timeout_seconds)});
        })
        ->add_option("--timeout", arguments.timeout_seconds, "Seconds to wait at most")
        ->check(CLI::NonNegativeNumber);
    auto* devices = add("devices", "The devices of a change and what became of each",
                        [&](ApiClient& client) { return show_devices(cli, client, arguments); });
    devices->add_option("--state", arguments.state, "Only these states, separated by commas");
    limit(devices);
    auto* log = add("log", "What was told to the carrier and what it answered",
                    [&](ApiClient& client) { return show_log(cli, client, arguments); });
    log->add_option("--device", arguments.device_change_id, "Only this device change's id");
    log->add_flag("--full", arguments.is_full, "Requests and responses too");
    limit(log);
    add("failed", "The failed devices as CSV, ready to be submitted again",
        [&](ApiClient& client) { return print_failed(client, arguments); });
    add("report", "What became of an activation: SIM, number, address and outcome of each device",
        [&](ApiClient& client) { return print_report(client, arguments); })
        ->add_option("--format", arguments.format, "csv, or html for a page to print")
        ->check(CLI::IsMember({"csv", "html"}));
}

}  // namespace

void add_change_commands(CLI::App& root, Cli& cli) {
    static Arguments arguments;
    auto* change = root.add_subcommand("change", "Bulk changes: submit them, follow them");
    change->require_subcommand(1);
    add_submit_command(*change, cli);
    add_plan_commands(*change, cli);
    add_reading_commands(*change, cli, arguments);
    add_control_commands(*change, cli);
    auto* list = change->add_subcommand("list", "Bulk changes, newest first");
    list->add_option("--status", arguments.status, "NEW, PENDING, PROCESSING, PROCESSED, …");
    list->add_option("--type", arguments.type, "statusupdate, carrierrateplanchange, …");
    list->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    list->callback([&] {
        cli.command = with_client(
            cli, [&](ApiClient& client) { return list_changes(cli, client, arguments); });
    });
    auto* again = change->add_subcommand("retry", "Try the failed devices again");
    again->add_option("--class", arguments.error_classes,
                      "Only these failures: validation, business, transient, system");
    auto* start = change->add_subcommand("process", "Start a change that was only stored");
    for (auto* app : {again, start}) {
        app->add_option("id", arguments.id, "The bulk change's id")->required();
        app->add_flag("--watch", arguments.is_watched, "Follow it to its end");
    }
    again->callback([&] {
        cli.command =
            with_client(cli, [&](ApiClient& client) { return retry(cli, client, arguments); });
    });
    start->callback([&] {
        cli.command =
            with_client(cli, [&](ApiClient& client) { return process(cli, client, arguments); });
    });
}

}  // namespace carryall::app
