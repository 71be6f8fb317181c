// Tables, in the order of the enumerations.
#include "jasper/jasper_fields.hpp"

#include <array>

namespace carryall::simulators::jasper {
namespace {

constexpr std::array<FieldInfo, kFieldCount> kFields{{
    {"status", "status", Right::device, false},
    {"ratePlan", "ratePlan", Right::device, false},
    {"communicationPlan", "communicationPlan", Right::device, false},
    {"customer", "customer", Right::customer, true},
    {"deviceID", "deviceID", Right::device, true},
    {"modemID", "modemID", Right::device, false},
    {"overageLimitOverride", "", Right::device, false},
    {"ipv4Address", "fixedIPAddress", Right::device, true},
    {"ipv6Address", "fixedIpv6Address", Right::device, true},
    {"simNotes", "simNotes", Right::device, true},
    {"operatorCustom1", "operatorCustom1", Right::operator_custom, false},
    {"operatorCustom2", "operatorCustom2", Right::operator_custom, false},
    {"operatorCustom3", "operatorCustom3", Right::operator_custom, false},
    {"operatorCustom4", "operatorCustom4", Right::operator_custom, false},
    {"operatorCustom5", "operatorCustom5", Right::operator_custom, false},
    {"accountCustom1", "accountCustom1", Right::account_custom, false},
    {"accountCustom2", "accountCustom2", Right::account_custom, false},
    {"accountCustom3", "accountCustom3", Right::account_custom, false},
    {"accountCustom4", "accountCustom4", Right::account_custom, false},
    {"accountCustom5", "accountCustom5", Right::account_custom, false},
    {"accountCustom6", "accountCustom6", Right::account_custom, false},
    {"accountCustom7", "accountCustom7", Right::account_custom, false},
    {"accountCustom8", "accountCustom8", Right::account_custom, false},
    {"accountCustom9", "accountCustom9", Right::account_custom, false},
    {"accountCustom10", "accountCustom10", Right::account_custom, false},
    {"customerCustom1", "customerCustom1", Right::customer_custom, false},
    {"customerCustom2", "customerCustom2", Right::customer_custom, false},
    {"customerCustom3", "customerCustom3", Right::customer_custom, false},
    {"customerCustom4", "customerCustom4", Right::customer_custom, false},
    {"customerCustom5", "customerCustom5", Right::customer_custom, false},
    {"msisdn", "msisdn", Right::nobody, false},
    {"imei", "imei", Right::nobody, false},
    {"imsi", "imsi", Right::nobody, false},
    {"eid", "eid", Right::nobody, true},
    {"endConsumerId", "endConsumerId", Right::nobody, true},
    {"globalSimType", "globalSimType", Right::nobody, false},
    {"simProfileId", "simProfileId", Right::nobody, false},
}};
static_assert(static_cast<std::size_t>(Field::sim_profile_id) + 1 == kFieldCount);

constexpr ErrorInfo kErrors[] = {
    {kInvalidCredentials, 401, "Invalid credentials"},
    {kDateMissing, 400, "Date and time are required"},
    {kInvalidAccount, 400, "Invalid account ID"},
    {kInvalidStatus, 400, "Invalid SIM status"},
    {kInvalidPageSize, 400, "Invalid page size"},
    {kInvalidPageNumber, 400, "Invalid page number"},
    {kNoOperatorCustom, 400, "No permission to change operator custom fields"},
    {kNoAccountCustom, 400, "No permission to change account custom fields"},
    {kNoCustomerCustom, 400, "No permission to change customer custom fields"},
    {kFieldsMissing, 400, "One or more required fields are missing"},
    {kInvalidDate, 400, "Invalid date format"},
    {kInvalidRatePlan, 400, "Invalid rate plan"},
    {kInvalidCommunicationPlan, 400, "Invalid communication plan"},
    {kInvalidCustomer, 400, "Invalid customer"},
    {kInvalidOverage, 400, "Invalid overage limit override"},
    {kInvalidIccid, 400, "Invalid ICCID"},
    {kMalformedJson, 400, "The JSON is not well formed"},
    {kInvalidVersion, 400, "Invalid apiVersion"},
    {kDatesReversed, 400, "The end of the period is before its start"},
    {kUnknownParameter, 400, "Unknown parameter"},
    {kNoWayBack, 400, "The device cannot go back to a pre-activation status"},
    {kRoleLacksFunction, 400, "The role of this user does not allow this function"},
    {kInvalidDays, 400, "daysOfHistory is out of range"},
    {kNoAccountAccess, 403, "No access to the data of this account"},
    {kNoApiAccess, 403, "The account has no access to the API"},
    {kNoSuchIccid, 404, "Resource not found - Invalid ICCID."},
    {kServerError, 500, "Unknown server error"},
    {kInvalidSimState, 400, "The SIM state is not valid for this action"},
    {kInvalidJson, 400, "JSON validation failed"},
    {kPlanOfOtherAccount, 400, "The communication plan is not valid for the account"},
};

}  // namespace

const FieldInfo& info_of(Field field) {
    return kFields[static_cast<std::size_t>(field)];
}

std::span<const FieldInfo> all_fields() {
    return kFields;
}

std::optional<Field> field_of(std::string_view name) {
    for (std::size_t i = 0; i < kFieldCount; ++i) {
        if (kFields[i].name == name) return static_cast<Field>(i);
    }
    return std::nullopt;
}

ErrorInfo info_of(std::uint32_t code) {
    for (const ErrorInfo& info : kErrors) {
        if (info.code == code) return info;
    }
    return {code, 400, "The operator does not allow this"};
}

}  // namespace carryall::simulators::jasper
