// Decisions about drift: a batch is one transaction with a fixed number of statements. What must
// stay true: the drift rows are locked first and the devices after them in the order of their ids,
// and what is written is what stands in the locked rows.
#include "base/text.hpp"
#include "sync/acceptance_rules.hpp"
#include "sync/drift.hpp"

namespace carryall::sync {
namespace {

using db::Array;
using db::Params;
using db::Query;
using db::Transaction;

constexpr const char* kChosen = R"(
    WITH chosen AS MATERIALIZED (
        SELECT * FROM drift x WHERE x.tenant_id = $1 AND )";
constexpr const char* kChosenById = "x.drift_id = ANY ($2::bigint[])";
// So that every parameter has a type.
constexpr const char* kUnusedById =
    " AND $3::bigint IS NULL AND $4::bigint IS NULL AND $5::text IS NULL";
constexpr const char* kChosenByFilter = R"(x.state = 'open' AND x.drift_id > $2
          AND ($3::bigint IS NULL OR x.service_provider_id = $3)
          AND ($4::bigint IS NULL OR x.device_id = $4)
          AND ($5::text IS NULL OR x.field = $5))";
constexpr const char* kChosenMore = R"(
        ORDER BY x.drift_id LIMIT $6::int FOR UPDATE)
    SELECT x.drift_id, x.device_id, x.carrier_line_id, x.field, x.theirs, x.state,
           d.is_deleted OR NOT d.is_active, p.integration, l.iccid, l.msisdn, l.imei, l.status,
           l.rate_plan, l.communication_plan,
           (SELECT o.name FROM device e
            JOIN service_provider o ON o.tenant_id = $1
                AND o.service_provider_id = e.service_provider_id
            WHERE x.device_id IS NULL AND e.tenant_id = $1 AND e.iccid19 = left(l.iccid, 19)),
           (SELECT string_agg(DISTINCT b.change_type, ',') FROM device_change c
            JOIN bulk_change b ON b.tenant_id = $1
                AND b.bulk_change_id = c.device_change_id >> 20
                AND b.status IN ('PENDING', 'PROCESSING')
            WHERE c.tenant_id = $1 AND c.device_id = x.device_id
              AND c.state IN ('new', 'waiting', 'unknown'))
    FROM chosen x
    JOIN service_provider p ON p.tenant_id = $1 AND p.service_provider_id = x.service_provider_id
    LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = x.device_id
    LEFT JOIN carrier_line l ON l.tenant_id = $1 AND l.carrier_line_id = x.carrier_line_id
    ORDER BY x.drift_id)";

// Plans that only lines have told of; a later reading that lists them gives them their names.
constexpr Query kPlans{"drift_missing_plans", R"(
    WITH plan AS (
        INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name)
        SELECT DISTINCT $1::bigint, x.service_provider_id, w.code, w.code
        FROM unnest($2::bigint[], $3::text[]) AS w(drift_id, code)
        JOIN drift x ON x.tenant_id = $1 AND x.drift_id = w.drift_id
        ON CONFLICT (tenant_id, service_provider_id, code) DO NOTHING)
    INSERT INTO communication_plan (tenant_id, service_provider_id, name)
    SELECT DISTINCT $1::bigint, x.service_provider_id, w.name
    FROM unnest($4::bigint[], $5::text[]) AS w(drift_id, name)
    JOIN drift x ON x.tenant_id = $1 AND x.drift_id = w.drift_id
    ON CONFLICT (tenant_id, service_provider_id, name) DO NOTHING)"};

