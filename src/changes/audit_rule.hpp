// A rule of the auditor as SQL: for the stores that have rules of their own.
#pragma once

#include <span>

#include "changes/audit.hpp"

namespace carryall::changes {

// One read-only statement that answers (subject, detail) for what breaks the rule. $1 is the
// tenant, $2, if it has patience, the seconds after which something due is overdue.
struct AuditSqlRule {
    AuditRule rule;
    bool after_calm_only = false;
    bool has_patience = false;
    const char* sql = nullptr;
};

std::vector<AuditRule> rules_of(std::span<const AuditSqlRule> rules);

// All rules see one moment.
base::Result<std::vector<Violation>> audit_by(std::span<const AuditSqlRule> rules,
                                              db::Connection& connection,
                                              tenants::TenantId tenant_id,
                                              const AuditSettings& settings);

}  // namespace carryall::changes
