// Carries charge runs out: a few runners in each worker process, each a thread with its own
// connection and HTTP client, one lister that stores charge lists and ends runs, and one
// housekeeper that rebuilds lost messages.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/secret.hpp"
#include "changes/run_rules.hpp"
#include "charges/part_check.hpp"
#include "http/client.hpp"

namespace carryall::charges {

struct ChargeWorkerSettings {
    base::Secret database;  // as the application role
    int runners = 2;
    int max_in_flight = 32;          // calls at once of one runner, unless the account allows fewer
    std::chrono::seconds lease{60};  // of a page and of a message
    // Of a message whose intents are being made: one transaction, however many devices.
    std::chrono::seconds making_lease{1'800};
    changes::RetrySettings retry;
    std::optional<std::chrono::seconds> settling_time;  // instead of Rev.io's own, for tests
    std::chrono::milliseconds housekeeping{5'000};
    std::string name;  // host and process: shown as the page's worker
    http::ClientOptions http;
    CheckSettings lists;  // its store is needed; its pace is the worker's own
};

class ChargeWorker {
  public:
    ChargeWorker(ChargeWorkerSettings settings, base::MasterKey key);
    ~ChargeWorker();  // as stop()
    ChargeWorker(const ChargeWorker&) = delete;
    ChargeWorker& operator=(const ChargeWorker&) = delete;

    void start();
    // Begins no further charge, lets calls in flight finish, writes them down, joins the threads.
    void stop();

  private:
    void run(int number);
    void list();
    void keep_house();

    ChargeWorkerSettings settings_;
    base::MasterKey key_;
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

}  // namespace carryall::charges
