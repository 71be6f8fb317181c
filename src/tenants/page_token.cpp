// Sealing gives authenticity and keeps the cursor (which may hold an identifier) out of access
// logs. Hexadecimal, because it needs no escaping in a URL.
#include "tenants/page_token.hpp"

namespace carryall::tenants {
namespace {

std::string context_of(TenantId tenant, std::string_view question) {
    return "page/" + base::to_string(tenant) + '/' + base::sha256_hex(question);
}

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * bytes.size());
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        hex += kDigits[byte >> 4];
        hex += kDigits[byte & 15];
    }
    return hex;
}

int value_of(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    return -1;
}

std::string from_hex(std::string_view hex) {
    std::string bytes;
    if (hex.size() % 2 != 0) return bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const int high = value_of(hex[i]);
        const int low = value_of(hex[i + 1]);
        if (high < 0 || low < 0) return {};
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
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
    return to_hex(key_.seal(base::Secret(std::string(cursor)), context_of(tenant, question)));
}

base::Result<std::string> PageTokens::open(TenantId tenant, std::string_view question,
                                           std::string_view token) const {
    if (token.size() <= kMaxPageTokenBytes) {
        const auto cursor = key_.open(from_hex(token), context_of(tenant, question));
        if (cursor) return cursor->reveal();
    }
    return base::invalid_input(
        "this page token does not belong to this list; start again without it, and keep filter and "
        "order unchanged from page to page",
        "parameter pageToken");
}

}  // namespace carryall::tenants
