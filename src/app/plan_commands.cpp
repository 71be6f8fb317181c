// change plan, apply, undo: what a change would do, doing exactly that, and the way back.
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
    std::string hash;
    std::string verdict;
    std::size_t limit = 50;
    bool has_devices = false;
    bool is_csv = false;
    bool is_watched = false;
};

std::string path_of(std::int64_t id) {
    return "/v1/bulk-changes/" + std::to_string(id);
}

// Of "/monthlyCost/carrier/before": "EUR 1980.00 (980 devices), 10 unknown".
std::string prices_text(const json::value& plan, const std::string& pointer) {
    json::error_code ignored;
    std::string text;
    const json::value* sums = plan.find_pointer(pointer + "/sums", ignored);
    if (sums != nullptr && sums->is_array()) {
        for (const json::value& sum : sums->get_array()) {
            text += (text.empty() ? "" : ", ") + cell(sum, "currency") + ' ' + cell(sum, "amount") +
                    " (" + cell(sum, "deviceCount") + " devices)";
        }
    }
    const json::value* unknown = plan.find_pointer(pointer + "/unknownCount", ignored);
    if (unknown != nullptr && *unknown != 0) {
        text += (text.empty() ? "" : ", ") + serialize(*unknown) + " unknown";
    }
    return text.empty() ? "none" : text;
}

void print_plan(const Cli& cli, const json::value& plan) {
    if (cli.json || !plan.is_object()) return print_json(plan);
    json::object shown;
    for (const char* name : {"bulkChangeId",
                             "status",
                             "changeRequestType",
                             "serviceProvider",
                             "deviceCount",
                             "acceptedCount",
                             "unchangedCount",
                             "refusedCount",
                             "undoesBulkChangeId",
                             "createdAt",
                             "wave",
                             "failureThreshold",
                             "maxConcurrency",
                             "expiresAt",
                             "appliedAt",
                             "appliedBy",
                             "approval",
                             "approvedBy",
                             "additionalBulkChangeId",
                             "planHash"}) {
        if (const auto* value = plan.get_object().if_contains(name); value && !value->is_null()) {
            shown[name] = *value;
        }
    }
    if (const std::string begins = begin_of(plan); !begins.empty()) shown["begins"] = begins;
    const std::string system = cell(plan, "carrierCalls.system");
    shown["calls"] =
        system.empty() ? std::string("none") : cell(plan, "carrierCalls.calls") + " to " + system;
    const std::string seconds = cell(plan, "finishesInSeconds");
    shown["finishesInSeconds"] = seconds.empty() ? std::string("unknown") : seconds;
    for (const std::string side : {"carrier", "customer"}) {
        for (const std::string when : {"before", "after"}) {
            shown["monthly " + side + ' ' + when] =
                prices_text(plan, "/monthlyCost/" + side + '/' + when);
        }
    }
    if (const std::string back = cell(plan, "undo.reversibility"); !back.empty()) {
        shown["reversibility"] = back;
        shown["neverChangedCount"] = cell(plan, "undo.neverChangedCount");
        shown["unknownCount"] = cell(plan, "undo.unknownCount");
        if (const std::string cost = cell(plan, "undo.cost"); !cost.empty()) shown["cost"] = cost;
    }
    print_object(cli, shown);
    const json::value* reasons = plan.get_object().if_contains("reasons");
    if (reasons != nullptr && reasons->is_array() && !reasons->get_array().empty()) {
        const Row columns{"count", "errorClass", "reason"};
        std::cout << "\n" << format_table(columns, cells(reasons->get_array(), columns));
    }
}

Result<void> show_plan(const Cli& cli, ApiClient& client, const Arguments& arguments) {
    const std::string path = path_of(arguments.id) + "/plan";
    if (arguments.is_csv) {
        return client.download(path + ".csv", {}, "text/csv", [](std::string_view piece) {
            std::cout << piece;
            return std::cout.good();
        });
    }
    if (arguments.has_devices || !arguments.verdict.empty()) {
        return show_list(cli, client, path + "/devices", {{"verdict", arguments.verdict}},
                         arguments.limit,
                         {"rowNumber", "identifier", "verdict", "dueAt", "reversibility", "before",
                          "after", "reason", "warning"});
    }
    const auto plan = client.get(path);
    if (!plan) return plan.error();
    print_plan(cli, *plan);
    return {};
}

// The plan's hash is given by whoever read it; without one nothing is applied.
Result<void> apply(Cli& cli, ApiClient& client, const Arguments& arguments) {
    const auto result = client.send(http::Method::post, path_of(arguments.id) + "/apply",
                                    json::object{{"planHash", arguments.hash}});
    if (!result) return result.error();
    if (arguments.is_watched) return watch_change(cli, client, arguments.id, {});
    print_object(cli, *result);
    return {};
}

Result<void> undo(const Cli& cli, ApiClient& client, const Arguments& arguments) {
    const auto plan = client.post(path_of(arguments.id) + "/undo");
    if (!plan) return plan.error();
    print_plan(cli, *plan);
    if (!cli.json) std::cout << "\n" << how_to_apply(*plan);
    return {};
}

}  // namespace

void add_plan_commands(CLI::App& change, Cli& cli) {
    static Arguments arguments;
    const auto add = [&](const char* name, const char* help) {
        auto* app = change.add_subcommand(name, help);
        app->add_option("id", arguments.id, "The bulk change's id")->required();
        return app;
    };
    auto* plan = add("plan", "What a plan (a dry run, an undo) would do");
    plan->add_flag("--devices", arguments.has_devices, "Each device, before and after");
    plan->add_option("--verdict", arguments.verdict, "Only these: change, unchanged, refused");
    plan->add_option("--limit", arguments.limit, "How many devices to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    plan->add_flag("--csv", arguments.is_csv, "The whole plan as CSV");
    plan->callback([&] {
        cli.command =
            with_client(cli, [&](ApiClient& client) { return show_plan(cli, client, arguments); });
    });
    auto* start = add("apply", "Do exactly what a plan shows, or nothing");
    start->add_option("hash", arguments.hash, "The plan's hash, as `change plan` shows it")
        ->required();
    start->add_flag("--watch", arguments.is_watched, "Follow it to its end");
    start->callback([&] {
        cli.command =
            with_client(cli, [&](ApiClient& client) { return apply(cli, client, arguments); });
    });
    add("undo", "Plan the way back of a change that has ended")->callback([&] {
        cli.command =
            with_client(cli, [&](ApiClient& client) { return undo(cli, client, arguments); });
    });
}

}  // namespace carryall::app
