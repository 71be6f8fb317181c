// Claim, run, complete: the life of a page, and of the message that pointed at it.
#include "changes/runner.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/metrics.hpp"

namespace carryall::changes {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// A change is read again now and then, so that the write switch, credentials and pacing take effect
// while it runs.
constexpr std::chrono::seconds kReloadAfter{5};
// Progress is told to listeners at most this often by each runner; the end is always told.
constexpr milliseconds kNotifyEvery{250};
constexpr milliseconds kReconnectPause{500};

prometheus::Counter& devices_counter(const char* state) {
    return base::metrics::counter("carryall_device_changes_total",
                                  "Device changes that reached a state.", {{"state", state}});
}

void count(const std::vector<DeviceResult>& results) {
    static auto& processed = devices_counter("processed");
    static auto& error = devices_counter("error");
    static auto& unknown = devices_counter("unknown");
    static auto& parked = devices_counter("parked");
    static auto& again = devices_counter("retry");
    for (const DeviceResult& result : results) {
        switch (result.verdict.state) {
            case DeviceState::processed:
                processed.Increment();
                break;
            case DeviceState::error:
                error.Increment();
                break;
            case DeviceState::unknown:
                unknown.Increment();
                break;
            case DeviceState::parked:
                parked.Increment();
                break;
            default:
                again.Increment();
                break;
        }
    }
}

carriers::Attempt attempt_of(const RunnableChange& change, const ClaimedDevice& device,
                             std::chrono::seconds settling_time) {
    carriers::Attempt attempt;
    attempt.correlation_id = change.correlation_id;
    if (!device.progress.empty()) {
        attempt.progress = base::parse_json(device.progress).value_or(nullptr);
    }
    attempt.resolving = device.lost || device.state == DeviceState::unknown;
    attempt.settled = device.sent_ago && *device.sent_ago >= milliseconds(settling_time);
    attempt.unclear_since = device.unclear_since;
    return attempt;
}

}  // namespace

// The account's share of calls. Slots are reserved in the database in small batches, so that all
// workers together keep the rate; without a rate every call may start at once.
class AccountPace : public Pace {
  public:
    explicit AccountPace(db::Connection& connection) : connection_(connection) {}

    void use(const RunnableChange& change, const StoredAccount* account) {
        change_ = &change;
        account_ = account;
    }

    milliseconds next_call() override {
        if (account_ == nullptr || !account_->rate_per_second) return milliseconds(0);
        const auto now = steady_clock::now();
        if (reserved_ == 0) {
            const double rate = *account_->rate_per_second;
            const int calls = std::clamp(static_cast<int>(rate / kBatchesPerSecond), 1, kMaxBatch);
            const auto wait = reserve_calls(connection_, *change_, *account_, calls);
            if (!wait) return kReconnectPause;
            reserved_ = calls;
            next_ = now + *wait;
            spacing_ = std::chrono::duration_cast<steady_clock::duration>(
                std::chrono::duration<double>(1.0 / rate));
        }
        if (now < next_) return std::chrono::ceil<milliseconds>(next_ - now);
        // A slot that passed unused is gone: catching up would exceed the rate.
        next_ = std::max(next_ + spacing_, now - kMaxBurst * spacing_);
        --reserved_;
        return milliseconds(0);
    }

    void pause(std::chrono::seconds pause) override {
        reserved_ = 0;
        if (account_ == nullptr) return;
        const auto paused =
            pause_account(connection_, change_->tenant_id, account_->service_provider_id, pause);
        if (!paused) base::log::warning("pause_not_stored", {{"reason", paused.error().message}});
    }

  private:
    static constexpr double kBatchesPerSecond = 4.0;
    static constexpr int kMaxBatch = 1'000;
    static constexpr int kMaxBurst = 2;

    db::Connection& connection_;
    const RunnableChange* change_ = nullptr;
    const StoredAccount* account_ = nullptr;
    int reserved_ = 0;
    steady_clock::time_point next_;
    steady_clock::duration spacing_{0};
};

Runner::Runner(const WorkerSettings& settings, const base::MasterKey& key,
               std::unique_ptr<db::Connection> connection, http::Client& client, std::string name,
               const std::atomic<bool>& stopping)
    : settings_(settings),
      key_(key),
      connection_(std::move(connection)),
      client_(client),
      name_(std::move(name)),
      stopping_(stopping),
      queue_(queue::postgres_queue(*connection_, queue::kBulkChangeQueue)) {}

Runner::~Runner() = default;

