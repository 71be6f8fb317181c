// One page at the outside system: drives an exchange for each claimed device over one HTTP client,
// many at once, within the account's concurrency and pace, and turns what happened into results and
// log entries. Knows no database: the caller claims the page before and completes it after.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accounts/pace.hpp"
#include "accounts/session.hpp"
#include "carriers/carrier.hpp"
#include "changes/run_store.hpp"
#include "http/client.hpp"

namespace carryall::changes {

// What a change type knows: how to speak about a device outside, and what a success means for the
// record.
struct DevicePlan {
    std::unique_ptr<carriers::Exchange>
        exchange;        // null: nothing to do outside, it is applied by the record alone
    std::string effect;  // for DeviceResult::effect once processed
    std::optional<carriers::Refused> refused;  // decided without asking anybody
    std::string line_action;                   // for DeviceResult::line_action if it is sent
};

using accounts::Pace;

// The page's lease by this machine's steady clock: no call starts after `stop_sending`, and what is
// still in flight at `give_up` is cut off and unknown. A worker that was paused for longer finds
// itself past both.
struct LeaseTimes {
    std::chrono::steady_clock::time_point stop_sending;
    std::chrono::steady_clock::time_point give_up;
};

struct PageRunSettings {
    int max_in_flight = 32;
    std::chrono::seconds settling_time{30};
    RetrySettings retry;
    LeaseTimes lease;
    std::string integration_name;  // "POND" in descriptions
    std::string description;       // "Update Device Status"
    // What was done counts once a reading at the outside system shows it.
    bool believes_readings_only = false;
};

struct PageRunOutput {
    std::vector<DeviceResult> results;
    std::vector<LogEntry> log;
    // The account must be left alone for this long; zero: it need not.
    std::chrono::milliseconds resume_in{0};
};

struct PageRunHooks {
    std::function<bool()> should_stop;  // start no further device
    // Called now and then while calls are in flight; new times if the lease was prolonged, or if it
    // is known to be another worker's now.
    std::function<std::optional<LeaseTimes>()> heartbeat;
    // Now and then: devices that still wait for a call, and calls in flight.
    std::function<void(std::size_t waiting, int in_flight)> progress = nullptr;
    // The account's session; null: its carrier has none.
    accounts::Session* session = nullptr;
    // What may be done at this moment, and how the change is held; null: it runs.
    std::function<Leave()> leave = nullptr;
    std::function<Held()> held = nullptr;
};

// Adds to a processed device's effect what the outside system told (ids it gave).
using EffectOf = std::function<std::string(const DevicePlan&, const carriers::Applied&)>;

// A device that a lost worker may have sent and that is not looked at now: due to be read back.
DeviceResult left_unknown(const ClaimedDevice& device);

// A device that was not begun has no result: it stays as it is, unless it was `lost`. Of a change
// that is held, devices whose outcome is to come are still read, and nothing is begun; nor once so
// many have failed that the change will pause.
PageRunOutput run_page(const ClaimedPage& page, std::vector<DevicePlan> plans,
                       const carriers::Account& account, const std::string& correlation_id,
                       const PageRunSettings& settings, http::Client& client, Pace& pace,
                       const EffectOf& effect_of, const PageRunHooks& hooks);

}  // namespace carryall::changes
