// One sync's turn: claim, read page by page, compare, end or give back.

#include "accounts/reading_turn.hpp"
#include "accounts/session_keeper.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "sync/reading.hpp"
#include "sync/sync_worker.hpp"

namespace carryall::sync {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

prometheus::Counter& lines_counter(carriers::Integration integration) {
    return base::metrics::counter("carryall_inventory_lines_read_total",
                                  "Lines that readings of carriers told of.",
                                  {{"integration", std::string(carriers::to_string(integration))}});
}

void count_end(const char* state) {
    base::metrics::counter("carryall_inventory_syncs_total", "Readings that ended.",
                           {{"state", state}})
        .Increment();
}

}  // namespace

// The account of the sync at hand, and what is prepared once for all its pages.
struct Reader::Account {
    Account(db::Connection& connection, const std::string& reader,
            const std::atomic<bool>& stopping)
        : turn(connection, reader, stopping) {}

    accounts::StoredAccount stored;
    accounts::Limits limits;
    accounts::CarrierAccount opened;
    accounts::ReadingTurn turn;
    std::unique_ptr<accounts::SessionKeeper> session;  // null: credentials go with every call
    int max_in_flight = 1;
    steady_clock::time_point extended_at = steady_clock::now();
};

Reader::Reader(const SyncWorkerSettings& settings, const base::MasterKey& key,
               std::unique_ptr<db::Connection> connection, http::Client& client, std::string name,
               const std::atomic<bool>& stopping)
    : settings_(settings),
      key_(key),
      connection_(std::move(connection)),
      client_(client),
      name_(std::move(name)),
      stopping_(stopping) {}

Reader::~Reader() = default;

Result<void> Reader::prepare_connection(db::Connection& connection) {
    return db::look_up_by_key_only(connection, "carryall sync");
}

Result<void> Reader::wait_for_work(milliseconds at_most) {
    return connection_->wait_for_notice("carryall_sync", at_most);
}

Result<bool> Reader::work_one() {
    const auto due = due_syncs(*connection_);
    if (!due) return due.error();
    for (const DueSync& one : *due) {
        auto claimed = claim_sync(*connection_, one, name_, settings_.lease);
        if (!claimed) return claimed.error();
        if (!*claimed) continue;
        const base::log::Scope scope({{"tenantId", one.tenant_id},
                                      {"syncId", one.id.value},
                                      {"serviceProviderId", (*claimed)->service_provider_id}});
        end_of_turn_ = steady_clock::now() + settings_.turn;
        CARRYALL_TRY(work(**claimed));
        return true;
    }
    return false;
}

Result<void> Reader::work(ClaimedSync& sync) {
    if (sync.lost_count > settings_.retry.max_lost) {
        return fail(sync, std::to_string(sync.lost_count) +
                              " workers ended while they read this page; their logs say why");
    }
    auto account = open_account(sync);
    if (!account) {
        if (account.error().kind == base::ErrorKind::unavailable) return account.error();
        return fail(sync, account.error().message);
    }
    if (!sync.is_comparing) {
        const auto is_read = read(sync, **account);
        if (!is_read) return is_read.error();
        if (!*is_read) return {};
    }
    return compare(sync, **account);
}

Result<std::unique_ptr<Reader::Account>> Reader::open_account(const ClaimedSync& sync) {
    auto account = std::make_unique<Account>(*connection_, name_, stopping_);
    auto stored =
        accounts::load_account(*connection_, sync.tenant_id, sync.service_provider_id, key_);
    if (!stored) return stored.error();
    CARRYALL_TRY(accounts::keep_pacing_key(*connection_, *stored));
    account->stored = std::move(*stored);
    const auto integration = carriers::parse_integration(account->stored.integration);
    auto opened = accounts::open_carrier_account(
        account->stored, integration ? settings_.find(*integration) : nullptr);
    if (!opened) return opened.error();
    account->opened = std::move(*opened);
    account->limits = accounts::limits_of(account->stored, account->opened.carrier->capabilities());
    if (account->opened.carrier->has_sessions()) {
        account->session = std::make_unique<accounts::SessionKeeper>(
            *connection_, key_, [this] { return http::make_client(settings_.http); }, name_);
        account->session->use({sync.tenant_id, account->opened.carrier, &account->opened.account,
                               account->stored.credentials_fingerprint});
    }
    account->max_in_flight = std::min(
        settings_.max_in_flight, account->limits.max_concurrency.value_or(settings_.max_in_flight));
    return account;
}

