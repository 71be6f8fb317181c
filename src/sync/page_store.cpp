// What must stay true: NULL of a reading overwrites nothing, and a page costs a fixed number of
// statements. Lines are looked up by (tenant, account, key), devices by (tenant, iccid19).
#include "sync/page_store.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace carryall::sync {
namespace {

using db::Array;
using db::Params;
using db::Query;
using db::Transaction;

// Which of our plans one of the carrier's is: the one with the carrier's own id for it, else the
// one of that code. A name of ours goes before one that was made of the carrier's id by a reading.
constexpr const char* kLocalPlan = R"(
    WITH local_plan AS MATERIALIZED (
        SELECT DISTINCT ON (carrier_plan_id) carrier_plan_id, code FROM carrier_rate_plan
        WHERE tenant_id = $1 AND service_provider_id = $2 AND carrier_plan_id IS NOT NULL
        ORDER BY carrier_plan_id, is_active DESC, code = carrier_plan_id::text,
                 carrier_rate_plan_id),)";

constexpr const char* kStorePlans = R"(
    told AS MATERIALIZED (
        SELECT DISTINCT ON (code) coalesce(o.code, t.code) AS code, t.name, t.plan_uuid,
               t.carrier_plan_id
        FROM unnest($4::text[], $5::text[], $6::text[], $7::bigint[])
            AS t(code, name, plan_uuid, carrier_plan_id)
        LEFT JOIN local_plan o ON o.carrier_plan_id = t.carrier_plan_id
        ORDER BY code),
    known AS MATERIALIZED (
        SELECT p.* FROM told t JOIN carrier_rate_plan p
            ON p.tenant_id = $1 AND p.service_provider_id = $2 AND p.code = t.code),
    stored AS (
        INSERT INTO carrier_rate_plan AS p (tenant_id, service_provider_id, code, name, plan_uuid,
            carrier_plan_id, listed_in)
        SELECT $1, $2, code, coalesce(name, code), plan_uuid, carrier_plan_id, $3 FROM told
        ON CONFLICT (tenant_id, service_provider_id, code) DO UPDATE
        SET name = coalesce((SELECT t.name FROM told t WHERE t.code = p.code), p.name),
            plan_uuid = coalesce(excluded.plan_uuid, p.plan_uuid),
            carrier_plan_id = coalesce(excluded.carrier_plan_id, p.carrier_plan_id),
            modified_at = CASE WHEN (p.name, p.plan_uuid, p.carrier_plan_id) IS DISTINCT FROM
                (coalesce((SELECT t.name FROM told t WHERE t.code = p.code), p.name),
                 coalesce(excluded.plan_uuid, p.plan_uuid),
                 coalesce(excluded.carrier_plan_id, p.carrier_plan_id))
                THEN now() ELSE p.modified_at END,
            listed_in = $3
        RETURNING p.*)
    SELECT s.code, k.code IS NULL, s.name, k.name, s.plan_uuid, k.plan_uuid, s.carrier_plan_id,
           k.carrier_plan_id
    FROM stored s LEFT JOIN known k ON k.code = s.code
    WHERE k.code IS NULL OR (s.name, s.plan_uuid, s.carrier_plan_id)
          IS DISTINCT FROM (k.name, k.plan_uuid, k.carrier_plan_id)
    ORDER BY s.code)";

Query plans_query() {
    static const std::string kSql = fmt::format("{}{}", kLocalPlan, kStorePlans);
    return {"sync_store_plans", kSql.c_str()};
}

constexpr Query kCommunicationPlans{"sync_store_communication_plans", R"(
    WITH told AS MATERIALIZED (SELECT DISTINCT name FROM unnest($4::text[]) AS t(name)),
    known AS MATERIALIZED (
        SELECT p.name FROM told t JOIN communication_plan p
            ON p.tenant_id = $1 AND p.service_provider_id = $2 AND p.name = t.name),
    stored AS (
        INSERT INTO communication_plan (tenant_id, service_provider_id, name, listed_in)
        SELECT $1, $2, name, $3 FROM told
        ON CONFLICT (tenant_id, service_provider_id, name) DO UPDATE SET listed_in = $3
        RETURNING name)
    SELECT name FROM stored WHERE name NOT IN (SELECT name FROM known) ORDER BY name)"};

