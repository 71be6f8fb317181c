// The settings of an account at Telegence: read and checked once, kept in Account::settings under
// their own names with their defaults filled in, and looked up there by the exchanges.
#pragma once

#include <string_view>

#include "carriers/carrier.hpp"

namespace carryall::carriers::telegence {

base::Result<Account> make_account(std::int64_t service_provider_id, SettingsReader& reader);

// Of an account that make_account() made.
std::string_view line_path(const Account& account);             // T3 and T4, before "/{number}"
std::string_view subscriber_list_path(const Account& account);  // T6
std::string_view billing_account_path(const Account& account);  // T5, before "/{ban}"
std::string_view status_reason_code(const Account& account, std::string_view status);
std::string_view equipment_reason_code(const Account& account);
std::string_view activation_path(const Account& account);           // T1; T2 with "/{id}"
std::string_view ip_addresses_path(const Account& account);         // T8
std::string_view ip_provisioning_path(const Account& account);      // T9
std::string_view ip_provision_status_path(const Account& account);  // T10
// How often, and how long in all, an activation or an address is asked for.
std::chrono::seconds activation_poll(const Account& account);
std::chrono::seconds activation_deadline(const Account& account);
std::chrono::seconds ip_first_check(const Account& account);
std::chrono::seconds ip_check(const Account& account);
int ip_check_limit(const Account& account);
bool syncs_details(const Account& account);
std::int64_t page_size(const Account& account);
// What Telegence's clock shows at that instant: tells which day it has.
base::Instant carrier_time(const Account& account, base::Instant instant);

}  // namespace carryall::carriers::telegence
