// A device: a SIM or a phone line, found by ICCID, IMEI or MSISDN. What must stay true: every
// function works inside one tenant, and another tenant's device answers exactly as a missing one.
// Devices are made and edited by import (import.hpp) and by bulk changes; both leave history.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "db/postgres.hpp"
#include "devices/identifiers.hpp"
#include "tenants/page_token.hpp"

namespace carryall::devices {

using tenants::Page;
using tenants::PageRequest;
using tenants::PageTokens;
using tenants::TenantId;

using DeviceId = base::Id<struct DeviceTag>;
using CustomerId = base::Id<struct CustomerTag>;
using SiteId = base::Id<struct SiteTag>;
using ServiceProviderId = base::Id<struct ServiceProviderTag>;
using CarrierRatePlanId = base::Id<struct CarrierRatePlanTag>;
using CommunicationPlanId = base::Id<struct CommunicationPlanTag>;
using CustomerRatePlanId = base::Id<struct CustomerRatePlanTag>;
using CustomerRatePoolId = base::Id<struct CustomerRatePoolTag>;

// A row a list or a detail page shows: ids, and the names a person knows them by.
struct Device {
    DeviceId id;
    ServiceProviderId service_provider_id;
    std::string service_provider;
    std::string portal;  // "m2m" or "mobility"
    std::string iccid;
    std::optional<std::string> imei;
    std::optional<std::string> msisdn;
    std::string status;
    CarrierRatePlanId carrier_rate_plan_id;        // 0: none
    std::optional<std::string> carrier_rate_plan;  // its code
    CommunicationPlanId communication_plan_id;
    std::optional<std::string> communication_plan;
    CustomerId customer_id;
    std::optional<std::string> customer;
    std::optional<std::string> rev_customer_id;
    SiteId site_id;
    std::optional<std::string> site;
    std::optional<std::string> account_number;
    std::optional<std::int64_t> rev_service_id;
    CustomerRatePlanId customer_rate_plan_id;
    std::optional<std::string> customer_rate_plan;  // its code
    CustomerRatePoolId customer_rate_pool_id;
    std::optional<std::string> customer_rate_pool;
    std::optional<std::string> customer_data_allocation_mb;  // decimal, never rounded
    bool is_archived = false;               // not is_active or is_deleted: no bulk change takes it
    std::optional<std::string> ip_address;  // static, as an activation brought it
    std::string created_at;
    std::string modified_at;
};

enum class DeviceSort { device_id, iccid, imei, msisdn, status, modified_at };
// "deviceId", "iccid", "imei", "msisdn", "status", "modifiedAt"; a leading "-" means descending.
struct DeviceOrder {
    DeviceSort by = DeviceSort::device_id;
    bool descending = false;
    static base::Result<DeviceOrder> parse(std::string_view text);
};

// Empty members do not filter. iccid, imei and msisdn take a whole identifier or its first digits.
struct DeviceFilter {
    std::optional<std::string> iccid;
    std::optional<std::string> imei;
    std::optional<std::string> msisdn;
    std::optional<std::string> status;  // compared without regard to case
    std::optional<std::string> portal;
    CustomerId customer_id;
    SiteId site_id;
    ServiceProviderId service_provider_id;
    CarrierRatePlanId carrier_rate_plan_id;
    CustomerRatePlanId customer_rate_plan_id;
    CustomerRatePoolId customer_rate_pool_id;
    std::optional<bool> archived;
};

base::Result<Page<Device>> search_devices(db::Connection& connection, const PageTokens& tokens,
                                          TenantId tenant_id, const DeviceFilter& filter,
                                          const DeviceOrder& order, const PageRequest& page);
base::Result<Device> get_device(db::Connection& connection, TenantId tenant_id, DeviceId id);

// One entry of a device's history: an event (import, schedule), or a device change with what the
// carrier and Rev.io were told and answered.
struct HistoryEntry {
    std::string occurred_at;
    std::string kind;    // "event", "change" (submitted) or "log" (one step carried out)
    std::string source;  // event: its source; otherwise the change type
    std::string actor;
    std::optional<std::int64_t> bulk_change_id;
    std::optional<std::int64_t> device_change_id;
    std::string status;       // log: PENDING, PROCESSED, ERROR; change: the device's state
    std::string description;  // a sentence; for an event empty
    base::json::value detail;
};

// Newest first. A device without history has an empty page; a missing device is `not_found`.
base::Result<Page<HistoryEntry>> device_history(db::Connection& connection,
                                                const PageTokens& tokens, TenantId tenant_id,
                                                DeviceId id, const PageRequest& page);

}  // namespace carryall::devices
