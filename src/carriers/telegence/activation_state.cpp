// The memory of an activation, and which exchange carries out the step at hand.
#include "carriers/telegence/activation_state.hpp"

#include "carriers/telegence/telegence.hpp"
#include "carriers/telegence/wire.hpp"

namespace carryall::carriers::telegence {

namespace {

namespace json = base::json;

std::string text_of(const json::object& object, std::string_view name) {
    return member_text(object, name);
}

bool flag_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_bool() && value->get_bool();
}

std::int64_t number_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

ActivationStep step_of(std::int64_t number) {
    if (number == 1) return ActivationStep::request_ip_provision;
    return number == 2 ? ActivationStep::check_ip_provision_status
                       : ActivationStep::activate_device;
}

}  // namespace

ActivationState ActivationState::from(const json::value& progress) {
    ActivationState state;
    const auto* object = progress.if_object();
    if (object == nullptr) return state;
    state.step = step_of(number_of(*object, "step"));
    state.batch_id = text_of(*object, "batchId");
    if (const auto at = base::parse_iso8601(text_of(*object, "submittedAt"))) {
        state.submitted_at = *at;
    }
    state.is_alone = flag_of(*object, "alone");
    if (const auto* mark = object->if_contains("search")) state.search = SearchMark::from(*mark);
    state.former_status = text_of(*object, "formerStatus");
    state.number = text_of(*object, "subscriberNumber");
    state.features_are_removed = flag_of(*object, "featuresRemoved");
    state.ip_address = text_of(*object, "ipAddress");
    state.has_ip_address = flag_of(*object, "ipAssigned");
    state.ip_batch_id = text_of(*object, "ipProvisioningRequestId");
    state.failed_ip_batch_id = text_of(*object, "failedIpProvisioningRequestId");
    state.ip_checks = static_cast<int>(number_of(*object, "ipChecks"));
    return state;
}

json::value ActivationState::to_json() const {
    json::object out;
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) out[name] = value;
    };
    add("batchId", batch_id);
    if (submitted_at) out["submittedAt"] = base::to_iso8601(*submitted_at);
    if (is_alone) out["alone"] = true;
    if (json::value mark = search.to_json(); !mark.is_null()) out["search"] = std::move(mark);
    add("subscriberNumber", number);
    if (features_are_removed) out["featuresRemoved"] = true;
    add("ipAddress", ip_address);
    if (has_ip_address) out["ipAssigned"] = true;
    add("ipProvisioningRequestId", ip_batch_id);
    add("failedIpProvisioningRequestId", failed_ip_batch_id);
    if (ip_checks > 0) out["ipChecks"] = ip_checks;
    if (out.empty()) return nullptr;
    add("formerStatus", former_status);
    out["step"] = static_cast<int>(step);
    return out;
}

json::object active_line(const Activation& change, const Line& line, const ActivationState& state) {
    json::object record = {{"status", "Active"},
                           {"msisdn", state.number},
                           {"ratePlan", change.rate_plan},
                           {"imei", line.imei}};
    if (state.has_ip_address) record["ipAddress"] = state.ip_address;
    return record;
}

Outcome after_activation(const Activation& change, const Line& line, ActivationState& state) {
    using Others = Activation::Others;
    constexpr std::chrono::seconds kLookAgain{30};
    if (change.others == Others::some_failed) {
        return Refused{FailureClass::business,
                       "The line is active as " + state.number +
                           ", and nothing more was done: another device of the bulk change "
                           "failed, and it was asked for all or none"};
    }
    if (change.others == Others::under_way) {
        return Pending{"", kLookAgain, "Active; waits until the others are"};
    }
    if (!change.remove_features.empty() && !state.features_are_removed) {
        return Advanced{std::chrono::seconds(0), "Active; features are to be removed"};
    }
    if (change.static_address) {
        state.step = ActivationStep::request_ip_provision;
        return Advanced{std::chrono::seconds(0), "Active; a static IP address is to be requested"};
    }
    return Applied{active_line(change, line, state), "Service activation complete.", std::nullopt,
                   true};
}

std::unique_ptr<Exchange> activation_exchange(const Account& account, const Line& line,
                                              const Activation& change, const Attempt& attempt) {
    ActivationState state = ActivationState::from(attempt.progress);
    if (state.step == ActivationStep::activate_device) {
        return activate_device(account, line, change, attempt, std::move(state));
    }
    return provision_address(account, line, change, attempt, std::move(state));
}

}  // namespace carryall::carriers::telegence
