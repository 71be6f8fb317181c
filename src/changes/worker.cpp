// Threads of the worker, and their recovery: a thread that loses the database comes back when the
// database does.
#include "changes/worker.hpp"

#include "base/log.hpp"
#include "changes/notices.hpp"
#include "changes/plan.hpp"
#include "changes/recurring.hpp"
#include "changes/run_store.hpp"
#include "changes/runner.hpp"
#include "queue/queue.hpp"

namespace carryall::changes {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIdleWait{500};
constexpr milliseconds kRecoveryPause{500};
constexpr milliseconds kStopLook{100};
constexpr std::chrono::minutes kTidyEvery{10};
constexpr std::size_t kMaxConnections = 1'000;  // as many as an account may have calls in flight

void report_failure(const base::Error& error) {
    base::log::error("housekeeping_failed", {{"reason", error.message}, {"where", error.where}});
}

// Whether there is more to forget at once.
Result<bool> tidy_up(db::Connection& connection, std::chrono::days callbacks_kept) {
    CARRYALL_TRY(queue::forget_empty_groups(connection));
    const auto forgotten = accounts::forget_old(connection, callbacks_kept);
    if (!forgotten) return forgotten.error();
    if (forgotten->figures + forgotten->callbacks > 0) {
        base::log::info("old_records_forgotten",
                        {{"figures", forgotten->figures}, {"callbacks", forgotten->callbacks}});
    }
    const auto plans = delete_old_plans(connection, kPlanRetention);
    if (!plans) return plans.error();
    if (*plans > 0) base::log::info("old_plans_deleted", {{"count", *plans}});
    return forgotten->is_more || *plans > 0;
}

}  // namespace

Worker::Worker(WorkerSettings settings, base::MasterKey key)
    : settings_(std::move(settings)), key_(std::move(key)) {}

Worker::~Worker() {
    stop();
}

void Worker::start() {
    CHECK(threads_.empty());
    for (int i = 1; i <= settings_.runners; ++i) {
        threads_.emplace_back([this, i] { run_pages(i); });
    }
    threads_.emplace_back([this] { keep_house(); });
    threads_.emplace_back([this] { hear_notices(); });
}

void Worker::stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void Worker::run_pages(int number) {
    const std::string name = settings_.name + "/" + std::to_string(number);
    http::ClientOptions options = settings_.http;
    // How many are needed is decided before a call is started: by settings_.max_in_flight, or by
    // the account's own limit.
    options.max_connections_per_host = kMaxConnections;
    const auto client = http::make_client(options);
    std::unique_ptr<Runner> runner;
    while (!stopping_) {
        Result<void> result;
        if (!runner) {
            auto connection = db::Connection::open(settings_.database);
            result = connection ? Runner::prepare_connection(**connection)
                                : Result<void>(connection.error());
            if (result) {
                runner = std::make_unique<Runner>(settings_, key_, std::move(connection).value(),
                                                  *client, name, stopping_);
            }
        } else {
            const auto worked = runner->work_one();
            if (!worked) {
                result = worked.error();
            } else if (!*worked) {
                runner->flush_figures(false);
                result = runner->wait_for_work(kIdleWait);
            }
        }
        if (!result) {
            base::log::error("runner_failed", {{"runner", name},
                                               {"reason", result.error().message},
                                               {"where", result.error().where}});
            if (runner && !runner->is_usable()) runner.reset();
            std::this_thread::sleep_for(kRecoveryPause);
        }
    }
    if (runner) runner->flush_figures(true);
}

void Worker::hear_notices() {
    NoticeListener listener(settings_.database);
    while (!stopping_) {
        const auto heard = listener.listen(kStopLook);
        if (heard) continue;
        // The runners already say that the database is away.
        if (heard.error().kind != base::ErrorKind::unavailable) {
            base::log::error("notices_not_matched",
                             {{"reason", heard.error().message}, {"where", heard.error().where}});
        }
        std::this_thread::sleep_for(kRecoveryPause);
    }
}

void Worker::keep_house() {
    std::unique_ptr<db::Connection> connection;
    auto next = std::chrono::steady_clock::now();
    auto next_tidying = next;
    while (!stopping_) {
        if (std::chrono::steady_clock::now() < next) {
            std::this_thread::sleep_for(kStopLook);
            continue;
        }
        next = std::chrono::steady_clock::now() + settings_.housekeeping;
        if (!connection || !connection->is_usable()) {
            auto opened = db::Connection::open(settings_.database);
            if (!opened) continue;  // the runners already say that the database is away
            connection = std::move(opened).value();
        }
        const auto rebuilt = sweep(*connection);
        if (rebuilt && *rebuilt > 0) {
            base::log::info("messages_rebuilt", {{"count", *rebuilt}});
        }
        const auto applied = apply_due_rate_plans(*connection, settings_.schedule_page);
        if (applied && *applied > 0) {
            base::log::info("scheduled_rate_plans_applied", {{"count", *applied}});
            next = std::chrono::steady_clock::now();  // more may be due
        }
        if (!rebuilt) report_failure(rebuilt.error());
        if (!applied) report_failure(applied.error());
        const auto ran = run_due_recurring(*connection);
        if (!ran) report_failure(ran.error());
        if (std::chrono::steady_clock::now() < next_tidying) continue;
        const auto is_more = tidy_up(*connection, settings_.callbacks_kept);
        if (!is_more) report_failure(is_more.error());
        // With more to forget at the next round: others' work goes between.
        if (!is_more || !*is_more) next_tidying = std::chrono::steady_clock::now() + kTidyEvery;
    }
}

}  // namespace carryall::changes
