// The wall clock in microseconds, read through the vDSO (no system call on Linux).
#include "clock.hpp"

#include <ctime>

namespace carryall::simulators {

std::int64_t Clock::now_micros() const {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * kMicrosPerSecond + now.tv_nsec / 1000 +
           offset_micros_.load(std::memory_order_relaxed);
}

}  // namespace carryall::simulators
