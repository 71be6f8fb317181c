// The SQL of tenants and tokens. What must stay true: a token's text is never written anywhere, and
// everything about a token runs inside its tenant.
#include "tenants/store.hpp"

#include "base/text.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::tenants {
namespace {

using base::Result;
using db::Params;
using db::Query;
using db::Rows;
using db::Transaction;

constexpr std::size_t kTokenRandomBytes = 32;  // 43 characters of base64

const std::string& tenant_columns() {
    static const std::string columns = "id, name, is_active, " + iso8601("created_at");
    return columns;
}

Tenant tenant_at(const Rows& rows, std::size_t row) {
    return {{rows.integer(row, 0)}, rows.string(row, 1), rows.boolean(row, 2), rows.string(row, 3)};
}

const std::string& token_columns() {
    static const std::string columns = "api_token_id, name, role, created_by, " +
                                       iso8601("created_at") + ", " + iso8601("expires_at") + ", " +
                                       iso8601("revoked_at") + ", " + iso8601("last_used_at");
    return columns;
}

Token token_at(const Rows& rows, std::size_t row) {
    const auto role = parse_role(rows.text(row, 2));
    CHECK(role.has_value());  // the table allows no other
    Token token;
    token.id = {rows.integer(row, 0)};
    token.name = rows.string(row, 1);
    token.role = *role;
    token.created_by = rows.string(row, 3);
    token.created_at = rows.string(row, 4);
    token.expires_at = rows.optional_text(row, 5);
    token.revoked_at = rows.optional_text(row, 6);
    token.last_used_at = rows.optional_text(row, 7);
    return token;
}

Result<std::string> check_name(std::string_view name) {
    const std::string_view trimmed = base::trim(name);
    if (trimmed.empty()) return base::invalid_input("a name is required", "/name");
    if (trimmed.size() > kMaxNameBytes) {
        return base::invalid_input(
            "the name is longer than " + std::to_string(kMaxNameBytes) + " bytes; shorten it",
            "/name");
    }
    return std::string(trimmed);
}

Result<Token> insert_token(Transaction& transaction, TenantId tenant_id, const NewToken& wanted,
                           const std::string& name, const std::string& hash,
                           std::string_view created_by) {
    static const std::string sql =
        "INSERT INTO api_token (tenant_id, name, role, token_hash, created_by, expires_at) "
        "SELECT $1, $2, $3, $4, $5, $6 WHERE $7 > (SELECT count(*) FROM api_token WHERE tenant_id "
        "= $1 AND revoked_at IS NULL) AND ($6::timestamptz IS NULL OR $6 > now()) RETURNING " +
        token_columns();
    const auto rows =
        transaction.exec({"token_insert", sql.c_str()}, Params()
                                                            .add(tenant_id)
                                                            .add(name)
                                                            .add(to_string(wanted.role))
                                                            .add(hash)
                                                            .add(created_by)
                                                            .add(wanted.expires_at)
                                                            .add(kMaxTokensPerTenant));
    if (!rows) return rows.error();
    if (rows->empty()) {
        return base::invalid_input(
            "the token was not made: expiresAt must lie in the future, and a tenant has at most " +
                std::to_string(kMaxTokensPerTenant) + " tokens that are not revoked",
            "/expiresAt");
    }
    return token_at(*rows, 0);
}

constexpr Query kActive{"tenant_active", "SELECT id FROM tenant WHERE is_active ORDER BY id"};

constexpr Query kLockLastingAdmins{
    "token_lock_admins",
    "SELECT api_token_id FROM api_token WHERE tenant_id = $1 AND role = 'admin' "
    "AND revoked_at IS NULL AND expires_at IS NULL ORDER BY api_token_id FOR UPDATE"};

constexpr Query kWorkingRole{
    "token_working_role",
    "SELECT role = 'admin' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) "
    "FROM api_token WHERE tenant_id = $1 AND api_token_id = $2"};

Result<Token> revoke_in(Transaction& transaction, TenantId tenant_id, TokenId id) {
    // The lock makes two revocations at once wait for each other, so that they cannot both believe
    // the other's token stays.
    const auto admins = transaction.exec(kLockLastingAdmins, Params().add(tenant_id));
    if (!admins) return admins.error();
    const auto found = transaction.exec(kWorkingRole, Params().add(tenant_id).add(id));
    if (!found) return found.error();
    if (found->empty()) return base::not_found("there is no such token");
    bool another_stays = false;
    for (std::size_t i = 0; i < admins->size(); ++i) {
        another_stays = another_stays || admins->integer(i, 0) != id.value;
    }
    if (found->boolean(0, 0) && !another_stays) {
        return base::Error{base::ErrorKind::conflict,
                           "this is the last admin token; make another admin token that does not "
                           "expire first, then revoke this one",
                           {}};
    }
    static const std::string sql =
        "UPDATE api_token SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = $1 AND "
        "api_token_id = $2 RETURNING " +
        token_columns();
    const auto rows =
        transaction.exec({"token_revoke", sql.c_str()}, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such token");
    return token_at(*rows, 0);
}

}  // namespace

Result<Tenant> create_tenant(db::Connection& connection, std::string_view name) {
    const auto checked = check_name(name);
    if (!checked) return checked.error();
    static const std::string sql =
        "INSERT INTO tenant (name) VALUES ($1) RETURNING " + tenant_columns();
    const auto rows = connection.exec({"tenant_insert", sql.c_str()}, Params().add(*checked));
    if (!rows && rows.error().kind == base::ErrorKind::conflict) {
        return base::Error{
            base::ErrorKind::conflict,
            "there is a tenant named \"" + *checked + "\" already; take another name", "/name"};
    }
    if (!rows) return rows.error();
    return tenant_at(*rows, 0);
}

Result<std::vector<Tenant>> list_tenants(db::Connection& connection) {
    static const std::string sql =
        "SELECT " + tenant_columns() + " FROM tenant ORDER BY id LIMIT $1";
    const auto rows =
        connection.exec({"tenant_list", sql.c_str()}, Params().add(kMaxListedTenants));
    if (!rows) return rows.error();
    std::vector<Tenant> tenants;
    for (std::size_t i = 0; i < rows->size(); ++i) tenants.push_back(tenant_at(*rows, i));
    return tenants;
}

Result<std::vector<std::int64_t>> active_tenants(db::Connection& connection) {
    const auto rows = connection.exec(kActive);
    if (!rows) return rows.error();
    std::vector<std::int64_t> tenants;
    for (std::size_t i = 0; i < rows->size(); ++i) tenants.push_back(rows->integer(i, 0));
    return tenants;
}

Result<Tenant> find_tenant(db::Connection& connection, std::string_view name) {
    static const std::string sql = "SELECT " + tenant_columns() + " FROM tenant WHERE name = $1";
    const auto rows = connection.exec({"tenant_find", sql.c_str()}, Params().add(base::trim(name)));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no tenant of this name");
    return tenant_at(*rows, 0);
}

Result<CreatedToken> create_token(db::Connection& connection, TenantId tenant_id,
                                  const NewToken& wanted, std::string_view created_by) {
    const auto name = check_name(wanted.name);
    if (!name) return name.error();
    CreatedToken created;
    created.text = base::Secret("cry_" + base::to_string(tenant_id) + '_' +
                                base::random_token(kTokenRandomBytes).reveal());
    const std::string hash = base::sha256_hex(created.text.reveal());
    auto token =
        db::in_transaction<Token>(connection, tenant_id.value, [&](Transaction& transaction) {
            return insert_token(transaction, tenant_id, wanted, *name, hash, created_by);
        });
    if (!token) return token.error();
    created.token = std::move(*token);
    return created;
}

Result<std::vector<Token>> list_tokens(db::Connection& connection, TenantId tenant_id) {
    static const std::string sql = "SELECT " + token_columns() +
                                   " FROM api_token WHERE tenant_id = $1 "
                                   "ORDER BY api_token_id DESC LIMIT $2";
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows =
        connection.exec({"token_list", sql.c_str()}, Params().add(tenant_id).add(kMaxListedTokens));
    if (!rows) return rows.error();
    std::vector<Token> tokens;
    for (std::size_t i = 0; i < rows->size(); ++i) tokens.push_back(token_at(*rows, i));
    return tokens;
}

Result<Token> revoke_token(db::Connection& connection, TenantId tenant_id, TokenId id) {
    return db::in_transaction<Token>(connection, tenant_id.value, [&](Transaction& transaction) {
        return revoke_in(transaction, tenant_id, id);
    });
}

Result<std::optional<FoundToken>> find_working_token(db::Connection& connection, TenantId tenant_id,
                                                     std::string_view hash) {
    static constexpr Query kFind{
        "token_find",
        "SELECT a.api_token_id, a.name, a.role, a.token_hash, "
        "floor(extract(epoch FROM a.expires_at - now()) * 1000)::bigint, "
        "coalesce(a.last_used_at < now() - interval '1 minute', true) "
        "FROM api_token a JOIN tenant t ON t.id = a.tenant_id "
        "WHERE a.tenant_id = $1 AND a.token_hash = $2 AND t.is_active AND a.revoked_at IS NULL "
        "AND (a.expires_at IS NULL OR a.expires_at > now())"};
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(kFind, Params().add(tenant_id).add(hash));
    if (!rows) return rows.error();
    if (rows->empty() || !base::Secret(std::string(hash)).equals_in_constant_time(rows->text(0, 3)))
        return std::optional<FoundToken>{};
    const auto role = parse_role(rows->text(0, 2));
    CHECK(role.has_value());
    FoundToken found;
    found.caller = {tenant_id, {rows->integer(0, 0)}, rows->string(0, 1), *role};
    if (!rows->is_null(0, 4)) found.expires_in = std::chrono::milliseconds(rows->integer(0, 4));
    found.use_is_unrecorded = rows->boolean(0, 5);
    return std::optional<FoundToken>(std::move(found));
}

Result<void> record_token_use(db::Connection& connection, TenantId tenant_id, TokenId id) {
    static constexpr Query kRecord{
        "token_record_use",
        "UPDATE api_token SET last_used_at = now() WHERE tenant_id = $1 AND api_token_id = $2 "
        "AND coalesce(last_used_at < now() - interval '1 minute', true)"};
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(kRecord, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    return {};
}

}  // namespace carryall::tenants
