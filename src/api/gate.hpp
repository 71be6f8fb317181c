// The filter chain in front of every handler: source limits, token, permission, rate, query
// parameters, content type, in this order, from the route table alone. It runs before a large body
// is read. What must stay true: no handler with a permission runs without a caller that holds it;
// every answer counts in the metrics and carries the rate headers; a source that tries bad tokens
// is stopped without a database query, while tokens known to be good go on working from there.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "api/call.hpp"
#include "api/rate_limit.hpp"
#include "api/route.hpp"
#include "base/metrics.hpp"
#include "http/message.hpp"

namespace carryall::api {

// What the chain found out, in Request::context.
struct Admission {
    const Route* route = nullptr;
    tenants::Caller caller;
    std::optional<RateDecision> rate;
};

class Gate {
  public:
    Gate(Services& services, const Routes& routes);

    // The server's hooks.
    std::optional<http::Response> before(http::Request& request);
    void after(const http::Request& request, http::Response& response,
               std::chrono::microseconds elapsed);

  private:
    base::Result<tenants::Caller> authenticate(const http::Request& request);
    base::Result<void> admit(http::Request& request, Admission& admission);
    base::Result<void> admit_without_token(const http::Request& request, Admission& admission);
    base::Result<void> spend(RateLimiter& limiter, std::string_view key, Admission& admission);
    RateLimiter& limiter_of(RateClass rate);
    void remember_good(const std::string& token_hash);
    bool is_known_good(const std::string& token_hash) const;
    void count(const http::Request& request, int status, std::chrono::microseconds elapsed);

    static constexpr std::size_t kMaxKnownGood = 10'000;

    struct Meters {
        std::map<int, prometheus::Counter*> by_status;
        prometheus::Histogram* duration = nullptr;
    };

    Services& services_;
    const Routes& routes_;
    tenants::Authenticator authenticator_;
    RateLimiter open_;
    RateLimiter reads_;
    RateLimiter writes_;
    RateLimiter uploads_;
    RateLimiter callbacks_;
    RateLimiter bad_tokens_;
    mutable std::mutex known_good_mutex_;
    std::unordered_set<std::string> known_good_;
    std::mutex meters_mutex_;
    std::map<std::string, Meters, std::less<>> meters_;
};

}  // namespace carryall::api
