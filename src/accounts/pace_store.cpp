// Where an account stands, shared by all workers: one row an account, and one for each turn at it.
#include "accounts/pace_store.hpp"

#include <fmt/format.h>

namespace carryall::accounts {
namespace {

using db::Params;
using db::Query;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A probe whose prober is not heard of any more.
constexpr seconds kProbeLease{60};

constexpr Query kBegin{"account_begin_turn", R"(
    SELECT slots, is_probe, blocked_ms, learned_rate, learned_from, learned_age, failures
    FROM begin_account_turn($1, $2, $3::int, $4::int, $5::bigint, make_interval(secs => $6::int),
                            make_interval(secs => $7::int)))"};

constexpr Query kProlong{"account_prolong_turn", R"(
    SELECT take_account_turn($1, $2, $3::int, $4::int, make_interval(secs => $5::int)))"};

constexpr Query kShrink{"account_shrink_turn", R"(
    UPDATE account_turn SET slots = least(slots, $3::int), wanted = greatest(1, $3::int)
    WHERE pacing_key = $1 AND holder = $2)"};

// Slots at the end of the last batch go back if nobody has reserved behind them; calls that were
// not made go back to the day's quota.
constexpr Query kEnd{"account_end_turn", R"(
    WITH turn AS (DELETE FROM account_turn WHERE pacing_key = $1 AND holder = $2)
    UPDATE account_pace p
    SET next_free_at = CASE WHEN p.next_free_at = $3::timestamptz
            THEN p.next_free_at - $4::int / $5::float8 * interval '1 second'
            ELSE p.next_free_at END,
        quota_used = CASE WHEN p.quota_day = (now() AT TIME ZONE 'UTC')::date
            THEN greatest(0, p.quota_used - $4::int - $6::int) ELSE p.quota_used END,
        failures_in_a_row = $7::int,
        breaker_probe_at = CASE WHEN $8::boolean AND p.breaker_prober = $2 THEN now()
            ELSE p.breaker_probe_at END,
        breaker_prober = CASE WHEN $8::boolean AND p.breaker_prober = $2 THEN NULL
            ELSE p.breaker_prober END
    WHERE p.pacing_key = $1)"};

constexpr Query kReserve{"account_reserve_calls", R"(
    UPDATE account_pace p
    SET next_free_at = greatest(p.next_free_at, now()) + $2::int / $3::float8 * interval '1 second',
        quota_day = today,
        quota_used = CASE WHEN p.quota_day = today THEN p.quota_used ELSE 0 END + $2::int
    FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS today) d
    WHERE p.pacing_key = $1 AND p.paused_until <= now()
      AND p.next_free_at <= now() + $4::bigint * interval '1 millisecond'
      AND (p.breaker_opened_at IS NULL OR p.breaker_prober = $5)
      AND ($6::bigint IS NULL
           OR CASE WHEN p.quota_day = today THEN p.quota_used ELSE 0 END + $2::int <= $6)
    RETURNING ((extract(epoch FROM p.next_free_at - clock_timestamp())
                - $2::int / $3::float8) * 1000000)::bigint, p.next_free_at)"};

// Why nothing was reserved.
constexpr Query kStanding{"account_standing", R"(
    SELECT greatest(0, ceil(extract(epoch FROM greatest(
               nullif(p.paused_until, '-infinity'),
               CASE WHEN p.breaker_prober IS DISTINCT FROM $2 THEN p.breaker_probe_at END)
               - now()) * 1000))::bigint,
           greatest(0, ceil(extract(epoch FROM nullif(p.next_free_at, '-infinity') - now())
                            * 1000))::bigint,
           $3::bigint - CASE WHEN p.quota_day = today THEN p.quota_used ELSE 0 END,
           ceil(extract(epoch FROM (today + 1)::timestamp AT TIME ZONE 'UTC' - now())
                * 1000)::bigint
    FROM account_pace p, (SELECT (now() AT TIME ZONE 'UTC')::date AS today) d
    WHERE p.pacing_key = $1)"};

constexpr Query kPause{"account_pause", R"(
    INSERT INTO account_pace AS p (pacing_key, paused_until, pause_reason)
    VALUES ($1, now() + make_interval(secs => $2::int), $3)
    ON CONFLICT (pacing_key) DO UPDATE
    SET paused_until = greatest(p.paused_until, excluded.paused_until),
        pause_reason = CASE WHEN excluded.paused_until > p.paused_until
            THEN excluded.pause_reason ELSE p.pause_reason END)"};

constexpr Query kLearn{"account_learn", R"(
    INSERT INTO account_pace AS p (pacing_key, learned_rate, learned_from, learned_at)
    VALUES ($1, $2::float8, $3::float8, now())
    ON CONFLICT (pacing_key) DO UPDATE
    SET learned_rate = excluded.learned_rate, learned_from = excluded.learned_from,
        learned_at = now()
    WHERE p.learned_at IS NULL OR p.learned_at < now() - interval '2 seconds')"};

constexpr Query kBreakerTimes{"account_breaker_times", R"(
    SELECT breaker_times,
           breaker_opened_at IS NOT NULL AND breaker_prober IS DISTINCT FROM $2,
           greatest(0, ceil(extract(epoch FROM breaker_probe_at - now())))::bigint
    FROM account_pace WHERE pacing_key = $1)"};

constexpr Query kOpen{"account_open_breaker", R"(
    INSERT INTO account_pace AS p (pacing_key, breaker_opened_at, breaker_probe_at, breaker_reason,
        breaker_times)
    VALUES ($1, now(), now() + make_interval(secs => $3::int), $4, 1)
    ON CONFLICT (pacing_key) DO UPDATE
    SET breaker_opened_at = coalesce(p.breaker_opened_at, now()),
        breaker_probe_at = excluded.breaker_probe_at, breaker_prober = NULL,
        breaker_reason = excluded.breaker_reason, breaker_times = p.breaker_times + 1
    WHERE p.breaker_opened_at IS NULL OR p.breaker_prober = $2)"};

constexpr Query kClose{"account_close_breaker", R"(
    UPDATE account_pace SET breaker_opened_at = NULL, breaker_probe_at = NULL,
        breaker_prober = NULL, breaker_reason = NULL, breaker_times = 0, failures_in_a_row = 0
    WHERE pacing_key = $1 AND breaker_opened_at IS NOT NULL)"};

constexpr Query kFigures{"account_add_figures", R"(
    INSERT INTO account_minute AS m (pacing_key, minute, calls, devices, failures, throttled)
    VALUES ($1, date_trunc('minute', now()), $2::bigint, $3::bigint, $4::bigint, $5::bigint)
    ON CONFLICT (pacing_key, minute) DO UPDATE
    SET calls = m.calls + excluded.calls, devices = m.devices + excluded.devices,
        failures = m.failures + excluded.failures, throttled = m.throttled + excluded.throttled)"};

std::optional<double> optional_number(const db::Rows& rows, int column) {
    const auto text = rows.optional_text(0, column);
    return text ? std::optional(std::stod(*text)) : std::nullopt;
}

std::string number_text(double number) {
    return fmt::format("{}", number);
}

}  // namespace

