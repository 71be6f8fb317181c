// The auditor: reads everything that was written about bulk changes and says what cannot be. It
// changes nothing, trusts no constraint, and needs only our database; what a carrier really did is
// compared by a caller who can see it. `carryall audit --rules` lists what is
// checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "db/postgres.hpp"
#include "tenants/tenant.hpp"

namespace carryall::changes {

inline constexpr int kMaxListedViolations = 50;  // of one rule and tenant

struct AuditRule {
    const char* id;       // "I1.counts"
    const char* meaning;  // what must hold
};
// Every rule, for reports and documentation.
std::vector<AuditRule> audit_rules();

struct Violation {
    std::string rule;
    std::int64_t tenant_id = 0;
    std::string subject;  // "bulk_change 17"
    std::string detail;
    std::int64_t count = 1;  // on the last one listed of a rule: how many there are in all
};

struct AuditSettings {
    // A page whose lease ran out this long ago should have been taken over (I10), a device that is
    // due for so long should have been worked on.
    int overdue_seconds = 900;
    bool everything_is_finished = false;  // also: nothing is live any more (after a calm phase)
};

base::Result<std::vector<Violation>> audit(db::Connection& connection, tenants::TenantId tenant_id,
                                           const AuditSettings& settings);

// What we believe about a device, to be compared with the carrier.
struct BelievedDevice {
    std::int64_t device_id = 0;
    std::string iccid;
    std::string status;
    std::optional<std::int64_t> carrier_plan_id;
    bool is_unclear = false;  // a change of it is not final: a difference is no surprise
    // Of bulk changes at the carrier: how many are processed, and how many were never sent.
    std::int64_t processed_status_changes = 0;
    std::int64_t processed_plan_changes = 0;
    std::int64_t started_status_changes = 0;
    std::int64_t started_plan_changes = 0;
};

// Devices of an integration that any carrier change speaks of, by id, `limit` after `after`.
base::Result<std::vector<BelievedDevice>> believed_devices(db::Connection& connection,
                                                           tenants::TenantId tenant_id,
                                                           const std::string& integration,
                                                           std::int64_t after, int limit);

}  // namespace carryall::changes
