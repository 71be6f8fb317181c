// From what is stored to what is called: the opened account and the limits that apply to it.
#include "accounts/account.hpp"

#include "accounts/callbacks.hpp"
#include "billing/revio/revio.hpp"

namespace carryall::accounts {
namespace {

base::Error not_driven(const std::string& integration) {
    return base::invalid_input("this version cannot drive the integration '" + integration + "'");
}

Result<carriers::Account> make_account(const std::string& integration_name,
                                       std::int64_t service_provider_id,
                                       carriers::SettingsReader& reader) {
    const auto integration = carriers::parse_integration(integration_name);
    if (integration == carriers::Integration::revio) {
        return billing::revio::account(service_provider_id, reader);
    }
    const carriers::Carrier* carrier = integration ? carriers::find_carrier(*integration) : nullptr;
    if (carrier == nullptr) return not_driven(integration_name);
    return carrier->account(service_provider_id, reader);
}

Result<void> as_result(const std::optional<base::Error>& error, const std::string& place) {
    if (!error) return {};
    return base::invalid_input(error->message, place + error->where);
}

}  // namespace

Limits limits_of(const StoredAccount& account, const carriers::Capabilities& defaults) {
    Limits limits;
    if (account.is_unpaced) return limits;
    limits.rate_per_second = account.rate_per_second.value_or(defaults.default_rate_per_second);
    limits.max_concurrency = account.max_concurrency.value_or(defaults.default_max_concurrency);
    limits.day_quota = account.day_quota;
    return limits;
}

Limits limits_of(const StoredAccount& account) {
    const auto integration = carriers::parse_integration(account.integration);
    carriers::Capabilities defaults;
    if (integration == carriers::Integration::revio) {
        defaults.default_rate_per_second = billing::revio::kDefaultRatePerSecond;
        Limits limits = limits_of(account, defaults);
        limits.learns_from_429 = false;
        if (!account.is_unpaced && !limits.day_quota) {
            limits.day_quota = billing::revio::kCallsPerDay;
        }
        return limits;
    }
    const carriers::Carrier* carrier = integration ? carriers::find_carrier(*integration) : nullptr;
    if (carrier != nullptr) defaults = carrier->capabilities();
    return limits_of(account, defaults);
}

Result<void> check_settings(const std::string& integration, const base::json::object& settings) {
    static const base::json::object kNone;
    constexpr const char* kPlace = "/settings/";
    carriers::SettingsReader reader(settings, kNone);
    static_cast<void>(make_account(integration, 0, reader));  // the reader keeps the mistakes
    // Read by the schedule of inventory readings; its value is checked with the record.
    if (integration != carriers::to_string(carriers::Integration::revio)) {
        reader.note("syncEveryHours");
    }
    CARRYALL_TRY(as_result(reader.unknown_setting(), kPlace));
    const auto sources = callback_sources(integration, settings);
    if (!sources) return as_result(sources.error(), kPlace);
    return as_result(reader.settings_error(), kPlace);
}

Result<void> check_credentials(const std::string& integration,
                               const base::json::object& credentials) {
    static const base::json::object kNone;
    carriers::SettingsReader reader(kNone, credentials);
    static_cast<void>(make_account(integration, 0, reader));
    CARRYALL_TRY(as_result(reader.unknown_credential(), "/"));
    return as_result(reader.credentials_error(), "/");
}

std::string pacing_key_of(const StoredAccount& account, const base::MasterKey& key) {
    carriers::SettingsReader reader(account.settings, account.credentials);
    const auto made = make_account(account.integration, account.service_provider_id, reader);
    if (!made) return "provider-" + std::to_string(account.service_provider_id);
    CHECK(!made->identity.empty() && !made->proof.empty());
    return "login-" + key.keyed_hash("pacing key", made->identity + '\n' + made->proof);
}

base::Instant StoredAccount::database_now() const {
    const auto since = std::chrono::steady_clock::now() - read_at_steady;
    return read_at + std::chrono::duration_cast<base::Instant::duration>(since);
}

Result<CarrierAccount> open_carrier_account(const StoredAccount& stored) {
    const auto integration = carriers::parse_integration(stored.integration);
    return open_carrier_account(stored,
                                integration ? carriers::find_carrier(*integration) : nullptr);
}

Result<CarrierAccount> open_carrier_account(const StoredAccount& stored,
                                            const carriers::Carrier* carrier) {
    if (carrier == nullptr) {
        return not_driven(stored.integration);
    }
    auto account =
        carrier->account(stored.service_provider_id, stored.settings, stored.credentials);
    if (!account) return account.error();
    account->write_is_enabled = stored.write_is_enabled;
    return CarrierAccount{carrier, std::move(account).value()};
}

}  // namespace carryall::accounts
