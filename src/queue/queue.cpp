// The seeds' message attributes as JSON: strings only, as SQS carries them, absent and default ones
// left out.
#include "queue/queue.hpp"

#include "base/text.hpp"

namespace carryall::queue {
namespace {

std::optional<std::int64_t> number(const base::json::object& object, std::string_view name) {
    const base::json::value* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return base::parse_int(std::string_view(value->get_string()));
}

std::string text(const base::json::object& object, std::string_view name) {
    const base::json::value* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string())
                                                  : std::string();
}

bool flag(const base::json::object& object, std::string_view name) {
    const base::json::value* value = object.if_contains(name);
    return value != nullptr && value->is_string() && value->get_string() == "true";
}

}  // namespace

base::json::object to_json(const Attributes& attributes) {
    base::json::object object;
    object["TenantId"] = std::to_string(attributes.tenant_id);
    object["BulkChangeId"] = std::to_string(attributes.bulk_change_id);
    if (attributes.device_change_id) {
        object["DeviceChangeId"] = std::to_string(*attributes.device_change_id);
    }
    object["RetryNumber"] = std::to_string(attributes.retry_number);
    object["RequestId"] = attributes.request_id;
    const auto add_flag = [&](const char* name, bool set) {
        if (set) object[name] = "true";
    };
    add_flag("IsRetryNewActivateThingSpaceDevice",
             attributes.is_retry_new_activate_thing_space_device);
    add_flag("IsFromAutomatedUpdateDeviceStatusLambda",
             attributes.is_from_automated_update_device_status_lambda);
    add_flag("IsRetryUpdateIdentifier", attributes.is_retry_update_identifier);
    if (!attributes.telegence_new_service_activation_step) return object;
    object["TelegenceNewServiceActivationStep"] =
        std::to_string(*attributes.telegence_new_service_activation_step);
    object["CarrierDataGroup"] = attributes.carrier_data_group;
    object["CarrierRatePool"] = attributes.carrier_rate_pool;
    object["AdditionBulkChangeId"] = std::to_string(attributes.addition_bulk_change_id);
    return object;
}

base::Result<Attributes> parse_attributes(const base::json::value& value) {
    if (!value.is_object()) return base::invalid_input("message attributes must be an object");
    const base::json::object& object = value.get_object();
    Attributes attributes;
    const auto tenant = number(object, "TenantId");
    const auto change = number(object, "BulkChangeId");
    if (!tenant || !change || *tenant <= 0 || *change <= 0) {
        return base::invalid_input("the message names no TenantId or no BulkChangeId");
    }
    attributes.tenant_id = *tenant;
    attributes.bulk_change_id = *change;
    attributes.device_change_id = number(object, "DeviceChangeId");
    attributes.retry_number = static_cast<int>(number(object, "RetryNumber").value_or(0));
    attributes.request_id = text(object, "RequestId");
    attributes.is_retry_new_activate_thing_space_device =
        flag(object, "IsRetryNewActivateThingSpaceDevice");
    attributes.is_from_automated_update_device_status_lambda =
        flag(object, "IsFromAutomatedUpdateDeviceStatusLambda");
    attributes.is_retry_update_identifier = flag(object, "IsRetryUpdateIdentifier");
    attributes.telegence_new_service_activation_step =
        number(object, "TelegenceNewServiceActivationStep");
    attributes.carrier_data_group = text(object, "CarrierDataGroup");
    attributes.carrier_rate_pool = text(object, "CarrierRatePool");
    attributes.addition_bulk_change_id = number(object, "AdditionBulkChangeId").value_or(0);
    return attributes;
}

}  // namespace carryall::queue
