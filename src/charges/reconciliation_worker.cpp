// The thread and its recovery: one that loses the database comes back when the database does.
#include "charges/reconciliation_worker.hpp"

#include "base/log.hpp"
#include "base/metrics.hpp"

namespace carryall::charges {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kIdleWait{1'000};
constexpr milliseconds kRecoveryPause{500};

Result<void> count_differences(db::Connection& connection) {
    const auto counts = open_differences(connection);
    if (!counts) return counts.error();
    std::string_view kinds = kDifferenceKinds;
    while (!kinds.empty()) {
        const std::string kind(kinds.substr(0, kinds.find(' ')));
        kinds.remove_prefix(std::min(kinds.size(), kind.size() + 1));
        const auto found = std::find_if(counts->begin(), counts->end(),
                                        [&](const auto& count) { return count.first == kind; });
        base::metrics::gauge("carryall_charge_differences",
                             "Differences between our charges and Rev.io's that nobody accepted, "
                             "of the last reconciliations, by kind, over all tenants.",
                             {{"kind", kind}})
            .Set(found == counts->end() ? 0.0 : static_cast<double>(found->second));
    }
    return {};
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
    std::unique_ptr<Reconciler> reconciler;
    auto next_count = steady_clock::now();
    while (!stopping_) {
        Result<void> result;
        if (!reconciler) {
            auto connection = db::Connection::open(settings_.database);
            result = connection ? (*connection)
                                      ->exec_text(
                                          "SET application_name = "
                                          "'carryall reconciliation'")
                                : Result<void>(connection.error());
            if (result) {
                reconciler = std::make_unique<Reconciler>(
                    settings_, key_, std::move(connection).value(), *client, name, stopping_);
            }
        } else {
            const auto worked = reconciler->work_one();
            if (!worked) {
                result = worked.error();
            } else if (*worked || steady_clock::now() >= next_count) {
                next_count = steady_clock::now() + settings_.count_every;
                result = count_differences(reconciler->connection());
            } else {
                result = reconciler->wait_for_work(kIdleWait);
            }
        }
        if (!result) {
            base::log::error("reconciler_failed",
                             {{"reason", result.error().message}, {"where", result.error().where}});
            if (reconciler && !reconciler->is_usable()) reconciler.reset();
            std::this_thread::sleep_for(kRecoveryPause);
        }
    }
}

}  // namespace carryall::charges
