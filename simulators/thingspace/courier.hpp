// The thread that lets the engine work when something is due and carries its callbacks to the
// listeners. It holds the system's lock in short turns, so that requests get theirs.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

#include "clock.hpp"
#include "thingspace/callback_sender.hpp"
#include "thingspace/engine.hpp"

namespace carryall::simulators::thingspace {

class Courier {
  public:
    Courier(World& world, Engine& engine, const Knobs& knobs, const Clock& clock,
            std::mutex& mutex);
    ~Courier();
    Courier(const Courier&) = delete;
    Courier& operator=(const Courier&) = delete;

    void wake() { sender_.wake(); }  // from any thread
    // With the lock held: something may be due earlier than this thread wakes up for.
    void look_again();

  private:
    void run();
    int turn();  // with the lock held; how long nothing is due, in milliseconds
    void hand_out();

    World& world_;
    Engine& engine_;
    const Knobs& knobs_;
    const Clock& clock_;
    std::mutex& mutex_;
    CallbackSender sender_;
    std::string body_;
    std::int64_t awake_at_micros_ = 0;  // with the lock held
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace carryall::simulators::thingspace
