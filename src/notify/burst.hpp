// Events that come in bursts, of which people hear in one message: a change of a hundred pages may
// park devices of every one. Programs (webhooks) get each event. What must stay true: each event is
// counted in exactly one message to each address.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace carryall::notify {

inline constexpr std::string_view kBurstType = "device_change.parked";
// The first message waits for what comes with its event; the next one of the same change comes so
// long after it.
inline constexpr std::chrono::seconds kBurstPause{30};
inline constexpr std::chrono::minutes kBurstEvery{10};

// One payload for several of the same subject: `count` is their sum, `devices` the first of them.
base::json::value joined_payload(const std::vector<base::json::value>& payloads);

}  // namespace carryall::notify
