// One connection for all sources, opened when it is needed and again after it broke.
#include "db/gauges.hpp"

#include "base/log.hpp"

namespace carryall::db {

using std::chrono::steady_clock;

Gauges::Snapshots Gauges::read() {
    const std::lock_guard lock(mutex_);
    const auto now = steady_clock::now();
    if (has_read_ && now < read_at_ + kFresh) return last_;
    read_at_ = now;
    has_read_ = true;
    last_.clear();
    for (const Source source : sources_) {
        auto snapshots = ask(source);
        if (!snapshots) {
            base::log::warning("gauges_not_read", {{"reason", snapshots.error().message}});
            connection_.reset();
            continue;
        }
        std::move(snapshots->begin(), snapshots->end(), std::back_inserter(last_));
    }
    return last_;
}

Result<Gauges::Snapshots> Gauges::ask(Source source) {
    if (!connection_) {
        auto opened = Connection::open(database_);
        if (!opened) return opened.error();
        connection_ = std::move(opened).value();
    }
    return source(*connection_);
}

}  // namespace carryall::db
