#include "api/rate_limit.hpp"

#include <gtest/gtest.h>

namespace carryall::api {
namespace {

using std::chrono::seconds;

const RateLimiter::TimePoint kStart{};

TEST(RateLimiter, a_full_budget_may_be_spent_at_once_and_comes_back_evenly) {
    RateLimiter limiter(6, seconds(60));
    for (int left = 5; left >= 0; --left) {
        const RateDecision decision = limiter.take("a", kStart);
        EXPECT_TRUE(decision.allowed);
        EXPECT_EQ(decision.limit, 6);
        EXPECT_EQ(decision.remaining, left);
        EXPECT_EQ(decision.reset_seconds, (6 - left) * 10);
    }
    const RateDecision refused = limiter.take("a", kStart + seconds(4));
    EXPECT_FALSE(refused.allowed);
    EXPECT_EQ(refused.remaining, 0);
    EXPECT_EQ(refused.retry_after_seconds, 6);
    EXPECT_TRUE(limiter.take("a", kStart + seconds(10)).allowed);
    EXPECT_FALSE(limiter.take("a", kStart + seconds(10)).allowed);
}

TEST(RateLimiter, keys_do_not_share_a_budget) {
    RateLimiter limiter(1, seconds(60));
    EXPECT_TRUE(limiter.take("a", kStart).allowed);
    EXPECT_TRUE(limiter.take("b", kStart).allowed);
    EXPECT_FALSE(limiter.take("a", kStart).allowed);
}

TEST(RateLimiter, a_look_takes_nothing) {
    RateLimiter limiter(1, seconds(60));
    EXPECT_TRUE(limiter.look("a", kStart).allowed);
    EXPECT_TRUE(limiter.look("a", kStart).allowed);
    EXPECT_TRUE(limiter.take("a", kStart).allowed);
    EXPECT_FALSE(limiter.look("a", kStart).allowed);
}

TEST(RateLimiter, a_clock_that_jumps_back_gives_nothing_away) {
    RateLimiter limiter(1, seconds(60));
    EXPECT_TRUE(limiter.take("a", kStart + seconds(100)).allowed);
    EXPECT_FALSE(limiter.take("a", kStart).allowed);
    EXPECT_FALSE(limiter.take("a", kStart + seconds(159)).allowed);
    EXPECT_TRUE(limiter.take("a", kStart + seconds(160)).allowed);
}

TEST(RateLimiter, a_flood_of_keys_takes_no_memory_and_frees_no_busy_one) {
    constexpr std::size_t kKeys = 10;
    RateLimiter limiter(1, seconds(60), kKeys);
    for (std::size_t i = 0; i < kKeys; ++i) {
        EXPECT_TRUE(limiter.take("busy " + std::to_string(i), kStart).allowed);
    }
    // All further keys share one bucket.
    EXPECT_TRUE(limiter.take("flood 0", kStart).allowed);
    for (int i = 1; i < 100; ++i) {
        EXPECT_FALSE(limiter.take("flood " + std::to_string(i), kStart).allowed);
    }
    EXPECT_LE(limiter.keys(), kKeys + 1);
    EXPECT_FALSE(limiter.take("busy 0", kStart).allowed);
    // Full ones are forgotten when room is needed.
    EXPECT_TRUE(limiter.take("new", kStart + seconds(60)).allowed);
    EXPECT_LE(limiter.keys(), kKeys + 1);
}

}  // namespace
}  // namespace carryall::api
