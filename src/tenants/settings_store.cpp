// The SQL of a tenant's settings.
#include "base/log.hpp"
#include "tenants/settings.hpp"

namespace carryall::tenants {
namespace {

using base::Result;
using db::Params;
using db::Query;

constexpr Query kGet{"tenant_get_settings",
                     "SELECT approval_threshold_devices FROM tenant WHERE id = $1"};
constexpr Query kSet{"tenant_set_settings",
                     "UPDATE tenant SET approval_threshold_devices = $2 WHERE id = $1"};

}  // namespace

Result<TenantSettings> get_settings(db::Connection& connection, TenantId tenant_id) {
    const auto rows = connection.exec(kGet, Params().add(tenant_id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such tenant");
    TenantSettings settings;
    if (const auto threshold = rows->optional_integer(0, 0)) {
        settings.approval_threshold_devices = static_cast<int>(*threshold);
    }
    return settings;
}

Result<void> set_settings(db::Connection& connection, const Caller& caller,
                          const TenantSettings& settings) {
    CARRYALL_TRY(require(caller.role, Permission::tenant_manage));
    const auto threshold = settings.approval_threshold_devices;
    if (threshold && (*threshold < 0 || *threshold > kMaxApprovalThreshold)) {
        return base::invalid_input("must be between 0 and 1,000,000, or null",
                                   "/approvalThresholdDevices");
    }
    const auto rows = connection.exec(kSet, Params().add(caller.tenant_id).add(threshold));
    if (!rows) return rows.error();
    base::log::info("tenant_settings_changed", {{"tenantId", caller.tenant_id.value},
                                                {"by", caller.name},
                                                {"approvalThresholdDevices",
                                                 threshold ? std::to_string(*threshold) : "none"}});
    return {};
}

}  // namespace carryall::tenants
