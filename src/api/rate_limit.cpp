// The token buckets.
#include "api/rate_limit.hpp"

#include <algorithm>
#include <cmath>

namespace carryall::api {

RateLimiter::RateLimiter(std::int64_t limit, std::chrono::seconds window, std::size_t max_keys)
    : limit_(static_cast<double>(limit)),
      per_second_(static_cast<double>(limit) / static_cast<double>(window.count())),
      max_keys_(max_keys) {}

RateDecision RateLimiter::take(std::string_view key, TimePoint now) {
    return decide(key, now, true);
}

RateDecision RateLimiter::look(std::string_view key, TimePoint now) {
    return decide(key, now, false);
}

std::size_t RateLimiter::keys() const {
    const std::lock_guard lock(mutex_);
    return buckets_.size();
}

RateDecision RateLimiter::decide(std::string_view key, TimePoint now, bool take) {
    const std::lock_guard lock(mutex_);
    Bucket& bucket = bucket_of(key, now);
    bucket.tokens = refilled(bucket, now);
    bucket.at = std::max(bucket.at, now);
    RateDecision decision;
    decision.limit = static_cast<std::int64_t>(limit_);
    decision.allowed = bucket.tokens >= 1;
    if (decision.allowed && take) bucket.tokens -= 1;
    decision.remaining = static_cast<std::int64_t>(bucket.tokens);
    decision.reset_seconds =
        static_cast<std::int64_t>(std::ceil((limit_ - bucket.tokens) / per_second_));
    if (!decision.allowed) {
        decision.retry_after_seconds = std::max<std::int64_t>(
            1, static_cast<std::int64_t>(std::ceil((1 - bucket.tokens) / per_second_)));
    }
    return decision;
}

RateLimiter::Bucket& RateLimiter::bucket_of(std::string_view key, TimePoint now) {
    const auto found = buckets_.find(std::string(key));
    if (found != buckets_.end()) return found->second;
    if (buckets_.size() >= max_keys_) forget_full_ones(now);
    // Full of busy keys: a flood of made-up keys must not buy fresh buckets.
    const std::string name = buckets_.size() >= max_keys_ ? std::string() : std::string(key);
    return buckets_.try_emplace(name, Bucket{limit_, now}).first->second;
}

void RateLimiter::forget_full_ones(TimePoint now) {
    std::erase_if(buckets_, [&](const auto& item) { return refilled(item.second, now) >= limit_; });
}

double RateLimiter::refilled(const Bucket& bucket, TimePoint now) const {
    if (now <= bucket.at) return bucket.tokens;
    const std::chrono::duration<double> passed = now - bucket.at;
    return std::min(limit_, bucket.tokens + passed.count() * per_second_);
}

}  // namespace carryall::api
