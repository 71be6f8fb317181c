// The threads on which handlers run, with a bounded queue in front of them. What must stay true:
// try_post() never blocks and never queues more than the limit; tasks that continue something that
// was let in before (the next chunk of a stream) are bounded by the connections and always taken.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace carryall::http {

class HandlerPool {
  public:
    HandlerPool(std::size_t threads, std::size_t max_queued);
    ~HandlerPool();
    HandlerPool(const HandlerPool&) = delete;
    HandlerPool& operator=(const HandlerPool&) = delete;

    bool try_post(std::function<void()> task);  // false: the queue is full or stopped
    void post_continuation(std::function<void()> task);
    // Finishes what runs, forgets what is queued.
    void stop();

  private:
    void run();

    const std::size_t max_queued_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    bool stopped_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace carryall::http
