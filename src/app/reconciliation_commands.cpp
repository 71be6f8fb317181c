// charges reconcile, differences, accept-difference, periods, sign-off: what Rev.io really holds
// beside what our ledger says, and closing a billing period.
#include <iostream>
#include <thread>

#include "app/api_client.hpp"
#include "app/watch.hpp"

namespace carryall::app {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;

constexpr std::size_t kMaxListed = 1'000'000;
constexpr std::chrono::milliseconds kLook{1'000};
constexpr const char* kReconciliations = "/v1/charge-reconciliations";

struct ReconciliationArguments {
    std::int64_t id = 0;
    std::string account;
    std::vector<std::string> period;
    std::string kind;
    std::string reason;
    std::string note;
    std::size_t limit = 50;
    bool is_watched = false;
    bool is_csv = false;
};

std::string path_of(std::int64_t id) {
    return std::string(kReconciliations) + '/' + std::to_string(id);
}

std::string progress_of(const json::value& one) {
    std::string text = cell(one, "state") + ", " + cell(one, "customersRead") + " of " +
                       cell(one, "customerCount") + " customers read, " + cell(one, "recordCount") +
                       " charges seen";
    if (const std::string reason = cell(one, "reason"); !reason.empty()) {
        text += "; " + printable(reason);
    }
    return text;
}

Result<void> show_one(Cli& cli, const json::value& one) {
    const std::string state = cell(one, "state");
    if (state == "failed") {
        cli.exit_status = kExitAllFailed;
    } else if (state != "done") {
        cli.exit_status = kExitDidNotEnd;
    } else if (cell(one, "openDifferenceCount") != "0") {
        cli.exit_status = kExitNotClean;
    }
    cli.json ? print_json(one) : print_object(cli, one);
    return {};
}

Result<void> watch(Cli& cli, ApiClient& client, std::int64_t id) {
    std::string last;
    while (true) {
        const auto one = client.get(path_of(id));
        if (!one) return one.error();
        const std::string progress = progress_of(*one);
        if (progress != last && !cli.json) std::cerr << progress << std::endl;
        last = progress;
        const std::string state = cell(*one, "state");
        if (state == "done" || state == "failed") return show_one(cli, *one);
        std::this_thread::sleep_for(kLook);
    }
}

bool print_piece(std::string_view piece) {
    std::cout << piece;
    return std::cout.good();
}

Result<json::object> scope_of(ApiClient& client, const ReconciliationArguments& given) {
    if (given.period.empty()) {
        if (given.id == 0) {
            return base::invalid_input("name a run, or --account and --period", "run");
        }
        return json::object{{"chargeRunId", given.id}};
    }
    const auto account = provider_id(client, given.account);
    if (!account) return account.error();
    return json::object{{"integrationAuthenticationId", std::stoll(*account)},
                        {"billingPeriodStart", given.period.at(0)},
                        {"billingPeriodEnd", given.period.at(1)}};
}

Result<void> reconcile(Cli& cli, ApiClient& client, const ReconciliationArguments& given) {
    const auto scope = scope_of(client, given);
    if (!scope) return scope.error();
    const auto asked = client.send(Method::post, kReconciliations, *scope);
    if (!asked) return asked.error();
    if (given.is_watched) return watch(cli, client, asked->at("chargeReconciliationId").as_int64());
    cli.json ? print_json(*asked) : print_object(cli, *asked);
    return {};
}

void add_reconcile(CLI::App* group, Cli& cli, ReconciliationArguments& arguments) {
    auto* app = group->add_subcommand(
        "reconcile",
        "Read all charges of the customers concerned from Rev.io and compare them "
        "with ours; changes nothing");
    auto* run = app->add_option("run", arguments.id, "The charge run's id")->check(whole_number());
    auto* account =
        app->add_option("--account", arguments.account, "Rev.io account of a period, name or id");
    auto* period = app->add_option("--period", arguments.period,
                                   "Instead of a run: first and last day of a billing period")
                       ->expected(2)
                       ->needs(account)
                       ->excludes(run);
    account->needs(period);
    app->add_flag("--watch", arguments.is_watched,
                  "Follow it to its end; exit status 0 only without open differences");
    on_command(app, cli, arguments, reconcile);
}

void add_differences(CLI::App* group, Cli& cli, ReconciliationArguments& arguments) {
    auto* list = group->add_subcommand("reconciliations", "Reconciliations, newest first");
    list->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    on_command(list, cli, arguments,
               [](const Cli& out, ApiClient& client, const ReconciliationArguments& given) {
                   return show_list(
                       out, client, kReconciliations, {}, given.limit,
                       {"chargeReconciliationId", "createdAt", "chargeRunId", "billingPeriodStart",
                        "state", "sentCount", "foundCount", "missingCount", "extraCount",
                        "wrongAmountCount", "openDifferenceCount"});
               });
    auto* differences =
        group->add_subcommand("differences", "The differences that a reconciliation found");
    differences->add_option("reconciliation", arguments.id, "The reconciliation's id")
        ->required()
        ->check(whole_number());
    differences->add_option("--kind", arguments.kind, "missing, extra, wrong_amount, …");
    differences->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    differences->add_flag("--csv", arguments.is_csv, "All of them as CSV");
    on_command(differences, cli, arguments,
               [](const Cli& out, ApiClient& client,
                  const ReconciliationArguments& given) -> Result<void> {
                   const std::string path = path_of(given.id) + "/differences";
                   if (given.is_csv) {
                       return client.download(path + ".csv", {}, "text/csv", print_piece);
                   }
                   return show_list(out, client, path, {{"kind", given.kind}}, given.limit,
                                    {"chargeDifferenceId", "kind", "chargeId", "revChargeId",
                                     "ours", "theirs", "repair", "acceptedBy"});
               });
    auto* accept =
        group->add_subcommand("accept-difference", "Say that a difference may stay as it is");
    accept->add_option("difference", arguments.id, "The difference's id")
        ->required()
        ->check(whole_number());
    accept->add_option("--reason", arguments.reason, "Why; kept with the difference")->required();
    on_command(accept, cli, arguments,
               [](const Cli& out, ApiClient& client,
                  const ReconciliationArguments& given) -> Result<void> {
                   const auto accepted =
                       client.send(Method::post,
                                   "/v1/charge-differences/" + std::to_string(given.id) + "/accept",
                                   json::object{{"reason", given.reason}});
                   if (!accepted) return accepted.error();
                   print_object(out, *accepted);
                   return {};
               });
}

void add_periods(CLI::App* group, Cli& cli, ReconciliationArguments& arguments) {
    auto* list =
        group->add_subcommand("periods", "Billing periods with their totals, newest first");
    list->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    on_command(list, cli, arguments,
               [](const Cli& out, ApiClient& client, const ReconciliationArguments& given) {
                   return show_list(
                       out, client, "/v1/charge-periods", {}, given.limit,
                       {"billingPeriodStart", "billingPeriodEnd", "state", "runCount",
                        "unfinishedRunCount", "counts.total", "counts.charged", "counts.failed",
                        "counts.parked", "chargedAmount", "signOff.signedOffBy"});
               });
    auto* sign_off = group->add_subcommand(
        "sign-off", "Close a billing period: it takes no new charges, reversals apart");
    sign_off->add_option("period", arguments.period, "Its first and its last day")
        ->required()
        ->expected(2);
    sign_off->add_option("--note", arguments.note, "What was looked at; kept")->required();
    on_command(sign_off, cli, arguments,
               [](const Cli& out, ApiClient& client,
                  const ReconciliationArguments& given) -> Result<void> {
                   const auto period =
                       client.send(Method::post, "/v1/charge-periods/sign-off",
                                   json::object{{"billingPeriodStart", given.period.at(0)},
                                                {"billingPeriodEnd", given.period.at(1)},
                                                {"note", given.note}});
                   if (!period) return period.error();
                   out.json ? print_json(*period) : print_object(out, *period);
                   return {};
               });
}

}  // namespace

void add_reconciliation_commands(CLI::App& charges, Cli& cli) {
    static ReconciliationArguments arguments;
    add_reconcile(&charges, cli, arguments);
    add_differences(&charges, cli, arguments);
    add_periods(&charges, cli, arguments);
}

}  // namespace carryall::app
