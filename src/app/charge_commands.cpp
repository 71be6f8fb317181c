// charges: what customers are charged, and how.
#include "app/api_client.hpp"
#include "app/json_file.hpp"

namespace carryall::app {
namespace {

base::Result<void> settings(const Cli& cli, ApiClient& client,
                            const std::vector<std::string>& members) {
    constexpr const char* kPath = "/v1/charge-settings";
    const auto changes = members_of(members);
    if (!changes) return changes.error();
    const auto shown =
        changes->empty() ? client.get(kPath) : client.send(http::Method::patch, kPath, *changes);
    if (!shown) return shown.error();
    print_object(cli, *shown);
    return {};
}

void add_charge_settings_command(CLI::App& charges, Cli& cli) {
    static std::vector<std::string> members;
    auto* app = charges.add_subcommand("settings", "How customers are charged");
    app->add_option("--set", members,
                    "Change one: name=value, or name:=value for JSON; repeatable");
    app->callback([&cli] {
        cli.command =
            with_client(cli, [&cli](ApiClient& client) { return settings(cli, client, members); });
    });
}

}  // namespace

void add_charge_commands(CLI::App& root, Cli& cli) {
    auto* charges = root.add_subcommand("charges", "What customers are charged");
    charges->require_subcommand(1);
    add_charge_settings_command(*charges, cli);
}

}  // namespace carryall::app
