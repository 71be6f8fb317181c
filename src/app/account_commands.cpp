// accounts: how the accounts at carriers stand.
#include "app/api_client.hpp"

namespace carryall::app {

void add_account_command(CLI::App& root, Cli& cli) {
    auto* accounts = root.add_subcommand(
        "accounts", "The accounts at carriers: pace, backlog, what holds them up");
    accounts->callback([&cli] {
        cli.command = with_client(cli, [&cli](ApiClient& client) {
            return show_short_list(cli, client, "/v1/accounts",
                                   {"serviceProviderId", "name", "integration", "ratePerSecond",
                                    "learnedRatePerSecond", "callsPerSecond", "devicesPerSecond",
                                    "backlog", "finishesInSeconds", "heldUpBy", "heldUpUntil"});
        });
    });
}

}  // namespace carryall::app
