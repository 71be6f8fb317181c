// Claims and pages. What must stay true: the fence is locked first in every transaction, so that
// nothing of a page is written once another worker has claimed the sync.
#include "sync/run_store.hpp"

#include "sync/judge_store.hpp"
#include "sync/page_store.hpp"
#include "sync/sync_rules.hpp"

namespace carryall::sync {
namespace {

using db::Params;
using db::Query;
using db::Rows;
using db::Transaction;

constexpr Query kDue{"sync_due",
                     "SELECT tenant, inventory_sync FROM due_inventory_syncs() ORDER BY due_since, "
                     "inventory_sync"};

// A reading whose lease ran out was lost by a worker that died.
constexpr Query kClaim{"sync_claim", R"(
    WITH due AS (
        SELECT inventory_sync_id, state FROM inventory_sync
        WHERE tenant_id = $1 AND inventory_sync_id = $2 AND state IN ('queued', 'running')
          AND available_at <= now() FOR UPDATE SKIP LOCKED)
    UPDATE inventory_sync s
    SET state = 'running', attempt = s.attempt + 1, worker = $3,
        available_at = now() + make_interval(secs => $4::int),
        lost_count = s.lost_count + (due.state = 'running')::int,
        started_at = coalesce(s.started_at, now())
    FROM due
    WHERE s.tenant_id = $1 AND s.inventory_sync_id = due.inventory_sync_id
    RETURNING s.service_provider_id, s.kind, s.phase,
        to_char(s.modified_since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), s.resume,
        s.result, s.judged_line_id, s.judged_device_id, s.attempt, s.retry_number, s.lost_count,
        s.created_by,
        to_char(s.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))"};

constexpr Query kExtend{"sync_extend", R"(
    UPDATE inventory_sync SET available_at = now() + make_interval(secs => $4::int)
    WHERE tenant_id = $1 AND inventory_sync_id = $2 AND attempt = $3 AND state = 'running')"};

constexpr Query kRelease{"sync_release", R"(
    UPDATE inventory_sync
    SET state = 'queued', worker = NULL, lost_count = 0, retry_number = $4::int,
        available_at = now() + $5::bigint * interval '1 millisecond',
        reason = coalesce($6, reason)
    WHERE tenant_id = $1 AND inventory_sync_id = $2 AND attempt = $3 AND state = 'running')"};

constexpr Query kFail{"sync_fail", R"(
    UPDATE inventory_sync
    SET state = 'failed', worker = NULL, reason = $4, finished_at = now(),
        drift_count = (SELECT count(*) FROM drift d
                       WHERE d.tenant_id = $1 AND d.state = 'open'
                         AND d.service_provider_id = inventory_sync.service_provider_id)
    WHERE tenant_id = $1 AND inventory_sync_id = $2 AND attempt = $3 AND state = 'running')"};

constexpr Query kFence{"sync_fence",
                       "SELECT FROM inventory_sync WHERE tenant_id = $1 AND inventory_sync_id = $2 "
                       "AND attempt = $3 AND state = 'running' FOR UPDATE"};

constexpr Query kAdvance{"sync_advance", R"(
    UPDATE inventory_sync
    SET page_count = page_count + 1, line_count = line_count + $4::bigint,
        changed_count = changed_count + $5::bigint, resume = $6::jsonb, result = $7::jsonb,
        phase = CASE WHEN $8::boolean THEN 'comparing' ELSE phase END,
        retry_number = 0, lost_count = 0, reason = NULL,
        available_at = clock_timestamp() + make_interval(secs => $9::int)
    WHERE tenant_id = $1 AND inventory_sync_id = $2 AND attempt = $3
    RETURNING to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))"};

constexpr Query kJudged{"sync_judged", R"(
    UPDATE inventory_sync
    SET judged_line_id = $4, judged_device_id = $5, gone_count = gone_count + $6::bigint,
        lost_count = 0, available_at = clock_timestamp() + make_interval(secs => $7::int)
    WHERE tenant_id = $1 AND inventory_sync_id = $2 AND attempt = $3)"};

constexpr Query kDone{"sync_done", R"(
    UPDATE inventory_sync
    SET state = 'done', worker = NULL, resume = NULL, reason = NULL, finished_at = now(),
        result = $4::jsonb,
        drift_count = (SELECT count(*) FROM drift d
                       WHERE d.tenant_id = $1 AND d.state = 'open'
                         AND d.service_provider_id = inventory_sync.service_provider_id)
    WHERE tenant_id = $1 AND inventory_sync_id = $2 AND attempt = $3)"};

constexpr Query kOpenDrift{"sync_open_drift_by_field",
                           "SELECT field, sum(differences)::bigint FROM open_drift() GROUP BY "
                           "field ORDER BY field"};

// Where the walk over the carrier's lines is over.
constexpr std::int64_t kAllLines = INT64_MAX;

Params fence_of(const ClaimedSync& sync) {
    return Params().add(sync.tenant_id).add(sync.id).add(sync.attempt);
}

Result<bool> update_one(db::Connection& connection, const ClaimedSync& sync, const Query& query,
                        const Params& params) {
    CARRYALL_TRY(connection.work_for_tenant(sync.tenant_id));
    const auto rows = connection.exec(query, params);
    if (!rows) return rows.error();
    return rows->affected() == 1;
}

Result<bool> holds_fence(Transaction& transaction, const ClaimedSync& sync) {
    const auto rows = transaction.exec(kFence, fence_of(sync));
    if (!rows) return rows.error();
    return rows->size() == 1;
}

Subjects subjects_of(const std::vector<StoredLine>& lines) {
    Subjects subjects;
    for (const StoredLine& line : lines) {
        if (line.device_id != 0) subjects.devices.push_back(line.device_id);
        subjects.lines.push_back({line.line_id, line.device_id != 0 || line.is_gone});
    }
    return subjects;
}

Result<bool> apply_in(Transaction& transaction, ClaimedSync& sync,
                      const carriers::InventoryPage& page, const KeyedLines& lines,
                      const PageSettings& settings) {
    const auto held = holds_fence(transaction, sync);
    if (!held || !*held) return held;
    CARRYALL_TRY(store_plans(transaction, sync, page.plans));
    CARRYALL_TRY(store_communication_plans(transaction, sync, page.communication_plans));
    const auto stored = store_lines(transaction, sync, lines.lines);
    if (!stored) return stored.error();
    CARRYALL_TRY(judge(transaction, sync, subjects_of(stored->lines), *settings.carrier));
    Params params = fence_of(sync);
    params.add(static_cast<std::int64_t>(lines.lines.size())).add(stored->changed);
    params.add(storable(page.resume)).add(storable(sync.result)).add(page.is_last);
    const auto advanced = transaction.exec(kAdvance, params.add(settings.lease.count()));
    if (!advanced) return advanced.error();
    sync.read_at = *advanced->optional_instant(0, 0);
    return true;
}

Result<std::int64_t> walk_lines(Transaction& transaction, ClaimedSync& sync,
                                const PageSettings& settings, int batch) {
    const auto lines = settle_lines(transaction, sync, batch);
    if (!lines) return lines.error();
    const Subjects subjects = subjects_of(*lines);
    CARRYALL_TRY(judge(transaction, sync, {{}, subjects.lines, false}, *settings.carrier));
    const bool is_over = lines->size() < static_cast<std::size_t>(batch);
    sync.judged_line_id = is_over ? kAllLines : lines->back().line_id;
    return std::count_if(lines->begin(), lines->end(),
                         [](const StoredLine& line) { return line.is_newly_gone; });
}

Result<bool> walk_devices(Transaction& transaction, ClaimedSync& sync, const PageSettings& settings,
                          int batch) {
    Subjects subjects;
    auto devices = next_devices(transaction, sync, batch);
    if (!devices) return devices.error();
    subjects.devices = *std::move(devices);
    subjects.missing_is_known = sync.kind == SyncKind::full;
    CARRYALL_TRY(judge(transaction, sync, subjects, *settings.carrier));
    if (!subjects.devices.empty()) sync.judged_device_id = subjects.devices.back();
    return subjects.devices.size() < static_cast<std::size_t>(batch);
}

Result<CompareStep> compare_in(Transaction& transaction, ClaimedSync& sync,
                               const PageSettings& settings, int batch) {
    CompareStep step;
    const auto held = holds_fence(transaction, sync);
    if (!held) return held.error();
    if (!*held) return step;
    step.accepted = true;
    std::int64_t gone = 0;
    if (sync.judged_line_id != kAllLines) {
        const auto counted = walk_lines(transaction, sync, settings, batch);
        if (!counted) return counted.error();
        gone = *counted;
    } else {
        const auto is_over = walk_devices(transaction, sync, settings, batch);
        if (!is_over) return is_over.error();
        step.is_over = *is_over;
    }
    CARRYALL_TRY(transaction.exec(kJudged, fence_of(sync)
                                               .add(sync.judged_line_id)
                                               .add(sync.judged_device_id)
                                               .add(gone)
                                               .add(settings.lease.count())));
    if (step.is_over) {
        if (sync.kind == SyncKind::full) CARRYALL_TRY(note_unlisted_plans(transaction, sync));
        CARRYALL_TRY(transaction.exec(kDone, fence_of(sync).add(storable(sync.result))));
    }
    return step;
}

}  // namespace

