#include "charges/charge_rules.hpp"

#include <fmt/format.h>
#include <set>

#include "changes/page_run.hpp"

namespace carryall::charges {

using changes::DeviceResult;
using changes::DeviceState;

std::optional<std::string> spare_charges(std::vector<DeviceResult>& results) {
    std::optional<std::string> why;
    for (DeviceResult& result : results) {
        changes::Verdict& verdict = result.verdict;
        if (verdict.error_class != carriers::FailureClass::system) continue;
        if (!why) why = verdict.reason;
        verdict.state = result.before;
        verdict.error_class.reset();
        verdict.due_in = std::chrono::milliseconds(0);
    }
    return why;
}

void park_unreached(std::vector<DeviceResult>& results) {
    for (DeviceResult& result : results) {
        changes::Verdict& verdict = result.verdict;
        if (verdict.state != DeviceState::error ||
            verdict.error_class != carriers::FailureClass::transient) {
            continue;
        }
        verdict.state = DeviceState::parked;
        verdict.reason += "; release it when Rev.io can be reached again";
    }
}

void part_twins(std::vector<DeviceResult>& results) {
    std::set<std::int64_t> taken;
    for (DeviceResult& result : results) {
        if (result.verdict.state != DeviceState::processed) continue;
        const base::json::object told = base::parse_object(result.effect);
        const auto* id = told.if_contains("chargeId");
        if (id == nullptr || !id->is_int64() || taken.insert(id->get_int64()).second) continue;
        result.verdict.state = DeviceState::parked;
        result.verdict.reason =
            fmt::format("Rev.io's charge {} is that of another intent", id->get_int64());
        result.effect.clear();
    }
}

DeviceResult parked_as_poison(const changes::ClaimedDevice& charge, int lost_count) {
    DeviceResult result = changes::left_unknown(charge);
    result.verdict.state = DeviceState::parked;
    result.verdict.reason = fmt::format(
        "{} workers ended while they worked on this charge; look it up in Rev.io, then release it",
        lost_count);
    result.verdict.due_in.reset();
    return result;
}

}  // namespace carryall::charges
