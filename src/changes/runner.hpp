// One runner of a worker: receives a message, works the pages of its bulk change, one after the
// other.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "accounts/session_keeper.hpp"
#include "changes/change_kind.hpp"
#include "changes/control_watch.hpp"
#include "changes/worker.hpp"
#include "queue/queue.hpp"

namespace carryall::changes {

class Runner {
  public:
    Runner(const WorkerSettings& settings, const base::MasterKey& key,
           std::unique_ptr<db::Connection> connection, http::Client& client, std::string name,
           const std::atomic<bool>& stopping);
    ~Runner();

    // Receives one message and works it; false if there was none.
    Result<bool> work_one();
    // Until a message may have come, or the time has passed.
    Result<void> wait_for_work(std::chrono::milliseconds at_most);
    // Writes the accounts' figures that were not written yet.
    void flush_figures(bool now);
    bool is_usable() const { return connection_->is_usable(); }
    // Settings of a session that runs pages.
    static Result<void> prepare_connection(db::Connection& connection);

  private:
    // A turn at a message, and with it at the account that its change calls. runner_turn.cpp.
    struct Turn {
        queue::Message& message;
        accounts::AccountPace* pace = nullptr;  // null: the change stays inside
        accounts::Limits limits = {};
        int pages = 0;
        bool is_passed_on = false;  // others may go on already; the message may be theirs
        bool is_over = false;       // the change is held by now, or has other limits
        // When the account's next blackout begins: no device is begun from then on.
        std::chrono::steady_clock::time_point blackout_at =
            std::chrono::steady_clock::time_point::max();
    };
    Result<void> work_message(queue::Message& message);
    Result<void> work_turn(const RunnableChange& change, ChangeKind& kind, Turn& turn);
    static std::chrono::milliseconds note_blackouts(const StoredAccount& account, Turn& turn);
    Result<std::chrono::milliseconds> begin_turn(const StoredAccount& account,
                                                 const RunnableChange& change, Turn& turn);
    Result<void> leave_account_alone(const queue::Message& message,
                                     std::chrono::milliseconds blocked_for);
    void pass_on_early(Turn& turn, const RunnableChange& change, std::size_t waiting, int in_flight,
                       std::chrono::steady_clock::time_point begun);
    Result<void> prolong(Turn& turn);
    static Result<void> unless_taken_over(Result<void> done);
    Result<bool> work_page(const RunnableChange& change, ChangeKind& kind, Turn& turn);
    Result<void> recall_past_actions(const RunnableChange& change, const ChangeKind& kind,
                                     ClaimedPage& page);
    LeaseTimes lease_from(std::chrono::steady_clock::time_point claimed) const;
    PageRunSettings run_settings(const RunnableChange& change, const ChangeKind& kind,
                                 const Turn& turn) const;
    PageRunHooks page_hooks(const RunnableChange& change, const ClaimedPage& page, Turn& turn,
                            ControlWatch& watch, std::chrono::steady_clock::time_point claimed);
    Result<void> complete(const RunnableChange& change, const ClaimedPage& page,
                          const PageRunOutput& output, const PageEnd& end);
    Result<void> hand_over(const queue::Message& message, const RunnableChange& change);
    Result<bool> end_what_was_not_begun(std::int64_t tenant_id, BulkChangeId id,
                                        const std::string& words);
    Result<void> cancel_what_cannot_run(const queue::Message& message, const base::Error& problem);
    Result<void> call_runners(const RunnableChange& change);
    PageRunOutput park_poison(const ChangeKind& kind, const ClaimedPage& page) const;
    accounts::Pace& pace_of(const Turn& turn);
    accounts::Session* session_for(const RunnableChange& change, const ChangeKind& kind);
    bool notification_is_due();

    const WorkerSettings& settings_;
    const base::MasterKey& key_;
    std::unique_ptr<db::Connection> connection_;
    http::Client& client_;
    std::string name_;
    const std::atomic<bool>& stopping_;
    std::unique_ptr<queue::Queue> queue_;
    std::map<std::string, std::unique_ptr<accounts::AccountPace>> paces_;  // by pacing key
    std::map<std::int64_t, std::unique_ptr<accounts::SessionKeeper>> sessions_;
    std::chrono::steady_clock::time_point last_notification_;
};

}  // namespace carryall::changes