Result<void> Runner::reconnect() {
    CARRYALL_TRY(connection_->reconnect(settings_.database));
    listening_ = false;
    return prepare_connection(*connection_);
}

// Rows are looked up by key only: statistics from before the rows of a change existed must not turn
// a page into a scan. One plan for all pages saves planning each of them.
Result<void> Runner::prepare_connection(db::Connection& connection) {
    return connection.exec_text(
        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
        "SET plan_cache_mode = force_generic_plan; SET application_name = 'carryall work'");
}

Result<void> Runner::wait_for_work(milliseconds at_most) {
    if (!listening_) {
        CARRYALL_TRY(connection_->listen("carryall_queue"));
        listening_ = true;
        return {};  // a message may have come just before
    }
    const auto notified = connection_->wait_for_notifications(at_most);
    if (!notified) return notified.error();
    return {};
}

Result<bool> Runner::work_one() {
    CARRYALL_TRY(connection_->work_for_tenant(0));
    const auto message = queue_->receive(settings_.lease);
    if (!message) return message.error();
    if (!*message) return false;
    const queue::Message& received = **message;
    const base::log::Scope scope({{"tenantId", received.attributes.tenant_id},
                                  {"bulkChangeId", received.attributes.bulk_change_id},
                                  {"correlationId", received.attributes.request_id}});
    CARRYALL_TRY(work_message(received));
    return true;
}

Result<void> Runner::work_message(const queue::Message& message) {
    const BulkChangeId id{message.attributes.bulk_change_id};
    const auto lease = steady_clock::duration(settings_.lease);
    auto extended_at = steady_clock::now();
    std::optional<RunnableChange> change;
    std::unique_ptr<ChangeKind> kind;
    auto loaded_at = steady_clock::time_point{};
    while (!stopping_) {
        if (!change || steady_clock::now() - loaded_at > kReloadAfter) {
            auto loaded = load_change(*connection_, message.attributes.tenant_id, id, key_);
            if (!loaded && loaded.error().kind == base::ErrorKind::not_found) {
                base::log::warning("message_names_no_change", {{"messageId", message.message_id}});
                return queue_->remove(message);
            }
            if (!loaded) return loaded.error();
            kind.reset();
            change = std::move(loaded).value();
            kind = make_change_kind(*change);
            loaded_at = steady_clock::now();
        }
        const auto worked = work_page(*change, *kind);
        if (!worked) return worked.error();
        if (!*worked) return hand_over(message, *change);
        if (steady_clock::now() - extended_at > lease / 3) {
            CARRYALL_TRY(queue_->extend(message, settings_.lease));
            extended_at = steady_clock::now();
        }
    }
    // Asked to end: the message becomes visible for another worker at once.
    return queue_->extend(message, std::chrono::seconds(0));
}

// No page is due now: come back when one is, or let the message go.
Result<void> Runner::hand_over(const queue::Message& message, const RunnableChange& change) {
    const auto due = next_page_due_in(*connection_, change.tenant_id, change.id);
    if (!due) return due.error();
    if (*due) {
        queue::Attributes attributes = message.attributes;
        ++attributes.retry_number;
        const auto delay =
            std::chrono::ceil<std::chrono::seconds>(std::max(**due, milliseconds(0)));
        CARRYALL_TRY(queue_->send(message.body, attributes, delay));
    }
    return queue_->remove(message);
}

AccountPace& Runner::pace_for(const RunnableChange& change, const StoredAccount* account) {
    auto& pace = paces_[account == nullptr ? 0 : account->service_provider_id];
    if (!pace) pace = std::make_unique<AccountPace>(*connection_);
    pace->use(change, account);
    return *pace;
}

bool Runner::notification_is_due() {
    const auto now = steady_clock::now();
    if (now - last_notification_ < kNotifyEvery) return false;
    last_notification_ = now;
    return true;
}

