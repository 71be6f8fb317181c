// What is not kept for ever: callbacks and the figures by minute. What must stay true: nothing that
// is still looked at goes (an orphan is looked for during a week), and one pass does a bounded
// amount of work, so that a backlog of years does not hold up the housekeeper.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "db/postgres.hpp"

namespace carryall::accounts {

inline constexpr std::chrono::days kFiguresKept{7};
// Longer than orphans are looked for.
inline constexpr int kLeastCallbackDays = 8;
inline constexpr int kDefaultCallbackDays = 90;
inline constexpr int kForgetBatch = 5'000;  // rows of a statement

struct Forgotten {
    std::int64_t figures = 0;
    std::int64_t callbacks = 0;
    bool is_more = false;  // a batch was full
};
// One batch of figures, and one of callbacks for each tenant. `now`: tests travel in time; else the
// database's clock.
base::Result<Forgotten> forget_old(db::Connection& connection, std::chrono::days callbacks_kept,
                                   std::optional<base::Instant> now = {});

}  // namespace carryall::accounts
