// When so many calls will have been made, knowing the rate and what a day allows: pure.
#pragma once

#include <cstdint>
#include <optional>

namespace carryall::charges {

struct AccountLoad {
    std::int64_t calls = 0;                 // still to be made
    std::optional<double> rate_per_second;  // none: the integration's default
    std::optional<std::int64_t> day_quota;  // none: the integration's default
    bool is_unpaced = false;                // neither limit
    std::int64_t used_today = 0;
    std::int64_t blocked_seconds = 0;      // paused, or the breaker is open
    std::int64_t seconds_to_midnight = 0;  // UTC, when the quota begins anew
};
// None: an account without limits.
std::optional<std::int64_t> seconds_to_send(const AccountLoad& load);

}  // namespace carryall::charges
