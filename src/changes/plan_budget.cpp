// Piece by piece, so that an undo of a hundred thousand lines holds the history of a few at a time.
#include "changes/undo_budget.hpp"

#include "accounts/line_budgets.hpp"
#include "changes/change_kind.hpp"
#include "changes/undo_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;

constexpr int kLinesAtOnce = 5'000;

std::vector<carriers::LineBudget> budgets_of(const StoredChange& change,
                                             const base::json::object& settings) {
    const auto integration = carriers::parse_integration(change.integration);
    const carriers::Carrier* carrier = integration ? carriers::find_carrier(*integration) : nullptr;
    if (carrier == nullptr) return {};
    return carrier->line_budgets(settings);
}

accounts::LineAction action_of(ChangeType type, const UndoneLine& line) {
    return type == ChangeType::carrierrateplanchange
               ? accounts::LineAction::plan
               : line_action_of(line.present_status, line.former_status);
}

}  // namespace

Result<std::vector<LineNote>> hold_against_budgets(db::Transaction& transaction,
                                                   std::int64_t tenant_id,
                                                   const StoredChange& change,
                                                   const base::json::object& settings) {
    std::vector<LineNote> notes;
    const bool asks_the_carrier =
        change.type == ChangeType::carrierrateplanchange || change.type == ChangeType::statusupdate;
    const auto budgets =
        asks_the_carrier ? budgets_of(change, settings) : std::vector<carriers::LineBudget>();
    if (budgets.empty()) return notes;
    std::int64_t after = 0;
    while (true) {  // ends with the rows: `after` only grows
        const auto lines = lines_to_undo(transaction, tenant_id, after, kLinesAtOnce);
        if (!lines) return lines.error();
        if (lines->empty()) return notes;
        after = lines->back().ordinal;
        std::vector<std::int64_t> ids;
        for (const UndoneLine& line : *lines) ids.push_back(line.device_id);
        const auto past = accounts::past_actions(transaction, tenant_id, ids);
        if (!past) return past.error();
        std::vector<LineNote> refused;
        for (const UndoneLine& line : *lines) {
            static const std::vector<accounts::PastAction> kNone;
            const auto found = past->find(line.device_id);
            const auto& mine = found == past->end() ? kNone : found->second;
            const accounts::LineAction action = action_of(change.type, line);
            std::string over = accounts::over_budget(budgets, mine, action, change.now);
            if (!over.empty()) {
                refused.push_back({line.ordinal, "Not reversible now: " + std::move(over)});
                continue;
            }
            std::string left = accounts::left_of_budgets(budgets, mine, action, change.now);
            if (!left.empty()) notes.push_back({line.ordinal, std::move(left)});
        }
        CARRYALL_TRY(refuse_undone_lines(transaction, refused));
    }
}

Result<void> keep_line_notes(db::Transaction& transaction, std::int64_t tenant_id,
                             BulkChangeId undo, const std::vector<LineNote>& notes) {
    for (std::size_t begin = 0; begin < notes.size(); begin += kLinesAtOnce) {
        const std::size_t end = std::min(notes.size(), begin + kLinesAtOnce);
        CARRYALL_TRY(warn_of_lines(transaction, tenant_id, undo,
                                   {notes.begin() + static_cast<std::ptrdiff_t>(begin),
                                    notes.begin() + static_cast<std::ptrdiff_t>(end)}));
    }
    return {};
}

}  // namespace carryall::changes
