// The order of the reasons is the order in which a person would ask: was it changed at all, is it
// known what was before, can it go back, is it still as the change left it.
#include "changes/undo_store.hpp"

#include "changes/image_store.hpp"
#include "changes/request.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;

constexpr Query kStatusesBefore{"undo_statuses_before", R"(
    SELECT DISTINCT before ->> 'status' FROM device_change
    WHERE tenant_id = $1 AND before IS NOT NULL AND state = 'processed'
      AND device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1)"};

// The section that puts `c.before` back; of members that the change did not touch, nothing.
std::string section_back(ChangeType type) {
    const auto touched = [](const std::string& name) {
        return "'" + name + "', CASE WHEN t.target ? '" + name + "' THEN c.before -> '" + name +
               "' END";
    };
    const std::string emptied =
        " || coalesce((SELECT jsonb_build_object('emptied', jsonb_agg(k))"
        " FROM jsonb_object_keys(t.target) k WHERE c.before -> k = 'null' HAVING count(*) > 0),"
        " '{}')";
    switch (type) {
        case ChangeType::statusupdate:
            return "jsonb_build_object('updateStatus',"
                   " coalesce(spelled.carrier, c.before ->> 'status'))";
        case ChangeType::carrierrateplanchange:
            return "jsonb_strip_nulls(jsonb_build_object("
                   "'carrierRatePlan', c.before -> 'carrierRatePlan', 'commPlan',"
                   " CASE WHEN t.target ? 'communicationPlan'"
                   " THEN c.before -> 'communicationPlan' END))";
        case ChangeType::customerrateplanchange:
            return "jsonb_strip_nulls(jsonb_build_object(" + touched("customerRatePlanId") + ", " +
                   touched("customerPoolId") +
                   ", 'customerDataAllocationMb', CASE WHEN t.target ? 'customerDataAllocationMb'"
                   " THEN c.before ->> 'customerDataAllocationMb' END))" +
                   emptied;
        case ChangeType::customerassignment:
            return "jsonb_strip_nulls(jsonb_build_object(" + touched("customerId") + ", " +
                   touched("siteId") + ", " + touched("accountNumber") + ", " +
                   touched("customerRatePlanId") + ", " + touched("customerRatePoolId") + "))" +
                   emptied;
        case ChangeType::newserviceactivation:
            return "'{}'::jsonb";  // no device of it goes back
    }
    CHECK(false && "a change type that cannot be undone");
    return {};
}

// Why this kind of change cannot be taken back from this device; '' where there is no reason.
std::string reasons_of(ChangeType type) {
    switch (type) {
        case ChangeType::statusupdate:
            return R"(
        WHEN cardinality($6::text[]) > 0
             AND NOT (translate(lower(c.before ->> 'status'), ' _-', '') = ANY ($6)
                      AND translate(lower(t.target ->> 'status'), ' _-', '') = ANY ($6))
            THEN 'Not reversible: a line that was activated or taken out of service does not come '
                 || 'back with the same number')";
        case ChangeType::carrierrateplanchange:
            return R"(
        WHEN c.before -> 'carrierRatePlan' = 'null'
            THEN 'Not reversible: no carrier rate plan was known before'
        WHEN t.target ? 'communicationPlan' AND c.before -> 'communicationPlan' = 'null'
            THEN 'Not reversible: no communication plan was known before')";
        case ChangeType::customerassignment:
            return R"(
        WHEN image.now -> 'revServiceId' IS DISTINCT FROM c.before -> 'revServiceId'
            THEN 'Not reversible: a service was created at Rev.io; disconnect it there first')";
        case ChangeType::newserviceactivation:
            return R"(
        WHEN true THEN 'Not reversible: a new line is not taken back; deactivate it by a status '
                 || 'update')";
        case ChangeType::customerrateplanchange:
            return {};
    }
    CHECK(false && "a change type that cannot be undone");
    return {};
}

