// What carriers tell by themselves: the address they send it to, and the list of what came. The
// address has no token: a message is taken from the carrier's addresses only, and only with the
// account's callback credentials in it. What must stay true: nothing of a refused message is kept
// or logged, a taken one is committed before it is answered, and an address without an account says
// the same whatever is missing.
#include "accounts/callbacks.hpp"

#include <array>
#include <cmath>

#include "api/api.hpp"
#include "api/callback_accounts.hpp"
#include "api/callback_inbox.hpp"
#include "api/problem.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/text.hpp"
#include "carriers/carrier.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using accounts::CallbackAccount;
using base::Error;
using base::ErrorKind;
using base::Result;
using http::Response;

constexpr const char* kThingSpacePattern = "/callbacks/thingspace/{tenantId}/{serviceProviderId}";
constexpr const char* kListPattern = "/v1/callbacks";
// Of one source; the others are in the metrics.
constexpr std::int64_t kLoggedRefusalsPerMinute = 60;
constexpr const char* kRetryAfterUnknown = "60";

bool may_send(const CallbackAccount& account, const std::string& remote_address) {
    if (account.sources.empty()) return true;
    const auto address = http::IpAddress::parse(remote_address);
    return address && std::any_of(account.sources.begin(), account.sources.end(),
                                  [&](const auto& source) { return source.contains(*address); });
}

// A number beyond all measure would be kept as a text that no reader takes back.
bool is_finite(const json::value& value) {
    if (value.is_double()) return std::isfinite(value.get_double());
    if (value.is_array()) {
        return std::all_of(value.get_array().begin(), value.get_array().end(), is_finite);
    }
    if (value.is_object()) {
        return std::all_of(value.get_object().begin(), value.get_object().end(),
                           [](const auto& member) { return is_finite(member.value()); });
    }
    return true;
}

struct Message {
    json::object body;
    carriers::Notice notice;
};

Result<Message> read_message(const carriers::Carrier& carrier, const std::string& text) {
    auto body = base::parse_json(text);
    if (!body) return body.error();
    auto notice = carrier.parse_notice(*body);
    if (!notice || !body->is_object()) {
        return base::invalid_input(
            "this is no callback: a JSON object with a requestId or deviceIds is expected");
    }
    if (!is_finite(*body)) return base::invalid_input("a number in the body is too large");
    return Message{std::move(body->get_object()), std::move(*notice)};
}

// The two are compared always: how long it takes tells nothing.
bool are_credentials_of(const CallbackAccount& account, const carriers::Notice& notice) {
    const bool name_is_right = account.username.equals_in_constant_time(notice.username);
    const bool password_is_right = account.password.equals_in_constant_time(notice.password);
    return name_is_right && password_is_right;
}

std::string_view title_of(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::unauthenticated:
            return "These are not the credentials of this address";
        case ErrorKind::forbidden:
            return "Callbacks are not taken from there";
        default:
            return {};
    }
}

class CallbackDesk {
  public:
    Result<Response> receive(Call& call) {
        const auto tenant = call.id("tenantId", "address");
        if (!tenant) return tenant.error();
        const auto provider = call.id("serviceProviderId", "address");
        if (!provider) return provider.error();
        const Result<void> taken = take(call, *tenant, *provider);
        if (taken) return json_response(json::object{});
        return refuse(call, *tenant, *provider, taken.error());
    }

  private:
    Result<void> take(Call& call, std::int64_t tenant, std::int64_t provider) {
        const auto account =
            accounts_.find(call.services, tenant, provider, call.request.remote_address);
        if (!account) {
            // What is stored is wrong; whoever sends this can do nothing about it.
            if (account.error().kind != ErrorKind::invalid_input) return account.error();
            return base::internal_error(account.error().message);
        }
        if (*account == nullptr || (*account)->integration != "thingspace") {
            return base::not_found("There is no such address");
        }
        if (!may_send(**account, call.request.remote_address)) {
            return Error{ErrorKind::forbidden,
                         "Callbacks to this address come from listed sources only; the service "
                         "provider's setting callbackSources lists them.",
                         {}};
        }
        auto message = read_message(*carriers::find_carrier(carriers::Integration::thingspace),
                                    call.request.body);
        if (!message) return message.error();
        if (!are_credentials_of(**account, message->notice)) {
            return Error{ErrorKind::unauthenticated,
                         "username and password in the body must be those of the service "
                         "provider's credentials callbackUsername and callbackPassword.",
                         {}};
        }
        return inbox_.put(call.services.pool, {.tenant_id = tenant,
                                               .service_provider_id = provider,
                                               .remote_address = call.request.remote_address,
                                               .body = std::move(message->body),
                                               .notice = std::move(message->notice)});
    }

