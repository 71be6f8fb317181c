#include "notify/webhook_store.hpp"

#include "base/text.hpp"
#include "notify/signature.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::notify {
namespace {

using db::Params;
using db::Query;
using db::Rows;
using db::Transaction;
using tenants::iso8601;
using tenants::TenantId;

const std::string& columns() {
    static const std::string all =
        "webhook_id, url, description, array_to_string(event_types, ','), is_active, "
        "disabled_reason, " +
        iso8601("failing_since") + ", CASE WHEN previous_until > now() THEN " +
        iso8601("previous_until") + " END, created_by, " + iso8601("created_at") + ", " +
        iso8601("modified_at");
    return all;
}

Webhook webhook_at(const Rows& rows, std::size_t row) {
    Webhook webhook;
    webhook.id = {rows.integer(row, 0)};
    webhook.url = rows.string(row, 1);
    webhook.description = rows.string(row, 2);
    webhook.event_types = listed_words(rows.text(row, 3));
    webhook.is_active = rows.boolean(row, 4);
    webhook.disabled_reason = rows.optional_text(row, 5);
    webhook.failing_since = rows.optional_text(row, 6);
    webhook.previous_secret_until = rows.optional_text(row, 7);
    webhook.created_by = rows.string(row, 8);
    webhook.created_at = rows.string(row, 9);
    webhook.modified_at = rows.string(row, 10);
    return webhook;
}

base::Error no_such_webhook() {
    return base::not_found("there is no such webhook");
}

// What is wrong with the wishes; their event types, each once.
Result<WebhookWishes> checked(WebhookWishes wishes, const WebhookRules& rules) {
    if (wishes.url) CARRYALL_TRY(check_webhook_url(*wishes.url, rules));
    if (wishes.description && wishes.description->size() > kMaxDescriptionBytes) {
        return base::invalid_input(
            "must have at most " + std::to_string(kMaxDescriptionBytes) + " bytes", "/description");
    }
    if (wishes.event_types) {
        auto types = check_event_types(*wishes.event_types);
        if (!types) return types.error();
        wishes.event_types = std::move(types).value();
    }
    return wishes;
}

constexpr Query kInsert{"webhook_insert", R"(
    INSERT INTO webhook (tenant_id, url, description, event_types, is_active, created_by)
    SELECT $1, $2, $3, $4::text[], $5, $6
    WHERE (SELECT count(*) FROM webhook WHERE tenant_id = $1 AND is_active) < $7
    RETURNING webhook_id)"};

// $5: whether it is to be active, or NULL.
constexpr Query kUpdate{"webhook_update", R"(
    UPDATE webhook
    SET url = coalesce($3, url), description = coalesce($4, description),
        is_active = coalesce($5::boolean, is_active),
        event_types = coalesce($6::text[], event_types),
        disabled_reason = CASE WHEN $5::boolean IS NULL THEN disabled_reason END,
        failing_since = CASE WHEN $5::boolean THEN NULL ELSE failing_since END,
        modified_at = now()
    WHERE tenant_id = $1 AND webhook_id = $2
      AND ($5::boolean IS NOT TRUE OR is_active
           OR (SELECT count(*) FROM webhook WHERE tenant_id = $1 AND is_active) < $7))"};

constexpr Query kPark{"webhook_park_deliveries", R"(
    UPDATE delivery SET state = 'parked', reason = $3, ended_at = now()
    WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'queued')"};

constexpr Query kSeal{"webhook_seal", R"(
    UPDATE webhook SET secret = $3 WHERE tenant_id = $1 AND webhook_id = $2)"};

constexpr Query kRotate{"webhook_rotate", R"(
    UPDATE webhook
    SET previous_secret = secret, previous_until = now() + make_interval(hours => $4::int),
        secret = $3, modified_at = now()
    WHERE tenant_id = $1 AND webhook_id = $2)"};

constexpr Query kDisable{"webhook_disable", R"(
    WITH disabled AS (
        UPDATE webhook SET is_active = false, disabled_reason = $3, modified_at = now()
        WHERE tenant_id = $1 AND webhook_id = $2 AND is_active RETURNING webhook_id)
    SELECT emit_event($1, 'webhook.disabled', 'webhook/' || webhook_id,
        jsonb_build_object('webhookId', webhook_id, 'reason', $3::text)) FROM disabled)"};

// Made and routed in one: no other webhook and no recipient hears of it.
constexpr Query kTest{"webhook_test", R"(
    WITH told AS (
        INSERT INTO event (tenant_id, type, subject, payload, routed_at)
        SELECT $1, 'webhook.test', 'webhook/' || webhook_id,
               jsonb_build_object('webhookId', webhook_id, 'askedBy', $3::text), now()
        FROM webhook WHERE tenant_id = $1 AND webhook_id = $2 AND is_active
        RETURNING event_id),
    made AS (
        INSERT INTO delivery (tenant_id, event_id, webhook_id)
        SELECT $1, event_id, $2 FROM told RETURNING delivery_id)
    SELECT delivery_id, pg_notify('carryall_event', $1::bigint::text)::text FROM made)"};

Result<Webhook> read_webhook(const Result<Rows>& rows) {
    if (!rows) return rows.error();
    if (rows->empty()) return no_such_webhook();
    return webhook_at(*rows, 0);
}

Query get_query() {
    static const std::string sql =
        "SELECT " + columns() + " FROM webhook WHERE tenant_id = $1 AND webhook_id = $2";
    return {"webhook_get", sql.c_str()};
}

base::Error too_many() {
    return {base::ErrorKind::conflict,
            "this tenant has " + std::to_string(kMaxWebhooks) +
                " active webhooks; switch one off first",
            {}};
}

}  // namespace

