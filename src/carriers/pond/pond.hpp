// POND: the carrier, and its exchanges. What POND does and how we read it: docs/carriers/pond.md.
#pragma once

#include <memory>

#include "carriers/carrier.hpp"

namespace carryall::carriers::pond {

const Carrier& carrier();

// Sets the three service flags of a SIM in one call.
std::unique_ptr<Exchange> status_exchange(const Account& account, const Line& line,
                                          const StatusChange& change, const Attempt& attempt);

// Adds a package of the wanted type, activates it, terminates every other active package; takes the
// new one back if an old one cannot be terminated.
std::unique_ptr<Exchange> rate_plan_exchange(const Account& account, const Line& line,
                                             const RatePlanChange& change, const Attempt& attempt);

// How the SIMs of an inventory are found, and whether each is asked for its packages.
inline constexpr std::string_view kSimList = "simList";
inline constexpr std::string_view kSyncDetails = "syncDetails";
std::unique_ptr<InventoryReading> inventory_reading(const Account& account,
                                                    const InventoryScope& scope);

}  // namespace carryall::carriers::pond
