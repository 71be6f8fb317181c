// Threads of the worker, and their recovery: a thread that loses the database comes back when the
// database does.
#include "changes/worker.hpp"

#include "base/log.hpp"
#include "changes/notices.hpp"
#include "changes/plan.hpp"
#include "changes/recurring.hpp"
#include "changes/run_store.hpp"
#include "changes/runner.hpp"
#include "db/working.hpp"
#include "queue/queue.hpp"

namespace carryall::changes {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIdleWait{500};
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
    const auto runner = db::work_until_stopped<Runner>(
        {settings_.database, stopping_, "runner_failed", name, Runner::prepare_connection},
        [&](std::unique_ptr<db::Connection> connection) {
            return std::make_unique<Runner>(settings_, key_, std::move(connection), *client, name,
                                            stopping_);
        },
        [](Runner& idle) {
            idle.flush_figures(false);
            return idle.wait_for_work(kIdleWait);
        });
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
        std::this_thread::sleep_for(db::kRecoveryPause);
    }
}

void Worker::keep_house() {
    auto next_tidying = std::chrono::steady_clock::now();
    const auto round = [&](db::Connection& connection) {
        const auto rebuilt = sweep(connection);
        if (!rebuilt) report_failure(rebuilt.error());
        if (rebuilt && *rebuilt > 0) base::log::info("messages_rebuilt", {{"count", *rebuilt}});
        const auto applied = apply_due_rate_plans(connection, settings_.schedule_page);
        if (!applied) report_failure(applied.error());
        const bool may_have_more = applied && *applied > 0;
        if (may_have_more) base::log::info("scheduled_rate_plans_applied", {{"count", *applied}});
        const auto ran = run_due_recurring(connection);
        if (!ran) report_failure(ran.error());
        if (std::chrono::steady_clock::now() < next_tidying) return may_have_more;
        const auto is_more = tidy_up(connection, settings_.callbacks_kept);
        if (!is_more) report_failure(is_more.error());
        // With more to forget at the next round: others' work goes between.
        if (!is_more || !*is_more) next_tidying = std::chrono::steady_clock::now() + kTidyEvery;
        return may_have_more;
    };
    db::keep_house(settings_.database, stopping_, settings_.housekeeping, round);
}

}  // namespace carryall::changes
