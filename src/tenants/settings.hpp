// What a tenant has set for all its users.
#pragma once

#include <optional>

#include "tenants/token.hpp"

namespace carryall::tenants {

inline constexpr int kMaxApprovalThreshold = 1'000'000;

struct TenantSettings {
    // A change for more devices than this waits until a second person approves it; none: no change
    // does.
    std::optional<int> approval_threshold_devices;
};

base::Result<TenantSettings> get_settings(db::Connection& connection, TenantId tenant_id);
// For changes that are started from now on.
base::Result<void> set_settings(db::Connection& connection, const Caller& caller,
                                const TenantSettings& settings);

}  // namespace carryall::tenants
