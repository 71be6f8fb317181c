// What a plan costs in calls, money and time: decisions without I/O. What must stay true: what is
// not known stays unknown; no price, pace or date is made up.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "changes/bulk_change.hpp"

namespace carryall::changes {

// Calls to outside systems that a plan needs, as far as they can be told beforehand.
struct PlannedCalls {
    std::string system;  // "POND", "Rev.io"; empty: nothing outside is called
    std::int64_t calls = 0;
    int devices_per_request = 1;
    int calls_per_request = 0;
};
base::json::object to_json(const PlannedCalls& calls);

// `devices` accepted, of which `rev_services` get a service at Rev.io with `rev_products` each, or
// which as new lines lose codes (`removed_codes`) and get an address (`addresses`).
struct PlannedWork {
    ChangeType type = ChangeType::statusupdate;
    std::string integration;
    int devices_per_request = 1;
    std::int64_t devices = 0;
    std::int64_t rev_services = 0;
    std::int64_t rev_products = 0;
    std::int64_t removed_codes = 0;
    std::int64_t addresses = 0;
};
PlannedCalls calls_for(const PlannedWork& work);

struct PriceSum {
    std::string currency;
    std::string amount;  // a decimal number, never rounded
    std::int64_t devices = 0;
};
// Of the accepted devices. `unknown`: without a plan, or with one whose price nobody entered.
struct PlanPrices {
    std::vector<PriceSum> sums;
    std::int64_t unknown = 0;
};
struct MonthlyCost {
    PlanPrices carrier_before, carrier_after;    // what the carriers' plans cost
    PlanPrices customer_before, customer_after;  // what the customers' plans bring
};
base::json::object to_json(const MonthlyCost& cost);

// How fast the account that is to be called goes.
struct AccountPace {
    std::optional<double> calls_per_second;  // at most; absent: no limit is known
    std::optional<std::int64_t> quota;       // calls a day
    std::int64_t quota_used = 0;
    std::int64_t backlog = 0;         // devices of other changes that come first
    double devices_per_second = 0;    // of the last minute
    std::chrono::seconds blocked{0};  // paused, or the breaker is open
};
// Seconds until the last device is done if it were applied now; none if that cannot be told.
std::optional<std::int64_t> seconds_to_finish(std::int64_t devices, std::int64_t calls,
                                              const AccountPace& pace);

// Why an undo of this kind of change costs something at the carrier; empty: nothing is known.
std::string undo_cost(ChangeType type, const std::string& integration);

}  // namespace carryall::changes
