// Claim, run, complete: the life of a page, and of the message that pointed at it.
#include "changes/runner.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "changes/notices.hpp"
#include "changes/page_start.hpp"
#include "db/working.hpp"

namespace carryall::changes {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// No further device of a page is begun after this: pages can be slow, and others wait for their
// turn.
constexpr std::chrono::seconds kPageTurn{15};
// How long a page waits whose devices have earlier changes that have not ended.
constexpr milliseconds kHoldBack{30'000};
// Progress is told to listeners at most this often by each runner; the end is always told.
constexpr milliseconds kNotifyEvery{250};

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

}  // namespace

Runner::Runner(const WorkerSettings& settings, const base::MasterKey& key,
               std::unique_ptr<db::Connection> connection, http::Client& client, std::string name,
               const std::atomic<bool>& stopping)
    : settings_(settings),
      key_(key),
      connection_(std::move(connection)),
      client_(client),
      name_(std::move(name)),
      stopping_(stopping),
      queue_(queue::postgres_queue(*connection_, queue::kBulkChangeQueue)) {
    count({});  // so that the counters are there, at zero, before the first device
}

Runner::~Runner() = default;

Result<void> Runner::prepare_connection(db::Connection& connection) {
    return db::look_up_by_key_only(connection, "carryall work");
}

Result<void> Runner::wait_for_work(milliseconds at_most) {
    const auto next = queue_->next_visible_in(at_most);
    if (!next) return next.error();
    return connection_->wait_for_notice("carryall_queue", *next);
}

Result<bool> Runner::work_one() {
    CARRYALL_TRY(connection_->work_for_tenant(0));
    auto message = queue_->receive(settings_.lease);
    if (!message) return message.error();
    if (!*message) return false;
    queue::Message& received = **message;
    const base::log::Scope scope({{"tenantId", received.attributes.tenant_id},
                                  {"bulkChangeId", received.attributes.bulk_change_id},
                                  {"correlationId", received.attributes.request_id}});
    CARRYALL_TRY(work_message(received));
    return true;
}

bool Runner::notification_is_due() {
    const auto now = steady_clock::now();
    if (now - last_notification_ < kNotifyEvery) return false;
    last_notification_ = now;
    return true;
}

LeaseTimes Runner::lease_from(steady_clock::time_point claimed) const {
    // The last sixth of the lease is for writing the page down.
    const auto lease = steady_clock::duration(settings_.lease);
    return {claimed + lease / 2, claimed + lease * 5 / 6};
}

PageRunSettings Runner::run_settings(const RunnableChange& change, const ChangeKind& kind,
                                     const Turn& turn) const {
    PageRunSettings run;
    run.max_in_flight = settings_.max_in_flight;
    // The account's limit is the pace's to keep (Pace::most_in_flight).
    if (turn.limits.max_concurrency) run.max_in_flight = *turn.limits.max_concurrency;
    if (const auto most = change.held.max_concurrency) {
        run.max_in_flight = std::min(run.max_in_flight, *most);
    }
    run.settling_time = settings_.settling_time.value_or(kind.settling_time());
    run.retry = settings_.retry;
    run.integration_name = kind.integration_name();
    run.description = kind.description();
    return run;
}

// Null: the carrier's credentials go with every call.
accounts::Session* Runner::session_for(const RunnableChange& change, const ChangeKind& kind) {
    if (kind.carrier() == nullptr || !kind.carrier()->has_sessions()) return nullptr;
    auto& keeper = sessions_[change.account.service_provider_id];
    if (!keeper) {
        keeper = std::make_unique<accounts::SessionKeeper>(
            *connection_, key_, [this] { return http::make_client(settings_.http); }, name_);
    }
    keeper->use(
        {change.tenant_id, kind.carrier(), kind.account(), change.account.credentials_fingerprint});
    return keeper.get();
}

PageRunHooks Runner::page_hooks(const RunnableChange& change, const ClaimedPage& page, Turn& turn,
                                ControlWatch& watch, steady_clock::time_point claimed) {
    const auto lease = steady_clock::duration(settings_.lease);
    PageRunHooks hooks;
    hooks.should_stop = [this, &watch, until = std::min(claimed + kPageTurn, turn.blackout_at)] {
        return stopping_ || watch.has_other_limits() || steady_clock::now() >= until;
    };
    hooks.leave = [&watch] { return watch.leave(); };
    hooks.held = [&watch] { return watch.held(); };
    hooks.heartbeat = [&, claimed, lease]() mutable -> std::optional<LeaseTimes> {
        watch.look_if_due();
        const auto now = steady_clock::now();
        if (now - claimed < lease / 3 || now > claimed + lease / 2) return std::nullopt;
        const auto kept =
            extend_page(*connection_, change.tenant_id, change.id, page, settings_.lease);
        if (!kept) return std::nullopt;
        if (!*kept) return LeaseTimes{now, now};
        static_cast<void>(prolong(turn));  // a lost message costs no more than time
        claimed = now;
        return lease_from(now);
    };
    if (turn.limits.max_concurrency) {
        hooks.progress = [&, begun = claimed](std::size_t waiting, int in_flight) {
            pass_on_early(turn, change, waiting, in_flight, begun);
        };
    }
    return hooks;
}

// False: no page was due.
Result<bool> Runner::work_page(const RunnableChange& change, ChangeKind& kind, Turn& turn) {
    const StoredAccount* account = kind.paced_account();
    const auto claimed_at = steady_clock::now();
    auto claimed = claim_page(*connection_, change.tenant_id, change.id, name_, settings_.lease,
                              account == nullptr ? "" : account->pacing_key);
    if (!claimed) return claimed.error();
    if (!*claimed) return false;
    ClaimedPage& page = **claimed;
    ++turn.pages;
    if (turn.pace != nullptr) turn.pace->note_block(page.paused_for);
    PageEnd end;
    if (page.held_back > 0) end.resume_in = kHoldBack;
    const bool is_poisoned = page.lost_count >= settings_.retry.max_lost;
    const std::vector<ClaimedDevice> left = take_aside(page, is_poisoned);
    // While devices are set aside the page is one that workers died on.
    if (!left.empty()) end.lost_count = is_poisoned ? 1 : page.lost_count;
    PageRunOutput output;
    if (is_poisoned) {
        output = park_poison(kind, page);
    } else {
        PageRunSettings run = run_settings(change, kind, turn);
        run.believes_readings_only = change.is_undo;
        run.lease = lease_from(claimed_at);
        CARRYALL_TRY(recall_past_actions(change, kind, page));
        CARRYALL_TRY(kind.look_around(*connection_, page));
        std::vector<DevicePlan> plans;
        plans.reserve(page.devices.size());
        for (const ClaimedDevice& device : page.devices) {
            plans.push_back(kind.plan(
                device, attempt_at(page, device, change.correlation_id, run.settling_time)));
        }
        static const carriers::Account kInside;
        const EffectOf effect_of = [&](const DevicePlan& plan, const carriers::Applied& applied) {
            return kind.effect(plan, applied);
        };
        ControlWatch watch(*connection_, change, page, claimed_at);
        PageRunHooks hooks = page_hooks(change, page, turn, watch, claimed_at);
        hooks.session = session_for(change, kind);
        output =
            run_page(page, std::move(plans), kind.account() != nullptr ? *kind.account() : kInside,
                     change.correlation_id, run, client_, pace_of(turn), effect_of, hooks);
        if (turn.pace != nullptr) turn.pace->count_devices(output.results.size());
        turn.is_over = watch.has_changed();
    }
    for (const ClaimedDevice& device : left) {
        if (device.lost) output.results.push_back(left_unknown(device));
    }
    end.resume_in = std::max(end.resume_in, output.resume_in);
    CARRYALL_TRY(complete(change, page, output, end));
    return true;
}

// One statement a page, and only at carriers that limit what a line may do.
Result<void> Runner::recall_past_actions(const RunnableChange& change, const ChangeKind& kind,
                                         ClaimedPage& page) {
    if (kind.account() == nullptr || kind.account()->line_budgets.empty()) return {};
    std::vector<std::int64_t> ids;
    ids.reserve(page.devices.size());
    for (const ClaimedDevice& device : page.devices) ids.push_back(device.device_id);
    auto past = accounts::past_actions(*connection_, change.tenant_id, ids);
    if (!past) return past.error();
    for (ClaimedDevice& device : page.devices) {
        const auto found = past->find(device.device_id);
        if (found != past->end()) device.past_actions = std::move(found->second);
    }
    return {};
}

// The answers are in our hands, and the fence makes repeating harmless. If the lease runs out
// meanwhile, the next worker reads the devices back.
Result<void> Runner::complete(const RunnableChange& change, const ClaimedPage& page,
                              const PageRunOutput& output, const PageEnd& end) {
    const auto done =
        db::write_down(*connection_, settings_.database, prepare_connection, settings_.lease, [&] {
            return complete_page(*connection_, change, page, output.results, output.log,
                                 notification_is_due(), end);
        });
    if (!done) return done.error();
    if (!done->accepted) {
        base::log::warning("page_was_taken_over",
                           {{"page", page.page_number}, {"attempt", page.attempt}});
        return {};
    }
    count(output.results);
    if (done->change_finished) base::log::info("bulk_change_finished");
    if (done->change_paused) base::log::warning("bulk_change_paused_by_itself");
    return done->wave_began ? call_runners(change) : Result<void>();
}

PageRunOutput Runner::park_poison(const ChangeKind& kind, const ClaimedPage& page) const {
    const std::string reason = std::to_string(page.lost_count) +
                               " workers ended while they worked on this device; check the line at "
                               "the carrier, then retry";
    base::log::error("device_parked", {{"page", page.page_number}, {"reason", reason}});
    PageRunOutput output;
    for (const ClaimedDevice& device : page.devices) {
        DeviceResult result = left_unknown(device);
        result.verdict.state = DeviceState::parked;
        result.verdict.reason = reason;
        result.verdict.due_in.reset();
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
    return output;
}

}  // namespace carryall::changes
