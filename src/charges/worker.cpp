// Threads of the charge worker, and their recovery: a thread that loses the database comes back
// when the database does.
#include "charges/worker.hpp"

#include "base/log.hpp"
#include "charges/enqueue.hpp"
#include "charges/lister.hpp"
#include "charges/runner.hpp"

namespace carryall::charges {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIdleWait{500};
constexpr milliseconds kRecoveryPause{500};
constexpr milliseconds kStopLook{100};
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
    std::unique_ptr<ChargeRunner> runner;
    while (!stopping_) {
        Result<void> result;
        if (!runner) {
            auto connection = db::Connection::open(settings_.database);
            result = connection ? ChargeRunner::prepare_connection(**connection)
                                : Result<void>(connection.error());
            if (result) {
                runner = std::make_unique<ChargeRunner>(
                    settings_, key_, std::move(connection).value(), *client, name, stopping_);
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
            base::log::error("charge_runner_failed", {{"runner", name},
                                                      {"reason", result.error().message},
                                                      {"where", result.error().where}});
            if (runner && !runner->is_usable()) runner.reset();
            std::this_thread::sleep_for(kRecoveryPause);
        }
    }
    if (runner) runner->flush_figures(true);
}

void ChargeWorker::list() {
    std::unique_ptr<Lister> lister;
    while (!stopping_) {
        Result<void> result;
        if (!lister) {
            auto connection = db::Connection::open(settings_.database);
            result = connection ? ChargeRunner::prepare_connection(**connection)
                                : Result<void>(connection.error());
            if (result) {
                lister = std::make_unique<Lister>(settings_.lists, key_,
                                                  std::move(connection).value(), stopping_);
            }
        } else {
            const auto worked = lister->work_one();
            if (!worked) {
                result = worked.error();
            } else if (!*worked) {
                result = lister->wait_for_work(kIdleWait);
            }
        }
        if (!result) {
            base::log::error("charge_lister_failed",
                             {{"reason", result.error().message}, {"where", result.error().where}});
            if (lister && !lister->is_usable()) lister.reset();
            std::this_thread::sleep_for(kRecoveryPause);
        }
    }
}

void ChargeWorker::keep_house() {
    std::unique_ptr<db::Connection> connection;
    auto next = std::chrono::steady_clock::now();
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
        const auto rebuilt = sweep_charges(*connection);
        if (!rebuilt) {
            base::log::error("housekeeping_failed", {{"reason", rebuilt.error().message},
                                                     {"where", rebuilt.error().where}});
        } else if (*rebuilt > 0) {
            base::log::info("charge_messages_rebuilt", {{"count", *rebuilt}});
        }
    }
}

}  // namespace carryall::charges
