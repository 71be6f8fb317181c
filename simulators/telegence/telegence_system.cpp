// Routes, credentials, limits and error shapes of Telegence.
#include "telegence/telegence_system.hpp"

#include <algorithm>

#include "wire.hpp"

namespace carryall::simulators::telegence {
namespace {

using enum Method;

constexpr Route kRoutes[] = {
    {patch, "sp/mobility/lineconfig/api/v1/service/{}", kLineChange, "line_change", true},
    {get, "sp/mobility/lineconfig/api/v1/service/{}", kLineDetails, "line_details", false},
    {post, "sp/mobilityactivations/api/v1/serviceactivation", kActivation, "activation", true},
    {get, "sp/mobilityactivations/api/v1/serviceactivation/{}", kActivationStatus,
     "activation_status", false},
    {get, "sp/mobility/billingmgmt/api/v1/billingaccount/{}", kBanDetails, "ban_details", false},
    {get, "sp/mobility/billingmgmt/api/v1/billingaccounts/{}", kBanDetails, "ban_details", false},
    {get, "sp/mobility/api/v1/account", kSubscriberList, "subscriber_list", false},
    {get, "sp/mobility/usage/api/v1/service/{}", kUsage, "usage", false},
    {post, "sp/mobility/ipmgmt/api/v1/ipaddresses", kIpAddresses, "ip_addresses", true},
    {post, "sp/mobility/ipmgmt/api/v1/ipprovisioning", kIpProvisioning, "ip_provisioning", true},
    {get, "sp/mobility/ipmgmt/api/v1/ipprovisioning/status", kIpStatus, "ip_status", false},
};

constexpr std::string_view kUnavailable = "A Resource Required By Service Is Not Available";
constexpr std::string_view kDefaultFan = "000055500001";

// The seed's offsets of the three kinds of ids.
constexpr std::uint64_t kBatchIds = 0x1000;
constexpr std::uint64_t kIpBatchIds = 0x2000;
constexpr std::uint64_t kErrorIds = 0x3000;

}  // namespace

TelegenceSystem::TelegenceSystem(const TelegenceOptions& options, std::uint64_t seed,
                                 const Clock& clock)
    : options_(options),
      clock_(clock),
      batch_ids_(seed ^ kBatchIds),
      ip_batch_ids_(seed ^ kIpBatchIds),
      error_ids_(seed ^ kErrorIds) {
    reset();
}

const Router& TelegenceSystem::router() const {
    static const Router router(kRoutes, false);
    return router;
}

void TelegenceSystem::reset() {
    knobs_ = {};
    knobs_.requests_per_second = options_.requests_per_second;
    state_.reset();
    activations_.reset();
    ip_pools_.reset();
    events_ = {};
    scheduled_.clear();
    free_scheduled_.clear();
    add_account(options_.app_id, options_.app_secret);
    state_.bans.push_back({options_.ban, std::string(kDefaultFan), "Active", 0});
    state_.plans.add("PLAN1GB", "Connected device 1 GB");
    state_.plans.add("PLAN5GB", "Connected device 5 GB");
    state_.plans.add("PLAN100MB", "Connected device 100 MB");
    state_.plans.add("PLANPOOL", "Connected device, pooled");
    state_.features.add("FEATA", "Static IP address");
    state_.features.add("FEATB", "Text messages blocked");
    state_.features.add("FEATC", "International roaming blocked");
    state_.features.add("FEATD", "Voice blocked");
}

void TelegenceSystem::add_account(std::string_view app_id, std::string_view secret) {
    Account& account = state_.accounts.emplace_back();
    account.app_id = app_id;
    account.secret = secret;
    account.tokens = static_cast<double>(knobs_.requests_per_second);
}

void TelegenceSystem::identify(const Request& request, Call& call) {
    endpoint_ = call.endpoint;
    if (call.endpoint == kSubscriberList) {
        const std::string_view page = request.header("current-page");
        call.key.append("page/").append(page.empty() ? "1" : page);
    } else if (call.endpoint == kIpStatus) {
        const std::string_view batch = request.header("batch-id");
        call.key = batch.empty() ? request.header("subscriber-number") : batch;
    } else {
        call.key = call.params[0];  // none for a batch: its id is given when it is accepted
    }
}

bool TelegenceSystem::find_account(const Request& request) {
    const std::string_view id = request.header("app-id");
    const std::string_view secret = request.header("app-secret");
    for (std::size_t i = 0; i < state_.accounts.size(); ++i) {
        const Account& account = state_.accounts[i];
        if (account.app_id != id || account.secret != secret) continue;
        account_ = static_cast<std::uint16_t>(i);
        return true;
    }
    return false;
}

bool TelegenceSystem::admit(const Request& request, const Call& call, Reply& reply) {
    endpoint_ = call.action == "unknown" ? -1 : call.endpoint;
    if (!find_account(request)) {
        fail(reply, 401, "app-id or app-secret is missing or wrong");
        return false;
    }
    if (!within_flight(call.now_micros) || !within_rate(call.now_micros)) {
        fail(reply, 429, "Rate limit exceeded");
        if (knobs_.says_retry_after) reply.add_header("Retry-After", "1");
        return false;
    }
    if (knobs_.is_unavailable) {
        fail(reply, 503, kUnavailable);
        return false;
    }
    return true;
}

bool TelegenceSystem::within_flight(std::int64_t now_micros) {
    auto& held = state_.accounts[account_].held_until;
    if (!held.empty()) std::erase_if(held, [=](std::int64_t until) { return until <= now_micros; });
    return knobs_.calls_in_flight == 0 ||
           held.size() < static_cast<std::size_t>(knobs_.calls_in_flight);
}

void TelegenceSystem::holds_answer_until(std::int64_t micros) {
    state_.accounts[account_].held_until.push_back(micros);
}

// A token bucket for each app id that holds one second's worth.
bool TelegenceSystem::within_rate(std::int64_t now_micros) {
    if (knobs_.requests_per_second == 0) return true;
    Account& account = state_.accounts[account_];
    const auto rate = static_cast<double>(knobs_.requests_per_second);
    const auto passed =
        static_cast<double>(now_micros - account.tokens_at_micros) / kMicrosPerSecond;
    account.tokens = std::clamp(account.tokens + passed * rate, 0.0, rate);
    account.tokens_at_micros = now_micros;
    if (account.tokens < 1) return false;
    account.tokens -= 1;
    return true;
}

void TelegenceSystem::perform(const Request& request, Call& call, Reply& reply) {
    // A request that was parked comes without being admitted again.
    if (!find_account(request)) return fail(reply, 401, "app-id or app-secret is wrong");
    switch (call.endpoint) {
        case kActivation:
            return submit_batch(request, call, reply);
        case kActivationStatus:
            return show_batch(call, reply);
        case kLineDetails:
            return show_line(call, reply);
        case kLineChange:
            return change_line(request, call, reply);
        case kBanDetails:
            return show_ban(call, reply);
        case kSubscriberList:
            return list_subscribers(request, call, reply);
        case kUsage:
            return show_usage(call, reply);
        case kIpAddresses:
            return reserve_addresses(request, call, reply);
        case kIpProvisioning:
            return submit_ip_batch(request, call, reply);
        default:
            return show_ip_status(request, call, reply);
    }
}

void TelegenceSystem::decorate(const Request&, Reply& reply) {
    const bool as_told = knobs_.casing == Casing::lower_camel;
    if (!as_told && reply.content_type == "application/json") {
        recase_names(reply.body, knobs_.casing);
    }
}

void TelegenceSystem::fail(Reply& reply, int status, std::string_view message) {
    reply.status = status;
    reply.body.clear();
    write_error(status, message, reply);
}

// Three shapes: plain text when a back end is missing, {id, description} when the thing asked for
// is, {responseMessage, errorDescription} otherwise. Static IP calls have {message}.
void TelegenceSystem::write_error(int status, std::string_view message, Reply& reply) {
    if (status == 503 && knobs_.speaks_plain_text_503) {
        reply.content_type = "text/plain";
        reply.body = kUnavailable;
        return;
    }
    JsonObject error(reply.body);
    if (endpoint_ >= kIpAddresses) {
        error.add("message", message);
    } else if (status == 404 || status == 405) {
        error.add_raw("id") += '"';
        error_ids_.append(reply.body, ++errors_);
        reply.body += '"';
        error.add("description", message);
    } else {
        error.add("responseMessage", reason_of(status));
        error.add("errorDescription", message);
    }
    error.close();
}

// kNoRow: refused, and the reply is filled.
std::uint32_t TelegenceSystem::line_of(const Call& call, Reply& reply) {
    const auto number = parse_number(call.params[0]);
    if (!number) {
        fail(reply, 400, "subscriberNumber must have 10 digits");
        return kNoRow;
    }
    const std::uint32_t line = state_.find_number(*number);
    if (line == kNoRow || state_.bans[state_.lines[line].ban].account != account_) {
        fail(reply, 404, "Subscriber number was not found");
        return kNoRow;
    }
    return line;
}

}  // namespace carryall::simulators::telegence
