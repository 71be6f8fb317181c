// The memory of who may call back.
#include "api/callback_accounts.hpp"

namespace carryall::api {

using base::Result;

CallbackAccounts::CallbackAccounts(std::int64_t unknown_per_minute, std::size_t max_accounts)
    : max_accounts_(max_accounts), unknown_(unknown_per_minute, std::chrono::minutes(1)) {}

Result<CallbackAccounts::Account> CallbackAccounts::find(Services& services, std::int64_t tenant_id,
                                                         std::int64_t service_provider_id,
                                                         const std::string& source) {
    const Key key{tenant_id, service_provider_id};
    // Taken before the look-up, so that what is remembered is never older than it claims.
    const Time now = services.clock.steady_now();
    bool was_known = false;
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(key);
        if (found != entries_.end()) {
            if (found->second.good_until > now) return found->second.account;
            was_known = found->second.account != nullptr;
        }
    }
    if (!was_known && !unknown_.look(source, now).allowed) {
        return base::Error{base::ErrorKind::rate_limited,
                           "Too many callbacks came from this address to addresses that do not "
                           "exist. Wait for the seconds of Retry-After.",
                           {}};
    }
    auto connection = services.pool.acquire();
    if (!connection) return connection.error();
    auto loaded = accounts::find_callback_account(**connection, tenant_id, service_provider_id,
                                                  services.master_key);
    if (!loaded) return loaded.error();
    Account account;
    if (*loaded) {
        account = std::make_shared<const accounts::CallbackAccount>(std::move(**loaded));
    } else {
        unknown_.take(source, now);
    }
    remember(key, {account, now + kCallbackAccountTime}, now);
    return account;
}

void CallbackAccounts::remember(const Key& key, Entry entry, Time now) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= max_accounts_) {
        std::erase_if(entries_, [&](const auto& item) { return item.second.good_until <= now; });
    }
    if (entries_.size() >= max_accounts_) entries_.clear();
    entries_.insert_or_assign(key, std::move(entry));
}

std::size_t CallbackAccounts::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace carryall::api
