// /v1/service-providers: accounts at carriers. Only admins change them; credentials go in by a
// request of their own and never come out, an answer has their names only.
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

}  // namespace

void add_service_provider_routes(Routes& routes) {
    add_record_routes(
        routes,
        {.path = kPath, .noun = devices::kServiceProvider, .write = Permission::provider_write});
    routes.add({.method = http::Method::patch,
                .pattern = std::string(kPath) + "/{serviceProviderId}/credentials",
                .permission = Permission::provider_write,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = change_credentials});
}

}  // namespace carryall::api