Result<std::vector<DueSync>> due_syncs(db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto rows = connection.exec(kDue);
    if (!rows) return rows.error();
    std::vector<DueSync> due;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        due.push_back({rows->integer(i, 0), {rows->integer(i, 1)}});
    }
    return due;
}

Result<std::optional<ClaimedSync>> claim_sync(db::Connection& connection, const DueSync& due,
                                              const std::string& worker,
                                              std::chrono::seconds lease) {
    CARRYALL_TRY(connection.work_for_tenant(due.tenant_id));
    const auto rows = connection.exec(
        kClaim, Params().add(due.tenant_id).add(due.id).add(worker).add(lease.count()));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ClaimedSync>();
    ClaimedSync sync;
    sync.tenant_id = due.tenant_id;
    sync.id = due.id;
    sync.service_provider_id = rows->integer(0, 0);
    sync.kind = parse_sync_kind(rows->text(0, 1)).value_or(SyncKind::full);
    sync.is_comparing = rows->text(0, 2) == "comparing";
    sync.modified_since = rows->optional_instant(0, 3);
    if (!rows->is_null(0, 4)) sync.resume = base::parse_json(rows->text(0, 4)).value_or(nullptr);
    auto result = base::parse_json(rows->text(0, 5));
    if (result && result->is_object()) sync.result = std::move(result->get_object());
    sync.judged_line_id = rows->integer(0, 6);
    sync.judged_device_id = rows->integer(0, 7);
    sync.attempt = static_cast<int>(rows->integer(0, 8));
    sync.retry_number = static_cast<int>(rows->integer(0, 9));
    sync.lost_count = static_cast<int>(rows->integer(0, 10));
    sync.created_by = rows->string(0, 11);
    sync.started_at = *rows->optional_instant(0, 12);
    sync.read_at = *rows->optional_instant(0, 13);
    return std::optional(std::move(sync));
}

