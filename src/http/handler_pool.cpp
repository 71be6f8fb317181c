// A plain queue under one lock: a handler costs a thousand times as much as taking the lock.
#include "http/handler_pool.hpp"

#include <utility>

namespace carryall::http {

HandlerPool::HandlerPool(std::size_t threads, std::size_t max_queued) : max_queued_(max_queued) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

HandlerPool::~HandlerPool() {
    stop();
}

bool HandlerPool::try_post(std::function<void()> task) {
    {
        const std::lock_guard lock(mutex_);
        if (stopped_ || queue_.size() >= max_queued_) return false;
        queue_.push_back(std::move(task));
    }
    changed_.notify_one();
    return true;
}

void HandlerPool::post_continuation(std::function<void()> task) {
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        queue_.push_back(std::move(task));
    }
    changed_.notify_one();
}

void HandlerPool::stop() {
    std::deque<std::function<void()>> forgotten;  // dies outside the lock
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        forgotten.swap(queue_);
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
}

void HandlerPool::run() {
    while (true) {
        std::function<void()> task;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
            if (stopped_) return;
            task = std::move(queue_.front());
            queue_.pop_front();
        }
        task();
    }
}

}  // namespace carryall::http
