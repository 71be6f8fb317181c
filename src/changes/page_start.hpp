// What a runner makes of a claimed page before it runs it: what each exchange is told of earlier
// attempts, and which devices wait because workers died on the page.
#pragma once

#include <string>
#include <vector>

#include "changes/run_store.hpp"

namespace carryall::changes {

carriers::Attempt attempt_at(const ClaimedPage& page, const ClaimedDevice& device,
                             const std::string& correlation_id, std::chrono::seconds settling_time);

// A page whose workers died is worked in small parts, and at last device by device, so that only
// the device they die of is parked in the end. Answers the devices that are set aside.
std::vector<ClaimedDevice> take_aside(ClaimedPage& page, bool is_poisoned);

}  // namespace carryall::changes
