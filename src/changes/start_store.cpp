// Nothing is waited for while this lock is held, so it cannot be part of a deadlock.
#include "changes/start_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Params;
using db::Query;

constexpr Query kLock{"start_lock", R"(
    SELECT pg_advisory_xact_lock(hashtextextended('start/' || $1, 0)))"};

// Of one number the lower id goes first: the activation, then what follows it.
constexpr Query kNumber{"start_number", R"(
    WITH first AS (
        UPDATE bulk_change SET start_number = DEFAULT
        WHERE tenant_id = $1 AND bulk_change_id = $2 RETURNING start_number)
    UPDATE bulk_change b SET start_number = first.start_number FROM first
    WHERE b.tenant_id = $1 AND b.follows_bulk_change_id = $2)"};

}  // namespace

Result<void> lock_starts(db::Transaction& transaction, std::int64_t tenant_id) {
    const auto rows = transaction.exec(kLock, Params().add(tenant_id));
    if (!rows) return rows.error();
    return {};
}

Result<void> take_place(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id) {
    CARRYALL_TRY(lock_starts(transaction, tenant_id));
    const auto rows = transaction.exec(kNumber, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    return {};
}

}  // namespace carryall::changes