Result<TurnStart> begin_turn(db::Connection& connection, const TurnRequest& request) {
    const auto rows = connection.exec(kBegin, Params()
                                                  .add(request.pacing_key)
                                                  .add(request.holder)
                                                  .add(request.wanted)
                                                  .add(request.most)
                                                  .add(request.day_quota)
                                                  .add(request.lease.count())
                                                  .add(kProbeLease.count()));
    if (!rows) return rows.error();
    TurnStart start;
    start.slots = static_cast<int>(rows->integer(0, 0));
    start.is_probe = rows->boolean(0, 1);
    start.blocked_for = milliseconds(rows->integer(0, 2));
    if (const auto rate = optional_number(*rows, 3)) {
        start.learned = Learned{*rate, *optional_number(*rows, 4),
                                std::chrono::duration<double>(*optional_number(*rows, 5))};
    }
    start.failures_in_a_row = static_cast<int>(rows->integer(0, 6));
    return start;
}

Result<int> prolong_turn(db::Connection& connection, const TurnRequest& request) {
    CHECK(request.most.has_value());
    const auto rows = connection.exec(kProlong, Params()
                                                    .add(request.pacing_key)
                                                    .add(request.holder)
                                                    .add(request.wanted)
                                                    .add(*request.most)
                                                    .add(request.lease.count()));
    if (!rows) return rows.error();
    return static_cast<int>(rows->integer(0, 0));
}

Result<void> shrink_turn(db::Connection& connection, const std::string& pacing_key,
                         const std::string& holder, int slots) {
    CARRYALL_TRY(connection.exec(kShrink, Params().add(pacing_key).add(holder).add(slots)));
    return {};
}