// False: the sync was given back, has failed or is another worker's.
Result<bool> Reader::read(ClaimedSync& sync, Account& account) {
    carriers::InventoryScope scope;
    scope.modified_since = sync.modified_since;
    scope.resume = sync.resume;
    scope.now = base::system_clock().now();
    const auto reading = account.opened.carrier->read_inventory(account.opened.account, scope);
    if (!reading) {
        CARRYALL_TRY(fail(sync, "this version cannot read the inventory of this carrier"));
        return false;
    }
    ReadingSettings settings;
    settings.account = &account.opened.account;
    settings.max_in_flight = account.max_in_flight;
    settings.session = account.session.get();
    settings.correlation_id = "sync-" + base::to_string(sync.id);
    ReadingHooks hooks;
    hooks.should_stop = [this] { return stopping_.load(); };
    hooks.keep_lease = [&] {
        const auto now = steady_clock::now();
        if (now - account.extended_at < steady_clock::duration(settings_.lease) / 3) return true;
        account.extended_at = now;
        account.turn.pace().prolong_turn(settings_.lease);
        const auto kept = extend_sync(*connection_, sync, settings_.lease);
        // If the database is away, the page's end says so.
        return !kept || *kept;
    };
    while (!sync.is_comparing) {
        const auto blocked_for = account.turn.take(account.stored.pacing_key, account.limits,
                                                   account.max_in_flight, settings_.lease);
        if (!blocked_for) return blocked_for.error();
        if (blocked_for->count() > 0) {
            CARRYALL_TRY(release(sync, *blocked_for));
            return false;
        }
        PageOutcome outcome = read_page(*reading, settings, client_, account.turn.pace(), hooks);
        if (auto* page = std::get_if<carriers::InventoryPage>(&outcome)) {
            const auto goes_on = take_page(sync, account, std::move(*page));
            if (!goes_on || !*goes_on) return goes_on;
            continue;
        }
        if (const auto* failed = std::get_if<carriers::InventoryFailed>(&outcome)) {
            CARRYALL_TRY(give_up_or_pause(sync, account, *failed));
            return false;
        }
        const auto& interrupted = std::get<Interrupted>(outcome);
        if (!interrupted.was_taken_over) CARRYALL_TRY(release(sync, interrupted.due_in));
        return false;
    }
    return true;
}

// False: the sync goes on elsewhere, or later.
Result<bool> Reader::take_page(ClaimedSync& sync, Account& account, carriers::InventoryPage page) {
    const bool is_empty =
        page.lines.empty() && page.plans.empty() && page.communication_plans.empty();
    if (is_empty && !page.is_last && page.resume == sync.resume) {
        CARRYALL_TRY(fail(sync, "the reading does not get on: an empty page leads to itself"));
        return false;
    }
    const auto count = static_cast<double>(page.lines.size());
    const auto accepted =
        apply_page(*connection_, sync, std::move(page), {account.opened.carrier, settings_.lease});
    if (!accepted) return accepted.error();
    account.extended_at = steady_clock::now();
    if (!*accepted) {
        base::log::warning("sync_was_taken_over", {{"attempt", sync.attempt}});
        return false;
    }
    lines_counter(account.opened.account.integration).Increment(count);
    if (sync.is_comparing || steady_clock::now() < end_of_turn_) return true;
    const auto waited_for = others_wait(sync);
    if (!waited_for) return waited_for.error();
    if (!*waited_for) {
        end_of_turn_ = steady_clock::now() + settings_.turn;
        return true;
    }
    CARRYALL_TRY(release(sync, milliseconds(0)));
    return false;
}

Result<bool> Reader::others_wait(const ClaimedSync& sync) {
    const auto due = due_syncs(*connection_);
    if (!due) return due.error();
    return std::any_of(due->begin(), due->end(),
                       [&](const DueSync& one) { return one.id != sync.id; });
}

Result<void> Reader::compare(ClaimedSync& sync, const Account& account) {
    while (true) {
        if (stopping_) return release(sync, milliseconds(0));
        const auto step =
            compare_step(*connection_, sync, {account.opened.carrier, settings_.lease});
        if (!step) return step.error();
        if (!step->accepted) {
            base::log::warning("sync_was_taken_over", {{"attempt", sync.attempt}});
            return {};
        }
        if (step->is_over) break;
    }
    count_end("done");
    base::log::info("sync_done", {{"kind", to_string(sync.kind)}});
    return {};
}

Result<void> Reader::give_up_or_pause(const ClaimedSync& sync, Account& account,
                                      const carriers::InventoryFailed& failed) {
    constexpr std::chrono::seconds kDefaultPause{5};
    if (failed.whole_account) account.turn.pace().pause(failed.retry_after.value_or(kDefaultPause));
    const auto again = retry_in(failed, sync.retry_number, jitter(), settings_.retry);
    if (!again) return fail(sync, failed.reason);
    base::log::warning("sync_interrupted",
                       {{"reason", failed.reason}, {"retryInMs", again->count()}});
    SyncPause pause;
    pause.due_in = *again;
    pause.reason = failed.reason;
    // A limit of the account is nothing that this reading did wrong.
    pause.retry_number = failed.whole_account ? sync.retry_number : sync.retry_number + 1;
    CARRYALL_TRY(release_sync(*connection_, sync, pause));
    return {};
}

Result<void> Reader::release(const ClaimedSync& sync, milliseconds due_in) {
    CARRYALL_TRY(release_sync(*connection_, sync, {due_in, std::nullopt, sync.retry_number}));
    return {};
}

Result<void> Reader::fail(const ClaimedSync& sync, const std::string& reason) {
    count_end("failed");
    base::log::error("sync_failed", {{"reason", reason}});
    CARRYALL_TRY(fail_sync(*connection_, sync, reason));
    return {};
}

}  // namespace carryall::sync
