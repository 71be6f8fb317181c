// accounts: how the accounts at carriers stand.
#include <iostream>

#include "app/api_client.hpp"
#include "app/output.hpp"

namespace carryall::app {

void add_account_command(CLI::App& root, Cli& cli) {
    auto* accounts = root.add_subcommand(
        "accounts", "The accounts at carriers: pace, backlog, what holds them up");
    accounts->callback([&cli] {
        cli.command = with_client(cli, [&cli](ApiClient& client) -> base::Result<void> {
            const auto answer = client.get("/v1/accounts");
            if (!answer) return answer.error();
            const base::json::array& items = answer->at("items").as_array();
            static const Row kColumns = {
                "serviceProviderId",    "name",           "integration",      "ratePerSecond",
                "learnedRatePerSecond", "callsPerSecond", "devicesPerSecond", "backlog",
                "finishesInSeconds",    "heldUpBy",       "heldUpUntil"};
            if (cli.json)
                print_json(items);
            else
                std::cout << format_table(kColumns, cells(items, kColumns));
            return {};
        });
    });
}

}  // namespace carryall::app
