// Threads of the readers, and their recovery: a thread that loses the database comes back when the
// database does.
#include "sync/sync_worker.hpp"

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "db/working.hpp"

namespace carryall::sync {
namespace {

constexpr std::chrono::milliseconds kIdleWait{1'000};

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
    db::work_until_stopped<Reader>(
        {settings_.database, stopping_, "reader_failed", name, Reader::prepare_connection},
        [&](std::unique_ptr<db::Connection> connection) {
            return std::make_unique<Reader>(settings_, key_, std::move(connection), *client, name,
                                            stopping_);
        },
        [](Reader& idle) { return idle.wait_for_work(kIdleWait); });
}

void SyncWorker::keep_house() {
    const auto round = [&](db::Connection& connection) {
        const auto asked = schedule_syncs(connection, settings_.find);
        if (asked && *asked > 0) base::log::info("syncs_scheduled", {{"count", *asked}});
        const auto counted = count_open_drift(connection);
        for (const base::Error* error :
             {asked ? nullptr : &asked.error(), counted ? nullptr : &counted.error()}) {
            if (error != nullptr) {
                base::log::error("sync_housekeeping_failed",
                                 {{"reason", error->message}, {"where", error->where}});
            }
        }
        return false;
    };
    db::keep_house(settings_.database, stopping_, settings_.schedule_every, round);
}

}  // namespace carryall::sync
