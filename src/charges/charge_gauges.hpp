// How customer charges stand, as metrics, by tenant and Rev.io account.
#pragma once

#include <vector>

#include "base/metrics.hpp"
#include "charges/charge_standing.hpp"

namespace carryall::charges {

// What is not known (when an account without limits is done) has no member in its gauge.
std::vector<base::metrics::Snapshot> gauges_of(const std::vector<ChargeStanding>& standings);

// For db::Gauges. One statement a tenant.
Result<std::vector<base::metrics::Snapshot>> read_charge_gauges(db::Connection& connection);

}  // namespace carryall::charges