constexpr Query kUnlisted{"sync_unlisted_plans", R"(
    SELECT 'plansNotListed', p.code FROM carrier_rate_plan p
    WHERE p.tenant_id = $1 AND p.service_provider_id = $2 AND p.is_active
      AND p.listed_in IS DISTINCT FROM $3 AND EXISTS (
          SELECT FROM carrier_rate_plan o
          WHERE o.tenant_id = $1 AND o.service_provider_id = $2 AND o.listed_in = $3)
    UNION ALL
    SELECT 'communicationPlansNotListed', p.name FROM communication_plan p
    WHERE p.tenant_id = $1 AND p.service_provider_id = $2 AND p.is_active
      AND p.listed_in IS DISTINCT FROM $3 AND EXISTS (
          SELECT FROM communication_plan o
          WHERE o.tenant_id = $1 AND o.service_provider_id = $2 AND o.listed_in = $3)
    ORDER BY 1, 2)"};

// What an event shows of a line `x`.
constexpr const char* kShown = R"(jsonb_build_object('iccid', x.iccid, 'msisdn', x.msisdn,
    'imei', x.imei, 'status', x.status, 'carrierStatus', x.carrier_status,
    'ratePlan', x.rate_plan, 'communicationPlan', x.communication_plan, 'group', x.group_name,
    'isGone', x.is_gone))";

std::string shown(const char* alias) {
    std::string text = kShown;
    for (auto at = text.find("x."); at != std::string::npos; at = text.find("x.", at + 1)) {
        text.replace(at, 1, alias);
    }
    return text;
}

// A line of which only the number is told is the one known with that number. Matched with a device
// by number only where exactly one device of the account has it.
constexpr const char* kStoreLines = R"(
    told AS MATERIALIZED (
        SELECT own_key, iccid19, iccid, msisdn, imei, status, carrier_status,
               coalesce(o.code, told_plan) AS rate_plan, communication_plan, group_name, details,
               carrier_modified_at
        FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::jsonb[],
            $16::timestamptz[], $17::bigint[])
            AS t(own_key, iccid19, iccid, msisdn, imei, status, carrier_status, told_plan,
                 communication_plan, group_name, details, carrier_modified_at, carrier_plan_id)
        LEFT JOIN local_plan o ON o.carrier_plan_id = t.carrier_plan_id),
    given AS MATERIALIZED (
        SELECT DISTINCT ON (line_key) coalesce(
            CASE WHEN t.iccid19 IS NULL THEN (
                SELECT min(k.line_key) FROM carrier_line k
                WHERE k.tenant_id = $1 AND k.service_provider_id = $2 AND k.msisdn = t.msisdn
                  AND k.iccid IS NOT NULL AND NOT k.is_gone
                HAVING count(*) = 1) END, t.own_key) AS line_key, t.*
        FROM told t ORDER BY line_key, t.iccid19),
    before AS MATERIALIZED (
        SELECT l.* FROM given g JOIN carrier_line l
            ON l.tenant_id = $1 AND l.service_provider_id = $2 AND l.line_key = g.line_key),
    stored AS (
        INSERT INTO carrier_line AS l (tenant_id, service_provider_id, line_key, device_id, iccid,
            msisdn, imei, status, carrier_status, rate_plan, communication_plan, group_name,
            details, carrier_modified_at, seen_at, seen_in)
        SELECT $1, $2, g.line_key,
            CASE WHEN g.line_key NOT LIKE 'msisdn:%' THEN (
                     SELECT d.device_id FROM device d
                     WHERE d.tenant_id = $1 AND d.iccid19 = g.line_key
                       AND d.service_provider_id = $2)
                 ELSE (
                     SELECT min(d.device_id) FROM device d
                     WHERE d.tenant_id = $1 AND d.msisdn = g.msisdn
                       AND d.service_provider_id = $2 AND d.is_active AND NOT d.is_deleted
                     HAVING count(*) = 1) END,
            g.iccid, g.msisdn, g.imei, g.status, g.carrier_status, g.rate_plan,
            g.communication_plan, g.group_name, coalesce(g.details, '{}'), g.carrier_modified_at,
            $4, $3
        FROM given g
        ON CONFLICT (tenant_id, service_provider_id, line_key) DO UPDATE
        SET device_id = excluded.device_id,
            iccid = coalesce(excluded.iccid, l.iccid),
            msisdn = coalesce(excluded.msisdn, l.msisdn),
            imei = coalesce(excluded.imei, l.imei),
            status = coalesce(excluded.status, l.status),
            carrier_status = coalesce(excluded.carrier_status, l.carrier_status),
            rate_plan = coalesce(excluded.rate_plan, l.rate_plan),
            communication_plan = coalesce(excluded.communication_plan, l.communication_plan),
            group_name = coalesce(excluded.group_name, l.group_name),
            details = l.details || excluded.details,
            carrier_modified_at = coalesce(excluded.carrier_modified_at, l.carrier_modified_at),
            seen_at = excluded.seen_at, seen_in = excluded.seen_in, is_gone = false
        RETURNING l.*),
)";

