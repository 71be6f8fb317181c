// /v1/tenant: what the tenant has set for all its users.
#include "api/api.hpp"
#include "tenants/settings.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Response;
using tenants::Permission;

constexpr const char* kThreshold = "approvalThresholdDevices";

Result<Response> answer(Call& call, db::Connection& database) {
    const auto settings = tenants::get_settings(database, call.caller.tenant_id);
    if (!settings) return settings.error();
    const auto& threshold = settings->approval_threshold_devices;
    return json_response(
        json::object{{"tenantId", call.caller.tenant_id.value},
                     {kThreshold, threshold ? json::value(*threshold) : json::value(nullptr)}});
}

Result<Response> show(Call& call) {
    auto database = call.database();
    if (!database) return database.error();
    return answer(call, **database);
}

Result<Response> set(Call& call) {
    const auto body = call.json_body();
    if (!body) return body.error();
    if (!body->is_object()) return base::invalid_input("the body must be a JSON object");
    for (const auto& [key, value] : body->get_object()) {
        if (key != kThreshold) return base::invalid_input("is unknown", '/' + std::string(key));
    }
    auto database = call.database();
    if (!database) return database.error();
    if (const json::value* wanted = body->get_object().if_contains(kThreshold)) {
        tenants::TenantSettings settings;
        if (!wanted->is_null()) {
            const auto* number = wanted->if_int64();
            if (number == nullptr || *number < 0 || *number > tenants::kMaxApprovalThreshold) {
                return base::invalid_input("must be between 0 and 1,000,000, or null",
                                           '/' + std::string(kThreshold));
            }
            settings.approval_threshold_devices = static_cast<int>(*number);
        }
        CARRYALL_TRY(tenants::set_settings(**database, call.caller, settings));
    }
    return answer(call, **database);
}

}  // namespace

void add_tenant_routes(Routes& routes) {
    routes.add({.method = http::Method::get,
                .pattern = "/v1/tenant",
                .permission = Permission::read,
                .rate = RateClass::read,
                .handler = show});
    routes.add({.method = http::Method::patch,
                .pattern = "/v1/tenant",
                .permission = Permission::tenant_manage,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = set});
}

}  // namespace carryall::api
