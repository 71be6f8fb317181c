// What was asked of lines, from the rows that completed pages wrote.
#include <algorithm>

#include "accounts/line_budgets.hpp"

namespace carryall::accounts {
namespace {

// A look-up for each device ("OFFSET 0" keeps it one): the planner takes a table that has just got
// its first rows for empty, and would read all of them for every device.
constexpr db::Query kPastActions{"line_past_actions", R"(
    SELECT a.device_id, a.action,
           to_char(a.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    FROM unnest($2::bigint[]) AS d(id)
    CROSS JOIN LATERAL (
        SELECT device_id, action, occurred_at FROM line_action
        WHERE tenant_id = $1 AND device_id = d.id
          AND occurred_at > now() - interval '366 days' OFFSET 0) a
    ORDER BY a.device_id, a.occurred_at)"};

LineAction stored_action(std::string_view text) {
    for (const LineAction action : {LineAction::plan, LineAction::activate, LineAction::suspend,
                                    LineAction::restore, LineAction::deactivate}) {
        if (to_string(action) == text) return action;
    }
    return LineAction::status;
}

db::Params params_of(std::int64_t tenant_id, const std::vector<std::int64_t>& device_ids) {
    db::Array ids;
    for (const std::int64_t id : device_ids) ids.add(id);
    return db::Params().add(tenant_id).add(ids.take());
}

base::Result<PastActions> read_past(const base::Result<db::Rows>& rows) {
    if (!rows) return rows.error();
    PastActions past;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        const auto at = base::parse_iso8601(rows->text(row, 2));
        CHECK(at.has_value());
        past[rows->integer(row, 0)].push_back({stored_action(rows->text(row, 1)), *at});
    }
    return past;
}

}  // namespace

base::Result<PastActions> past_actions(db::Connection& connection, std::int64_t tenant_id,
                                       const std::vector<std::int64_t>& device_ids) {
    return read_past(connection.exec(kPastActions, params_of(tenant_id, device_ids)));
}

base::Result<PastActions> past_actions(db::Transaction& transaction, std::int64_t tenant_id,
                                       const std::vector<std::int64_t>& device_ids) {
    return read_past(transaction.exec(kPastActions, params_of(tenant_id, device_ids)));
}

}  // namespace carryall::accounts
