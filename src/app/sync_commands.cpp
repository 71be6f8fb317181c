// sync, drift: reading a carrier's inventory, and deciding where our records and the carrier's
// differ.
#include <chrono>
#include <iostream>
#include <thread>

#include "app/api_client.hpp"
#include "app/watch.hpp"

namespace carryall::app {
namespace {

using base::Result;
namespace json = base::json;

constexpr std::size_t kMaxListed = 1'000'000;
constexpr std::chrono::seconds kLookEvery{1};

struct SyncArguments {
    std::string provider;
    bool is_full = false;
    bool is_incremental = false;
    bool is_awaited = false;
    int timeout_seconds = 0;
};

Result<json::value> wait_for_end(Cli& cli, ApiClient& client, const json::value& begun,
                                 const SyncArguments& arguments) {
    const std::string path = "/v1/syncs/" + cell(begun, "syncId");
    const auto start = std::chrono::steady_clock::now();
    std::string shown;
    while (true) {
        auto sync = client.get(path);
        if (!sync) return sync;
        const std::string state = cell(*sync, "state");
        if (state == "failed") cli.exit_status = kExitAllFailed;
        if (state == "done" || state == "failed") return sync;
        const std::string line =
            state + ", " + cell(*sync, "phase") + ": " + cell(*sync, "lineCount") + " lines" +
            (cell(*sync, "reason").empty() ? "" : "; ") + printable(cell(*sync, "reason"));
        if (!cli.json && line != shown) std::cerr << line << "\n";
        shown = line;
        const auto waited = std::chrono::steady_clock::now() - start;
        if (arguments.timeout_seconds > 0 &&
            waited >= std::chrono::seconds(arguments.timeout_seconds)) {
            cli.exit_status = kExitDidNotEnd;
            return sync;
        }
        std::this_thread::sleep_for(kLookEvery);
    }
}

Result<void> start_sync(Cli& cli, ApiClient& client, const SyncArguments& arguments) {
    const auto provider = provider_id(client, arguments.provider);
    if (!provider) return provider.error();
    auto sync = client.send(
        http::Method::post, "/v1/service-providers/" + percent_encoded(*provider) + "/syncs",
        json::object{{"kind", arguments.is_incremental ? "incremental" : "full"}});
    if (!sync) return sync.error();
    if (!cli.json && cell(*sync, "isNew") == "false") {
        std::cerr << "note: a sync of this account was asked for already; this is it\n";
    }
    if (arguments.is_awaited) {
        sync = wait_for_end(cli, client, *sync, arguments);
        if (!sync) return sync.error();
    }
    print_object(cli, *sync);
    return {};
}

void add_sync_command(CLI::App& root, Cli& cli) {
    static SyncArguments arguments;
    auto* sync = root.add_subcommand("sync", "Read a carrier's inventory and list the drift");
    sync->add_option("provider", arguments.provider, "Service provider, by name or id")->required();
    auto* full = sync->add_flag("--full", arguments.is_full,
                                "Every line: the only way to find what is gone; the default");
    sync->add_flag("--incremental", arguments.is_incremental,
                   "Only what changed since the last one, where the carrier tells")
        ->excludes(full);
    sync->add_flag("--wait", arguments.is_awaited,
                   "Until it has ended; exit status 0 done, 9 failed, 7 not yet");
    sync->add_option("--timeout", arguments.timeout_seconds, "Seconds to wait at most")
        ->check(CLI::NonNegativeNumber);
    sync->callback([&] {
        cli.command =
            with_client(cli, [&](ApiClient& client) { return start_sync(cli, client, arguments); });
    });
}

struct DriftArguments {
    std::string provider;
    std::string field;
    std::string state;
    std::string device;
    std::size_t limit = 50;
    std::vector<std::int64_t> ids;
    bool is_all = false;
    std::string note;
};

Result<void> list_drift(const Cli& cli, ApiClient& client, const DriftArguments& arguments) {
    const auto provider = provider_id(client, arguments.provider);
    if (!provider) return provider.error();
    return show_list(cli, client, "/v1/drift",
                     {{"serviceProviderId", *provider},
                      {"field", arguments.field},
                      {"state", arguments.state},
                      {"deviceId", arguments.device}},
                     arguments.limit,
                     {"driftId", "serviceProvider", "deviceId", "iccid", "msisdn", "field", "ours",
                      "theirs", "state", "foundAt", "note"});
}

Result<json::object> filter_of(ApiClient& client, const DriftArguments& arguments) {
    json::object filter;
    const auto provider = provider_id(client, arguments.provider);
    if (!provider) return provider.error();
    if (!provider->empty()) filter["serviceProviderId"] = std::stoll(*provider);
    if (!arguments.device.empty()) filter["deviceId"] = std::stoll(arguments.device);
    if (!arguments.field.empty()) filter["field"] = arguments.field;
    return filter;
}

// What one request decides is limited; the rest follows from behind the last.
Result<void> decide(Cli& cli, ApiClient& client, const std::string& verb,
                    const DriftArguments& arguments) {
    if (arguments.is_all == !arguments.ids.empty()) {
        return base::invalid_input("name the ids of differences, or --all for the open ones");
    }
    json::object body;
    if (!arguments.note.empty()) body["note"] = arguments.note;
    if (arguments.is_all) {
        auto filter = filter_of(client, arguments);
        if (!filter) return filter.error();
        body["filter"] = std::move(*filter);
    } else {
        body["driftIds"] = json::array(arguments.ids.begin(), arguments.ids.end());
    }
    std::int64_t decided = 0;
    std::int64_t refused_count = 0;
    json::array refused;
    while (true) {
        const auto report = client.send(http::Method::post, "/v1/drift/" + verb, body);
        if (!report) return report.error();
        decided += std::stoll(cell(*report, "decidedCount"));
        refused_count += std::stoll(cell(*report, "refusedCount"));
        const json::value* more = report->as_object().if_contains("refused");
        if (more != nullptr && more->is_array() && refused.empty()) refused = more->get_array();
        const json::value* after = report->as_object().if_contains("nextAfterDriftId");
        if (after == nullptr) break;
        body["afterDriftId"] = *after;
    }
    if (refused_count > 0) cli.exit_status = kExitPartial;
    if (cli.json) {
        print_json(json::object{
            {"decidedCount", decided}, {"refusedCount", refused_count}, {"refused", refused}});
        return {};
    }
    std::cout << with_thousands(decided) << " decided, " << with_thousands(refused_count)
              << " refused\n";
    if (!refused.empty()) {
        const Row columns{"driftId", "reason"};
        std::cout << "\n" << format_table(columns, cells(refused, columns));
    }
    return {};
}

void add_filter_options(CLI::App* app, DriftArguments& arguments) {
    app->add_option("--provider", arguments.provider, "Service provider, by name or id");
    app->add_option("--field", arguments.field,
                    "status, ratePlan, communicationPlan, msisdn, imei or presence");
    app->add_option("--device", arguments.device, "Device id")->check(whole_number());
}

void add_decision_command(CLI::App* drift, Cli& cli, DriftArguments& arguments, const char* verb,
                          const char* help) {
    auto* app = drift->add_subcommand(verb, help);
    app->add_option("ids", arguments.ids, "Ids of differences, from `drift`");
    app->add_flag("--all", arguments.is_all, "Every open one that the filters leave");
    add_filter_options(app, arguments);
    auto* note = app->add_option("--note", arguments.note, "Why; kept with the decision");
    const std::string name = verb;
    if (name == "ignore") note->required();
    app->callback([&cli, &arguments, name] {
        cli.command = with_client(cli, [&cli, &arguments, name](ApiClient& client) {
            return decide(cli, client, name, arguments);
        });
    });
}

void add_drift_commands(CLI::App& root, Cli& cli) {
    static DriftArguments arguments;
    auto* drift = root.add_subcommand("drift", "Where our records and the carriers' differ");
    add_filter_options(drift, arguments);
    drift->add_option("--state", arguments.state, "open, settled, accepted, ignored or all");
    drift->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    add_decision_command(drift, cli, arguments, "accept", "Our record takes the carrier's value");
    add_decision_command(drift, cli, arguments, "ignore", "Our record stays as it is");
    drift->callback([&cli, drift] {
        if (!drift->get_subcommands().empty()) return;
        cli.command =
            with_client(cli, [&](ApiClient& client) { return list_drift(cli, client, arguments); });
    });
}

}  // namespace

void add_sync_commands(CLI::App& root, Cli& cli) {
    add_sync_command(root, cli);
    add_drift_commands(root, cli);
}

}  // namespace carryall::app
