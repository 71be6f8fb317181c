// What the end of an attempt means for a charge, beyond what it means for any device: pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "changes/run_store.hpp"

namespace carryall::charges {

// Charges that were refused because the account is (credentials, write switch) were not charged and
// are not to blame: they become as they were. Answers why the account's runs must stop; empty: they
// need not.
std::optional<std::string> spare_charges(std::vector<changes::DeviceResult>& results);

// Rev.io could not be asked however often it was tried: it refused nothing, so a person decides.
void park_unreached(std::vector<changes::DeviceResult>& results);

// Two intents of a page cannot have the same charge of Rev.io: all but the first are parked.
void part_twins(std::vector<changes::DeviceResult>& results);

// The page's workers died on this charge too often: a person looks it up.
changes::DeviceResult parked_as_poison(const changes::ClaimedDevice& charge, int lost_count);

}  // namespace carryall::charges
