// /v1/service-providers: accounts at carriers. Only admins change them; credentials go in by a
// request of their own and never come out, an answer has their names only. Settings and credentials
// are checked when they are written: a mistake in them would otherwise show at the first change.
#include "accounts/account.hpp"
#include "api/api.hpp"
#include "api/records.hpp"
#include "devices/service_provider.hpp"

namespace carryall::api {
namespace {

using base::Result;
using http::Response;
using tenants::Permission;

constexpr const char* kPath = "/v1/service-providers";

Result<accounts::StoredAccount> load(Call& call, std::int64_t id) {
    auto database = call.database();
    if (!database) return database.error();
    return accounts::load_account(**database, call.caller.tenant_id.value, id,
                                  call.services.master_key);
}

// Whose pace the account shares follows from its settings and credentials.
Result<void> refresh_pacing_key(Call& call, std::int64_t id) {
    const auto account = load(call, id);
    if (!account) return account.error();
    auto database = call.database();
    if (!database) return database.error();
    return accounts::keep_pacing_key(**database, *account);
}

// Those that are removed need not be known.
Result<void> check_credentials(Call& call, std::int64_t id, const base::json::object& changes) {
    const auto account = load(call, id);
    if (!account) return account.error();
    base::json::object added;
    for (const auto& [name, value] : changes) {
        if (!value.is_null()) added[name] = value;
    }
    return accounts::check_credentials(account->integration, added);
}

Result<Response> change_credentials(Call& call) {
    const auto id = call.id("serviceProviderId", devices::kServiceProvider.label);
    if (!id) return id.error();
    const auto body = call.json_body();
    if (!body) return body.error();
    if (!body->is_object()) {
        return base::invalid_input(
            "the body must be a JSON object: a text for each credential, null to remove one");
    }
    CARRYALL_TRY(check_credentials(call, *id, body->get_object()));
    auto database = call.database();
    if (!database) return database.error();
    const auto names = devices::change_credentials(**database, call.caller.tenant_id, {*id},
                                                   body->get_object(), call.services.master_key);
    if (!names) return names.error();
    CARRYALL_TRY(refresh_pacing_key(call, *id));
    base::json::array listed;
    for (const std::string& name : *names) listed.emplace_back(name);
    return json_response(
        base::json::object{{"serviceProviderId", *id}, {"credentialNames", std::move(listed)}});
}

Result<void> check_rate(const base::json::object& body) {
    const auto* rate = base::find_ignoring_case(body, "ratePerSecond");
    if (rate == nullptr) return {};
    const bool is_zero = rate->is_number()
                             ? rate->to_number<double>() == 0
                             : rate->is_string() && !rate->get_string().empty() &&
                                   std::string_view(rate->get_string()).find_first_not_of("0.") ==
                                       std::string_view::npos;
    if (!is_zero) return {};
    return base::invalid_input("ratePerSecond must be more than 0; writeIsEnabled stops an account",
                               "/ratePerSecond");
}

// An account may be made without settings and set up afterwards.
Result<void> check_settings(Call& call, std::optional<std::int64_t> id,
                            const base::json::object& body) {
    CARRYALL_TRY(check_rate(body));
    const auto* settings = base::find_ignoring_case(body, "settings");
    if (settings == nullptr || !settings->is_object() || settings->get_object().empty()) return {};
    if (id) {
        const auto account = load(call, *id);
        if (!account) return account.error();
        return accounts::check_settings(account->integration, settings->get_object());
    }
    const auto* integration = base::find_ignoring_case(body, "integration");
    const bool is_known = integration != nullptr && integration->is_string() &&
                          carriers::parse_integration(integration->get_string()).has_value();
    if (!is_known) return {};  // the description of the record says so
    return accounts::check_settings(std::string(integration->get_string()), settings->get_object());
}

}  // namespace

void add_service_provider_routes(Routes& routes) {
    add_record_routes(routes, {.path = kPath,
                               .noun = devices::kServiceProvider,
                               .write = Permission::provider_write,
                               .check = check_settings,
                               .written = refresh_pacing_key});
    routes.add({.method = http::Method::patch,
                .pattern = std::string(kPath) + "/{serviceProviderId}/credentials",
                .permission = Permission::provider_write,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = change_credentials});
}

}  // namespace carryall::api
