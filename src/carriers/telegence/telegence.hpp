// AT&T Telegence: the carrier, its exchanges and its inventory. What Telegence does and how we read
// it: docs/carriers/telegence.md.
#pragma once

#include <memory>

#include "carriers/carrier.hpp"

namespace carryall::carriers::telegence {

const Carrier& carrier();

// One PATCH of the line for each; a reading of the line decides what stays unclear.
std::unique_ptr<Exchange> status_exchange(const Account& account, const Line& line,
                                          const StatusChange& change, const Attempt& attempt);
std::unique_ptr<Exchange> rate_plan_exchange(const Account& account, const Line& line,
                                             const RatePlanChange& change, const Attempt& attempt);
std::unique_ptr<Exchange> feature_exchange(const Account& account, const Line& line,
                                           const FeatureChange& change, const Attempt& attempt);
std::unique_ptr<Exchange> equipment_exchange(const Account& account, const Line& line,
                                             const EquipmentChange& change, const Attempt& attempt);

// A new line for a SIM: activated, freed of features that came with the plan, given its static
// address. Each exchange carries out one step; activation_state.hpp says which.
std::unique_ptr<Exchange> activation_exchange(const Account& account, const Line& line,
                                              const Activation& change, const Attempt& attempt);

// The subscriber list page by page, and the details of each line unless the account goes without.
std::unique_ptr<InventoryReading> read_inventory(const Account& account,
                                                 const InventoryScope& scope);

}  // namespace carryall::carriers::telegence
