// Token buckets by a text key, in memory: how many requests one API token may make, how many bad
// tokens one address may try. Each API process counts for itself. What must stay true: memory is
// bounded however many keys appear, and forgetting a key can only happen to one that is full again
// or, when the table is full of busy keys, to none: then new keys share one bucket.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace carryall::api {

struct RateDecision {
    bool allowed = true;
    std::int64_t limit = 0;                // requests in a window
    std::int64_t remaining = 0;            // that could be made at once
    std::int64_t reset_seconds = 0;        // until all of the limit is there again
    std::int64_t retry_after_seconds = 0;  // until one is, if refused
};

class RateLimiter {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::size_t kMaxKeys = 50'000;

    // `limit` requests in `window`, of which all may come at once.
    RateLimiter(std::int64_t limit, std::chrono::seconds window, std::size_t max_keys = kMaxKeys);

    RateDecision take(std::string_view key, TimePoint now);
    // As take, but takes nothing.
    RateDecision look(std::string_view key, TimePoint now);
    std::size_t keys() const;

  private:
    struct Bucket {
        double tokens = 0;
        TimePoint at;
    };
    RateDecision decide(std::string_view key, TimePoint now, bool take);
    Bucket& bucket_of(std::string_view key, TimePoint now);
    void forget_full_ones(TimePoint now);
    double refilled(const Bucket& bucket, TimePoint now) const;

    const double limit_;
    const double per_second_;
    const std::size_t max_keys_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace carryall::api
