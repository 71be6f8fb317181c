// Who uses the platform. A tenant owns every row of business data; a caller acts for exactly one
// tenant with exactly one role. What must stay true: what a role may do is decided here and nowhere
// else, by a pure function.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "db/postgres.hpp"

namespace carryall::tenants {

using TenantId = base::Id<struct TenantTag>;

// Spelled "viewer", "operator", "billing", "admin" in database and JSON.
enum class Role { viewer, operator_, billing, admin };
std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view text);

enum class Permission {
    read,             // inventory, bulk changes and their logs
    change_submit,    // submit, cancel and resolve bulk changes
    inventory_write,  // import and edit devices, customers, sites, plans
    provider_write,   // service providers: write switch, settings, credentials, pacing
    billing_read,     // charges and optimisation instances
    billing_run,      // start and resolve charging
    token_manage,     // create and revoke API tokens
    notify_manage,    // webhooks, recipients of mail, sending deliveries again
    tenant_manage,    // what the tenant as a whole has set: when a second person must approve
};
std::string_view to_string(Permission permission);

bool may(Role role, Permission permission);
// `forbidden`, with the sentence that says which roles may, unless `role` may.
base::Result<void> require(Role role, Permission permission);

struct Tenant {
    TenantId id;
    std::string name;
    bool is_active = true;
    std::string created_at;  // ISO 8601
};

inline constexpr std::size_t kMaxNameBytes = 200;
inline constexpr int kMaxListedTenants = 10'000;

// Operators' commands; no caller of the API reaches them. A second tenant of the same name is a
// `conflict`.
base::Result<Tenant> create_tenant(db::Connection& connection, std::string_view name);
base::Result<std::vector<Tenant>> list_tenants(db::Connection& connection);
// Whom workers work for, by id.
base::Result<std::vector<std::int64_t>> active_tenants(db::Connection& connection);
base::Result<Tenant> find_tenant(db::Connection& connection, std::string_view name);

}  // namespace carryall::tenants
