// The database's side of taking device results, step by step inside one transaction: make the
// temporary tables, take the rows (COPY), judge them all at once, store them.
#pragma once

#include "charges/optimization.hpp"

namespace carryall::charges {

Result<void> prepare_results(db::Transaction& transaction);

// Fields: the row's number, then result_columns_described().
Result<db::CopyIn> start_results(db::Transaction& transaction);

// Finds each row's queue and device. Adds what is wrong to the report, stores nothing.
Result<void> check_results(db::Transaction& transaction, TenantId tenant_id, InstanceId id,
                           ResultsReport& report);

// Stores the rows, which are all good, in place of what their queues held for their portals.
Result<void> store_results(db::Transaction& transaction, TenantId tenant_id, ResultsReport& report);

}  // namespace carryall::charges
