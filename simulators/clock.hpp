// The simulator's time: the wall clock plus an offset that tests move forward, so that rate
// windows, delayed answers and stale reads can be tested without waiting. Time never runs backwards
// by our doing.
#pragma once

#include <atomic>
#include <cstdint>

namespace carryall::simulators {

inline constexpr std::int64_t kMicrosPerMilli = 1000;
inline constexpr std::int64_t kMicrosPerSecond = 1'000'000;

class Clock {
  public:
    std::int64_t now_micros() const;
    void advance(std::int64_t micros) { offset_micros_.fetch_add(micros); }

  private:
    std::atomic<std::int64_t> offset_micros_{0};
};

}  // namespace carryall::simulators
