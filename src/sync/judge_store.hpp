// Inside a page's transaction: compares devices and lines with each other and writes the drift.
#pragma once

#include <vector>

#include "db/postgres.hpp"
#include "sync/drift_rules.hpp"
#include "sync/run_store.hpp"

namespace carryall::sync {

struct Subjects {
    std::vector<std::int64_t> devices;
    std::vector<LineCase> lines;
    bool missing_is_known = false;
};
// A device with an unfinished change that touches a field, or one that was carried out after its
// line was read, is not judged in this field.
Result<void> judge(db::Transaction& transaction, const ClaimedSync& sync, const Subjects& subjects,
                   const carriers::Carrier& carrier);

}  // namespace carryall::sync