// False: no page was due.
Result<bool> Runner::work_page(const RunnableChange& change, const ChangeKind& kind) {
    const auto lease_times = [&](steady_clock::time_point claimed) {
        // The last sixth of the lease is for writing the page down.
        const auto lease = steady_clock::duration(settings_.lease);
        return LeaseTimes{claimed + lease / 2, claimed + lease * 5 / 6};
    };
    auto claimed_at = steady_clock::now();
    const auto claimed =
        claim_page(*connection_, change.tenant_id, change.id, name_, settings_.lease);
    if (!claimed) return claimed.error();
    if (!*claimed) return false;
    const ClaimedPage& page = **claimed;
    if (page.lost_count >= settings_.retry.max_lost) {
        CARRYALL_TRY(complete(change, page, park_poison(change, kind, page)));
        return true;
    }
    PageRunSettings run;
    run.max_in_flight = settings_.max_in_flight;
    const StoredAccount* account = kind.paced_account();
    if (account != nullptr && account->max_concurrency) {
        run.max_in_flight = std::min(run.max_in_flight, *account->max_concurrency);
    }
    run.settling_time = settings_.settling_time.value_or(kind.settling_time());
    run.retry = settings_.retry;
    run.lease = lease_times(claimed_at);
    run.integration_name = kind.integration_name();
    run.description = kind.description();

    std::vector<DevicePlan> plans;
    plans.reserve(page.devices.size());
    for (const ClaimedDevice& device : page.devices) {
        plans.push_back(kind.plan(device, attempt_of(change, device, run.settling_time)));
    }
    PageRunHooks hooks;
    hooks.should_stop = [this] { return stopping_.load(); };
    hooks.heartbeat = [&]() -> std::optional<LeaseTimes> {
        const auto now = steady_clock::now();
        const auto lease = steady_clock::duration(settings_.lease);
        if (now - claimed_at < lease / 3 || now > claimed_at + lease / 2) return std::nullopt;
        const auto kept =
            extend_page(*connection_, change.tenant_id, change.id, page, settings_.lease);
        if (!kept || !*kept) return std::nullopt;
        claimed_at = now;
        return lease_times(now);
    };
    static const carriers::Account kInside;
    const EffectOf effect_of = [&](const DevicePlan& plan, const carriers::Applied& applied) {
        return kind.effect(plan, applied);
    };
    const PageRunOutput output =
        run_page(page, std::move(plans), kind.account() != nullptr ? *kind.account() : kInside,
                 change.correlation_id, run, client_, pace_for(change, account), effect_of, hooks);
    CARRYALL_TRY(complete(change, page, output));
    return true;
}

// Keeps trying while the database is away: the answers are in our hands, and the fence makes
// repeating harmless. If the lease runs out meanwhile, the next worker reads the devices back.
Result<void> Runner::complete(const RunnableChange& change, const ClaimedPage& page,
                              const PageRunOutput& output) {
    const auto give_up = steady_clock::now() + steady_clock::duration(settings_.lease);
    while (true) {
        const auto done = complete_page(*connection_, change, page, output.results, output.log,
                                        notification_is_due());
        if (done) {
            if (!done->accepted) {
                base::log::warning("page_was_taken_over",
                                   {{"page", page.page_number}, {"attempt", page.attempt}});
                return {};
            }
            count(output.results);
            if (done->change_finished) base::log::info("bulk_change_finished");
            return {};
        }
        if (done.error().kind != base::ErrorKind::unavailable || steady_clock::now() > give_up) {
            return done.error();
        }
        base::log::warning("page_not_written_yet", {{"reason", done.error().message}});
        std::this_thread::sleep_for(kReconnectPause);
        static_cast<void>(reconnect());  // if the database is still away, the next try says so
    }
}

PageRunOutput Runner::park_poison(const RunnableChange& change, const ChangeKind& kind,
                                  const ClaimedPage& page) const {
    const std::string reason = std::to_string(page.lost_count) +
                               " workers ended while they worked on this page; check the lines at "
                               "the carrier, then retry";
    base::log::error("page_parked", {{"page", page.page_number}, {"reason", reason}});
    PageRunOutput output;
    for (const ClaimedDevice& device : page.devices) {
        DeviceResult result;
        result.id = device.id;
        result.device_id = device.device_id;
        result.before = device.state;
        result.verdict.state = DeviceState::parked;
        result.verdict.reason = reason;
        result.verdict.retry_number = device.retry_number;
        result.verdict.read_back_count = device.read_back_count;
        result.progress = device.progress;
        result.unclear_since = device.unclear_since;
        result.sent_ago = device.sent_ago;
        output.results.push_back(std::move(result));
        LogEntry entry;
        entry.device_change = device.id;
        entry.description = kind.description() + ": " + kind.integration_name() + " Park";
        entry.status = "PENDING";
        entry.error = reason;
        entry.retry_number = device.retry_number;
        entry.started_at = entry.processed_at = base::system_clock().now();
        output.log.push_back(std::move(entry));
    }
    static_cast<void>(change);
    return output;
}

}  // namespace carryall::changes
