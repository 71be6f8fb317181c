// Where an account stands, shared by all workers: one row an account.
#include "accounts/pace.hpp"

namespace carryall::accounts {
namespace {

using db::Params;
using db::Query;
using std::chrono::milliseconds;

constexpr Query kReserve{"account_reserve_calls", R"(
    INSERT INTO account_pace AS p (pacing_key, next_free_at)
    VALUES ($1, now() + $2::int / $3::float8 * interval '1 second')
    ON CONFLICT (pacing_key) DO UPDATE
    SET next_free_at = greatest(p.next_free_at, now()) + $2::int / $3::float8 * interval '1 second'
    WHERE p.next_free_at <= now() + $4::bigint * interval '1 millisecond'
    RETURNING (extract(epoch FROM p.next_free_at - now()) * 1000
        - $2::int / $3::float8 * 1000)::bigint)"};

constexpr Query kNextFree{"account_next_free", R"(
    SELECT (extract(epoch FROM next_free_at - now()) * 1000)::bigint FROM account_pace
    WHERE pacing_key = $1)"};

constexpr Query kPause{"account_pause", R"(
    INSERT INTO account_pace AS p (pacing_key, next_free_at)
    VALUES ($1, now() + make_interval(secs => $2::int))
    ON CONFLICT (pacing_key) DO UPDATE
    SET next_free_at = greatest(p.next_free_at, now() + make_interval(secs => $2::int)))"};

}  // namespace

Result<milliseconds> reserve_calls(db::Connection& connection, const std::string& pacing_key,
                                   double rate, int calls) {
    CHECK(rate > 0 && calls > 0);
    const Params key = Params().add(pacing_key);
    const auto rows =
        connection.exec(kReserve, Params(key)
                                      .add(calls)
                                      .add(std::to_string(rate))
                                      .add(static_cast<std::int64_t>(kLongestQueue.count())));
    if (!rows) return rows.error();
    if (!rows->empty()) return milliseconds(std::max<std::int64_t>(0, rows->integer(0, 0)));
    const auto next = connection.exec(kNextFree, key);
    if (!next) return next.error();
    return std::max(milliseconds(next->empty() ? 0 : next->integer(0, 0)),
                    kLongestQueue + milliseconds(1));
}

Result<void> pause_account(db::Connection& connection, const std::string& pacing_key,
                           std::chrono::seconds pause) {
    CARRYALL_TRY(connection.exec(kPause, Params().add(pacing_key).add(pause.count())));
    return {};
}

}  // namespace carryall::accounts