// The values before were recorded when the change was accepted. An earlier change that ended
// meanwhile, or a file that was imported, may have made them others by the time it was carried out.
constexpr const char* kUncertain = R"(
        WHEN EXISTS (SELECT FROM device_change e
                     WHERE e.tenant_id = $1 AND e.device_id = c.device_id
                       AND e.device_change_id >> 20 <> $2::bigint AND e.state = 'processed'
                       AND e.finished_at >= b.accepted_at AND e.finished_at <= c.finished_at)
            THEN 'Not reversible: another change of the device ended between the acceptance of '
                 || 'this one and its end, so what it replaced is not certain'
        WHEN EXISTS (SELECT FROM device_event e
                     WHERE e.tenant_id = $1 AND e.device_id = c.device_id
                       AND e.occurred_at >= b.accepted_at AND e.occurred_at <= c.finished_at)
            THEN 'Not reversible: the device''s record was changed between the acceptance of this '
                 || 'change and its end, so what it replaced is not certain')";

// $3 section's name, $4 and $5 spellings of statuses, $6 statuses that go back and forth.
const QueryByType& take_query() {
    static const QueryByType queries("undo_take_rows", [](ChangeType type) {
        const bool is_status = type == ChangeType::statusupdate;
        const std::string target = target_of_section(type);
        return R"(
    INSERT INTO plan_row
    SELECT row_number() OVER (ORDER BY c.device_change_id), c.row_number, c.identifier, c.device_id,
           back.section, jsonb_build_object($3::text, back.section), CASE
        WHEN c.state = 'parked' THEN 'Unknown whether it was done: ' || c.reason
        WHEN c.before IS NULL THEN 'Not reversible: the values before were not recorded'
        WHEN EXISTS (SELECT FROM customer_rate_plan_device_queue q
                     WHERE q.tenant_id = $1 AND q.device_change_id = c.device_change_id
                       AND q.is_active)
            THEN 'Not in effect yet: its effective date lies ahead'
        WHEN d.device_id IS NULL THEN NULL)" +
               reasons_of(type) + R"(
        WHEN image.now @> back.target THEN 'Has its former value already'
        WHEN NOT image.now @> t.target THEN 'Moved since: ' || (
            SELECT string_agg(k || ' is ' || coalesce(image.now ->> k, 'empty')
                       || ', the change had made it ' || coalesce(t.target ->> k, 'empty'), '; '
                       ORDER BY k)
            FROM jsonb_object_keys(t.target) k
            WHERE image.now -> k IS DISTINCT FROM t.target -> k))" +
               kUncertain + R"(
        END, NULL, true, NULL
    FROM (SELECT x.*, coalesce(x.applied_at, x.created_at) AS accepted_at FROM bulk_change x) b
    JOIN device_change c ON c.tenant_id = $1
        AND c.device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1
    CROSS JOIN LATERAL (SELECT coalesce(c.request -> $3, b.request -> $3) AS section) s
    CROSS JOIN LATERAL (SELECT )" +
               target + R"( AS target) t
    LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id)" +
               image_joins(type) + R"(
    CROSS JOIN LATERAL (SELECT )" +
               image_of_device(type) + R"( AS now) image
    LEFT JOIN (SELECT * FROM unnest($4::text[], $5::text[]) AS w(stored, carrier)) spelled
        ON )" + (is_status ? "spelled.stored = c.before ->> 'status'" : "false") +
               R"(
    CROSS JOIN LATERAL (
        SELECT o.section, (SELECT )" +
               target + R"( FROM (SELECT o.section) s) AS target
        FROM (SELECT )" +
               section_back(type) + R"( AS section) o) back
    WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND c.state IN ('processed', 'parked'))" +
               (is_status ? "" : " AND cardinality($6::text[]) >= 0");
    });
    return queries;
}

constexpr Query kRestore{"undo_restore_requests", R"(
    UPDATE submit_verdict v SET request = r.own FROM plan_row r WHERE r.ordinal = v.ordinal)"};

constexpr Query kLines{"plan_accepted_lines", R"(
    SELECT v.ordinal, v.device_id, d.status, coalesce(r.status, '')
    FROM submit_verdict v
    JOIN submit_row r ON r.ordinal = v.ordinal
    JOIN device d ON d.tenant_id = $1 AND d.device_id = v.device_id
    WHERE v.reason IS NULL AND v.ordinal > $2::bigint ORDER BY v.ordinal LIMIT $3::int)"};

