// Carries reconciliations out: a thread of each worker process with a connection and an HTTP client
// of its own. It also counts the differences that nobody accepted.
//
// What must stay true: one reconciliation is worked by one worker; whatever happens to it, another
// goes on from the last pages that were written down; the account's pace holds.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "accounts/account.hpp"
#include "accounts/pace.hpp"
#include "base/secret.hpp"
#include "charges/reconciliation_work_store.hpp"
#include "http/client.hpp"
#include "sync/sync_rules.hpp"

namespace carryall::charges {

struct ReconciliationSettings {
    base::Secret database;  // as the application role
    bool is_on = true;
    int max_in_flight = 16;          // customers read at once, unless the account allows fewer
    std::chrono::seconds lease{60};  // of a reconciliation
    sync::RetryRules retry;
    std::optional<std::chrono::seconds> settling_time;  // instead of Rev.io's own, for tests
    std::chrono::milliseconds count_every{60'000};
    std::string name;  // host and process: shown as the worker
    http::ClientOptions http;
};

// One reader's work, for its thread and for tests.
class Reconciler {
  public:
    Reconciler(const ReconciliationSettings& settings, const base::MasterKey& key,
               std::unique_ptr<db::Connection> connection, http::Client& client, std::string name,
               const std::atomic<bool>& stopping);

    // Takes the reconciliation that has waited longest and works it for a turn; false if none is
    // due.
    Result<bool> work_one();
    // Until one may have been asked for, or the time has passed.
    Result<void> wait_for_work(std::chrono::milliseconds at_most);
    bool is_usable() const { return connection_->is_usable(); }
    // For the gauge of differences that wait for a person.
    Result<void> count_differences();

  private:
    struct Account;
    Result<void> work(const ClaimedReconciliation& claim);
    Result<bool> read_round(const ClaimedReconciliation& claim, Account& account,
                            std::vector<UnreadCustomer> customers);
    Result<std::unique_ptr<Account>> open_account(const ClaimedReconciliation& claim,
                                                  std::int64_t service_provider_id);
    Result<bool> compare(const ClaimedReconciliation& claim);
    Result<void> give_up_or_pause(const ClaimedReconciliation& claim, Account& account,
                                  const carriers::InventoryFailed& failed, bool got_on);
    Result<void> release(const ClaimedReconciliation& claim, std::chrono::milliseconds due_in);
    Result<void> fail(const ClaimedReconciliation& claim, const std::string& reason);
    std::chrono::seconds settling() const;

    const ReconciliationSettings& settings_;
    const base::MasterKey& key_;
    std::unique_ptr<db::Connection> connection_;
    http::Client& client_;
    std::string name_;
    const std::atomic<bool>& stopping_;
};

class ReconciliationWorker {
  public:
    ReconciliationWorker(ReconciliationSettings settings, base::MasterKey key);
    ~ReconciliationWorker();  // as stop()
    ReconciliationWorker(const ReconciliationWorker&) = delete;
    ReconciliationWorker& operator=(const ReconciliationWorker&) = delete;

    void start();
    // Leaves the pages at hand, gives the reconciliation back, joins the thread.
    void stop();

  private:
    void run();

    ReconciliationSettings settings_;
    base::MasterKey key_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace carryall::charges
