// The thread and its recovery: one that loses the database comes back when the database does.
#include "charges/reconciliation_worker.hpp"

#include "db/working.hpp"

namespace carryall::charges {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kIdleWait{1'000};

Result<void> prepare(db::Connection& connection) {
    return connection.exec_text("SET application_name = 'carryall reconciliation'");
}

}  // namespace

ReconciliationWorker::ReconciliationWorker(ReconciliationSettings settings, base::MasterKey key)
    : settings_(std::move(settings)), key_(std::move(key)) {}

ReconciliationWorker::~ReconciliationWorker() {
    stop();
}

void ReconciliationWorker::start() {
    CHECK(!thread_.joinable());
    if (settings_.is_on) thread_ = std::thread([this] { run(); });
}

void ReconciliationWorker::stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
}

void ReconciliationWorker::run() {
    const std::string name = settings_.name + "/reconciliation";
    const auto client = http::make_client(settings_.http);
    auto next_count = steady_clock::now();
    db::work_until_stopped<Reconciler>(
        {settings_.database, stopping_, "reconciler_failed", name, prepare},
        [&](std::unique_ptr<db::Connection> connection) {
            return std::make_unique<Reconciler>(settings_, key_, std::move(connection), *client,
                                                name, stopping_);
        },
        [&](Reconciler& idle) -> Result<void> {
            if (steady_clock::now() >= next_count) {
                next_count = steady_clock::now() + settings_.count_every;
                CARRYALL_TRY(idle.count_differences());
            }
            return idle.wait_for_work(kIdleWait);
        });
}

}  // namespace carryall::charges
