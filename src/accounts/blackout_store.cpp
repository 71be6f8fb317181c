// Stored blackouts. An account's windows travel as one JSON value with the account itself, so that
// a turn at an account knows them without a statement of its own.
#include <fmt/format.h>

#include "accounts/blackout.hpp"

namespace carryall::accounts {
namespace {

using db::Array;
using db::Params;
using db::Query;

Query list_query() {
    static const std::string kSql =
        "SELECT " + blackouts_of("p") +
        " FROM service_provider p WHERE p.tenant_id = $1 AND p.service_provider_id = $2";
    return {"blackout_list", kSql.c_str()};
}

// Until the end of the transaction nobody else adds one to this account.
constexpr Query kLock{"blackout_lock_account", R"(
    SELECT FROM service_provider WHERE tenant_id = $1 AND service_provider_id = $2
    FOR NO KEY UPDATE)"};

constexpr Query kAdd{"blackout_add", R"(
    INSERT INTO account_blackout (tenant_id, service_provider_id, name, time_zone, weekdays,
        from_minute, to_minute, starts_at, ends_at, created_by)
    VALUES ($1, $2, $3, $4, $5::smallint[], $6::smallint, $7::smallint, $8::timestamptz,
        $9::timestamptz, $10)
    RETURNING account_blackout_id)"};

constexpr Query kRemove{"blackout_remove", R"(
    DELETE FROM account_blackout
    WHERE tenant_id = $1 AND service_provider_id = $2 AND account_blackout_id = $3 RETURNING 1)"};

struct Stored {
    std::int64_t id = 0;
    std::string name;
    std::string zone;
    std::optional<std::vector<std::int64_t>> weekdays;
    std::optional<std::int64_t> from;
    std::optional<std::int64_t> to;
    std::optional<std::string> starts_at;
    std::optional<std::string> ends_at;
    std::string by;
    std::string at;
};
BOOST_DESCRIBE_STRUCT(Stored, (), (id, name, zone, weekdays, from, to, starts_at, ends_at, by, at))

Result<std::vector<Blackout>> blackouts_in(db::Transaction& transaction, std::int64_t tenant_id,
                                           std::int64_t service_provider_id) {
    const auto rows =
        transaction.exec(list_query(), Params().add(tenant_id).add(service_provider_id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such service provider");
    return read_blackouts(rows->text(0, 0));
}

Params params_of(std::int64_t tenant_id, std::int64_t service_provider_id, const Blackout& wanted) {
    Params params;
    params.add(tenant_id).add(service_provider_id).add(wanted.name).add(wanted.zone.name());
    if (wanted.weekly) {
        Array weekdays;
        for (const int day : wanted.weekly->weekdays) weekdays.add(std::int64_t{day});
        params.add(weekdays.take());
        params.add(std::int64_t{wanted.weekly->from.count()});
        params.add(std::int64_t{wanted.weekly->to.count()});
        params.add_null().add_null();
    } else {
        params.add_null().add_null().add_null();
        params.add(wanted.once->from).add(wanted.once->to);
    }
    params.add(wanted.created_by);
    return params;
}

}  // namespace

std::string blackouts_of(const std::string& provider_alias) {
    return fmt::format("account_blackouts({0}.tenant_id, {0}.service_provider_id) AS blackouts",
                       provider_alias);
}

Result<std::vector<Blackout>> read_blackouts(std::string_view json) {
    std::vector<Blackout> blackouts;
    if (json.empty()) return blackouts;
    const auto value = base::parse_json(json);
    if (!value) return value.error();
    base::JsonErrors errors;
    const auto stored = base::read_json<std::vector<Stored>>(*value, errors);
    if (!stored) return stored.error();
    for (const Stored& one : *stored) {
        auto zone = base::TimeZone::find(one.zone);
        if (!zone) {
            return base::internal_error("a blackout's time zone is unknown here (" + one.zone +
                                        "); update tzdata");
        }
        Blackout blackout;
        blackout.id = one.id;
        blackout.name = one.name;
        blackout.zone = std::move(*zone);
        blackout.created_by = one.by;
        blackout.created_at = one.at;
        if (one.weekdays) {
            blackout.weekly.emplace();
            blackout.weekly->weekdays.assign(one.weekdays->begin(), one.weekdays->end());
            blackout.weekly->from = std::chrono::minutes(one.from.value_or(0));
            blackout.weekly->to = std::chrono::minutes(one.to.value_or(0));
        } else {
            const auto from = base::parse_iso8601(one.starts_at.value_or(""));
            const auto to = base::parse_iso8601(one.ends_at.value_or(""));
            CHECK(from && to);
            blackout.once = Period{*from, *to};
        }
        blackouts.push_back(std::move(blackout));
    }
    return blackouts;
}

Result<std::vector<Blackout>> list_blackouts(db::Connection& connection, std::int64_t tenant_id,
                                             std::int64_t service_provider_id) {
    return db::in_transaction<std::vector<Blackout>>(
        connection, tenant_id, [&](db::Transaction& transaction) {
            return blackouts_in(transaction, tenant_id, service_provider_id);
        });
}

Result<Blackout> add_blackout(db::Connection& connection, std::int64_t tenant_id,
                              std::int64_t service_provider_id, const Blackout& wanted,
                              std::optional<base::Instant> now) {
    return db::in_transaction<Blackout>(
        connection, tenant_id, [&](db::Transaction& transaction) -> Result<Blackout> {
            CARRYALL_TRY(transaction.exec(kLock, Params().add(tenant_id).add(service_provider_id)));
            auto all = blackouts_in(transaction, tenant_id, service_provider_id);
            if (!all) return all.error();
            all->push_back(wanted);
            const std::string problem = problem_of(*all, now.value_or(base::system_clock().now()));
            if (!problem.empty()) return base::Error{base::ErrorKind::conflict, problem, {}};
            const auto rows =
                transaction.exec(kAdd, params_of(tenant_id, service_provider_id, wanted));
            if (!rows) return rows.error();
            auto stored = blackouts_in(transaction, tenant_id, service_provider_id);
            if (!stored) return stored.error();
            CHECK(stored->back().id == rows->integer(0, 0));
            return std::move(stored->back());
        });
}

Result<void> remove_blackout(db::Connection& connection, std::int64_t tenant_id,
                             std::int64_t service_provider_id, std::int64_t blackout_id) {
    return db::in_transaction<void>(
        connection, tenant_id, [&](db::Transaction& transaction) -> Result<void> {
            const auto rows = transaction.exec(
                kRemove, Params().add(tenant_id).add(service_provider_id).add(blackout_id));
            if (!rows) return rows.error();
            if (rows->empty()) return base::not_found("there is no such blackout");
            return {};
        });
}

}  // namespace carryall::accounts
