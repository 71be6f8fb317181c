// The database's side of undoing: what each device of an ended change had before, and why it may
// not be put back. A fixed number of statements, whatever the number of devices.
#pragma once

#include <string>
#include <vector>

#include "changes/plan_budget.hpp"
#include "changes/plan_store.hpp"

namespace carryall::changes {

// The statuses that devices of the change had before.
base::Result<std::vector<std::string>> statuses_before(db::Transaction& transaction,
                                                       std::int64_t tenant_id, BulkChangeId id);

struct UndoFacts {
    ChangeType type = ChangeType::statusupdate;
    // The carrier's spelling of statuses_before(), pairwise; for others the judge finds that no
    // transition leads to them.
    std::vector<std::string> stored_statuses;
    std::vector<std::string> carrier_statuses;
    // At this carrier only these go back and forth; empty: what the transitions allow.
    std::vector<std::string> only_between;
};

// Fills the plan rows (create_plan_rows) with the way back of every device that was changed or may
// have been. Answers how many rows.
base::Result<std::int64_t> take_undo_rows(db::Transaction& transaction, std::int64_t tenant_id,
                                          BulkChangeId id, const UndoFacts& facts);

// A device that a plan would change, in the order of the rows (plan_budget.hpp).
struct AcceptedLine {
    std::int64_t ordinal = 0;
    std::int64_t device_id = 0;
    std::string present_status;
    std::string wanted_status;  // empty: the change is of no status
};
base::Result<std::vector<AcceptedLine>> accepted_lines(db::Transaction& transaction,
                                                       std::int64_t tenant_id,
                                                       std::int64_t after_ordinal, int limit);
base::Result<void> refuse_accepted_lines(db::Transaction& transaction,
                                         const std::vector<LineNote>& reasons);
base::Result<void> warn_of_lines(db::Transaction& transaction, std::int64_t tenant_id,
                                 BulkChangeId plan, const std::vector<LineNote>& notes);

// After judging: what an undo puts back is exactly what was there, nothing filled in.
base::Result<void> restore_requests(db::Transaction& transaction);

// What the change left alone, and where nobody knows.
struct Untouched {
    std::int64_t never_changed = 0;  // error, cancelled
    std::int64_t unknown = 0;        // parked
};
base::Result<Untouched> count_untouched(db::Transaction& transaction, std::int64_t tenant_id,
                                        BulkChangeId id);

}  // namespace carryall::changes