constexpr Query kEdit{"drift_edit_devices", R"(
    WITH wanted AS MATERIALIZED (
        SELECT w.device_id, array_agg(w.drift_id ORDER BY w.drift_id) AS drift_ids,
               max(w.value) FILTER (WHERE w.member = 'status') AS status,
               max(w.value) FILTER (WHERE w.member = 'ratePlan') AS rate_plan,
               max(w.value) FILTER (WHERE w.member = 'communicationPlan') AS communication_plan,
               max(w.value) FILTER (WHERE w.member = 'msisdn') AS msisdn,
               max(w.value) FILTER (WHERE w.member = 'imei') AS imei,
               (max(w.value) FILTER (WHERE w.member = 'archived'))::boolean AS archived
        FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[])
            AS w(drift_id, device_id, member, value)
        GROUP BY w.device_id),
    was AS MATERIALIZED (
        SELECT d.*, w.drift_ids, w.status AS new_status, w.rate_plan, w.communication_plan,
               w.msisdn AS new_msisdn, w.imei AS new_imei, w.archived,
               rp.code AS old_plan, cp.name AS old_communication_plan
        FROM wanted w
        JOIN device d ON d.tenant_id = $1 AND d.device_id = w.device_id
        LEFT JOIN carrier_rate_plan rp
            ON rp.tenant_id = $1 AND rp.carrier_rate_plan_id = d.carrier_rate_plan_id
        LEFT JOIN communication_plan cp
            ON cp.tenant_id = $1 AND cp.communication_plan_id = d.communication_plan_id
        ORDER BY d.device_id FOR UPDATE OF d),
    edited AS (
        UPDATE device d
        SET status = coalesce(w.new_status, d.status),
            msisdn = CASE WHEN w.new_msisdn IS NULL THEN d.msisdn
                          ELSE nullif(w.new_msisdn, '') END,
            imei = CASE WHEN w.new_imei IS NULL THEN d.imei ELSE nullif(w.new_imei, '') END,
            carrier_rate_plan_id = CASE
                WHEN w.rate_plan IS NULL THEN d.carrier_rate_plan_id
                ELSE (SELECT p.carrier_rate_plan_id FROM carrier_rate_plan p
                      WHERE p.tenant_id = $1 AND p.service_provider_id = d.service_provider_id
                        AND p.code = w.rate_plan) END,
            communication_plan_id = CASE
                WHEN w.communication_plan IS NULL THEN d.communication_plan_id
                ELSE (SELECT p.communication_plan_id FROM communication_plan p
                      WHERE p.tenant_id = $1 AND p.service_provider_id = d.service_provider_id
                        AND p.name = w.communication_plan) END,
            is_active = CASE WHEN w.archived IS NULL THEN d.is_active ELSE NOT w.archived END,
            is_deleted = CASE WHEN NOT w.archived THEN false ELSE d.is_deleted END,
            modified_at = now()
        FROM was w WHERE d.tenant_id = $1 AND d.device_id = w.device_id
        RETURNING d.device_id)
    INSERT INTO device_event (tenant_id, device_id, source, actor, detail)
    SELECT $1, w.device_id, 'drift', $2, jsonb_build_object(
        'driftIds', w.drift_ids,
        'before',
            CASE WHEN w.new_status IS NULL THEN '{}'
                 ELSE jsonb_build_object('status', w.status) END ||
            CASE WHEN w.rate_plan IS NULL THEN '{}'
                 ELSE jsonb_build_object('carrierRatePlan', w.old_plan) END ||
            CASE WHEN w.communication_plan IS NULL THEN '{}'
                 ELSE jsonb_build_object('communicationPlan', w.old_communication_plan) END ||
            CASE WHEN w.new_msisdn IS NULL THEN '{}'
                 ELSE jsonb_build_object('msisdn', w.msisdn) END ||
            CASE WHEN w.new_imei IS NULL THEN '{}'
                 ELSE jsonb_build_object('imei', w.imei) END ||
            CASE WHEN w.archived IS NULL THEN '{}'
                 ELSE jsonb_build_object('isArchived', w.is_deleted OR NOT w.is_active) END,
        'after', jsonb_strip_nulls(jsonb_build_object(
            'status', w.new_status, 'carrierRatePlan', w.rate_plan,
            'communicationPlan', w.communication_plan, 'msisdn', w.new_msisdn,
            'imei', w.new_imei, 'isArchived', w.archived)))
    FROM was w JOIN edited e ON e.device_id = w.device_id)"};

