#include "changes/image_store.hpp"

namespace carryall::changes {

std::string image_of_device(ChangeType type) {
    const auto found = [](const std::string& members) {
        return "CASE WHEN d.device_id IS NOT NULL THEN jsonb_build_object(" + members + ") END";
    };
    switch (type) {
        case ChangeType::statusupdate:
            return found("'status', d.status");
        case ChangeType::newserviceactivation:
            return found("'status', d.status, 'carrierRatePlan', image_plan.code, 'imei', d.imei");
        case ChangeType::carrierrateplanchange:
            return found(
                "'carrierRatePlan', image_plan.code,"
                " 'communicationPlan', image_communication.name");
        case ChangeType::customerrateplanchange:
            return found(
                "'customerRatePlanId', d.customer_rate_plan_id,"
                " 'customerPoolId', d.customer_rate_pool_id,"
                " 'customerDataAllocationMb', d.customer_data_allocation_mb");
        case ChangeType::customerassignment:
            return found(
                "'customerId', d.customer_id, 'siteId', d.site_id,"
                " 'accountNumber', d.account_number, 'revServiceId', d.rev_service_id,"
                " 'customerRatePlanId', d.customer_rate_plan_id,"
                " 'customerRatePoolId', d.customer_rate_pool_id");
    }
    CHECK(false && "a change type without an image");
    return {};
}

std::string image_joins(ChangeType type) {
    const std::string plan = R"(
    LEFT JOIN carrier_rate_plan image_plan
        ON image_plan.tenant_id = $1 AND image_plan.carrier_rate_plan_id = d.carrier_rate_plan_id)";
    if (type == ChangeType::newserviceactivation) return plan;
    if (type != ChangeType::carrierrateplanchange) return {};
    return plan + R"(
    LEFT JOIN communication_plan image_communication
        ON image_communication.tenant_id = $1
       AND image_communication.communication_plan_id = d.communication_plan_id)";
}

std::string target_of_section(ChangeType type) {
    // What an undo empties is null in the target, as it is in the image.
    const std::string emptied =
        " || coalesce((SELECT jsonb_object_agg(e.name, NULL) FROM"
        " jsonb_array_elements_text(s.section -> 'emptied') AS e(name)), '{}')";
    switch (type) {
        case ChangeType::statusupdate:
            return "jsonb_build_object('status', s.section -> 'updateStatus')";
        case ChangeType::newserviceactivation:
            return "jsonb_strip_nulls(jsonb_build_object('status', 'Active',"
                   " 'carrierRatePlan', s.section -> 'carrierRatePlan',"
                   " 'imei', s.section -> 'imei'))";
        case ChangeType::carrierrateplanchange:
            return "jsonb_strip_nulls(jsonb_build_object("
                   "'carrierRatePlan', s.section -> 'carrierRatePlan',"
                   " 'communicationPlan', s.section -> 'commPlan'))";
        case ChangeType::customerrateplanchange:
            return "(jsonb_strip_nulls(jsonb_build_object("
                   "'customerRatePlanId', s.section -> 'customerRatePlanId',"
                   " 'customerPoolId', s.section -> 'customerPoolId', 'customerDataAllocationMb',"
                   " (s.section ->> 'customerDataAllocationMb')::numeric))" +
                   emptied + ")";
        case ChangeType::customerassignment:
            // Customer and site are always set, also to nothing.
            return "(jsonb_build_object('customerId', s.section -> 'customerId',"
                   " 'siteId', s.section -> 'siteId') || jsonb_strip_nulls(jsonb_build_object("
                   "'accountNumber', s.section -> 'accountNumber',"
                   " 'customerRatePlanId', s.section -> 'customerRatePlanId',"
                   " 'customerRatePoolId', s.section -> 'customerRatePoolId'))" +
                   emptied + ")";
    }
    CHECK(false && "a change type without a target");
    return {};
}

const std::vector<std::string>& image_names(ChangeType type) {
    static const std::vector<std::string> status = {"status"};
    static const std::vector<std::string> activation = {"status", "carrierRatePlan", "imei"};
    static const std::vector<std::string> carrier_plan = {"carrierRatePlan", "communicationPlan"};
    static const std::vector<std::string> customer_plan = {"customerRatePlanId", "customerPoolId",
                                                           "customerDataAllocationMb"};
    static const std::vector<std::string> assignment = {"customerId",         "siteId",
                                                        "accountNumber",      "revServiceId",
                                                        "customerRatePlanId", "customerRatePoolId"};
    switch (type) {
        case ChangeType::statusupdate:
            return status;
        case ChangeType::newserviceactivation:
            return activation;
        case ChangeType::carrierrateplanchange:
            return carrier_plan;
        case ChangeType::customerrateplanchange:
            return customer_plan;
        case ChangeType::customerassignment:
            return assignment;
    }
    CHECK(false && "a change type without an image");
    return status;
}

QueryByType::QueryByType(const char* name, std::string (*sql)(ChangeType)) {
    for (std::size_t i = 0; i < kTypes; ++i) {
        const auto type = static_cast<ChangeType>(i);
        names_[i] = std::string(name) + '_' + std::string(to_string(type));
        texts_[i] = sql(type);
    }
}

db::Query QueryByType::of(ChangeType type) const {
    const auto index = static_cast<std::size_t>(type);
    return {names_.at(index).c_str(), texts_.at(index).c_str()};
}

}  // namespace carryall::changes