// `b` is a line as it was, `s` as it is now.
constexpr const char* kNoteChanges = R"(
        FROM stored s LEFT JOIN before b ON b.line_key = s.line_key
        WHERE b.line_key IS NULL
           OR (s.iccid, s.msisdn, s.imei, s.status, s.carrier_status, s.rate_plan,
               s.communication_plan, s.group_name, s.is_gone) IS DISTINCT FROM
              (b.iccid, b.msisdn, b.imei, b.status, b.carrier_status, b.rate_plan,
               b.communication_plan, b.group_name, b.is_gone)),
    event AS (
        INSERT INTO carrier_line_event (tenant_id, carrier_line_id, inventory_sync_id, before,
            after)
        SELECT $1, c.carrier_line_id, $3,
            (SELECT jsonb_object_agg(m.key, m.value) FROM jsonb_each(c.was) m
             WHERE m.value IS DISTINCT FROM c.is -> m.key),
            CASE WHEN c.was IS NULL THEN jsonb_strip_nulls(c.is) - 'isGone'
                 ELSE (SELECT jsonb_object_agg(m.key, m.value) FROM jsonb_each(c.is) m
                       WHERE m.value IS DISTINCT FROM c.was -> m.key) END
        FROM changed c)
    SELECT s.carrier_line_id, s.device_id, (SELECT count(*) FROM changed) FROM stored s)";

const std::string& lines_sql() {
    static const std::string sql = [] {
        std::string text = fmt::format("{}{}", kLocalPlan, kStoreLines);
        text.append(
            "changed AS MATERIALIZED (SELECT s.carrier_line_id, "
            "CASE WHEN b.line_key IS NOT NULL THEN ");
        text.append(shown("b")).append(" END AS was, ").append(shown("s")).append(" AS is");
        return text.append(kNoteChanges);
    }();
    return sql;
}

