// The descriptions of the small nouns: what the API calls a member, where it is stored, and what it
// may hold.
#include "devices/noun.hpp"

#include <array>

namespace carryall::devices {
namespace {

constexpr std::int64_t kMaxNameBytes = 200;
constexpr std::int64_t kMaxCodeBytes = 100;
constexpr std::int64_t kMaxId = INT64_MAX;
constexpr std::int64_t kMaxConcurrency = 1000;

constexpr std::array<std::string_view, 5> kIntegrations{"jasper", "thingspace", "pond", "telegence",
                                                        "revio"};

constexpr Field text(const char* name, const char* column, std::int64_t max, bool required) {
    return {.name = name, .column = column, .required = required, .max = max};
}
constexpr Field boolean(const char* name, const char* column) {
    return {.name = name, .column = column, .type = FieldType::boolean};
}
constexpr Field time(const char* name, const char* column) {
    return {.name = name, .column = column, .type = FieldType::time, .writable = false};
}
constexpr Field decimal(const char* name, const char* column) {
    return {.name = name, .column = column, .type = FieldType::decimal};
}
constexpr Field integer(const char* name, const char* column, std::int64_t min, std::int64_t max) {
    return {.name = name, .column = column, .type = FieldType::integer, .min = min, .max = max};
}
// A record stays with the one it was made for: moving it would leave devices that point to it
// behind.
constexpr Field reference(const char* name, const char* column, const Noun& noun) {
    return {.name = name,
            .column = column,
            .type = FieldType::reference,
            .required = true,
            .changeable = false,
            .references = &noun};
}

constexpr Field kName = text("name", "name", kMaxNameBytes, true);
constexpr Field kCode = text("code", "code", kMaxCodeBytes, true);
constexpr Field kIsActive = boolean("isActive", "is_active");
constexpr Field kCreatedAt = time("createdAt", "created_at");
constexpr Field kModifiedAt = time("modifiedAt", "modified_at");
constexpr Field kAllocation = decimal("dataAllocationMB", "data_allocation_mb");

constexpr Field kMonthlyPrice = decimal("monthlyPrice", "monthly_price");
constexpr Field kCurrency{.name = "currency", .column = "currency", .type = FieldType::currency};

constexpr std::array kServiceProviderFields{
    kName,
    Field{.name = "integration",
          .column = "integration",
          .required = true,
          .changeable = false,
          .choices = kIntegrations},
    boolean("writeIsEnabled", "write_is_enabled"),
    Field{.name = "settings", .column = "settings", .type = FieldType::object},
    decimal("ratePerSecond", "rate_per_second"),
    integer("maxConcurrency", "max_concurrency", 1, kMaxConcurrency),
    integer("dayQuota", "day_quota", 1, kMaxId),
    boolean("isUnpaced", "is_unpaced"),
    kIsActive,
    Field{.name = "credentialNames",
          .column = "credential_names",
          .type = FieldType::names,
          .writable = false},
    kCreatedAt,
    kModifiedAt,
};

constexpr std::array kCustomerFields{
    kName,
    text("revCustomerId", "rev_customer_id", kMaxCodeBytes, false),
    text("accountNumber", "account_number", kMaxCodeBytes, false),
    kIsActive,
    kCreatedAt,
    kModifiedAt,
};

constexpr std::array kSiteFields{
    kName,
    reference("customerId", "customer_id", kCustomer),
    kIsActive,
    kCreatedAt,
};

constexpr std::array kCarrierRatePlanFields{
    reference("serviceProviderId", "service_provider_id", kServiceProvider),
    kCode,
    kName,
    text("planUuid", "plan_uuid", kMaxCodeBytes, false),
    integer("carrierPlanId", "carrier_plan_id", 1, kMaxId),
    kMonthlyPrice,
    kCurrency,
    kIsActive,
    kCreatedAt,
    kModifiedAt,
};

constexpr std::array kCommunicationPlanFields{
    reference("serviceProviderId", "service_provider_id", kServiceProvider),
    kName,
    kIsActive,
    kCreatedAt,
};

constexpr std::array kCustomerRatePlanFields{
    kCode, kName, kAllocation, kMonthlyPrice, kCurrency, kIsActive, kCreatedAt, kModifiedAt,
};

constexpr std::array kCustomerRatePoolFields{kName, kAllocation, kIsActive, kCreatedAt};

}  // namespace

constexpr Noun kServiceProvider{"service provider",
                                "service_provider",
                                "service_provider_id",
                                "serviceProviderId",
                                "name",
                                true,
                                kServiceProviderFields};
constexpr Noun kCustomer{"customer", "customer", "customer_id",  "customerId",
                         "name",     true,       kCustomerFields};
constexpr Noun kSite{"site", "site", "site_id", "siteId", "name", false, kSiteFields};
constexpr Noun kCarrierRatePlan{"carrier rate plan",
                                "carrier_rate_plan",
                                "carrier_rate_plan_id",
                                "carrierRatePlanId",
                                "code",
                                true,
                                kCarrierRatePlanFields};
constexpr Noun kCommunicationPlan{"communication plan",
                                  "communication_plan",
                                  "communication_plan_id",
                                  "communicationPlanId",
                                  "name",
                                  false,
                                  kCommunicationPlanFields};
constexpr Noun kCustomerRatePlan{"customer rate plan",
                                 "customer_rate_plan",
                                 "customer_rate_plan_id",
                                 "customerRatePlanId",
                                 "code",
                                 true,
                                 kCustomerRatePlanFields};
constexpr Noun kCustomerRatePool{"customer rate pool",
                                 "customer_rate_pool",
                                 "customer_rate_pool_id",
                                 "customerRatePoolId",
                                 "name",
                                 false,
                                 kCustomerRatePoolFields};

}  // namespace carryall::devices
