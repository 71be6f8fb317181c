// The SQL of recurring changes. A run locks its row from the look at its date until the commit that
// records it.
#pragma once

#include "changes/recurring.hpp"

namespace carryall::changes {

struct StoredRecurring {
    RecurringChange change;  // the request with its devices
    base::Instant next_run_at;
};

base::Result<std::int64_t> count_recurring(db::Transaction& transaction, std::int64_t tenant_id);
base::Result<RecurringChangeId> insert_recurring(
    db::Transaction& transaction, const tenants::Caller& caller, const NewRecurringChange& wanted,
    std::int64_t service_provider_id, std::string_view change_type, base::Instant next_run_at);
// Without devices in the request; `after` and `limit` page, `only` names one.
base::Result<std::vector<RecurringChange>> read_recurring(db::Connection& connection,
                                                          TenantId tenant_id,
                                                          RecurringChangeId only,
                                                          std::int64_t after, int limit);
base::Result<std::vector<RecurringRun>> read_runs(db::Connection& connection, TenantId tenant_id,
                                                  RecurringChangeId id, int limit);

// The row locked; empty: none of this tenant.
base::Result<std::optional<StoredRecurring>> lock_recurring(db::Transaction& transaction,
                                                            std::int64_t tenant_id,
                                                            RecurringChangeId id);
// The same if it is due and nobody else has it; empty otherwise.
base::Result<std::optional<StoredRecurring>> lock_due(db::Transaction& transaction,
                                                      std::int64_t tenant_id, RecurringChangeId id,
                                                      base::Instant now);
base::Result<void> set_recurring_state(db::Transaction& transaction, std::int64_t tenant_id,
                                       RecurringChangeId id, std::string_view state,
                                       std::optional<base::Instant> next_run_at,
                                       const std::string& actor);
struct RunRecord {
    base::Instant run_at;
    std::string_view outcome;
    BulkChangeId bulk_change;
    std::string reason;
};
// `conflict` if one of the dates was recorded before.
base::Result<void> record_runs(db::Transaction& transaction, std::int64_t tenant_id,
                               RecurringChangeId id, const std::vector<RunRecord>& runs);

struct DueRecurring {
    std::int64_t tenant_id = 0;
    RecurringChangeId id;
    base::Instant now;  // the database's, or the test's
};
base::Result<std::vector<DueRecurring>> due_recurring(db::Connection& connection,
                                                      std::optional<base::Instant> now);
// ICCIDs of the live devices that match, one more than a change may have at most.
base::Result<std::vector<std::string>> choose_devices(db::Transaction& transaction,
                                                      std::int64_t tenant_id,
                                                      std::int64_t service_provider_id,
                                                      const DeviceChoice& choice);

}  // namespace carryall::changes