constexpr Query kAdd{"drift_add_devices", R"(
    WITH wanted AS MATERIALIZED (
        SELECT w.*, x.service_provider_id
        FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[])
            AS w(drift_id, line_id, portal, iccid, msisdn, imei, status, rate_plan,
                 communication_plan)
        JOIN drift x ON x.tenant_id = $1 AND x.drift_id = w.drift_id),
    added AS (
        INSERT INTO device (tenant_id, service_provider_id, portal, iccid, msisdn, imei, status,
            carrier_rate_plan_id, communication_plan_id)
        SELECT $1, w.service_provider_id, w.portal, w.iccid, w.msisdn, w.imei, w.status,
            (SELECT p.carrier_rate_plan_id FROM carrier_rate_plan p
             WHERE p.tenant_id = $1 AND p.service_provider_id = w.service_provider_id
               AND p.code = w.rate_plan),
            (SELECT p.communication_plan_id FROM communication_plan p
             WHERE p.tenant_id = $1 AND p.service_provider_id = w.service_provider_id
               AND p.name = w.communication_plan)
        FROM wanted w ORDER BY w.drift_id
        ON CONFLICT (tenant_id, iccid19) DO NOTHING
        RETURNING device_id, iccid),
    matched AS (
        UPDATE carrier_line l SET device_id = a.device_id
        FROM wanted w JOIN added a ON a.iccid = w.iccid
        WHERE l.tenant_id = $1 AND l.carrier_line_id = w.line_id),
    event AS (
        INSERT INTO device_event (tenant_id, device_id, source, actor, detail)
        SELECT $1, a.device_id, 'drift', $2, jsonb_build_object(
            'created', true, 'driftIds', jsonb_build_array(w.drift_id), 'before', NULL,
            'after', jsonb_strip_nulls(jsonb_build_object(
                'iccid', w.iccid, 'msisdn', w.msisdn, 'imei', w.imei, 'status', w.status,
                'portal', w.portal, 'carrierRatePlan', w.rate_plan,
                'communicationPlan', w.communication_plan)))
        FROM wanted w JOIN added a ON a.iccid = w.iccid)
    SELECT w.drift_id FROM wanted w JOIN added a ON a.iccid = w.iccid)"};

constexpr Query kDecide{"drift_decide", R"(
    UPDATE drift SET state = $3, decided_by = $4, decided_at = now(), note = $5
    WHERE tenant_id = $1 AND drift_id = ANY ($2::bigint[]))"};

DecidedDrift drift_at(const db::Rows& rows, std::size_t row) {
    DecidedDrift drift;
    drift.drift_id = rows.integer(row, 0);
    drift.device_id = rows.integer(row, 1);
    drift.line_id = rows.integer(row, 2);
    const auto field = parse_drift_field(rows.text(row, 3));
    CHECK(field.has_value());
    drift.field = *field;
    drift.theirs = rows.optional_text(row, 4);
    drift.state = rows.string(row, 5);
    drift.is_archived = rows.boolean(row, 6);
    drift.integration = rows.string(row, 7);
    drift.iccid = rows.optional_text(row, 8);
    drift.msisdn = rows.optional_text(row, 9);
    drift.imei = rows.optional_text(row, 10);
    drift.status = rows.optional_text(row, 11);
    drift.rate_plan = rows.optional_text(row, 12);
    drift.communication_plan = rows.optional_text(row, 13);
    drift.owner = rows.optional_text(row, 14);
    std::string_view types = rows.text(row, 15);
    while (!types.empty()) {
        drift.is_moving |= fields_touched_by(base::take_part(types, ",")).contains(drift.field);
    }
    return drift;
}

std::string chosen_sql(std::initializer_list<const char*> which) {
    std::string sql = kChosen;
    for (const char* condition : which) sql.append(condition);
    sql.append(kChosenMore);
    return sql;
}

