// The arithmetic of learning, breaking and estimating.
#include "accounts/pace_rules.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace carryall::accounts {

using std::chrono::seconds;

namespace {

constexpr int kTooManyRequests = 429;
constexpr int kFirstServerError = 500;
constexpr seconds kFirstOpening{15};
constexpr seconds kLongestOpening{300};

// The systems spoken to answer JSON; a web page is of something in front of them.
bool is_web_page(const http::ClientResponse& answer) {
    const std::string head = base::ascii_lower(base::trim(answer.body).substr(0, 14));
    return head.starts_with("<html") || head.starts_with("<!doctype html");
}

}  // namespace

Sign sign_of(const http::ClientResponse& answer) {
    if (answer.transport != http::Transport::ok) return Sign::failed;
    if (answer.status == kTooManyRequests) return Sign::throttled;
    if (answer.status >= kFirstServerError || is_web_page(answer)) return Sign::failed;
    return Sign::answered;
}

Learned slow_down(double rate) {
    return {std::max(kLowestRate, rate * kDecrease), std::max(kLowestRate, rate), {}};
}

std::optional<double> rate_now(std::optional<double> limit, const std::optional<Learned>& learned) {
    if (!learned) return limit;
    const double rate = learned->rate + kRecovery * learned->from * learned->age.count();
    if (limit) return std::min(*limit, rate);
    return rate >= kForgottenAt * learned->from ? std::nullopt : std::optional(rate);
}

seconds breaker_opens_for(int times) {
    constexpr int kDoublings = 5;
    return std::min(kFirstOpening * (1 << std::clamp(times, 0, kDoublings)), kLongestOpening);
}

std::optional<seconds> time_to_finish(std::int64_t open_devices, double devices_per_second,
                                      seconds blocked_for) {
    if (open_devices <= 0) return seconds(0);
    if (devices_per_second <= 0) return std::nullopt;
    const double needed = std::ceil(static_cast<double>(open_devices) / devices_per_second);
    constexpr double kLongest = 1e9;
    if (needed > kLongest) return std::nullopt;
    return seconds(static_cast<std::int64_t>(needed)) + blocked_for;
}

}  // namespace carryall::accounts
