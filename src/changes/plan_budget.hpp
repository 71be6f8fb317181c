// An undo at a carrier that limits what a line may do in a time: what is left is said of each
// device, and a device that has none left is not reversible now.
#pragma once

#include <string>
#include <vector>

#include "changes/retry_store.hpp"

namespace carryall::changes {

struct LineNote {
    std::int64_t ordinal = 0;
    std::string words;
};

// With the rows judged: refuses those beyond a budget, and answers what is to be said of the others
// (keep_line_notes). Empty: the carrier limits no line.
base::Result<std::vector<LineNote>> hold_against_budgets(db::Transaction& transaction,
                                                         std::int64_t tenant_id,
                                                         const StoredChange& change,
                                                         const base::json::object& settings);

// Writes them to the devices of the undo.
base::Result<void> keep_line_notes(db::Transaction& transaction, std::int64_t tenant_id,
                                   BulkChangeId undo, const std::vector<LineNote>& notes);

}  // namespace carryall::changes
