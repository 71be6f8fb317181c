// A worker's view of syncs: claim one, write its pages down, compare our devices with what was
// read. A page is one transaction with a fixed number of statements, whatever its size.
//
// What must stay true: every write names the sync's attempt. After another worker has claimed the
// sync, a page of this one changes nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "accounts/account.hpp"
#include "carriers/inventory.hpp"
#include "sync/drift_rules.hpp"
#include "sync/sync.hpp"

namespace carryall::sync {

struct DueSync {
    std::int64_t tenant_id = 0;
    SyncId id;
};
// Of all tenants, what has waited longest first.
Result<std::vector<DueSync>> due_syncs(db::Connection& connection);

struct ClaimedSync {
    std::int64_t tenant_id = 0;
    SyncId id;
    std::int64_t service_provider_id = 0;
    SyncKind kind = SyncKind::full;
    bool is_comparing = false;  // reading is over
    std::optional<base::Instant> modified_since;
    base::json::value resume;
    base::json::object result;
    std::int64_t judged_line_id = 0;
    std::int64_t judged_device_id = 0;
    int attempt = 0;  // the fence
    int retry_number = 0;
    int lost_count = 0;
    std::string created_by;
    // By the database's clock. What is read from now on was so no earlier than `read_at`.
    base::Instant started_at;
    base::Instant read_at;
};
// None: another worker has it, or it is not due any more.
Result<std::optional<ClaimedSync>> claim_sync(db::Connection& connection, const DueSync& due,
                                              const std::string& worker,
                                              std::chrono::seconds lease);
// False: it was taken over by another worker. So do all that follow.
Result<bool> extend_sync(db::Connection& connection, const ClaimedSync& sync,
                         std::chrono::seconds lease);

struct SyncPause {
    std::chrono::milliseconds due_in{0};
    std::optional<std::string> reason;  // of a failure
    int retry_number = 0;
};
// Back to the others, to go on from the last page.
Result<bool> release_sync(db::Connection& connection, const ClaimedSync& sync,
                          const SyncPause& pause);
Result<bool> fail_sync(db::Connection& connection, const ClaimedSync& sync,
                       const std::string& reason);

struct PageSettings {
    const carriers::Carrier* carrier = nullptr;
    std::chrono::seconds lease{60};
};

// Stores a page's plans and lines, opens and settles the drift of their devices, and moves the sync
// on: `sync` then has the new resume, result, phase and read_at.
Result<bool> apply_page(db::Connection& connection, ClaimedSync& sync, carriers::InventoryPage page,
                        const PageSettings& settings);

// One step of comparing what was read with all our devices: a batch of the carrier's lines that
// are gone or no device's, then batches of devices. `is_over` after the last one, with which the
// sync is done.
struct CompareStep {
    bool accepted = false;
    bool is_over = false;
};
inline constexpr int kCompareBatch = 2'000;
Result<CompareStep> compare_step(db::Connection& connection, ClaimedSync& sync,
                                 const PageSettings& settings, int batch = kCompareBatch);

// Open differences by field, over all tenants.
Result<std::vector<std::pair<std::string, std::int64_t>>> open_drift(db::Connection& connection);

}  // namespace carryall::sync
