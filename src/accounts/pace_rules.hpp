// How an account is slowed down and left alone: pure decisions about what its answers mean for the
// account as a whole.
//
//   learning   a 429 multiplies the rate by kDecrease; it comes back by kRecovery of the rate that
//              was too much each second, up to the limit. An account without a limit has learned
//              nothing any more once it is far above that rate.
//   breaker    closed ──kFailuresToOpen calls in a row failed──▶ open for 15 s ──▶ one probe
//              probe answered ──▶ closed;  probe failed ──▶ open for twice as long, up to 5 min
#pragma once

#include <chrono>
#include <optional>

#include "http/client.hpp"

namespace carryall::accounts {

// What one answer tells of the account, whatever it means for the device at hand.
enum class Sign {
    answered,   // the system is there, also if it refused
    throttled,  // 429
    failed,     // no answer, a 5xx, or the page of a gateway in front of the system
};
Sign sign_of(const http::ClientResponse& answer);

struct Learned {
    double rate = 0;  // calls a second right after the last 429
    double from = 0;  // that were too much
    std::chrono::duration<double> age{0};
};
inline constexpr double kDecrease = 0.7;
inline constexpr double kRecovery = 0.005;  // of `from`, a second
inline constexpr double kForgottenAt = 2;   // times `from`, without a limit
inline constexpr double kLowestRate = 0.05;
// After a 429 at `rate` calls a second.
Learned slow_down(double rate);
// What the account may be called at now; none: no limit.
std::optional<double> rate_now(std::optional<double> limit, const std::optional<Learned>& learned);

inline constexpr int kFailuresToOpen = 8;
// `times`: openings before this one without a success between them.
std::chrono::seconds breaker_opens_for(int times);

// When a backlog is done at the present pace; none if that cannot be told.
std::optional<std::chrono::seconds> time_to_finish(std::int64_t open_devices,
                                                   double devices_per_second,
                                                   std::chrono::seconds blocked_for);

}  // namespace carryall::accounts
