// When the next call of an account may start, for everybody who makes calls. The database is the
// truth that all workers share: a row an account with its next free slot, its pause, its breaker
// and its quota (pace_store.hpp). A worker takes turns at an account and reserves calls in small
// batches, which it deals out evenly.
//
// What must stay true: over all workers, restarts and kills no more calls start than the rate
// allows, no more are in flight than the account takes, and none beyond the day's quota.
#pragma once

#include <chrono>
#include <limits>
#include <optional>
#include <string>

#include "accounts/account.hpp"
#include "accounts/pace_rules.hpp"
#include "db/postgres.hpp"
#include "http/client.hpp"

namespace carryall::accounts {

// A wait that is longer is not waited for: the work is left for later.
inline constexpr std::chrono::milliseconds kLongestQueue{5'000};

// What drives calls asks; tests have their own.
class Pace {
  public:
    virtual ~Pace() = default;
    // Zero: a call may start now (and is counted). Otherwise how long to wait before asking again;
    // long waits make the run leave the page for later.
    virtual std::chrono::milliseconds next_call() = 0;
    // The outside system asked to leave the whole account alone for a while.
    virtual void pause(std::chrono::seconds pause) = 0;
    // Every answer, once. Slows down after a 429 and opens the breaker after failures in a row.
    virtual void answered(const http::ClientResponse& answer) { static_cast<void>(answer); }
    // Calls that may be in flight now.
    virtual int most_in_flight() { return std::numeric_limits<int>::max(); }
    // At most so many calls will be asked for: no more are reserved.
    virtual void expect(std::size_t calls) { static_cast<void>(calls); }
    // The breaker is open: conversations under way are broken off, too.
    virtual bool is_down() const { return false; }
};

// What was called, for the account's figures.
struct Figures {
    std::int64_t calls = 0;
    std::int64_t devices = 0;
    std::int64_t failures = 0;
    std::int64_t throttled = 0;
};

// One for each account and thread. Between begin_turn and end_turn it makes calls.
class AccountPace : public Pace {
  public:
    // `holder` names the thread among all workers.
    AccountPace(db::Connection& connection, std::string holder)
        : connection_(connection), holder_(std::move(holder)) {}

    // How long the account must be left alone; zero: the turn has begun. One round trip. `lease`:
    // after it, unless prolonged, others may have this turn's calls in flight.
    Result<std::chrono::milliseconds> begin_turn(const std::string& pacing_key,
                                                 const Limits& limits, int wanted_in_flight,
                                                 std::chrono::seconds lease);
    // The calls in flight that are not needed any more are others'.
    void shrink_turn(int in_flight);
    // Gives back what was not used. Harmless without a turn.
    void end_turn();
    void prolong_turn(std::chrono::seconds lease);
    // Writes figures that are older than a few seconds; all of them if `now`.
    void flush_figures(bool now);

    std::chrono::milliseconds next_call() override;
    void pause(std::chrono::seconds pause) override;
    void answered(const http::ClientResponse& answer) override;
    int most_in_flight() override;
    void expect(std::size_t calls) override { expected_ = calls; }
    bool is_down() const override { return is_down_; }

    // Known from elsewhere: the account is to be left alone for so long.
    void note_block(std::chrono::milliseconds blocked_for);
    // What is left of a pause, an open breaker, a used-up quota.
    std::chrono::milliseconds blocked_for() const;
    void count_devices(std::size_t devices) { figures_.devices += static_cast<int>(devices); }
    // How long answers took lately.
    std::chrono::milliseconds latency() const { return latency_; }
    std::optional<double> rate() const;

  private:
    using Clock = std::chrono::steady_clock;
    void block(std::chrono::milliseconds blocked_for);
    void forget_passed_slots(Clock::time_point now);
    std::chrono::milliseconds reserve(double rate);
    void throttled(const http::ClientResponse& answer);
    void failed(const http::ClientResponse& answer);
    void succeeded();
    double measured_rate() const;

    db::Connection& connection_;
    std::string holder_;
    std::string pacing_key_;
    Limits limits_;
    std::chrono::seconds lease_{60};
    bool has_turn_ = false;

    int wanted_ = 0;
    int slots_ = 0;  // calls in flight that are ours
    Clock::time_point topped_up_at_;

    Clock::time_point blocked_until_;
    Clock::time_point pause_stored_until_;
    bool is_probe_ = false;
    bool is_down_ = false;
    int failures_in_a_row_ = 0;

    std::optional<Learned> learned_;  // as of learned_at_
    Clock::time_point learned_at_;

    std::size_t expected_ = std::numeric_limits<std::size_t>::max();
    int reserved_ = 0;
    int dropped_ = 0;             // reserved and passed unused
    std::string reserved_until_;  // the account's next free slot behind our last batch
    Clock::time_point next_;
    Clock::duration spacing_{0};

    Figures figures_;
    Clock::time_point figures_since_;
    Clock::time_point measured_since_;
    double measured_before_ = 0;  // calls a second of the time before
    std::int64_t measured_calls_ = 0;
    std::chrono::milliseconds latency_{0};
};

}  // namespace carryall::accounts