constexpr Query kRefuseLines{"plan_refuse_lines", R"(
    UPDATE submit_verdict v SET reason = n.words
    FROM unnest($1::bigint[], $2::text[]) AS n(ordinal, words) WHERE v.ordinal = n.ordinal)"};

constexpr Query kWarnOfLines{"plan_warn_of_lines", R"(
    UPDATE device_change c SET warning = coalesce(c.warning || '; ', '') || n.words
    FROM unnest($3::bigint[], $4::text[]) AS n(ordinal, words)
    WHERE c.tenant_id = $1 AND c.device_change_id = ($2::bigint << 20) + n.ordinal)"};

void add_notes(Params& params, const std::vector<LineNote>& notes) {
    Array ordinals, words;
    for (const LineNote& note : notes) {
        ordinals.add(note.ordinal);
        words.add(std::string_view(note.words));
    }
    params.add(ordinals.take()).add(words.take());
}

constexpr Query kUntouched{"undo_count_untouched", R"(
    SELECT error_count + cancelled_count, parked_count FROM bulk_change
    WHERE tenant_id = $1 AND bulk_change_id = $2)"};

std::string array_of(const std::vector<std::string>& texts) {
    Array array;
    for (const std::string& text : texts) array.add(std::string_view(text));
    return array.take();
}

}  // namespace

Result<std::vector<std::string>> statuses_before(db::Transaction& transaction,
                                                 std::int64_t tenant_id, BulkChangeId id) {
    const auto rows = transaction.exec(kStatusesBefore, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    std::vector<std::string> statuses;
    for (std::size_t i = 0; i < rows->size(); ++i) statuses.push_back(rows->string(i, 0));
    return statuses;
}

Result<std::int64_t> take_undo_rows(db::Transaction& transaction, std::int64_t tenant_id,
                                    BulkChangeId id, const UndoFacts& facts) {
    const auto rows =
        transaction.exec(take_query().of(facts.type), Params()
                                                          .add(tenant_id)
                                                          .add(id)
                                                          .add(section_name(facts.type))
                                                          .add(array_of(facts.stored_statuses))
                                                          .add(array_of(facts.carrier_statuses))
                                                          .add(array_of(facts.only_between)));
    if (!rows) return rows.error();
    return static_cast<std::int64_t>(rows->affected());
}

Result<void> restore_requests(db::Transaction& transaction) {
    const auto rows = transaction.exec(kRestore);
    if (!rows) return rows.error();
    return {};
}

Result<std::vector<AcceptedLine>> accepted_lines(db::Transaction& transaction,
                                                 std::int64_t tenant_id, std::int64_t after_ordinal,
                                                 int limit) {
    const auto rows =
        transaction.exec(kLines, Params().add(tenant_id).add(after_ordinal).add(limit));
    if (!rows) return rows.error();
    std::vector<AcceptedLine> lines;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        lines.push_back(
            {rows->integer(i, 0), rows->integer(i, 1), rows->string(i, 2), rows->string(i, 3)});
    }
    return lines;
}

Result<void> refuse_accepted_lines(db::Transaction& transaction,
                                   const std::vector<LineNote>& reasons) {
    if (reasons.empty()) return {};
    Params params;
    add_notes(params, reasons);
    const auto rows = transaction.exec(kRefuseLines, params);
    if (!rows) return rows.error();
    return {};
}

Result<void> warn_of_lines(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId plan,
                           const std::vector<LineNote>& notes) {
    Params params;
    params.add(tenant_id).add(plan);
    add_notes(params, notes);
    const auto rows = transaction.exec(kWarnOfLines, params);
    if (!rows) return rows.error();
    return {};
}

Result<Untouched> count_untouched(db::Transaction& transaction, std::int64_t tenant_id,
                                  BulkChangeId id) {
    const auto rows = transaction.exec(kUntouched, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    return Untouched{rows->integer(0, 0), rows->integer(0, 1)};
}

}  // namespace carryall::changes
