// Reads a service provider and opens its credentials.
#include <fmt/format.h>

#include "accounts/account.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::accounts {
namespace {

db::Query load_query() {
    static const std::string kSql = fmt::format(
        "SELECT {} FROM service_provider p WHERE p.tenant_id = $1 AND p.service_provider_id = $2",
        account_columns());
    return {"account_load", kSql.c_str()};
}

constexpr db::Query kKeepPacingKey{
    "account_keep_pacing_key",
    "UPDATE service_provider SET pacing_key = $3 WHERE tenant_id = $1 AND service_provider_id = $2"
    " AND pacing_key IS DISTINCT FROM $3"};

}  // namespace

const std::string& account_columns() {
    static const std::string kColumns = fmt::format(
        "p.tenant_id, p.service_provider_id, p.integration, p.write_is_enabled, p.settings,"
        " p.credentials, p.rate_per_second, p.max_concurrency, p.day_quota, p.is_unpaced,"
        " p.pacing_key, {}, {} AS read_at",
        blackouts_of("p"), tenants::iso8601("now()"));
    return kColumns;
}

Result<StoredAccount> read_account(const db::Rows& rows, std::size_t row, int first_column,
                                   const base::MasterKey& key) {
    int column = first_column;
    StoredAccount account;
    account.tenant_id = rows.integer(row, column++);
    account.service_provider_id = rows.integer(row, column++);
    account.integration = rows.string(row, column++);
    account.write_is_enabled = rows.boolean(row, column++);
    account.settings = base::parse_object(rows.text(row, column++));
    if (!rows.is_null(row, column)) {
        const std::string context =
            "service_provider/" + std::to_string(account.service_provider_id);
        const std::string sealed = rows.bytes(row, column);
        const auto opened = key.open(sealed, context);
        if (!opened) return opened.error();
        account.credentials_fingerprint = base::sha256_hex(sealed);
        account.credentials = base::parse_object(opened->reveal());
    }
    ++column;
    if (const auto rate = rows.optional_text(row, column++)) {
        account.rate_per_second = std::stod(*rate);
    }
    if (const auto limit = rows.optional_integer(row, column++)) {
        account.max_concurrency = static_cast<int>(*limit);
    }
    account.day_quota = rows.optional_integer(row, column++);
    account.is_unpaced = rows.boolean(row, column++);
    account.pacing_key = pacing_key_of(account, key);
    account.is_pacing_key_stored = rows.string(row, column++) == account.pacing_key;
    auto blackouts = read_blackouts(rows.text(row, column++));
    if (!blackouts) return blackouts.error();
    account.blackouts = std::move(*blackouts);
    const auto now = base::parse_iso8601(rows.text(row, column++));
    if (!now) return now.error();
    account.read_at = *now;
    account.read_at_steady = std::chrono::steady_clock::now();
    CHECK(column == first_column + kAccountColumnCount);
    return account;
}

Result<void> keep_pacing_key(db::Connection& connection, const StoredAccount& account) {
    if (account.is_pacing_key_stored) return {};
    CARRYALL_TRY(connection.work_for_tenant(account.tenant_id));
    CARRYALL_TRY(connection.exec(kKeepPacingKey, db::Params()
                                                     .add(account.tenant_id)
                                                     .add(account.service_provider_id)
                                                     .add(account.pacing_key)));
    return {};
}

Result<StoredAccount> load_account(db::Connection& connection, std::int64_t tenant_id,
                                   std::int64_t service_provider_id, const base::MasterKey& key) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows =
        connection.exec(load_query(), db::Params().add(tenant_id).add(service_provider_id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("There is no such service provider");
    return read_account(*rows, 0, 0, key);
}

}  // namespace carryall::accounts
