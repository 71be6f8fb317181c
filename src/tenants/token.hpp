// API tokens. A token's text is `cry_<tenant id>_<43 random characters>`: the tenant is part of it,
// so that even the look-up runs inside that tenant, under row-level security. Only the text's
// SHA-256 is stored; the text is shown once, when the token is made. What must stay true: a revoked
// token stops working within kTokenCacheTime, and no answer tells an unknown token from an expired,
// revoked or malformed one.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "tenants/tenant.hpp"

namespace carryall::tenants {

using TokenId = base::Id<struct TokenTag>;

inline constexpr std::chrono::seconds kTokenCacheTime{5};
inline constexpr std::size_t kMaxCachedTokens = 10'000;
inline constexpr int kMaxTokensPerTenant = 1'000;  // not revoked ones
inline constexpr int kMaxListedTokens = 1'000;

// Who asks. `name` is the token's name: it is what audit columns (created_by, actor) hold.
struct Caller {
    TenantId tenant_id;
    TokenId token_id;
    std::string name;
    Role role = Role::viewer;
};

struct Token {
    TokenId id;
    std::string name;
    Role role = Role::viewer;
    std::string created_by;
    std::string created_at;  // ISO 8601, as all times here
    std::optional<std::string> expires_at;
    std::optional<std::string> revoked_at;
    std::optional<std::string> last_used_at;  // to the minute
};

struct NewToken {
    std::string name;
    Role role = Role::viewer;
    std::optional<base::Instant> expires_at;
};

struct CreatedToken {
    Token token;
    base::Secret text;  // never shown again
};

base::Result<CreatedToken> create_token(db::Connection& connection, TenantId tenant_id,
                                        const NewToken& wanted, std::string_view created_by);
// Newest first; revoked and expired ones stay in the list.
base::Result<std::vector<Token>> list_tokens(db::Connection& connection, TenantId tenant_id);
// Revoking twice changes nothing. The last admin token that still works is a `conflict`: without it
// nobody could make another. Expiring tokens do not count as a way back in.
base::Result<Token> revoke_token(db::Connection& connection, TenantId tenant_id, TokenId id);

// The tenant a text names, if it has a token's form. Says nothing about whether the token exists.
std::optional<TenantId> tenant_of_token_text(std::string_view text);

// Thread-safe. One for the process.
class Authenticator {
  public:
    Authenticator(db::Pool& pool, const base::Clock& clock);
    ~Authenticator();
    // `unauthenticated` always with the same message; `unavailable` if the database does not
    // answer.
    base::Result<Caller> authenticate(std::string_view text);

  private:
    struct Cache;
    db::Pool& pool_;
    const base::Clock& clock_;
    std::unique_ptr<Cache> cache_;
};

}  // namespace carryall::tenants
