// From what is stored to what is called: the opened account and the limits that apply to it.
#include "accounts/account.hpp"

#include "billing/revio/revio.hpp"

namespace carryall::accounts {

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
        if (!account.is_unpaced && !limits.day_quota) {
            limits.day_quota = billing::revio::kCallsPerDay;
        }
        return limits;
    }
    const carriers::Carrier* carrier = integration ? carriers::find_carrier(*integration) : nullptr;
    if (carrier != nullptr) defaults = carrier->capabilities();
    return limits_of(account, defaults);
}

Result<CarrierAccount> open_carrier_account(const StoredAccount& stored) {
    const auto integration = carriers::parse_integration(stored.integration);
    return open_carrier_account(stored,
                                integration ? carriers::find_carrier(*integration) : nullptr);
}

Result<CarrierAccount> open_carrier_account(const StoredAccount& stored,
                                            const carriers::Carrier* carrier) {
    if (carrier == nullptr) {
        return base::invalid_input("this version cannot drive the integration '" +
                                   stored.integration + "'");
    }
    auto account =
        carrier->account(stored.service_provider_id, stored.settings, stored.credentials);
    if (!account) return account.error();
    account->write_is_enabled = stored.write_is_enabled;
    return CarrierAccount{carrier, std::move(account).value()};
}

}  // namespace carryall::accounts
