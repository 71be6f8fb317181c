// What the lists of this folder share: newest first by id, a page at a time.
#pragma once

#include <string>

#include "base/text.hpp"
#include "db/postgres.hpp"
#include "tenants/page_token.hpp"

namespace carryall::charges {

// Where a list by descending ids goes on.
inline base::Result<std::int64_t> cursor_of(const tenants::PageTokens& tokens,
                                            tenants::TenantId tenant_id,
                                            const std::string& question,
                                            const tenants::PageRequest& page) {
    CARRYALL_TRY(tenants::check_limit(page.limit));
    if (page.token.empty()) return INT64_MAX;
    const auto opened = tokens.open(tenant_id, question, page.token);
    if (!opened) return opened.error();
    return base::parse_int(*opened).value_or(0);
}

// `rows` may hold one more than the limit, which says that there is a next page. The id is the
// first column.
template <class T, class Read>
tenants::Page<T> page_of(const db::Rows& rows, const tenants::PageTokens& tokens,
                         tenants::TenantId tenant_id, const std::string& question, int limit,
                         const Read& read) {
    tenants::Page<T> page;
    const auto most = static_cast<std::size_t>(limit);
    for (std::size_t i = 0; i < rows.size() && i < most; ++i) page.items.push_back(read(rows, i));
    if (rows.size() > most) {
        page.next_token = tokens.make(tenant_id, question, rows.text(most - 1, 0));
    }
    return page;
}

}  // namespace carryall::charges
