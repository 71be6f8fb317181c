// When the next call of an account may start. The database is the truth that all workers share; a
// worker reserves calls in small batches and deals them out at the account's rate.
#pragma once

#include <chrono>

#include "accounts/account.hpp"
#include "db/postgres.hpp"

namespace carryall::accounts {

// What drives calls asks; tests have their own.
class Pace {
  public:
    virtual ~Pace() = default;
    // Zero: a call may start now (and is counted). Otherwise how long to wait before asking again;
    // long waits make the run leave the page for later.
    virtual std::chrono::milliseconds next_call() = 0;
    // The outside system asked to leave the whole account alone for a while.
    virtual void pause(std::chrono::seconds pause) = 0;
};

// Slots are reserved in the database in small batches, so that all workers together keep the rate;
// without a rate every call may start at once, unless the account asked for a pause. One for each
// account and thread.
class AccountPace : public Pace {
  public:
    explicit AccountPace(db::Connection& connection) : connection_(connection) {}

    // `paused_for`: what is left of a pause that is known otherwise.
    void use(const std::string& pacing_key, const Limits& limits,
             std::chrono::milliseconds paused_for);
    std::chrono::milliseconds next_call() override;
    void pause(std::chrono::seconds pause) override;

  private:
    using Clock = std::chrono::steady_clock;
    void forget_passed_slots(Clock::time_point now);
    std::chrono::milliseconds reserve(Clock::time_point now, double rate);

    db::Connection& connection_;
    std::string pacing_key_;
    Limits limits_;
    Clock::time_point paused_until_;
    int reserved_ = 0;
    Clock::time_point next_;
    Clock::duration spacing_{0};
};

// Reserves `calls` calls at `rate` a second; answers when the first may start. Shared by all
// workers. If that is later than kLongestQueue, nothing is reserved: come back then.
inline constexpr std::chrono::milliseconds kLongestQueue{5'000};
Result<std::chrono::milliseconds> reserve_calls(db::Connection& connection,
                                                const std::string& pacing_key, double rate,
                                                int calls);
// No call of the account before `pause` has passed.
Result<void> pause_account(db::Connection& connection, const std::string& pacing_key,
                           std::chrono::seconds pause);

}  // namespace carryall::accounts
