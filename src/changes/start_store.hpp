// The order in which the changes of a tenant are started; of one device they are carried out in it.
#pragma once

#include "base/result.hpp"
#include "changes/bulk_change.hpp"
#include "db/postgres.hpp"

namespace carryall::changes {

// Until the transaction ends no other change of the tenant is started: what is read from now on
// stays true of every change that comes before the one started here.
base::Result<void> lock_starts(db::Transaction& transaction, std::int64_t tenant_id);

// Gives the change, and the one that follows it, their place behind all that were started before.
// Last in a transaction, because others wait for its end.
base::Result<void> take_place(db::Transaction& transaction, std::int64_t tenant_id,
                              BulkChangeId id);

}  // namespace carryall::changes
