// Routes, credentials and limits of ThingSpace.
#include "thingspace/thingspace_system.hpp"

#include <algorithm>

#include "json_text.hpp"

namespace carryall::simulators::thingspace {
namespace {

using enum Method;

constexpr Route kRoutes[] = {
    {post, "api/ts/v1/oauth2/token", kToken, "token", false},
    {post, "api/m2m/v1/session/login", kLogin, "login", false},
    {post, "api/m2m/v1/session/logout", kLogout, "logout", false},
    {post, "api/m2m/v1/devices/actions/activate", kActivate, "activate", true},
    {post, "api/m2m/v1/devices/actions/deactivate", kDeactivate, "deactivate", true},
    {post, "api/m2m/v1/devices/actions/suspend", kSuspend, "suspend", true},
    {post, "api/m2m/v1/devices/actions/restore", kRestore, "restore", true},
    {put, "api/m2m/v1/devices/actions/plan", kPlan, "plan", true},
    {put, "api/m2m/v1/devices/actions/customFields", kCustomFieldsSet, "custom_fields", true},
    {post, "api/m2m/v1/devices/suspension/status", kSuspensionStatus, "suspension_status", false},
    {put, "api/m2m/v1/devices/{}/actions/deviceId", kDeviceId, "device_id", true},
    {post, "api/m2m/v1/devices/actions/add", kAdd, "add", true},
    {post, "api/m2m/v1/devices/actions/delete", kDelete, "delete", true},
    {post, "api/m2m/v1/devices/actions/list", kList, "list", false},
    {post, "api/m2m/v1/devices/history/actions/list", kHistory, "history", false},
    {get, "api/m2m/v1/plans/{}", kPlans, "plans", false},
    {get, "api/m2m/v1/accounts/{}", kAccount, "account", false},
    {get, "api/m2m/v1/accounts/{}/requests/{}/status", kRequestStatus, "request_status", false},
    {get, "api/m2m/v2/accounts/{}/requests/{}/status", kRequestStatusV2, "request_status_v2",
     false},
    {get, "api/m2m/v1/callbacks/{}", kCallbacksGet, "callbacks_list", false},
    {post, "api/m2m/v1/callbacks/{}", kCallbacksPost, "callback_register", true},
    {del, "api/m2m/v1/callbacks/{}/name/{}", kCallbacksDelete, "callback_delete", true},
};

constexpr std::string_view kPrefix = "UnifiedWebService.";
constexpr std::size_t kWorkWithARequest = 2048;
constexpr std::int64_t kMinuteMicros = 60 * kMicrosPerSecond;

bool has_body(int endpoint) {
    return endpoint >= kLogin && endpoint <= kHistory && endpoint != kLogout;
}

}  // namespace

ThingspaceSystem::ThingspaceSystem(const ThingspaceOptions& options, std::uint64_t seed,
                                   const Clock& clock)
    : options_(options),
      seed_(seed),
      clock_(clock),
      credentials_(seed ^ 0x7e55),
      engine_(world_, knobs_, seed) {
    reset();
}

ThingspaceSystem::~ThingspaceSystem() = default;

void ThingspaceSystem::start(Ledger& ledger, std::mutex& mutex) {
    engine_.write_to(ledger);
    courier_ = std::make_unique<Courier>(world_, engine_, knobs_, clock_, mutex);
}

// The engine writes to the ledger itself, because its own thread works too. A long backlog is left
// to that thread.
void ThingspaceSystem::let_time_pass(std::int64_t now_micros, std::vector<Happening>&) {
    if (engine_.next_due_micros() > now_micros) return;
    engine_.run_due({now_micros}, kWorkWithARequest);
    courier_->wake();
}

const Router& ThingspaceSystem::router() const {
    static const Router router(kRoutes, false);
    return router;
}

void ThingspaceSystem::reset() {
    knobs_ = {};
    knobs_.requests_per_second = options_.requests_per_second;
    knobs_.activates_per_minute = options_.activates_per_minute;
    world_.lines.clear();
    world_.fields.clear();
    world_.accounts.clear(options_.account);
    credentials_.clear();
    credentials_.add_app_key(options_.app_key, options_.app_secret);
    credentials_.add_user(options_.user, options_.password);
    engine_.clear();
    all_calls_ = {};
}

// The key is the device when there is one, so that a fault plan can name it; else the account.
void ThingspaceSystem::identify(const Request& request, Call& call) {
    body_ = nullptr;
    // Here and not on admission, because a request that was held back is not admitted again.
    user_ = credentials_.user_of(request.header("VZ-M2M-Token"));
    const bool parses = has_body(call.endpoint) || call.endpoint == kCallbacksPost;
    if (parses) body_ = parse_json_object(request.body);
    if (!call.params[0].empty() && call.endpoint != kDeviceId) {
        call.key = call.params[0];
        if (!call.params[1].empty()) call.key.append("/").append(call.params[1]);
        return;
    }
    if (body_ == nullptr) return;
    if (call.endpoint == kLogin) {
        call.key = text_at(*body_, "username").value_or("");
        return;
    }
    const boost::json::value* ids = find(*body_, "deviceId");
    if (ids == nullptr) ids = find(*body_, "deviceIds");
    for (const std::string_view name : {"devices", "devicesToAdd", "devicesToDelete"}) {
        const auto* list = find(*body_, name);
        if (list == nullptr || !list->is_array() || list->get_array().size() != 1) continue;
        const auto* device = list->get_array()[0].if_object();
        ids = device != nullptr ? find(*device, "deviceIds") : nullptr;
    }
    GivenIds given;
    if (ids != nullptr && read_ids(*ids, given) == IdProblem::none && given.iccid != 0)
        append_iccid(call.key, given.iccid);
    else
        call.key = text_at(*body_, "accountName").value_or("");
}

bool ThingspaceSystem::admit(const Request& request, const Call& call, Reply& reply) {
    if (call.endpoint == kToken) return true;
    if (!has_bearer(request, call, reply)) return false;
    if (call.endpoint == kUnknown) return true;
    if (!is_within_limits(call, reply)) return false;
    return call.endpoint == kLogin || has_session(request, call, reply);
}

bool ThingspaceSystem::has_bearer(const Request& request, const Call& call, Reply& reply) {
    std::string_view header = request.header("Authorization");
    if (header.empty()) {
        fail_gateway(reply, 401, "900902", "Missing Credentials",
                     "Required OAuth credentials not provided");
        return false;
    }
    constexpr std::string_view kBearer = "Bearer ";
    const bool is_bearer = equal_ignoring_case(header.substr(0, kBearer.size()), kBearer);
    if (is_bearer) header.remove_prefix(kBearer.size());
    if (is_bearer && credentials_.accepts_bearer(header, call.now_micros, knobs_.token_uses)) {
        return true;
    }
    fail_gateway(reply, 401, "900901", "Invalid Credentials",
                 "Access failure for API: /m2m. Make sure you have given the correct access token");
    return false;
}

bool ThingspaceSystem::has_session(const Request& request, const Call& call, Reply& reply) {
    const std::string_view token = request.header("VZ-M2M-Token");
    switch (credentials_.use_session(token, call.now_micros, knobs_.session_uses)) {
        case SessionCheck::valid:
            return true;
        case SessionCheck::malformed:
            fail(reply, 400, "REQUEST_FAILED.SessionToken.Format",
                 "The session token is missing or has a wrong format.");
            return false;
        case SessionCheck::unknown:
            fail(reply, 400, "INPUT_INVALID.SessionToken.Invalid",
                 "The session token is not valid.");
            return false;
        case SessionCheck::expired:
            break;
    }
    fail(reply, 400, "REQUEST_FAILED.SessionToken.Expired", "The session token has expired.");
    return false;
}

bool ThingspaceSystem::is_within_limits(const Call& call, Reply& reply) {
    bool within = all_calls_.allows(call.now_micros, kMicrosPerSecond, knobs_.requests_per_second);
    if (within && call.endpoint == kActivate) {
        const auto named = body_ == nullptr ? std::nullopt : text_at(*body_, "accountName");
        std::uint16_t account = named ? world_.accounts.find_account(*named) : kNone;
        if (account == kNone) account = 0;
        within = world_.accounts.accounts[account].activates.allows(call.now_micros, kMinuteMicros,
                                                                    knobs_.activates_per_minute);
    }
    if (within) return true;
    fail_gateway(reply, static_cast<int>(knobs_.throttle_status), knobs_.throttle_code,
                 knobs_.throttle_message, "You have exceeded your quota");
    if (knobs_.retry_after_seconds > 0) {
        reply.add_header("Retry-After", std::to_string(knobs_.retry_after_seconds));
    }
    return false;
}

void ThingspaceSystem::perform(const Request& request, Call& call, Reply& reply) {
    switch (call.endpoint) {
        case kToken:
            return issue_token(request, call, reply);
        case kLogin:
            return log_in(call, reply);
        case kLogout:
            return log_out(request, reply);
        case kList:
            return list_devices(call, reply);
        case kHistory:
            return list_history(reply);
        case kPlans:
            return list_plans(call, reply);
        case kAccount:
            return show_account(call, reply);
        case kCallbacksGet:
            return list_callbacks(call, reply);
        case kCallbacksPost:
            return register_callback(call, reply);
        case kCallbacksDelete:
            return remove_callback(call, reply);
        case kRequestStatus:
        case kRequestStatusV2:
            return show_request(call, reply, call.endpoint == kRequestStatusV2);
        default:
            return change(request, call, reply);
    }
}

bool ThingspaceSystem::may_use(std::uint16_t account) const {
    const auto& allowed = credentials_.user(user_).accounts;
    return allowed.empty() || std::find(allowed.begin(), allowed.end(), account) != allowed.end();
}

std::uint16_t ThingspaceSystem::account_of(std::optional<std::string_view> name, Reply& reply) {
    if (name) {
        const std::uint16_t account = world_.accounts.find_account(*name);
        if (account != kNone && may_use(account)) return account;
        fail(reply, 400, "REQUEST_FAILED.AccountNotFound", "The account could not be found.");
        return kNone;
    }
    std::uint16_t only = kNone;
    for (std::uint16_t i = 0; i < world_.accounts.accounts.size(); ++i) {
        if (!may_use(i)) continue;
        if (only != kNone) {
            fail(reply, 400, "REQUEST_FAILED.MultipleAccounts",
                 "The user has several accounts: accountName is required.");
            return kNone;
        }
        only = i;
    }
    if (only == kNone) fail(reply, 400, "REQUEST_FAILED.NoAccounts", "The user has no account.");
    return only;
}

void ThingspaceSystem::fail(Reply& reply, int status, std::string_view code,
                            std::string_view message) {
    reply.status = status;
    reply.body.clear();
    JsonObject error(reply.body);
    error.add("errorCode", std::string(kPrefix).append(code));
    error.add("errorMessage", message);
    error.close();
}

void ThingspaceSystem::fail_gateway(Reply& reply, int status, std::string_view code,
                                    std::string_view message, std::string_view description) {
    reply.status = status;
    reply.body.clear();
    JsonObject outer(reply.body);
    outer.add_raw("fault");
    JsonObject fault(reply.body);
    fault.add("code", code);
    fault.add("message", message);
    fault.add("description", description);
    fault.close();
    outer.close();
}

void ThingspaceSystem::write_error(int status, std::string_view message, Reply& reply) {
    if (status == 404 && knobs_.unknown_resource_is_xml) {
        reply.status = 403;
        reply.content_type = "application/xml; charset=UTF-8";
        reply.body =
            "<am:fault xmlns:am=\"http://wso2.org/apimanager\"><am:code>403</am:code>"
            "<am:type>Status report</am:type><am:message>Runtime Error</am:message>"
            "<am:description>No matching resource found</am:description></am:fault>";
    } else if (status == 404 || status == 405) {
        fail_gateway(reply, status, "900906", "No matching resource found in the API",
                     "Check the API documentation and add a proper REST resource path");
    } else if (status == 503) {
        fail_gateway(reply, status, "303001", "Runtime Error", message);
    } else {
        fail(reply, status, "REQUEST_FAILED.UnexpectedError", message);
    }
}

void ThingspaceSystem::write_gateway_error(int status, std::string_view message, Reply& reply) {
    fail_gateway(reply, status, knobs_.throttle_code, knobs_.throttle_message, message);
}

}  // namespace carryall::simulators::thingspace
