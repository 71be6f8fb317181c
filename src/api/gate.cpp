// The filter chain.
#include "api/gate.hpp"

#include <algorithm>
#include <any>

#include "api/problem.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace carryall::api {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

constexpr std::string_view kBearer = "Bearer ";
constexpr std::size_t kMaxTokenBytes = 200;
constexpr const char* kCsv = "text/csv";
constexpr const char* kXlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
constexpr const char* kJson = "application/json";
const std::vector<double> kDurationBuckets = {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60};

// "text/csv; charset=utf-16" -> "text/csv"
std::string media_type(std::string_view header) {
    return base::ascii_lower(base::trim(header.substr(0, header.find(';'))));
}

Result<void> check_texts(const http::Request& request) {
    for (const auto& [name, value] : request.query.items) {
        if (!base::is_utf8(name) || !base::is_utf8(value) ||
            value.find('\0') != std::string::npos) {
            return bad_parameter(name, "this parameter is not valid UTF-8 text");
        }
    }
    for (const auto& [name, value] : request.params) {
        if (!base::is_utf8(value)) return base::not_found("There is nothing at this address");
    }
    const auto key = request.headers.get("Idempotency-Key");
    if (key && !base::is_utf8(*key)) {
        return base::invalid_input("the key is not valid UTF-8 text", "header Idempotency-Key");
    }
    return {};
}

Result<void> check_query(const Route& route, const http::Request& request) {
    for (std::size_t i = 0; i < request.query.items.size(); ++i) {
        const std::string& name = request.query.items[i].first;
        if (std::find(route.query.begin(), route.query.end(), name) == route.query.end()) {
            std::string known;
            for (const std::string& one : route.query) known += (known.empty() ? "" : ", ") + one;
            return bad_parameter(name,
                                 "the query parameter " + name + " is not known here; " +
                                     (known.empty() ? "there are none" : "known are: " + known));
        }
        for (std::size_t k = 0; k < i; ++k) {
            if (request.query.items[k].first == name) {
                return bad_parameter(name,
                                     "the query parameter " + name + " is given more than once");
            }
        }
    }
    return {};
}

// 415 has no ErrorKind of its own: nowhere but here does it exist.
const char* wrong_content_type(const Route& route, const http::Request& request) {
    const std::string_view header = request.header("Content-Type");
    const std::string type = media_type(header);
    switch (route.body) {
        case Body::none:
        case Body::message:
            return nullptr;
        case Body::optional_json:
            if (header.empty()) return nullptr;
            [[fallthrough]];
        case Body::json:
            if (type == kJson) return nullptr;
            return "send this body as application/json";
        case Body::table:
            if (type == kCsv || type == kXlsx) return nullptr;
            return "send the file as text/csv or as "
                   "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    }
    return nullptr;
}

http::Response unsupported_media(const std::string& detail, std::string_view request_id) {
    http::Response response =
        problem_response(base::invalid_input(detail, "header Content-Type"), request_id);
    response.status = 415;
    auto body = base::parse_json(std::get<std::string>(response.body));
    CHECK(body.has_value());
    body->as_object()["status"] = 415;
    body->as_object()["type"] = "urn:carryall:problem:unsupported_media_type";
    body->as_object()["title"] = "This content type is not taken here";
    response.body = base::json::serialize(*body);
    return response;
}

Error rate_limited(std::string message) {
    return {ErrorKind::rate_limited, std::move(message), {}};
}

}  // namespace

Gate::Gate(Services& services, const Routes& routes)
    : services_(services),
      routes_(routes),
      authenticator_(services.pool, services.clock),
      open_(services.settings.open_per_minute, std::chrono::minutes(1)),
      reads_(services.settings.reads_per_minute, std::chrono::minutes(1)),
      writes_(services.settings.writes_per_minute, std::chrono::minutes(1)),
      uploads_(services.settings.uploads_per_minute, std::chrono::minutes(1)),
      callbacks_(services.settings.callbacks_per_minute, std::chrono::minutes(1)),
      bad_tokens_(services.settings.bad_tokens_per_minute, std::chrono::minutes(1)) {}

std::optional<http::Response> Gate::before(http::Request& request) {
    auto admission = std::make_shared<Admission>();
    admission->route = routes_.find(request.method, request.route);
    request.context = admission;
    if (admission->route == nullptr) return std::nullopt;  // the server answers 404 or 405
    const Result<void> admitted = admit(request, *admission);
    if (!admitted) {
        http::Response response = problem_response(admitted.error(), request.request_id);
        if (admitted.error().kind == ErrorKind::rate_limited && admission->rate) {
            response.headers.set("Retry-After",
                                 std::to_string(admission->rate->retry_after_seconds));
        }
        return response;
    }
    if (const char* wrong = wrong_content_type(*admission->route, request)) {
        return unsupported_media(wrong, request.request_id);
    }
    return std::nullopt;
}

