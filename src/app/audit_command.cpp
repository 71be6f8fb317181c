// audit: everything that can be checked about what was written, tenant after tenant. Exit status 0
// only if nothing was found.
#include <iostream>

#include "app/charge_ledger_audit.hpp"
#include "app/cli.hpp"
#include "app/ledger_audit.hpp"

namespace carryall::app {
namespace {

using base::Result;
using changes::Violation;

struct Arguments {
    std::string tenant;
    std::string ledger;
    changes::AuditSettings settings;
    bool lists_rules = false;
};

Result<std::vector<tenants::Tenant>> chosen_tenants(db::Connection& connection,
                                                    const std::string& name) {
    if (name.empty()) return tenants::list_tenants(connection);
    auto one = tenants::find_tenant(connection, name);
    if (!one) return one.error();
    return std::vector<tenants::Tenant>{*one};
}

std::vector<changes::AuditRule> all_rules() {
    auto rules = changes::audit_rules();
    for (const changes::AuditRule& rule : charges::charge_audit_rules()) rules.push_back(rule);
    return rules;
}

void print_rules(const Cli& cli) {
    std::vector<Row> rows;
    for (const changes::AuditRule& rule : all_rules()) rows.push_back({rule.id, rule.meaning});
    rows.push_back({"I3.add_package", "--ledger: no package was added more often than asked for"});
    rows.push_back({"I4.performed", "--ledger: what is processed was done at the carrier"});
    rows.push_back({"I6.status", "--ledger: a line's status is that at the carrier"});
    rows.push_back({"I6.plan", "--ledger: a line's plan is the active one at the carrier"});
    rows.push_back({"I2.create_charge", "--ledger: no charge was made without an earlier intent"});
    rows.push_back({"I3.create_charge", "--ledger: no charge was made more often than intended"});
    rows.push_back({"I7.create_charge", "--ledger: what is charged was made at Rev.io"});
    rows.push_back({"I8.create_charge", "--ledger: a charge was made with its amount"});
    print_table(cli, {"rule", "holds"}, rows);
}

Result<std::vector<Violation>> audit_tenant(db::Connection& connection,
                                            const tenants::Tenant& tenant,
                                            const Arguments& arguments) {
    std::vector<Violation> all;
    const auto take = [&all](Result<std::vector<Violation>> found) -> Result<void> {
        if (!found) return found.error();
        all.insert(all.end(), found->begin(), found->end());
        return {};
    };
    CARRYALL_TRY(take(changes::audit(connection, tenant.id, arguments.settings)));
    CARRYALL_TRY(take(charges::audit_charges(connection, tenant.id, arguments.settings)));
    if (arguments.ledger.empty()) return all;
    CARRYALL_TRY(take(audit_against_ledger(connection, tenant.id, arguments.ledger)));
    CARRYALL_TRY(take(audit_charges_against_ledger(connection, tenant.id, arguments.ledger)));
    return all;
}

Result<void> run_audit(Cli& cli, const Arguments& arguments) {
    if (arguments.lists_rules) {
        print_rules(cli);
        return {};
    }
    const auto config = cli.config();
    if (!config) return config.error();
    configure_log(*config, "audit");
    if (config->database_url.empty()) {
        return base::invalid_input("set database.url (or CARRYALL_DATABASE_URL)", "database.url");
    }
    const auto connection = db::Connection::open(config->database_url);
    if (!connection) return connection.error();
    const auto tenants = chosen_tenants(**connection, arguments.tenant);
    if (!tenants) return tenants.error();
    std::vector<Row> rows;
    for (const tenants::Tenant& tenant : *tenants) {
        const auto found = audit_tenant(**connection, tenant, arguments);
        if (!found) return found.error();
        for (const Violation& one : *found) {
            const std::string all = one.count > changes::kMaxListedViolations
                                        ? " (one of " + std::to_string(one.count) + ")"
                                        : "";
            rows.push_back({one.rule, tenant.name, one.subject, one.detail + all});
        }
    }
    if (!rows.empty() || cli.json) {
        print_table(cli, {"rule", "tenant", "subject", "detail"}, rows);
    } else {
        std::cout << "clean: " << all_rules().size() << " rules, " << tenants->size() << " tenants"
                  << (arguments.ledger.empty() ? "" : ", the carrier's ledger") << "\n";
    }
    if (!rows.empty()) cli.exit_status = kExitNotClean;
    return {};
}

}  // namespace

void add_audit_command(CLI::App& root, Cli& cli) {
    static Arguments arguments;
    auto* app = root.add_subcommand("audit",
                                    "Check what is stored; exit status 0 only if everything holds");
    app->add_option("--tenant", arguments.tenant, "Only this tenant");
    app->add_option("--overdue-seconds", arguments.settings.overdue_seconds,
                    "What is due for longer is a finding")
        ->check(whole_number());
    app->add_flag("--finished", arguments.settings.everything_is_finished,
                  "Nothing may be live any more");
    app->add_option("--ledger", arguments.ledger,
                    "Address of a simulator that serves one tenant: compare with what it did");
    app->add_flag("--rules", arguments.lists_rules, "List what is checked");
    app->callback([&] { cli.command = [&] { return run_audit(cli, arguments); }; });
}

}  // namespace carryall::app
