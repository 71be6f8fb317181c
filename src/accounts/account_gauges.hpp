// How accounts stand, as metrics: the figures of GET /v1/accounts for every tenant, read when
// somebody scrapes. They are the database's, so every process shows the same ones: whoever scrapes
// several takes the maximum, not the sum.
#pragma once

#include <chrono>
#include <mutex>
#include <vector>

#include "accounts/account_report.hpp"
#include "base/metrics.hpp"
#include "base/secret.hpp"

namespace carryall::accounts {

// What is not known (no limit, no estimate) has no member in its gauge.
std::vector<base::metrics::Snapshot> gauges_of(const std::vector<AccountReport>& reports);

// Threads may share it.
class AccountGauges {
  public:
    // Scrapers that come together cost one question.
    static constexpr std::chrono::seconds kFresh{5};

    explicit AccountGauges(base::Secret database) : database_(std::move(database)) {}
    // One statement if the last answer is older than kFresh. Without the database: nothing, for old
    // figures would look like present ones.
    std::vector<base::metrics::Snapshot> read();

  private:
    Result<std::vector<AccountReport>> ask();

    base::Secret database_;
    std::mutex mutex_;
    std::unique_ptr<db::Connection> connection_;
    std::vector<base::metrics::Snapshot> last_;
    std::chrono::steady_clock::time_point read_at_;
    bool has_read_ = false;
};

}  // namespace carryall::accounts
