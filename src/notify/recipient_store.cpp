// The SQL of recipients, and what is checked before it.
#include "mail/message.hpp"
#include "notify/recipient.hpp"
#include "notify/webhook_store.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::notify {
namespace {

using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;
using tenants::TenantId;

std::string select() {
    return "SELECT recipient_id, address, array_to_string(event_types, ','), is_active, "
           "created_by, " +
           iso8601("created_at") + ", " + iso8601("modified_at") +
           " FROM recipient WHERE tenant_id = $1";
}

Recipient recipient_at(const Rows& rows, std::size_t row) {
    return {{rows.integer(row, 0)}, rows.string(row, 1), listed_words(rows.text(row, 2)),
            rows.boolean(row, 3),   rows.string(row, 4), rows.string(row, 5),
            rows.string(row, 6)};
}

Result<RecipientWishes> checked(RecipientWishes wishes) {
    if (wishes.address) {
        const auto address = mail::check_address(*wishes.address);
        if (!address) return base::invalid_input(address.error().message, "/address");
    }
    if (wishes.event_types) {
        auto types = check_event_types(*wishes.event_types);
        if (!types) return types.error();
        wishes.event_types = std::move(types).value();
    }
    return wishes;
}

base::Error known_already(const base::Error& error) {
    if (error.kind != base::ErrorKind::conflict) return error;
    return {base::ErrorKind::conflict,
            "this address is a recipient of this tenant already; change that one", "/address"};
}

constexpr Query kInsert{"recipient_insert", R"(
    INSERT INTO recipient (tenant_id, address, event_types, is_active, created_by)
    SELECT $1, $2, $3::text[], $4, $5
    WHERE (SELECT count(*) FROM recipient WHERE tenant_id = $1) < $6
    RETURNING recipient_id)"};

constexpr Query kUpdate{"recipient_update", R"(
    UPDATE recipient
    SET address = coalesce($3, address), event_types = coalesce($4::text[], event_types),
        is_active = coalesce($5::boolean, is_active), modified_at = now()
    WHERE tenant_id = $1 AND recipient_id = $2)"};

}  // namespace

Result<std::vector<Recipient>> list_recipients(db::Connection& connection, TenantId tenant_id) {
    static const std::string sql = select() + " ORDER BY recipient_id LIMIT $2";
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec({"recipient_list", sql.c_str()},
                                      Params().add(tenant_id).add(kMaxRecipients));
    if (!rows) return rows.error();
    std::vector<Recipient> recipients;
    for (std::size_t i = 0; i < rows->size(); ++i) recipients.push_back(recipient_at(*rows, i));
    return recipients;
}

Result<Recipient> get_recipient(db::Connection& connection, TenantId tenant_id, RecipientId id) {
    static const std::string sql = select() + " AND recipient_id = $2";
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows =
        connection.exec({"recipient_get", sql.c_str()}, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such recipient");
    return recipient_at(*rows, 0);
}

Result<Recipient> create_recipient(db::Connection& connection, const tenants::Caller& caller,
                                   const RecipientWishes& wishes) {
    if (!wishes.address) return base::invalid_input("is required", "/address");
    const auto wanted = checked(wishes);
    if (!wanted) return wanted.error();
    CARRYALL_TRY(connection.work_for_tenant(caller.tenant_id.value));
    const auto made = connection.exec(
        kInsert, Params()
                     .add(caller.tenant_id)
                     .add(*wanted->address)
                     .add(array_of(wanted->event_types.value_or(std::vector<std::string>())))
                     .add(wanted->is_active.value_or(true))
                     .add(caller.name)
                     .add(kMaxRecipients));
    if (!made) return known_already(made.error());
    if (made->empty()) {
        return base::Error{base::ErrorKind::conflict,
                           "this tenant has " + std::to_string(kMaxRecipients) +
                               " recipients, which is the most; change one of them",
                           {}};
    }
    return get_recipient(connection, caller.tenant_id, {made->integer(0, 0)});
}

Result<Recipient> update_recipient(db::Connection& connection, TenantId tenant_id, RecipientId id,
                                   const RecipientWishes& wishes) {
    const auto wanted = checked(wishes);
    if (!wanted) return wanted.error();
    std::optional<std::string> types;
    if (wanted->event_types) types = array_of(*wanted->event_types);
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto changed = connection.exec(
        kUpdate,
        Params().add(tenant_id).add(id).add(wanted->address).add(types).add(wanted->is_active));
    if (!changed) return known_already(changed.error());
    return get_recipient(connection, tenant_id, id);
}

}  // namespace carryall::notify
