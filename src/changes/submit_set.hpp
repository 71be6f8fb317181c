// A change for lines of several accounts, at whatever carriers: each row goes to the bulk change of
// the account that its line belongs to. What must stay true: every row is in exactly one of the
// set's changes; all of them are accepted or none; the same idempotency key never makes two sets;
// what refuses one of the changes refuses the set and names the account. Rows that name nobody's
// line, or lines of several accounts, are refused in the first change. Each change of a set has its
// carrier's rules, pace and report, and can be followed, retried and undone alone. A dry run makes
// a plan for each account, to be applied one by one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "changes/submit.hpp"

namespace carryall::changes {

// The devices from their first row on, each time it is called: each account's change reads them.
using DeviceSourceFactory = std::function<base::Result<std::unique_ptr<DeviceSource>>()>;

struct SetPart {
    std::int64_t service_provider_id = 0;
    std::string service_provider;  // its name
    SubmitResult result;
};

struct SubmitSetResult {
    std::int64_t change_set_id = 0;  // 0: refused whole, nothing was stored
    bool replayed = false;
    bool refused = false;  // allOrNothing, and a device was bad
    std::string correlation_id;
    std::int64_t device_count = 0;
    std::int64_t accepted_count = 0;
    std::int64_t refused_count = 0;
    std::vector<SetPart> changes;  // of the accounts that have lines in it
};

// `request.service_provider_ids` says for which accounts. Errors as submit()'s.
base::Result<SubmitSetResult> submit_set(db::Connection& connection, const tenants::Caller& caller,
                                         const BulkChangeRequest& request,
                                         const DeviceSourceFactory& devices,
                                         const SubmitOptions& options,
                                         std::vector<base::Error>& errors);

struct ChangeSet {
    std::int64_t id = 0;
    std::string created_by;
    std::string created_at;  // ISO 8601
    std::string correlation_id;
};
// Not found: another tenant's, or none. Its changes: list_changes with its id.
base::Result<ChangeSet> get_change_set(db::Connection& connection, tenants::TenantId tenant_id,
                                       std::int64_t change_set_id);

}  // namespace carryall::changes