const std::string& settle_sql() {
    static const std::string sql = R"(
    WITH batch AS MATERIALIZED (
        SELECT l.carrier_line_id, l.iccid, l.msisdn,
               NOT l.is_gone AND $4::boolean AND l.seen_in <> $3 AS is_newly_gone
        FROM carrier_line l
        WHERE l.tenant_id = $1 AND l.carrier_line_id > $5 AND l.service_provider_id = $2
          AND (l.device_id IS NULL OR (NOT l.is_gone AND $4::boolean AND l.seen_in <> $3))
        ORDER BY l.carrier_line_id LIMIT $6::int),
    stored AS (
        UPDATE carrier_line l
        SET is_gone = l.is_gone OR b.is_newly_gone,
            device_id = CASE WHEN l.device_id IS NOT NULL OR l.is_gone OR b.is_newly_gone
                             THEN l.device_id
                             WHEN b.iccid IS NOT NULL THEN (
                                 SELECT d.device_id FROM device d
                                 WHERE d.tenant_id = $1 AND d.iccid19 = l.line_key
                                   AND d.service_provider_id = $2)
                             ELSE (
                                 SELECT min(d.device_id) FROM device d
                                 WHERE d.tenant_id = $1 AND d.msisdn = b.msisdn
                                   AND d.service_provider_id = $2 AND d.is_active
                                   AND NOT d.is_deleted
                                 HAVING count(*) = 1) END
        FROM batch b
        WHERE l.tenant_id = $1 AND l.carrier_line_id = b.carrier_line_id
        RETURNING l.*, b.is_newly_gone),
    event AS (
        INSERT INTO carrier_line_event (tenant_id, carrier_line_id, inventory_sync_id, before,
            after)
        SELECT $1, s.carrier_line_id, $3, jsonb_strip_nulls()" +
                                   shown("s") + R"() - 'isGone', NULL
        FROM stored s WHERE s.is_newly_gone)
    SELECT carrier_line_id, device_id, is_gone, is_newly_gone FROM stored
    ORDER BY carrier_line_id)";
    return sql;
}

constexpr Query kNextDevices{"sync_next_devices",
                             "SELECT device_id FROM device WHERE tenant_id = $1 AND device_id > $3 "
                             "AND service_provider_id = $2 ORDER BY device_id LIMIT $4::int"};

Params account_of(const ClaimedSync& sync) {
    return Params().add(sync.tenant_id).add(sync.service_provider_id).add(sync.id.value);
}

void add_member(base::json::object& before, base::json::object& after, const db::Rows& rows,
                std::size_t row, int column, const char* name) {
    if (rows.optional_text(row, column) == rows.optional_text(row, column + 1)) return;
    const auto value = [&](int place) -> base::json::value {
        const auto text = rows.optional_text(row, place);
        if (!text) return nullptr;
        return base::json::string(*text);
    };
    after[name] = value(column);
    before[name] = value(column + 1);
}

}  // namespace

std::optional<std::string> storable(const base::json::value& value) {
    if (value.is_null()) return std::nullopt;
    return base::storable_json(base::json::serialize(value));
}

Result<void> store_plans(Transaction& transaction, ClaimedSync& sync,
                         const std::vector<carriers::CarrierPlan>& plans) {
    if (plans.empty()) return {};
    Array codes, names, uuids, ids;
    for (const carriers::CarrierPlan& plan : plans) {
        if (base::trim(plan.code).empty()) continue;
        codes.add(plan.code);
        plan.name.empty() ? names.add_null() : names.add(plan.name);
        uuids.add(plan.plan_uuid);
        ids.add(plan.carrier_plan_id);
    }
    Params params = account_of(sync);
    for (Array* array : {&codes, &names, &uuids, &ids}) params.add(array->take());
    const auto rows = transaction.exec(plans_query(), params);
    if (!rows) return rows.error();
    for (std::size_t i = 0; i < rows->size(); ++i) {
        if (rows->boolean(i, 1)) {
            add_to_result(sync.result, "plansAdded", base::json::string(rows->text(i, 0)));
            continue;
        }
        base::json::object before;
        base::json::object after;
        add_member(before, after, *rows, i, 2, "name");
        add_member(before, after, *rows, i, 4, "planUuid");
        add_member(before, after, *rows, i, 6, "carrierPlanId");
        add_to_result(sync.result, "plansChanged",
                      base::json::object{{"code", rows->text(i, 0)},
                                         {"before", std::move(before)},
                                         {"after", std::move(after)}});
    }
    return {};
}