std::string secret_context(WebhookId id) {
    return "webhook/" + base::to_string(id);
}

std::string array_of(const std::vector<std::string>& words) {
    db::Array array;
    for (const std::string& word : words) array.add(std::string_view(word));
    return array.take();
}

std::vector<std::string> listed_words(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) words.emplace_back(base::take_part(text, ","));
    return words;
}

Result<std::vector<Webhook>> list_webhooks(db::Connection& connection, TenantId tenant_id) {
    static const std::string sql =
        "SELECT " + columns() +
        " FROM webhook WHERE tenant_id = $1 ORDER BY is_active DESC, webhook_id DESC LIMIT $2";
    constexpr int kMaxListed = 500;
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows =
        connection.exec({"webhook_list", sql.c_str()}, Params().add(tenant_id).add(kMaxListed));
    if (!rows) return rows.error();
    std::vector<Webhook> webhooks;
    for (std::size_t i = 0; i < rows->size(); ++i) webhooks.push_back(webhook_at(*rows, i));
    return webhooks;
}

Result<Webhook> get_webhook(db::Connection& connection, TenantId tenant_id, WebhookId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    return read_webhook(connection.exec(get_query(), Params().add(tenant_id).add(id)));
}

Result<WebhookWithSecret> create_webhook(db::Connection& connection, const tenants::Caller& caller,
                                         const WebhookWishes& wishes, const WebhookRules& rules,
                                         const base::MasterKey& key) {
    if (!wishes.url) return base::invalid_input("is required", "/url");
    const auto wanted = checked(wishes, rules);
    if (!wanted) return wanted.error();
    return db::in_transaction<WebhookWithSecret>(
        connection, caller.tenant_id.value,
        [&](Transaction& transaction) -> Result<WebhookWithSecret> {
            const auto made = transaction.exec(
                kInsert,
                Params()
                    .add(caller.tenant_id)
                    .add(*wanted->url)
                    .add(wanted->description.value_or(""))
                    .add(array_of(wanted->event_types.value_or(std::vector<std::string>())))
                    .add(wanted->is_active.value_or(true))
                    .add(caller.name)
                    .add(kMaxWebhooks));
            if (!made) return made.error();
            if (made->empty()) return too_many();
            const WebhookId id{made->integer(0, 0)};
            // Sealed for its row, which has a number only now.
            const base::Secret secret = new_webhook_key();
            CARRYALL_TRY(
                transaction.exec(kSeal, Params()
                                            .add(caller.tenant_id)
                                            .add(id)
                                            .add_bytes(key.seal(secret, secret_context(id)))));
            auto webhook =
                read_webhook(transaction.exec(get_query(), Params().add(caller.tenant_id).add(id)));
            if (!webhook) return webhook.error();
            return WebhookWithSecret{std::move(webhook).value(), webhook_secret_text(secret)};
        });
}

Result<Webhook> update_webhook(db::Connection& connection, TenantId tenant_id, WebhookId id,
                               const WebhookWishes& wishes, const WebhookRules& rules) {
    const auto wanted = checked(wishes, rules);
    if (!wanted) return wanted.error();
    std::optional<std::string> types;
    if (wanted->event_types) types = array_of(*wanted->event_types);
    return db::in_transaction<Webhook>(
        connection, tenant_id.value, [&](Transaction& transaction) -> Result<Webhook> {
            const auto changed = transaction.exec(kUpdate, Params()
                                                               .add(tenant_id)
                                                               .add(id)
                                                               .add(wanted->url)
                                                               .add(wanted->description)
                                                               .add(wanted->is_active)
                                                               .add(types)
                                                               .add(kMaxWebhooks));
            if (!changed) return changed.error();
            auto webhook =
                read_webhook(transaction.exec(get_query(), Params().add(tenant_id).add(id)));
            if (webhook && changed->affected() == 0) return too_many();
            if (webhook && wanted->is_active == false) {
                CARRYALL_TRY(transaction.exec(
                    kPark, Params().add(tenant_id).add(id).add("the webhook was switched off")));
            }
            return webhook;
        });
}

Result<WebhookWithSecret> rotate_secret(db::Connection& connection, TenantId tenant_id,
                                        WebhookId id, const base::MasterKey& key) {
    const base::Secret secret = new_webhook_key();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rotated =
        connection.exec(kRotate, Params()
                                     .add(tenant_id)
                                     .add(id)
                                     .add_bytes(key.seal(secret, secret_context(id)))
                                     .add(static_cast<std::int64_t>(kOldSecretSigns.count())));
    if (!rotated) return rotated.error();
    auto webhook = get_webhook(connection, tenant_id, id);
    if (!webhook) return webhook.error();
    return WebhookWithSecret{std::move(webhook).value(), webhook_secret_text(secret)};
}

Result<DeliveryId> send_test(db::Connection& connection, const tenants::Caller& caller,
                             WebhookId id) {
    const auto webhook = get_webhook(connection, caller.tenant_id, id);
    if (!webhook) return webhook.error();
    const auto made =
        connection.exec(kTest, Params().add(caller.tenant_id).add(id).add(caller.name));
    if (!made) return made.error();
    if (made->empty()) {
        return base::Error{base::ErrorKind::conflict,
                           "the webhook is switched off; set isActive to true first",
                           {}};
    }
    return DeliveryId{made->integer(0, 0)};
}

Result<void> disable_webhook(Transaction& transaction, TenantId tenant_id, WebhookId id,
                             const std::string& reason) {
    CARRYALL_TRY(transaction.exec(kDisable, Params().add(tenant_id).add(id).add(reason)));
    CARRYALL_TRY(transaction.exec(kPark, Params().add(tenant_id).add(id).add(reason)));
    return {};
}

}  // namespace carryall::notify
