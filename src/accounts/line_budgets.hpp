// Budgets of a line: what a carrier lets one line do in a time (carriers::LineBudget), held against
// what was asked of it before. Checked before anything is sent, and shown.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "carriers/carrier.hpp"
#include "db/postgres.hpp"

namespace carryall::accounts {

enum class LineAction { plan, activate, suspend, restore, deactivate, status };
std::string_view to_string(LineAction action);

struct PastAction {
    LineAction action = LineAction::status;
    base::Instant at;
};

struct BudgetState {
    carriers::LineBudget budget;
    int used = 0;
    // When the next action of this kind is possible again; none: now, or not by waiting.
    std::optional<base::Instant> free_at;
};

// "planChangesPerMonth": the budget's name in settings and answers.
std::string name_of(const carriers::LineBudget& budget);

// `past` of one line, oldest first, of the last year at least.
std::vector<BudgetState> budget_states(const std::vector<carriers::LineBudget>& budgets,
                                       const std::vector<PastAction>& past, base::Instant now);

// Why `action` would go beyond a budget, as a sentence with the figure and when it is possible
// again; empty: it does not.
std::string over_budget(const std::vector<carriers::LineBudget>& budgets,
                        const std::vector<PastAction>& past, LineAction action, base::Instant now);

// What is left of every budget that `action` counts against: "1 of 2 plan changes a month left";
// empty: there is none.
std::string left_of_budgets(const std::vector<carriers::LineBudget>& budgets,
                            const std::vector<PastAction>& past, LineAction action,
                            base::Instant now);

// What was asked of these devices in the last 366 days, oldest first. One statement.
using PastActions = std::map<std::int64_t, std::vector<PastAction>>;
base::Result<PastActions> past_actions(db::Connection& connection, std::int64_t tenant_id,
                                       const std::vector<std::int64_t>& device_ids);
base::Result<PastActions> past_actions(db::Transaction& transaction, std::int64_t tenant_id,
                                       const std::vector<std::int64_t>& device_ids);

}  // namespace carryall::accounts
