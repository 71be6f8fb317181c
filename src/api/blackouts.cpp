// /v1/service-providers/{serviceProviderId}/blackouts: when nothing is begun at an account.
#include "accounts/blackout.hpp"
#include "api/api.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using accounts::Blackout;
using base::Result;
using http::Method;
using http::Response;
using tenants::Permission;

constexpr const char* kPath = "/v1/service-providers/{serviceProviderId}/blackouts";
constexpr const char* kOne = "/v1/service-providers/{serviceProviderId}/blackouts/{blackoutId}";

json::value instant_or_null(const std::optional<base::Instant>& at) {
    return at ? json::value(base::to_iso8601(*at)) : json::value(nullptr);
}

json::object document_of(const Blackout& blackout) {
    const auto text = accounts::text_of(blackout);
    json::object document{{"blackoutId", blackout.id},
                          {"name", blackout.name},
                          {"timeZone", blackout.zone.name()},
                          {"weekdays", nullptr},
                          {"from", nullptr},
                          {"to", nullptr},
                          {"startsAt", nullptr},
                          {"endsAt", nullptr},
                          {"description", text},
                          {"createdBy", blackout.created_by},
                          {"createdAt", blackout.created_at}};
    if (blackout.once) {
        document["startsAt"] = base::to_iso8601(blackout.once->from);
        document["endsAt"] = base::to_iso8601(blackout.once->to);
        return document;
    }
    json::array weekdays;
    for (const int day : blackout.weekly->weekdays) {
        weekdays.emplace_back(accounts::weekday_name(day));
    }
    document["weekdays"] = std::move(weekdays);
    document["from"] = accounts::clock_text(blackout.weekly->from);
    document["to"] = accounts::clock_text(blackout.weekly->to);
    return document;
}

Result<Response> list(Call& call) {
    const auto id = call.id("serviceProviderId", "service provider");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto blackouts = accounts::list_blackouts(**database, call.caller.tenant_id.value, *id);
    if (!blackouts) return blackouts.error();
    json::array items;
    for (const Blackout& blackout : *blackouts) items.emplace_back(document_of(blackout));
    const base::Instant now = call.services.clock.now();
    const auto still = accounts::standstill_at(*blackouts, now);
    return json_response(json::object{
        {"items", std::move(items)},
        {"heldUpUntil", instant_or_null(still ? std::optional(still->until) : std::nullopt)},
        {"nextAt", instant_or_null(accounts::next_standstill(*blackouts, now))}});
}

Result<Response> add(Call& call) {
    const auto id = call.id("serviceProviderId", "service provider");
    if (!id) return id.error();
    const auto body = call.body<accounts::BlackoutText>();
    if (!body) return body.error();
    auto blackout = accounts::read_blackout(*body, call.services.clock.now(), call.errors);
    if (!blackout) return blackout.error();
    blackout->created_by = call.caller.name;
    auto database = call.database();
    if (!database) return database.error();
    const auto added =
        accounts::add_blackout(**database, call.caller.tenant_id.value, *id, *blackout);
    if (!added) return added.error();
    return json_response(document_of(*added), 201);
}

Result<Response> remove(Call& call) {
    const auto id = call.id("serviceProviderId", "service provider");
    if (!id) return id.error();
    const auto blackout = call.id("blackoutId", "blackout");
    if (!blackout) return blackout.error();
    auto database = call.database();
    if (!database) return database.error();
    CARRYALL_TRY(
        accounts::remove_blackout(**database, call.caller.tenant_id.value, *id, *blackout));
    return json_response(json::object{{"blackoutId", *blackout}, {"removed", true}});
}

}  // namespace

void add_blackout_routes(Routes& routes) {
    routes.add(
        {.method = Method::get, .pattern = kPath, .permission = Permission::read, .handler = list});
    routes.add({.method = Method::post,
                .pattern = kPath,
                .permission = Permission::provider_write,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = add});
    routes.add({.method = Method::del,
                .pattern = kOne,
                .permission = Permission::provider_write,
                .rate = RateClass::write,
                .handler = remove});
}

}  // namespace carryall::api
