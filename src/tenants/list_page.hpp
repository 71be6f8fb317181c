// Lists by an id, a page at a time: where a page begins, and what it is made of. Ask for one row
// more than the limit; it says that there is a next page.
#pragma once

#include <cstdint>
#include <string>

#include "base/text.hpp"
#include "db/postgres.hpp"
#include "tenants/page_token.hpp"

namespace carryall::tenants {

// The id that the last page ended with, `first` on the first page. The error is the token's or the
// limit's.
inline base::Result<std::int64_t> cursor_of(const PageTokens& tokens, TenantId tenant_id,
                                            const std::string& question, const PageRequest& page,
                                            std::int64_t first) {
    CARRYALL_TRY(check_limit(page.limit));
    if (page.token.empty()) return first;
    const auto opened = tokens.open(tenant_id, question, page.token);
    if (!opened) return opened.error();
    return base::parse_int(*opened).value_or(0);
}

// The rows wanted are those with a smaller id.
inline base::Result<std::int64_t> newest_first(const PageTokens& tokens, TenantId tenant_id,
                                               const std::string& question,
                                               const PageRequest& page) {
    return cursor_of(tokens, tenant_id, question, page, INT64_MAX);
}

// The rows wanted are those with a larger id.
inline base::Result<std::int64_t> oldest_first(const PageTokens& tokens, TenantId tenant_id,
                                               const std::string& question,
                                               const PageRequest& page) {
    return cursor_of(tokens, tenant_id, question, page, 0);
}

// The token behind `rows`, whose first column is the id; "" if they are all there is.
inline std::string next_token(const db::Rows& rows, const PageTokens& tokens, TenantId tenant_id,
                              const std::string& question, int limit) {
    const auto most = static_cast<std::size_t>(limit);
    return rows.size() > most ? tokens.make(tenant_id, question, rows.text(most - 1, 0)) : "";
}

// T read(const Rows&, std::size_t row).
template <class T, class Read>
Page<T> page_of(const db::Rows& rows, const PageTokens& tokens, TenantId tenant_id,
                const std::string& question, int limit, const Read& read) {
    Page<T> page;
    const auto most = static_cast<std::size_t>(limit);
    for (std::size_t i = 0; i < rows.size() && i < most; ++i) page.items.push_back(read(rows, i));
    page.next_token = next_token(rows, tokens, tenant_id, question, limit);
    return page;
}

}  // namespace carryall::tenants
