// Figures that are the database's, as metrics: read when somebody scrapes, so every process shows
// the same ones. Whoever scrapes several takes the maximum, not the sum.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "base/metrics.hpp"
#include "base/secret.hpp"
#include "db/postgres.hpp"

namespace carryall::db {

// Threads may share it.
class Gauges {
  public:
    using Snapshots = std::vector<base::metrics::Snapshot>;
    using Source = Result<Snapshots> (*)(Connection& connection);

    // Scrapers that come together cost one question.
    static constexpr std::chrono::seconds kFresh{5};

    Gauges(base::Secret database, std::vector<Source> sources)
        : database_(std::move(database)), sources_(std::move(sources)) {}
    // Asks every source if the last answers are older than kFresh. Of a source that cannot be
    // asked: nothing, for old figures would look like present ones.
    Snapshots read();

  private:
    Result<Snapshots> ask(Source source);

    base::Secret database_;
    std::vector<Source> sources_;
    std::mutex mutex_;
    std::unique_ptr<Connection> connection_;
    Snapshots last_;
    std::chrono::steady_clock::time_point read_at_;
    bool has_read_ = false;
};

}  // namespace carryall::db
