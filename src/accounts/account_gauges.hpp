// How accounts stand, as metrics: the figures of GET /v1/accounts for every tenant.
#pragma once

#include <vector>

#include "accounts/account_report.hpp"
#include "base/metrics.hpp"

namespace carryall::accounts {

// What is not known (no limit, no estimate) has no member in its gauge.
std::vector<base::metrics::Snapshot> gauges_of(const std::vector<AccountReport>& reports);

// For db::Gauges. One statement.
Result<std::vector<base::metrics::Snapshot>> read_account_gauges(db::Connection& connection);

}  // namespace carryall::accounts
