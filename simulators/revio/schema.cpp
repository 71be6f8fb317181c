// The schemas. The order of fields is the order on the wire.
#include "revio/schema.hpp"

namespace carryall::simulators::revio {
namespace {

using enum Kind;

constexpr unsigned kOptionalId = kWritable | kZeroIsAbsent;

constexpr Field kCustomerFields[] = {
    {"customer_id", integer},
    {"parent_customer_id", integer, kOptionalId},
    {"status", text, kWritable, 20},
    {"activated_date", date, kWritable},
    {"close_date", date, kWritable},
    {"agent_id", integer, kOptionalId},
    {"listing_address.address_id", integer},
    {"listing_address.company_name", text, kWritable, 255},
    {"listing_address.first_name", text, kWritable, 255},
    {"listing_address.last_name", text, kWritable, 255},
    {"listing_address.line_1", text, kWritable, 255},
    {"listing_address.line_2", text, kWritable, 255},
    {"listing_address.city", text, kWritable, 255},
    {"listing_address.state_or_province", text, kWritable, 50},
    {"listing_address.postal_code", text, kWritable, 20},
    {"listing_address.country_code", text, kWritable, 3},
    {"service_address.address_id", integer},
    {"service_address.company_name", text, kWritable, 255},
    {"service_address.line_1", text, kWritable, 255},
    {"service_address.city", text, kWritable, 255},
    {"service_address.state_or_province", text, kWritable, 50},
    {"service_address.postal_code", text, kWritable, 20},
    {"service_address.country_code", text, kWritable, 3},
    {"finance.tax_exempt_enabled", truth, kWritable},
    {"finance.bill_profile_id", integer, kOptionalId},
    {"finance.cycle_date", date, kWritable},
};

constexpr Field kServiceFields[] = {
    {"service_id", integer},
    {"customer_id", integer, kRequired | kAtLeastOne},
    {"provider_id", integer, kRequired | kAtLeastOne},
    {"effective_date", date, kWritable},
    {"service_type_id", integer, kOptionalId},
    {"package_id", integer, kOptionalId},
    {"number", text, kWritable, 255},
    {"number2", text, kWritable, 255},
    {"pic", text, kWritable, 10},
    {"lpic", text, kWritable, 10},
    {"provider_account_id", integer, kOptionalId},
    {"usage_plan_group_id", integer, kOptionalId},
    {"description", text, kWritable, 1000},
    {"activated_date", date, kWritable},
    {"disconnected_date", date, kWritable},
    {"address_id", integer, kOptionalId},
    {"created_date", timestamp},
    {"created_by", integer},
    {"custom_0", text, kHidden, 255},
    {"custom_1", text, kHidden, 255},
    {"custom_2", text, kHidden, 255},
};

constexpr Field kServiceProductFields[] = {
    {"service_product_id", integer},
    {"customer_id", integer, kRequired | kAtLeastOne},
    {"product_id", integer, kRequired | kAtLeastOne},
    {"package_id", integer, kOptionalId},
    {"service_id", integer, kOptionalId},
    {"description", text, kWritable, 1000},
    {"code_1", text, kWritable, 50},
    {"code_2", text, kWritable, 50},
    {"rate", number, kWritable | kNotNegative},
    {"billed_through_date", date},
    {"canceled_date", date},
    {"status", text, kWritable, 20},
    {"status_date", date},
    {"status_user_id", integer},
    {"activated_date", date, kWritable},
    {"cost", number, kWritable | kNotNegative},
    {"wholesale_description", text, kWritable, 255},
    {"free_start_date", date, kWritable},
    {"free_end_date", date, kWritable},
    {"quantity", number, kWritable | kNotNegative},
    {"contract_start_date", date, kWritable},
    {"contract_end_date", date, kWritable},
    {"created_date", timestamp},
    {"tax_included", truth, kWritable},
    {"group_on_bill", truth, kWritable},
    {"itemized", truth, kWritable},
    {"effective_date", date, kWritable},
    {"generate_proration", truth, kWritable | kHidden},
};

constexpr Field kChargeFields[] = {
    {"charge_id", integer},
    {"product_id", integer, kOptionalId},
    {"product_type_id", integer, kOptionalId},
    {"customer_id", integer, kRequired | kAtLeastOne},
    {"service_id", integer, kWritable | kAtLeastOne},
    {"service_product_id", integer, kWritable | kAtLeastOne},
    {"bill_id", integer},
    {"is_tax_included", truth, kRequired},
    {"tax_class_id", integer, kOptionalId},
    {"description", text, kRequired, 1500},
    {"amount", number, kWritable},
    {"product_amount", number, kWritable},
    {"tax_amount", number, kWritable},
    {"cost", number, kRequired | kNotNegative},
    {"rate", number, kRequired},
    {"quantity", number, kRequired},
    {"is_commission_exempted", truth, kRequired},
    {"is_prorated", truth, kRequired},
    {"proration", number, kWritable},
    {"geocode", text, kWritable, 50},
    {"start_date", date, kRequired},
    {"end_date", date, kRequired},
    {"created_date", timestamp},
    {"created_by", integer},
};

constexpr Field kInventoryItemFields[] = {
    {"inventory_item_id", integer},
    {"inventory_type_id", integer, kRequired | kAtLeastOne},
    {"identifier", text, kRequired, 255},
    {"customer_id", integer, kOptionalId},
    {"service_id", integer},
    {"created_date", timestamp},
    {"created_by", integer},
    {"status", text, kWritable, 20},
    {"inventory_item_unavailable_reason_id", integer, kOptionalId},
};

constexpr Field kProductFields[] = {
    {"product_id", integer},
    {"product_type_id", integer, kRequired | kAtLeastOne},
    {"description", text, kRequired, 255},
    {"code_1", text, kWritable, 50},
    {"code_2", text, kWritable, 50},
    {"rate", number, kWritable},
    {"cost", number, kWritable},
    {"buy_rate", number, kWritable},
    {"created_date", timestamp},
    {"created_by", integer},
    {"active", truth, kWritable},
    {"creates_order", truth, kWritable},
    {"provider_id", integer, kRequired | kAtLeastOne},
    {"bills_in_arrears", truth, kWritable},
    {"prorates", truth, kWritable},
    {"customer_class", text, kWritable, 50},
    {"long_description", text, kWritable, 1000},
    {"ledger_code", text, kWritable, 50},
    {"free_months", integer, kWritable},
    {"automatic_expiration_months", integer, kWritable},
    {"order_completion_billing", truth, kWritable},
    {"tax_class_id", integer, kOptionalId},
    {"wholesale_description", text, kWritable, 255},
};

constexpr Field kProductTypeFields[] = {
    {"product_type_id", integer},          {"product_type_code", text, kWritable, 50},
    {"description", text, kRequired, 255}, {"tax_class_id", integer, kOptionalId},
    {"active", truth, kWritable},
};

constexpr Field kProviderFields[] = {
    {"provider_id", integer},
    {"description", text, kRequired, 255},
    {"provider_code", text, kWritable, 50},
    {"active", truth, kWritable},
    {"created_date", timestamp},
    {"bill_profile_id", integer, kOptionalId},
};

constexpr Field kServiceTypeFields[] = {
    {"service_type_id", integer},
    {"description", text, kRequired, 255},
    {"active", truth, kWritable},
};

constexpr Field kPackageFields[] = {
    {"package_id", integer},
    {"provider_id", integer, kRequired | kAtLeastOne},
    {"currency_code", text, kWritable, 3},
    {"description", text, kRequired, 255},
    {"service_type_id", integer, kOptionalId},
    {"usage_plan_group_id", integer, kOptionalId},
    {"bill_profile_id", integer, kOptionalId},
    {"active", truth, kWritable},
};

constexpr Field kPackageProductFields[] = {
    {"package_product_id", integer},
    {"product_id", integer, kRequired | kAtLeastOne},
    {"package_id", integer, kRequired | kAtLeastOne},
    {"rate", number, kWritable},
    {"cost", number, kWritable},
    {"buy_rate", number, kWritable},
    {"quantity", number, kWritable},
    {"tax_included", truth, kWritable},
    {"group_on_bill", truth, kWritable},
    {"itemize", truth, kWritable},
    {"credit", truth, kWritable},
};

constexpr Field kUsagePlanGroupFields[] = {
    {"usage_plan_group_id", integer},
    {"description", text, kRequired, 255},
    {"active", truth, kWritable},
};

constexpr Field kAgentFields[] = {
    {"agent_id", integer},
    {"parent_agent_id", integer, kOptionalId},
    {"name", text, kRequired, 255},
    {"status", text, kWritable, 20},
};

constexpr Field kBillProfileFields[] = {
    {"bill_profile_id", integer},
    {"description", text, kRequired, 255},
    {"active", truth, kWritable},
};

constexpr Field kInventoryTypeFields[] = {
    {"inventory_type_id", integer},
    {"description", text, kRequired, 255},
    {"active", truth, kWritable},
};

constexpr std::string_view kByCustomerAndService[] = {"customer_id", "service_id"};
constexpr std::string_view kByCharge[] = {"charge_id", "customer_id", "service_id"};
constexpr std::string_view kByNumber[] = {"number", "customer_id"};
constexpr std::string_view kByIdentifier[] = {"identifier", "customer_id", "service_id"};
constexpr std::string_view kByCustomer[] = {"customer_id"};
constexpr std::string_view kByProduct[] = {"product_id"};
constexpr std::string_view kByProductType[] = {"product_type_id"};
constexpr std::string_view kByProvider[] = {"provider_id"};
constexpr std::string_view kByServiceType[] = {"service_type_id"};
constexpr std::string_view kByPackage[] = {"package_id"};
constexpr std::string_view kByPackageProduct[] = {"package_product_id", "package_id"};
constexpr std::string_view kByUsagePlanGroup[] = {"usage_plan_group_id"};
constexpr std::string_view kByAgent[] = {"agent_id"};
constexpr std::string_view kByBillProfile[] = {"bill_profile_id"};
constexpr std::string_view kByInventoryType[] = {"inventory_type_id"};

}  // namespace

const std::string_view kCustomFieldLabels[kCustomFields] = {"ICCID", "IMEI", "Site"};

const Schema& schema_of(int resource) {
    static const Schema schemas[kResourceCount] = {
        {"Customers", "Customer", 4101, kCustomerFields, kByCustomer},
        {"Services", "Service", 99'001, kServiceFields, kByNumber},
        {"ServiceProduct", "ServiceProduct", 550'001, kServiceProductFields, kByCustomerAndService},
        {"Charges", "Charge", 8'800'001, kChargeFields, kByCharge},
        {"InventoryItem", "InventoryItem", 330'001, kInventoryItemFields, kByIdentifier},
        {"Products", "Product", 5001, kProductFields, kByProduct},
        {"ProductTypes", "ProductType", 311, kProductTypeFields, kByProductType},
        {"Providers", "Provider", 21, kProviderFields, kByProvider},
        {"ServiceTypes", "ServiceType", 61, kServiceTypeFields, kByServiceType},
        {"Packages", "Package", 901, kPackageFields, kByPackage},
        {"PackageProducts", "PackageProduct", 951, kPackageProductFields, kByPackageProduct},
        {"UsagePlanGroups", "UsagePlanGroup", 71, kUsagePlanGroupFields, kByUsagePlanGroup},
        {"Agents", "Agent", 81, kAgentFields, kByAgent},
        {"BillProfiles", "BillProfile", 91, kBillProfileFields, kByBillProfile},
        {"InventoryTypes", "InventoryType", 20, kInventoryTypeFields, kByInventoryType},
    };
    return schemas[resource];
}

}  // namespace carryall::simulators::revio
