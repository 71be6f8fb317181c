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
#include <vector>

#include "app/config.hpp"

namespace carryall::app {

// What the chosen command is to do; set by CLI11's callbacks, run once parsing is over.
struct Cli {
    std::string config_file;
    bool json = false;
    std::function<base::Result<void>()> command;

    // The configuration, checked; mistakes beyond the first are printed to standard error.
    base::Result<Config> config() const;
};

int exit_code(base::ErrorKind kind);

// Prints rows under a header, columns aligned; or, with --json, an array of objects with these
// keys.
void print_table(const Cli& cli, const std::vector<std::string>& header,
                 const std::vector<std::vector<std::string>>& rows);

void add_process_commands(CLI::App& root, Cli& cli);   // serve, work, migrate, config
void add_operator_commands(CLI::App& root, Cli& cli);  // tenants, tokens, queue

}  // namespace carryall::app
