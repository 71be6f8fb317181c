// Finds out who a token text belongs to. A short memory keeps the database out of most requests; it
// is shorter than the promise about revocation, and never outlives a token.
#include <mutex>
#include <unordered_map>

#include "base/log.hpp"
#include "base/text.hpp"
#include "tenants/store.hpp"

namespace carryall::tenants {
namespace {

constexpr std::string_view kPrefix = "cry_";
constexpr std::size_t kRandomCharacters = 43;

base::Error unauthenticated() {
    return {
        base::ErrorKind::unauthenticated,
        "this needs a valid API token; send it as \"Authorization: Bearer cry_…\". The one sent "
        "is missing, unknown, expired or revoked",
        {}};
}

bool is_base64url(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

}  // namespace

struct Authenticator::Cache {
    using Time = std::chrono::steady_clock::time_point;
    struct Entry {
        Caller caller;
        Time good_until;
    };

    std::optional<Caller> find(const std::string& hash, Time now) {
        const std::lock_guard lock(mutex);
        const auto entry = by_hash.find(hash);
        if (entry == by_hash.end() || entry->second.good_until <= now) return std::nullopt;
        return entry->second.caller;
    }
    void put(const std::string& hash, const FoundToken& found, Time now) {
        Time good_until = now + kTokenCacheTime;
        if (found.expires_in) good_until = std::min(good_until, now + *found.expires_in);
        const std::lock_guard lock(mutex);
        if (by_hash.size() >= kMaxCachedTokens) {
            std::erase_if(by_hash, [&](const auto& item) { return item.second.good_until <= now; });
        }
        if (by_hash.size() >= kMaxCachedTokens) by_hash.clear();
        by_hash.insert_or_assign(hash, Entry{found.caller, good_until});
    }

    std::mutex mutex;
    std::unordered_map<std::string, Entry> by_hash;
};

std::optional<TenantId> tenant_of_token_text(std::string_view text) {
    if (!text.starts_with(kPrefix)) return std::nullopt;
    text.remove_prefix(kPrefix.size());
    const std::size_t end = text.find('_');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view tenant = text.substr(0, end);
    const std::string_view random = text.substr(end + 1);
    if (!base::all_digits(tenant) || random.size() != kRandomCharacters) return std::nullopt;
    if (!std::all_of(random.begin(), random.end(), is_base64url)) return std::nullopt;
    const auto id = base::parse_int(tenant);
    if (!id || *id <= 0) return std::nullopt;
    return TenantId{*id};
}

Authenticator::Authenticator(db::Pool& pool, const base::Clock& clock)
    : pool_(pool), clock_(clock), cache_(std::make_unique<Cache>()) {}
Authenticator::~Authenticator() = default;

base::Result<Caller> Authenticator::authenticate(std::string_view text) {
    const auto tenant_id = tenant_of_token_text(text);
    if (!tenant_id) return unauthenticated();
    const std::string hash = base::sha256_hex(text);
    // Taken before the look-up, so that what is remembered is never older than it claims.
    const auto now = clock_.steady_now();
    if (auto caller = cache_->find(hash, now)) return *std::move(caller);

    auto connection = pool_.acquire();
    if (!connection) return connection.error();
    const auto found = find_working_token(**connection, *tenant_id, hash);
    if (!found) return found.error();
    if (!*found) return unauthenticated();
    const FoundToken& token = **found;
    if (token.use_is_unrecorded) {
        const auto recorded = record_token_use(**connection, *tenant_id, token.caller.token_id);
        // Knowing when a token was used is worth less than serving its request.
        if (!recorded) {
            base::log::warning("token_use_not_recorded", {{"reason", recorded.error().message}});
        }
    }
    cache_->put(hash, token, now);
    return token.caller;
}

}  // namespace carryall::tenants
