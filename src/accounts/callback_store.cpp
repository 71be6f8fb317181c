// Reads who may call back, and keeps what came.
#include "accounts/account.hpp"
#include "accounts/callbacks.hpp"
#include "base/text.hpp"

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

std::string names(const std::vector<std::string>& list) {
    Array array;
    for (const std::string& name : list) array.add(name);
    return array.take();
}

// What is kept: everything but who claims to have sent it.
base::json::object without_credentials(base::json::object body) {
    for (auto member = body.begin(); member != body.end();) {
        const std::string name = base::ascii_lower(std::string(member->key()));
        member = name == "username" || name == "password" ? body.erase(member) : member + 1;
    }
    return body;
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
    const auto stored = load_account(connection, tenant_id, service_provider_id, key);
    if (!stored) {
        if (stored.error().kind != base::ErrorKind::not_found) return stored.error();
        return std::optional<CallbackAccount>();
    }
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

}  // namespace carryall::accounts
