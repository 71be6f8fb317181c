// Dealing out reserved calls; what answers mean for the account.
#include "accounts/pace.hpp"

#include <algorithm>

#include "accounts/pace_store.hpp"
#include "base/log.hpp"

namespace carryall::accounts {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr double kBatchesPerSecond = 4.0;
constexpr int kMaxBatch = 1'000;
// Calls are dealt out a little more slowly than allowed: what is late by a round of the loop or on
// the way must not meet the next ones in one second beyond the rate.
constexpr double kUsedShare = 0.97;
// A slot may be used this much late, or half a slot if that is more.
constexpr milliseconds kMaxLateness{20};
constexpr milliseconds kDatabasePause{500};
// Until all calls in flight that an account allows are others'.
constexpr milliseconds kSlotWait{100};
constexpr milliseconds kTopUpEvery{200};
constexpr seconds kFiguresEvery{3};
constexpr seconds kMeasuredOver{10};
// A 429 without a hint.
constexpr seconds kDefaultPause{5};
constexpr seconds kSameTime{2};

template <class T>
void expect_stored(const Result<T>& stored, const char* event) {
    if (!stored) base::log::warning(event, {{"reason", stored.error().message}});
}

}  // namespace

Result<milliseconds> AccountPace::begin_turn(const std::string& pacing_key, const Limits& limits,
                                             int wanted_in_flight, seconds lease) {
    pacing_key_ = pacing_key;
    limits_ = limits;
    lease_ = lease;
    wanted_ = std::max(1, wanted_in_flight);
    if (limits.max_concurrency) wanted_ = std::min(wanted_, *limits.max_concurrency);
    const auto start = accounts::begin_turn(
        connection_,
        {pacing_key, holder_, wanted_, limits.max_concurrency, limits.day_quota, lease});
    if (!start) return start.error();
    has_turn_ = true;
    const auto now = Clock::now();
    blocked_until_ = now + start->blocked_for;
    is_probe_ = start->is_probe;
    is_down_ = false;
    failures_in_a_row_ = start->failures_in_a_row;
    learned_ = start->learned;
    learned_at_ = now;
    slots_ = start->slots;
    topped_up_at_ = now;
    expected_ = std::numeric_limits<std::size_t>::max();
    reserved_ = dropped_ = 0;
    reserved_until_.clear();
    if (start->blocked_for.count() > 0) return start->blocked_for;
    if (limits.max_concurrency && slots_ == 0) return kSlotWait;
    return milliseconds(0);
}

void AccountPace::shrink_turn(int in_flight) {
    if (!has_turn_ || !limits_.max_concurrency || in_flight >= slots_) return;
    slots_ = wanted_ = in_flight;
    expect_stored(accounts::shrink_turn(connection_, pacing_key_, holder_, in_flight),
                  "turn_not_shrunk");
}

void AccountPace::end_turn() {
    if (!has_turn_) return;
    has_turn_ = false;
    // Without limits and without trouble there is nothing to give back.
    const bool has_stake =
        limits_.rate_per_second || limits_.max_concurrency || !reserved_until_.empty() || is_probe_;
    if (has_stake) {
        const double rate =
            spacing_.count() > 0 ? 1 / std::chrono::duration<double>(spacing_).count() : 0;
        expect_stored(accounts::end_turn(connection_, pacing_key_, holder_,
                                         {reserved_, dropped_, reserved_until_, rate,
                                          failures_in_a_row_, is_probe_}),
                      "turn_not_ended");
    }
    reserved_ = dropped_ = 0;
    is_probe_ = false;
    flush_figures(false);
}

void AccountPace::prolong_turn(seconds lease) {
    if (!has_turn_ || !limits_.max_concurrency) return;
    const auto slots = accounts::prolong_turn(
        connection_, {pacing_key_, holder_, wanted_, limits_.max_concurrency, {}, lease});
    topped_up_at_ = Clock::now();
    expect_stored(slots, "turn_not_prolonged");
    if (slots) slots_ = *slots;
}

int AccountPace::most_in_flight() {
    if (is_probe_) return 1;
    if (!limits_.max_concurrency) return std::numeric_limits<int>::max();
    if (slots_ < wanted_ && Clock::now() - topped_up_at_ > kTopUpEvery) prolong_turn(lease_);
    return slots_;
}

std::optional<double> AccountPace::rate() const {
    std::optional<Learned> learned = learned_;
    if (learned) learned->age += Clock::now() - learned_at_;
    return rate_now(limits_.rate_per_second, learned);
}

milliseconds AccountPace::next_call() {
    if (pacing_key_.empty()) return milliseconds(0);
    const auto now = Clock::now();
    if (now < blocked_until_) return std::chrono::ceil<milliseconds>(blocked_until_ - now);
    if (const auto rate = this->rate()) {
        forget_passed_slots(now);
        if (reserved_ == 0) {
            const milliseconds wait = reserve(*rate);
            if (reserved_ == 0) return wait;
        }
        const auto early = next_ - Clock::now();
        if (early.count() > 0) return std::chrono::ceil<milliseconds>(early);
        next_ += spacing_;
        --reserved_;
    }
    if (figures_.calls == 0 && figures_.devices == 0) figures_since_ = now;
    ++figures_.calls;
    if (now - measured_since_ > kMeasuredOver) {
        measured_before_ = now - measured_since_ < 2 * kMeasuredOver ? measured_rate() : 0;
        measured_since_ = now;
        measured_calls_ = 0;
    }
    ++measured_calls_;
    return milliseconds(0);
}

