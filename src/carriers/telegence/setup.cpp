// Every path and code that AT&T does not publish for everybody is a setting. The defaults are those
// of a working integration; docs/carriers/telegence.md says which of them are confirmed.
#include "carriers/telegence/setup.hpp"

#include "carriers/settings.hpp"
#include "carriers/telegence/wire.hpp"

namespace carryall::carriers::telegence {

namespace {

namespace json = base::json;

constexpr std::string_view kLinePath = "lineConfigurationPath";
constexpr std::string_view kListPath = "subscriberListPath";
constexpr std::string_view kBanPath = "billingAccountPath";
constexpr std::string_view kActivationPath = "activationPath";
constexpr std::string_view kIpAddressesPath = "ipAddressesPath";
constexpr std::string_view kIpProvisioningPath = "ipProvisioningPath";
constexpr std::string_view kIpStatusPath = "ipProvisionStatusPath";
constexpr std::string_view kReasonCodes = "reasonCodes";
constexpr std::string_view kEquipmentReason = "equipmentReasonCode";
constexpr std::string_view kSyncDetails = "syncDetails";
constexpr std::string_view kPageSize = "pageSize";
constexpr std::string_view kUtcOffset = "utcOffsetHours";

// Whole numbers of activations: most in a request, and how long results are waited for.
struct NumberSetting {
    std::string_view name;
    std::int64_t lowest;
    std::int64_t highest;
    std::int64_t fallback;
};
constexpr NumberSetting kActivationsPerRequest{"activationsPerRequest", 1, 200, 200};
constexpr NumberSetting kActivationPoll{"activationPollSeconds", 1, 3'600, 300};
constexpr NumberSetting kActivationDeadline{"activationDeadlineSeconds", 10, 86'400, 3'600};
constexpr NumberSetting kIpFirstCheck{"ipFirstCheckSeconds", 1, 3'600, 15};
constexpr NumberSetting kIpCheck{"ipCheckSeconds", 1, 3'600, 300};
constexpr NumberSetting kIpChecks{"ipChecks", 1, 100, 3};

constexpr std::int64_t kDefaultPageSize = 200;
constexpr std::int64_t kMaxPageSize = 1'000;
constexpr std::int64_t kMaxOffsetHours = 14;
constexpr std::string_view kDefaultStatusReason = "CR";
constexpr std::string_view kDefaultEquipmentReason = "CUST_OWN_EQU";

std::string read_base_url(SettingsReader& reader) {
    for (const std::string_view name : {"useSandbox", "sandboxUrl", "productionUrl"}) {
        reader.note(name);
    }
    if (!reader.setting("baseUrl", "").empty()) return reader.base_url("baseUrl");
    const std::string_view name = reader.flag("useSandbox", false) ? "sandboxUrl" : "productionUrl";
    if (reader.setting(name, "").empty()) {
        reader.fail("baseUrl", "The setting \"baseUrl\" is missing; \"" + std::string(name) +
                                   "\" may be given instead");
        return {};
    }
    return reader.base_url(name);
}

// {"Suspended": "CR", …}: one for each status that can be asked for.
json::object read_reason_codes(SettingsReader& reader) {
    json::object codes;
    const json::value* given = reader.value(kReasonCodes);
    if (given != nullptr && !given->is_object()) {
        reader.fail(kReasonCodes,
                    "The setting \"reasonCodes\" must be an object of statuses and their codes");
        return codes;
    }
    for (const std::string_view status : {"Active", "Suspended", "Deactivated"}) {
        const json::value* code =
            given != nullptr ? base::find_ignoring_case(given->get_object(), status) : nullptr;
        if (code == nullptr || code->is_null()) {
            codes[status] = kDefaultStatusReason;
        } else if (code->is_string() && is_code(code->get_string())) {
            codes[status] = code->get_string();
        } else {
            reader.fail(kReasonCodes, "The setting \"reasonCodes\" has for " + std::string(status) +
                                          " no code of 1 to 64 visible characters");
        }
    }
    return codes;
}

void read_activation_settings(SettingsReader& reader, json::object& own) {
    own[kActivationPath] =
        reader.path(kActivationPath, "/sp/mobilityactivations/api/v1/serviceactivation");
    own[kIpAddressesPath] = reader.path(kIpAddressesPath, "/sp/mobility/ipmgmt/api/v1/ipaddresses");
    own[kIpProvisioningPath] =
        reader.path(kIpProvisioningPath, "/sp/mobility/ipmgmt/api/v1/ipprovisioning");
    own[kIpStatusPath] =
        reader.path(kIpStatusPath, "/sp/mobility/ipmgmt/api/v1/ipprovisioning/status");
    for (const NumberSetting& number : {kActivationsPerRequest, kActivationPoll,
                                        kActivationDeadline, kIpFirstCheck, kIpCheck, kIpChecks}) {
        own[number.name] =
            reader.whole_number(number.name, number.lowest, number.highest, number.fallback);
    }
}

std::int64_t number_at(const Account& account, const NumberSetting& number) {
    return account.settings.at(number.name).get_int64();
}

std::string_view text_at(const Account& account, std::string_view name) {
    return account.settings.at(name).get_string();
}

}  // namespace

base::Result<Account> make_account(std::int64_t service_provider_id, SettingsReader& reader) {
    Account account;
    account.service_provider_id = service_provider_id;
    account.integration = Integration::telegence;
    account.settings = reader.settings();
    account.credentials = reader.credentials();
    account.base_url = read_base_url(reader);
    account.call_timeout = reader.call_timeout();
    json::object& own = account.settings;
    own[kLinePath] = reader.path(kLinePath, "/sp/mobility/lineconfig/api/v1/service");
    own[kListPath] = reader.path(kListPath, "/sp/mobility/api/v1/account");
    own[kBanPath] = reader.path(kBanPath, "/sp/mobility/billingmgmt/api/v1/billingaccount");
    read_activation_settings(reader, own);
    account.devices_per_request = static_cast<int>(number_at(account, kActivationsPerRequest));
    own[kReasonCodes] = read_reason_codes(reader);
    own[kEquipmentReason] = reader.setting(kEquipmentReason, kDefaultEquipmentReason);
    if (!is_code(text_at(account, kEquipmentReason))) {
        reader.fail(kEquipmentReason,
                    "The setting \"equipmentReasonCode\" must have 1 to 64 visible characters");
    }
    own[kSyncDetails] = reader.flag(kSyncDetails, true);
    own[kPageSize] = reader.whole_number(kPageSize, 1, kMaxPageSize, kDefaultPageSize);
    static_cast<void>(reader.flag("scheduleAtCarrier", false));
    own[kUtcOffset] = reader.whole_number(kUtcOffset, -kMaxOffsetHours, kMaxOffsetHours, 0);
    const std::string id = reader.credential("clientId");
    const std::string secret = reader.credential("clientSecret");
    if (reader.error()) return *reader.error();
    account.headers = {{"app-id", id},
                       {"app-secret", secret},
                       {"Accept", "application/json"},
                       {"Content-Type", "application/json"},
                       // A reading out of a cache would prove nothing.
                       {"Cache-Control", "no-cache"}};
    account.identity = "telegence|" + account.base_url + '|' + id;
    account.proof = secret;
    return account;
}

std::string_view line_path(const Account& account) {
    return text_at(account, kLinePath);
}

std::string_view subscriber_list_path(const Account& account) {
    return text_at(account, kListPath);
}

std::string_view billing_account_path(const Account& account) {
    return text_at(account, kBanPath);
}

std::string_view status_reason_code(const Account& account, std::string_view status) {
    return account.settings.at(kReasonCodes).at(status).get_string();
}

std::string_view equipment_reason_code(const Account& account) {
    return text_at(account, kEquipmentReason);
}

std::string_view activation_path(const Account& account) {
    return text_at(account, kActivationPath);
}

std::string_view ip_addresses_path(const Account& account) {
    return text_at(account, kIpAddressesPath);
}

std::string_view ip_provisioning_path(const Account& account) {
    return text_at(account, kIpProvisioningPath);
}

std::string_view ip_provision_status_path(const Account& account) {
    return text_at(account, kIpStatusPath);
}

std::chrono::seconds activation_poll(const Account& account) {
    return std::chrono::seconds(number_at(account, kActivationPoll));
}

std::chrono::seconds activation_deadline(const Account& account) {
    return std::chrono::seconds(number_at(account, kActivationDeadline));
}

std::chrono::seconds ip_first_check(const Account& account) {
    return std::chrono::seconds(number_at(account, kIpFirstCheck));
}

std::chrono::seconds ip_check(const Account& account) {
    return std::chrono::seconds(number_at(account, kIpCheck));
}

int ip_check_limit(const Account& account) {
    return static_cast<int>(number_at(account, kIpChecks));
}

bool syncs_details(const Account& account) {
    return account.settings.at(kSyncDetails).get_bool();
}

std::int64_t page_size(const Account& account) {
    return account.settings.at(kPageSize).get_int64();
}

base::Instant carrier_time(const Account& account, base::Instant instant) {
    return instant + std::chrono::hours(account.settings.at(kUtcOffset).get_int64());
}

}  // namespace carryall::carriers::telegence
