// serve, work, migrate, config.
#include <iostream>

#include "app/cli.hpp"
#include "app/processes.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "db/migrate.hpp"

namespace carryall::app {

using base::ErrorKind;
using base::Result;

Result<Config> Cli::config() const {
    std::vector<base::Error> mistakes;
    auto loaded = load_config(config_file, process_environment(), mistakes);
    for (std::size_t i = 1; i < mistakes.size(); ++i) {
        std::cerr << "carryall: " << mistakes[i].message << " (" << mistakes[i].where << ")\n";
    }
    return loaded;
}

CLI::Validator whole_number() {
    const auto check = [](const std::string& text) -> std::string {
        const auto number = base::parse_int(text);
        return number && *number > 0 ? "" : "must be a whole number from 1, not '" + text + "'";
    };
    return {check, "NUMBER"};
}

int exit_code(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::invalid_input:
        case ErrorKind::too_large:
            return 2;
        case ErrorKind::unauthenticated:
        case ErrorKind::forbidden:
            return 3;
        case ErrorKind::not_found:
            return 4;
        case ErrorKind::conflict:
            return 5;
        case ErrorKind::rate_limited:
            return 6;
        case ErrorKind::unavailable:
        case ErrorKind::timeout:
            return 7;
        case ErrorKind::internal:
            return 70;
    }
    return 70;
}

namespace {

Result<void> run_process(const Cli& cli, const char* name, Result<void> (*process)(const Config&)) {
    const auto config = cli.config();
    if (!config) return config.error();
    configure_log(*config, name);
    return process(*config);
}

Result<void> run_migrate(const Cli& cli) {
    const auto config = cli.config();
    if (!config) return config.error();
    configure_log(*config, "migrate");
    if (config->database_owner_url.empty()) {
        return base::invalid_input("set database.owner_url to the role that owns the schema",
                                   "database.owner_url");
    }
    const auto report = db::migrate(config->database_owner_url);
    if (!report) return report.error();
    print_table(cli, {"before", "after"},
                {{std::to_string(report->before), std::to_string(report->after)}});
    return {};
}

Result<void> run_config_check(const Cli& cli) {
    const auto config = cli.config();
    if (!config) return config.error();
    const auto key = load_master_key(*config);
    if (!key) return key.error();
    if (config->database_url.empty()) {
        return base::invalid_input("set database.url (or CARRYALL_DATABASE_URL)", "database.url");
    }
    CARRYALL_TRY(db::check_schema_is_current(config->database_url));
    std::cout << "The configuration is complete and the database is at the right version.\n";
    return {};
}

}  // namespace

void add_process_commands(CLI::App& root, Cli& cli) {
    root.add_subcommand("serve", "Run the API")->callback([&] {
        cli.command = [&] { return run_process(cli, "api", serve); };
    });
    root.add_subcommand("work", "Run a worker")->callback([&] {
        cli.command = [&] { return run_process(cli, "worker", work); };
    });
    root.add_subcommand("migrate", "Bring the database to this program's schema")->callback([&] {
        cli.command = [&] { return run_migrate(cli); };
    });
    auto* config = root.add_subcommand("config", "Look at the configuration");
    config->require_subcommand(1);
    config->add_subcommand("check", "Check file, keys and database")->callback([&] {
        cli.command = [&] { return run_config_check(cli); };
    });
    config->add_subcommand("reference", "Print every setting with its meaning")->callback([&] {
        cli.command = []() -> Result<void> {
            std::cout << config_reference();
            return {};
        };
    });
}

}  // namespace carryall::app
