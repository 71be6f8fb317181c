// The auditor of charges: reads everything that was written about them and says what cannot be. It
// changes nothing, trusts no constraint, and needs only our database. What Rev.io really did is
// compared by a caller who can see it, with what we believe of each intent.
#pragma once

#include <vector>

#include "billing/revio/charge.hpp"
#include "changes/audit.hpp"
#include "charges/charge.hpp"

namespace carryall::charges {

std::vector<changes::AuditRule> charge_audit_rules();

Result<std::vector<changes::Violation>> audit_charges(db::Connection& connection,
                                                      tenants::TenantId tenant_id,
                                                      const changes::AuditSettings& settings);

// An intent that goes to Rev.io, as it is sent.
struct BelievedCharge {
    ChargeId id;
    ChargeState state = ChargeState::fresh;
    std::int64_t created_at_us = 0;  // since 1970
    billing::revio::Charge charge;
};
// By id, at most `limit` after `after`.
Result<std::vector<BelievedCharge>> believed_charges(db::Connection& connection,
                                                     tenants::TenantId tenant_id,
                                                     std::int64_t after, int limit);

}  // namespace carryall::charges
