// Time as a parameter. Wall-clock instants are microseconds since 1970 UTC, as in PostgreSQL.
// Leases and due times never use this clock: they use the database's (docs/ARCHITECTURE.md,
// "Time").
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace carryall::base {

using Instant = std::chrono::sys_time<std::chrono::microseconds>;

class Clock {
  public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;
    virtual std::chrono::steady_clock::time_point steady_now() const = 0;
};

// The machine's clock.
const Clock& system_clock();

// A clock that stands still until it is moved. For tests.
class ManualClock : public Clock {
  public:
    explicit ManualClock(Instant start) : now_(start) {}
    Instant now() const override { return now_; }
    std::chrono::steady_clock::time_point steady_now() const override {
        return std::chrono::steady_clock::time_point(now_.time_since_epoch());
    }
    void advance(std::chrono::microseconds step) { now_ += step; }

  private:
    Instant now_;
};

// "2026-03-01T12:00:00.123456Z"; trailing zeros of the fraction are left out.
std::string to_iso8601(Instant instant);

// Accepts "2026-03-01", "2026-03-01T12:00[:00[.123456]]" with "Z" or an offset "+02:00"; without
// either the time is taken as UTC. Errors say what was expected.
Result<Instant> parse_iso8601(std::string_view text);

}  // namespace carryall::base
