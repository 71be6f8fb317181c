// Exchanges that end before their first call: what cannot be asked of an integration is refused
// with a sentence, device by device, like every other refusal.
#pragma once

#include <memory>
#include <string>

#include "carriers/carrier.hpp"

namespace carryall::carriers {

std::unique_ptr<Exchange> refusing_exchange(FailureClass failure, std::string reason);

// For an action that the integration has no exchange for: "POND cannot change features".
std::unique_ptr<Exchange> unsupported_action(Integration integration, const Action& action);

}  // namespace carryall::carriers
