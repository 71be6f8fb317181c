// The database's side of an import, step by step inside one transaction: make the temporary tables,
// take the rows (COPY), check them, store them.
#pragma once

#include "devices/import_plan.hpp"

namespace carryall::devices {

// `conflict` while another import of the same kind runs in this tenant: two files with the same new
// record would collide, and waiting would hold a thread and a connection for as long as that takes.
base::Result<void> prepare_import(db::Transaction& transaction, TenantId tenant_id,
                                  ImportKind kind);

// Fields: the row's number, then the columns of columns_of(kind).
base::Result<db::CopyIn> start_rows(db::Transaction& transaction, ImportKind kind);

// Resolves references, finds stored records and bad rows. Adds to the report's counts and bad rows;
// stores nothing.
base::Result<void> check_rows(db::Transaction& transaction, TenantId tenant_id, ImportKind kind,
                              ServiceProviderId default_provider, ImportReport& report);

// Creates and updates what check_rows found good.
base::Result<void> store_rows(db::Transaction& transaction, TenantId tenant_id, ImportKind kind,
                              std::string_view actor);

// Refreshes the planner's statistics of the devices.
base::Result<void> analyze_devices(db::Connection& connection);

}  // namespace carryall::devices
