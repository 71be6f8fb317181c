// Reads one page of a carrier's inventory: sends the calls that the adapter's reading asks for,
// several at once within the account's concurrency, paced like every other call of the account.
//
// What must stay true: nothing here changes anything at the carrier, so a reading may be cut off at
// any moment and begun again.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <variant>

#include "accounts/pace.hpp"
#include "accounts/session.hpp"
#include "carriers/inventory.hpp"
#include "http/client.hpp"

namespace carryall::sync {

struct ReadingSettings {
    const carriers::Account* account = nullptr;
    int max_in_flight = 8;
    std::string correlation_id;
    accounts::Session* session = nullptr;  // of carriers that have sessions
};

struct ReadingHooks {
    std::function<bool()> should_stop;
    // Called between calls; false: the sync is another worker's now.
    std::function<bool()> keep_lease;
};

// The page was left: the process is to end, the sync was taken over, or the account must be left
// alone for longer than a reader waits.
struct Interrupted {
    bool was_taken_over = false;
    std::chrono::milliseconds due_in{0};
};

using PageOutcome = std::variant<carriers::InventoryPage, carriers::InventoryFailed, Interrupted>;

inline constexpr std::chrono::seconds kLongestWait{20};  // for the account's next call

PageOutcome read_page(carriers::InventoryReading& reading, const ReadingSettings& settings,
                      http::Client& client, accounts::Pace& pace, const ReadingHooks& hooks);

// Between 0 and 1, for retry_in: readers that failed together come back apart.
double jitter();

}  // namespace carryall::sync
