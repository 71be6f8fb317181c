// The SQL of pausing, resuming, limits and waves.
#include "changes/control_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;

Query look_query() {
    static const std::string sql = std::string("SELECT ") + kHeldColumns +
                                   " FROM bulk_change b"
                                   " WHERE b.tenant_id = $1 AND b.bulk_change_id = $2";
    return {"control_look", sql.c_str()};
}

constexpr Query kLock{"control_lock", R"(
    SELECT b.status, b.control, b.control_cause, b.finished_at IS NOT NULL,
           EXISTS (SELECT FROM customer_rate_plan_device_queue q
               WHERE q.tenant_id = $1 AND q.is_active
                 AND q.device_change_id BETWEEN $2::bigint << 20
                                            AND (($2::bigint + 1) << 20) - 1),
           b.correlation_id, b.open_page_count,
           b.wave_ends IS NOT NULL AND b.wave_open_page_count = 0
               AND b.wave < cardinality(b.wave_ends)
    FROM bulk_change b WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 FOR UPDATE)"};

// What was never started is found by the workers from now on: they end it.
constexpr Query kHold{"control_hold", R"(
    UPDATE bulk_change
    SET control = $3, control_cause = 'person', control_by = $4, control_reason = $5,
        control_at = clock_timestamp(),
        status = CASE WHEN status IN ('NEW', 'PLANNED') THEN 'PENDING' ELSE status END
    WHERE tenant_id = $1 AND bulk_change_id = $2)"};

constexpr Query kRun{"control_run", R"(
    UPDATE bulk_change
    SET control = 'running', control_cause = 'person', control_by = $3, control_reason = NULL,
        control_at = clock_timestamp(), failure_count = 0, ended_count = 0
    WHERE tenant_id = $1 AND bulk_change_id = $2)"};

constexpr Query kNextWave{"control_next_wave", R"(
    UPDATE bulk_change b
    SET wave = b.wave + 1, wave_open_page_count = (
            SELECT count(*) FROM change_page w
            WHERE w.tenant_id = $1 AND w.bulk_change_id = $2 AND w.state <> 'done'
              AND w.page_number > b.wave_ends[b.wave]
              AND w.page_number <= b.wave_ends[b.wave + 1])
    WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)"};

constexpr Query kSetThreshold{"control_threshold", R"(
    UPDATE bulk_change
    SET failure_limit = $3, failure_percent = $4, failure_after = $5
    WHERE tenant_id = $1 AND bulk_change_id = $2)"};

constexpr Query kSetConcurrency{"control_concurrency", R"(
    UPDATE bulk_change SET max_concurrency = $3 WHERE tenant_id = $1 AND bulk_change_id = $2)"};

// A wave's percents are of the accepted devices, in the order of their rows: the first wave of one
// percent is not spent on rows that were refused. Percents that fall onto the same device are one
// wave.
constexpr Query kInsertWavePages{"control_insert_wave_pages", R"(
    WITH accepted AS (
        SELECT ordinal, row_number() OVER (ORDER BY ordinal) AS rank, count(*) OVER () AS total
        FROM submit_verdict WHERE reason IS NULL),
    border AS (
        SELECT DISTINCT a.ordinal AS last
        FROM unnest($4::int[]) AS w(percent)
        JOIN accepted a ON a.rank = (a.total * w.percent + 99) / 100 AND w.percent < 100),
    wave AS (
        SELECT row_number() OVER (ORDER BY last) AS number, last,
               coalesce(lag(last) OVER (ORDER BY last), 0) + 1 AS first
        FROM (SELECT last FROM border UNION SELECT max(ordinal) FROM submit_verdict) b),
    chunk AS (
        SELECT w.number AS wave, (v.ordinal - w.first) / $3::int AS chunk, min(v.ordinal) AS first,
               max(v.ordinal) AS last, count(*) > count(v.reason) AS is_open,
               coalesce(min(coalesce(v.due_at, '-infinity')) FILTER (WHERE v.reason IS NULL),
                        'infinity') AS due_at
        FROM wave w JOIN submit_verdict v ON v.ordinal BETWEEN w.first AND w.last
        GROUP BY 1, 2),
    page AS MATERIALIZED (
        SELECT row_number() OVER (ORDER BY wave, chunk)::int AS page_number, * FROM chunk),
    inserted AS (
        INSERT INTO change_page (bulk_change_id, page_number, tenant_id, first_device_change_id,
            last_device_change_id, state, available_at)
        SELECT $2, page_number, $1, ($2::bigint << 20) + first, ($2::bigint << 20) + last,
               CASE WHEN is_open THEN 'ready' ELSE 'done' END, due_at
        FROM page ORDER BY page_number)
    UPDATE bulk_change b
    SET waves = $4::int[], waves_by_hand = $5,
        wave_ends = (SELECT array_agg(last_page ORDER BY wave)
                     FROM (SELECT wave, max(page_number) AS last_page FROM page GROUP BY wave) w),
        wave_open_page_count = (SELECT count(*) FROM page WHERE is_open AND wave = 1),
        open_page_count = (SELECT count(*) FROM page WHERE is_open)
    WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)"};

