// Routes, credentials, limits and error bodies of Jasper.
#include "jasper/jasper_system.hpp"

#include <algorithm>

#include "json_text.hpp"

namespace carryall::simulators::jasper {
namespace {

using enum Method;

constexpr Route kRoutes[] = {
    {put, "rws/api/v1/devices/{}", kEditDevice, "edit_device", true},
    {get, "rws/api/v1/devices/{}", kGetDevice, "get_device", false},
    {get, "rws/api/v1/devices", kSearchDevices, "search_devices", false},
    {get, "rws/api/v1/devices/{}/ctdUsages", kCtdUsages, "ctd_usages", false},
    {get, "rws/api/v1/devices/{}/sessionInfo", kSessionInfo, "session_info", false},
    {get, "rws/api/v1/devices/{}/auditTrails", kAuditTrails, "audit_trails", false},
    {get, "rws/api/v1/rateplans", kListRatePlans, "list_rate_plans", false},
    {get, "rws/api/v1/echo/{}", kEcho, "echo", false},
};

constexpr std::string_view kApiPath = "/jasper/rws/api/";
constexpr std::string_view kOwnAddress = "127.0.0.1";
constexpr std::string_view kLatin1Json = "application/json;charset=ISO-8859-1";
constexpr std::string_view kUtf8Json = "application/json;charset=UTF-8";

// What a web console, not the API, answers.
constexpr std::string_view kConsolePage =
    "<!DOCTYPE html><html><head><title>404 - Not Found</title></head><body><h1>Not Found</h1>"
    "<p>The page that you are looking for does not exist.</p></body></html>";

void answer_console_page(Reply& reply) {
    reply.status = 404;
    reply.body = kConsolePage;
    reply.content_type = "text/html;charset=UTF-8";
}

// "v1" of "/jasper/rws/api/v1/devices".
std::string_view version_in(std::string_view path) {
    const std::string_view rest = path.substr(kApiPath.size());
    return rest.substr(0, rest.find('/'));
}

// Characters that ISO-8859-1 lacks become question marks.
std::string latin1_of(std::string_view utf8) {
    std::string out;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto byte = static_cast<unsigned char>(utf8[i]);
        if (byte < 0x80) {
            out += utf8[i];
        } else if ((byte == 0xC2 || byte == 0xC3) && i + 1 < utf8.size()) {
            ++i;
            out += static_cast<char>((byte << 6 & 0xC0) | (utf8[i] & 0x3F));
        } else if (byte >= 0xC4) {
            out += '?';  // the bytes that follow it are skipped below
        }
    }
    return out;
}

// The client, as a proxy in front of the simulator may name it.
std::string_view source_address(const Request& request) {
    std::string_view from = request.header("X-Forwarded-For");
    from = from.substr(0, from.find(','));
    return from.empty() ? kOwnAddress : from;
}

bool is_device_call(int endpoint) {
    return endpoint >= kEditDevice && endpoint <= kAuditTrails;
}

}  // namespace

JasperSystem::JasperSystem(const JasperOptions& options, const Clock& clock)
    : options_(options), clock_(clock) {
    begin();
}

void JasperSystem::reset() {
    begin();
}

void JasperSystem::begin() {
    knobs_ = {};
    knobs_.calls_per_second = options_.calls_per_second;
    knobs_.calls_in_flight = options_.calls_in_flight;
    state_.reset();
    users_.clear();
    user_ = nullptr;
    add_first_user();
}

void JasperSystem::add_first_user() {
    ApiUser user;
    user.name = options_.user;
    user.key = options_.key;
    user.account_id = state_.accounts.front().id;
    user.name_text = state_.intern(user.name);
    users_.put(std::move(user));
}

const Router& JasperSystem::router() const {
    static const Router router(kRoutes, false);
    return router;
}

void JasperSystem::identify(const Request& request, Call& call) {
    const bool is_about_param = is_device_call(call.endpoint) || call.endpoint == kEcho;
    call.key = is_about_param ? call.params[0] : request.query;
}

bool JasperSystem::is_allowed_address(const Request& request, const ApiUser& user) const {
    const auto& list =
        user.allowed_addresses.empty() ? knobs_.allowed_addresses : user.allowed_addresses;
    return list.empty() ||
           std::find(list.begin(), list.end(), source_address(request)) != list.end();
}

std::int64_t JasperSystem::limit_in_flight(const ApiUser& user) const {
    return user.calls_in_flight.value_or(knobs_.calls_in_flight);
}

bool JasperSystem::within_limits(ApiUser& user, std::int64_t now_micros) {
    const std::int64_t at_once = limit_in_flight(user);
    const std::int64_t calls = user.calls_per_second.value_or(knobs_.calls_per_second);
    return (at_once == 0 || user.in_flight.count(now_micros) < static_cast<std::size_t>(at_once)) &&
           user.window.admit(now_micros, calls, knobs_.window_millis * kMicrosPerMilli);
}

bool JasperSystem::admit(const Request& request, const Call& call, Reply& reply) {
    user_ = nullptr;
    if (request.path.substr(0, kApiPath.size()) != kApiPath) {
        answer_console_page(reply);
        return false;
    }
    const std::string_view authorization = request.header("Authorization");
    ApiUser* user = users_.find(authorization);
    if (user == nullptr || !is_allowed_address(request, *user)) {
        reply.add_header("WWW-Authenticate", "Basic realm=\"Jasper\"");
        if (is_basic(authorization)) {
            refuse(reply, kInvalidCredentials);
        } else {
            reply.status = 401;
            write_body("Full authentication is required to access this resource", "", reply);
        }
        return false;
    }
    if (!within_limits(*user, call.now_micros)) {
        throttle(reply);
        return false;
    }
    user_ = user;
    if (version_in(request.path) != "v1") {
        refuse(reply, kInvalidVersion);
        return false;
    }
    return true;
}

