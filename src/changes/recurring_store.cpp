// Statements about recurring changes and their runs.
#include "changes/recurring_store.hpp"

#include "tenants/sql_time.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;

constexpr Query kCount{"recurring_count", R"(
    SELECT count(*) FROM recurring_change WHERE tenant_id = $1 AND state IN ('active', 'paused'))"};

constexpr Query kInsert{"recurring_insert", R"(
    INSERT INTO recurring_change (tenant_id, service_provider_id, name, change_type, request,
        device_filter, rule_kind, rule, time_zone, starts_at, ends_at, next_run_at, created_by)
    VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8, $9, $10::timestamp, $11::timestamptz,
        $12::timestamptz, $13)
    RETURNING recurring_change_id)"};

std::string columns(const char* request) {
    return "SELECT r.recurring_change_id, r.name, r.service_provider_id, r.change_type, " +
           std::string(request) +
           ", coalesce(jsonb_array_length(r.request -> 'devices'), 0), r.device_filter,"
           " r.rule_kind, r.rule, r.time_zone,"
           " to_char(r.starts_at, 'YYYY-MM-DD\"T\"HH24:MI:SS'), " +
           iso8601("r.ends_at") + ", r.state, " + iso8601("r.next_run_at") + ", r.created_by, " +
           iso8601("r.created_at") + " FROM recurring_change r WHERE r.tenant_id = $1 ";
}

Query read_query() {
    static const std::string kSql =
        columns("r.request - 'devices'") +
        "AND r.state <> 'deleted' AND ($2::bigint IS NULL OR r.recurring_change_id = $2)"
        " AND r.recurring_change_id > $3::bigint ORDER BY r.recurring_change_id LIMIT $4::int";
    return {"recurring_read", kSql.c_str()};
}
Query lock_query() {
    static const std::string kSql =
        columns("r.request") + "AND r.recurring_change_id = $2 AND r.state <> 'deleted' FOR UPDATE";
    return {"recurring_lock", kSql.c_str()};
}
Query lock_due_query() {
    static const std::string kSql = columns("r.request") +
                                    "AND r.recurring_change_id = $2 AND r.state = 'active'"
                                    " AND r.next_run_at <= $3::timestamptz"
                                    " FOR UPDATE SKIP LOCKED";
    return {"recurring_lock_due", kSql.c_str()};
}

constexpr Query kSetState{"recurring_set_state", R"(
    UPDATE recurring_change SET state = $3, next_run_at = $4::timestamptz, modified_by = $5,
        modified_at = now()
    WHERE tenant_id = $1 AND recurring_change_id = $2)"};

constexpr Query kRecord{"recurring_record_runs", R"(
    INSERT INTO recurring_run (recurring_change_id, run_at, tenant_id, outcome, bulk_change_id,
        reason)
    SELECT $2, u.run_at, $1, u.outcome, u.bulk_change_id, u.reason
    FROM unnest($3::timestamptz[], $4::text[], $5::bigint[], $6::text[])
        AS u(run_at, outcome, bulk_change_id, reason))"};

Query runs_query() {
    static const std::string kSql =
        "SELECT " + iso8601("run_at") +
        ", outcome, bulk_change_id, reason FROM recurring_run WHERE tenant_id = $1"
        " AND recurring_change_id = $2 ORDER BY recurring_run.run_at DESC LIMIT $3::int";
    return {"recurring_runs", kSql.c_str()};
}

Query due_query() {
    static const std::string kSql = "SELECT d.tenant, d.recurring_change, " + iso8601("m.moment") +
                                    " FROM (SELECT coalesce($1::timestamptz, now()) AS moment) m"
                                    " CROSS JOIN LATERAL due_recurring_changes(m.moment) d";
    return {"recurring_due", kSql.c_str()};
}

