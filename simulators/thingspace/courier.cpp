// See courier.hpp.
#include "thingspace/courier.hpp"

#include <algorithm>

namespace carryall::simulators::thingspace {
namespace {

constexpr std::size_t kWorkATurn = 256;
constexpr int kCallbacksATurn = 256;
constexpr std::int64_t kLongestWaitMillis = 50;

}  // namespace

Courier::Courier(World& world, Engine& engine, const Knobs& knobs, const Clock& clock,
                 std::mutex& mutex)
    : world_(world), engine_(engine), knobs_(knobs), clock_(clock), mutex_(mutex) {
    thread_ = std::thread([this] { run(); });
}

Courier::~Courier() {
    stopping_.store(true);
    sender_.wake();
    thread_.join();
}

void Courier::look_again() {
    const std::int64_t due = engine_.next_due_micros();
    if (due >= awake_at_micros_) return;
    awake_at_micros_ = due;
    sender_.wake();
}

void Courier::run() {
    while (!stopping_.load(std::memory_order_relaxed)) {
        int wait = 0;
        {
            const std::lock_guard lock(mutex_);
            wait = turn();
        }
        sender_.poll(wait);
    }
}

int Courier::turn() {
    const Moment now{clock_.now_micros()};
    for (const CallbackResult& result : sender_.results()) {
        engine_.settle(result.ticket, result.acknowledged, now);
    }
    sender_.results().clear();
    const bool more = engine_.run_due(now, kWorkATurn);
    hand_out();
    // With work left it still yields for a moment, because a mutex is not fair. A refused
    // connection is a result at once.
    if (more || !sender_.results().empty()) return 1;
    const std::int64_t due = engine_.next_due_micros();
    const std::int64_t left = due == INT64_MAX ? kLongestWaitMillis * kMicrosPerMilli
                                               : std::max<std::int64_t>(0, due - now.micros);
    const std::int64_t wait =
        std::min(kLongestWaitMillis, (left + kMicrosPerMilli - 1) / kMicrosPerMilli);
    awake_at_micros_ = now.micros + wait * kMicrosPerMilli;
    return static_cast<int>(wait);
}

void Courier::hand_out() {
    int left = kCallbacksATurn;
    for (Registration& registration : world_.accounts.registrations) {
        if (registration.ready.empty()) continue;
        sender_.aim(registration.place, registration.target, registration.version);
        while (!registration.ready.empty() && left-- > 0 &&
               sender_.has_room(registration.place, knobs_.callback_connections)) {
            const std::uint32_t number = registration.ready.front();
            registration.ready.pop_front();
            body_.clear();
            engine_.write_callback(number, body_);
            sender_.post(registration.place, engine_.ticket_of(number), body_,
                         knobs_.callback_timeout_millis);
        }
    }
}

}  // namespace carryall::simulators::thingspace
