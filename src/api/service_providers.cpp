// /v1/service-providers: accounts at carriers. Only admins change them; credentials go in by a
// request of their own and never come out, an answer has their names only.
#include "accounts/callbacks.hpp"
#include "api/api.hpp"
#include "api/records.hpp"
#include "devices/service_provider.hpp"

namespace carryall::api {
namespace {

using base::Result;
using http::Response;
using tenants::Permission;

constexpr const char* kPath = "/v1/service-providers";

Result<Response> change_credentials(Call& call) {
    const auto id = call.id("serviceProviderId", devices::kServiceProvider.label);
    if (!id) return id.error();
    const auto body = call.json_body();
    if (!body) return body.error();
    if (!body->is_object()) {
        return base::invalid_input(
            "the body must be a JSON object: a text for each credential, null to remove one");
    }
    auto database = call.database();
    if (!database) return database.error();
    const auto names = devices::change_credentials(**database, call.caller.tenant_id, {*id},
                                                   body->get_object(), call.services.master_key);
    if (!names) return names.error();
    base::json::array listed;
    for (const std::string& name : *names) listed.emplace_back(name);
    return json_response(
        base::json::object{{"serviceProviderId", *id}, {"credentialNames", std::move(listed)}});
}

// The sources would be found wrong only when a carrier calls, which tells nobody.
Result<void> check_callback_sources(const base::json::object& body) {
    const auto* settings = base::find_ignoring_case(body, "settings");
    if (settings == nullptr || !settings->is_object()) return {};
    const auto sources = accounts::callback_sources("", settings->get_object());
    if (!sources) return base::invalid_input(sources.error().message, "/settings/callbackSources");
    return {};
}

}  // namespace

void add_service_provider_routes(Routes& routes) {
    add_record_routes(routes, {.path = kPath,
                               .noun = devices::kServiceProvider,
                               .write = Permission::provider_write,
                               .check = check_callback_sources});
    routes.add({.method = http::Method::patch,
                .pattern = std::string(kPath) + "/{serviceProviderId}/credentials",
                .permission = Permission::provider_write,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = change_credentials});
}

}  // namespace carryall::api