Result<void> Gate::admit(http::Request& request, Admission& admission) {
    const Route& route = *admission.route;
    if (route.access != Access::token) {
        CARRYALL_TRY(admit_without_token(request, admission));
    } else {
        Result<tenants::Caller> caller = authenticate(request);
        if (!caller) {
            if (caller.error().kind == ErrorKind::rate_limited) {
                admission.rate =
                    bad_tokens_.look(request.remote_address, services_.clock.steady_now());
            }
            return caller.error();
        }
        admission.caller = *caller;
        CARRYALL_TRY(spend(limiter_of(route.rate), base::to_string(caller->token_id), admission));
        CARRYALL_TRY(tenants::require(caller->role, *route.permission));
    }
    CARRYALL_TRY(check_texts(request));
    return check_query(route, request);
}

Result<void> Gate::admit_without_token(const http::Request& request, Admission& admission) {
    CARRYALL_TRY(spend(limiter_of(admission.route->rate), request.remote_address, admission));
    const base::Secret& wanted = services_.settings.metrics_token;
    if (admission.route->access != Access::metrics || wanted.empty()) return {};
    const std::string_view header = request.header("Authorization");
    if (header.starts_with(kBearer) &&
        wanted.equals_in_constant_time(header.substr(kBearer.size()))) {
        return {};
    }
    return Error{ErrorKind::unauthenticated,
                 "Send the metrics token of the configuration as Authorization: Bearer …",
                 {}};
}

Result<tenants::Caller> Gate::authenticate(const http::Request& request) {
    const auto now = services_.clock.steady_now();
    const std::string_view header = request.header("Authorization");
    const Error refused{ErrorKind::unauthenticated,
                        "Send a token that is known, not expired and not revoked as "
                        "Authorization: Bearer cry_…",
                        {}};
    if (!header.starts_with(kBearer) || header.size() > kBearer.size() + kMaxTokenBytes) {
        return refused;
    }
    const std::string token(header.substr(kBearer.size()));
    const std::string hash = base::sha256_hex(token);
    // Only tokens that were good before go on to the database from a source that guesses.
    if (!bad_tokens_.look(request.remote_address, now).allowed && !is_known_good(hash)) {
        return rate_limited(
            "Too many bad tokens came from this address. Wait for the seconds of Retry-After.");
    }
    Result<tenants::Caller> caller = authenticator_.authenticate(token);
    if (caller) {
        remember_good(hash);
        return caller;
    }
    if (caller.error().kind != ErrorKind::unauthenticated) return caller.error();
    bad_tokens_.take(request.remote_address, now);
    base::log::warning("bad_token", {{"remoteAddress", request.remote_address},
                                     {"requestId", request.request_id}});
    return refused;
}

Result<void> Gate::spend(RateLimiter& limiter, std::string_view key, Admission& admission) {
    admission.rate = limiter.take(key, services_.clock.steady_now());
    if (admission.rate->allowed) return {};
    return rate_limited("More than " + std::to_string(admission.rate->limit) +
                        " requests of this kind in a minute. Wait for the seconds of Retry-After.");
}

RateLimiter& Gate::limiter_of(RateClass rate) {
    switch (rate) {
        case RateClass::open:
            return open_;
        case RateClass::read:
            return reads_;
        case RateClass::write:
            return writes_;
        case RateClass::upload:
            return uploads_;
        case RateClass::callback:
            return callbacks_;
    }
    return writes_;
}

void Gate::remember_good(const std::string& token_hash) {
    const std::lock_guard lock(known_good_mutex_);
    // Starting over costs one look-up a token.
    if (known_good_.size() >= kMaxKnownGood) known_good_.clear();
    known_good_.insert(token_hash);
}

bool Gate::is_known_good(const std::string& token_hash) const {
    const std::lock_guard lock(known_good_mutex_);
    return known_good_.contains(token_hash);
}

void Gate::after(const http::Request& request, http::Response& response,
                 std::chrono::microseconds elapsed) {
    complete_problem(response, request.request_id);
    response.headers.set("X-Content-Type-Options", "nosniff");
    if (!response.headers.get("Cache-Control")) response.headers.set("Cache-Control", "no-store");
    if (const auto* admission = std::any_cast<std::shared_ptr<Admission>>(&request.context)) {
        if (const auto& rate = (*admission)->rate) {
            response.headers.set("RateLimit-Limit", std::to_string(rate->limit));
            response.headers.set("RateLimit-Remaining", std::to_string(rate->remaining));
            response.headers.set("RateLimit-Reset", std::to_string(rate->reset_seconds));
        }
    }
    count(request, response.status, elapsed);
}

void Gate::count(const http::Request& request, int status, std::chrono::microseconds elapsed) {
    // The pattern, never the path: labels made of ids would grow without bound.
    const std::string route = request.route.empty() ? "none" : request.route;
    const std::string method(http::to_string(request.method));
    const std::lock_guard lock(meters_mutex_);
    Meters& meters = meters_[method + ' ' + route];
    if (meters.duration == nullptr) {
        meters.duration = &base::metrics::histogram(
            "carryall_http_request_duration_seconds", "Time from the request's head to its answer",
            kDurationBuckets, {{"route", route}, {"method", method}});
    }
    prometheus::Counter*& counter = meters.by_status[status];
    if (counter == nullptr) {
        counter = &base::metrics::counter(
            "carryall_http_requests_total", "Requests answered",
            {{"route", route}, {"method", method}, {"status", std::to_string(status)}});
    }
    counter->Increment();
    meters.duration->Observe(static_cast<double>(elapsed.count()) / 1e6);
}

}  // namespace carryall::api
