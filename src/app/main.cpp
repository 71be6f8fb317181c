// The program `carryall`.
#include <cstdio>
#include <iostream>

#include "app/cli.hpp"

int main(int argc, char** argv) {
    using namespace carryall::app;
    CLI::App root("Bulk changes and customer charges for cellular lines on several carriers.",
                  "carryall");
    Cli cli;
    root.require_subcommand(1);
    root.fallthrough();
    root.set_version_flag("--version", "carryall 0.1.0");
    root.add_option("--config", cli.config_file, "Configuration file (default: CARRYALL_CONFIG)");
    root.add_flag("--json", cli.json, "Answer in JSON, for scripts");
    add_all_commands(root, cli);
    try {
        root.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return root.exit(error) == 0 ? 0 : kExitUsage;
    }
    const auto done = cli.command ? cli.command() : carryall::base::Result<void>();
    if (done) return cli.exit_status;
    if (cli.json && !cli.problem.empty()) std::cout << cli.problem << "\n";
    const auto& error = done.error();
    std::cerr << "carryall: " << error.message;
    if (!error.where.empty()) std::cerr << " (" << error.where << ")";
    std::cerr << "\n";
    return exit_code(error.kind);
}
