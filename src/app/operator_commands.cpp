// tenants, tokens, queue: what an operator does with the database at hand.
#include <iostream>

#include "app/cli.hpp"
#include "queue/queue.hpp"
#include "tenants/tenant.hpp"
#include "tenants/token.hpp"

namespace carryall::app {
namespace {

using base::Result;

Result<std::unique_ptr<db::Connection>> connect(const Cli& cli) {
    const auto config = cli.config();
    if (!config) return config.error();
    configure_log(*config, "operator");
    if (config->database_url.empty()) {
        return base::invalid_input("set database.url (or CARRYALL_DATABASE_URL)", "database.url");
    }
    return db::Connection::open(config->database_url);
}

// By name, or by id where a number is given.
Result<tenants::Tenant> choose_tenant(db::Connection& connection, const std::string& name) {
    return tenants::find_tenant(connection, name);
}

Result<void> create_tenant(const Cli& cli, const std::string& name) {
    const auto connection = connect(cli);
    if (!connection) return connection.error();
    const auto tenant = tenants::create_tenant(**connection, name);
    if (!tenant) return tenant.error();
    print_table(cli, {"tenantId", "name"}, {{to_string(tenant->id), tenant->name}});
    return {};
}

Result<void> list_tenants(const Cli& cli) {
    const auto connection = connect(cli);
    if (!connection) return connection.error();
    const auto all = tenants::list_tenants(**connection);
    if (!all) return all.error();
    std::vector<std::vector<std::string>> rows;
    for (const tenants::Tenant& tenant : *all) {
        rows.push_back({to_string(tenant.id), tenant.name, tenant.is_active ? "active" : "inactive",
                        tenant.created_at});
    }
    print_table(cli, {"tenantId", "name", "state", "createdAt"}, rows);
    return {};
}

struct TokenArguments {
    std::string tenant;
    std::string name;
    std::string role = "operator";
    std::string expires;
    std::int64_t token_id = 0;
};

Result<void> create_token(const Cli& cli, const TokenArguments& arguments) {
    tenants::NewToken wanted;
    wanted.name = arguments.name;
    const auto role = tenants::parse_role(arguments.role);
    if (!role) {
        return base::invalid_input("the role must be viewer, operator, billing or admin", "--role");
    }
    wanted.role = *role;
    if (!arguments.expires.empty()) {
        const auto expires = base::parse_iso8601(arguments.expires);
        if (!expires) return expires.error();
        wanted.expires_at = *expires;
    }
    const auto connection = connect(cli);
    if (!connection) return connection.error();
    const auto tenant = choose_tenant(**connection, arguments.tenant);
    if (!tenant) return tenant.error();
    const auto created = tenants::create_token(**connection, tenant->id, wanted, "command line");
    if (!created) return created.error();
    print_table(cli, {"tokenId", "role", "token"},
                {{to_string(created->token.id), arguments.role, created->text.reveal()}});
    if (!cli.json) std::cerr << "The token is shown this once; only its hash is kept.\n";
    return {};
}

Result<void> list_tokens(const Cli& cli, const TokenArguments& arguments) {
    const auto connection = connect(cli);
    if (!connection) return connection.error();
    const auto tenant = choose_tenant(**connection, arguments.tenant);
    if (!tenant) return tenant.error();
    const auto all = tenants::list_tokens(**connection, tenant->id);
    if (!all) return all.error();
    std::vector<std::vector<std::string>> rows;
    for (const tenants::Token& token : *all) {
        rows.push_back({to_string(token.id), token.name, std::string(to_string(token.role)),
                        token.created_at, token.expires_at.value_or("never"),
                        token.revoked_at.value_or(""), token.last_used_at.value_or("never")});
    }
    print_table(cli,
                {"tokenId", "name", "role", "createdAt", "expiresAt", "revokedAt", "lastUsedAt"},
                rows);
    return {};
}

Result<void> revoke_token(const Cli& cli, const TokenArguments& arguments) {
    const auto connection = connect(cli);
    if (!connection) return connection.error();
    const auto tenant = choose_tenant(**connection, arguments.tenant);
    if (!tenant) return tenant.error();
    const auto revoked =
        tenants::revoke_token(**connection, tenant->id, tenants::TokenId{arguments.token_id});
    if (!revoked) return revoked.error();
    print_table(cli, {"tokenId", "name", "revokedAt"},
                {{to_string(revoked->id), revoked->name, revoked->revoked_at.value_or("")}});
    return {};
}

struct QueueArguments {
    std::string queue = queue::kBulkChangeQueue;
    std::int64_t message_id = 0;
    int limit = 100;
};

Result<void> show_queues(const Cli& cli) {
    const auto connection = connect(cli);
    if (!connection) return connection.error();
    const auto all = queue::status(**connection);
    if (!all) return all.error();
    std::vector<std::vector<std::string>> rows;
    for (const queue::QueueStatus& one : *all) {
        rows.push_back({one.queue, std::to_string(one.ready), std::to_string(one.delayed),
                        std::to_string(one.leased), std::to_string(one.dead),
                        one.oldest_ready_seconds ? std::to_string(*one.oldest_ready_seconds) : ""});
    }
    print_table(cli, {"queue", "ready", "delayed", "leased", "dead", "oldestReadySeconds"}, rows);
    return {};
}

Result<void> show_dead_letters(const Cli& cli, const QueueArguments& arguments) {
    const auto connection = connect(cli);
    if (!connection) return connection.error();
    const auto all = queue::dead_letters(**connection, arguments.queue, arguments.limit);
    if (!all) return all.error();
    std::vector<std::vector<std::string>> rows;
    for (const queue::DeadLetter& letter : *all) {
        rows.push_back({std::to_string(letter.message_id), std::to_string(letter.receive_count),
                        letter.dead_at, letter.reason, serialize(letter.attributes)});
    }
    print_table(cli, {"messageId", "receiveCount", "deadAt", "reason", "attributes"}, rows);
    return {};
}

Result<void> redrive(const Cli& cli, const QueueArguments& arguments) {
    const auto connection = connect(cli);
    if (!connection) return connection.error();
    const auto alive = queue::redrive(
        **connection, arguments.queue,
        arguments.message_id == 0 ? std::nullopt : std::optional(arguments.message_id));
    if (!alive) return alive.error();
    print_table(cli, {"redriven"}, {{std::to_string(*alive)}});
    return {};
}

void add_tenant_commands(CLI::App& root, Cli& cli) {
    static std::string name;
    auto* tenants = root.add_subcommand("tenants", "The companies that use this installation");
    tenants->require_subcommand(1);
    auto* create = tenants->add_subcommand("create", "Create a tenant");
    create->add_option("name", name, "Its name")->required();
    create->callback([&] { cli.command = [&] { return create_tenant(cli, name); }; });
    tenants->add_subcommand("list", "List the tenants")->callback([&] {
        cli.command = [&] { return list_tenants(cli); };
    });
}

void add_token_commands(CLI::App& root, Cli& cli) {
    static TokenArguments arguments;
    auto* tokens = root.add_subcommand("tokens", "API tokens of a tenant");
    tokens->require_subcommand(1);
    auto* create = tokens->add_subcommand("create", "Create a token; its text is shown once");
    auto* list = tokens->add_subcommand("list", "List the tokens");
    auto* revoke = tokens->add_subcommand("revoke", "Revoke a token");
    for (auto* command : {create, list, revoke}) {
        command->add_option("--tenant", arguments.tenant, "The tenant's name")->required();
    }
    create->add_option("--name", arguments.name, "What the token is for")->required();
    create->add_option("--role", arguments.role, "viewer, operator, billing or admin");
    create->add_option("--expires", arguments.expires, "When it ends, such as 2027-01-31");
    revoke->add_option("tokenId", arguments.token_id, "From `tokens list`")->required();
    create->callback([&] { cli.command = [&] { return create_token(cli, arguments); }; });
    list->callback([&] { cli.command = [&] { return list_tokens(cli, arguments); }; });
    revoke->callback([&] { cli.command = [&] { return revoke_token(cli, arguments); }; });
}

void add_queue_commands(CLI::App& root, Cli& cli) {
    static QueueArguments arguments;
    auto* queue = root.add_subcommand("queue", "The message queues");
    queue->require_subcommand(1);
    queue->add_subcommand("status", "How many messages wait")->callback([&] {
        cli.command = [&] { return show_queues(cli); };
    });
    auto* dead = queue->add_subcommand("dead", "Messages nobody got anywhere with");
    auto* again = queue->add_subcommand("redrive", "Make dead letters visible again");
    for (auto* command : {dead, again}) {
        command->add_option("--queue", arguments.queue, "Which queue");
    }
    dead->add_option("--limit", arguments.limit, "How many to show")->check(CLI::Range(1, 10'000));
    again->add_option("--message", arguments.message_id, "Only this one");
    dead->callback([&] { cli.command = [&] { return show_dead_letters(cli, arguments); }; });
    again->callback([&] { cli.command = [&] { return redrive(cli, arguments); }; });
}

}  // namespace

void add_operator_commands(CLI::App& root, Cli& cli) {
    add_tenant_commands(root, cli);
    add_token_commands(root, cli);
    add_queue_commands(root, cli);
}

}  // namespace carryall::app
