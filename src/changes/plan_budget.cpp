// Piece by piece, so that a plan of a hundred thousand lines holds the history of a few at a time.
#include "changes/plan_budget.hpp"

#include <functional>

#include "accounts/line_budgets.hpp"
#include "changes/change_kind.hpp"
#include "changes/undo_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;

constexpr int kLinesAtOnce = 5'000;

std::vector<carriers::LineBudget> budgets_of(ChangeType type, const ProviderFacts& provider) {
    const bool asks_the_carrier =
        type == ChangeType::carrierrateplanchange || type == ChangeType::statusupdate;
    const auto integration = carriers::parse_integration(provider.integration);
    const carriers::Carrier* carrier = integration ? carriers::find_carrier(*integration) : nullptr;
    if (!asks_the_carrier || carrier == nullptr) return {};
    return carrier->line_budgets(provider.settings);
}

accounts::LineAction action_of(ChangeType type, const AcceptedLine& line) {
    return type == ChangeType::carrierrateplanchange
               ? accounts::LineAction::plan
               : line_action_of(line.present_status, line.wanted_status);
}

using Notes = std::vector<LineNote>;

Result<void> in_pieces(const Notes& notes, const std::function<Result<void>(const Notes&)>& write) {
    for (std::size_t begin = 0; begin < notes.size(); begin += kLinesAtOnce) {
        const std::size_t end = std::min(notes.size(), begin + kLinesAtOnce);
        CARRYALL_TRY(write({notes.begin() + static_cast<std::ptrdiff_t>(begin),
                            notes.begin() + static_cast<std::ptrdiff_t>(end)}));
    }
    return {};
}

}  // namespace

Result<LineRoom> room_of_lines(db::Transaction& transaction, std::int64_t tenant_id,
                               ChangeType type, const ProviderFacts& provider) {
    LineRoom room;
    const auto budgets = budgets_of(type, provider);
    if (budgets.empty()) return room;
    std::int64_t after = 0;
    while (true) {  // ends with the rows: `after` only grows
        const auto lines = accepted_lines(transaction, tenant_id, after, kLinesAtOnce);
        if (!lines) return lines.error();
        if (lines->empty()) return room;
        after = lines->back().ordinal;
        std::vector<std::int64_t> ids;
        for (const AcceptedLine& line : *lines) ids.push_back(line.device_id);
        const auto past = accounts::past_actions(transaction, tenant_id, ids);
        if (!past) return past.error();
        for (const AcceptedLine& line : *lines) {
            static const std::vector<accounts::PastAction> kNone;
            const auto found = past->find(line.device_id);
            const auto& mine = found == past->end() ? kNone : found->second;
            const accounts::LineAction action = action_of(type, line);
            std::string over = accounts::over_budget(budgets, mine, action, provider.now);
            if (!over.empty()) {
                room.over.push_back({line.ordinal, std::move(over)});
                continue;
            }
            std::string left = accounts::left_of_budgets(budgets, mine, action, provider.now);
            if (!left.empty()) room.left.push_back({line.ordinal, std::move(left)});
        }
    }
}

Result<void> refuse_lines(db::Transaction& transaction, const std::vector<LineNote>& reasons) {
    return in_pieces(reasons,
                     [&](const Notes& some) { return refuse_accepted_lines(transaction, some); });
}

Result<void> note_lines(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId plan,
                        const std::vector<LineNote>& notes) {
    return in_pieces(notes, [&](const Notes& some) {
        return warn_of_lines(transaction, tenant_id, plan, some);
    });
}

}  // namespace carryall::changes