constexpr Query kChoose{"recurring_choose_devices", R"(
    SELECT iccid FROM device
    WHERE tenant_id = $1 AND service_provider_id = $2 AND is_active AND NOT is_deleted
      AND ($3::text IS NULL OR lower(status) = lower($3)) AND ($4::text IS NULL OR portal = $4)
      AND ($5::bigint IS NULL OR customer_id = $5) AND ($6::bigint IS NULL OR site_id = $6)
      AND ($7::bigint IS NULL OR carrier_rate_plan_id = $7)
      AND ($8::bigint IS NULL OR customer_rate_plan_id = $8)
      AND ($9::bigint IS NULL OR customer_rate_pool_id = $9)
    ORDER BY device_id LIMIT $10::bigint)"};

Result<RecurringChange> recurring_at(const Rows& rows, std::size_t i) {
    RecurringChange change;
    change.id = {rows.integer(i, 0)};
    change.name = rows.string(i, 1);
    change.service_provider_id = rows.integer(i, 2);
    change.change_type = rows.string(i, 3);
    auto request = base::parse_json(rows.text(i, 4));
    if (!request) return request.error();
    change.request = std::move(*request);
    change.device_count = rows.integer(i, 5);
    if (!rows.is_null(i, 6)) change.device_filter = base::parse_object(rows.text(i, 6));
    change.rule.kind = rows.text(i, 7) == "cron" ? RuleKind::cron : RuleKind::rrule;
    change.rule.text = rows.string(i, 8);
    change.rule.time_zone = rows.string(i, 9);
    const auto start = base::parse_local_time(rows.text(i, 10));
    if (!start) return start.error();
    change.rule.starts_at = *start;
    if (!rows.is_null(i, 11)) {
        const auto end = base::parse_iso8601(rows.text(i, 11));
        if (!end) return end.error();
        change.rule.ends_at = *end;
    }
    change.state = rows.string(i, 12);
    change.next_run_at = rows.optional_text(i, 13);
    change.created_by = rows.string(i, 14);
    change.created_at = rows.string(i, 15);
    return change;
}

Result<std::optional<StoredRecurring>> locked(const Result<Rows>& rows) {
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<StoredRecurring>();
    auto change = recurring_at(*rows, 0);
    if (!change) return change.error();
    StoredRecurring stored{std::move(*change), {}};
    if (stored.change.next_run_at) {
        const auto next = base::parse_iso8601(*stored.change.next_run_at);
        if (!next) return next.error();
        stored.next_run_at = *next;
    }
    return std::optional(std::move(stored));
}

}  // namespace

Result<std::int64_t> count_recurring(db::Transaction& transaction, std::int64_t tenant_id) {
    const auto rows = transaction.exec(kCount, Params().add(tenant_id));
    if (!rows) return rows.error();
    return rows->integer(0, 0);
}

Result<RecurringChangeId> insert_recurring(
    db::Transaction& transaction, const tenants::Caller& caller, const NewRecurringChange& wanted,
    std::int64_t service_provider_id, std::string_view change_type, base::Instant next_run_at) {
    Params params;
    params.add(caller.tenant_id.value).add(service_provider_id).add(wanted.name).add(change_type);
    params.add(base::storable_json(base::json::serialize(wanted.request)));
    wanted.device_filter ? params.add(base::json::serialize(*wanted.device_filter))
                         : params.add_null();
    params.add(to_string(wanted.rule.kind)).add(wanted.rule.text).add(wanted.rule.time_zone);
    params.add(base::to_text(wanted.rule.starts_at)).add(wanted.rule.ends_at).add(next_run_at);
    params.add(caller.name);
    const auto rows = transaction.exec(kInsert, params);
    if (!rows) return rows.error();
    return RecurringChangeId{rows->integer(0, 0)};
}

Result<std::vector<RecurringChange>> read_recurring(db::Connection& connection, TenantId tenant_id,
                                                    RecurringChangeId only, std::int64_t after,
                                                    int limit) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows =
        connection.exec(read_query(), Params().add(tenant_id).add(only).add(after).add(limit));
    if (!rows) return rows.error();
    std::vector<RecurringChange> changes;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        auto change = recurring_at(*rows, i);
        if (!change) return change.error();
        changes.push_back(std::move(*change));
    }
    return changes;
}

