// The SQL of deliveries as people see them.
#include "notify/delivery.hpp"
#include "tenants/list_page.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::notify {
namespace {

using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;
using tenants::TenantId;

std::string select() {
    return "SELECT d.delivery_id, CASE WHEN d.webhook_id IS NULL THEN 'mail' ELSE 'webhook' END, "
           "d.state, d.event_id, e.type, d.webhook_id, d.address, d.subject, d.attempt, d.reason, "
           "CASE WHEN d.state = 'queued' THEN " +
           iso8601("d.available_at") + " END, " + iso8601("d.created_at") + ", " +
           iso8601("d.ended_at") +
           ", d.text_body FROM delivery d LEFT JOIN event e ON e.tenant_id = $1 "
           "AND e.event_id = d.event_id WHERE d.tenant_id = $1 AND ";
}
constexpr int kTextColumn = 13;

Delivery delivery_at(const Rows& rows, std::size_t row) {
    Delivery delivery;
    delivery.id = {rows.integer(row, 0)};
    delivery.channel = rows.string(row, 1);
    delivery.state = rows.string(row, 2);
    delivery.event_id = rows.optional_integer(row, 3);
    delivery.event_type = rows.optional_text(row, 4);
    delivery.webhook_id = rows.optional_integer(row, 5);
    delivery.address = rows.optional_text(row, 6);
    delivery.subject = rows.optional_text(row, 7);
    delivery.attempt_count = static_cast<int>(rows.integer(row, 8));
    delivery.reason = rows.optional_text(row, 9);
    delivery.due_at = rows.optional_text(row, 10);
    delivery.created_at = rows.string(row, 11);
    delivery.ended_at = rows.optional_text(row, 12);
    return delivery;
}

Query get_query() {
    static const std::string sql = select() + "d.delivery_id = $2";
    return {"delivery_get", sql.c_str()};
}

constexpr Query kAttachments{"delivery_attachments", R"(
    SELECT file_name, content_type, file_key, size_bytes FROM delivery_attachment
    WHERE tenant_id = $1 AND delivery_id = $2 ORDER BY position)"};

constexpr Query kResend{"delivery_resend", R"(
    WITH again AS (
        UPDATE delivery d
        SET state = 'queued', available_at = now(), failed_count = 0, ended_at = NULL
        WHERE d.tenant_id = $1 AND d.delivery_id = $2 AND d.state IN ('sent', 'parked', 'unknown')
          AND (d.webhook_id IS NULL OR EXISTS (
              SELECT FROM webhook w WHERE w.tenant_id = $1 AND w.webhook_id = d.webhook_id
                AND w.is_active))
        RETURNING 1)
    SELECT pg_notify('carryall_event', $1::bigint::text)::text FROM again)"};

}  // namespace

Result<tenants::Page<Delivery>> list_deliveries(db::Connection& connection,
                                                const tenants::PageTokens& tokens,
                                                TenantId tenant_id, const DeliveryFilter& filter,
                                                const tenants::PageRequest& page) {
    static const std::string sql =
        select() +
        "($2 = '' OR ($2 = 'mail') = (d.webhook_id IS NULL)) AND ($3 = '' OR d.state = $3) "
        "AND ($4::bigint = 0 OR d.webhook_id = $4) AND ($5::bigint = 0 OR d.event_id = $5) "
        "AND d.delivery_id < $6 ORDER BY d.delivery_id DESC LIMIT $7";
    const std::string question = "deliveries/" + filter.channel + '/' + filter.state + '/' +
                                 std::to_string(filter.webhook_id) + '/' +
                                 std::to_string(filter.event_id);
    const auto before = tenants::newest_first(tokens, tenant_id, question, page);
    if (!before) return before.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec({"delivery_list", sql.c_str()}, Params()
                                                                          .add(tenant_id)
                                                                          .add(filter.channel)
                                                                          .add(filter.state)
                                                                          .add(filter.webhook_id)
                                                                          .add(filter.event_id)
                                                                          .add(*before)
                                                                          .add(page.limit + 1));
    if (!rows) return rows.error();
    return tenants::page_of<Delivery>(*rows, tokens, tenant_id, question, page.limit, delivery_at);
}

Result<std::vector<DeliveryAttachment>> attachments_of(db::Connection& connection,
                                                       TenantId tenant_id, DeliveryId id) {
    const auto rows = connection.exec(kAttachments, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    std::vector<DeliveryAttachment> attachments;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        attachments.push_back({rows->string(i, 0), rows->string(i, 1), rows->string(i, 2),
                               static_cast<std::uint64_t>(rows->integer(i, 3))});
    }
    return attachments;
}

Result<DeliveryDetail> get_delivery(db::Connection& connection, TenantId tenant_id, DeliveryId id) {
    static const std::string attempts_sql =
        "SELECT attempt, " + iso8601("started_at") +
        ", took_ms, status, answer, error FROM delivery_attempt "
        "WHERE tenant_id = $1 AND delivery_id = $2 ORDER BY attempt DESC LIMIT $3";
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const Params which = Params().add(tenant_id).add(id);
    const auto rows = connection.exec(get_query(), which);
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such delivery");
    DeliveryDetail detail;
    detail.delivery = delivery_at(*rows, 0);
    detail.text = rows->optional_text(0, kTextColumn);
    auto attachments = attachments_of(connection, tenant_id, id);
    if (!attachments) return attachments.error();
    detail.attachments = std::move(attachments).value();
    const auto attempts = connection.exec({"delivery_attempts", attempts_sql.c_str()},
                                          Params(which).add(kMaxShownAttempts));
    if (!attempts) return attempts.error();
    for (std::size_t i = 0; i < attempts->size(); ++i) {
        detail.attempts.push_back({static_cast<int>(attempts->integer(i, 0)),
                                   attempts->string(i, 1), attempts->integer(i, 2),
                                   attempts->optional_integer(i, 3), attempts->string(i, 4),
                                   attempts->optional_text(i, 5)});
    }
    return detail;
}

Result<Delivery> resend(db::Connection& connection, TenantId tenant_id, DeliveryId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const Params which = Params().add(tenant_id).add(id);
    const auto done = connection.exec(kResend, which);
    if (!done) return done.error();
    const auto rows = connection.exec(get_query(), which);
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such delivery");
    Delivery delivery = delivery_at(*rows, 0);
    if (!done->empty()) return delivery;
    const bool is_open = delivery.state == "queued" || delivery.state == "sending";
    return base::Error{base::ErrorKind::conflict,
                       is_open ? "this delivery has not ended; nothing is to be sent again"
                               : "its webhook is switched off; set isActive to true first",
                       {}};
}

}  // namespace carryall::notify