Result<void> store_communication_plans(Transaction& transaction, ClaimedSync& sync,
                                       const std::vector<std::string>& names) {
    if (names.empty()) return {};
    Array array;
    for (const std::string& name : names) {
        if (!base::trim(name).empty()) array.add(name);
    }
    const auto rows = transaction.exec(kCommunicationPlans, account_of(sync).add(array.take()));
    if (!rows) return rows.error();
    for (std::size_t i = 0; i < rows->size(); ++i) {
        add_to_result(sync.result, "communicationPlansAdded", base::json::string(rows->text(i, 0)));
    }
    return {};
}

Result<void> note_unlisted_plans(Transaction& transaction, ClaimedSync& sync) {
    const auto rows = transaction.exec(kUnlisted, account_of(sync));
    if (!rows) return rows.error();
    for (std::size_t i = 0; i < rows->size(); ++i) {
        add_to_result(sync.result, rows->text(i, 0), base::json::string(rows->text(i, 1)));
    }
    return {};
}

Result<StoredLines> store_lines(Transaction& transaction, const ClaimedSync& sync,
                                const std::vector<KeyedLine>& lines) {
    StoredLines stored;
    if (lines.empty()) return stored;
    Array keys, iccid19s, iccids, msisdns, imeis, statuses, carrier_statuses, rate_plans,
        communication_plans, groups, details, modified, plan_ids;
    for (const KeyedLine& keyed : lines) {
        const carriers::CarrierLine& line = keyed.line;
        keys.add(keyed.key);
        iccid19s.add(keyed.iccid19);
        iccids.add(line.iccid);
        msisdns.add(line.msisdn);
        imeis.add(line.imei);
        statuses.add(line.status);
        carrier_statuses.add(line.carrier_status);
        rate_plans.add(line.rate_plan);
        communication_plans.add(line.communication_plan);
        groups.add(line.group);
        details.add(line.details.empty() ? std::nullopt : storable(line.details));
        modified.add(line.modified_at);
        plan_ids.add(line.carrier_plan_id);
    }
    Params params = account_of(sync).add(sync.read_at);
    for (Array* array :
         {&keys, &iccid19s, &iccids, &msisdns, &imeis, &statuses, &carrier_statuses, &rate_plans,
          &communication_plans, &groups, &details, &modified, &plan_ids}) {
        params.add(array->take());
    }
    const auto rows = transaction.exec({"sync_store_lines", lines_sql().c_str()}, params);
    if (!rows) return rows.error();
    stored.lines.reserve(rows->size());
    for (std::size_t i = 0; i < rows->size(); ++i) {
        stored.lines.push_back({rows->integer(i, 0), rows->integer(i, 1), false, false});
    }
    if (!rows->empty()) stored.changed = rows->integer(0, 2);
    return stored;
}

Result<std::vector<StoredLine>> settle_lines(Transaction& transaction, const ClaimedSync& sync,
                                             int batch) {
    const auto rows = transaction.exec(
        {"sync_settle_lines", settle_sql().c_str()},
        account_of(sync).add(sync.kind == SyncKind::full).add(sync.judged_line_id).add(batch));
    if (!rows) return rows.error();
    std::vector<StoredLine> lines;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        lines.push_back(
            {rows->integer(i, 0), rows->integer(i, 1), rows->boolean(i, 2), rows->boolean(i, 3)});
    }
    return lines;
}

Result<std::vector<std::int64_t>> next_devices(Transaction& transaction, const ClaimedSync& sync,
                                               int batch) {
    const auto rows = transaction.exec(kNextDevices, Params()
                                                         .add(sync.tenant_id)
                                                         .add(sync.service_provider_id)
                                                         .add(sync.judged_device_id)
                                                         .add(batch));
    if (!rows) return rows.error();
    std::vector<std::int64_t> devices;
    for (std::size_t i = 0; i < rows->size(); ++i) devices.push_back(rows->integer(i, 0));
    return devices;
}

}  // namespace carryall::sync
