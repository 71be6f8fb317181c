// What a tenant has set for its customer charges: how they are split and worded, in which zone its
// billing months end, beyond which bounds a charge waits for a person, and who is told. What must
// stay true: a tenant that set nothing has the defaults that the database gives a row (a test
// compares them), every stored value passed the checks here, and amounts are decimal texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "db/postgres.hpp"
#include "tenants/token.hpp"

namespace carryall::charges {

using base::Result;

inline constexpr std::size_t kMaxMarkerBytes = 40;
inline constexpr std::size_t kMaxTemplateBytes = 500;
inline constexpr std::size_t kMaxSettingEmails = 20;  // in each of the two lists

struct ChargeSetting {
    // The original's UsingNewProcessInCustomerCharge: a charge for the rate and one for the
    // overage; otherwise one for both.
    bool splits_rate_and_overage = true;
    std::string billing_time_zone = "UTC";
    bool bills_in_advance = false;
    std::int64_t page_size = 50;  // charges that are claimed and written down together
    std::int64_t amount_decimals = 2;
    std::string marker_format = "amop:{key}";  // empty: charges carry no marker
    // {plan} {usageMb} {amount} {smsUsage} {periodStart} {periodEnd}
    std::string rate_description = "{plan} - {usageMb}";
    std::string overage_description = "Data Usage - {usageMb} - Overage - {amount}";
    std::string usage_description = "Data Usage - {plan} - {usageMb}";
    std::string sms_description = "SMS Usage - {smsUsage}";
    // Charges beyond are parked; empty: no such bound.
    std::optional<std::string> max_charge_amount = "10000";
    std::optional<std::string> device_history_multiple = "10";
    std::optional<std::string> customer_history_multiple = "5";
    std::int64_t history_periods = 3;
    std::string history_floor_amount = "50";  // below it nothing is parked for its history
    std::vector<std::string> administrator_emails;
    std::vector<std::string> billing_emails;
    std::int64_t attachment_limit_bytes = 10'485'760;  // a larger charge list is mailed as a link
    std::int64_t last_instance_delay_seconds = 0;
    std::int64_t last_group_delay_seconds = 0;
    std::int64_t check_delay_seconds = 0;
    std::optional<std::string> modified_by;  // empty: nobody ever set anything
    std::optional<std::string> modified_at;
};

// The defaults where the tenant has no row. The second one sees what its transaction sees.
Result<ChargeSetting> get_charge_setting(db::Connection& connection, tenants::TenantId tenant_id);
Result<ChargeSetting> get_charge_setting(db::Transaction& transaction, tenants::TenantId tenant_id);

// A member that is absent stays as it is; null removes a bound. Every mistake is added to `errors`
// with its JSON pointer, and then nothing is stored. Answers what is set afterwards. For charges
// that are made from now on.
Result<ChargeSetting> change_charge_setting(db::Connection& connection,
                                            const tenants::Caller& caller,
                                            const base::json::object& changes,
                                            base::JsonErrors& errors);

// Pure: the setting as the API shows it, and with changes applied (charge_setting_rules.cpp).
base::json::object to_json(const ChargeSetting& setting);
void apply_changes(ChargeSetting& setting, const base::json::object& changes,
                   base::JsonErrors& errors);

}  // namespace carryall::charges
