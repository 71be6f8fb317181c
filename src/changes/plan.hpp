// Plans: a change that was checked, stored with what it would do to every device, and does nothing
// until it is applied; and the way back, which is a plan too. What must stay true: a plan that is
// applied does what it showed or nothing; nothing is sent for a plan that nobody applied; applying
// it twice is applying it once; an undo never overwrites a value that somebody set since.
//
// A plan is a bulk change in the state PLANNED. Its hash covers, in order, each device with its
// identifier, its values before, what it is to get and the verdict. It stays with the change after
// it was applied.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "changes/report.hpp"
#include "changes/submit.hpp"
#include "changes/submit_store.hpp"

namespace carryall::changes {

inline constexpr std::chrono::hours kPlanRetention{24 * 30};  // of plans that nobody applied

// Inside a submission's transaction: the stored, not started change becomes a plan, and so does
// what follows it. Answers its hash.
struct NewPlan {
    std::int64_t tenant_id = 0;
    BulkChangeId id;
    ChangeType type = ChangeType::statusupdate;
    std::string integration;
    int devices_per_request = 1;
    std::int64_t accepted = 0;
    std::int64_t refused = 0;
    base::json::object undo;  // of the way back: what it costs, what it leaves out; or empty
};
base::Result<std::string> make_plan(db::Transaction& transaction, const NewPlan& plan);
// The same, and started at once, as if it had been applied: for what a second person must agree to.
base::Result<void> start_as_plan(db::Transaction& transaction, const NewPlan& plan,
                                 const std::string& applied_by, base::Instant now);

struct PlanDetail {
    ChangeSummary change;
    std::vector<ReasonCount> reasons;  // of the refused
    std::string plan_hash;
    // acceptedCount, refusedCount, unchangedCount, carrierCalls, monthlyCost, undo.
    base::json::object sums;
    std::optional<std::string> expires_at;  // while nobody applied it
    std::optional<std::string> applied_at;
    std::optional<std::string> applied_by;
    BulkChangeId undoes;                     // 0: it undoes no other
    std::optional<BulkChangeId> additional;  // the plan that is applied with it
    // If it began now, or at its date; absent: cannot be told.
    std::optional<std::int64_t> finishes_in_seconds;
};
// `not_found` also for a change that never was a plan.
base::Result<PlanDetail> get_plan(db::Connection& connection, TenantId tenant_id, BulkChangeId id);

struct PlannedDevice {
    DeviceChangeId id;
    std::int64_t row_number = 0;
    std::string identifier;
    std::optional<std::int64_t> device_id;
    std::optional<std::string> iccid;
    std::string verdict;  // change, unchanged, refused
    // Of an undo: reversible, reversibleAtCost, notReversible.
    std::optional<std::string> reversibility;
    std::optional<std::string> reason;
    std::optional<std::string> warning;  // what to know of a device that can be changed
    std::optional<std::string> due_at;   // absent: at once
    base::json::value before;            // null: no device was found
    base::json::value target;            // only what changes
};
struct PlannedDeviceFilter {
    std::optional<std::string> verdict;
    std::optional<std::string> identifier;  // as given
};
// In the order of their rows.
base::Result<Page<PlannedDevice>> list_planned_devices(db::Connection& connection,
                                                       const PageTokens& tokens, TenantId tenant_id,
                                                       BulkChangeId id,
                                                       const PlannedDeviceFilter& filter,
                                                       const PageRequest& page);
// The whole plan as a table. Written in pieces; the caller calls writer.finish().
base::Result<void> write_plan_rows(db::Connection& connection, TenantId tenant_id, BulkChangeId id,
                                   sheets::CsvWriter& writer);

struct ApplyResult {
    BulkChangeId id;
    bool replayed = false;  // it had been applied with this hash before
    // Devices that are not what the plan was made for. Not 0: nothing was started.
    std::int64_t moved_count = 0;
    std::vector<RefusedDevice> moved;  // the first kMaxMovedListed
};
// `conflict`: no plan, another hash, a plan without a device to change, a switched-off account.
base::Result<ApplyResult> apply_plan(db::Connection& connection, const tenants::Caller& caller,
                                     BulkChangeId id, const std::string& plan_hash,
                                     std::optional<base::Instant> now = {});

struct UndoOptions {
    int page_size = kDefaultPageSize;
    std::string correlation_id;
    std::optional<base::Instant> now;
};
// Makes the plan that puts back what an ended change changed. `conflict`: it has not ended, or
// changed nothing.
base::Result<BulkChangeId> plan_undo(db::Connection& connection, const tenants::Caller& caller,
                                     BulkChangeId id, const UndoOptions& options);

// Deletes plans that nobody applied within `age`, some at a time. Answers how many.
base::Result<std::int64_t> delete_old_plans(db::Connection& connection, std::chrono::seconds age,
                                            std::optional<base::Instant> now = {});

}  // namespace carryall::changes
