// /v1/devices/{deviceId}/line-budgets: what the line has left at a carrier that limits lines.
#include "accounts/line_budgets.hpp"

#include "accounts/account.hpp"
#include "api/api.hpp"
#include "devices/device.hpp"

namespace carryall::api {
namespace {

using base::Result;
using http::Response;
namespace json = base::json;

json::object describe(const accounts::BudgetState& state) {
    const int left = std::max(0, state.budget.limit - state.used);
    return {{"name", accounts::name_of(state.budget)},
            {"limit", state.budget.limit},
            {"used", state.used},
            {"left", left},
            {"possibleAgainAt",
             state.free_at ? json::value(base::to_iso8601(*state.free_at)) : json::value(nullptr)}};
}

// A carrier that limits no line has an empty list; null is "not known", with the reason.
Result<Response> line_budgets(Call& call) {
    const auto id = call.id("deviceId", "device");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const std::int64_t tenant_id = call.caller.tenant_id.value;
    const auto device = devices::get_device(**database, call.caller.tenant_id, {*id});
    if (!device) return device.error();
    const auto stored = accounts::load_account(
        **database, tenant_id, device->service_provider_id.value, call.services.master_key);
    if (!stored) return stored.error();
    json::array items;
    const auto opened = accounts::open_carrier_account(*stored);
    if (!opened) {
        const std::string problem =
            "the device's service provider cannot be used: " + opened.error().message;
        return json_response(json::object{{"items", nullptr}, {"problem", problem}});
    }
    const auto past = accounts::past_actions(**database, tenant_id, {*id});
    if (!past) return past.error();
    const auto mine = past->find(*id);
    static const std::vector<accounts::PastAction> kNone;
    for (const accounts::BudgetState& state : accounts::budget_states(
             opened->account.line_budgets, mine == past->end() ? kNone : mine->second,
             call.services.clock.now())) {
        items.push_back(describe(state));
    }
    return json_response(json::object{{"items", std::move(items)}, {"problem", nullptr}});
}

}  // namespace

void add_line_budget_routes(Routes& routes) {
    routes.add({.method = http::Method::get,
                .pattern = "/v1/devices/{deviceId}/line-budgets",
                .permission = tenants::Permission::read,
                .handler = line_budgets});
}

}  // namespace carryall::api
