// How full the queues are, as metrics: the figures of `carryall queue status`. A queue without a
// message has no members.
#pragma once

#include <vector>

#include "base/metrics.hpp"
#include "db/postgres.hpp"

namespace carryall::queue {

// For db::Gauges. One statement.
base::Result<std::vector<base::metrics::Snapshot>> read_queue_gauges(db::Connection& connection);

}  // namespace carryall::queue
