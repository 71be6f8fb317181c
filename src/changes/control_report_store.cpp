// The SQL of what reports show of how a change is held.
#include "base/text.hpp"
#include "changes/control_report.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::changes {
namespace {

// Only while both still run is it true that one waits for the other.
constexpr const char* kWaitsFor = R"(
    (SELECT w.bulk_change_id || ' '
            || CASE w.control WHEN 'running' THEN w.status ELSE w.control END
     FROM bulk_change w
     WHERE w.tenant_id = $1 AND w.bulk_change_id = b.waits_for_bulk_change_id
       AND w.status IN ('PENDING', 'PROCESSING') AND b.status IN ('PENDING', 'PROCESSING')))";

std::optional<int> number_at(const db::Rows& rows, std::size_t row, int column) {
    const auto number = rows.optional_integer(row, column);
    return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

}  // namespace

const std::string& control_columns() {
    // One that ended while it was paused is held no more.
    static const std::string columns =
        "CASE WHEN b.control = 'paused' AND b.finished_at IS NOT NULL THEN 'running'"
        " ELSE b.control END, b.control_cause, b.control_reason, b.control_by, " +
        tenants::iso8601("b.control_at") +
        ", b.max_concurrency, b.failure_limit, b.failure_percent, b.failure_after, b.wave,"
        " coalesce(cardinality(b.wave_ends), 0), b.withdrawn_count, b.failure_count,"
        " b.ended_count," +
        kWaitsFor + ", b.approval, b.approved_by, " + tenants::iso8601("b.approved_at");
    return columns;
}

ControlInfo control_at(const db::Rows& rows, std::size_t row, int first) {
    ControlInfo info;
    info.control = rows.string(row, first);
    info.cause = rows.optional_text(row, first + 1);
    info.reason = rows.optional_text(row, first + 2);
    info.by = rows.optional_text(row, first + 3);
    info.since = rows.optional_text(row, first + 4);
    info.max_concurrency = rows.optional_integer(row, first + 5);
    FailureThreshold threshold{number_at(rows, row, first + 6), number_at(rows, row, first + 7),
                               number_at(rows, row, first + 8).value_or(0)};
    if (threshold.count || threshold.percent) info.threshold = threshold;
    info.wave = rows.integer(row, first + 9);
    info.wave_count = rows.integer(row, first + 10);
    info.withdrawn_count = rows.integer(row, first + 11);
    info.failure_count = rows.integer(row, first + 12);
    info.ended_count = rows.integer(row, first + 13);
    info.approval = rows.string(row, first + 15);
    info.approved_by = rows.optional_text(row, first + 16);
    info.approved_at = rows.optional_text(row, first + 17);
    const std::string waits = rows.string(row, first + 14);
    if (const std::size_t space = waits.find(' '); space != std::string::npos) {
        info.waits_for = base::parse_int(waits.substr(0, space));
        info.waits_for_state = waits.substr(space + 1);
    }
    return info;
}

}  // namespace carryall::changes
