// What must stay true: a second request while one is open answers the open one, however many come
// at once (the unique index decides).
#include "sync/store.hpp"

#include "devices/noun.hpp"
#include "tenants/list_page.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::sync {
namespace {

using db::Params;
using db::Query;
using tenants::iso8601;

// Our clock and the carrier's differ, and a change may be shown a little after it was made.
constexpr int kOverlapSeconds = 900;

std::string sync_select() {
    return "SELECT s.inventory_sync_id, s.service_provider_id, p.name, s.kind, s.state, s.phase, "
           "s.page_count, s.line_count, s.changed_count, s.gone_count, s.drift_count, "
           "s.retry_number, s.result, s.reason, " +
           iso8601("s.modified_since") + ", CASE WHEN s.state = 'queued' THEN " +
           iso8601("s.available_at") + " END, s.created_by, " + iso8601("s.created_at") + ", " +
           iso8601("s.started_at") + ", " + iso8601("s.finished_at") +
           " FROM inventory_sync s JOIN service_provider p ON p.tenant_id = $1 "
           "AND p.service_provider_id = s.service_provider_id WHERE s.tenant_id = $1 AND ";
}

constexpr Query kTarget{"sync_target",
                        "SELECT integration, is_active FROM service_provider "
                        "WHERE tenant_id = $1 AND service_provider_id = $2"};

// $3: the wanted kind. An incremental reading goes on from the start of the last that ended.
constexpr Query kInsert{"sync_insert", R"(
    WITH last AS (
        SELECT max(started_at) - make_interval(secs => $5::int) AS since FROM inventory_sync
        WHERE tenant_id = $1 AND service_provider_id = $2 AND state = 'done'),
    made AS (
        INSERT INTO inventory_sync (tenant_id, service_provider_id, kind, modified_since,
            created_by)
        SELECT $1, $2, CASE WHEN last.since IS NULL THEN 'full' ELSE $3 END,
               CASE WHEN $3 = 'incremental' THEN last.since END, $4
        FROM last
        ON CONFLICT (tenant_id, service_provider_id) WHERE state IN ('queued', 'running')
            DO NOTHING
        RETURNING inventory_sync_id)
    SELECT inventory_sync_id, pg_notify('carryall_sync', '')::text FROM made)"};

constexpr Query kOpen{"sync_open",
                      "SELECT inventory_sync_id FROM inventory_sync WHERE tenant_id = $1 "
                      "AND service_provider_id = $2 AND state IN ('queued', 'running')"};

constexpr Query kSchedule{"sync_schedule", R"(
    WITH wish AS MATERIALIZED (
        SELECT p.service_provider_id, p.integration = ANY ($3::text[]) AS tells_changes,
               make_interval(secs => 3600 * (p.settings ->> 'syncEveryHours')::float8) AS period
        FROM service_provider p
        WHERE p.tenant_id = $1 AND p.is_active AND p.integration = ANY ($2::text[])
          AND jsonb_typeof(p.settings -> 'syncEveryHours') = 'number'
          AND (p.settings ->> 'syncEveryHours')::numeric BETWEEN 1 AND 8760),
    due AS MATERIALIZED (
        SELECT w.*, last.started_at - make_interval(secs => $4::int) AS since,
               w.tells_changes AND EXISTS (
                   SELECT FROM inventory_sync f
                   WHERE f.tenant_id = $1 AND f.service_provider_id = w.service_provider_id
                     AND f.state = 'done' AND f.kind = 'full'
                     AND f.started_at > now() - make_interval(secs => $5::int)) AS is_incremental
        FROM wish w
        LEFT JOIN LATERAL (
            SELECT s.created_at FROM inventory_sync s
            WHERE s.tenant_id = $1 AND s.service_provider_id = w.service_provider_id
            ORDER BY s.inventory_sync_id DESC LIMIT 1) newest ON true
        LEFT JOIN LATERAL (
            SELECT s.started_at FROM inventory_sync s
            WHERE s.tenant_id = $1 AND s.service_provider_id = w.service_provider_id
              AND s.state = 'done'
            ORDER BY s.inventory_sync_id DESC LIMIT 1) last ON true
        WHERE newest.created_at IS NULL OR newest.created_at <= now() - w.period),
    made AS (
        INSERT INTO inventory_sync (tenant_id, service_provider_id, kind, modified_since,
            created_by)
        SELECT $1, service_provider_id, CASE WHEN is_incremental THEN 'incremental' ELSE 'full' END,
               CASE WHEN is_incremental THEN since END, 'schedule'
        FROM due
        ON CONFLICT (tenant_id, service_provider_id) WHERE state IN ('queued', 'running')
            DO NOTHING
        RETURNING 1)
    SELECT count(*), CASE WHEN count(*) > 0 THEN pg_notify('carryall_sync', '')::text END
    FROM made)"};

const std::string& view_sql() {
    static const std::string sql =
        "SELECT l.iccid, l.msisdn, l.imei, l.status, l.carrier_status, l.rate_plan, "
        "l.communication_plan, l.group_name, l.details, " +
        iso8601("l.carrier_modified_at") + ", " + iso8601("l.seen_at") +
        ", l.is_gone, l.seen_in FROM carrier_line l WHERE l.tenant_id = $1 AND l.device_id = $2 "
        "ORDER BY l.is_gone, l.seen_at DESC, l.carrier_line_id DESC LIMIT 1";
    return sql;
}

base::Error no_such_provider() {
    return base::not_found("there is no such " + std::string(devices::kServiceProvider.label));
}

base::json::value stored_json(std::string_view text) {
    return base::parse_json(text).value_or(nullptr);
}

Sync sync_at(const db::Rows& rows, std::size_t row) {
    Sync sync;
    sync.id = {rows.integer(row, 0)};
    sync.service_provider_id = {rows.integer(row, 1)};
    sync.service_provider = rows.string(row, 2);
    sync.kind = rows.string(row, 3);
    sync.state = rows.string(row, 4);
    sync.phase = rows.string(row, 5);
    sync.page_count = rows.integer(row, 6);
    sync.line_count = rows.integer(row, 7);
    sync.changed_count = rows.integer(row, 8);
    sync.gone_count = rows.integer(row, 9);
    sync.drift_count = rows.integer(row, 10);
    sync.retry_number = rows.integer(row, 11);
    sync.result = stored_json(rows.text(row, 12));
    sync.reason = rows.optional_text(row, 13);
    sync.modified_since = rows.optional_text(row, 14);
    sync.due_at = rows.optional_text(row, 15);
    sync.created_by = rows.string(row, 16);
    sync.created_at = rows.string(row, 17);
    sync.started_at = rows.optional_text(row, 18);
    sync.finished_at = rows.optional_text(row, 19);
    return sync;
}

}  // namespace

