// Submission's and retry's view of the database. Every function is a fixed number of statements
// inside the caller's transaction, whatever the number of devices: rows are copied into a temporary
// table, judged by one statement for each change type, and stored by one statement a table.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "changes/device_row.hpp"
#include "changes/submit.hpp"
#include "db/postgres.hpp"

namespace carryall::changes {

struct ProviderFacts {
    std::string name;
    std::string integration;
    bool write_is_enabled = false;
    bool is_active = false;
    base::json::object settings;
    base::Instant now;  // the database's, or the test's
};
// Empty: none of this tenant.
base::Result<std::optional<ProviderFacts>> find_provider(db::Transaction& transaction,
                                                         std::int64_t tenant_id,
                                                         std::int64_t service_provider_id,
                                                         std::optional<base::Instant> now);

struct EarlierChange {
    BulkChangeId id;
    std::string request_hash;
};
// The change this key made within kIdempotencyKeyLife.
base::Result<std::optional<EarlierChange>> find_key(db::Transaction& transaction,
                                                    std::int64_t tenant_id, const std::string& key,
                                                    base::Instant now);
// False: somebody else has the key. Waits for an open transaction that is taking it.
base::Result<bool> take_key(db::Transaction& transaction, std::int64_t tenant_id,
                            const std::string& key, const std::string& request_hash,
                            BulkChangeId id, base::Instant now);

// What names and ids of the change's own section stand for. Empty: nothing active of this tenant.
struct FoundCustomer {
    std::int64_t customer_id = 0;
    std::optional<std::string> rev_customer_id;
    std::optional<std::string> account_number;
};
base::Result<std::optional<FoundCustomer>> find_customer(db::Transaction& transaction,
                                                         std::int64_t tenant_id,
                                                         const CustomerAssignment& wanted,
                                                         const std::optional<std::string>& name);
base::Result<std::optional<std::int64_t>> find_site(db::Transaction& transaction,
                                                    std::int64_t tenant_id,
                                                    std::int64_t customer_id,
                                                    std::optional<std::int64_t> site_id,
                                                    const std::optional<std::string>& name);
base::Result<std::optional<std::int64_t>> find_customer_plan(
    db::Transaction& transaction, std::int64_t tenant_id, std::optional<std::int64_t> id,
    const std::optional<std::string>& code);
base::Result<std::optional<std::int64_t>> find_customer_pool(
    db::Transaction& transaction, std::int64_t tenant_id, std::optional<std::int64_t> id,
    const std::optional<std::string>& name);
struct FoundCarrierPlan {
    bool of_this_provider = false;
    bool is_active = false;
    std::optional<std::string> plan_uuid;
    std::optional<std::int64_t> carrier_plan_id;
};
base::Result<std::optional<FoundCarrierPlan>> find_carrier_plan(db::Transaction& transaction,
                                                                std::int64_t tenant_id,
                                                                std::int64_t service_provider_id,
                                                                const std::string& code);
base::Result<bool> has_communication_plan(db::Transaction& transaction, std::int64_t tenant_id,
                                          std::int64_t service_provider_id,
                                          const std::string& name);

// The rows to be judged. They live until the transaction ends.
class Stage {
  public:
    static base::Result<void> create(db::Transaction& transaction);
    // Empty again, for further rows in the same transaction.
    static base::Result<void> clear(db::Transaction& transaction);
    static base::Result<Stage> open(db::Transaction& transaction);
    // `row` with what it is to get: the change's parameters and its own, merged.
    base::Result<void> add(std::int64_t ordinal, const DeviceRow& row, ChangeType type,
                           const ChangeParameters& effective, const References& names,
                           const std::optional<std::string>& due_at);
    base::Result<void> finish() { return copy_.finish(); }

