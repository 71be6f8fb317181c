// What each role may do. Pure.
#include <array>

#include "tenants/tenant.hpp"

namespace carryall::tenants {
namespace {

constexpr std::array kRoles{Role::viewer, Role::operator_, Role::billing, Role::admin};

}  // namespace

std::string_view to_string(Role role) {
    switch (role) {
        case Role::viewer:
            return "viewer";
        case Role::operator_:
            return "operator";
        case Role::billing:
            return "billing";
        case Role::admin:
            return "admin";
    }
    CHECK(false);
}

std::optional<Role> parse_role(std::string_view text) {
    for (const Role role : kRoles) {
        if (text == to_string(role)) return role;
    }
    return std::nullopt;
}

std::string_view to_string(Permission permission) {
    switch (permission) {
        case Permission::read:
            return "read";
        case Permission::change_submit:
            return "change_submit";
        case Permission::inventory_write:
            return "inventory_write";
        case Permission::provider_write:
            return "provider_write";
        case Permission::billing_read:
            return "billing_read";
        case Permission::billing_run:
            return "billing_run";
        case Permission::token_manage:
            return "token_manage";
        case Permission::notify_manage:
            return "notify_manage";
        case Permission::tenant_manage:
            return "tenant_manage";
    }
    CHECK(false);
}

bool may(Role role, Permission permission) {
    switch (permission) {
        case Permission::read:
            return true;
        case Permission::change_submit:
        case Permission::inventory_write:
            return role == Role::operator_ || role == Role::admin;
        case Permission::billing_read:
        case Permission::billing_run:
            return role == Role::billing || role == Role::admin;
        case Permission::provider_write:
        case Permission::token_manage:
        case Permission::notify_manage:
        case Permission::tenant_manage:
            return role == Role::admin;
    }
    CHECK(false);
}

base::Result<void> require(Role role, Permission permission) {
    if (may(role, permission)) return {};
    std::string able;
    for (const Role other : kRoles) {
        if (!may(other, permission)) continue;
        if (!able.empty()) able += " or ";
        able += to_string(other);
    }
    return base::Error{base::ErrorKind::forbidden,
                       "a token with the role " + std::string(to_string(role)) +
                           " may not do this; use one with the role " + able,
                       std::string(to_string(permission))};
}

}  // namespace carryall::tenants
