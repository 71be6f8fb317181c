// /v1/webhooks: where a tenant's programs hear of events. A secret is in exactly one answer, the
// one that made it.
#include <boost/describe.hpp>

#include "api/api.hpp"
#include "api/or_null.hpp"
#include "api/strict_body.hpp"
#include "notify/webhook.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;
using http::Response;
using notify::Webhook;
using notify::WebhookId;
using notify::WebhookWishes;
using tenants::Permission;

constexpr const char* kPath = "/v1/webhooks";
constexpr const char* kOne = "/v1/webhooks/{webhookId}";

struct WebhookBody {
    std::optional<std::string> url;
    std::optional<std::string> description;
    std::optional<std::vector<std::string>> event_types;
    std::optional<bool> is_active;
};
BOOST_DESCRIBE_STRUCT(WebhookBody, (), (url, description, event_types, is_active))

json::object document_of(const Webhook& webhook) {
    return {{"webhookId", webhook.id.value},
            {"url", webhook.url},
            {"description", webhook.description},
            {"eventTypes", json::array(webhook.event_types.begin(), webhook.event_types.end())},
            {"isActive", webhook.is_active},
            {"disabledReason", or_null(webhook.disabled_reason)},
            {"failingSince", or_null(webhook.failing_since)},
            {"previousSecretUntil", or_null(webhook.previous_secret_until)},
            {"createdBy", webhook.created_by},
            {"createdAt", webhook.created_at},
            {"modifiedAt", webhook.modified_at}};
}

json::object document_of(const notify::WebhookWithSecret& made) {
    json::object document = document_of(made.webhook);
    document["secret"] = made.secret.reveal();
    return document;
}

Result<WebhookId> id_of(const Call& call) {
    const auto id = call.id("webhookId", "webhook");
    if (!id) return id.error();
    return WebhookId{*id};
}

Result<WebhookWishes> wishes_of(Call& call) {
    const auto body = strict_body<WebhookBody>(call);
    if (!body) return body.error();
    return WebhookWishes{body->url, body->description, body->event_types, body->is_active};
}

Result<Response> list(Call& call) {
    auto database = call.database();
    if (!database) return database.error();
    const auto webhooks = notify::list_webhooks(**database, call.caller.tenant_id);
    if (!webhooks) return webhooks.error();
    json::array items;
    for (const Webhook& webhook : *webhooks) items.emplace_back(document_of(webhook));
    return page_response(std::move(items), "");
}

Result<Response> get(Call& call) {
    const auto id = id_of(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto webhook = notify::get_webhook(**database, call.caller.tenant_id, *id);
    if (!webhook) return webhook.error();
    return json_response(document_of(*webhook));
}

Result<Response> create(Call& call) {
    const auto wishes = wishes_of(call);
    if (!wishes) return wishes.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto made =
        notify::create_webhook(**database, call.caller, *wishes, call.services.settings.webhooks,
                               call.services.master_key);
    if (!made) return made.error();
    Response response = json_response(document_of(*made), 201);
    response.headers.set("Location", std::string(kPath) + '/' + base::to_string(made->webhook.id));
    return response;
}

Result<Response> change(Call& call) {
    const auto id = id_of(call);
    if (!id) return id.error();
    const auto wishes = wishes_of(call);
    if (!wishes) return wishes.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto webhook = notify::update_webhook(**database, call.caller.tenant_id, *id, *wishes,
                                                call.services.settings.webhooks);
    if (!webhook) return webhook.error();
    return json_response(document_of(*webhook));
}

Result<Response> rotate(Call& call) {
    const auto id = id_of(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto made =
        notify::rotate_secret(**database, call.caller.tenant_id, *id, call.services.master_key);
    if (!made) return made.error();
    return json_response(document_of(*made));
}

Result<Response> test(Call& call) {
    const auto id = id_of(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto delivery = notify::send_test(**database, call.caller, *id);
    if (!delivery) return delivery.error();
    Response response = json_response(json::object{{"deliveryId", delivery->value}}, 202);
    response.headers.set("Location", "/v1/deliveries/" + base::to_string(*delivery));
    return response;
}

void add(Routes& routes, Method method, const char* pattern, Body body, Handler handler) {
    routes.add({.method = method,
                .pattern = pattern,
                .permission = Permission::notify_manage,
                .rate = method == Method::get ? RateClass::read : RateClass::write,
                .body = body,
                .handler = std::move(handler)});
}

}  // namespace

void add_webhook_routes(Routes& routes) {
    add(routes, Method::get, kPath, Body::none, list);
    add(routes, Method::post, kPath, Body::json, create);
    add(routes, Method::get, kOne, Body::none, get);
    add(routes, Method::patch, kOne, Body::json, change);
    add(routes, Method::post, "/v1/webhooks/{webhookId}/rotate-secret", Body::none, rotate);
    add(routes, Method::post, "/v1/webhooks/{webhookId}/test", Body::none, test);
}

}  // namespace carryall::api
