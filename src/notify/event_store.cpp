// Reads events.
#include "notify/event.hpp"
#include "tenants/list_page.hpp"
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
    const std::string question = "events/" + filter.type + '/' + filter.subject;
    const auto before = tenants::newest_first(tokens, tenant_id, question, page);
    if (!before) return before.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec({"event_list", sql.c_str()}, db::Params()
                                                                       .add(tenant_id)
                                                                       .add(filter.type)
                                                                       .add(filter.subject)
                                                                       .add(*before)
                                                                       .add(page.limit + 1));
    if (!rows) return rows.error();
    return tenants::page_of<Event>(*rows, tokens, tenant_id, question, page.limit, event_at);
}

}  // namespace carryall::notify
