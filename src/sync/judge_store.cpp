// Three readings and three writings, whatever the number of subjects.
//
// What must stay true: first the known drift is read, then the devices, then the changes under
// way, each as it stands at that moment. So a person's decision or a change that is carried out
// meanwhile is seen by a later reading at the latest, and nothing is opened from what is past.
#include "sync/judge_store.hpp"

#include <map>

namespace carryall::sync {
namespace {

using db::Array;
using db::Params;
using db::Query;
using db::Rows;

constexpr Query kKnown{"sync_known_drift", R"(
    SELECT drift_id, device_id, carrier_line_id, field, state = 'ignored', ours, theirs
    FROM drift WHERE tenant_id = $1 AND state IN ('open', 'ignored')
      AND device_id = ANY ($2::bigint[])
    UNION ALL
    SELECT drift_id, 0, carrier_line_id, field, state = 'ignored', ours, theirs
    FROM drift WHERE tenant_id = $1 AND state IN ('open', 'ignored') AND device_id IS NULL
      AND carrier_line_id = ANY ($3::bigint[]))"};

constexpr Query kCases{"sync_device_cases", R"(
    SELECT d.device_id, d.is_deleted OR NOT d.is_active, d.status, rp.code, cp.name, d.msisdn,
           d.imei, l.carrier_line_id, l.status, l.rate_plan, l.communication_plan, l.msisdn,
           l.imei, to_char(l.seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           d.created_at > $3
    FROM unnest($2::bigint[]) AS s(device_id)
    JOIN device d ON d.tenant_id = $1 AND d.device_id = s.device_id
    LEFT JOIN carrier_rate_plan rp
        ON rp.tenant_id = $1 AND rp.carrier_rate_plan_id = d.carrier_rate_plan_id
    LEFT JOIN communication_plan cp
        ON cp.tenant_id = $1 AND cp.communication_plan_id = d.communication_plan_id
    LEFT JOIN LATERAL (
        SELECT * FROM carrier_line c
        WHERE c.tenant_id = $1 AND c.device_id = d.device_id AND NOT c.is_gone
        ORDER BY c.seen_at DESC, c.carrier_line_id DESC LIMIT 1) l ON true)"};

// What was carried out a little before a line was read may not have been shown yet.
constexpr Query kMoving{"sync_moving_devices", R"(
    SELECT DISTINCT c.device_id, b.change_type
    FROM unnest($2::bigint[], $3::timestamptz[]) AS s(device_id, seen_at)
    JOIN device_change c ON c.tenant_id = $1 AND c.device_id = s.device_id
    JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = c.device_change_id >> 20
    WHERE b.change_type IN ('statusupdate', 'carrierrateplanchange')
      AND ((c.state IN ('new', 'waiting', 'unknown') AND b.status IN ('PENDING', 'PROCESSING'))
           OR (c.state = 'processed'
               AND c.finished_at > s.seen_at - make_interval(secs => $4::int))))"};

constexpr Query kSettle{"sync_settle_drift",
                        "UPDATE drift SET state = 'settled', settled_at = now() "
                        "WHERE tenant_id = $1 AND drift_id = ANY ($2::bigint[]) "
                        "AND state IN ('open', 'ignored')"};

constexpr Query kUpdate{"sync_update_drift", R"(
    UPDATE drift d SET ours = u.ours, theirs = u.theirs, carrier_line_id = u.line_id
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[])
        AS u(drift_id, line_id, ours, theirs)
    WHERE d.tenant_id = $1 AND d.drift_id = u.drift_id AND d.state = 'open')"};

constexpr Query kOpenDrift{"sync_open_drift", R"(
    INSERT INTO drift (tenant_id, service_provider_id, carrier_line_id, device_id, field, ours,
        theirs, found_in)
    SELECT $1, $2, line_id, device_id, field, ours, theirs, $3
    FROM unnest($4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[])
        AS o(line_id, device_id, field, ours, theirs)
    ON CONFLICT DO NOTHING)"};

std::string ids_of(const std::vector<std::int64_t>& ids) {
    Array array;
    for (const std::int64_t id : ids) array.add(id);
    return array.take();
}

void add_id(Array& array, std::int64_t id) {
    id == 0 ? array.add_null() : array.add(id);
}

Result<std::vector<KnownDrift>> read_known(db::Transaction& transaction, std::int64_t tenant_id,
                                           const Subjects& subjects) {
    Array lines;
    for (const LineCase& line : subjects.lines) lines.add(line.line_id);
    const auto rows = transaction.exec(
        kKnown, Params().add(tenant_id).add(ids_of(subjects.devices)).add(lines.take()));
    if (!rows) return rows.error();
    std::vector<KnownDrift> known;
    known.reserve(rows->size());
    for (std::size_t i = 0; i < rows->size(); ++i) {
        const auto field = parse_drift_field(rows->text(i, 3));
        CHECK(field.has_value());
        known.push_back({rows->integer(i, 0), rows->integer(i, 1), rows->integer(i, 2), *field,
                         rows->boolean(i, 4), rows->optional_text(i, 5),
                         rows->optional_text(i, 6)});
    }
    return known;
}

DeviceCase case_at(const Rows& rows, std::size_t row) {
    DeviceCase device;
    device.device_id = rows.integer(row, 0);
    device.is_archived = rows.boolean(row, 1);
    device.ours = {rows.optional_text(row, 2), rows.optional_text(row, 3),
                   rows.optional_text(row, 4), rows.optional_text(row, 5),
                   rows.optional_text(row, 6)};
    device.line_id = rows.integer(row, 7);
    device.theirs = {rows.optional_text(row, 8), rows.optional_text(row, 9),
                     rows.optional_text(row, 10), rows.optional_text(row, 11),
                     rows.optional_text(row, 12)};
    if (!rows.is_null(row, 13)) {
        const auto seen_at = base::parse_iso8601(rows.text(row, 13));
        CHECK(seen_at.has_value());
        device.seen_at = *seen_at;
    }
    device.is_new = rows.boolean(row, 14);
    return device;
}

using Moving = std::map<std::int64_t, std::set<DriftField>>;

// The devices that differ in anything, with the fields that changes under way may be changing.
Result<Moving> read_moving(db::Transaction& transaction, const ClaimedSync& sync,
                           const std::map<std::int64_t, base::Instant>& differing,
                           const carriers::Carrier& carrier) {
    Moving moving;
    if (differing.empty()) return moving;
    Array devices;
    Array seen;
    for (const auto& [device, seen_at] : differing) {
        devices.add(device);
        seen.add(seen_at);
    }
    const auto rows =
        transaction.exec(kMoving, Params()
                                      .add(sync.tenant_id)
                                      .add(devices.take())
                                      .add(seen.take())
                                      .add(carrier.capabilities().settling_time.count()));
    if (!rows) return rows.error();
    for (std::size_t i = 0; i < rows->size(); ++i) {
        const auto touched = fields_touched_by(rows->text(i, 1));
        moving[rows->integer(i, 0)].insert(touched.begin(), touched.end());
    }
    return moving;
}

Result<std::vector<Judgement>> judgements_of(db::Transaction& transaction, const ClaimedSync& sync,
                                             const Subjects& subjects,
                                             const carriers::Carrier& carrier) {
    const auto rows = transaction.exec(
        kCases, Params().add(sync.tenant_id).add(ids_of(subjects.devices)).add(sync.started_at));
    if (!rows) return rows.error();
    std::vector<Judgement> all;
    std::map<std::int64_t, base::Instant> differing;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        const DeviceCase device = case_at(*rows, i);
        for (Judgement& judgement : compare(device, carrier, subjects.missing_is_known)) {
            if (judgement.differs) {
                differing[device.device_id] =
                    device.line_id != 0 ? device.seen_at : sync.started_at;
            }
            all.push_back(std::move(judgement));
        }
    }
    const auto moving = read_moving(transaction, sync, differing, carrier);
    if (!moving) return moving.error();
    std::erase_if(all, [&](const Judgement& judgement) {
        const auto found = moving->find(judgement.device_id);
        return judgement.differs && found != moving->end() &&
               found->second.contains(judgement.field);
    });
    for (const LineCase& line : subjects.lines) all.push_back(compare(line));
    return all;
}

Result<void> write(db::Transaction& transaction, const ClaimedSync& sync,
                   const DriftChanges& changes) {
    if (!changes.settled.empty()) {
        CARRYALL_TRY(
            transaction.exec(kSettle, Params().add(sync.tenant_id).add(ids_of(changes.settled))));
    }
    if (!changes.updated.empty()) {
        Array ids, lines, ours, theirs;
        for (const auto& updated : changes.updated) {
            ids.add(updated.drift_id);
            add_id(lines, updated.line_id);
            ours.add(updated.ours);
            theirs.add(updated.theirs);
        }
        Params params = Params().add(sync.tenant_id);
        for (Array* array : {&ids, &lines, &ours, &theirs}) params.add(array->take());
        CARRYALL_TRY(transaction.exec(kUpdate, params));
    }
    if (!changes.opened.empty()) {
        Array lines, devices, fields, ours, theirs;
        for (const Judgement& opened : changes.opened) {
            add_id(lines, opened.line_id);
            add_id(devices, opened.device_id);
            fields.add(to_string(opened.field));
            ours.add(opened.ours);
            theirs.add(opened.theirs);
        }
        Params params =
            Params().add(sync.tenant_id).add(sync.service_provider_id).add(sync.id.value);
        for (Array* array : {&lines, &devices, &fields, &ours, &theirs}) params.add(array->take());
        CARRYALL_TRY(transaction.exec(kOpenDrift, params));
    }
    return {};
}

}  // namespace

Result<void> judge(db::Transaction& transaction, const ClaimedSync& sync, const Subjects& subjects,
                   const carriers::Carrier& carrier) {
    if (subjects.devices.empty() && subjects.lines.empty()) return {};
    const auto known = read_known(transaction, sync.tenant_id, subjects);
    if (!known) return known.error();
    const auto judgements = judgements_of(transaction, sync, subjects, carrier);
    if (!judgements) return judgements.error();
    return write(transaction, sync, drift_changes(*judgements, *known));
}

}  // namespace carryall::sync