  private:
    explicit Stage(db::CopyIn copy) : copy_(std::move(copy)) {}
    void add_parameters(ChangeType type, const ChangeParameters& effective,
                        const References& names);
    db::CopyIn copy_;
};

struct JudgeFacts {
    std::int64_t tenant_id = 0;
    std::int64_t service_provider_id = 0;
    ChangeType type = ChangeType::statusupdate;
    std::optional<Portal> portal;
    bool plan_needs_carrier_id = false;
    // Allowed status changes, pairwise, as carriers::comparable_status() writes them.
    std::vector<std::string> from_statuses;
    std::vector<std::string> to_statuses;
    // What the carrier advises where a change is not allowed, likewise.
    std::vector<std::string> advised_from;
    std::vector<std::string> advised_to;
    std::vector<std::string> advice;
    // Of an activation that is retried: what its devices have achieved already counts.
    BulkChangeId retried_change;
};
// The present statuses of the devices that the staged rows name.
base::Result<std::vector<std::string>> staged_statuses(db::Transaction& transaction,
                                                       std::int64_t tenant_id);
base::Result<void> judge_rows(db::Transaction& transaction, const JudgeFacts& facts);
// The verdict on rows of an activation (activation_verdict_store.cpp).
db::Query activation_verdict();
// Makes the device records of accepted SIMs that have none.
base::Result<void> make_devices(db::Transaction& transaction, std::int64_t tenant_id,
                                std::int64_t service_provider_id);
// `conflict`: another activation of one of the accepted SIMs was committed since they were judged.
// Of two that want the same SIM at once the second waits here until the first is committed.
base::Result<void> take_sims(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id);

// The staged rows as those of a change that follows: what was refused is refused there as well.
base::Result<void> turn_to_following_change(db::Transaction& transaction);

inline constexpr int kMaxCountedReasons = 100;
// The SQL for a reason without what is particular to one row, so that the same mistake is counted
// as the same.
std::string counted_reason(const std::string& column);
// From rows of (reason, count).
std::vector<ReasonCount> reason_counts(const db::Rows& rows);

struct VerdictTotals {
    std::int64_t rows = 0;
    std::int64_t refused = 0;
    std::int64_t open_pages = 0;
    std::string portal;
    std::chrono::milliseconds until_due{0};  // of the first device to be carried out
    std::vector<ReasonCount> reasons;
};
base::Result<VerdictTotals> count_verdicts(db::Transaction& transaction, int page_size,
                                           base::Instant now);
base::Result<std::vector<RefusedDevice>> first_refused(db::Transaction& transaction, int limit);

struct NewChange {
    std::int64_t tenant_id = 0;
    std::int64_t service_provider_id = 0;
    ChangeType type = ChangeType::statusupdate;
    std::string portal;
    std::string status;
    std::string request;  // JSON
    std::string source;
    std::optional<std::string> file_name;
    std::string correlation_id;
    std::string created_by;
    std::string log_description;
    int page_size = kDefaultPageSize;
    std::optional<std::int64_t> change_set_id;
    ControlRequest control;
    BulkChangeId undoes;                  // 0: none
    std::optional<BulkChangeId> follows;  // the activation that this change waits for
};
base::Result<BulkChangeId> insert_change(db::Transaction& transaction, const NewChange& change,
                                         const VerdictTotals& totals, base::Instant now);
// Devices with the values they have now, log rows of the refused, pages.
base::Result<void> insert_devices(db::Transaction& transaction, BulkChangeId id,
                                  const NewChange& change, const VerdictTotals& totals,
                                  base::Instant now);
// Tells who watches changes; takes effect with the commit.
base::Result<void> notify_change(db::Transaction& transaction, std::int64_t tenant_id,
                                 BulkChangeId id);

struct StoredSubmission {
    std::string status;
    std::string correlation_id;
    std::int64_t device_count = 0;
    BulkChangeId additional_id;
    bool waits_for_approval = false;
    std::vector<ReasonCount> reasons;  // of the refused, as they were then
    std::int64_t refused = 0;
};
base::Result<StoredSubmission> read_submission(db::Transaction& transaction, std::int64_t tenant_id,
                                               BulkChangeId id);

}  // namespace carryall::changes
