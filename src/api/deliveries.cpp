// /v1/events: what happened. /v1/deliveries: what was told to whom of it, with every attempt.
#include <algorithm>

#include "api/api.hpp"
#include "api/or_null.hpp"
#include "notify/delivery.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;
using http::Response;
using notify::Delivery;
using tenants::Permission;

constexpr const char* kPath = "/v1/deliveries";
constexpr const char* kOne = "/v1/deliveries/{deliveryId}";

json::object document_of(const notify::Event& event) {
    return {{"eventId", event.id.value},
            {"type", event.type},
            {"subject", event.subject},
            {"createdAt", event.created_at},
            {"data", event.payload}};
}

json::object document_of(const Delivery& delivery) {
    return {{"deliveryId", delivery.id.value},
            {"channel", delivery.channel},
            {"state", delivery.state},
            {"eventId", or_null(delivery.event_id)},
            {"eventType", or_null(delivery.event_type)},
            {"webhookId", or_null(delivery.webhook_id)},
            {"address", or_null(delivery.address)},
            {"subject", or_null(delivery.subject)},
            {"attemptCount", delivery.attempt_count},
            {"reason", or_null(delivery.reason)},
            {"dueAt", or_null(delivery.due_at)},
            {"createdAt", delivery.created_at},
            {"endedAt", or_null(delivery.ended_at)}};
}

// The value of a parameter that has few; empty if it is not given.
Result<std::string> one_of(const Call& call, const char* name,
                           std::initializer_list<std::string_view> known) {
    const auto given = call.query(name);
    if (!given) return std::string();
    if (std::find(known.begin(), known.end(), *given) != known.end()) return *given;
    std::string list;
    for (const std::string_view one : known) list.append(list.empty() ? "" : ", ").append(one);
    return bad_parameter(name, "must be one of " + list);
}

constexpr auto kShown = [](const auto& item) { return document_of(item); };

Result<Response> list_events(Call& call) {
    return list_response(
        call, notify::list_events, kShown,
        notify::EventFilter{call.query("type").value_or(""), call.query("subject").value_or("")});
}

Result<Response> list(Call& call) {
    notify::DeliveryFilter filter;
    const auto channel = one_of(call, "channel", {"webhook", "mail"});
    if (!channel) return channel.error();
    filter.channel = *channel;
    const auto state = one_of(call, "state", {"queued", "sending", "sent", "parked", "unknown"});
    if (!state) return state.error();
    filter.state = *state;
    const auto webhook = call.query_integer("webhookId");
    if (!webhook) return webhook.error();
    filter.webhook_id = webhook->value_or(0);
    const auto event = call.query_integer("eventId");
    if (!event) return event.error();
    filter.event_id = event->value_or(0);
    return list_response(call, notify::list_deliveries, kShown, filter);
}

Result<Response> get(Call& call) {
    const auto id = call.id("deliveryId", "delivery");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto found = notify::get_delivery(**database, call.caller.tenant_id, {*id});
    if (!found) return found.error();
    json::array attempts;
    for (const notify::Attempt& attempt : found->attempts) {
        attempts.emplace_back(json::object{{"attempt", attempt.number},
                                           {"startedAt", attempt.started_at},
                                           {"tookMs", attempt.took_ms},
                                           {"status", or_null(attempt.status)},
                                           {"answer", attempt.answer},
                                           {"error", or_null(attempt.error)}});
    }
    json::array attachments;
    for (const notify::DeliveryAttachment& one : found->attachments) {
        attachments.emplace_back(json::object{{"fileName", one.file_name},
                                              {"contentType", one.content_type},
                                              {"sizeBytes", one.size_bytes}});
    }
    json::object document = document_of(found->delivery);
    document["text"] = or_null(found->text);
    document["attachments"] = std::move(attachments);
    document["attempts"] = std::move(attempts);
    return json_response(document);
}

Result<Response> resend(Call& call) {
    const auto id = call.id("deliveryId", "delivery");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto queued = notify::resend(**database, call.caller.tenant_id, {*id});
    if (!queued) return queued.error();
    return json_response(document_of(*queued), 202);
}

}  // namespace

void add_event_routes(Routes& routes) {
    routes.add({.method = Method::get,
                .pattern = "/v1/events",
                .permission = Permission::read,
                .rate = RateClass::read,
                .query = {"type", "subject", "limit", "pageToken"},
                .handler = list_events});
}

void add_delivery_routes(Routes& routes) {
    routes.add({.method = Method::get,
                .pattern = kPath,
                .permission = Permission::read,
                .rate = RateClass::read,
                .query = {"channel", "state", "webhookId", "eventId", "limit", "pageToken"},
                .handler = list});
    routes.add({.method = Method::get,
                .pattern = kOne,
                .permission = Permission::read,
                .rate = RateClass::read,
                .handler = get});
    routes.add({.method = Method::post,
                .pattern = "/v1/deliveries/{deliveryId}/resend",
                .permission = Permission::notify_manage,
                .rate = RateClass::write,
                .handler = resend});
}

}  // namespace carryall::api
