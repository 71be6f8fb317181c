// Two families: messages by queue and state, and how long the first ready one of each waits.
#include "queue/queue_gauges.hpp"

#include "queue/queue.hpp"

namespace carryall::queue {

using base::metrics::Snapshot;

base::Result<std::vector<Snapshot>> read_queue_gauges(db::Connection& connection) {
    const auto queues = status(connection);
    if (!queues) return queues.error();
    Snapshot messages{
        "carryall_queue_messages", "Messages of queues by state, over all tenants.", {}};
    Snapshot waits{"carryall_queue_oldest_ready_seconds",
                   "How long the message waits that has been ready for longest.",
                   {}};
    for (const QueueStatus& queue : *queues) {
        const auto add = [&](const char* state, std::int64_t count) {
            messages.gauges.push_back(
                {{{"queue", queue.queue}, {"state", state}}, static_cast<double>(count)});
        };
        add("ready", queue.ready);
        add("delayed", queue.delayed);
        add("leased", queue.leased);
        add("dead", queue.dead);
        waits.gauges.push_back({{{"queue", queue.queue}},
                                static_cast<double>(queue.oldest_ready_seconds.value_or(0))});
    }
    return std::vector<Snapshot>{std::move(messages), std::move(waits)};
}

}  // namespace carryall::queue
