// The worker: a few runners, each a plain thread with its own database connection and its own HTTP
// client, one housekeeper that rebuilds lost messages, applies customer rate plans whose date has
// come, makes recurring changes and forgets what is kept for a time only, and one listener that
// brings carriers' callbacks to their device changes.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "accounts/retention.hpp"
#include "base/secret.hpp"
#include "changes/run_rules.hpp"
#include "http/client.hpp"

namespace carryall::changes {

struct WorkerSettings {
    base::Secret database;  // as the application role
    int runners = 4;
    int max_in_flight = 32;          // calls at once of one runner, unless the account allows fewer
    std::chrono::seconds lease{60};  // of a page and of a message
    RetrySettings retry;
    std::optional<std::chrono::seconds> settling_time;  // instead of the carrier's own, for tests
    std::chrono::milliseconds housekeeping{5'000};
    int schedule_page = 500;
    std::chrono::days callbacks_kept{accounts::kDefaultCallbackDays};
    std::string name;  // host and process: shown as the page's worker
    http::ClientOptions http;
};

class Worker {
  public:
    Worker(WorkerSettings settings, base::MasterKey key);
    ~Worker();  // as stop()
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void start();
    // Starts no further device, lets calls in flight finish, writes them down, joins the threads.
    void stop();

  private:
    void run_pages(int number);
    void keep_house();
    void hear_notices();

    WorkerSettings settings_;
    base::MasterKey key_;
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

}  // namespace carryall::changes
