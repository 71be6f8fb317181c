// One reconciliation's turn: claim, read rounds of pages, compare, end or give back.

#include "accounts/reading_turn.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/text.hpp"
#include "billing/revio/revio.hpp"
#include "charges/reconciliation_reading.hpp"
#include "charges/reconciliation_worker.hpp"
#include "sync/reading.hpp"

namespace carryall::charges {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

void count_end(const char* state) {
    base::metrics::counter("carryall_charge_reconciliations_total", "Reconciliations that ended.",
                           {{"state", state}})
        .Increment();
}

}  // namespace

// The account whose customers are read, while they are.
struct Reconciler::Account {
    Account(db::Connection& connection, const std::string& name, const std::atomic<bool>& stopping)
        : turn(connection, name, stopping) {}

    accounts::StoredAccount stored;
    accounts::Limits limits;
    carriers::Account opened;
    accounts::ReadingTurn turn;
    int max_in_flight = 1;
    steady_clock::time_point extended_at = steady_clock::now();
};

Reconciler::Reconciler(const ReconciliationSettings& settings, const base::MasterKey& key,
                       std::unique_ptr<db::Connection> connection, http::Client& client,
                       std::string name, const std::atomic<bool>& stopping)
    : settings_(settings),
      key_(key),
      connection_(std::move(connection)),
      client_(client),
      name_(std::move(name)),
      stopping_(stopping) {}

std::chrono::seconds Reconciler::settling() const {
    return settings_.settling_time.value_or(billing::revio::kSettlingTime);
}

Result<void> Reconciler::wait_for_work(milliseconds at_most) {
    return connection_->wait_for_notice("carryall_reconciliation", at_most);
}

Result<bool> Reconciler::work_one() {
    const auto due = due_reconciliations(*connection_);
    if (!due) return due.error();
    for (const DueReconciliation& one : *due) {
        const auto claim = claim_reconciliation(*connection_, one, name_, settings_.lease);
        if (!claim) return claim.error();
        if (!*claim) continue;
        const base::log::Scope scope(
            {{"tenantId", one.tenant_id}, {"chargeReconciliationId", one.id.value}});
        CARRYALL_TRY(work(**claim));
        return true;
    }
    return false;
}