Result<std::vector<RecurringRun>> read_runs(db::Connection& connection, TenantId tenant_id,
                                            RecurringChangeId id, int limit) {
    const auto rows = connection.exec(runs_query(), Params().add(tenant_id).add(id).add(limit));
    if (!rows) return rows.error();
    std::vector<RecurringRun> runs;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        runs.push_back({rows->string(i, 0), rows->string(i, 1), rows->optional_integer(i, 2),
                        rows->optional_text(i, 3)});
    }
    return runs;
}

Result<std::optional<StoredRecurring>> lock_recurring(db::Transaction& transaction,
                                                      std::int64_t tenant_id,
                                                      RecurringChangeId id) {
    return locked(transaction.exec(lock_query(), Params().add(tenant_id).add(id)));
}

Result<std::optional<StoredRecurring>> lock_due(db::Transaction& transaction,
                                                std::int64_t tenant_id, RecurringChangeId id,
                                                base::Instant now) {
    return locked(transaction.exec(lock_due_query(), Params().add(tenant_id).add(id).add(now)));
}

Result<void> set_recurring_state(db::Transaction& transaction, std::int64_t tenant_id,
                                 RecurringChangeId id, std::string_view state,
                                 std::optional<base::Instant> next_run_at,
                                 const std::string& actor) {
    CARRYALL_TRY(transaction.exec(
        kSetState, Params().add(tenant_id).add(id).add(state).add(next_run_at).add(actor)));
    return {};
}

Result<void> record_runs(db::Transaction& transaction, std::int64_t tenant_id, RecurringChangeId id,
                         const std::vector<RunRecord>& runs) {
    Array dates, outcomes, changes, reasons;
    for (const RunRecord& run : runs) {
        dates.add(run.run_at);
        outcomes.add(run.outcome);
        run.bulk_change ? changes.add(run.bulk_change.value) : changes.add_null();
        run.reason.empty() ? reasons.add_null() : reasons.add(run.reason);
    }
    CARRYALL_TRY(transaction.exec(kRecord, Params()
                                               .add(tenant_id)
                                               .add(id)
                                               .add(dates.take())
                                               .add(outcomes.take())
                                               .add(changes.take())
                                               .add(reasons.take())));
    return {};
}

Result<std::vector<DueRecurring>> due_recurring(db::Connection& connection,
                                                std::optional<base::Instant> now) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto rows = connection.exec(due_query(), Params().add(now));
    if (!rows) return rows.error();
    std::vector<DueRecurring> due;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        const auto moment = base::parse_iso8601(rows->text(i, 2));
        if (!moment) return moment.error();
        due.push_back({rows->integer(i, 0), {rows->integer(i, 1)}, *moment});
    }
    return due;
}

Result<std::vector<std::string>> choose_devices(db::Transaction& transaction,
                                                std::int64_t tenant_id,
                                                std::int64_t service_provider_id,
                                                const DeviceChoice& choice) {
    const auto rows = transaction.exec(kChoose, Params()
                                                    .add(tenant_id)
                                                    .add(service_provider_id)
                                                    .add(choice.status)
                                                    .add(choice.portal)
                                                    .add(choice.customer_id)
                                                    .add(choice.site_id)
                                                    .add(choice.carrier_rate_plan_id)
                                                    .add(choice.customer_rate_plan_id)
                                                    .add(choice.customer_rate_pool_id)
                                                    .add(kMaxDevicesPerChange + 1));
    if (!rows) return rows.error();
    std::vector<std::string> iccids;
    iccids.reserve(rows->size());
    for (std::size_t i = 0; i < rows->size(); ++i) iccids.push_back(rows->string(i, 0));
    return iccids;
}

}  // namespace carryall::changes
