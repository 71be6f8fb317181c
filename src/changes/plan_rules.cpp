#include "changes/plan_rules.hpp"

#include <algorithm>
#include <cmath>

#include "accounts/pace_rules.hpp"
#include "carriers/carrier.hpp"

namespace carryall::changes {
namespace {

namespace json = base::json;

const carriers::Carrier* carrier_named(const std::string& integration) {
    const auto known = carriers::parse_integration(integration);
    return known ? carriers::find_carrier(*known) : nullptr;
}

json::object to_json(const PlanPrices& prices) {
    json::array sums;
    for (const PriceSum& sum : prices.sums) {
        sums.push_back(json::object{
            {"currency", sum.currency}, {"amount", sum.amount}, {"deviceCount", sum.devices}});
    }
    return {{"sums", std::move(sums)}, {"unknownCount", prices.unknown}};
}

// For a line: its services are looked for, one is made, its products are listed, each is added.
PlannedCalls rev_calls(const PlannedWork& work) {
    constexpr std::int64_t kForAService = 2;
    if (work.rev_services == 0) return {};
    const std::int64_t products = work.rev_products > 0 ? work.rev_services + work.rev_products : 0;
    return {"Rev.io", work.rev_services * kForAService + products, 1, kForAService};
}

std::int64_t requests_for(std::int64_t devices, int devices_per_request) {
    return (devices + devices_per_request - 1) / devices_per_request;
}

// Every batch is asked for once at least; how often it takes, the carrier's speed decides.
PlannedCalls activation_calls(const PlannedWork& work, const carriers::Capabilities& can) {
    PlannedCalls calls;
    calls.devices_per_request = std::max(1, work.devices_per_request);
    calls.calls_per_request = can.calls_per_activation;
    calls.calls = requests_for(work.devices, calls.devices_per_request) * calls.calls_per_request +
                  work.removed_codes +
                  requests_for(work.addresses, can.addresses_per_request) * can.calls_per_address;
    return calls;
}

}  // namespace

json::object to_json(const PlannedCalls& calls) {
    return {{"system", calls.system.empty() ? json::value(nullptr) : json::value(calls.system)},
            {"calls", calls.calls},
            {"devicesPerRequest", calls.devices_per_request},
            {"callsPerRequest", calls.calls_per_request}};
}

json::object to_json(const MonthlyCost& cost) {
    return {{"carrier", json::object{{"before", to_json(cost.carrier_before)},
                                     {"after", to_json(cost.carrier_after)}}},
            {"customer", json::object{{"before", to_json(cost.customer_before)},
                                      {"after", to_json(cost.customer_after)}}}};
}

PlannedCalls calls_for(const PlannedWork& work) {
    if (work.type == ChangeType::customerassignment) return rev_calls(work);
    const carriers::Carrier* carrier = carrier_named(work.integration);
    if (work.type == ChangeType::customerrateplanchange || carrier == nullptr) return {};
    const carriers::Capabilities can = carrier->capabilities();
    PlannedCalls calls;
    if (work.type == ChangeType::newserviceactivation) {
        calls = activation_calls(work, can);
        calls.system = display_name(carrier->integration());
        return calls;
    }
    calls.system = display_name(carrier->integration());
    calls.devices_per_request = std::max(1, work.devices_per_request);
    calls.calls_per_request = work.type == ChangeType::statusupdate
                                  ? can.calls_per_status_change
                                  : can.calls_per_rate_plan_change;
    calls.calls = requests_for(work.devices, calls.devices_per_request) * calls.calls_per_request;
    return calls;
}

std::optional<std::int64_t> seconds_to_finish(std::int64_t devices, std::int64_t calls,
                                              const AccountPace& pace) {
    if (devices == 0) return 0;
    if (const auto at_present_pace = accounts::time_to_finish(
            pace.backlog + devices, pace.devices_per_second, pace.blocked)) {
        return at_present_pace->count();
    }
    if (calls == 0 || !pace.calls_per_second || *pace.calls_per_second <= 0) return std::nullopt;
    const double waiting = static_cast<double>(pace.backlog) * static_cast<double>(calls) /
                           static_cast<double>(devices);
    const double all_calls = waiting + static_cast<double>(calls);
    double seconds = all_calls / *pace.calls_per_second + static_cast<double>(pace.blocked.count());
    if (pace.quota && *pace.quota > 0) {
        // What is left of the quota goes today, the rest on as many days as it takes.
        const auto left =
            static_cast<double>(std::max<std::int64_t>(0, *pace.quota - pace.quota_used));
        const double days = std::ceil((all_calls - left) / static_cast<double>(*pace.quota));
        constexpr double kSecondsADay = 86'400;
        seconds = std::max(seconds, days * kSecondsADay);
    }
    return static_cast<std::int64_t>(std::ceil(seconds));
}

std::string undo_cost(ChangeType type, const std::string& integration) {
    const carriers::Carrier* carrier = carrier_named(integration);
    if (carrier == nullptr) return {};
    const carriers::Capabilities can = carrier->capabilities();
    if (type == ChangeType::statusupdate) return std::string(can.status_undo_cost);
    if (type == ChangeType::carrierrateplanchange) return std::string(can.rate_plan_undo_cost);
    return {};
}

}  // namespace carryall::changes
