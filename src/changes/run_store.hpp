// The run engine's view of the database: load a change, claim a page, complete a page. Two round
// trips a page: a claim is one statement and so is a completion, whatever the number of devices in
// the page.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "accounts/account.hpp"
#include "accounts/line_budgets.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "carriers/carrier.hpp"
#include "changes/bulk_change.hpp"
#include "changes/control_rules.hpp"
#include "changes/run_rules.hpp"
#include "db/postgres.hpp"

namespace carryall::changes {

using base::Result;

using accounts::StoredAccount;

struct RunnableChange {
    std::int64_t tenant_id = 0;
    BulkChangeId id;
    ChangeType type = ChangeType::statusupdate;
    std::string portal;
    base::json::value request;  // ChangeParameters of the whole change
    std::string correlation_id;
    int open_page_count = 0;  // when it was loaded, as what follows
    Held held;
    bool is_undo = false;
    StoredAccount account;
    std::optional<BulkChangeId> follows;  // the activation whose devices this change waits for
    std::optional<StoredAccount> revio;   // the tenant's billing account, if it has one
};

// Not found: another tenant's, or none.
Result<RunnableChange> load_change(db::Connection& connection, std::int64_t tenant_id,
                                   BulkChangeId id, const base::MasterKey& key);

struct ClaimedDevice {
    DeviceChangeId id;
    std::int64_t device_id = 0;
    carriers::Line line;
    std::string own_request;  // JSON or empty
    DeviceState state = DeviceState::fresh;
    bool lost =
        false;  // a worker died, or lost its lease, while it may have been sending this device
    int retry_number = 0;
    int read_back_count = 0;
    std::string progress;  // JSON or empty
    std::string notices;   // JSON array of what the carrier told meanwhile, or empty
    std::optional<base::Instant> unclear_since;
    std::optional<std::chrono::milliseconds> sent_ago;  // by the database's clock
    std::vector<accounts::PastAction> past_actions;     // only where the carrier has line budgets
};

struct ClaimedPage {
    int page_number = 0;
    int attempt = 0;  // the fence
    int lost_count = 0;
    base::Instant claimed_at;
    std::vector<ClaimedDevice> devices;
    // Due, but an earlier accepted change of the same device has not ended: left as they are.
    int held_back = 0;
    BulkChangeId held_back_by;  // one of those changes
    // The change is held: there are only outcomes to be read, and nothing may be sent.
    bool reads_only = false;
    int wave = 1;
    // So many failures and the change pauses; none: it has no such threshold.
    std::optional<std::int64_t> failures_left;
    // What is left of a pause of the paced account, or until its open breaker is probed.
    std::chrono::milliseconds paused_for{0};
};

// The first page of the change that is due or whose lease ran out; none if there is none. Committed
// before it returns: this is the evidence that its devices may be sent. `pacing_key` empty: no
// account. Of a change that is held, only pages with outcomes that are still to come.
Result<std::optional<ClaimedPage>> claim_page(db::Connection& connection, std::int64_t tenant_id,
                                              BulkChangeId id, const std::string& worker,
                                              std::chrono::seconds lease,
                                              const std::string& pacing_key = {});

// False: the page was taken over by another worker.
Result<bool> extend_page(db::Connection& connection, std::int64_t tenant_id, BulkChangeId id,
                         const ClaimedPage& page, std::chrono::seconds lease);

struct LogEntry {
    DeviceChangeId device_change;
    int step = 1;
    std::string description;
    std::string action;
    std::string request;
    std::string response;
    std::string_view status;  // PENDING, PROCESSED, ERROR
    std::string error;        // empty: no error
    int retry_number = 0;
    base::Instant started_at;
    base::Instant processed_at;
};

struct DeviceResult {
    DeviceChangeId id;
    std::int64_t device_id = 0;
    DeviceState before = DeviceState::fresh;
    Verdict verdict;
    std::string progress;  // JSON or empty
    // What the local record takes over, in the form the change's type expects; empty: nothing.
    std::string effect;
    std::optional<base::Instant> unclear_since;
    std::optional<std::chrono::milliseconds> sent_ago;
    // The carrier's id of a request whose result is to come; notices that name it find the device.
    std::string reference;
    std::string line_action;  // counts against the line's budgets ("suspend"); or empty
};

// How the page goes on if devices of it are left.
struct PageEnd {
    int lost_count = 0;
    std::chrono::milliseconds resume_in{0};  // not before, whatever is due
};

struct PageCompletion {
    bool accepted = false;  // false: the fence held; another worker owns the page now
    bool change_finished = false;
    bool change_paused = false;  // by this page: too many failures, or the end of a wave
    bool wave_began = false;     // the next one, by this page's end
};

// Applies the results of a page in one transaction: device, device_change, log, page, counters. A
// claimed device without a result stays as it was; one that was `lost` must have one.
Result<PageCompletion> complete_page(db::Connection& connection, const RunnableChange& change,
                                     const ClaimedPage& page,
                                     const std::vector<DeviceResult>& results,
                                     const std::vector<LogEntry>& log, bool notify,
                                     const PageEnd& end = {});

// What is left to do of a change.
struct NextPage {
    // When its next page is due (zero or less: now); none if only other workers' pages are open, or
    // none, or the change is held.
    std::optional<std::chrono::milliseconds> due_in;
    bool is_cancelling = false;
};
Result<NextPage> next_page_due_in(db::Connection& connection, std::int64_t tenant_id,
                                  BulkChangeId id);

// Puts a message into the queue for every unfinished change that has none, and makes its dead
// letters visible again after an hour: a newer worker may know what this one did not. Answers how
// many.
Result<std::int64_t> sweep(db::Connection& connection);

// Applies up to `limit` customer rate plans whose effective date has come, over all tenants.
// Answers how many.
Result<std::int64_t> apply_due_rate_plans(db::Connection& connection, int limit);

}  // namespace carryall::changes
