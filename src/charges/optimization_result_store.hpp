// The database's side of taking device results that are in `table_row` (row_check_store.hpp), in
// the same transaction: judge them all at once, store them.
#pragma once

#include "charges/optimization.hpp"

namespace carryall::charges {

// Finds each row's queue and device. Adds what is wrong to the report, stores nothing.
Result<void> check_results(db::Transaction& transaction, TenantId tenant_id, InstanceId id,
                           ResultsReport& report);

// Stores the rows, which are all good, in place of what their queues held for their portals.
Result<void> store_results(db::Transaction& transaction, TenantId tenant_id, ResultsReport& report);

}  // namespace carryall::charges
