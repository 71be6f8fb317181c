// The command line. Operator commands (migrate, tokens, queue, audit, config) speak to the database
// with the configuration of the processes; user commands (change, devices, import) speak to the API
// with CARRYALL_URL and CARRYALL_TOKEN, as any script would. Tables for people by default, --json
// for scripts, and an exit status that follows from the kind of error (docs/OPERATING.md, "Exit
// codes").
#pragma once

// g++ 12 takes the vector that CLI11's split() builds for one that may be null.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnull-dereference"
#include <CLI/CLI.hpp>
#pragma GCC diagnostic pop
#include <functional>
#include <string>

#include "app/config.hpp"
#include "app/output.hpp"

namespace carryall::app {

// Of `change watch` and `change submit --watch`, beside those that follow from an error's kind.
inline constexpr int kExitPartial = 8;    // some devices failed, or were cancelled
inline constexpr int kExitAllFailed = 9;  // every device failed
inline constexpr int kExitUsage = 2;      // the command line itself is wrong
inline constexpr int kExitNotClean = 1;   // `audit` found something
inline constexpr int kExitDidNotEnd = 7;  // given up waiting

// What the chosen command is to do; set by CLI11's callbacks, run once parsing is over.
struct Cli {
    std::string config_file;
    std::string url;
    std::string token;
    std::string token_file;
    bool json = false;
    std::function<base::Result<void>()> command;

    int exit_status = 0;  // of a command that succeeded but has news, such as PARTIAL
    std::string problem;  // the API's problem document, shown instead with --json

    // The configuration, checked; mistakes beyond the first are printed to standard error.
    base::Result<Config> config() const;
};

int exit_code(base::ErrorKind kind);

// Of an option: an id, or another whole number from 1.
CLI::Validator whole_number();

// Builds the whole tree of commands below `root`.
void add_all_commands(CLI::App& root, Cli& cli);

void add_process_commands(CLI::App& root, Cli& cli);    // serve, work, migrate, config
void add_operator_commands(CLI::App& root, Cli& cli);   // tenants, tokens, queue
void add_audit_command(CLI::App& root, Cli& cli);       // audit
void add_change_commands(CLI::App& root, Cli& cli);     // change …
void add_submit_command(CLI::App& change, Cli& cli);    // change submit
void add_control_commands(CLI::App& change, Cli& cli);  // change pause, resume, cancel, …
void add_plan_commands(CLI::App& change, Cli& cli);     // change plan, apply, undo
void add_inventory_commands(CLI::App& root, Cli& cli);  // devices, import, providers, customers, …
void add_sync_commands(CLI::App& root, Cli& cli);       // sync, drift …
void add_callback_command(CLI::App& root, Cli& cli);    // callbacks
void add_account_command(CLI::App& root, Cli& cli);     // accounts …
void add_settings_command(CLI::App& root, Cli& cli);    // settings
void add_notify_commands(CLI::App& root, Cli& cli);     // events, webhooks, recipients, deliveries
void add_schedule_commands(CLI::App& root, Cli& cli);   // schedules …, recurring …
void add_optimization_commands(CLI::App& root, Cli& cli);       // optimization …
void add_charge_commands(CLI::App& root, Cli& cli);             // charges …
void add_charge_file_commands(CLI::App& charges, Cli& cli);     // charges file, files
void add_reconciliation_commands(CLI::App& charges, Cli& cli);  // charges reconcile …
void add_local_commands(CLI::App& root, Cli& cli);              // local up, down, status
void add_completion_command(CLI::App& root, Cli& cli);          // completion bash, zsh, fish

}  // namespace carryall::app
