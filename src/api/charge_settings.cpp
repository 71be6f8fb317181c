// /v1/charge-settings: how the tenant's customers are charged.
#include "api/api.hpp"
#include "charges/charge_setting.hpp"

namespace carryall::api {
namespace {

using base::Result;
using http::Response;
using tenants::Permission;

constexpr const char* kPath = "/v1/charge-settings";

Result<Response> show(Call& call) {
    auto database = call.database();
    if (!database) return database.error();
    const auto setting = charges::get_charge_setting(**database, call.caller.tenant_id);
    if (!setting) return setting.error();
    return json_response(charges::to_json(*setting));
}

Result<Response> set(Call& call) {
    const auto body = call.exact_json_body();
    if (!body) return body.error();
    if (!body->is_object()) return base::invalid_input("the body must be a JSON object");
    auto database = call.database();
    if (!database) return database.error();
    base::JsonErrors mistakes;
    const auto setting =
        charges::change_charge_setting(**database, call.caller, body->get_object(), mistakes);
    call.errors = mistakes.items();
    if (!setting) return setting.error();
    return json_response(charges::to_json(*setting));
}

}  // namespace

void add_charge_setting_routes(Routes& routes) {
    routes.add({.method = http::Method::get,
                .pattern = kPath,
                .permission = Permission::billing_read,
                .rate = RateClass::read,
                .handler = show});
    routes.add({.method = http::Method::patch,
                .pattern = kPath,
                .permission = Permission::billing_run,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = set});
}

}  // namespace carryall::api