// A slot that passed unused is gone: using it now would exceed the rate, since others have reserved
// the present.
void AccountPace::forget_passed_slots(Clock::time_point now) {
    const auto lateness = std::max<Clock::duration>(kMaxLateness, spacing_ / 2);
    if (reserved_ == 0 || now - next_ <= lateness) return;
    const auto passed = std::min<std::int64_t>((now - next_ - lateness) / spacing_ + 1, reserved_);
    reserved_ -= static_cast<int>(passed);
    dropped_ += static_cast<int>(passed);
    next_ += passed * spacing_;
}

milliseconds AccountPace::reserve(double rate) {
    const double used_rate = rate * kUsedShare;
    int calls = std::clamp(static_cast<int>(rate / kBatchesPerSecond), 1, kMaxBatch);
    if (is_probe_) calls = 1;
    if (expected_ < static_cast<std::size_t>(calls)) {
        calls = std::max(1, static_cast<int>(expected_));
    }
    const auto reserved =
        reserve_calls(connection_, pacing_key_, holder_, used_rate, calls, limits_.day_quota);
    if (!reserved) return kDatabasePause;
    if (reserved->calls == 0) {
        const auto wait = std::chrono::ceil<milliseconds>(reserved->wait);
        if (reserved->is_blocked) block(wait);
        return wait;
    }
    reserved_ = reserved->calls;
    reserved_until_ = reserved->reserved_until;
    next_ = Clock::now() + reserved->wait;
    spacing_ =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / used_rate));
    return milliseconds(0);
}

void AccountPace::block(milliseconds blocked_for) {
    blocked_until_ = std::max(blocked_until_, Clock::now() + blocked_for);
}

// The prober goes on although the breaker is open for everybody else.
void AccountPace::note_block(milliseconds blocked_for) {
    if (!is_probe_) block(blocked_for);
}

milliseconds AccountPace::blocked_for() const {
    return std::chrono::ceil<milliseconds>(
        std::max(blocked_until_ - Clock::now(), Clock::duration(0)));
}

void AccountPace::pause(seconds pause) {
    if (pacing_key_.empty()) return;
    block(pause);
    // Every call in flight may bring the same request to pause.
    if (blocked_until_ < pause_stored_until_ + kSameTime) return;
    pause_stored_until_ = blocked_until_;
    expect_stored(store_pause(connection_, pacing_key_, pause,
                              "asked to call later (too many calls, or a quota used up there)"),
                  "pause_not_stored");
}

void AccountPace::answered(const http::ClientResponse& answer) {
    if (pacing_key_.empty()) return;
    latency_ = (3 * latency_ + std::chrono::duration_cast<milliseconds>(answer.elapsed)) / 4;
    switch (sign_of(answer)) {
        case Sign::answered:
            return succeeded();
        case Sign::throttled:
            succeeded();
            return throttled(answer);
        case Sign::failed:
            return failed(answer);
    }
}

void AccountPace::succeeded() {
    failures_in_a_row_ = 0;
    if (!is_probe_) return;
    is_probe_ = false;
    is_down_ = false;
    base::log::info("breaker_closed", {{"account", pacing_key_}});
    expect_stored(close_breaker(connection_, pacing_key_), "breaker_not_closed");
}

void AccountPace::failed(const http::ClientResponse& answer) {
    ++figures_.failures;
    ++failures_in_a_row_;
    if (is_down_ || (!is_probe_ && failures_in_a_row_ < kFailuresToOpen)) return;
    const std::string reason =
        answer.transport == http::Transport::ok
            ? "HTTP " + std::to_string(answer.status)
            : std::string(to_string(answer.transport)) + ": " + answer.reason;
    const auto opened = open_breaker(connection_, pacing_key_, holder_, reason);
    const seconds opens_for = opened.value_or(breaker_opens_for(0));
    expect_stored(opened, "breaker_not_stored");
    base::log::warning(
        "breaker_opened",
        {{"account", pacing_key_}, {"seconds", opens_for.count()}, {"reason", reason}});
    is_probe_ = false;
    is_down_ = true;
    block(opens_for);
}

void AccountPace::throttled(const http::ClientResponse& answer) {
    ++figures_.throttled;
    const auto now = Clock::now();
    // Calls that were in flight together are throttled together: one lesson.
    const bool is_lesson = !learned_ || now - learned_at_ + learned_->age > kSameTime;
    if (limits_.learns_from_429 && is_lesson) {
        learned_ = slow_down(rate().value_or(measured_rate()));
        learned_at_ = now;
        base::log::warning("account_throttled",
                           {{"account", pacing_key_}, {"ratePerSecond", learned_->rate}});
        expect_stored(store_learned(connection_, pacing_key_, *learned_), "rate_not_stored");
    }
    pause(answer.retry_after.value_or(kDefaultPause));
}

double AccountPace::measured_rate() const {
    constexpr std::chrono::duration<double> kLeast{1};
    const std::chrono::duration<double> over = Clock::now() - measured_since_;
    return std::max(measured_before_,
                    static_cast<double>(measured_calls_) / std::max(over, kLeast).count());
}

void AccountPace::flush_figures(bool now) {
    if (figures_.calls == 0 && figures_.devices == 0 && figures_.failures == 0) return;
    if (!now && Clock::now() - figures_since_ < kFiguresEvery) return;
    expect_stored(add_figures(connection_, pacing_key_, figures_), "figures_not_stored");
    figures_ = {};
}

}  // namespace carryall::accounts