void JasperSystem::holds_answer_until(std::int64_t micros) {
    if (user_ == nullptr || limit_in_flight(*user_) == 0) return;
    user_->in_flight.add(micros);
}

void JasperSystem::perform(const Request& request, Call& call, Reply& reply) {
    // A request that was parked is not admitted again; its user may be gone by now.
    user_ = users_.find(request.header("Authorization"));
    if (user_ == nullptr) return refuse(reply, kInvalidCredentials);
    account_ = state_.find_account(user_->account_id);
    if (account_ == kNoRow) return refuse(reply, kNoAccountAccess);
    if (!account().has_api) return refuse(reply, kNoApiAccess);
    if (is_device_call(call.endpoint)) return perform_device(request, call, reply);
    if (call.endpoint == kSearchDevices) return search_devices(request, call, reply);
    if (call.endpoint == kListRatePlans) return list_rate_plans(request, call, reply);
    JsonObject echo(reply.body);
    echo.add("context", percent_decode(call.params[0], false));
    echo.close();
}

void JasperSystem::decorate(const Request& /*request*/, Reply& reply) {
    if (reply.content_type != "application/json") return;
    reply.content_type = reply.status >= 400 && knobs_.errors_in_latin1 ? kLatin1Json : kUtf8Json;
}

void JasperSystem::write_body(std::string_view message, std::string_view code, Reply& reply) const {
    reply.body.clear();
    JsonObject error(reply.body);
    error.add("errorMessage", knobs_.errors_in_latin1 ? latin1_of(message) : std::string(message));
    if (!code.empty()) error.add("errorCode", code);
    error.close();
}

void JasperSystem::refuse(Reply& reply, std::uint32_t code, std::string_view detail) {
    const ErrorInfo info = info_of(code);
    reply.status = info.http_status;
    std::string message(info.message);
    if (!detail.empty()) message.append(": ").append(detail);
    write_body(message, std::to_string(code), reply);
}

void JasperSystem::throttle(Reply& reply) const {
    reply.status = knobs_.throttle_status;
    write_body(knobs_.throttle_message, knobs_.throttle_code, reply);
    if (knobs_.throttle_retry_after > 0) {
        reply.add_header("Retry-After", std::to_string(knobs_.throttle_retry_after));
    }
}

void JasperSystem::write_error(int status, std::string_view message, Reply& reply) {
    const bool unknown = status == 500;
    write_body(unknown ? info_of(kServerError).message : message,
               unknown ? std::to_string(kServerError) : "", reply);
}

// An injected 429 is the throttled answer as it is configured; the fault adds its own Retry-After.
void JasperSystem::write_gateway_error(int /*status*/, std::string_view /*message*/, Reply& reply) {
    reply.status = knobs_.throttle_status;
    write_body(knobs_.throttle_message, knobs_.throttle_code, reply);
}

void JasperSystem::let_time_pass(std::int64_t now_micros, std::vector<Happening>& happened) {
    while (const auto due = state_.take_due(now_micros)) {
        Happening happening;
        happening.micros = due->due_micros;
        happening.action = "apply_scheduled";
        state_.devices[due->device].iccid.append(happening.key);
        happening.path = "/jasper/rws/api/v1/devices/" + happening.key;
        happening.changed = state_.settle(*due);
        JsonObject fields(happening.fields);
        fields.add(info_of(due->field).name, state_.text(due->value));
        fields.close();
        happened.push_back(std::move(happening));
    }
}

bool JasperSystem::accepts_parameters(const Query& query, std::span<const std::string_view> names,
                                      Reply& reply) {
    for (const auto& [name, value] : query.items()) {
        if (std::find(names.begin(), names.end(), name) != names.end()) continue;
        refuse(reply, kUnknownParameter, name);
        return false;
    }
    return true;
}

bool JasperSystem::read_page(const Query& query, Page& page, Reply& reply) {
    const auto size = query.integer("pageSize", knobs_.page_cap);
    const bool too_large = size && *size > knobs_.page_cap;
    if (!size || *size < 1 || (too_large && !knobs_.cuts_large_pages)) {
        refuse(reply, kInvalidPageSize);
        return false;
    }
    constexpr std::int64_t kMaxPageNumber = INT32_MAX;
    const auto number = query.integer("pageNumber", 1);
    if (!number || *number < 1 || *number > kMaxPageNumber) {
        refuse(reply, kInvalidPageNumber);
        return false;
    }
    page.size = static_cast<std::size_t>(std::min(*size, knobs_.page_cap));
    page.number = static_cast<std::size_t>(*number);
    return true;
}

bool is_wanted(std::string_view fields, std::string_view name) {
    if (fields.empty()) return true;
    while (true) {
        const std::size_t comma = fields.find(',');
        if (fields.substr(0, comma) == name) return true;
        if (comma == std::string_view::npos) return false;
        fields.remove_prefix(comma + 1);
    }
}

}  // namespace carryall::simulators::jasper
