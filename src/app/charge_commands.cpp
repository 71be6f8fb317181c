// charges enqueue, status, watch, …: optimisation results and files become charges in Rev.io, and
// what a person sees of it and may do.
#include <iostream>
#include <thread>

#include "app/api_client.hpp"
#include "app/json_file.hpp"
#include "app/watch.hpp"

namespace carryall::app {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;

constexpr std::size_t kMaxListed = 1'000'000;
constexpr std::chrono::milliseconds kLook{1'000};

struct ChargeArguments {
    std::int64_t id = 0;
    std::vector<std::int64_t> instances;
    std::int64_t file = 0;
    std::vector<std::int64_t> charges;
    std::string state;
    std::string reason;
    std::int64_t part = 1;
    std::size_t limit = 50;
    bool is_watched = false;
};

std::string path_of(std::int64_t id) {
    return "/v1/charge-runs/" + std::to_string(id);
}

std::int64_t count_of(const json::value& run, const char* state) {
    json::error_code ignored;
    const json::value* count = run.find_pointer(std::string("/counts/") + state, ignored);
    return count != nullptr && count->is_int64() ? count->get_int64() : 0;
}

// Everything has ended and nothing went wrong: 0; some failed or wait for a person; all did.
int exit_status_of_run(const json::value& run) {
    if (cell(run, "state") != "finished") return kExitDidNotEnd;
    const std::int64_t bad = count_of(run, "failed") + count_of(run, "parked");
    if (bad == 0) return 0;
    return count_of(run, "charged") + count_of(run, "recorded") > 0 ? kExitPartial : kExitAllFailed;
}

void print_run(const Cli& cli, const json::value& run) {
    if (cli.json || !run.is_object()) return print_json(run);
    json::object shown;
    for (const char* name : {"chargeRunId", "source", "state", "hold", "holdReason", "holdBy",
                             "reason", "note", "totalAmount", "chargedAmount", "callsToGo",
                             "finishesInSeconds", "createdBy", "createdAt", "finishedAt"}) {
        if (const auto* value = run.get_object().if_contains(name); value && !value->is_null()) {
            shown[name] = *value;
        }
    }
    if (const auto* counts = run.get_object().if_contains("counts"); counts != nullptr) {
        for (const auto& [state, count] : counts->as_object()) {
            if (count != 0) shown[state] = count;
        }
    }
    print_object(cli, shown);
    const auto* parts = run.get_object().if_contains("parts");
    if (parts == nullptr || !parts->is_array() || parts->get_array().empty()) return;
    const Row columns{
        "partNumber",     "instanceId",    "queueId",       "customer",       "state",
        "counts.charged", "counts.failed", "counts.parked", "counts.unknown", "chargedAmount",
        "listName",       "listError",     "note"};
    std::cout << "\n" << format_table(columns, cells(parts->get_array(), columns));
}

std::string progress_of(const json::value& run) {
    const std::int64_t total = count_of(run, "total");
    const std::int64_t open = count_of(run, "new") + count_of(run, "unknown");
    std::string text = cell(run, "state") + ' ' + with_thousands(total - open) + " of " +
                       with_thousands(total) + " charges, " + cell(run, "chargedAmount") +
                       " charged";
    for (const char* state : {"unknown", "failed", "parked"}) {
        if (const std::int64_t count = count_of(run, state); count > 0) {
            text += ", " + with_thousands(count) + ' ' + state;
        }
    }
    if (const std::string seconds = cell(run, "finishesInSeconds"); !seconds.empty()) {
        text += ", about " + seconds + " s to go";
    }
    for (const json::value& part : array_of(run, "parts")) {
        const std::string error = cell(part, "listError");
        if (error.empty()) continue;
        text += ", charge list not stored: " + printable(error);
        break;
    }
    if (cell(run, "hold") == "stopped") text += ", stopped: " + cell(run, "holdReason");
    return text;
}

// Until the run has finished or is stopped: a stopped one waits for a person.
Result<void> watch_run(Cli& cli, ApiClient& client, std::int64_t id) {
    std::string last;
    while (true) {
        const auto run = client.get(path_of(id));
        if (!run) return run.error();
        const std::string progress = progress_of(*run);
        if (progress != last) std::cerr << progress << std::endl;
        last = progress;
        if (cell(*run, "state") == "finished" || cell(*run, "hold") == "stopped") {
            print_run(cli, *run);
            cli.exit_status = exit_status_of_run(*run);
            return {};
        }
        std::this_thread::sleep_for(kLook);
    }
}

Result<void> show_run(const Cli& cli, const Result<json::value>& run) {
    if (!run) return run.error();
    print_run(cli, *run);
    return {};
}

json::array ids_of(const std::vector<std::int64_t>& ids) {
    return json::array(ids.begin(), ids.end());
}

void add_run_id(CLI::App* app, ChargeArguments& arguments) {
    app->add_option("run", arguments.id, "The charge run's id")->required()->check(whole_number());
}

// What is charged: optimization instances, or a file.
void add_what(CLI::App* app, ChargeArguments& arguments) {
    auto* what = app->add_option_group("what");
    what->add_option("--instances", arguments.instances,
                     "Ids of optimization instances, separated by commas")
        ->delimiter(',')
        ->check(whole_number());
    what->add_option("--file", arguments.file, "Id of a charge file, in place of --instances")
        ->check(whole_number());
    what->require_option(1);
}

json::object order_of(const ChargeArguments& given) {
    if (given.file != 0) return {{"fileId", given.file}};
    return {{"instanceIds", ids_of(given.instances)}};
}

void add_named_charges(CLI::App* app, ChargeArguments& arguments) {
    app->add_option("--charges", arguments.charges,
                    "Only these charges, by id, separated by commas")
        ->delimiter(',')
        ->check(whole_number());
}

void print_preview(const Cli& cli, const json::value& preview) {
    if (cli.json) return print_json(preview);
    std::cout << cell(preview, "chargeCount") << " charges, " << cell(preview, "amount")
              << " would be charged\n";
    const auto print = [&](const char* title, const char* name, const Row& columns) {
        const json::array& rows = array_of(preview, name);
        if (rows.empty()) return;
        std::cout << "\n" << title << "\n" << format_table(columns, cells(rows, columns));
    };
    print("By what would become of them", "verdicts", {"state", "chargeCount", "amount"});
    print("By customer, the largest first", "customers",
          {"customerId", "customer", "chargeCount", "amount", "parkedAmount", "lastPeriodAmount",
           "lastPeriodStart"});
    print("By product", "products",
          {"kind", "productId", "productTypeId", "chargeCount", "amount"});
    print("To be looked at, the largest first", "warnings",
          {"instanceId", "deviceId", "iccid", "kind", "amount", "reason"});
    print("Comm groups that nothing is charged for", "commGroupsWithoutQueue",
          {"instanceId", "commGroupId", "reason"});
}

void add_ordering(CLI::App* group, Cli& cli, ChargeArguments& arguments) {
    auto* preview = group->add_subcommand("preview", "What a run would charge; nothing is made");
    add_what(preview, arguments);
    on_command(preview, cli, arguments,
               [](const Cli& out, ApiClient& client, const ChargeArguments& given) -> Result<void> {
                   const auto shown =
                       client.send(Method::post, "/v1/charge-runs/preview", order_of(given));
                   if (!shown) return shown.error();
                   print_preview(out, *shown);
                   return {};
               });
    auto* enqueue = group->add_subcommand(
        "enqueue", "Charge optimization instances or a file; doing it again changes nothing");
    add_what(enqueue, arguments);
    enqueue->add_flag("--watch", arguments.is_watched, "Follow it until it has finished");
    on_command(enqueue, cli, arguments,
               [](Cli& out, ApiClient& client, const ChargeArguments& given) -> Result<void> {
                   const auto run = client.send(Method::post, "/v1/charge-runs", order_of(given));
                   if (!run || !given.is_watched) return show_run(out, run);
                   return watch_run(out, client, run->at("chargeRunId").as_int64());
               });
}

void add_looking(CLI::App* group, Cli& cli, ChargeArguments& arguments) {
    auto* runs = group->add_subcommand("runs", "Charge runs, newest first");
    runs->add_option("--state", arguments.state, "enqueueing, sending or finished");
    runs->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    on_command(
        runs, cli, arguments, [](const Cli& out, ApiClient& client, const ChargeArguments& given) {
            return show_list(out, client, "/v1/charge-runs", {{"state", given.state}}, given.limit,
                             {"chargeRunId", "createdAt", "source", "state", "hold", "counts.total",
                              "counts.charged", "counts.failed", "counts.parked", "chargedAmount"});
        });
    auto* status = group->add_subcommand("status", "One run with its parts");
    add_run_id(status, arguments);
    on_command(status, cli, arguments,
               [](const Cli& out, ApiClient& client, const ChargeArguments& given) {
                   return show_run(out, client.get(path_of(given.id)));
               });
    auto* watch = group->add_subcommand("watch", "Follow a run until it has finished");
    add_run_id(watch, arguments);
    on_command(watch, cli, arguments,
               [](Cli& out, ApiClient& client, const ChargeArguments& given) {
                   return watch_run(out, client, given.id);
               });
    auto* written = group->add_subcommand("list", "The stored charge list of a part of a run");
    add_run_id(written, arguments);
    written->add_option("--part", arguments.part, "Which part; the first by default")
        ->check(whole_number());
    on_command(
        written, cli, arguments, [](const Cli&, ApiClient& client, const ChargeArguments& given) {
            return client.download(
                path_of(given.id) + "/parts/" + std::to_string(given.part) + "/list", {},
                "text/tab-separated-values", [](std::string_view piece) {
                    return std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size();
                });
        });
    auto* list = group->add_subcommand("show", "The charges of a run");
    add_run_id(list, arguments);
    list->add_option("--state", arguments.state,
                     "new, unknown, charged, recorded, skipped, failed or parked");
    list->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    on_command(
        list, cli, arguments, [](const Cli& out, ApiClient& client, const ChargeArguments& given) {
            return show_list(
                out, client, path_of(given.id) + "/charges", {{"state", given.state}}, given.limit,
                {"chargeId", "iccid", "kind", "amount", "state", "revChargeId", "reason"});
        });
}

void add_acting(CLI::App* group, Cli& cli, ChargeArguments& arguments) {
    auto* stop = group->add_subcommand("stop", "Begin no further charge of a run");
    add_run_id(stop, arguments);
    stop->add_option("--reason", arguments.reason, "Why; kept with the run")->required();
    on_command(stop, cli, arguments,
               [](const Cli& out, ApiClient& client, const ChargeArguments& given) {
                   return show_run(out, client.send(Method::post, path_of(given.id) + "/stop",
                                                    json::object{{"reason", given.reason}}));
               });
    auto* resume = group->add_subcommand("resume", "Go on with a stopped run");
    add_run_id(resume, arguments);
    on_command(resume, cli, arguments,
               [](const Cli& out, ApiClient& client, const ChargeArguments& given) {
                   return show_run(out, client.post(path_of(given.id) + "/resume"));
               });
    auto* release = group->add_subcommand(
        "release", "Let parked charges go on; what may be in Rev.io is looked up first");
    add_run_id(release, arguments);
    add_named_charges(release, arguments);
    on_command(release, cli, arguments,
               [](const Cli& out, ApiClient& client, const ChargeArguments& given) -> Result<void> {
                   json::object body;
                   if (!given.charges.empty()) body["chargeIds"] = ids_of(given.charges);
                   const auto released =
                       client.send(Method::post, path_of(given.id) + "/release", body);
                   if (!released) return released.error();
                   print_object(out, *released);
                   return {};
               });
    auto* dismiss = group->add_subcommand(
        "dismiss", "Do not charge what is parked; what may be in Rev.io stays parked");
    add_run_id(dismiss, arguments);
    add_named_charges(dismiss, arguments);
    dismiss->add_option("--reason", arguments.reason, "Why; kept with the charges")->required();
    on_command(dismiss, cli, arguments,
               [](const Cli& out, ApiClient& client, const ChargeArguments& given) -> Result<void> {
                   json::object body{{"reason", given.reason}};
                   if (!given.charges.empty()) body["chargeIds"] = ids_of(given.charges);
                   const auto dismissed =
                       client.send(Method::post, path_of(given.id) + "/dismiss", body);
                   if (!dismissed) return dismissed.error();
                   print_object(out, *dismissed);
                   return {};
               });
    auto* reverse = group->add_subcommand(
        "reverse", "Make the opposite entries of charges, in a run of their own");
    add_run_id(reverse, arguments);
    add_named_charges(reverse, arguments);
    reverse->add_option("--reason", arguments.reason, "Why; kept with the run")->required();
    reverse->add_flag("--watch", arguments.is_watched, "Follow it until it has finished");
    on_command(reverse, cli, arguments,
               [](Cli& out, ApiClient& client, const ChargeArguments& given) -> Result<void> {
                   json::object body{{"reason", given.reason}};
                   if (!given.charges.empty()) body["chargeIds"] = ids_of(given.charges);
                   const auto run = client.send(Method::post, path_of(given.id) + "/reverse", body);
                   if (!run || !given.is_watched) return show_run(out, run);
                   return watch_run(out, client, run->at("chargeRunId").as_int64());
               });
}

Result<void> settings(const Cli& cli, ApiClient& client, const std::vector<std::string>& members) {
    constexpr const char* kPath = "/v1/charge-settings";
    const auto changes = members_of(members);
    if (!changes) return changes.error();
    const auto shown =
        changes->empty() ? client.get(kPath) : client.send(Method::patch, kPath, *changes);
    if (!shown) return shown.error();
    print_object(cli, *shown);
    return {};
}

void add_charge_settings_command(CLI::App* group, Cli& cli) {
    static std::vector<std::string> members;
    auto* app = group->add_subcommand("settings", "How customers are charged");
    app->add_option("--set", members,
                    "Change one: name=value, or name:=value for JSON; repeatable");
    on_command(app, cli, members, settings);
}

}  // namespace

void add_charge_commands(CLI::App& root, Cli& cli) {
    static ChargeArguments arguments;
    auto* group = root.add_subcommand("charges", "Optimisation results as charges in Rev.io");
    group->require_subcommand(1);
    add_ordering(group, cli, arguments);
    add_looking(group, cli, arguments);
    add_acting(group, cli, arguments);
    add_charge_settings_command(group, cli);
    add_charge_file_commands(*group, cli);
    add_reconciliation_commands(*group, cli);
}

}  // namespace carryall::app
