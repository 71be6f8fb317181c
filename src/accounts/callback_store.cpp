// Reads who may call back, keeps what came, and lists it.
#include <fmt/format.h>
#include <limits>

#include "accounts/account.hpp"
#include "accounts/callbacks.hpp"
#include "base/text.hpp"
#include "tenants/list_page.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::accounts {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;

// What Verizon publishes for its callbacks; a change of it is a change of the setting.
constexpr const char* kThingSpaceSources[] = {"3.87.163.45",    "3.91.119.203",  "54.197.62.209",
                                              "35.165.205.14",  "54.200.43.232", "34.216.81.234",
                                              "137.117.33.109", "168.62.173.153"};

Query account_query() {
    static const std::string kSql = fmt::format(
        "SELECT {} FROM service_provider p JOIN tenant t ON t.id = p.tenant_id AND t.is_active "
        "WHERE p.tenant_id = $1 AND p.service_provider_id = $2",
        account_columns());
    return {"callback_account", kSql.c_str()};
}

constexpr Query kStore{"callback_store", R"(
    WITH stored AS (
        INSERT INTO carrier_callback (tenant_id, service_provider_id, remote_address, body,
            body_hash, reference, iccids, imeis, msisdns, state)
        SELECT $1, c.provider, c.remote_address, c.body, c.hash, c.reference, c.iccids::text[],
               c.imeis::text[], c.msisdns::text[],
               CASE WHEN c.reference IS NULL THEN 'unasked' ELSE 'new' END
        FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                    $8::text[], $9::text[])
            AS c(provider, remote_address, body, hash, reference, iccids, imeis, msisdns)
        RETURNING 1)
    SELECT pg_notify('carryall_callback', $1::text) FROM stored LIMIT 1)"};

std::string listed_columns() {
    return "k.carrier_callback_id, k.service_provider_id, " + tenants::iso8601("k.received_at") +
           ", k.remote_address, k.state, k.reference, k.device_change_id, " +
           tenants::iso8601("k.matched_at") + ", k.body";
}

// A walk down the index for each account and state: what is rare, such as an orphan among millions,
// is found as fast as what is not.
Query list_query() {
    static const std::string kSql = "SELECT " + listed_columns() + R"(
        FROM (
            SELECT c.carrier_callback_id
            FROM service_provider p CROSS JOIN unnest($3::text[]) AS s(state)
            CROSS JOIN LATERAL (
                SELECT carrier_callback_id FROM carrier_callback
                WHERE tenant_id = $1 AND service_provider_id = p.service_provider_id
                  AND state = s.state AND carrier_callback_id < $4
                ORDER BY carrier_callback_id DESC LIMIT $5::int) c
            WHERE p.tenant_id = $1 AND ($2::bigint IS NULL OR p.service_provider_id = $2)
            ORDER BY c.carrier_callback_id DESC LIMIT $5::int) n
        JOIN carrier_callback k ON k.tenant_id = $1
            AND k.carrier_callback_id = n.carrier_callback_id
        ORDER BY k.carrier_callback_id DESC)";
    return {"callback_list", kSql.c_str()};
}

Query list_of_request_query() {
    static const std::string kSql = "SELECT " + listed_columns() + R"(
        FROM service_provider p
        JOIN carrier_callback k ON k.tenant_id = $1
            AND k.service_provider_id = p.service_provider_id AND k.reference = $6
        WHERE p.tenant_id = $1 AND ($2::bigint IS NULL OR p.service_provider_id = $2)
          AND k.state = ANY ($3::text[]) AND k.carrier_callback_id < $4
        ORDER BY k.carrier_callback_id DESC LIMIT $5::int)";
    return {"callback_list_of_request", kSql.c_str()};
}

StoredCallback callback_of(const db::Rows& rows, std::size_t row) {
    StoredCallback callback;
    callback.id = rows.integer(row, 0);
    callback.service_provider_id = rows.integer(row, 1);
    callback.received_at = rows.string(row, 2);
    callback.remote_address = rows.string(row, 3);
    callback.state = rows.string(row, 4);
    callback.reference = rows.optional_text(row, 5);
    callback.device_change_id = rows.optional_integer(row, 6);
    callback.matched_at = rows.optional_text(row, 7);
    const auto body = base::parse_json(rows.text(row, 8));
    callback.body = body ? *body : base::json::value(rows.text(row, 8));
    return callback;
}

std::string names(const std::vector<std::string>& list) {
    Array array;
    for (const std::string& name : list) array.add(name);
    return array.take();
}

// What is kept: everything but passwords (a line may be given one, too) and who claims to send it.
void remove_credentials(base::json::value& value, bool is_envelope) {
    if (value.is_array()) {
        for (auto& item : value.get_array()) remove_credentials(item, false);
    }
    if (!value.is_object()) return;
    auto& object = value.get_object();
    for (auto member = object.begin(); member != object.end();) {
        const std::string name = base::ascii_lower(std::string(member->key()));
        if (name == "password" || (is_envelope && name == "username")) {
            member = object.erase(member);
        } else {
            remove_credentials(member->value(), false);
            ++member;
        }
    }
}

