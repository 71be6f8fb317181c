#include "charges/runner.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "billing/revio/revio.hpp"
#include "changes/page_start.hpp"
#include "charges/charge_rules.hpp"
#include "charges/enqueue.hpp"
#include "db/working.hpp"

namespace carryall::charges {

using changes::PageRunOutput;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// How long a part is worked before its message is put back, behind the others.
constexpr std::chrono::seconds kTurn{3};
// No further charge of a page is begun after this: others wait for their turn.
constexpr std::chrono::seconds kPageTurn{15};
// However long an account is blocked, it is looked at again after this.
constexpr milliseconds kLongestHold{60'000};
// A pause that is shorter is waited for.
constexpr milliseconds kShortPause{1'000};

void count(const std::vector<changes::DeviceResult>& results) {
    const auto counter = [](const char* state) -> prometheus::Counter& {
        return base::metrics::counter("carryall_charges_total", "Charges that reached a state.",
                                      {{"state", state}});
    };
    static auto& charged = counter("charged");
    static auto& failed = counter("failed");
    static auto& unknown = counter("unknown");
    static auto& parked = counter("parked");
    static auto& again = counter("retry");
    for (const changes::DeviceResult& result : results) {
        switch (result.verdict.state) {
            case changes::DeviceState::processed:
                charged.Increment();
                break;
            case changes::DeviceState::error:
                failed.Increment();
                break;
            case changes::DeviceState::unknown:
                unknown.Increment();
                break;
            case changes::DeviceState::parked:
                parked.Increment();
                break;
            default:
                again.Increment();
                break;
        }
    }
}

changes::LeaseTimes lease_from(steady_clock::time_point claimed, std::chrono::seconds seconds) {
    // The last sixth of the lease is for writing the page down.
    const auto lease = steady_clock::duration(seconds);
    return {claimed + lease / 2, claimed + lease * 5 / 6};
}

}  // namespace

ChargeRunner::ChargeRunner(const ChargeWorkerSettings& settings, const base::MasterKey& key,
                           std::unique_ptr<db::Connection> connection, http::Client& client,
                           std::string name, const std::atomic<bool>& stopping)
    : settings_(settings),
      key_(key),
      connection_(std::move(connection)),
      client_(client),
      name_(std::move(name)),
      stopping_(stopping),
      enqueue_queue_(queue::postgres_queue(*connection_, queue::kChargeEnqueueQueue)),
      charge_queue_(queue::postgres_queue(*connection_, queue::kChargeQueue)) {
    count({});  // so that the counters are there, at zero, before the first charge
}

ChargeRunner::~ChargeRunner() = default;

Result<void> ChargeRunner::prepare_connection(db::Connection& connection) {
    return db::look_up_by_key_only(connection, "carryall charges");
}

Result<void> ChargeRunner::wait_for_work(milliseconds at_most) {
    return connection_->wait_for_notice("carryall_queue", at_most);
}

Result<bool> ChargeRunner::work_one() {
    auto made = receive(*enqueue_queue_, settings_.making_lease, &ChargeRunner::make);
    if (!made || *made) return made;
    return receive(*charge_queue_, settings_.lease, &ChargeRunner::send);
}

Result<bool> ChargeRunner::receive(queue::Queue& queue, std::chrono::seconds lease,
                                   Result<void> (ChargeRunner::*work)(const queue::Message&)) {
    CARRYALL_TRY(connection_->work_for_tenant(0));
    const auto message = queue.receive(lease);
    if (!message) return message.error();
    if (!*message) return false;
    const queue::Attributes& attributes = (*message)->attributes;
    const std::int64_t run = attributes.charge ? attributes.charge->charge_run_id : 0;
    const base::log::Scope scope({{"tenantId", attributes.tenant_id},
                                  {"chargeRunId", run},
                                  {"correlationId", attributes.request_id}});
    if (!attributes.charge) {
        base::log::warning("message_names_no_charge_run", {{"messageId", (*message)->message_id}});
        CARRYALL_TRY(unless_taken_over(queue.remove(**message)));
        return true;
    }
    CARRYALL_TRY((this->*work)(**message));
    return true;
}

// The message was received again meanwhile: then it is the other receiver's. Pages are fenced.
Result<void> ChargeRunner::unless_taken_over(Result<void> done) {
    if (!done && done.error().kind == base::ErrorKind::conflict) return {};
    return done;
}

Result<void> ChargeRunner::make(const queue::Message& message) {
    const queue::ChargeAttributes& charge = *message.attributes.charge;
    const auto made =
        make_intents(*connection_, message.attributes.tenant_id, ChargeRunId{charge.charge_run_id},
                     InstanceId{charge.instance_id});
    if (!made && made.error().kind != base::ErrorKind::not_found) return made.error();
    if (made && made->is_new) {
        base::log::info("charge_intents_made", {{"instanceId", charge.instance_id},
                                                {"parts", made->parts},
                                                {"charges", made->charges}});
    }
    CARRYALL_TRY(connection_->work_for_tenant(0));
    return unless_taken_over(enqueue_queue_->remove(message));
}

// Making it sends a message of its own for what follows.
Result<void> ChargeRunner::make_file(const queue::Message& message, const WorkablePart& part) {
    CARRYALL_TRY(connection_->work_for_tenant(0));
    const auto kept = charge_queue_->extend(message, settings_.making_lease);
    if (!kept) return unless_taken_over(kept);
    const auto made = make_file_intents(*connection_, part.tenant_id, part.run);
    if (!made) return made.error();
    if (made->is_new) base::log::info("charge_intents_made", {{"charges", made->charges}});
    CARRYALL_TRY(connection_->work_for_tenant(0));
    return unless_taken_over(charge_queue_->remove(message));
}

Result<void> ChargeRunner::send(const queue::Message& message) {
    const queue::ChargeAttributes& charge = *message.attributes.charge;
    const auto part = load_part(*connection_, message.attributes.tenant_id,
                                ChargeRunId{charge.charge_run_id}, charge.part_number, key_);
    if (!part && part.error().kind == base::ErrorKind::not_found) {
        base::log::warning("message_names_no_charge_run", {{"messageId", message.message_id}});
        return unless_taken_over(charge_queue_->remove(message));
    }
    if (!part) return part.error();
    if (part->is_to_be_made && !part->is_held) return make_file(message, *part);
    if (!part->is_open || part->is_held || !part->account) {
        return unless_taken_over(charge_queue_->remove(message));
    }
    const auto opened = billing::revio::account(
        part->account->service_provider_id, part->account->settings, part->account->credentials);
    if (!opened) {
        CARRYALL_TRY(stop_runs_of(*connection_, *part->account, opened.error().message));
        return unless_taken_over(charge_queue_->remove(message));
    }
    carriers::Account account = *opened;
    account.write_is_enabled = part->account->write_is_enabled;
    CARRYALL_TRY(accounts::keep_pacing_key(*connection_, *part->account));
    return send_in_turn(message, *part, account);
}

Result<void> ChargeRunner::send_in_turn(const queue::Message& message, const WorkablePart& part,
                                        const carriers::Account& account) {
    auto& pace = paces_[part.account->pacing_key];
    if (!pace) pace = std::make_unique<accounts::AccountPace>(*connection_, name_);
    const accounts::Limits limits = accounts::limits_of(*part.account);
    // Half of the calls in flight that the account takes: the other half is the next runner's.
    const int most = limits.max_concurrency.value_or(settings_.max_in_flight * 2);
    const int wanted = std::min(settings_.max_in_flight, std::max(1, most / 2));
    const auto blocked_for =
        pace->begin_turn(part.account->pacing_key, limits, wanted, settings_.lease);
    if (!blocked_for) return blocked_for.error();
    if (blocked_for->count() > 0) {
        pace->end_turn();
        return unless_taken_over(
            charge_queue_->put_back(message, std::min(*blocked_for, kLongestHold)));
    }
    const auto end_of_turn = steady_clock::now() + kTurn;
    bool is_doubted = message.receive_count > 1;
    Result<bool> worked = true;
    while (worked && *worked && !stopping_ && steady_clock::now() < end_of_turn &&
           pace->blocked_for() <= kShortPause) {
        worked = work_page(part, account, *pace, message);
        // A message that gets somewhere is not on its way to the dead letters.
        if (is_doubted && worked && *worked) {
            is_doubted = false;
            // A lost message costs no more than time.
            static_cast<void>(charge_queue_->extend(message, settings_.lease));
        }
    }
    const milliseconds blocked = pace->blocked_for();
    pace->end_turn();
    if (!worked) return worked.error();
    if (!*worked) return hand_over(message, part);
    const milliseconds hold =
        blocked > kShortPause ? std::min(blocked, kLongestHold) : milliseconds(0);
    return unless_taken_over(charge_queue_->put_back(message, hold));
}

// No page is due now: come back when one is, or let the message go.
Result<void> ChargeRunner::hand_over(const queue::Message& message, const WorkablePart& part) {
    const auto due_in = next_claim_due_in(*connection_, part);
    if (!due_in) return due_in.error();
    if (!*due_in) {
        const auto is_reopened = reopen_pages(*connection_, part);
        if (!is_reopened) return is_reopened.error();
        if (!*is_reopened) return unless_taken_over(charge_queue_->remove(message));
    }
    const milliseconds wait = std::max(due_in->value_or(milliseconds(0)), milliseconds(0));
    return unless_taken_over(charge_queue_->put_back(message, wait));
}

// False: no page was due.
Result<bool> ChargeRunner::work_page(const WorkablePart& part, const carriers::Account& account,
                                     accounts::AccountPace& pace, const queue::Message& message) {
    const auto claimed_at = steady_clock::now();
    auto claimed = claim_charges(*connection_, part, name_, settings_.lease);
    if (!claimed) return claimed.error();
    if (!*claimed) return false;
    changes::ClaimedPage& page = (*claimed)->page;
    const bool is_poisoned = page.lost_count >= settings_.retry.max_lost;
    const auto left = changes::take_aside(page, is_poisoned);
    ClaimEnd end;
    // While charges are set aside the page is one that workers died on.
    if (!left.empty()) end.lost_count = is_poisoned ? 1 : page.lost_count;
    PageRunOutput output;
    if (is_poisoned) {
        for (const changes::ClaimedDevice& charge : page.devices) {
            output.results.push_back(parked_as_poison(charge, page.lost_count));
        }
    } else {
        output = run_claim(part, account, pace, message, **claimed, claimed_at);
        pace.count_devices(output.results.size());
    }
    for (const changes::ClaimedDevice& charge : left) {
        if (charge.lost) output.results.push_back(changes::left_unknown(charge));
    }
    end.resume_in = output.resume_in;
    const auto refused = spare_charges(output.results);
    if (refused) {
        base::log::error("charge_account_refused", {{"reason", *refused}});
        CARRYALL_TRY(stop_runs_of(*connection_, *part.account, *refused));
    }
    park_unreached(output.results);
    part_twins(output.results);
    CARRYALL_TRY(complete(part, page, output, end));
    return true;
}

PageRunOutput ChargeRunner::run_claim(const WorkablePart& part, const carriers::Account& account,
                                      accounts::AccountPace& pace, const queue::Message& message,
                                      ClaimedCharges& claimed,
                                      steady_clock::time_point claimed_at) {
    changes::PageRunSettings run;
    run.max_in_flight = settings_.max_in_flight;
    run.settling_time = settings_.settling_time.value_or(billing::revio::kSettlingTime);
    run.retry = settings_.retry;
    run.lease = lease_from(claimed_at, settings_.lease);
    run.integration_name = "Rev.io";
    run.description = "Create Charge";
    std::vector<changes::DevicePlan> plans;
    plans.reserve(claimed.page.devices.size());
    for (const changes::ClaimedDevice& device : claimed.page.devices) {
        changes::DevicePlan plan;
        plan.exchange = billing::revio::create_charge(
            account, std::move(claimed.charges.at(device.id.value)),
            changes::attempt_at(claimed.page, device, part.correlation_id, run.settling_time));
        plans.push_back(std::move(plan));
    }
    const changes::EffectOf effect_of = [](const changes::DevicePlan&,
                                           const carriers::Applied& applied) {
        return serialize(applied.details);
    };
    return changes::run_page(claimed.page, std::move(plans), account, part.correlation_id, run,
                             client_, pace, effect_of,
                             hooks_for(part, claimed.page, pace, message, claimed_at));
}

changes::PageRunHooks ChargeRunner::hooks_for(const WorkablePart& part,
                                              const changes::ClaimedPage& page,
                                              accounts::AccountPace& pace,
                                              const queue::Message& message,
                                              steady_clock::time_point claimed_at) {
    changes::PageRunHooks hooks;
    hooks.should_stop = [this, until = claimed_at + kPageTurn] {
        return stopping_ || steady_clock::now() >= until;
    };
    const auto lease = steady_clock::duration(settings_.lease);
    hooks.heartbeat = [&, claimed_at, lease]() mutable -> std::optional<changes::LeaseTimes> {
        const auto now = steady_clock::now();
        if (now - claimed_at < lease / 3 || now > claimed_at + lease / 2) return std::nullopt;
        const auto kept = extend_claim(*connection_, part, page, settings_.lease);
        if (!kept) return std::nullopt;
        if (!*kept) return changes::LeaseTimes{now, now};
        pace.prolong_turn(settings_.lease);
        // A lost message costs no more than time.
        static_cast<void>(charge_queue_->extend(message, settings_.lease));
        claimed_at = now;
        return lease_from(now, settings_.lease);
    };
    return hooks;
}

// The answers are in our hands, and the fence makes repeating harmless. If the lease runs out
// meanwhile, the next worker looks the charges up.
Result<void> ChargeRunner::complete(const WorkablePart& part, const changes::ClaimedPage& page,
                                    const PageRunOutput& output, const ClaimEnd& end) {
    const auto done = db::write_down(
        *connection_, settings_.database, prepare_connection, settings_.lease,
        [&] { return complete_claim(*connection_, part, page, output.results, output.log, end); });
    if (!done) return done.error();
    if (!done->accepted) {
        base::log::warning("page_was_taken_over",
                           {{"page", page.page_number}, {"attempt", page.attempt}});
        return {};
    }
    count(output.results);
    if (done->is_settled) base::log::info("charge_part_settled", {{"part", part.part_number}});
    return {};
}

void ChargeRunner::flush_figures(bool now) {
    for (auto& [key, pace] : paces_) pace->flush_figures(now);
}

}  // namespace carryall::charges
