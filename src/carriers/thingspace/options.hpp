// The settings of a ThingSpace account: checked once when the account is made, and read afterwards
// as they were left then (every name in the spelling below, defaults filled in).
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "carriers/carrier.hpp"
#include "carriers/settings.hpp"

namespace carryall::carriers::thingspace {

inline constexpr int kMaxDevicesPerRequest = 10'000;

// Mistakes go to `reader`; the result is of use only if there are none.
base::json::object checked_settings(SettingsReader& reader);

std::vector<LineBudget> line_budgets(const base::json::object& checked);

// The setting allowDeactivateSuspended, of settings that were not checked yet.
bool may_deactivate_suspended(const base::json::object& settings);

// Of settings that were checked. Text: empty if it was not given.
std::string_view text_setting(const Account& account, std::string_view name);
std::int64_t number_setting(const Account& account, std::string_view name);
// nullptr: not given.
const base::json::value* optional_setting(const Account& account, std::string_view name);

}  // namespace carryall::carriers::thingspace
