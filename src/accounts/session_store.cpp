// SQL of account_session. The row is the lock: whoever sets renewing_until owns the renewal until
// then, and a version says whether somebody was faster.
#include "accounts/session_store.hpp"

namespace carryall::accounts {
namespace {

using base::Result;
using db::Params;
using db::Query;

constexpr Query kLoad{"session_load", R"(
    SELECT version, session, coalesce(renew_at <= now(), false),
           coalesce(renewing_until > now(), false), refused_fingerprint, refused_reason
    FROM account_session WHERE tenant_id = $1 AND service_provider_id = $2)"};

constexpr Query kBegin{"session_begin_renewal", R"(
    INSERT INTO account_session AS s (service_provider_id, tenant_id, renewing_until, renewing_by)
    VALUES ($2, $1, now() + make_interval(secs => $5::int), $4)
    ON CONFLICT (service_provider_id) DO UPDATE
    SET renewing_until = excluded.renewing_until, renewing_by = excluded.renewing_by
    WHERE s.version = $3 AND (s.renewing_until IS NULL OR s.renewing_until <= now()))"};

constexpr Query kStore{"session_store", R"(
    UPDATE account_session
    SET session = $4, version = version + 1, renewing_until = NULL, renewing_by = NULL,
        renew_at = now() + make_interval(secs => $5::int), refused_fingerprint = NULL,
        refused_reason = NULL, refused_count = 0
    WHERE tenant_id = $1 AND service_provider_id = $2 AND renewing_by = $3
    RETURNING version)"};

constexpr Query kEnd{"session_end_renewal", R"(
    UPDATE account_session
    SET renewing_until = NULL, renewing_by = NULL,
        refused_fingerprint = coalesce($4, refused_fingerprint),
        refused_reason = CASE WHEN $4::text IS NULL THEN refused_reason ELSE $5 END,
        refused_count = refused_count + ($4::text IS NOT NULL)::int
    WHERE tenant_id = $1 AND service_provider_id = $2 AND renewing_by = $3)"};

std::string context_of(std::int64_t service_provider_id) {
    return "account_session/" + std::to_string(service_provider_id);
}

}  // namespace

Result<StoredSession> load_session(db::Connection& connection, std::int64_t tenant_id,
                                   std::int64_t service_provider_id, const base::MasterKey& key) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(kLoad, Params().add(tenant_id).add(service_provider_id));
    if (!rows) return rows.error();
    StoredSession stored;
    if (rows->empty()) return stored;
    stored.version = rows->integer(0, 0);
    if (!rows->is_null(0, 1)) {
        const auto opened = key.open(rows->bytes(0, 1), context_of(service_provider_id));
        if (!opened) return opened.error();
        auto session = base::parse_json(opened->reveal());
        if (session) stored.session = std::move(session).value();
    }
    stored.is_due = rows->boolean(0, 2);
    stored.is_being_renewed = rows->boolean(0, 3);
    stored.refused_fingerprint = rows->string(0, 4);
    stored.refused_reason = rows->string(0, 5);
    return stored;
}

Result<bool> begin_renewal(db::Connection& connection, std::int64_t tenant_id,
                           std::int64_t service_provider_id, std::int64_t version,
                           const std::string& worker, std::chrono::seconds lease) {
    const auto rows = connection.exec(kBegin, Params()
                                                  .add(tenant_id)
                                                  .add(service_provider_id)
                                                  .add(version)
                                                  .add(worker)
                                                  .add(lease.count()));
    if (!rows) return rows.error();
    return rows->affected() == 1;
}

Result<std::optional<std::int64_t>> store_session(
    db::Connection& connection, std::int64_t tenant_id, std::int64_t service_provider_id,
    const std::string& worker, const base::json::value& session,
    std::optional<std::chrono::seconds> renew_after, const base::MasterKey& key) {
    const base::Secret text(base::json::serialize(session));
    Params params;
    params.add(tenant_id).add(service_provider_id).add(worker);
    params.add_bytes(key.seal(text, context_of(service_provider_id)));
    renew_after ? params.add(renew_after->count()) : params.add_null();
    const auto rows = connection.exec(kStore, params);
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<std::int64_t>();
    return std::optional<std::int64_t>(rows->integer(0, 0));
}

Result<void> end_renewal(db::Connection& connection, std::int64_t tenant_id,
                         std::int64_t service_provider_id, const std::string& worker,
                         const std::string& refused_fingerprint, const std::string& reason) {
    Params params;
    params.add(tenant_id).add(service_provider_id).add(worker);
    refused_fingerprint.empty() ? params.add_null() : params.add(refused_fingerprint);
    params.add(reason);
    const auto rows = connection.exec(kEnd, params);
    if (!rows) return rows.error();
    return {};
}

}  // namespace carryall::accounts
