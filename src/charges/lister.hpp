// Works the queue of parts that have settled. A thread of its own: a file store that takes minutes
// to answer, or a list of a million rows, holds no charge back.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "charges/part_check.hpp"
#include "queue/queue.hpp"

namespace carryall::charges {

class Lister {
  public:
    // The pace of `settings` is set here: its waits end when `stopping` is set.
    Lister(CheckSettings settings, const base::MasterKey& key,
           std::unique_ptr<db::Connection> connection, const std::atomic<bool>& stopping);

    // Receives one message and works it; false if there was none.
    Result<bool> work_one();
    // Until a message may have come, or the time has passed.
    Result<void> wait_for_work(std::chrono::milliseconds at_most);
    bool is_usable() const { return connection_->is_usable(); }

  private:
    Result<void> work(const queue::Message& message);
    bool wait(const queue::Message& message, std::chrono::milliseconds time);

    CheckSettings settings_;
    const base::MasterKey& key_;
    std::unique_ptr<db::Connection> connection_;
    const std::atomic<bool>& stopping_;
    std::unique_ptr<queue::Queue> queue_;
};

}  // namespace carryall::charges
