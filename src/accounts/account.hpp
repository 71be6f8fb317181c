// An account at an outside system as the platform holds it: what is stored of it, opened and ready
// to be spoken to, and the limits it is called within. What must stay true: limits are on unless an
// account is explicitly unpaced, so that nobody overruns a carrier by forgetting a setting.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "accounts/blackout.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "carriers/carrier.hpp"
#include "db/postgres.hpp"

namespace carryall::accounts {

using base::Result;

// A service provider as stored, credentials opened: secret, never logged.
struct StoredAccount {
    std::int64_t tenant_id = 0;
    std::int64_t service_provider_id = 0;
    std::string integration;
    bool write_is_enabled = false;
    base::json::object settings;
    base::json::object credentials;
    // Another one after every change of the credentials; tells nothing about them.
    std::string credentials_fingerprint;
    // As set; empty: the integration's default.
    std::optional<double> rate_per_second;
    std::optional<int> max_concurrency;
    std::optional<std::int64_t> day_quota;
    bool is_unpaced = false;
    // Accounts with the same key share one pace: those with the same login at the same carrier,
    // whichever tenants they belong to. Of this account alone while its login is not complete.
    std::string pacing_key;
    bool is_pacing_key_stored = true;  // reports find the pace by the stored one
    std::vector<Blackout> blackouts;
    base::Instant read_at;  // by the database's clock
    std::chrono::steady_clock::time_point read_at_steady;

    // The database's clock now, as far as it can be told without asking.
    base::Instant database_now() const;
};

// What applies to the calls of an account. Absent: no limit of this kind.
struct Limits {
    std::optional<double> rate_per_second;
    std::optional<int> max_concurrency;     // calls in flight, over all workers
    std::optional<std::int64_t> day_quota;  // calls a day, by UTC
    // A 429 means that the rate was too much. Not so where the limit is a published window and the
    // 429 says when the next one begins: then that is waited for, and the rate stays.
    bool learns_from_429 = true;
};

// Where the set leaves a gap, the carrier's defaults.
Limits limits_of(const StoredAccount& account, const carriers::Capabilities& defaults);
// The same with the defaults of the account's integration, Rev.io's included.
Limits limits_of(const StoredAccount& account);

// The columns of service_provider `p` that read_account() takes, in its order.
const std::string& account_columns();
inline constexpr int kAccountColumnCount = 13;
Result<StoredAccount> read_account(const db::Rows& rows, std::size_t row, int first_column,
                                   const base::MasterKey& key);

// Not found: another tenant's, or none.
Result<StoredAccount> load_account(db::Connection& connection, std::int64_t tenant_id,
                                   std::int64_t service_provider_id, const base::MasterKey& key);

// Stores the pacing key that read_account() found to be another than the stored one.
Result<void> keep_pacing_key(db::Connection& connection, const StoredAccount& account);

// What is wrong with settings, or with credentials that are added, of an account of this
// integration. Names that nobody reads are wrong; that something is still missing in the
// credentials is not. Errors point into the API's body: "/settings/baseUrl", "/apiKey".
Result<void> check_settings(const std::string& integration, const base::json::object& settings);
Result<void> check_credentials(const std::string& integration,
                               const base::json::object& credentials);

// The login as the carrier knows it, told by its secrets as well: nobody slows an account down by
// typing another's user name. Keyed, so that neither can be read out of it or guessed at.
std::string pacing_key_of(const StoredAccount& account, const base::MasterKey& key);

// A carrier's account, ready to be spoken to.
struct CarrierAccount {
    const carriers::Carrier* carrier = nullptr;
    carriers::Account account;
};
// Errors name the setting or credential that is missing or wrong.
Result<CarrierAccount> open_carrier_account(const StoredAccount& stored);
Result<CarrierAccount> open_carrier_account(const StoredAccount& stored,
                                            const carriers::Carrier* carrier);

}  // namespace carryall::accounts
