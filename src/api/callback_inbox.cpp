// The group commit of callbacks.
#include "api/callback_inbox.hpp"

#include <utility>

namespace carryall::api {

using accounts::ReceivedCallback;
using base::Result;

Result<void> CallbackInbox::put(db::Pool& pool, const ReceivedCallback& callback) {
    const std::int64_t tenant_id = callback.tenant_id;
    Waiting mine{&callback};
    std::unique_lock lock(mutex_);
    Lane& lane = lanes_[tenant_id];
    lane.queue.push_back(&mine);
    changed_.wait(lock, [&] { return mine.outcome || !lane.is_being_written; });
    if (mine.outcome) return *mine.outcome;

    const std::vector<Waiting*> batch = std::exchange(lane.queue, {});
    lane.is_being_written = true;
    lock.unlock();
    std::vector<Result<void>> outcomes = store(pool, tenant_id, batch);
    lock.lock();
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->outcome = std::move(outcomes[i]);
    lane.is_being_written = false;
    // Whoever still looks at the lane has something in it.
    if (lane.queue.empty()) lanes_.erase(tenant_id);
    changed_.notify_all();
    return *mine.outcome;
}

std::vector<Result<void>> CallbackInbox::store(db::Pool& pool, std::int64_t tenant_id,
                                               const std::vector<Waiting*>& batch) {
    auto connection = pool.acquire();
    if (!connection) return {batch.size(), connection.error()};
    std::vector<const ReceivedCallback*> callbacks;
    callbacks.reserve(batch.size());
    for (const Waiting* waiting : batch) callbacks.push_back(waiting->callback);
    const Result<void> stored = accounts::store_callbacks(**connection, tenant_id, callbacks);
    const bool one_may_spoil_all =
        !stored && batch.size() > 1 && stored.error().kind != base::ErrorKind::unavailable;
    if (!one_may_spoil_all) return {batch.size(), stored};
    std::vector<Result<void>> outcomes;
    outcomes.reserve(batch.size());
    for (const ReceivedCallback* callback : callbacks) {
        outcomes.push_back(accounts::store_callbacks(**connection, tenant_id, {callback}));
    }
    return outcomes;
}

std::size_t CallbackInbox::waiting() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& [tenant, lane] : lanes_) count += lane.queue.size();
    return count;
}

}  // namespace carryall::api