Result<void> without_rows(const Result<Rows>& rows) {
    if (!rows) return rows.error();
    return {};
}

}  // namespace

Held read_held(const Rows& rows, std::size_t row, int first_column) {
    const auto control = parse_control(rows.text(row, first_column));
    CHECK(control.has_value());  // the table allows no other
    Held held;
    held.control = *control;
    held.may_begin = rows.boolean(row, first_column + 1);
    held.words =
        held_words(*control, rows.text(row, first_column + 2), rows.text(row, first_column + 3));
    held.since = std::chrono::milliseconds(rows.integer(row, first_column + 4));
    if (const auto most = rows.optional_integer(row, first_column + 5)) {
        held.max_concurrency = static_cast<int>(*most);
    }
    return held;
}

Result<Held> look_at_control(db::Connection& connection, std::int64_t tenant_id, BulkChangeId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(look_query(), Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such bulk change in this tenant");
    return read_held(*rows, 0, 0);
}

Result<std::optional<ControlRow>> lock_control(db::Transaction& transaction, std::int64_t tenant_id,
                                               BulkChangeId id) {
    const auto rows = transaction.exec(kLock, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ControlRow>();
    const auto control = parse_control(rows->text(0, 1));
    CHECK(control.has_value());  // the table allows no other
    ControlRow row;
    row.facts = {rows->string(0, 0), *control, parse_control_cause(rows->text(0, 2)),
                 rows->boolean(0, 3), rows->boolean(0, 4)};
    row.correlation_id = rows->string(0, 5);
    row.open_page_count = rows->integer(0, 6);
    row.wave_has_ended = rows->boolean(0, 7);
    return std::optional(std::move(row));
}

Result<void> store_held(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                        Control control, std::string_view by,
                        const std::optional<std::string>& reason) {
    return without_rows(transaction.exec(
        kHold, Params().add(tenant_id).add(id).add(to_string(control)).add(by).add(reason)));
}

Result<void> store_running(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                           std::string_view by) {
    return without_rows(transaction.exec(kRun, Params().add(tenant_id).add(id).add(by)));
}

Result<void> begin_next_wave(db::Transaction& transaction, std::int64_t tenant_id,
                             BulkChangeId id) {
    return without_rows(transaction.exec(kNextWave, Params().add(tenant_id).add(id)));
}

Result<void> store_threshold(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                             const std::optional<FailureThreshold>& threshold) {
    Params params;
    params.add(tenant_id).add(id);
    if (threshold) {
        params.add(threshold->count).add(threshold->percent);
        threshold->percent ? params.add(threshold->after_devices) : params.add_null();
    } else {
        params.add_null().add_null().add_null();
    }
    return without_rows(transaction.exec(kSetThreshold, params));
}

Result<void> store_concurrency(db::Transaction& transaction, std::int64_t tenant_id,
                               BulkChangeId id, std::optional<int> max_concurrency) {
    return without_rows(
        transaction.exec(kSetConcurrency, Params().add(tenant_id).add(id).add(max_concurrency)));
}

Result<void> store_control(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                           const ControlRequest& wanted) {
    if (wanted.threshold) {
        CARRYALL_TRY(store_threshold(transaction, tenant_id, id, wanted.threshold));
    }
    if (!wanted.max_concurrency) return {};
    return store_concurrency(transaction, tenant_id, id, wanted.max_concurrency);
}

Result<void> insert_wave_pages(db::Transaction& transaction, std::int64_t tenant_id,
                               BulkChangeId id, const ControlRequest& wanted, int page_size) {
    Array percents;
    for (const int percent : wanted.waves) percents.add(static_cast<std::int64_t>(percent));
    return without_rows(transaction.exec(kInsertWavePages, Params()
                                                               .add(tenant_id)
                                                               .add(id)
                                                               .add(page_size)
                                                               .add(percents.take())
                                                               .add(wanted.waves_by_hand)));
}

}  // namespace carryall::changes
