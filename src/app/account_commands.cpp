// accounts: how the accounts at carriers stand, and when nothing is begun at them.
#include <iostream>

#include "app/api_client.hpp"

namespace carryall::app {
namespace {

using base::Result;
namespace json = base::json;

struct Arguments {
    std::string provider;
    std::int64_t blackout = 0;
    std::string name;
    std::string time_zone;
    std::vector<std::string> days;
    std::string from;
    std::string to;
    std::string starts_at;
    std::string ends_at;
};

Result<void> show_accounts(const Cli& cli, ApiClient& client) {
    const auto answer = client.get("/v1/accounts");
    if (!answer) return answer.error();
    const json::array& items = answer->at("items").as_array();
    static const Row kColumns = {
        "serviceProviderId",    "name",           "integration",      "ratePerSecond",
        "learnedRatePerSecond", "callsPerSecond", "devicesPerSecond", "backlog",
        "finishesInSeconds",    "heldUpBy",       "heldUpUntil"};
    if (cli.json) {
        print_json(items);
    } else {
        std::cout << format_table(kColumns, cells(items, kColumns));
    }
    return {};
}

Result<std::string> path_of(ApiClient& client, const Arguments& arguments) {
    const auto provider = provider_id(client, arguments.provider);
    if (!provider) return provider.error();
    return "/v1/service-providers/" + percent_encoded(*provider) + "/blackouts";
}

Result<void> list_blackouts(const Cli& cli, ApiClient& client, const Arguments& arguments) {
    const auto path = path_of(client, arguments);
    if (!path) return path.error();
    const auto answer = client.get(*path);
    if (!answer) return answer.error();
    if (cli.json) {
        print_json(*answer);
        return {};
    }
    static const Row kColumns = {"blackoutId", "name", "description", "createdBy"};
    std::cout << format_table(kColumns, cells(answer->at("items").as_array(), kColumns));
    const std::string until = cell(*answer, "heldUpUntil");
    const std::string next = cell(*answer, "nextAt");
    if (!until.empty()) std::cout << "held up until " << until << "\n";
    if (!next.empty()) std::cout << "next begins at " << next << "\n";
    return {};
}

Result<void> add_blackout(const Cli& cli, ApiClient& client, const Arguments& arguments) {
    const auto path = path_of(client, arguments);
    if (!path) return path.error();
    json::object body{{"name", arguments.name}, {"timeZone", arguments.time_zone}};
    if (!arguments.days.empty()) {
        body["weekdays"] = json::array(arguments.days.begin(), arguments.days.end());
    }
    for (const auto& [name, text] : {std::pair{"from", &arguments.from},
                                     {"to", &arguments.to},
                                     {"startsAt", &arguments.starts_at},
                                     {"endsAt", &arguments.ends_at}}) {
        if (!text->empty()) body[name] = *text;
    }
    const auto added = client.send(http::Method::post, *path, body);
    if (!added) return added.error();
    print_object(cli, *added);
    return {};
}

Result<void> remove_blackout(const Cli& cli, ApiClient& client, const Arguments& arguments) {
    const auto path = path_of(client, arguments);
    if (!path) return path.error();
    const auto removed =
        client.send(http::Method::del, *path + '/' + std::to_string(arguments.blackout));
    if (!removed) return removed.error();
    print_object(cli, *removed);
    return {};
}

void add_blackout_commands(CLI::App* accounts, Cli& cli) {
    static Arguments arguments;
    auto* blackout =
        accounts->add_subcommand("blackout", "Times at which nothing is begun at an account");
    blackout->require_subcommand(1);
    const auto add = [&cli, blackout](const char* name, const char* help, auto action) {
        auto* app = blackout->add_subcommand(name, help);
        app->add_option("provider", arguments.provider, "Service provider, by name or id")
            ->required();
        app->callback([&cli, action] {
            cli.command = with_client(
                cli, [&cli, action](ApiClient& client) { return action(cli, client, arguments); });
        });
        return app;
    };
    add("list", "The windows of an account, and whether one holds it up now", list_blackouts);
    auto* adding = add("add", "A window of every week, or one that happens once", add_blackout);
    adding->add_option("--name", arguments.name, "Shown as the reason")->required();
    adding->add_option("--time-zone", arguments.time_zone, "Such as Europe/Berlin")->required();
    adding->add_option("--days", arguments.days, "MO,TU,WE,TH,FR,SA,SU")->delimiter(',');
    adding->add_option("--from", arguments.from, "Of these days, such as 22:00");
    adding->add_option("--to", arguments.to, "Such as 06:00; of the next day if not later");
    adding->add_option("--starts-at", arguments.starts_at, "Once: from this date and time");
    adding->add_option("--ends-at", arguments.ends_at, "Once: up to this date and time");
    auto* removing = add("remove", "The window does not count any more", remove_blackout);
    removing->add_option("id", arguments.blackout, "The blackout's id")->required();
}

}  // namespace

void add_account_command(CLI::App& root, Cli& cli) {
    auto* accounts = root.add_subcommand(
        "accounts", "The accounts at carriers: pace, backlog, what holds them up");
    add_blackout_commands(accounts, cli);
    accounts->callback([&cli, accounts] {
        if (!accounts->get_subcommands().empty()) return;
        cli.command =
            with_client(cli, [&cli](ApiClient& client) { return show_accounts(cli, client); });
    });
}

}  // namespace carryall::app
