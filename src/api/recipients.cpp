// /v1/recipients: who hears of events by mail.
#include <boost/describe.hpp>

#include "api/api.hpp"
#include "api/strict_body.hpp"
#include "notify/recipient.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;
using http::Response;
using notify::Recipient;
using notify::RecipientWishes;
using tenants::Permission;

constexpr const char* kPath = "/v1/recipients";
constexpr const char* kOne = "/v1/recipients/{recipientId}";

struct RecipientBody {
    std::optional<std::string> address;
    std::optional<std::vector<std::string>> event_types;
    std::optional<bool> is_active;
};
BOOST_DESCRIBE_STRUCT(RecipientBody, (), (address, event_types, is_active))

json::object document_of(const Recipient& recipient) {
    return {{"recipientId", recipient.id.value},
            {"address", recipient.address},
            {"eventTypes", json::array(recipient.event_types.begin(), recipient.event_types.end())},
            {"isActive", recipient.is_active},
            {"createdBy", recipient.created_by},
            {"createdAt", recipient.created_at},
            {"modifiedAt", recipient.modified_at}};
}

Result<RecipientWishes> wishes_of(Call& call) {
    const auto body = strict_body<RecipientBody>(call);
    if (!body) return body.error();
    return RecipientWishes{body->address, body->event_types, body->is_active};
}

Result<Response> list(Call& call) {
    auto database = call.database();
    if (!database) return database.error();
    const auto recipients = notify::list_recipients(**database, call.caller.tenant_id);
    if (!recipients) return recipients.error();
    json::array items;
    for (const Recipient& recipient : *recipients) items.emplace_back(document_of(recipient));
    return page_response(std::move(items), "");
}

Result<Response> get(Call& call) {
    const auto id = call.id("recipientId", "recipient");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto recipient = notify::get_recipient(**database, call.caller.tenant_id, {*id});
    if (!recipient) return recipient.error();
    return json_response(document_of(*recipient));
}

Result<Response> create(Call& call) {
    const auto wishes = wishes_of(call);
    if (!wishes) return wishes.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto made = notify::create_recipient(**database, call.caller, *wishes);
    if (!made) return made.error();
    Response response = json_response(document_of(*made), 201);
    response.headers.set("Location", std::string(kPath) + '/' + base::to_string(made->id));
    return response;
}

Result<Response> change(Call& call) {
    const auto id = call.id("recipientId", "recipient");
    if (!id) return id.error();
    const auto wishes = wishes_of(call);
    if (!wishes) return wishes.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto changed =
        notify::update_recipient(**database, call.caller.tenant_id, {*id}, *wishes);
    if (!changed) return changed.error();
    return json_response(document_of(*changed));
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

void add_recipient_routes(Routes& routes) {
    add(routes, Method::get, kPath, Body::none, list);
    add(routes, Method::post, kPath, Body::json, create);
    add(routes, Method::get, kOne, Body::none, get);
    add(routes, Method::patch, kOne, Body::json, change);
}

}  // namespace carryall::api
