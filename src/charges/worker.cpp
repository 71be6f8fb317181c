// Threads of the charge worker, and their recovery: a thread that loses the database comes back
// when the database does.
#include "charges/worker.hpp"

#include "base/log.hpp"
#include "charges/enqueue.hpp"
#include "charges/lister.hpp"
#include "charges/runner.hpp"
#include "db/working.hpp"

namespace carryall::charges {
namespace {

constexpr std::chrono::milliseconds kIdleWait{500};
constexpr std::size_t kMaxConnections = 1'000;  // as many as an account may have calls in flight

}  // namespace

ChargeWorker::ChargeWorker(ChargeWorkerSettings settings, base::MasterKey key)
    : settings_(std::move(settings)), key_(std::move(key)) {}

ChargeWorker::~ChargeWorker() {
    stop();
}

void ChargeWorker::start() {
    CHECK(threads_.empty() && settings_.lists.store != nullptr);
    for (int i = 1; i <= settings_.runners; ++i) {
        threads_.emplace_back([this, i] { run(i); });
    }
    if (settings_.runners == 0) return;
    threads_.emplace_back([this] { list(); });
    threads_.emplace_back([this] { keep_house(); });
}

void ChargeWorker::stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void ChargeWorker::run(int number) {
    const std::string name = settings_.name + "/charges-" + std::to_string(number);
    http::ClientOptions options = settings_.http;
    options.max_connections_per_host = kMaxConnections;
    const auto client = http::make_client(options);
    const auto runner = db::work_until_stopped<ChargeRunner>(
        {settings_.database, stopping_, "charge_runner_failed", name,
         ChargeRunner::prepare_connection},
        [&](std::unique_ptr<db::Connection> connection) {
            return std::make_unique<ChargeRunner>(settings_, key_, std::move(connection), *client,
                                                  name, stopping_);
        },
        [](ChargeRunner& idle) {
            idle.flush_figures(false);
            return idle.wait_for_work(kIdleWait);
        });
    if (runner) runner->flush_figures(true);
}

void ChargeWorker::list() {
    db::work_until_stopped<Lister>(
        {settings_.database, stopping_, "charge_lister_failed", settings_.name + "/charge-lists",
         ChargeRunner::prepare_connection},
        [&](std::unique_ptr<db::Connection> connection) {
            return std::make_unique<Lister>(settings_.lists, key_, std::move(connection),
                                            stopping_);
        },
        [](Lister& idle) { return idle.wait_for_work(kIdleWait); });
}

void ChargeWorker::keep_house() {
    const auto round = [](db::Connection& connection) {
        const auto rebuilt = sweep_charges(connection);
        if (!rebuilt) {
            base::log::error("housekeeping_failed", {{"reason", rebuilt.error().message},
                                                     {"where", rebuilt.error().where}});
        } else if (*rebuilt > 0) {
            base::log::info("charge_messages_rebuilt", {{"count", *rebuilt}});
        }
        return false;
    };
    db::keep_house(settings_.database, stopping_, settings_.housekeeping, round);
}

}  // namespace carryall::charges
