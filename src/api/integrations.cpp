// /v1/integrations: what can be done at each carrier, from the adapters' own tables.
#include "api/api.hpp"
#include "carriers/carrier.hpp"

namespace carryall::api {
namespace {

using base::Result;
using carriers::Capabilities;
using carriers::Carrier;
using carriers::Integration;
using http::Response;
namespace json = base::json;

json::array names(const std::vector<std::string>& list) {
    json::array out;
    for (const std::string& name : list) out.emplace_back(name);
    return out;
}

json::array change_types(const Capabilities& can) {
    json::array out;
    if (can.status_update) out.emplace_back("statusupdate");
    if (can.carrier_rate_plan_change) out.emplace_back("carrierrateplanchange");
    if (can.new_activation) out.emplace_back("newserviceactivation");
    return out;
}

json::array actions(bool status, bool rate_plan) {
    json::array out;
    if (status) out.emplace_back("statusupdate");
    if (rate_plan) out.emplace_back("carrierrateplanchange");
    return out;
}

json::object describe(const Carrier& carrier) {
    const Capabilities can = carrier.capabilities();
    json::object transitions;
    for (const std::string& status : carrier.statuses()) {
        transitions[status] = names(carrier.allowed_transitions(status, {}));
    }
    return {{"integration", to_string(carrier.integration())},
            {"name", display_name(carrier.integration())},
            {"changeTypes", change_types(can)},
            {"statuses", names(carrier.statuses())},
            {"statusTransitions", std::move(transitions)},
            {"isAsynchronous", can.is_asynchronous},
            {"hasSessions", carrier.has_sessions()},
            {"devicesPerRequest", can.devices_per_request},
            {"repeatSafe", actions(can.status_is_repeat_safe, can.rate_plan_is_repeat_safe)},
            {"canBeUndone", actions(can.status_can_be_undone, can.rate_plan_can_be_undone)},
            {"schedulesDaysAhead", can.schedules_days_ahead},
            {"plansNeedCarrierId", can.plans_need_carrier_id},
            {"inventorySync", can.inventory_sync},
            {"incrementalSync", can.incremental_sync},
            {"settlingSeconds", can.settling_time.count()},
            {"defaultRatePerSecond", can.default_rate_per_second},
            {"defaultMaxConcurrency", can.default_max_concurrency}};
}

Result<Response> list_integrations(Call&) {
    json::array items;
    for (const Integration integration : {Integration::jasper, Integration::thingspace,
                                          Integration::pond, Integration::telegence}) {
        if (const Carrier* carrier = carriers::find_carrier(integration)) {
            items.push_back(describe(*carrier));
        }
    }
    return json_response(json::object{{"items", std::move(items)}});
}

}  // namespace

void add_integration_routes(Routes& routes) {
    routes.add({.method = http::Method::get,
                .pattern = "/v1/integrations",
                .permission = tenants::Permission::read,
                .handler = list_integrations});
}

}  // namespace carryall::api
