// Turns at an account of those who read page by page: inventories, charges. The account's calls in
// flight are shared with bulk changes and charges, so a turn is as long as theirs, and is given
// back between two pages when it is over.
#pragma once

#include <atomic>

#include "accounts/pace.hpp"

namespace carryall::accounts {

class ReadingTurn {
  public:
    ReadingTurn(db::Connection& connection, const std::string& holder,
                const std::atomic<bool>& stopping)
        : pace_(connection, holder), stopping_(stopping) {}
    // Gives back what was not used, and writes the figures.
    ~ReadingTurn();
    ReadingTurn(const ReadingTurn&) = delete;
    ReadingTurn& operator=(const ReadingTurn&) = delete;

    // Ours until the turn is over; else takes the next one, waiting a little for others to end
    // theirs. Answers how long the account must be left alone; zero: it is ours for a while.
    Result<std::chrono::milliseconds> take(const std::string& pacing_key, const Limits& limits,
                                           int max_in_flight, std::chrono::seconds lease);
    AccountPace& pace() { return pace_; }

  private:
    using Clock = std::chrono::steady_clock;

    AccountPace pace_;
    const std::atomic<bool>& stopping_;
    std::optional<Clock::time_point> ends_;  // none: no turn at the account
};

}  // namespace carryall::accounts
