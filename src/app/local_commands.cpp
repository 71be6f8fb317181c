// local up, down, status: the private cluster of this machine.
#include <iostream>

#include "app/cli.hpp"
#include "app/local_cluster.hpp"

namespace carryall::app {
namespace {

using base::Result;

struct Arguments {
    std::string folder = ".carryall";
    bool is_immediate = false;
};

void quiet_log() {
    base::log::configure(base::log::Level::warning, base::log::Format::text);
}

Result<void> up(const Cli& cli, const Arguments& arguments) {
    quiet_log();
    const auto cluster = local_up(arguments.folder);
    if (!cluster) return cluster.error();
    if (cli.json) {
        print_json(base::json::object{{"folder", cluster->folder.string()},
                                      {"config", cluster->config_file.string()},
                                      {"made", cluster->was_made},
                                      {"started", cluster->was_started},
                                      {"schemaVersion", cluster->schema_version}});
        return {};
    }
    std::cout << "PostgreSQL runs in " << cluster->folder.string()
              << (cluster->was_made      ? " (made)"
                  : cluster->was_started ? " (started)"
                                         : "")
              << ", schema " << cluster->schema_version << "\n"
              << "configuration: " << cluster->config_file.string() << "\n"
              << "for example:   carryall --config " << cluster->config_file.string() << " serve\n";
    return {};
}

Result<void> status(Cli& cli, const Arguments& arguments) {
    const auto runs = local_is_running(arguments.folder);
    if (!runs) return runs.error();
    if (!*runs) cli.exit_status = kExitNotClean;
    if (cli.json)
        print_json(base::json::object{{"running", *runs}});
    else
        std::cout << (*runs ? "running\n" : "not running\n");
    return {};
}

}  // namespace

void add_local_commands(CLI::App& root, Cli& cli) {
    static Arguments arguments;
    auto* local = root.add_subcommand("local", "A private PostgreSQL in one folder");
    local->require_subcommand(1);
    auto* start = local->add_subcommand("up", "Make it if needed, start it, migrate");
    auto* stop = local->add_subcommand("down", "Stop it; nothing is deleted");
    auto* look = local->add_subcommand("status", "Exit status 0 if it runs, 1 if not");
    for (auto* app : {start, stop, look}) {
        app->add_option("--state", arguments.folder, "The folder that holds everything");
    }
    stop->add_flag("--immediate", arguments.is_immediate, "As a crash would; for tests");
    start->callback([&] { cli.command = [&] { return up(cli, arguments); }; });
    stop->callback([&] {
        cli.command = [&] {
            return local_down(arguments.folder,
                              arguments.is_immediate ? StopMode::immediate : StopMode::fast);
        };
    });
    look->callback([&] { cli.command = [&] { return status(cli, arguments); }; });
}

}  // namespace carryall::app