Result<std::vector<DecidedDrift>> choose(Transaction& transaction, TenantId tenant_id,
                                         const DecisionScope& scope) {
    static const std::string by_id = chosen_sql({kChosenById, kUnusedById});
    static const std::string by_filter = chosen_sql({kChosenByFilter});
    Params params = Params().add(tenant_id);
    const auto limit = static_cast<std::int64_t>(kMaxDecided);
    if (!scope.ids.empty()) {
        Array ids;
        for (const std::int64_t id : scope.ids) ids.add(id);
        params.add(ids.take()).add_null().add_null().add_null().add(limit);
    } else {
        params.add(scope.after.value).add(scope.filter.service_provider_id);
        params.add(scope.filter.device_id);
        if (scope.filter.field) {
            params.add(to_string(*scope.filter.field));
        } else {
            params.add_null();
        }
        params.add(limit);
    }
    const auto rows =
        transaction.exec(scope.ids.empty() ? Query{"drift_choose_by_filter", by_filter.c_str()}
                                           : Query{"drift_choose_by_id", by_id.c_str()},
                         params);
    if (!rows) return rows.error();
    std::vector<DecidedDrift> chosen;
    chosen.reserve(rows->size());
    for (std::size_t i = 0; i < rows->size(); ++i) chosen.push_back(drift_at(*rows, i));
    return chosen;
}

struct Accepted {
    std::vector<DeviceEdit> edits;
    std::vector<NewDevice> added;
};

Result<void> add_plans(Transaction& transaction, TenantId tenant_id, const Accepted& accepted) {
    Array plan_drifts, plans, communication_drifts, communication_plans;
    const auto want = [](Array& drifts, Array& names, std::int64_t drift,
                         const std::optional<std::string>& name) {
        if (!name || name->empty()) return;
        drifts.add(drift);
        names.add(*name);
    };
    for (const DeviceEdit& edit : accepted.edits) {
        if (edit.member == "ratePlan") want(plan_drifts, plans, edit.drift_id, edit.value);
        if (edit.member == "communicationPlan") {
            want(communication_drifts, communication_plans, edit.drift_id, edit.value);
        }
    }
    for (const NewDevice& device : accepted.added) {
        want(plan_drifts, plans, device.drift_id, device.rate_plan);
        want(communication_drifts, communication_plans, device.drift_id, device.communication_plan);
    }
    Params params = Params().add(tenant_id);
    for (Array* array : {&plan_drifts, &plans, &communication_drifts, &communication_plans}) {
        params.add(array->take());
    }
    CARRYALL_TRY(transaction.exec(kPlans, params));
    return {};
}

Result<void> edit_devices(Transaction& transaction, const tenants::Caller& caller,
                          const std::vector<DeviceEdit>& edits) {
    if (edits.empty()) return {};
    Array drifts, devices, members, values;
    for (const DeviceEdit& edit : edits) {
        drifts.add(edit.drift_id);
        devices.add(edit.device_id);
        members.add(edit.member);
        values.add(edit.value);
    }
    Params params = Params().add(caller.tenant_id).add(caller.name);
    for (Array* array : {&drifts, &devices, &members, &values}) params.add(array->take());
    CARRYALL_TRY(transaction.exec(kEdit, params));
    return {};
}

void refuse(DecisionReport& report, std::int64_t drift_id, std::string reason) {
    ++report.refused_count;
    if (report.refused.size() < kMaxListedRefusals) {
        report.refused.push_back({{drift_id}, std::move(reason)});
    }
}

// Answers the drift whose devices were added. A device that came since is left alone.
Result<void> add_devices(Transaction& transaction, const tenants::Caller& caller,
                         const std::vector<NewDevice>& added, std::vector<std::int64_t>& decided,
                         DecisionReport& report) {
    if (added.empty()) return {};
    Array drifts, lines, portals, iccids, msisdns, imeis, statuses, rate_plans, communication_plans;
    for (const NewDevice& device : added) {
        drifts.add(device.drift_id);
        lines.add(device.line_id);
        portals.add(device.portal);
        iccids.add(device.iccid);
        msisdns.add(device.msisdn);
        imeis.add(device.imei);
        statuses.add(device.status);
        rate_plans.add(device.rate_plan);
        communication_plans.add(device.communication_plan);
    }
    Params params = Params().add(caller.tenant_id).add(caller.name);
    for (Array* array : {&drifts, &lines, &portals, &iccids, &msisdns, &imeis, &statuses,
                         &rate_plans, &communication_plans}) {
        params.add(array->take());
    }
    const auto rows = transaction.exec(kAdd, params);
    if (!rows) return rows.error();
    std::set<std::int64_t> done;
    for (std::size_t i = 0; i < rows->size(); ++i) done.insert(rows->integer(i, 0));
    for (const NewDevice& device : added) {
        if (done.contains(device.drift_id)) {
            decided.push_back(device.drift_id);
        } else {
            refuse(report, device.drift_id, "a device with this ICCID was added meanwhile");
        }
    }
    return {};
}