    Result<Response> refuse(Call& call, std::int64_t tenant, std::int64_t provider,
                            const Error& error) {
        const http::Request& request = call.request;
        const auto now = call.services.clock.steady_now();
        if (logged_.take(request.remote_address, now).allowed) {
            base::log::warning("callback_refused", {{"callbackTenantId", tenant},
                                                    {"serviceProviderId", provider},
                                                    {"remoteAddress", request.remote_address},
                                                    {"kind", base::to_string(error.kind)},
                                                    {"requestId", request.request_id}});
        }
        if (error.kind == ErrorKind::rate_limited) {
            Response response = problem_response(error, request.request_id);
            response.headers.set("Retry-After", kRetryAfterUnknown);
            return response;
        }
        const std::string_view title = title_of(error.kind);
        if (title.empty()) return error;
        Response response = problem_response(error, request.request_id);
        response.headers.remove("WWW-Authenticate");
        auto body = base::parse_json(std::get<std::string>(response.body));
        CHECK(body.has_value());
        body->as_object()["title"] = title;
        response.body = json::serialize(*body);
        return response;
    }

    CallbackAccounts accounts_;
    CallbackInbox inbox_;
    RateLimiter logged_{kLoggedRefusalsPerMinute, std::chrono::minutes(1)};
};

json::object document_of(const accounts::StoredCallback& callback) {
    json::object document{{"callbackId", callback.id},
                          {"serviceProviderId", callback.service_provider_id},
                          {"receivedAt", callback.received_at},
                          {"remoteAddress", callback.remote_address},
                          {"state", callback.state}};
    if (callback.reference) document["requestId"] = *callback.reference;
    if (callback.device_change_id) {
        const changes::DeviceChangeId id{*callback.device_change_id};
        document["bulkChangeId"] = changes::bulk_change_of(id).value;
        document["deviceChangeId"] = id.value;
    }
    if (callback.matched_at) document["matchedAt"] = *callback.matched_at;
    document["body"] = callback.body;
    return document;
}

Result<accounts::CallbackFilter> filter_of(const Call& call) {
    accounts::CallbackFilter filter;
    const auto provider = call.query_integer("serviceProviderId");
    if (!provider) return provider.error();
    filter.service_provider_id = *provider;
    filter.reference = call.query("requestId");
    filter.state = call.query("state");
    if (!filter.state) return filter;
    std::string known;
    for (const std::string_view state : accounts::kCallbackStates) {
        if (state == *filter.state) return filter;
        known.append(known.empty() ? "" : ", ").append(state);
    }
    return bad_parameter("state", "state must be one of: " + known);
}

Result<Response> list(Call& call) {
    const auto filter = filter_of(call);
    if (!filter) return filter.error();
    return list_response(
        call, accounts::list_callbacks, [](const auto& item) { return document_of(item); },
        *filter);
}

struct Fate {
    int status;
    const char* result;
};
constexpr std::array<Fate, 9> kFates = {{{200, "accepted"},
                                         {400, "malformed"},
                                         {401, "wrong_credentials"},
                                         {403, "wrong_source"},
                                         {404, "unknown_address"},
                                         {413, "too_large"},
                                         {429, "too_many"},
                                         {503, "not_stored"},
                                         {0, "other"}}};

}  // namespace

void count_callback(const http::Request& request, int status) {
    if (request.route != kThingSpacePattern) return;
    static const auto kCounters = [] {
        std::array<prometheus::Counter*, kFates.size()> counters{};
        for (std::size_t i = 0; i < kFates.size(); ++i) {
            counters[i] = &base::metrics::counter("carryall_callbacks_total",
                                                  "Callbacks of carriers, by what became of them",
                                                  {{"result", kFates[i].result}});
        }
        return counters;
    }();
    std::size_t i = 0;
    while (kFates[i].status != status && kFates[i].status != 0) ++i;
    kCounters[i]->Increment();
}

void add_callback_routes(Routes& routes) {
    auto desk = std::make_shared<CallbackDesk>();
    routes.add({.method = http::Method::post,
                .pattern = kThingSpacePattern,
                .access = Access::callback,
                .rate = RateClass::callback,
                .body = Body::message,
                .handler = [desk](Call& call) { return desk->receive(call); }});
    routes.add({.method = http::Method::get,
                .pattern = kListPattern,
                .permission = tenants::Permission::read,
                .rate = RateClass::read,
                .query = {"serviceProviderId", "state", "requestId", "limit", "pageToken"},
                .handler = list});
}

}  // namespace carryall::api