Result<bool> extend_sync(db::Connection& connection, const ClaimedSync& sync,
                         std::chrono::seconds lease) {
    return update_one(connection, sync, kExtend, fence_of(sync).add(lease.count()));
}

Result<bool> release_sync(db::Connection& connection, const ClaimedSync& sync,
                          const SyncPause& pause) {
    return update_one(
        connection, sync, kRelease,
        fence_of(sync).add(pause.retry_number).add(pause.due_in.count()).add(pause.reason));
}

Result<bool> fail_sync(db::Connection& connection, const ClaimedSync& sync,
                       const std::string& reason) {
    return update_one(connection, sync, kFail, fence_of(sync).add(reason));
}

Result<bool> apply_page(db::Connection& connection, ClaimedSync& sync, carriers::InventoryPage page,
                        const PageSettings& settings) {
    const KeyedLines lines = keyed_lines(std::move(page.lines));
    ClaimedSync after = sync;
    // The work may be repeated, so it begins from what was before.
    const auto applied = db::in_transaction<bool>(
        connection, sync.tenant_id, [&](Transaction& transaction) -> Result<bool> {
            after = sync;
            if (lines.nameless > 0) {
                auto& count = after.result["namelessLineCount"];
                count = (count.is_int64() ? count.get_int64() : 0) + lines.nameless;
            }
            return apply_in(transaction, after, page, lines, settings);
        });
    if (!applied || !*applied) return applied;
    sync = std::move(after);
    sync.resume = std::move(page.resume);
    sync.is_comparing = page.is_last;
    sync.retry_number = 0;
    return true;
}

Result<CompareStep> compare_step(db::Connection& connection, ClaimedSync& sync,
                                 const PageSettings& settings, int batch) {
    ClaimedSync after = sync;
    auto step = db::in_transaction<CompareStep>(
        connection, sync.tenant_id, [&](Transaction& transaction) -> Result<CompareStep> {
            after = sync;
            return compare_in(transaction, after, settings, batch);
        });
    if (step && step->accepted) sync = std::move(after);
    return step;
}

Result<std::vector<std::pair<std::string, std::int64_t>>> open_drift(db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto rows = connection.exec(kOpenDrift);
    if (!rows) return rows.error();
    std::vector<std::pair<std::string, std::int64_t>> counts;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        counts.emplace_back(rows->string(i, 0), rows->integer(i, 1));
    }
    return counts;
}

}  // namespace carryall::sync
