// What a processed device of each change type means for our record, as SQL.
#pragma once

#include "changes/bulk_change.hpp"

namespace carryall::changes {

// A part of the statement that completes a page: common table expressions without a comma at the
// end.
const char* effect_sql(ChangeType type);

}  // namespace carryall::changes
