// A plan at a carrier that limits what a line may do in a time: which of its lines have used that
// up, and what is left of the others. Workers look again before they send.
#pragma once

#include <string>
#include <vector>

#include "changes/submit_store.hpp"

namespace carryall::changes {

struct LineNote {
    std::int64_t ordinal = 0;
    std::string words;
};

// Of the accepted rows, once they are judged. Both empty: the carrier limits no line.
struct LineRoom {
    std::vector<LineNote>
        over;  // "The line has used 2 of 2 plan changes a month; possible again …"
    std::vector<LineNote> left;  // of the others: "1 of 2 plan changes a month left"
};
base::Result<LineRoom> room_of_lines(db::Transaction& transaction, std::int64_t tenant_id,
                                     ChangeType type, const ProviderFacts& provider);

// Refuses judged rows after all.
base::Result<void> refuse_lines(db::Transaction& transaction, const std::vector<LineNote>& reasons);
// Adds them to what is said of the plan's devices.
base::Result<void> note_lines(db::Transaction& transaction, std::int64_t tenant_id,
                              BulkChangeId plan, const std::vector<LineNote>& notes);

}  // namespace carryall::changes
