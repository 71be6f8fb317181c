// What the token look-up needs from the database beyond the public functions.
#pragma once

#include "tenants/token.hpp"

namespace carryall::tenants {

struct FoundToken {
    Caller caller;
    std::optional<std::chrono::milliseconds> expires_in;
    bool use_is_unrecorded = false;  // last_used_at is more than a minute old
};

// Empty unless the token works now.
base::Result<std::optional<FoundToken>> find_working_token(db::Connection& connection,
                                                           TenantId tenant_id,
                                                           std::string_view hash);
base::Result<void> record_token_use(db::Connection& connection, TenantId tenant_id, TokenId id);

}  // namespace carryall::tenants
