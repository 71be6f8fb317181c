// The words of Cisco Jasper's device API: attributes of a device, SIM statuses and error codes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace carryall::simulators::jasper {

// The first four live in the device's row; of the others most devices have few, so they are cells
// of a list.
enum class Field : std::uint8_t {
    status,
    rate_plan,
    communication_plan,
    customer,
    device_id,
    modem_id,
    overage_limit_override,
    ipv4_address,
    ipv6_address,
    sim_notes,
    operator_custom,                        // 5 of them
    account_custom = operator_custom + 5,   // 10
    customer_custom = account_custom + 10,  // 5
    msisdn = customer_custom + 5,           // from here on: what no API user can edit
    imei,
    imsi,
    eid,
    end_consumer_id,
    global_sim_type,
    sim_profile_id,
};
inline constexpr std::size_t kFieldCount = 37;

// Whose right an edit of the field needs.
enum class Right : std::uint8_t {
    device,
    customer,
    operator_custom,
    account_custom,
    customer_custom,
    nobody
};

struct FieldInfo {
    std::string_view name;         // in an edit, a search and the audit trail
    std::string_view detail_name;  // in the device's details; empty: not there
    Right right;
    bool null_when_unset;  // else ""
};

const FieldInfo& info_of(Field field);
std::span<const FieldInfo> all_fields();  // by Field
std::optional<Field> field_of(std::string_view name);

inline bool is_plan(Field field) {
    return field == Field::rate_plan || field == Field::communication_plan;
}

// The statuses that Control Center knows; an operator may have further ones.
inline constexpr std::string_view kStatuses[] = {"TEST_READY", "INVENTORY",   "ACTIVATION_READY",
                                                 "ACTIVATED",  "DEACTIVATED", "RETIRED",
                                                 "PURGED",     "TRIAL",       "REPLACED"};
enum KnownStatus : std::uint8_t {
    kTestReady,
    kInventory,
    kActivationReady,
    kActivated,
    kDeactivated,
    kRetired,
    kPurged,
    kTrial,
    kReplaced,
};

// `errorCode`; the HTTP status and the text belong to it.
enum ErrorCode : std::uint32_t {
    kInvalidCredentials = 10000001,
    kDateMissing = 10000003,
    kInvalidAccount = 10000004,
    kInvalidStatus = 10000005,
    kInvalidPageSize = 10000006,
    kInvalidPageNumber = 10000007,
    kNoOperatorCustom = 10000008,
    kNoAccountCustom = 10000009,
    kNoCustomerCustom = 10000010,
    kFieldsMissing = 10000011,
    kInvalidDate = 10000012,
    kInvalidRatePlan = 10000013,
    kInvalidCommunicationPlan = 10000014,
    kInvalidCustomer = 10000015,
    kInvalidOverage = 10000016,
    kInvalidIccid = 10000021,
    kMalformedJson = 10000023,
    kInvalidVersion = 10000024,
    kDatesReversed = 10000027,
    kUnknownParameter = 10000028,
    kNoWayBack = 10000029,
    kRoleLacksFunction = 10000030,
    kInvalidDays = 10000049,
    kNoAccountAccess = 10000062,
    kNoApiAccess = 10000079,
    kNoSuchIccid = 20000001,
    kServerError = 30000001,
    kInvalidSimState = 50001231,
    kInvalidJson = 50001233,
    kPlanOfOtherAccount = 50001234,
};

struct ErrorInfo {
    std::uint32_t code;
    int http_status;
    std::string_view message;
};
// A code that an operator made up (a loaded transition) has a general text.
ErrorInfo info_of(std::uint32_t code);

}  // namespace carryall::simulators::jasper
