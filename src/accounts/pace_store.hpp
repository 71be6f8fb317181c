// The rows in which all workers share how an account stands: account_pace, account_turn,
// account_minute. Every statement is one round trip.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "accounts/pace.hpp"
#include "db/postgres.hpp"

namespace carryall::accounts {

struct TurnRequest {
    std::string pacing_key;
    std::string holder;
    int wanted = 1;
    std::optional<int> most;
    std::optional<std::int64_t> day_quota;
    std::chrono::seconds lease{60};
};
struct TurnStart {
    int slots = 0;  // 0 with a limit of calls in flight: none is free
    bool is_probe = false;
    std::chrono::milliseconds blocked_for{0};
    std::optional<Learned> learned;
    int failures_in_a_row = 0;
};
Result<TurnStart> begin_turn(db::Connection& connection, const TurnRequest& request);
// Keeps the turn, and takes more of the calls in flight if some are free. Answers how many it has.
Result<int> prolong_turn(db::Connection& connection, const TurnRequest& request);
Result<void> shrink_turn(db::Connection& connection, const std::string& pacing_key,
                         const std::string& holder, int slots);

struct TurnEnd {
    int unused = 0;              // reserved slots at the end of the last batch
    int dropped = 0;             // reserved and passed
    std::string reserved_until;  // as Reserved tells it
    double rate = 0;             // of the reservation
    int failures_in_a_row = 0;
    bool has_probe = false;  // taken and not made
};
Result<void> end_turn(db::Connection& connection, const std::string& pacing_key,
                      const std::string& holder, const TurnEnd& end);

struct Reserved {
    int calls = 0;  // 0: none; come back after `wait`
    std::chrono::microseconds wait{0};
    bool is_blocked = false;     // by a pause, the breaker or the quota, not by the rate
    std::string reserved_until;  // names this batch when its rest is given back
};
// Reserves up to `calls` calls at `rate` a second for all workers; the first may start after
// `wait`. Nothing if that is later than kLongestQueue.
Result<Reserved> reserve_calls(db::Connection& connection, const std::string& pacing_key,
                               const std::string& holder, double rate, int calls,
                               std::optional<std::int64_t> day_quota);

// No call of the account before `pause` has passed.
Result<void> store_pause(db::Connection& connection, const std::string& pacing_key,
                         std::chrono::seconds pause, const std::string& reason);
// Once for all 429s of about the same time.
Result<void> store_learned(db::Connection& connection, const std::string& pacing_key,
                           const Learned& learned);
// Answers how long the breaker is open. An open one stays as it is, unless its prober reports.
Result<std::chrono::seconds> open_breaker(db::Connection& connection, const std::string& pacing_key,
                                          const std::string& holder, const std::string& reason);
Result<void> close_breaker(db::Connection& connection, const std::string& pacing_key);

Result<void> add_figures(db::Connection& connection, const std::string& pacing_key,
                         const Figures& figures);

}  // namespace carryall::accounts
