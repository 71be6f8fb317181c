#include "charges/finish_rules.hpp"

#include <algorithm>
#include <cmath>

#include "billing/revio/revio.hpp"

namespace carryall::charges {

std::optional<std::int64_t> seconds_to_send(const AccountLoad& load) {
    constexpr std::int64_t kDay = 86'400;
    if (load.calls == 0) return load.blocked_seconds;
    if (load.is_unpaced) return std::nullopt;
    const double rate = load.rate_per_second.value_or(billing::revio::kDefaultRatePerSecond);
    const std::int64_t quota = load.day_quota.value_or(billing::revio::kCallsPerDay);
    const auto paced = [&](std::int64_t calls) {
        return static_cast<std::int64_t>(std::ceil(static_cast<double>(calls) / rate));
    };
    // What a day takes: its quota, or what the rate leaves room for.
    const std::int64_t rest_of_today = std::max<std::int64_t>(
        0, std::min(quota - load.used_today,
                    static_cast<std::int64_t>(
                        rate * static_cast<double>(std::max<std::int64_t>(
                                   0, load.seconds_to_midnight - load.blocked_seconds)))));
    if (load.calls <= rest_of_today) return load.blocked_seconds + paced(load.calls);
    const std::int64_t a_day = std::max<std::int64_t>(
        1, std::min(quota, static_cast<std::int64_t>(rate * static_cast<double>(kDay))));
    const std::int64_t later = load.calls - rest_of_today;
    const std::int64_t whole_days = (later - 1) / a_day;
    return std::max(load.seconds_to_midnight, load.blocked_seconds) + whole_days * kDay +
           paced(later - whole_days * a_day);
}

}  // namespace carryall::charges