base::json::object without_credentials(const base::json::object& body) {
    base::json::value kept = body;
    remove_credentials(kept, true);
    return std::move(kept.get_object());
}

// A carrier counts its attempts in the message; they make no other message of it.
std::string hash_of(base::json::object body) {
    body.erase("callbackCount");
    return base::sha256_hex(base::json::serialize(body));
}

}  // namespace

Result<std::vector<http::Cidr>> callback_sources(const std::string& integration,
                                                 const base::json::object& settings) {
    std::vector<http::Cidr> sources;
    const auto* set = base::find_ignoring_case(settings, "callbackSources");
    const auto wrong = base::invalid_input(
        "The setting \"callbackSources\" must be a list of addresses or networks such as "
        "\"203.0.113.7\" or \"10.0.0.0/8\"; an empty list lets callbacks come from anywhere",
        "callbackSources");
    if (set == nullptr || set->is_null()) {
        if (integration != "thingspace") return sources;
        for (const char* source : kThingSpaceSources) {
            sources.push_back(http::Cidr::parse(source).value());
        }
        return sources;
    }
    if (!set->is_array()) return wrong;
    for (const auto& item : set->get_array()) {
        if (!item.is_string()) return wrong;
        const auto source = http::Cidr::parse(std::string_view(item.get_string()));
        if (!source) return wrong;
        sources.push_back(*source);
    }
    return sources;
}

Result<std::optional<CallbackAccount>> find_callback_account(db::Connection& connection,
                                                             std::int64_t tenant_id,
                                                             std::int64_t service_provider_id,
                                                             const base::MasterKey& key) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows =
        connection.exec(account_query(), Params().add(tenant_id).add(service_provider_id));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<CallbackAccount>();
    const auto stored = read_account(*rows, 0, 0, key);
    if (!stored) return stored.error();
    const auto credential = [&](const char* name) {
        const auto* value = stored->credentials.if_contains(name);
        return value != nullptr && value->is_string() ? std::string(value->get_string())
                                                      : std::string();
    };
    CallbackAccount account;
    account.integration = stored->integration;
    account.username = base::Secret(credential("callbackUsername"));
    account.password = base::Secret(credential("callbackPassword"));
    if (account.username.empty() || account.password.empty()) {
        return std::optional<CallbackAccount>();
    }
    auto sources = callback_sources(stored->integration, stored->settings);
    if (!sources) return sources.error();
    account.sources = std::move(sources).value();
    return std::optional<CallbackAccount>(std::move(account));
}

Result<void> store_callbacks(db::Connection& connection, std::int64_t tenant_id,
                             const std::vector<const ReceivedCallback*>& callbacks) {
    Array providers, addresses, bodies, hashes, references, iccids, imeis, msisdns;
    for (const ReceivedCallback* callback : callbacks) {
        CHECK(callback->tenant_id == tenant_id);
        const base::json::object body = without_credentials(callback->body);
        providers.add(callback->service_provider_id);
        addresses.add(callback->remote_address);
        bodies.add(base::storable_json(base::json::serialize(body)));
        hashes.add(hash_of(body));
        const std::string& reference = callback->notice.reference;
        reference.empty() ? references.add_null() : references.add(reference);
        iccids.add(names(callback->notice.iccids));
        imeis.add(names(callback->notice.imeis));
        msisdns.add(names(callback->notice.msisdns));
    }
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    Params params;
    params.add(tenant_id);
    for (Array* array :
         {&providers, &addresses, &bodies, &hashes, &references, &iccids, &imeis, &msisdns}) {
        params.add(array->take());
    }
    const auto rows = connection.exec(kStore, params);
    if (!rows) return rows.error();
    return {};
}

Result<tenants::Page<StoredCallback>> list_callbacks(db::Connection& connection,
                                                     const tenants::PageTokens& tokens,
                                                     tenants::TenantId tenant_id,
                                                     const CallbackFilter& filter,
                                                     const tenants::PageRequest& page) {
    const std::string reference = base::ascii_lower(filter.reference.value_or(""));
    const std::string question = "callbacks/" +
                                 std::to_string(filter.service_provider_id.value_or(0)) + '/' +
                                 filter.state.value_or("") + '/' + reference;
    const auto before = tenants::newest_first(tokens, tenant_id, question, page);
    if (!before) return before.error();
    Array states;
    for (const std::string_view state : kCallbackStates) {
        if (!filter.state || *filter.state == state) states.add(state);
    }
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    Params params;
    params.add(tenant_id).add(filter.service_provider_id).add(states.take()).add(*before);
    params.add(page.limit + 1);
    if (filter.reference) params.add(reference);
    const auto rows =
        connection.exec(filter.reference ? list_of_request_query() : list_query(), params);
    if (!rows) return rows.error();
    return tenants::page_of<StoredCallback>(*rows, tokens, tenant_id, question, page.limit,
                                            callback_of);
}

}  // namespace carryall::accounts
