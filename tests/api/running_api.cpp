// Builds the API and the tenants' things.
#include "running_api.hpp"

#include "changes/bulk_change.hpp"
#include "db/migrate.hpp"
#include "tenants/token.hpp"

namespace carryall::api_tests {

using tenants::Role;

namespace {

constexpr std::chrono::milliseconds kDrain{2'000};

std::int64_t inserted(support::TestDatabase& database, const std::string& sql) {
    return std::stoll(database.value(sql));
}

// A change with one device in the given state, as the engine leaves it.
std::int64_t make_change(support::TestDatabase& database, const Tenant& tenant,
                         const std::string& status, const std::string& iccid) {
    const std::string t = base::to_string(tenant.id);
    const bool finished = status == "PROCESSED";
    const std::int64_t change = inserted(
        database,
        "INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status, "
        "request, source, correlation_id, created_by, finished_at, device_count, new_count, "
        "processed_count, error_count, open_page_count) VALUES (" +
            t + ", " + std::to_string(tenant.ids.at("serviceProviderId")) +
            ", 'statusupdate', 'm2m', '" + status +
            "', '{\"statusUpdate\": {\"updateStatus\": \"suspended\"}}', 'json', 'correlation', "
            "'test', " +
            (finished ? "now(), 1, 0, 1, 0, 0" : "NULL, 1, 1, 0, 0, 1") +
            ") RETURNING bulk_change_id");
    const std::int64_t device = changes::first_device_change(changes::BulkChangeId{change}).value;
    database.run(
        "INSERT INTO device_change (device_change_id, tenant_id, device_id, row_number, "
        "identifier, state, finished_at) VALUES (" +
        std::to_string(device) + ", " + t + ", " + std::to_string(tenant.ids.at("deviceId")) +
        ", 1, '" + iccid + "', " + (finished ? "'processed', now()" : "'new', NULL") + ")");
    database.run(
        "INSERT INTO change_page (bulk_change_id, page_number, tenant_id, "
        "first_device_change_id, last_device_change_id, state) VALUES (" +
        std::to_string(change) + ", 1, " + t + ", " + std::to_string(device) + ", " +
        std::to_string(device) + ", " + (finished ? "'done'" : "'ready'") + ")");
    return change;
}

void make_inventory(support::TestDatabase& database, Tenant& tenant, const std::string& name,
                    const std::string& iccid) {
    const std::string t = base::to_string(tenant.id);
    auto& ids = tenant.ids;
    ids["token"] = 1;  // of a link: sealed nowhere
    ids["serviceProviderId"] = inserted(
        database,
        "INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) VALUES (" +
            t + ", '" + name + " provider', 'pond', true) RETURNING service_provider_id");
    const std::string provider = std::to_string(ids["serviceProviderId"]);
    ids["customerId"] = inserted(database, "INSERT INTO customer (tenant_id, name) VALUES (" + t +
                                               ", '" + name + " customer') RETURNING customer_id");
    ids["siteId"] = inserted(database, "INSERT INTO site (tenant_id, customer_id, name) VALUES (" +
                                           t + ", " + std::to_string(ids["customerId"]) + ", '" +
                                           name + " site') RETURNING site_id");
    ids["carrierRatePlanId"] = inserted(
        database,
        "INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name, plan_uuid, "
        "carrier_plan_id) VALUES (" +
            t + ", " + provider + ", '" + name +
            " plan', 'plan', 'uuid', 7) "
            "RETURNING carrier_rate_plan_id");
    ids["communicationPlanId"] = inserted(
        database, "INSERT INTO communication_plan (tenant_id, service_provider_id, name) VALUES (" +
                      t + ", " + provider + ", '" + name +
                      " comm') RETURNING communication_plan_id");
    ids["customerRatePlanId"] = inserted(
        database, "INSERT INTO customer_rate_plan (tenant_id, code, name) VALUES (" + t + ", '" +
                      name + " customer plan', 'plan') RETURNING customer_rate_plan_id");
    ids["customerRatePoolId"] =
        inserted(database, "INSERT INTO customer_rate_pool (tenant_id, name) VALUES (" + t + ", '" +
                               name + " pool') RETURNING customer_rate_pool_id");
    ids["deviceId"] = inserted(
        database,
        "INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status) VALUES (" + t +
            ", " + provider + ", 'm2m', '" + iccid + "', 'active') RETURNING device_id");
    ids["syncId"] = inserted(
        database,
        "INSERT INTO inventory_sync (tenant_id, service_provider_id, kind, state, created_by, "
        "started_at, finished_at) VALUES (" +
            t + ", " + provider + ", 'full', 'done', '" + name +
            "', now(), now()) RETURNING inventory_sync_id");
    const std::int64_t line = inserted(
        database,
        "INSERT INTO carrier_line (tenant_id, service_provider_id, line_key, device_id, seen_at, "
        "seen_in) VALUES (" +
            t + ", " + provider + ", '" + iccid + "', " + std::to_string(ids["deviceId"]) +
            ", now(), " + std::to_string(ids["syncId"]) + ") RETURNING carrier_line_id");
    inserted(database,
             "INSERT INTO carrier_line_event (tenant_id, carrier_line_id, inventory_sync_id, "
             "after) VALUES (" +
                 t + ", " + std::to_string(line) + ", " + std::to_string(ids["syncId"]) +
                 ", jsonb_build_object('group', '" + name +
                 " group')) RETURNING carrier_line_event_id");
    ids["driftId"] = inserted(
        database,
        "INSERT INTO drift (tenant_id, service_provider_id, device_id, field, ours, theirs, "
        "found_in) VALUES (" +
            t + ", " + provider + ", " + std::to_string(ids["deviceId"]) +
            ", 'communicationPlan', NULL, '" + name + " told', " + std::to_string(ids["syncId"]) +
            ") RETURNING drift_id");
}

void make_schedules(support::TestDatabase& database, Tenant& tenant, const std::string& name) {
    const std::string t = base::to_string(tenant.id);
    auto& ids = tenant.ids;
    const std::string provider = std::to_string(ids["serviceProviderId"]);
    ids["recurringChangeId"] = inserted(
        database,
        "INSERT INTO recurring_change (tenant_id, service_provider_id, name, change_type, request, "
        "rule_kind, rule, time_zone, starts_at, next_run_at, created_by) VALUES (" +
            t + ", " + provider + ", '" + name +
            " nightly', 'statusupdate', '{}', 'rrule', 'FREQ=DAILY;COUNT=300', 'UTC', now(), "
            "now() + interval '1 day', '" +
            name + "') RETURNING recurring_change_id");
    ids["blackoutId"] = inserted(
        database,
        "INSERT INTO account_blackout (tenant_id, service_provider_id, name, time_zone, weekdays, "
        "from_minute, to_minute, created_by) VALUES (" +
            t + ", " + provider + ", '" + name + " nights', 'UTC', '{1}', 60, 120, '" + name +
            "') RETURNING account_blackout_id");
}

// Ids of optimisations are the optimiser's: the tenant's own, so they could be equal. Here they are
// not, so that a foreign one is missing.
void make_optimization(support::TestDatabase& database, Tenant& tenant) {
    const std::string t = base::to_string(tenant.id);
    const std::int64_t id = 5000 + tenant.id.value;
    tenant.ids["instanceId"] = id;
    const std::string instance = std::to_string(id);
    database.run(
        "INSERT INTO optimization_instance (tenant_id, optimization_instance_id, portal_type, "
        "customer_id, billing_period_start, billing_period_end, imported_by) VALUES (" +
        t + ", " + instance + ", 'm2m', " + std::to_string(tenant.ids["customerId"]) +
        ", '2026-03-01', '2026-03-31', 'test'); INSERT INTO optimization_comm_group VALUES (" + t +
        ", " + instance + ", " + instance + "); INSERT INTO optimization_queue VALUES (" + t +
        ", " + instance + ", " + instance + ", 1, now())");
}

void make_charge(support::TestDatabase& database, Tenant& tenant) {
    const std::string t = base::to_string(tenant.id);
    const std::string device = std::to_string(tenant.ids["deviceId"]);
    const std::string customer = std::to_string(tenant.ids["customerId"]);
    tenant.ids["chargeRunId"] =
        inserted(database,
                 "INSERT INTO charge_run (tenant_id, source, state, created_by, correlation_id) "
                 "VALUES (" +
                     t + ", 'instances', 'sending', 'test', 'c') RETURNING charge_run_id");
    const std::string run = std::to_string(tenant.ids["chargeRunId"]);
    tenant.ids["partNumber"] = 1;
    database.run(
        "INSERT INTO charge_run_part (tenant_id, charge_run_id, part_number, customer_id, "
        "billing_period_start, billing_period_end, charge_count, parked_count) VALUES (" +
        t + ", " + run + ", 1, " + customer + ", '2026-03-01', '2026-03-31', 1, 1)");
    tenant.ids["chargeId"] = inserted(
        database,
        "INSERT INTO charge (tenant_id, charge_run_id, part_number, position, source, source_id, "
        "device_id, customer_id, service_provider_id, portal, kind, billing_period_start, "
        "billing_period_end, amount, description, start_date, end_date, state, reason) SELECT " +
            t + ", " + run + ", 1, 1, 'instance', 1, " + device + ", " + customer +
            ", service_provider_id, portal, 'rate', '2026-03-01', '2026-03-31', 1, 'x', "
            "'2026-03-01', '2026-03-31', 'parked', 'because' FROM device WHERE device_id = " +
            device + " RETURNING charge_id");
}

void make_reconciliation(support::TestDatabase& database, Tenant& tenant) {
    const std::string t = base::to_string(tenant.id);
    tenant.ids["chargeReconciliationId"] = inserted(
        database,
        "INSERT INTO charge_reconciliation (tenant_id, charge_run_id, created_by) VALUES (" + t +
            ", " + std::to_string(tenant.ids["chargeRunId"]) +
            ", 'test') RETURNING charge_reconciliation_id");
    tenant.ids["chargeDifferenceId"] = inserted(
        database,
        "INSERT INTO charge_difference (tenant_id, charge_reconciliation_id, kind, charge_id, "
        "rev_customer_id, repair, proposal) VALUES (" +
            t + ", " + std::to_string(tenant.ids["chargeReconciliationId"]) + ", 'missing', " +
            std::to_string(tenant.ids["chargeId"]) +
            ", 1, 'charge_again', 'x') RETURNING charge_difference_id");
}

void make_charge_file(support::TestDatabase& database, Tenant& tenant) {
    tenant.ids["fileId"] = inserted(
        database,
        "INSERT INTO charge_file (tenant_id, name, billing_period_start, billing_period_end, "
        "row_count, uploaded_by) VALUES (" +
            base::to_string(tenant.id) +
            ", 'fees', '2026-03-01', '2026-03-31', 0, 'test') RETURNING charge_file_id");
}

void make_notifications(support::TestDatabase& database, Tenant& tenant, const std::string& name) {
    const std::string t = base::to_string(tenant.id);
    auto& ids = tenant.ids;
    ids["webhookId"] = inserted(
        database, "INSERT INTO webhook (tenant_id, url, secret, description, created_by) VALUES (" +
                      t + ", 'https://example.com', 'sealed', '" + name +
                      " hook', 'test') RETURNING webhook_id");
    ids["recipientId"] =
        inserted(database, "INSERT INTO recipient (tenant_id, address, created_by) VALUES (" + t +
                               ", 'someone@example.com', '" + name + "') RETURNING recipient_id");
    const std::string event =
        database.value("SELECT emit_event(" + t + ", 'bulk_change.paused', 'bulk_change/999', " +
                       "jsonb_build_object('reason', '" + name + " is tired'))");
    ids["deliveryId"] = inserted(
        database,
        "INSERT INTO delivery (tenant_id, event_id, webhook_id, state, reason, ended_at) VALUES (" +
            t + ", " + event + ", " + std::to_string(ids["webhookId"]) + ", 'parked', '" + name +
            " was away', now()) RETURNING delivery_id");
}

// The template of the tests holds the migrations' tables without the record that they were applied,
// which readiness asks for.
void record_migrations(support::TestDatabase& database) {
    database.run(
        "CREATE TABLE IF NOT EXISTS schema_migration (version integer); "
        "GRANT SELECT ON schema_migration TO carryall_app; "
        "INSERT INTO schema_migration VALUES (" +
        std::to_string(db::built_in_migrations().back().version) + ")");
}

}  // namespace

RunningApi::RunningApi(support::TestDatabase& database, const api::Settings& settings,
                       std::size_t pool_size, std::vector<http::Cidr> trusted_proxies)
    : pool(base::Secret(database.app_conninfo()), pool_size),
      services{.pool = pool,
               .database = base::Secret(database.app_conninfo()),
               .clock = base::system_clock(),
               .master_key = master_key,
               .page_tokens = page_tokens,
               .settings = settings,
               .files = &files} {
    record_migrations(database);
    services.settings.scratch_directory = folder.path();
    api = std::make_unique<api::Api>(services);
    http::ServerOptions options;
    options.spool_directory = folder.path();
    options.trusted_proxies = std::move(trusted_proxies);
    auto started = http::Server::start(options, api->router(), api->hooks());
    if (!started) throw std::runtime_error(started.error().message);
    server = std::move(*started);
}

RunningApi::~RunningApi() {
    api->stop();
    server->drain(kDrain);
    server.reset();
}

Tenant make_tenant(support::TestDatabase& database, db::Pool& pool, const std::string& name,
                   const std::string& iccid) {
    auto connection = pool.acquire();
    if (!connection) throw std::runtime_error(connection.error().message);
    const auto created = tenants::create_tenant(**connection, name);
    if (!created) throw std::runtime_error(created.error().message);
    Tenant tenant;
    tenant.id = created->id;
    tenant.ids["tenantId"] = tenant.id.value;
    for (const Role role : {Role::viewer, Role::operator_, Role::billing, Role::admin}) {
        const auto token =
            tenants::create_token(**connection, tenant.id,
                                  {.name = name + ' ' + std::string(tenants::to_string(role)),
                                   .role = role,
                                   .expires_at = {}},
                                  "test");
        if (!token) throw std::runtime_error(token.error().message);
        tenant.tokens[role] = token->text.reveal();
    }
    const auto spare = tenants::create_token(
        **connection, tenant.id, {.name = name + " spare", .role = Role::viewer, .expires_at = {}},
        "test");
    if (!spare) throw std::runtime_error(spare.error().message);
    tenant.ids["tokenId"] = spare->token.id.value;
    make_inventory(database, tenant, name, iccid);
    make_schedules(database, tenant, name);
    make_notifications(database, tenant, name);
    make_optimization(database, tenant);
    make_charge(database, tenant);
    make_reconciliation(database, tenant);
    make_charge_file(database, tenant);
    tenant.finished_change = make_change(database, tenant, "PROCESSED", iccid);
    database.run(
        "UPDATE bulk_change SET plan_hash = repeat('a', 64), plan_summary = "
        "'{\"acceptedCount\": 1, \"carrierCalls\": {\"calls\": 1}}', applied_at = now(), "
        "applied_by = 'test' WHERE bulk_change_id = " +
        std::to_string(tenant.finished_change));
    tenant.stored_change = make_change(database, tenant, "NEW", iccid);
    tenant.ids["bulkChangeId"] = tenant.finished_change;
    tenant.ids["changeSetId"] = std::stoll(database.value(
        "INSERT INTO change_set (tenant_id, created_by, correlation_id) VALUES (" +
        base::to_string(tenant.id) + ", 'test', 'set of " + name + "') RETURNING change_set_id"));
    tenant.ids["deviceChangeId"] =
        changes::first_device_change(changes::BulkChangeId{tenant.finished_change}).value;
    return tenant;
}

void take_away(support::TestDatabase& database) {
    support::Connection admin(database.admin_conninfo() + " dbname=postgres");
    admin.run("ALTER DATABASE \"" + database.name() + "\" ALLOW_CONNECTIONS false");
    database.run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '" +
                 database.name() + "' AND pid <> pg_backend_pid()");
}

void bring_back(support::TestDatabase& database) {
    support::Connection admin(database.admin_conninfo() + " dbname=postgres");
    admin.run("ALTER DATABASE \"" + database.name() + "\" ALLOW_CONNECTIONS true");
}

std::unique_ptr<RunningApi> ApiTest::running_;
std::unique_ptr<Tenant> ApiTest::own_;
std::unique_ptr<Tenant> ApiTest::foreign_;

void ApiTest::SetUpTestSuite() {
    DatabaseTest::SetUpTestSuite();
    api::Settings settings;
    // The matrix asks far more often than a client may.
    settings.reads_per_minute = settings.writes_per_minute = settings.uploads_per_minute =
        settings.open_per_minute = settings.callbacks_per_minute = 1'000'000;
    running_ = std::make_unique<RunningApi>(database(), settings);
    own_ =
        std::make_unique<Tenant>(make_tenant(database(), running_->pool, "own tenant", kOwnIccid));
    foreign_ = std::make_unique<Tenant>(make_tenant(
        database(), running_->pool, std::string(kForeignMark) + " tenant", kForeignIccid));
    database().run(
        "INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status, "
        "is_active) VALUES (" +
        base::to_string(own_->id) + ", " + std::to_string(own_->ids.at("serviceProviderId")) +
        ", 'm2m', '" + kArchivedIccid + "', 'active', false)");
}

void ApiTest::TearDownTestSuite() {
    running_.reset();
    own_.reset();
    foreign_.reset();
    DatabaseTest::TearDownTestSuite();
}

support::Headers ApiTest::as(const Tenant& tenant, Role role) {
    return {{"Authorization", "Bearer " + tenant.tokens.at(role)}};
}

support::HttpReply ApiTest::ask(std::string_view method, const std::string& target,
                                std::string_view body, std::string_view content_type,
                                support::Headers more) {
    support::Headers headers = std::move(more);
    const bool has_token = std::any_of(headers.begin(), headers.end(), [](const auto& header) {
        return header.first == "Authorization";
    });
    if (!has_token) headers.push_back(as(own(), Role::admin).front());
    if (!body.empty()) headers.emplace_back("Content-Type", std::string(content_type));
    return support::http_request(running().port(), method, target, headers, body);
}

base::json::value ApiTest::json_of(const support::HttpReply& reply) {
    const auto parsed = base::parse_json(reply.body);
    EXPECT_TRUE(parsed.has_value()) << reply.body;
    return parsed ? *parsed : base::json::value();
}

base::json::object problem_of(const support::HttpReply& reply, int status, std::string_view kind) {
    EXPECT_EQ(reply.status, status) << reply.body;
    EXPECT_TRUE(reply.header("content-type").starts_with("application/problem+json"))
        << reply.header("content-type");
    const auto parsed = base::parse_json(reply.body);
    if (!parsed || !parsed->is_object()) {
        ADD_FAILURE() << "not a JSON object: " << reply.body;
        return {};
    }
    const base::json::object& problem = parsed->get_object();
    const auto text = [&problem](const char* name) {
        const auto* value = problem.if_contains(name);
        return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
    };
    EXPECT_EQ(text("type"), "urn:carryall:problem:" + std::string(kind)) << reply.body;
    EXPECT_FALSE(text("title").empty()) << reply.body;
    EXPECT_FALSE(text("detail").empty()) << reply.body;
    EXPECT_FALSE(text("instance").empty()) << reply.body;
    return problem;
}

}  // namespace carryall::api_tests
