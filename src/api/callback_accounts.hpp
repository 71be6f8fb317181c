// Who may call back, remembered for a moment, so that thousands of callbacks a second cost no query
// each. What must stay true: credentials that were changed stop working within
// kCallbackAccountTime; memory is bounded whatever addresses are asked for; a source that asks for
// addresses that are none costs a query only so often, and never keeps callbacks to known ones out.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "accounts/callbacks.hpp"
#include "api/call.hpp"
#include "api/rate_limit.hpp"

namespace carryall::api {

inline constexpr std::chrono::seconds kCallbackAccountTime{10};
inline constexpr std::size_t kMaxCallbackAccounts = 10'000;
// Addresses without an account that one source may have looked up in a minute.
inline constexpr std::int64_t kUnknownCallbackAccounts = 300;

class CallbackAccounts {
  public:
    using Account = std::shared_ptr<const accounts::CallbackAccount>;

    explicit CallbackAccounts(std::int64_t unknown_per_minute = kUnknownCallbackAccounts,
                              std::size_t max_accounts = kMaxCallbackAccounts);

    // nullptr: nobody may call back there. rate_limited: this source asked for too many that do not
    // exist. Thread-safe.
    base::Result<Account> find(Services& services, std::int64_t tenant_id,
                               std::int64_t service_provider_id, const std::string& source);
    std::size_t size() const;

  private:
    using Time = std::chrono::steady_clock::time_point;
    using Key = std::pair<std::int64_t, std::int64_t>;  // tenant, service provider
    struct Entry {
        Account account;
        Time good_until;
    };

    void remember(const Key& key, Entry entry, Time now);

    const std::size_t max_accounts_;
    RateLimiter unknown_;  // by source
    mutable std::mutex mutex_;
    std::map<Key, Entry> entries_;
};

}  // namespace carryall::api
