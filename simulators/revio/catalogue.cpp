// What a fresh Rev.io account holds: customers 4101 to 4150 and a small catalogue.
#include "revio/dates.hpp"
#include "revio/revio_system.hpp"

namespace carryall::simulators::revio {
namespace {

constexpr std::int64_t kCustomerCount = 50;
constexpr std::int64_t kOpenedSeconds = 1'735'689'600;  // 2025-01-01
constexpr std::int64_t kMicros = 1'000'000;

std::uint32_t add_described(Table& table, std::string_view description) {
    const std::uint32_t row = table.insert(0, 0);
    table.set_text(row, "description", description);
    if (const auto active = table.column("active"); active != SIZE_MAX) table.set(row, active, 1);
    return row;
}

void add_product(Table& table, std::string_view description, std::int64_t type, double rate) {
    const std::uint32_t row = add_described(table, description);
    table.set(row, "product_type_id", type);
    table.set(row, "provider_id", 21);
    table.set(row, "rate", Table::cell_of(rate));
    table.set(row, "cost", Table::cell_of(0));
    table.set(row, "created_date", kOpenedSeconds * kMicros);
    for (const std::string_view name : {"creates_order", "bills_in_arrears", "prorates"}) {
        table.set(row, name, name == "prorates" ? 1 : 0);
    }
}

void add_customer(Table& table, std::int64_t number) {
    const std::uint32_t row = table.insert(0, 0);
    const std::string name = "Customer " + std::to_string(number);
    table.set_text(row, "status", "OPEN");
    table.set(row, "activated_date", kOpenedSeconds);
    table.set(row, "agent_id", 81);
    for (const std::string prefix : {"listing_address.", "service_address."}) {
        table.set(row, prefix + "address_id", 60'000 + 2 * number + (prefix[0] == 's' ? 1 : 0));
        table.set_text(row, prefix + "company_name", name);
        table.set_text(row, prefix + "line_1", std::to_string(number) + " Harbour Street");
        table.set_text(row, prefix + "city", "Portland");
        table.set_text(row, prefix + "state_or_province", "ME");
        table.set_text(row, prefix + "postal_code", "04101");
        table.set_text(row, prefix + "country_code", "USA");
    }
    table.set(row, "finance.tax_exempt_enabled", 0);
    table.set(row, "finance.bill_profile_id", number % 2 == 0 ? 92 : 91);
    table.set(row, "finance.cycle_date", kOpenedSeconds);
}

}  // namespace

void RevioSystem::add_catalogue() {
    for (const char* name : {"Monthly", "Quarterly"}) add_described(tables_[kBillProfiles], name);
    for (const char* name : {"IoT rate", "IoT overage", "SMS"}) {
        const std::uint32_t row = add_described(tables_[kProductTypes], name);
        tables_[kProductTypes].set_text(row, "product_type_code", name);
    }
    for (const char* name : {"POND IoT", "AT&T", "Verizon", "T-Mobile"}) {
        const std::uint32_t row = add_described(tables_[kProviders], name);
        tables_[kProviders].set_text(row, "provider_code", name);
        tables_[kProviders].set(row, "created_date", kOpenedSeconds * kMicros);
        tables_[kProviders].set(row, "bill_profile_id", 91);
    }
    for (const char* name : {"IoT data", "Mobile voice"})
        add_described(tables_[kServiceTypes], name);
    add_described(tables_[kUsagePlanGroups], "Pooled IoT");
    for (const char* name : {"SIM_Card", "Telephone_Number", "Mobile_Device"}) {
        add_described(tables_[kInventoryTypes], name);
    }
    add_product(tables_[kProducts], "IoT 1GB", 311, 6.5);
    add_product(tables_[kProducts], "IoT 5GB", 311, 18);
    add_product(tables_[kProducts], "Data overage", 312, 0.01);
    add_product(tables_[kProducts], "SMS", 313, 0.02);
    const std::uint32_t agent = tables_[kAgents].insert(0, 0);
    tables_[kAgents].set_text(agent, "name", "House agent");
    tables_[kAgents].set_text(agent, "status", "ACTIVE");
    Table& packages = tables_[kPackages];
    const std::uint32_t package = add_described(packages, "IoT starter");
    packages.set(package, "provider_id", 21);
    packages.set_text(package, "currency_code", "USD");
    packages.set(package, "service_type_id", 61);
    packages.set(package, "usage_plan_group_id", 71);
    packages.set(package, "bill_profile_id", 91);
    Table& members = tables_[kPackageProducts];
    const std::uint32_t member = members.insert(0, 0);
    members.set(member, "product_id", 5001);
    members.set(member, "package_id", 901);
    members.set(member, "rate", Table::cell_of(6.5));
    members.set(member, "quantity", Table::cell_of(1));
    for (std::int64_t i = 0; i < kCustomerCount; ++i) add_customer(tables_[kCustomers], 4101 + i);
}

}  // namespace carryall::simulators::revio