Result<SyncTarget> read_target(db::Connection& connection, TenantId tenant_id,
                               ServiceProviderId provider) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(kTarget, Params().add(tenant_id).add(provider));
    if (!rows) return rows.error();
    if (rows->empty()) return no_such_provider();
    return SyncTarget{rows->string(0, 0), rows->boolean(0, 1)};
}

Result<RequestedSync> insert_sync(db::Connection& connection, const tenants::Caller& caller,
                                  ServiceProviderId provider, SyncKind kind) {
    CARRYALL_TRY(connection.work_for_tenant(caller.tenant_id.value));
    const Params account = Params().add(caller.tenant_id).add(provider);
    // The open one may end between the two questions.
    constexpr int kTries = 3;
    for (int tries = 1; tries <= kTries; ++tries) {
        const auto made = connection.exec(
            kInsert, Params(account).add(to_string(kind)).add(caller.name).add(kOverlapSeconds));
        if (!made) return made.error();
        const bool is_new = !made->empty();
        const auto found = is_new ? made : connection.exec(kOpen, account);
        if (!found) return found.error();
        if (found->empty()) continue;
        auto sync = get_sync(connection, caller.tenant_id, {found->integer(0, 0)});
        if (!sync) return sync.error();
        return RequestedSync{*std::move(sync), is_new};
    }
    return base::unavailable("syncs of this account begin and end right now; ask again");
}

