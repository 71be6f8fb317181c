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

// As the original system wrote them: these flags are 0 and 1.
void add_charge(base::json::object& object, const ChargeAttributes& charge) {
    const auto add_id = [&](const char* name, std::int64_t id) {
        if (id != 0) object[name] = std::to_string(id);
    };
    add_id("ChargeRunId", charge.charge_run_id);
    add_id("InstanceId", charge.instance_id);
    add_id("QueueId", charge.queue_id);
    add_id("FileId", charge.file_id);
    add_id("PartNumber", charge.part_number);
    if (!charge.instance_ids.empty()) object["InstanceIds"] = charge.instance_ids;
    object["IsMultipleInstanceId"] = charge.is_multiple_instance_id ? "1" : "0";
    object["IsLastInstanceId"] = charge.is_last_instance_id ? "1" : "0";
    add_id("CurrentIntegrationAuthenticationId", charge.current_integration_authentication_id);
    object["PortalTypeId"] = std::to_string(charge.portal_type_id);
    object["PageNumber"] = std::to_string(charge.page_number);
    object["RetryCount"] = std::to_string(charge.retry_count);
    object["IsSendSummaryEmailForMultipleInstanceStep"] =
        charge.is_send_summary_email_for_multiple_instance_step ? "true" : "false";
}

ChargeAttributes read_charge(const base::json::object& object) {
    const auto integer = [&](const char* name, std::int64_t otherwise) {
        return number(object, name).value_or(otherwise);
    };
    ChargeAttributes charge;
    charge.charge_run_id = integer("ChargeRunId", 0);
    charge.instance_id = integer("InstanceId", 0);
    charge.queue_id = integer("QueueId", 0);
    charge.file_id = integer("FileId", 0);
    charge.part_number = static_cast<int>(integer("PartNumber", 0));
    charge.instance_ids = text(object, "InstanceIds");
    charge.is_multiple_instance_id = integer("IsMultipleInstanceId", 0) == 1;
    charge.is_last_instance_id = integer("IsLastInstanceId", 0) == 1;
    charge.current_integration_authentication_id = integer("CurrentIntegrationAuthenticationId", 0);
    charge.portal_type_id = static_cast<int>(integer("PortalTypeId", 0));
    charge.page_number = static_cast<int>(integer("PageNumber", 1));
    charge.retry_count = static_cast<int>(integer("RetryCount", 0));
    charge.is_send_summary_email_for_multiple_instance_step =
        flag(object, "IsSendSummaryEmailForMultipleInstanceStep");
    return charge;
}

}  // namespace

base::json::object to_json(const Attributes& attributes) {
    base::json::object object;
    object["TenantId"] = std::to_string(attributes.tenant_id);
    if (attributes.charge) {
        add_charge(object, *attributes.charge);
    } else {
        object["BulkChangeId"] = std::to_string(attributes.bulk_change_id);
    }
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
    attributes.tenant_id = number(object, "TenantId").value_or(0);
    attributes.bulk_change_id = number(object, "BulkChangeId").value_or(0);
    if (number(object, "ChargeRunId").value_or(0) > 0) attributes.charge = read_charge(object);
    if (attributes.tenant_id <= 0 || (attributes.bulk_change_id <= 0 && !attributes.charge)) {
        return base::invalid_input(
            "the message names no TenantId, or neither BulkChangeId nor ChargeRunId");
    }
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
