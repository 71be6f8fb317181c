// Compares what we believe with what a simulator says it really did: the part of the audit that
// needs the carrier's own ledger (docs/SIMULATORS.md). For tests and demonstrations; real carriers
// publish no ledger.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "changes/audit.hpp"

namespace carryall::app {

// How often each action was performed for each key.
using PerformedCounts = std::map<std::pair<std::string, std::string>, std::int64_t>;

// Gives the whole ledger to `consume`, a few whole lines at a time, in their order.
base::Result<void> read_ledger_lines(const std::string& url,
                                     const std::function<void(std::string_view lines)>& consume);

// From the lines of a ledger; a mark of a reset forgets what was before.
void count_performed(std::string_view lines, PerformedCounts& counts);

// One device against the ledger and the simulator's answer about the SIM ("/_sim/pond/sim/…").
std::vector<changes::Violation> compare_with_carrier(const changes::BelievedDevice& device,
                                                     const PerformedCounts& performed,
                                                     const base::json::value& truth);

// Of every POND device of the tenant that a bulk change spoke of.
base::Result<std::vector<changes::Violation>> audit_against_ledger(db::Connection& connection,
                                                                   tenants::TenantId tenant_id,
                                                                   const std::string& url);

}  // namespace carryall::app
