// Retry's view of the database. Locks are taken in the order the run engine takes them: pages,
// devices, then the change; a page that a worker holds is passed over, never waited for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "changes/submit_store.hpp"

namespace carryall::changes {

inline constexpr int kRetryBatch = 5'000;  // devices read at once

struct StoredChange {
    std::int64_t service_provider_id = 0;
    std::string integration;
    bool write_is_enabled = false;
    ChangeType type = ChangeType::statusupdate;
    Portal portal = Portal::m2m;
    std::string status;
    std::string correlation_id;
    base::json::value request;
    std::int64_t device_count = 0;
    std::int64_t new_count = 0;
    std::int64_t open_page_count = 0;
    bool is_cancelling = false;
    bool waits_for_approval = false;
    bool is_approved = false;
    base::Instant now;
    std::string plan_hash;                      // empty: it was never a plan
    BulkChangeId undoes;                        // 0: it undoes no other
    BulkChangeId follows;                       // the activation that it waits for; 0: none
    std::optional<base::Instant> first_due_at;  // of a change with a date
    bool has_waves = false;
};
// Empty: none of this tenant.
base::Result<std::optional<StoredChange>> find_change(db::Transaction& transaction,
                                                      std::int64_t tenant_id, BulkChangeId id,
                                                      std::optional<base::Instant> now);

// Locks the pages that have failed devices and that nobody is sending; answers how many failed
// devices lie in the others.
base::Result<std::int64_t> lock_failed_pages(db::Transaction& transaction, std::int64_t tenant_id,
                                             BulkChangeId id,
                                             const std::vector<std::string>& error_classes,
                                             bool parked_too);

struct FailedDevice {
    std::int64_t ordinal = 0;
    DeviceRow row;
};
struct FailedBatch {
    std::vector<FailedDevice> devices;  // those that can be checked again
    std::int64_t hopeless = 0;          // duplicates, and rows with a value that cannot be used
    std::int64_t last_ordinal = 0;      // 0: there are no more
};
base::Result<FailedBatch> read_failed(db::Transaction& transaction, std::int64_t tenant_id,
                                      BulkChangeId id, ChangeType type,
                                      const std::vector<std::string>& error_classes,
                                      std::int64_t after_ordinal);

// A device that another row of the change already stands for stays refused.
base::Result<void> refuse_duplicates(db::Transaction& transaction, std::int64_t tenant_id,
                                     BulkChangeId id);

// Of a change that a second person agreed to: what its plan refused nobody agreed to.
base::Result<void> refuse_unapproved(db::Transaction& transaction, std::int64_t tenant_id,
                                     BulkChangeId id);

// Makes the devices judged well new again, writes the others' present reasons, opens pages, moves
// the counters. Answers how many devices are new again.
base::Result<std::int64_t> reopen(db::Transaction& transaction, std::int64_t tenant_id,
                                  BulkChangeId id, const NewChange& change, base::Instant now);

// Makes the parked devices of the locked pages unknown: due now, to be read back first.
struct ReopenedParked {
    std::int64_t devices = 0;
    std::int64_t pages = 0;
};
base::Result<ReopenedParked> reopen_parked(db::Transaction& transaction, std::int64_t tenant_id,
                                           BulkChangeId id);

// NEW becomes PENDING. False: it was not NEW.
base::Result<bool> start_change(db::Transaction& transaction, std::int64_t tenant_id,
                                BulkChangeId id);
// The same for the change that follows it, if there is one; its messages are the sweep's to make.
base::Result<void> start_following(db::Transaction& transaction, std::int64_t tenant_id,
                                   BulkChangeId id);

}  // namespace carryall::changes
