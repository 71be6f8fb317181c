// The whole tree of commands, in one place for the program, its tests and shell completion.
#include "app/cli.hpp"

namespace carryall::app {

void add_all_commands(CLI::App& root, Cli& cli) {
    root.add_option("--url", cli.url, "Address of the API (default: CARRYALL_URL)");
    root.add_option("--token", cli.token,
                    "API token (default: CARRYALL_TOKEN); visible to other users of this machine");
    root.add_option("--token-file", cli.token_file,
                    "File that holds the API token (default: CARRYALL_TOKEN_FILE)");
    add_change_commands(root, cli);
    add_inventory_commands(root, cli);
    add_sync_commands(root, cli);
    add_callback_command(root, cli);
    add_account_command(root, cli);
    add_notify_commands(root, cli);
    add_schedule_commands(root, cli);
    add_optimization_commands(root, cli);
    add_charge_commands(root, cli);
    add_settings_command(root, cli);
    add_process_commands(root, cli);
    add_operator_commands(root, cli);
    add_audit_command(root, cli);
    add_local_commands(root, cli);
    add_completion_command(root, cli);
}

}  // namespace carryall::app
