// Where ThingSpace's papers are silent or disagree, the value is a setting; docs/carriers/
// thingspace.md says what each stands for.
#include "carriers/thingspace/options.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace carryall::carriers::thingspace {

namespace {

constexpr std::size_t kMaxAccountNameBytes = 64;

struct Number {
    std::string_view name;
    std::int64_t fallback;
    std::int64_t least;
    std::int64_t most;
};

constexpr std::array kNumbers = {
    Number{"resultDeadlineMinutes", 30, 1, 1'440},
    Number{"giveUpHours", 24, 1, 168},
    Number{"devicesPerRequest", 2'000, 1, kMaxDevicesPerRequest},
    Number{"planChangesPerMonth", 4, 0, 10'000},
    Number{"actionsPerDay", 5, 0, 10'000},
    Number{"suspendedDaysInARow", 90, 0, 10'000},
    Number{"suspendedDaysPerYear", 180, 0, 366},
    Number{"throttleStatus", 429, 400, 599},
    // 0: as many as ThingSpace likes (2,000).
    Number{"listPageSize", 0, 0, 2'000},
};

// Texts that stay away unless they are given.
constexpr std::string_view kTexts[] = {
    "carrierIpPoolName", "carrierName",          "costCenterCode", "groupName", "leadId",
    "skuNumber",         "planChangeIpPoolName",
};

struct Flag {
    std::string_view name;
    std::optional<bool> fallback;  // none: ThingSpace's own default
};
constexpr std::array kFlags = {
    Flag{"allowDeactivateSuspended", false},
    Flag{"etfWaiver", std::nullopt},
    Flag{"withBilling", std::nullopt},
};

void check_number(SettingsReader& reader, const Number& number, base::json::object& checked) {
    const auto value =
        base::parse_int(reader.setting(number.name, std::to_string(number.fallback)));
    if (!value || *value < number.least || *value > number.most) {
        reader.fail(number.name, "The setting \"" + std::string(number.name) +
                                     "\" must be a whole number from " +
                                     std::to_string(number.least) + " to " +
                                     std::to_string(number.most));
        return;
    }
    checked[number.name] = *value;
}

void check_flag(SettingsReader& reader, const Flag& flag, base::json::object& checked) {
    if (reader.value(flag.name) == nullptr && !flag.fallback) return;
    checked[flag.name] = reader.flag(flag.name, flag.fallback.value_or(false));
}

// It goes into paths, and its leading zeros are part of it.
void check_account_name(SettingsReader& reader, base::json::object& checked) {
    const std::string name = reader.setting("accountName");
    const base::json::value* found = reader.value("accountName");
    if (found != nullptr && !found->is_string()) {
        reader.fail("accountName",
                    "The setting \"accountName\" must be a text such as \"0000123456-00001\": as a "
                    "number it loses its leading zeros");
    }
    const bool is_fit =
        name.size() <= kMaxAccountNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   c == '-' || c == '_' || c == '.';
        });
    if (!is_fit || name == "." || name == "..") {
        reader.fail("accountName",
                    "The setting \"accountName\" must hold letters, digits, '-', '_' and '.'");
    }
    checked["accountName"] = name;
}

void check_choice(SettingsReader& reader, std::string_view name, std::string_view fallback,
                  std::string_view first, std::string_view second, base::json::object& checked) {
    const std::string value = reader.setting(name, fallback);
    if (!value.empty() && value != first && value != second) {
        reader.fail(name, "The setting \"" + std::string(name) + "\" must be \"" +
                              std::string(first) + "\" or \"" + std::string(second) + '"');
    }
    checked[name] = value;
}

}  // namespace

base::json::object checked_settings(SettingsReader& reader) {
    base::json::object checked = reader.settings();
    check_account_name(reader, checked);
    for (const Number& number : kNumbers) check_number(reader, number, checked);
    for (const Flag& flag : kFlags) check_flag(reader, flag, checked);
    for (const std::string_view name : kTexts) checked[name] = reader.setting(name, "");
    checked["reasonCode"] = reader.setting("reasonCode", "FF");
    check_choice(reader, "publicIpRestriction", "", "restricted", "unrestricted", checked);
    check_choice(reader, "phoneNumberForm", "mdn", "mdn", "msisdn", checked);
    checked["defaultZipCode"] = reader.setting("defaultZipCode", "");
    checked["callbackUrl"] = reader.setting("callbackUrl", "");
    if (!reader.setting("callbackUrl", "").empty()) {
        // What ThingSpace would send could not be told from a forgery.
        static_cast<void>(reader.base_url("callbackUrl"));
        static_cast<void>(reader.credential("callbackUsername"));
        static_cast<void>(reader.credential("callbackPassword"));
    }
    // Read where callbacks come in.
    reader.note("callbackSources");
    reader.note_credential("callbackUsername");
    reader.note_credential("callbackPassword");
    const base::json::value* place = reader.value("primaryPlaceOfUse");
    if (place != nullptr && !place->is_object()) {
        reader.fail("primaryPlaceOfUse",
                    "The setting \"primaryPlaceOfUse\" must be an object with \"customerName\" and "
                    "\"address\"");
    }
    if (place != nullptr) checked["primaryPlaceOfUse"] = *place;
    return checked;
}

bool may_deactivate_suspended(const base::json::object& settings) {
    const base::json::value* found = base::find_ignoring_case(settings, "allowDeactivateSuspended");
    if (found == nullptr) return false;
    if (found->is_bool()) return found->get_bool();
    return found->is_string() && base::ascii_lower(std::string_view(found->get_string())) == "true";
}

std::vector<LineBudget> line_budgets(const base::json::object& checked) {
    struct Row {
        std::string_view name;
        LineBudget::Counts counts;
        LineBudget::Period period;
    };
    using Counts = LineBudget::Counts;
    using Period = LineBudget::Period;
    static constexpr std::array kRows = {
        Row{"planChangesPerMonth", Counts::plan_changes, Period::month},
        Row{"actionsPerDay", Counts::all_actions, Period::day},
        Row{"suspendedDaysInARow", Counts::suspended_days, Period::at_a_stretch},
        Row{"suspendedDaysPerYear", Counts::suspended_days, Period::year},
    };
    std::vector<LineBudget> budgets;
    for (const Row& row : kRows) {
        const std::int64_t limit = checked.at(row.name).as_int64();
        if (limit > 0) budgets.push_back({row.counts, row.period, static_cast<int>(limit)});
    }
    return budgets;
}

std::string_view text_setting(const Account& account, std::string_view name) {
    const base::json::value* found = account.settings.if_contains(name);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                  : std::string_view();
}

std::int64_t number_setting(const Account& account, std::string_view name) {
    return account.settings.at(name).as_int64();
}

const base::json::value* optional_setting(const Account& account, std::string_view name) {
    return account.settings.if_contains(name);
}

}  // namespace carryall::carriers::thingspace
