// The nouns of a bulk change: one change for 1 to 1,000,000 devices, a device change for each,
// pages of consecutive device changes. What must stay true is written as constraints in
// db/migrations/0002: the counts of a change add up to its devices, a finished device has a
// finishing time, an error has a reason.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"

namespace carryall::changes {

inline constexpr std::int64_t kMaxDevicesPerChange = 1'000'000;
inline constexpr int kDefaultPageSize = 100;
inline constexpr int kMaxPageSize = 1000;
inline constexpr int kMaxBatchPageSize = 10'000;  // where the carrier takes as many in one request
// device_change_id = bulk_change_id << kOrdinalBits | ordinal, ordinal from 1.
inline constexpr int kOrdinalBits = 20;
static_assert(kMaxDevicesPerChange < (std::int64_t{1} << kOrdinalBits));

using BulkChangeId = base::Id<struct BulkChangeTag>;
using DeviceChangeId = base::Id<struct DeviceChangeTag>;
inline BulkChangeId bulk_change_of(DeviceChangeId id) {
    return {id.value >> kOrdinalBits};
}
inline DeviceChangeId first_device_change(BulkChangeId id) {
    return {(id.value << kOrdinalBits) + 1};
}

// Enumerators are spelled as in database and JSON (compared without case). Seed numbers are
// accepted too: 10 assign customer, 4 customer rate plan; the seeds name none for the others, ours
// are 7 carrier rate plan, 1 status and 11 new service activation.
enum class ChangeType {
    customerassignment,
    carrierrateplanchange,
    customerrateplanchange,
    statusupdate,
    newserviceactivation
};
inline constexpr std::size_t kChangeTypeCount = 5;
std::string_view to_string(ChangeType type);
std::optional<ChangeType> parse_change_type(std::string_view name);

enum class Portal { m2m, mobility, lnp };
std::string_view to_string(Portal portal);
// Also the original system's numbers, 0 for M2M and 2 for Mobility.
std::optional<Portal> parse_portal(std::string_view name);

// When devices of a change become due that are not due at once. ISO 8601.
struct ScheduleDates {
    std::string first;
    std::string last;
    std::string time_zone;  // they were given in; empty: none was named
};

enum class DeviceState {
    fresh /* "new" */,
    sending,
    waiting,
    unknown,
    processed,
    error,
    parked,
    cancelled
};
std::string_view to_string(DeviceState state);
std::optional<DeviceState> parse_device_state(std::string_view name);
// NEW, PENDING, PROCESSING, PROCESSED, ERROR: what users of the seeds' system know.
std::string_view seed_status(DeviceState state);

// The parameters of a change, the same shape for the whole change and for one device of its own
// (there a present member replaces the change's). Stored as JSON with the members' names in
// camelCase ("customerDataAllocationMb"). A device's stored section is complete: what it has of its
// own and what it takes over from the change, so that reading the device's section alone suffices.
struct CustomerAssignment {                      // BulkChangeAssociateCustomer
    std::optional<std::int64_t> customer_id;     // ours; an AMOP customer or a Rev.io one
    std::optional<std::string> rev_customer_id;  // Rev.io's; present: the Rev.io path
    std::optional<std::int64_t> site_id;
    std::optional<std::string> account_number;
    std::optional<bool> create_rev_service;
    std::optional<std::int64_t> revio_provider_id;  // for the service to create
    std::optional<std::int64_t> service_type_id;
    std::optional<std::int64_t> usage_plan_group_id;
    std::optional<std::int64_t> revio_package_id;
    std::optional<std::vector<std::int64_t>> revio_product_ids;  // service products to add
    std::optional<bool> add_customer_rate_plan;
    std::optional<std::int64_t> customer_rate_plan_id;
    std::optional<std::int64_t> customer_rate_pool_id;
    std::optional<std::string> effective_date;  // ISO 8601
    std::optional<bool> use_carrier_activation;
    std::optional<std::string> activated_date;
    std::optional<std::vector<std::string>> emptied;  // see CustomerRatePlanUpdate
};
BOOST_DESCRIBE_STRUCT(CustomerAssignment, (),
                      (customer_id, rev_customer_id, site_id, account_number, create_rev_service,
                       revio_provider_id, service_type_id, usage_plan_group_id, revio_package_id,
                       revio_product_ids, add_customer_rate_plan, customer_rate_plan_id,
                       customer_rate_pool_id, effective_date, use_carrier_activation,
                       activated_date, emptied))

struct CarrierRatePlanUpdate {
    std::optional<std::string> carrier_rate_plan;  // the plan's code
    std::optional<std::string> comm_plan;
    std::optional<std::string> effective_date;
    std::optional<std::string> plan_uuid;      // filled by validation
    std::optional<std::int64_t> rate_plan_id;  // the carrier's id, filled by validation
    // Filled by validation: the date is the carrier's to keep; the request goes out at once.
    std::optional<bool> scheduled_at_carrier;
};
BOOST_DESCRIBE_STRUCT(CarrierRatePlanUpdate, (),
                      (carrier_rate_plan, comm_plan, effective_date, plan_uuid, rate_plan_id,
                       scheduled_at_carrier))

struct CustomerRatePlanUpdate {
    std::optional<std::int64_t> customer_rate_plan_id;
    // "CustomerDataAllocationMB" in JSON; a decimal number, kept as text so that nothing is
    // rounded.
    std::optional<std::string> customer_data_allocation_mb;
    std::optional<std::int64_t> customer_pool_id;
    std::optional<std::string> effective_date;
    // Filled by an undo only: members by name that were empty before and become so again.
    std::optional<std::vector<std::string>> emptied;
};
BOOST_DESCRIBE_STRUCT(CustomerRatePlanUpdate, (),
                      (customer_rate_plan_id, customer_data_allocation_mb, customer_pool_id,
                       effective_date, emptied))

struct StatusUpdate {
    std::optional<std::string> update_status;  // the target
    std::optional<std::string> reason_code;
    // For an activation at carriers that need them: the plan's code, the place of use.
    std::optional<std::string> carrier_rate_plan;
    std::optional<std::string> zip_code;
    std::optional<std::string> effective_date;  // ISO 8601
};
BOOST_DESCRIBE_STRUCT(StatusUpdate, (),
                      (update_status, reason_code, carrier_rate_plan, zip_code, effective_date))

// Lists of codes are texts, separated by ';'.
struct NewServiceActivation {  // TelegenceActivationChangeRequest
    std::optional<std::string> imei;
    std::optional<std::string> carrier_rate_plan;  // the plan's code
    std::optional<std::string> offering_codes;
    std::optional<std::string> remove_offering_codes;
    std::optional<std::string> billing_account;
    std::optional<std::string> zip_code;  // where the line will be used
    std::optional<std::string> technology_type;
    std::optional<std::string> carrier_data_group;
    std::optional<std::string> carrier_rate_pool;
    std::optional<bool> static_ip;
    std::optional<std::string> ip_pool;
    std::optional<std::string> customer_ip_range;
    std::optional<std::string> access_point_name;
    std::optional<bool> lte_indicator;
    std::optional<bool> default_access_point;
    std::optional<std::string> first_name;
    std::optional<std::string> last_name;
    std::optional<std::string> street_number;
    std::optional<std::string> street_direction;
    std::optional<std::string> street_name;
    std::optional<std::string> street_type;
    std::optional<std::string> city;
    std::optional<std::string> state_or_province;
    std::optional<std::string> postal_code;
    std::optional<bool> strict;  // of the whole change: all devices go on, or none
};
BOOST_DESCRIBE_STRUCT(NewServiceActivation, (),
                      (imei, carrier_rate_plan, offering_codes, remove_offering_codes,
                       billing_account, zip_code, technology_type, carrier_data_group,
                       carrier_rate_pool, static_ip, ip_pool, customer_ip_range, access_point_name,
                       lte_indicator, default_access_point, first_name, last_name, street_number,
                       street_direction, street_name, street_type, city, state_or_province,
                       postal_code, strict))

struct ChangeParameters {
    std::optional<CustomerAssignment> customer_assignment;
    std::optional<CarrierRatePlanUpdate> carrier_rate_plan_update;
    std::optional<CustomerRatePlanUpdate> customer_rate_plan_update;
    std::optional<StatusUpdate> status_update;
    std::optional<NewServiceActivation> new_service_activation;
};
BOOST_DESCRIBE_STRUCT(ChangeParameters, (),
                      (customer_assignment, carrier_rate_plan_update, customer_rate_plan_update,
                       status_update, new_service_activation))

}  // namespace carryall::changes
