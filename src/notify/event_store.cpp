// Reads events.
#include "base/text.hpp"
#include "notify/event.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::notify {
namespace {

Event event_at(const db::Rows& rows, std::size_t row) {
    return {{rows.integer(row, 0)},
            rows.string(row, 1),
            rows.string(row, 2),
            base::parse_json(rows.text(row, 3)).value_or(nullptr),
            rows.string(row, 4)};
}

}  // namespace

Result<tenants::Page<Event>> list_events(db::Connection& connection,
                                         const tenants::PageTokens& tokens,
                                         tenants::TenantId tenant_id, const EventFilter& filter,
                                         const tenants::PageRequest& page) {
    static const std::string sql =
        "SELECT event_id, type, subject, payload, " + tenants::iso8601("created_at") +
        " FROM event WHERE tenant_id = $1 AND ($2 = '' OR type = $2) "
        "AND ($3 = '' OR subject = $3) AND event_id < $4 ORDER BY event_id DESC LIMIT $5";
    CARRYALL_TRY(tenants::check_limit(page.limit));
    const std::string question = "events/" + filter.type + '/' + filter.subject;
    std::int64_t before = INT64_MAX;
    if (!page.token.empty()) {
        const auto opened = tokens.open(tenant_id, question, page.token);
        if (!opened) return opened.error();
        before = base::parse_int(*opened).value_or(0);
    }
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec({"event_list", sql.c_str()}, db::Params()
                                                                       .add(tenant_id)
                                                                       .add(filter.type)
                                                                       .add(filter.subject)
                                                                       .add(before)
                                                                       .add(page.limit + 1));
    if (!rows) return rows.error();
    tenants::Page<Event> result;
    const auto limit = static_cast<std::size_t>(page.limit);
    for (std::size_t i = 0; i < rows->size() && i < limit; ++i) {
        result.items.push_back(event_at(*rows, i));
    }
    if (rows->size() > limit) {
        result.next_token = tokens.make(tenant_id, question, rows->text(limit - 1, 0));
    }
    return result;
}

}  // namespace carryall::notify