Result<Sync> get_sync(db::Connection& connection, TenantId tenant_id, SyncId id) {
    static const std::string sql = sync_select() + "s.inventory_sync_id = $2";
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec({"sync_get", sql.c_str()}, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such sync");
    return sync_at(*rows, 0);
}

Result<tenants::Page<Sync>> list_syncs(db::Connection& connection,
                                       const tenants::PageTokens& tokens, TenantId tenant_id,
                                       ServiceProviderId provider,
                                       const tenants::PageRequest& page) {
    static const std::string sql = sync_select() +
                                   "s.service_provider_id = $2 AND s.inventory_sync_id < $3 "
                                   "ORDER BY s.inventory_sync_id DESC LIMIT $4";
    const std::string question = "syncs/" + base::to_string(provider);
    const auto before = tenants::newest_first(tokens, tenant_id, question, page);
    if (!before) return before.error();
    CARRYALL_TRY(read_target(connection, tenant_id, provider));
    const auto rows =
        connection.exec({"sync_list", sql.c_str()},
                        Params().add(tenant_id).add(provider).add(*before).add(page.limit + 1));
    if (!rows) return rows.error();
    return tenants::page_of<Sync>(*rows, tokens, tenant_id, question, page.limit, sync_at);
}

Result<std::int64_t> insert_scheduled_syncs(db::Connection& connection,
                                            const ScheduledIntegrations& able) {
    db::Array all;
    db::Array incremental;
    for (const std::string& name : able.all) all.add(name);
    for (const std::string& name : able.incremental) incremental.add(name);
    const std::string all_text = all.take();
    const std::string incremental_text = incremental.take();
    const auto full_every = std::chrono::seconds(kFullEvery).count();
    const auto tenants = tenants::active_tenants(connection);
    if (!tenants) return tenants.error();
    std::int64_t made = 0;
    for (const std::int64_t tenant : *tenants) {
        CARRYALL_TRY(connection.work_for_tenant(tenant));
        const auto rows = connection.exec(kSchedule, Params()
                                                         .add(tenant)
                                                         .add(all_text)
                                                         .add(incremental_text)
                                                         .add(kOverlapSeconds)
                                                         .add(full_every));
        if (!rows) return rows.error();
        made += rows->integer(0, 0);
    }
    CARRYALL_TRY(connection.work_for_tenant(0));
    return made;
}

Result<std::optional<CarrierView>> carrier_view(db::Connection& connection, TenantId tenant_id,
                                                devices::DeviceId device) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec({"sync_carrier_view", view_sql().c_str()},
                                      Params().add(tenant_id).add(device));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<CarrierView>();
    CarrierView view;
    view.iccid = rows->optional_text(0, 0);
    view.msisdn = rows->optional_text(0, 1);
    view.imei = rows->optional_text(0, 2);
    view.status = rows->optional_text(0, 3);
    view.carrier_status = rows->optional_text(0, 4);
    view.rate_plan = rows->optional_text(0, 5);
    view.communication_plan = rows->optional_text(0, 6);
    view.group = rows->optional_text(0, 7);
    view.details = stored_json(rows->text(0, 8));
    view.modified_at = rows->optional_text(0, 9);
    view.read_at = rows->string(0, 10);
    view.is_gone = rows->boolean(0, 11);
    view.sync_id = {rows->integer(0, 12)};
    return std::optional(std::move(view));
}

}  // namespace carryall::sync
