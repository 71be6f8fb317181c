// Threads of the readers, and their recovery: a thread that loses the database comes back when the
// database does.
#include "sync/sync_worker.hpp"

#include "base/log.hpp"
#include "base/metrics.hpp"

namespace carryall::sync {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kIdleWait{1'000};
constexpr milliseconds kRecoveryPause{500};
constexpr milliseconds kStopLook{100};

Result<void> count_open_drift(db::Connection& connection) {
    const auto counts = open_drift(connection);
    if (!counts) return counts.error();
    for (int i = 0; i < kDriftFields; ++i) {
        const std::string field(to_string(static_cast<DriftField>(i)));
        const auto found = std::find_if(counts->begin(), counts->end(),
                                        [&](const auto& count) { return count.first == field; });
        base::metrics::gauge("carryall_drift_open",
                             "Differences between our records and the carriers' that wait for a "
                             "decision, by field, over all tenants.",
                             {{"field", field}})
            .Set(found == counts->end() ? 0.0 : static_cast<double>(found->second));
    }
    return {};
}

}  // namespace

SyncWorker::SyncWorker(SyncWorkerSettings settings, base::MasterKey key)
    : settings_(std::move(settings)), key_(std::move(key)) {}

SyncWorker::~SyncWorker() {
    stop();
}

void SyncWorker::start() {
    CHECK(threads_.empty());
    if (settings_.readers == 0) return;
    for (int i = 1; i <= settings_.readers; ++i) {
        threads_.emplace_back([this, i] { run_reader(i); });
    }
    threads_.emplace_back([this] { keep_house(); });
}

void SyncWorker::stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void SyncWorker::run_reader(int number) {
    const std::string name = settings_.name + "/sync" + std::to_string(number);
    http::ClientOptions options = settings_.http;
    options.max_connections_per_host = std::min<std::size_t>(
        options.max_connections_per_host, static_cast<std::size_t>(settings_.max_in_flight));
    const auto client = http::make_client(options);
    std::unique_ptr<Reader> reader;
    while (!stopping_) {
        Result<void> result;
        if (!reader) {
            auto connection = db::Connection::open(settings_.database);
            result = connection ? Reader::prepare_connection(**connection)
                                : Result<void>(connection.error());
            if (result) {
                reader = std::make_unique<Reader>(settings_, key_, std::move(connection).value(),
                                                  *client, name, stopping_);
            }
        } else {
            const auto worked = reader->work_one();
            if (!worked) {
                result = worked.error();
            } else if (!*worked) {
                result = reader->wait_for_work(kIdleWait);
            }
        }
        if (!result) {
            base::log::error("reader_failed", {{"reader", name},
                                               {"reason", result.error().message},
                                               {"where", result.error().where}});
            if (reader && !reader->is_usable()) reader.reset();
            std::this_thread::sleep_for(kRecoveryPause);
        }
    }
}

void SyncWorker::keep_house() {
    std::unique_ptr<db::Connection> connection;
    auto next = steady_clock::now();
    while (!stopping_) {
        if (steady_clock::now() < next) {
            std::this_thread::sleep_for(kStopLook);
            continue;
        }
        next = steady_clock::now() + settings_.schedule_every;
        if (!connection || !connection->is_usable()) {
            auto opened = db::Connection::open(settings_.database);
            if (!opened) continue;  // the readers already say that the database is away
            connection = std::move(opened).value();
        }
        const auto asked = schedule_syncs(*connection, settings_.find);
        if (asked && *asked > 0) base::log::info("syncs_scheduled", {{"count", *asked}});
        const auto counted = count_open_drift(*connection);
        for (const base::Error* error :
             {asked ? nullptr : &asked.error(), counted ? nullptr : &counted.error()}) {
            if (error != nullptr) {
                base::log::error("sync_housekeeping_failed",
                                 {{"reason", error->message}, {"where", error->where}});
            }
        }
    }
}

}  // namespace carryall::sync
