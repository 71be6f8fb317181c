#include "accounts/reading_turn.hpp"

#include <thread>

namespace carryall::accounts {
namespace {

constexpr std::chrono::seconds kTurn{3};
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kLook{20};

}  // namespace

ReadingTurn::~ReadingTurn() {
    pace_.end_turn();
    pace_.flush_figures(true);
}

Result<std::chrono::milliseconds> ReadingTurn::take(const std::string& pacing_key,
                                                    const Limits& limits, int max_in_flight,
                                                    std::chrono::seconds lease) {
    using std::chrono::milliseconds;
    const auto now = Clock::now();
    if (ends_ && now < *ends_) return milliseconds(0);
    pace_.end_turn();
    ends_.reset();
    while (true) {
        const auto blocked_for = pace_.begin_turn(pacing_key, limits, max_in_flight, lease);
        if (!blocked_for) return blocked_for.error();
        if (blocked_for->count() == 0) {
            ends_ = Clock::now() + kTurn;
            return milliseconds(0);
        }
        const bool waits_for_others = pace_.blocked_for().count() == 0;
        if (!waits_for_others || stopping_ || Clock::now() > now + kPatience) return *blocked_for;
        std::this_thread::sleep_for(kLook);
    }
}

}  // namespace carryall::accounts