Result<std::vector<std::int64_t>> accept_all(Transaction& transaction,
                                             const tenants::Caller& caller,
                                             const std::vector<DecidedDrift>& chosen,
                                             DecisionReport& report) {
    std::vector<std::int64_t> decided;
    Accepted accepted;
    for (const DecidedDrift& drift : chosen) {
        Acceptance acceptance = accept(drift);
        if (auto* edit = std::get_if<DeviceEdit>(&acceptance)) {
            decided.push_back(edit->drift_id);
            accepted.edits.push_back(std::move(*edit));
        } else if (auto* added = std::get_if<NewDevice>(&acceptance)) {
            accepted.added.push_back(std::move(*added));
        } else {
            refuse(report, drift.drift_id, std::get<NotAcceptable>(acceptance).reason);
        }
    }
    CARRYALL_TRY(add_plans(transaction, caller.tenant_id, accepted));
    CARRYALL_TRY(edit_devices(transaction, caller, accepted.edits));
    CARRYALL_TRY(add_devices(transaction, caller, accepted.added, decided, report));
    return decided;
}

Result<DecisionReport> decide_in(Transaction& transaction, const tenants::Caller& caller,
                                 const DecisionScope& scope, const Decision& decision) {
    auto chosen = choose(transaction, caller.tenant_id, scope);
    if (!chosen) return chosen.error();
    if (!scope.ids.empty() &&
        chosen->size() < std::set(scope.ids.begin(), scope.ids.end()).size()) {
        return base::not_found("there is no such drift");
    }
    DecisionReport report;
    if (scope.ids.empty() && chosen->size() == kMaxDecided) {
        report.next_after = {chosen->back().drift_id};
    }
    std::erase_if(*chosen, [&](const DecidedDrift& drift) {
        std::string reason = undecidable(drift);
        if (reason.empty()) return false;
        refuse(report, drift.drift_id, std::move(reason));
        return true;
    });
    std::vector<std::int64_t> decided;
    if (decision.kind == DecisionKind::accept) {
        auto accepted = accept_all(transaction, caller, *chosen, report);
        if (!accepted) return accepted.error();
        decided = *std::move(accepted);
    } else {
        for (const DecidedDrift& drift : *chosen) decided.push_back(drift.drift_id);
    }
    report.decided = static_cast<std::int64_t>(decided.size());
    if (decided.empty()) return report;
    Array ids;
    for (const std::int64_t id : decided) ids.add(id);
    Params params = Params().add(caller.tenant_id).add(ids.take());
    params.add(decision.kind == DecisionKind::accept ? "accepted" : "ignored").add(caller.name);
    if (decision.note.empty()) {
        params.add_null();
    } else {
        params.add(decision.note);
    }
    CARRYALL_TRY(transaction.exec(kDecide, params));
    return report;
}

}  // namespace

Result<DecisionReport> decide(db::Connection& connection, const tenants::Caller& caller,
                              const DecisionScope& scope, const Decision& decision) {
    if (scope.ids.size() > kMaxDecided) {
        return base::Error{base::ErrorKind::too_large,
                           "at most " + std::to_string(kMaxDecided) +
                               " at once; send the rest in "
                               "another request",
                           "/driftIds"};
    }
    if (decision.note.size() > kMaxNoteBytes) {
        return base::invalid_input("is longer than " + std::to_string(kMaxNoteBytes) + " bytes",
                                   "/note");
    }
    if (decision.kind == DecisionKind::ignore && decision.note.empty()) {
        return base::invalid_input("say why these differences are to stay", "/note");
    }
    return db::in_transaction<DecisionReport>(
        connection, caller.tenant_id.value,
        [&](Transaction& transaction) { return decide_in(transaction, caller, scope, decision); });
}

}  // namespace carryall::sync
