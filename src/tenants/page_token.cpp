// Sealing gives authenticity and keeps the cursor (which may hold an identifier) out of access
// logs. Hexadecimal, because it needs no escaping in a URL.
#include "tenants/page_token.hpp"

#include "base/hex.hpp"

namespace carryall::tenants {
namespace {

std::string context_of(TenantId tenant, std::string_view question) {
    return "page/" + base::to_string(tenant) + '/' + base::sha256_hex(question);
}

}  // namespace

base::Result<int> check_limit(int limit) {
    if (limit >= 1 && limit <= kMaxPageLimit) return limit;
    return base::invalid_input(
        "limit must be between 1 and " + std::to_string(kMaxPageLimit) + "; ask page by page",
        "parameter limit");
}

std::string PageTokens::make(TenantId tenant, std::string_view question,
                             std::string_view cursor) const {
    return base::to_hex(key_.seal(base::Secret(std::string(cursor)), context_of(tenant, question)));
}

base::Result<std::string> PageTokens::open(TenantId tenant, std::string_view question,
                                           std::string_view token) const {
    const auto sealed = token.size() <= kMaxPageTokenBytes ? base::from_hex(token) : std::nullopt;
    if (sealed) {
        const auto cursor = key_.open(*sealed, context_of(tenant, question));
        if (cursor) return cursor->reveal();
    }
    return base::invalid_input(
        "this page token does not belong to this list; start again without it, and keep filter and "
        "order unchanged from page to page",
        "parameter pageToken");
}

}  // namespace carryall::tenants
