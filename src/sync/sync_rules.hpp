// Decisions of a reading that need no I/O: what a page's lines are known by, what a failure means,
// what the result tells of plans.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "carriers/inventory.hpp"

namespace carryall::sync {

// A line of a page with what it is stored under. Texts are trimmed, a number's '+' is gone.
struct KeyedLine {
    std::string key;                     // ICCID's first 19 digits, or "msisdn:<number>"
    std::optional<std::string> iccid19;  // empty: matched by its number
    carriers::CarrierLine line;
};

struct KeyedLines {
    std::vector<KeyedLine> lines;  // each key once: what a later line tells wins
    std::int64_t nameless = 0;     // lines without ICCID and number
};
KeyedLines keyed_lines(std::vector<carriers::CarrierLine> lines);

struct RetryRules {
    int max_retries = 8;  // failures in a row
    int max_lost = 5;     // leases that ran out in a row
    std::chrono::milliseconds backoff_base{5'000};
    std::chrono::milliseconds backoff_max{900'000};
};

// When to go on from the last page; empty: it is over. `jitter` between 0 and 1.
std::optional<std::chrono::milliseconds> retry_in(const carriers::InventoryFailed& failed,
                                                  int retry_number, double jitter,
                                                  const RetryRules& rules);

// What a reading did to plans, kept in the sync's result. Lists end at kMaxListed entries; the
// counts go on.
inline constexpr std::size_t kMaxListedPlans = 1'000;
void add_to_result(base::json::object& result, std::string_view list, base::json::value entry);

}  // namespace carryall::sync
