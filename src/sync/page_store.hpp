// Inside a page's transaction: plans and lines as the carrier has them, and what changed.
#pragma once

#include <string>
#include <vector>

#include "db/postgres.hpp"
#include "sync/run_store.hpp"
#include "sync/sync_rules.hpp"

namespace carryall::sync {

// New plans are added, told members of known ones are taken over; both stand in sync.result.
Result<void> store_plans(db::Transaction& transaction, ClaimedSync& sync,
                         const std::vector<carriers::CarrierPlan>& plans);
Result<void> store_communication_plans(db::Transaction& transaction, ClaimedSync& sync,
                                       const std::vector<std::string>& names);
// After a full reading: the plans of ours in use that the carrier listed no more, if it lists any.
Result<void> note_unlisted_plans(db::Transaction& transaction, ClaimedSync& sync);

struct StoredLine {
    std::int64_t line_id = 0;
    std::int64_t device_id = 0;  // 0: not ours
    bool is_gone = false;
    bool is_newly_gone = false;
};
struct StoredLines {
    std::vector<StoredLine> lines;
    std::int64_t changed = 0;
};
Result<StoredLines> store_lines(db::Transaction& transaction, const ClaimedSync& sync,
                                const std::vector<KeyedLine>& lines);

// The next lines after sync.judged_line_id that no device stands for, or that a full reading did
// not show: matched with devices that came since, or marked as gone.
Result<std::vector<StoredLine>> settle_lines(db::Transaction& transaction, const ClaimedSync& sync,
                                             int batch);
// The account's next devices after sync.judged_device_id.
Result<std::vector<std::int64_t>> next_devices(db::Transaction& transaction,
                                               const ClaimedSync& sync, int batch);

// For a jsonb parameter: null for a JSON null, and without the character that jsonb refuses.
std::optional<std::string> storable(const base::json::value& value);

}  // namespace carryall::sync
