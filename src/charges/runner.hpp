// One runner of charges: receives a message, and makes the intents of an instance, or sends the
// charges of a part page by page. What has ended is stored and told by the lister.
//
// What must stay true: a refusal of the account (its credentials, its write switch) stops the runs
// and fails no charge; a rate limit or a used-up quota pauses the account, for everybody, and
// nothing else.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "accounts/pace.hpp"
#include "changes/page_run.hpp"
#include "charges/work_store.hpp"
#include "charges/worker.hpp"
#include "queue/queue.hpp"

namespace carryall::charges {

class ChargeRunner {
  public:
    ChargeRunner(const ChargeWorkerSettings& settings, const base::MasterKey& key,
                 std::unique_ptr<db::Connection> connection, http::Client& client, std::string name,
                 const std::atomic<bool>& stopping);
    ~ChargeRunner();

    // Receives one message and works it; false if there was none.
    Result<bool> work_one();
    // Until a message may have come, or the time has passed.
    Result<void> wait_for_work(std::chrono::milliseconds at_most);
    void flush_figures(bool now);
    bool is_usable() const { return connection_->is_usable(); }
    static Result<void> prepare_connection(db::Connection& connection);

  private:
    using SteadyTime = std::chrono::steady_clock::time_point;

    Result<bool> receive(queue::Queue& queue, std::chrono::seconds lease,
                         Result<void> (ChargeRunner::*work)(const queue::Message&));
    Result<void> make(const queue::Message& message);
    Result<void> make_file(const queue::Message& message, const WorkablePart& part);
    Result<void> send(const queue::Message& message);
    Result<void> send_in_turn(const queue::Message& message, const WorkablePart& part,
                              const carriers::Account& account);
    Result<bool> work_page(const WorkablePart& part, const carriers::Account& account,
                           accounts::AccountPace& pace, const queue::Message& message);
    changes::PageRunOutput run_claim(const WorkablePart& part, const carriers::Account& account,
                                     accounts::AccountPace& pace, const queue::Message& message,
                                     ClaimedCharges& claimed, SteadyTime claimed_at);
    changes::PageRunHooks hooks_for(const WorkablePart& part, const changes::ClaimedPage& page,
                                    accounts::AccountPace& pace, const queue::Message& message,
                                    SteadyTime claimed_at);
    Result<void> complete(const WorkablePart& part, const changes::ClaimedPage& page,
                          const changes::PageRunOutput& output, const ClaimEnd& end);
    Result<void> hand_over(const queue::Message& message, const WorkablePart& part);
    static Result<void> unless_taken_over(Result<void> done);

    const ChargeWorkerSettings& settings_;
    const base::MasterKey& key_;
    std::unique_ptr<db::Connection> connection_;
    http::Client& client_;
    std::string name_;
    const std::atomic<bool>& stopping_;
    std::unique_ptr<queue::Queue> enqueue_queue_;
    std::unique_ptr<queue::Queue> charge_queue_;
    std::map<std::string, std::unique_ptr<accounts::AccountPace>> paces_;  // by pacing key
};

}  // namespace carryall::charges
