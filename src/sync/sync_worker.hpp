// Carries syncs out: a few readers in each worker process, each a thread with its own connection
// and HTTP client, and one thread that asks for what the schedules say and counts the open drift.
//
// What must stay true: several accounts are read at once, one account by one reader only; whatever
// happens to a reader, another goes on from the last page that was written down.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "accounts/account.hpp"
#include "accounts/pace.hpp"
#include "base/secret.hpp"
#include "http/client.hpp"
#include "sync/run_store.hpp"
#include "sync/sync_rules.hpp"

namespace carryall::sync {

struct SyncWorkerSettings {
    base::Secret database;  // as the application role
    int readers = 2;
    int max_in_flight = 32;          // calls at once of one reader, unless the account allows fewer
    std::chrono::seconds lease{60};  // of a sync
    RetryRules retry;
    // How long one account is read while others wait.
    std::chrono::seconds turn{30};
    std::chrono::milliseconds schedule_every{60'000};
    std::string name;  // host and process: shown as the sync's worker
    http::ClientOptions http;
    FindCarrier find = carriers::find_carrier;
};

// One reader's work, for its thread and for tests.
class Reader {
  public:
    Reader(const SyncWorkerSettings& settings, const base::MasterKey& key,
           std::unique_ptr<db::Connection> connection, http::Client& client, std::string name,
           const std::atomic<bool>& stopping);
    ~Reader();

    // Takes the sync that has waited longest, and works it for a turn; false if none is due.
    Result<bool> work_one();
    // Until a sync may have been asked for, or the time has passed.
    Result<void> wait_for_work(std::chrono::milliseconds at_most);
    bool is_usable() const { return connection_->is_usable(); }
    // Settings of a session that reads.
    static Result<void> prepare_connection(db::Connection& connection);

  private:
    struct Account;
    Result<void> work(ClaimedSync& sync);
    Result<std::unique_ptr<Account>> open_account(const ClaimedSync& sync);
    Result<bool> read(ClaimedSync& sync, Account& account);
    Result<bool> take_page(ClaimedSync& sync, Account& account, carriers::InventoryPage page);
    Result<void> compare(ClaimedSync& sync, const Account& account);
    Result<void> give_up_or_pause(const ClaimedSync& sync, Account& account,
                                  const carriers::InventoryFailed& failed);
    Result<void> release(const ClaimedSync& sync, std::chrono::milliseconds due_in);
    Result<void> fail(const ClaimedSync& sync, const std::string& reason);
    Result<bool> others_wait(const ClaimedSync& sync);

    const SyncWorkerSettings& settings_;
    const base::MasterKey& key_;
    std::unique_ptr<db::Connection> connection_;
    http::Client& client_;
    std::string name_;
    const std::atomic<bool>& stopping_;
    std::chrono::steady_clock::time_point end_of_turn_;
};

class SyncWorker {
  public:
    SyncWorker(SyncWorkerSettings settings, base::MasterKey key);
    ~SyncWorker();  // as stop()
    SyncWorker(const SyncWorker&) = delete;
    SyncWorker& operator=(const SyncWorker&) = delete;

    void start();
    // Leaves the pages at hand, gives the syncs back, joins the threads.
    void stop();

  private:
    void run_reader(int number);
    void keep_house();

    SyncWorkerSettings settings_;
    base::MasterKey key_;
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

}  // namespace carryall::sync
