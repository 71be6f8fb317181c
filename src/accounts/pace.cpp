// Dealing out reserved calls.
#include "accounts/pace.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace carryall::accounts {

using std::chrono::milliseconds;

namespace {

constexpr double kBatchesPerSecond = 4.0;
constexpr int kMaxBatch = 1'000;
// A slot may be used this much late: a round of the loop, or a few calls at a slow account.
constexpr milliseconds kMaxLateness{50};
constexpr int kMaxBurst = 2;
constexpr milliseconds kDatabasePause{500};

}  // namespace

void AccountPace::use(const std::string& pacing_key, const Limits& limits,
                      milliseconds paused_for) {
    pacing_key_ = pacing_key;
    limits_ = limits;
    paused_until_ = std::max(paused_until_, Clock::now() + paused_for);
}

milliseconds AccountPace::next_call() {
    if (pacing_key_.empty()) return milliseconds(0);
    const auto now = Clock::now();
    if (!limits_.rate_per_second) {
        return std::chrono::ceil<milliseconds>(std::max(paused_until_ - now, Clock::duration(0)));
    }
    forget_passed_slots(now);
    if (reserved_ == 0) {
        const milliseconds wait = reserve(now, *limits_.rate_per_second);
        if (reserved_ == 0) return wait;
    }
    if (now < next_) return std::chrono::ceil<milliseconds>(next_ - now);
    next_ += spacing_;
    --reserved_;
    return milliseconds(0);
}

void AccountPace::pause(std::chrono::seconds pause) {
    reserved_ = 0;
    if (pacing_key_.empty()) return;
    paused_until_ = std::max(paused_until_, Clock::now() + pause);
    const auto paused = pause_account(connection_, pacing_key_, pause);
    if (!paused) base::log::warning("pause_not_stored", {{"reason", paused.error().message}});
}

// A slot that passed unused is gone: using it now would exceed the rate, since others have reserved
// the present.
void AccountPace::forget_passed_slots(Clock::time_point now) {
    const auto lateness = std::max<Clock::duration>(kMaxLateness, kMaxBurst * spacing_);
    if (reserved_ == 0 || now - next_ <= lateness) return;
    const auto passed = (now - next_ - lateness) / spacing_ + 1;
    reserved_ -= static_cast<int>(std::min<std::int64_t>(passed, reserved_));
    next_ += passed * spacing_;
}

milliseconds AccountPace::reserve(Clock::time_point now, double rate) {
    const int calls = std::clamp(static_cast<int>(rate / kBatchesPerSecond), 1, kMaxBatch);
    const auto wait = reserve_calls(connection_, pacing_key_, rate, calls);
    if (!wait) return kDatabasePause;
    if (*wait > kLongestQueue) return *wait;
    reserved_ = calls;
    next_ = now + *wait;
    spacing_ = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / rate));
    return milliseconds(0);
}

}  // namespace carryall::accounts