Result<void> end_turn(db::Connection& connection, const std::string& pacing_key,
                      const std::string& holder, const TurnEnd& end) {
    Params params;
    params.add(pacing_key).add(holder);
    end.reserved_until.empty() ? params.add_null() : params.add(end.reserved_until);
    params.add(end.unused).add(number_text(end.rate > 0 ? end.rate : 1)).add(end.dropped);
    CARRYALL_TRY(connection.exec(kEnd, params.add(end.failures_in_a_row).add(end.has_probe)));
    return {};
}

Result<Reserved> reserve_calls(db::Connection& connection, const std::string& pacing_key,
                               const std::string& holder, double rate, int calls,
                               std::optional<std::int64_t> day_quota) {
    CHECK(rate > 0 && calls > 0);
    const auto try_calls = [&](int wanted) {
        return connection.exec(kReserve, Params()
                                             .add(pacing_key)
                                             .add(wanted)
                                             .add(number_text(rate))
                                             .add(std::int64_t{kLongestQueue.count()})
                                             .add(holder)
                                             .add(day_quota));
    };
    auto rows = try_calls(calls);
    if (!rows) return rows.error();
    Reserved reserved;
    if (rows->empty()) {
        const auto standing =
            connection.exec(kStanding, Params().add(pacing_key).add(holder).add(day_quota));
        if (!standing) return standing.error();
        if (standing->empty()) return base::internal_error("calls are reserved within a turn");
        const std::int64_t left = standing->is_null(0, 2) ? calls : standing->integer(0, 2);
        reserved.wait = milliseconds(standing->integer(0, 0));
        reserved.is_blocked = reserved.wait.count() > 0;
        if (!reserved.is_blocked && left <= 0) {
            reserved.wait = milliseconds(standing->integer(0, 3));
            reserved.is_blocked = true;
        } else if (!reserved.is_blocked && left < calls) {
            calls = static_cast<int>(left);
            rows = try_calls(calls);  // the last of the day
            if (!rows) return rows.error();
        } else if (!reserved.is_blocked) {
            reserved.wait = milliseconds(standing->integer(0, 1));
        }
        if (rows->empty()) {
            reserved.wait = std::max<microseconds>(reserved.wait, milliseconds(1));
            return reserved;
        }
    }
    reserved.calls = calls;
    reserved.wait = microseconds(std::max<std::int64_t>(0, rows->integer(0, 0)));
    reserved.reserved_until = rows->string(0, 1);
    return reserved;
}

Result<void> store_pause(db::Connection& connection, const std::string& pacing_key, seconds pause,
                         const std::string& reason) {
    CARRYALL_TRY(connection.exec(kPause, Params().add(pacing_key).add(pause.count()).add(reason)));
    return {};
}

Result<void> store_learned(db::Connection& connection, const std::string& pacing_key,
                           const Learned& learned) {
    CARRYALL_TRY(connection.exec(
        kLearn,
        Params().add(pacing_key).add(number_text(learned.rate)).add(number_text(learned.from))));
    return {};
}

Result<seconds> open_breaker(db::Connection& connection, const std::string& pacing_key,
                             const std::string& holder, const std::string& reason) {
    const auto known = connection.exec(kBreakerTimes, Params().add(pacing_key).add(holder));
    if (!known) return known.error();
    int times = 0;
    if (!known->empty()) {
        if (known->boolean(0, 1)) return seconds(std::max<std::int64_t>(1, known->integer(0, 2)));
        times = static_cast<int>(known->integer(0, 0));
    }
    const seconds opens_for = breaker_opens_for(times);
    CARRYALL_TRY(connection.exec(
        kOpen, Params().add(pacing_key).add(holder).add(opens_for.count()).add(reason)));
    return opens_for;
}

Result<void> close_breaker(db::Connection& connection, const std::string& pacing_key) {
    CARRYALL_TRY(connection.exec(kClose, Params().add(pacing_key)));
    return {};
}

Result<void> add_figures(db::Connection& connection, const std::string& pacing_key,
                         const Figures& figures) {
    CARRYALL_TRY(connection.exec(kFigures, Params()
                                               .add(pacing_key)
                                               .add(figures.calls)
                                               .add(figures.devices)
                                               .add(figures.failures)
                                               .add(figures.throttled)));
    return {};
}

}  // namespace carryall::accounts
