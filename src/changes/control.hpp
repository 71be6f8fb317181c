// What people ask of a bulk change that runs: pause, resume, cancel, other limits. The answer comes
// once the wish is stored; from then on no runner begins a device that it has not begun two seconds
// later (control_watch.hpp). What must stay true: asking twice is asking once; a change of another
// tenant is a missing one; nothing here touches a page that a worker holds.
#pragma once

#include <optional>
#include <string>

#include "changes/bulk_change.hpp"
#include "changes/control_rules.hpp"
#include "db/postgres.hpp"
#include "tenants/token.hpp"

namespace carryall::changes {

// No further device is begun; calls in flight end and are written down, and what is unclear is read
// back. `conflict` unless the change runs.
base::Result<void> pause_change(db::Connection& connection, const tenants::Caller& caller,
                                BulkChangeId id, const std::optional<std::string>& reason);

struct Resumption {
    bool ignore_threshold = false;
    std::optional<FailureThreshold> threshold;  // instead of the change's
};
// Goes on, if a wave has ended with the next one. `conflict` if too many failures paused the change
// and the resumption says nothing of the threshold. Failures are counted anew.
base::Result<void> resume_change(db::Connection& connection, const tenants::Caller& caller,
                                 BulkChangeId id, const Resumption& wanted);

// Ends what was not begun: devices become cancelled, or parked if steps of theirs were done;
// scheduled customer rate plans are withdrawn. Workers do it, page by page.
base::Result<void> cancel_change(db::Connection& connection, const tenants::Caller& caller,
                                 BulkChangeId id, const std::optional<std::string>& reason);

// Calls in flight over all workers; none: as many as the account allows. In effect within a turn.
base::Result<void> limit_change(db::Connection& connection, const tenants::Caller& caller,
                                BulkChangeId id, std::optional<int> max_concurrency);

// --- the consent of a second person

// A second person agrees to what the plan with this hash does, and to nothing else: nothing is sent
// before, and no claim hands out a device whose plan is another one. `forbidden` for those who
// submitted the change or applied its plan; `conflict` for another hash.
base::Result<void> approve_change(db::Connection& connection, const tenants::Caller& caller,
                                  BulkChangeId id, const std::string& plan_hash);

// Whether a change of so many devices needs a second person. Then it is made a plan before it is
// started, for the consent is to a plan.
base::Result<bool> needs_approval(db::Transaction& transaction, std::int64_t tenant_id,
                                  std::int64_t devices);

// In the transaction that starts a change: true if it has more devices to change than the tenant
// lets go without a second person. Then nothing is queued; the approval does that.
base::Result<bool> require_approval(db::Transaction& transaction, std::int64_t tenant_id,
                                    BulkChangeId id);

}  // namespace carryall::changes
