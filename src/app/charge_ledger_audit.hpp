// Compares what we believe of charges with what the simulator of Rev.io says it really did: each
// intent performed at most once, what is charged exactly once, nothing without an intent that was
// committed before (docs/SIMULATORS.md). For tests and demonstrations; Rev.io publishes no ledger.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/money.hpp"
#include "charges/charge_audit.hpp"

namespace carryall::app {

// What Rev.io performed for one business fact: whom, for what, for which time, the words.
struct PerformedCharge {
    std::int64_t times = 0;
    std::int64_t first_at_us = 0;  // since 1970
    base::Money amount;
};
using PerformedCharges = std::map<std::string, PerformedCharge>;

// From the lines of a ledger; a mark of a reset forgets what was before.
void count_performed_charges(std::string_view lines, PerformedCharges& performed);

// The fact of an intent, as PerformedCharges names it.
std::string fact_of(const billing::revio::Charge& charge);

// `performed`: by this tenant alone.
std::vector<changes::Violation> compare_charges_with_ledger(
    const std::vector<charges::BelievedCharge>& believed, const PerformedCharges& performed);

// The simulator must have charged for this tenant only: what has no intent of it is a finding.
base::Result<std::vector<changes::Violation>> audit_charges_against_ledger(
    db::Connection& connection, tenants::TenantId tenant_id, const std::string& url);

}  // namespace carryall::app
