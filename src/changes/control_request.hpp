// What a BulkChangeRequest says about the running of its change: failureThreshold, waves,
// waveApproval, maxConcurrency. An upload's parameters are flat texts: failureThresholdCount,
// failureThresholdPercent, failureThresholdAfterDevices, waves=1,10,100.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "changes/control_rules.hpp"

namespace carryall::changes {

inline constexpr std::array<std::string_view, 7> kControlKeys = {"failureThreshold",
                                                                 "failureThresholdCount",
                                                                 "failureThresholdPercent",
                                                                 "failureThresholdAfterDevices",
                                                                 "waves",
                                                                 "waveApproval",
                                                                 "maxConcurrency"};

// Every mistake with its pointer; keys are matched without regard to case.
std::vector<base::Error> read_control(const base::json::object& request, ControlRequest& control);
// The threshold of a resumption: {"count": 5} or {"percent": 10, "afterDevices": 100}.
std::vector<base::Error> read_threshold(const base::json::value& value, FailureThreshold& out);

// The same text for the same wish.
std::string canonical_text(const ControlRequest& control);

}  // namespace carryall::changes
