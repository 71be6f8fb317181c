// A worker's view of the charges of a part: load it, claim a page, complete a page. Two round trips
// a page: a claim is one statement and so is a completion, whatever the page's size.
//
// What must stay true: the claim that says that charges may be sent is committed before anything
// is; every completion names the claim's attempt, so that one that comes too late changes nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "accounts/account.hpp"
#include "billing/revio/charge.hpp"
#include "changes/run_store.hpp"
#include "charges/charge.hpp"

namespace carryall::charges {

// A part of a run, as a worker takes it up.
struct WorkablePart {
    std::int64_t tenant_id = 0;
    ChargeRunId run;
    int part_number = 0;
    std::string correlation_id;
    bool is_held = false;                            // the run is stopped: nobody is called
    bool is_open = false;                            // it is still being sent
    bool is_to_be_made = false;                      // of a file whose intents are not made yet
    std::optional<accounts::StoredAccount> account;  // of Rev.io; none: nothing is sent
};
// Not found: another tenant's, or none.
Result<WorkablePart> load_part(db::Connection& connection, std::int64_t tenant_id, ChargeRunId run,
                               int part_number, const base::MasterKey& key);

// In the form in which pages of bulk changes are worked: a charge stands in the place of a device.
struct ClaimedCharges {
    changes::ClaimedPage page;
    std::map<std::int64_t, billing::revio::Charge> charges;  // by charge id
};
// The first page that is due or whose lease ran out; none if there is none or the run is stopped.
Result<std::optional<ClaimedCharges>> claim_charges(db::Connection& connection,
                                                    const WorkablePart& part,
                                                    const std::string& worker,
                                                    std::chrono::seconds lease);
// False: the page was taken over by another worker.
Result<bool> extend_claim(db::Connection& connection, const WorkablePart& part,
                          const changes::ClaimedPage& page, std::chrono::seconds lease);

struct ClaimEnd {
    int lost_count = 0;
    std::chrono::milliseconds resume_in{0};  // not before, whatever is due
};
struct ClaimCompletion {
    bool accepted = false;    // false: another worker owns the page now
    bool is_settled = false;  // the part's last charge has ended
};
// A claimed charge without a result stays as it was; one that was lost must have one.
Result<ClaimCompletion> complete_claim(db::Connection& connection, const WorkablePart& part,
                                       const changes::ClaimedPage& page,
                                       const std::vector<changes::DeviceResult>& results,
                                       const std::vector<changes::LogEntry>& log,
                                       const ClaimEnd& end);

// When the part's next page is due (zero or less: now); none: only other workers' pages are open,
// or none.
Result<std::optional<std::chrono::milliseconds>> next_claim_due_in(db::Connection& connection,
                                                                   const WorkablePart& part);

// Opens the pages of a part that has charges to send and no open page; false: it has an open one,
// or has settled.
Result<bool> reopen_pages(db::Connection& connection, const WorkablePart& part);

// Stops every run of the tenant that sends to this account: its credentials are refused, and no
// charge is to blame.
Result<void> stop_runs_of(db::Connection& connection, const accounts::StoredAccount& account,
                          const std::string& reason);

}  // namespace carryall::charges
