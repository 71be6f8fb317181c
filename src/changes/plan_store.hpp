// The database's side of plans: what makes a stored change a plan, the check that nothing moved
// since, starting it, deleting old ones. Every function is a fixed number of statements, whatever
// the number of devices.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "changes/plan_rules.hpp"
#include "changes/retry_store.hpp"
#include "changes/submit_store.hpp"

namespace carryall::changes {

inline constexpr int kMaxMovedListed = 1'000;
inline constexpr int kMaxPlansDeletedAtOnce = 10;

// What the accepted devices of a stored change add up to.
struct PlanSums {
    std::int64_t unchanged = 0;  // have what they are to get
    std::int64_t rev_services = 0;
    std::int64_t rev_products = 0;
    std::int64_t removed_codes = 0;  // new lines of which offering codes are removed
    std::int64_t addresses = 0;      // new lines with a static address
    MonthlyCost cost;
};
base::Result<PlanSums> sum_plan(db::Transaction& transaction, std::int64_t tenant_id,
                                BulkChangeId id, ChangeType type);

// NEW becomes PLANNED, with its hash and what it adds up to. Answers the hash.
base::Result<std::string> seal_plan(db::Transaction& transaction, std::int64_t tenant_id,
                                    BulkChangeId id, ChangeType type,
                                    const base::json::object& summary);

// Nobody else applies, starts or deletes the change until the transaction ends.
base::Result<void> lock_change(db::Transaction& transaction, std::int64_t tenant_id,
                               BulkChangeId id);

// What a plan's or an undo's rows say, on their way to the stage that submission judges.
base::Result<void> create_plan_rows(db::Transaction& transaction);
base::Result<void> clear_plan_rows(db::Transaction& transaction);
// Those that the plan accepted.
base::Result<void> take_plan_rows(db::Transaction& transaction, std::int64_t tenant_id,
                                  BulkChangeId id, ChangeType type);
// The different effective dates among the rows, and why some cannot be one any more.
base::Result<std::vector<std::string>> effective_dates(db::Transaction& transaction, int limit);
base::Result<void> refuse_dates(db::Transaction& transaction, const std::vector<std::string>& dates,
                                const std::vector<std::string>& reasons);
// Rows of an assignment whose customer, site, plan or pool is not there any more.
base::Result<void> refuse_gone(db::Transaction& transaction, std::int64_t tenant_id);
// Of rows without an effective date of their own: those of the whole change's.
base::Result<void> refuse_due_before(db::Transaction& transaction, base::Instant oldest,
                                     const std::string& reason);
base::Result<void> stage_plan_rows(db::Transaction& transaction, std::int64_t tenant_id);

// After the rows were judged: those whose device, verdict or plan is not what it was.
struct Moved {
    std::int64_t count = 0;
    std::vector<RefusedDevice> first;  // kMaxMovedListed
};
base::Result<Moved> find_moved(db::Transaction& transaction, std::int64_t tenant_id,
                               BulkChangeId id, ChangeType type);

// After make_devices(): the change's devices that had no record have theirs.
base::Result<void> adopt_devices(db::Transaction& transaction, std::int64_t tenant_id,
                                 BulkChangeId id, ChangeType type);

// The change of this status that follows this one: it is planned and applied with it. Locked.
struct FollowingChange {
    BulkChangeId id;  // 0: there is none
    std::int64_t open_page_count = 0;
};
base::Result<FollowingChange> lock_following(db::Transaction& transaction, std::int64_t tenant_id,
                                             BulkChangeId id, std::string_view status);

// PLANNED becomes PENDING.
base::Result<void> start_plan(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                              const std::string& applied_by, base::Instant now);

// Of one tenant: plans older than `age` that nobody applied, kMaxPlansDeletedAtOnce at most.
// Answers how many.
base::Result<std::int64_t> delete_plans_of(db::Connection& connection, std::int64_t tenant_id,
                                           std::chrono::seconds age,
                                           std::optional<base::Instant> now);

}  // namespace carryall::changes
