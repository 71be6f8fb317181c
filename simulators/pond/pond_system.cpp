// Routes, credentials and limits of POND.
#include "pond/pond_system.hpp"

#include <algorithm>

#include "base64.hpp"
#include "json_text.hpp"

namespace carryall::simulators::pond {
namespace {

using enum Method;

constexpr Route kRoutes[] = {
    {post, "{}/sim/{}/status", kSimStatusSet, "sim_status", true},
    {post, "{}/sim/{}/addPackage", kSimAddPackage, "add_package", true},
    {post, "{}/package/{}/status", kPackageStatus, "package_status", true},
    {get, "{}/sim/{}/package/infos", kSimPackages, "sim_packages", false},
    {get, "{}/sim/{}/status", kSimStatusGet, "sim_status_get", false},
    {get, "{}/inventory/list", kInventoryList, "inventory_list", false},
    {get, "{}/inventory/{}", kInventoryGet, "inventory_get", false},
    {get, "{}/sim/{}", kSimGet, "sim_get", false},
    {get, "{}/sim/{}/info", kSimInfo, "sim_info", false},
    {post, "{}/sim/{}/setParent", kSimSetParent, "sim_set_parent", true},
    {del, "{}/sim/{}/purge", kSimPurge, "sim_purge", true},
    {get, "{}/sim/{}/throttle", kSimThrottleGet, "sim_throttle_get", false},
    {post, "{}/sim/{}/throttle", kSimThrottleSet, "sim_throttle", true},
    {post, "{}/sim/{}/sendSms", kSimSendSms, "sim_send_sms", true},
    {post, "{}/sim/{}/cancelLocationUpdate", kSimRefresh, "sim_refresh", true},
    {get, "{}/package/{}/info", kPackageInfo, "package_info", false},
    {get, "{}/inventory/{}/status", kInventoryStatus, "inventory_status", false},
    {get, "{}/inventory/{}/balance", kInventoryBalance, "inventory_balance", false},
    {get, "{}/inventory/{}/currency", kInventoryCurrency, "inventory_currency", false},
    {get, "{}/inventory/{}/groups", kInventoryGroups, "inventory_groups", false},
    {post, "{}/inventory/{}/createGroup", kInventoryCreateGroup, "create_group", true},
    {get, "{}/inventory/{}/packageTypes", kInventoryTypes, "inventory_package_types", false},
    {post, "{}/inventory/{}/packageType", kInventoryCreateType, "create_package_type", true},
    {post, "{}/inventory/{}/sims", kInventoryAddSims, "inventory_add_sims", true},
    {del, "{}/inventory/{}/sims", kInventoryRemoveSims, "inventory_remove_sims", true},
    {get, "{}/packageType/{}", kTypeGet, "package_type_get", false},
    {put, "{}/packageType/{}/status", kTypeStatus, "package_type_status", true},
    {get, "{}/group/{}", kGroupGet, "group_get", false},
    {get, "{}/group/{}/info", kGroupGet, "group_info", false},
    {get, "{}/group/{}/sims", kGroupSims, "group_sims", false},
    {post, "{}/group/{}/subGroup", kGroupSubGroup, "create_sub_group", true},
    {post, "{}/group/{}/setParent", kGroupSetParent, "group_set_parent", true},
    {del, "{}/group/{}", kGroupDelete, "group_delete", true},
    {get, "{}/search/sim", kSearchSim, "search_sim", false},
    {get, "{}/search/package", kSearchPackage, "search_package", false},
    {get, "{}/search/packageType", kSearchType, "search_package_type", false},
    {get, "{}/search/inventory", kSearchInventory, "search_inventory", false},
    {get, "{}/search/group", kSearchGroup, "search_group", false},
    {get, "{}/search/cdr/data", kSearchEmpty, "search_cdr_data", false},
    {get, "{}/search/cdr/sms", kSearchEmpty, "search_cdr_sms", false},
    {get, "{}/search/cdr/voice", kSearchEmpty, "search_cdr_voice", false},
    {get, "{}/search/lu", kSearchEmpty, "search_lu", false},
    {get, "{}/distributor/{}/sim-history", kSimHistory, "sim_history", false},
    {get, "authorization/{}/{}", kAuthorization, "authorization", false},
    {get, "openDataSessions", kOpenSessions, "open_data_sessions", false},
    {get, "country", kCountries, "country", false},
};

constexpr std::size_t kMaxRequestIdBytes = 256;

// What a key starts with; SIM calls are keyed by the bare ICCID.
std::string_view key_prefix(int endpoint) {
    if (endpoint <= kSimRefresh) return "";
    if (endpoint <= kPackageStatus) return "package/";
    if (endpoint <= kInventoryRemoveSims) return "inventory/";
    if (endpoint <= kTypeStatus) return "packageType/";
    if (endpoint <= kGroupDelete) return "group/";
    return "";
}

bool has_distributor(int endpoint) {
    return endpoint < kAuthorization;
}

}  // namespace

std::optional<std::uint64_t> iccid_of(std::string_view text) {
    if (text.size() != kIccidDigits) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

PondSystem::PondSystem(const PondOptions& options, std::uint64_t seed, const Clock& clock)
    : options_(options),
      authorization_("Basic " + base64(options.user + ":" + options.password)),
      distributor_(std::to_string(options.distributor_id)),
      clock_(clock),
      state_(seed) {
    knobs_.requests_per_second = options.requests_per_second;
    tokens_ = static_cast<double>(knobs_.requests_per_second);
}

const Router& PondSystem::router() const {
    static const Router router(kRoutes, false);
    return router;
}

void PondSystem::reset() {
    state_.reset();
    knobs_ = {};
    knobs_.requests_per_second = options_.requests_per_second;
    tokens_ = static_cast<double>(knobs_.requests_per_second);
}

void PondSystem::identify(const Request& request, Call& call) {
    if (has_distributor(call.endpoint) && !call.params[1].empty()) {
        call.key.append(key_prefix(call.endpoint)).append(call.params[1]);
    } else if (!call.writes) {
        call.key = request.query;
    }
}

bool PondSystem::admit(const Request& request, const Call& call, Reply& reply) {
    std::string_view key = request.header("ApiKey");
    if (key.empty()) key = request.header("x-api-key");
    if (key != options_.api_key || request.header("Authorization") != authorization_) {
        fail(reply, 401, "Unauthorized");
        return false;
    }
    if (has_distributor(call.endpoint) && !call.params[0].empty() &&
        call.params[0] != distributor_) {
        fail(reply, 403, "Access to this distributor is denied");
        return false;
    }
    if (!within_rate(call.now_micros)) {
        fail(reply, 429, "Too many requests");
        if (knobs_.says_retry_after) reply.add_header("Retry-After", "1");
        return false;
    }
    return true;
}

// A token bucket that holds one second's worth.
bool PondSystem::within_rate(std::int64_t now_micros) {
    if (knobs_.requests_per_second == 0) return true;
    const auto rate = static_cast<double>(knobs_.requests_per_second);
    const auto passed = static_cast<double>(now_micros - tokens_at_micros_) / kMicrosPerSecond;
    tokens_ = std::clamp(tokens_ + passed * rate, 0.0, rate);
    tokens_at_micros_ = now_micros;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
}

void PondSystem::perform(const Request& request, Call& call, Reply& reply) {
    if (call.endpoint <= kPackageStatus)
        perform_sim(request, call, reply);
    else if (call.endpoint <= kInventoryRemoveSims)
        perform_inventory(request, call, reply);
    else if (call.endpoint <= kTypeStatus)
        perform_package_type(request, call, reply);
    else if (call.endpoint <= kGroupDelete)
        perform_group(request, call, reply);
    else
        perform_other(request, call, reply);
}

void PondSystem::decorate(const Request& request, Reply& reply) {
    const std::string_view id = request.header("RequestId");
    if (!id.empty() && id.size() <= kMaxRequestIdBytes) reply.add_header("RequestId", id);
}

void PondSystem::fail(Reply& reply, int status, std::string_view message) {
    reply.status = status;
    reply.body.clear();
    write_error(status, message, reply);
}

void PondSystem::write_error(int status, std::string_view message, Reply& reply) {
    JsonObject error(reply.body);
    error.add_integer("status", status);
    error.add_integer("code", 0);
    error.add("message", message);
    error.add("link", "Not Available");
    error.add("developerMessage", message);
    error.add_null("referenceId");
    error.close();
}

std::uint32_t PondSystem::now_seconds(const Call& call) const {
    return static_cast<std::uint32_t>(call.now_micros / kMicrosPerSecond);
}

}  // namespace carryall::simulators::pond