Result<void> Reconciler::count_differences() {
    const auto counts = open_differences(*connection_);
    if (!counts) return counts.error();
    std::string_view kinds = kDifferenceKinds;
    while (!kinds.empty()) {
        const std::string kind(base::take_part(kinds, " "));
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

Result<void> Reconciler::work(const ClaimedReconciliation& claim) {
    if (claim.lost_count > settings_.retry.max_lost) {
        return fail(claim, std::to_string(claim.lost_count) +
                               " workers ended in the middle of it; their logs say why");
    }
    // Once only: of a run that goes on, something will always have been charged a moment ago.
    if (claim.attempt == 1) {
        const auto left = settling_left(*connection_, claim, settling());
        if (!left) return left.error();
        if (left->count() > 0) return release(claim, *left);
    }
    while (true) {
        auto customers = begin_customers(*connection_, claim, settings_.max_in_flight);
        if (!customers) return customers.error();
        if (customers->empty()) {
            const auto goes_on = compare(claim);
            if (!goes_on) return goes_on.error();
            if (!*goes_on) return {};
            continue;
        }
        auto account = open_account(claim, customers->front().service_provider_id);
        if (!account) {
            if (account.error().kind == base::ErrorKind::unavailable) return account.error();
            return fail(claim, account.error().message);
        }
        const std::int64_t id = customers->front().service_provider_id;
        while (!customers->empty() && customers->front().service_provider_id == id) {
            const auto goes_on = read_round(claim, **account, std::move(*customers));
            if (!goes_on) return goes_on.error();
            if (!*goes_on) return {};
            customers = begin_customers(*connection_, claim, (*account)->max_in_flight);
            if (!customers) return customers.error();
        }
    }
}

Result<std::unique_ptr<Reconciler::Account>> Reconciler::open_account(
    const ClaimedReconciliation& claim, std::int64_t service_provider_id) {
    auto account = std::make_unique<Account>(*connection_, name_, stopping_);
    auto stored = accounts::load_account(*connection_, claim.tenant_id, service_provider_id, key_);
    if (!stored) return stored.error();
    CARRYALL_TRY(accounts::keep_pacing_key(*connection_, *stored));
    auto opened =
        billing::revio::account(stored->service_provider_id, stored->settings, stored->credentials);
    if (!opened) return opened.error();
    account->stored = std::move(*stored);
    account->opened = std::move(*opened);
    account->limits = accounts::limits_of(account->stored);
    account->max_in_flight = std::min(
        settings_.max_in_flight, account->limits.max_concurrency.value_or(settings_.max_in_flight));
    return account;
}

// False: the reconciliation was given back, has failed or is another worker's.
Result<bool> Reconciler::read_round(const ClaimedReconciliation& claim, Account& account,
                                    std::vector<UnreadCustomer> customers) {
    const auto blocked_for = account.turn.take(account.stored.pacing_key, account.limits,
                                               account.max_in_flight, settings_.lease);
    if (!blocked_for) return blocked_for.error();
    if (blocked_for->count() > 0) {
        CARRYALL_TRY(release(claim, *blocked_for));
        return false;
    }
    ChargeRound round(account.opened, std::move(customers));
    sync::ReadingSettings settings;
    settings.account = &account.opened;
    settings.max_in_flight = account.max_in_flight;
    settings.correlation_id = "reconciliation-" + base::to_string(claim.id);
    sync::ReadingHooks hooks;
    hooks.should_stop = [this] { return stopping_.load(); };
    hooks.keep_lease = [&] {
        const auto now = steady_clock::now();
        if (now - account.extended_at < steady_clock::duration(settings_.lease) / 3) return true;
        account.extended_at = now;
        account.turn.pace().prolong_turn(settings_.lease);
        const auto kept = extend_reconciliation(*connection_, claim, settings_.lease);
        // If the database is away, the round's end says so.
        return !kept || *kept;
    };
    const auto outcome = sync::read_page(round, settings, client_, account.turn.pace(), hooks);
    if (const auto* interrupted = std::get_if<sync::Interrupted>(&outcome)) {
        if (!interrupted->was_taken_over) CARRYALL_TRY(release(claim, interrupted->due_in));
        return false;
    }
    if (const auto* failed = std::get_if<carriers::InventoryFailed>(&outcome)) {
        CARRYALL_TRY(give_up_or_pause(claim, account, *failed, false));
        return false;
    }
    const bool got_on = !round.pages().empty();
    if (got_on) {
        const auto stored = store_pages(*connection_, claim, round.pages(), settings_.lease);
        if (!stored) return stored.error();
        account.extended_at = steady_clock::now();
        if (!*stored) {
            base::log::warning("reconciliation_was_taken_over", {{"attempt", claim.attempt}});
            return false;
        }
    }
    if (!round.failed()) return true;
    CARRYALL_TRY(give_up_or_pause(claim, account, *round.failed(), got_on));
    return false;
}

// True: some customers are read once more.
Result<bool> Reconciler::compare(const ClaimedReconciliation& claim) {
    // It runs for seconds, in one statement after the other: nobody can prolong the lease
    // meanwhile.
    constexpr int kLeases = 10;
    const auto kept = extend_reconciliation(*connection_, claim, settings_.lease * kLeases);
    if (!kept) return kept.error();
    if (!*kept) return false;
    const auto compared = compare_charges(*connection_, claim, settling());
    if (!compared) return compared.error();
    switch (*compared) {
        case Compared::taken_over:
            base::log::warning("reconciliation_was_taken_over", {{"attempt", claim.attempt}});
            return false;
        case Compared::reads_again:
            base::log::info("reconciliation_looks_again");
            return true;
        case Compared::done:
            count_end("done");
            base::log::info("reconciliation_done");
            CARRYALL_TRY(count_differences());
            return false;
    }
    return false;
}

Result<void> Reconciler::give_up_or_pause(const ClaimedReconciliation& claim, Account& account,
                                          const carriers::InventoryFailed& failed, bool got_on) {
    constexpr std::chrono::seconds kDefaultPause{5};
    if (failed.whole_account) account.turn.pace().pause(failed.retry_after.value_or(kDefaultPause));
    const int retry_number = got_on ? 0 : claim.retry_number;
    const auto again = sync::retry_in(failed, retry_number, sync::jitter(), settings_.retry);
    if (!again) return fail(claim, failed.reason);
    base::log::warning("reconciliation_interrupted",
                       {{"reason", failed.reason}, {"retryInMs", again->count()}});
    ReconciliationPause pause;
    pause.due_in = *again;
    pause.reason = failed.reason;
    // A limit of the account is nothing that this reading did wrong.
    pause.retry_number = failed.whole_account ? retry_number : retry_number + 1;
    CARRYALL_TRY(release_reconciliation(*connection_, claim, pause));
    return {};
}

Result<void> Reconciler::release(const ClaimedReconciliation& claim, milliseconds due_in) {
    CARRYALL_TRY(
        release_reconciliation(*connection_, claim, {due_in, std::nullopt, claim.retry_number}));
    return {};
}

Result<void> Reconciler::fail(const ClaimedReconciliation& claim, const std::string& reason) {
    count_end("failed");
    base::log::error("reconciliation_failed", {{"reason", reason}});
    CARRYALL_TRY(fail_reconciliation(*connection_, claim, reason));
    return {};
}

}  // namespace carryall::charges
