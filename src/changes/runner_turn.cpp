// A runner's turn at a message: in which order changes get to a carrier's account, and what happens
// to the message when the turn ends. What must stay true: the account's turn ends before the
// message lets the next runner in, so that the next one finds the account free.
#include <algorithm>
#include <cmath>
#include <thread>

#include "base/log.hpp"
#include "changes/control_store.hpp"
#include "changes/notices.hpp"
#include "changes/runner.hpp"
#include "changes/submit.hpp"

namespace carryall::changes {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// How long a message is worked before it is put back, behind the other messages: a large change
// does not keep a small one waiting, and the change is read again, so that the write switch,
// credentials and pacing take effect while it runs.
constexpr std::chrono::seconds kTurn{3};
// A pause that is shorter is waited for.
constexpr milliseconds kShortPause{1'000};
// How often a change that is being cancelled is looked at while others have devices of it in hand.
constexpr milliseconds kCancelLook{500};
// However long an account is blocked, it is looked at again after this: settings may have changed.
constexpr milliseconds kLongestHold{60'000};
// Until the calls in flight of the turn before are answered.
constexpr milliseconds kSlotLook{20};
constexpr milliseconds kSlotPatience{500};
// What the change from one page to the next costs beside the answers in flight.
constexpr milliseconds kPageOverhead{15};
// The next page is begun by another runner if waiting for this one's end would cost more than this
// share of the page's time; from this long before the last call is begun.
constexpr double kIdleShare = 0.03;
constexpr std::chrono::duration<double> kAhead{0.05};

// Accounts with limits are called by one runner after the other, and so is a change that has one of
// its own.
std::string group_of(const StoredAccount* account, const accounts::Limits& limits,
                     const RunnableChange& change) {
    if (account == nullptr) return {};
    if (limits.max_concurrency) return "account " + account->pacing_key;
    return change.held.max_concurrency ? "change " + base::to_string(change.id) : std::string();
}

}  // namespace

Result<void> Runner::work_message(queue::Message& message) {
    const BulkChangeId id{message.attributes.bulk_change_id};
    const auto change = load_change(*connection_, message.attributes.tenant_id, id, key_);
    if (!change && change.error().kind == base::ErrorKind::not_found) {
        base::log::warning("message_names_no_change", {{"messageId", message.message_id}});
        return unless_taken_over(queue_->remove(message));
    }
    if (!change) return cancel_what_cannot_run(message, change.error());
    if (change->held.control == Control::cancelling) {
        const auto all = end_what_was_not_begun(change->tenant_id, id, change->held.words);
        if (!all) return all.error();
        if (!*all) return unless_taken_over(queue_->put_back(message, milliseconds(0)));
    }
    // Of a change that is held there is mostly nothing to do: that costs the account no turn.
    if (!change->held.may_begin) {
        const auto next = next_page_due_in(*connection_, change->tenant_id, id);
        if (!next) return next.error();
        if (!next->due_in || next->due_in->count() > 0) return hand_over(message, *change);
    }
    const auto kind = make_change_kind(*change);
    const StoredAccount* account = kind->paced_account();
    Turn turn{message};
    if (account != nullptr) turn.limits = accounts::limits_of(*account);
    const std::string group = group_of(account, turn.limits, *change);
    if (message.group != group) return unless_taken_over(queue_->put_into_group(message, group));
    if (account == nullptr) return work_turn(*change, *kind, turn);
    CARRYALL_TRY(accounts::keep_pacing_key(*connection_, *account));
    const milliseconds standstill = note_blackouts(*account, turn);
    if (standstill.count() > 0) {
        // Of this service provider alone: others may have the same login, and no blackout.
        return unless_taken_over(queue_->put_back(message, std::min(standstill, kLongestHold)));
    }
    const auto blocked_for = begin_turn(*account, *change, turn);
    if (!blocked_for) return blocked_for.error();
    if (blocked_for->count() > 0) {
        turn.pace->end_turn();
        return leave_account_alone(message, *blocked_for);
    }
    const auto worked = work_turn(*change, *kind, turn);
    turn.pace->end_turn();  // also after an error
    return worked;
}

// How long the blackout lasts that the account is in; zero: it is in none.
milliseconds Runner::note_blackouts(const StoredAccount& account, Turn& turn) {
    if (account.blackouts.empty()) return milliseconds(0);
    const base::Instant now = account.database_now();
    if (const auto still = accounts::standstill_at(account.blackouts, now)) {
        return std::chrono::ceil<milliseconds>(still->until - now);
    }
    if (const auto next = accounts::next_standstill(account.blackouts, now)) {
        turn.blackout_at = steady_clock::now() + (*next - now);
    }
    return milliseconds(0);
}

// Zero: the turn has begun.
Result<milliseconds> Runner::begin_turn(const StoredAccount& account, const RunnableChange& change,
                                        Turn& turn) {
    auto& pace = paces_[account.pacing_key];
    if (!pace) pace = std::make_unique<accounts::AccountPace>(*connection_, name_);
    turn.pace = pace.get();
    const int wanted = std::min(turn.limits.max_concurrency.value_or(settings_.max_in_flight),
                                change.held.max_concurrency.value_or(kMaxChangeConcurrency));
    const auto patience = steady_clock::now() + kSlotPatience;
    while (true) {
        const auto blocked_for =
            pace->begin_turn(account.pacing_key, turn.limits, wanted, settings_.lease);
        const bool waits_for_slots =
            blocked_for && blocked_for->count() > 0 && pace->blocked_for().count() == 0;
        if (!waits_for_slots || stopping_ || steady_clock::now() > patience) return blocked_for;
        std::this_thread::sleep_for(kSlotLook);
    }
}

// Nobody is occupied by an account that cannot be called: its messages wait where they are.
Result<void> Runner::leave_account_alone(const queue::Message& message, milliseconds blocked_for) {
    const milliseconds hold = std::min(blocked_for, kLongestHold);
    if (message.group.empty()) return unless_taken_over(queue_->put_back(message, hold));
    CARRYALL_TRY(queue_->hold_group(message.group, hold));
    return unless_taken_over(queue_->put_back(message, milliseconds(0)));
}

Result<void> Runner::work_turn(const RunnableChange& change, ChangeKind& kind, Turn& turn) {
    queue::Message& message = turn.message;
    const auto end_of_turn = std::min(steady_clock::now() + kTurn, turn.blackout_at);
    const auto end_account_turn = [&] {
        if (turn.pace != nullptr) turn.pace->end_turn();
    };
    while (!stopping_ && steady_clock::now() < end_of_turn) {
        const auto worked = work_page(change, kind, turn);
        if (!worked) return worked.error();
        if (!*worked) {
            end_account_turn();
            return hand_over(message, change);
        }
        if (turn.is_passed_on || turn.is_over) break;
        if (turn.pace != nullptr && turn.pace->blocked_for() > kShortPause) {
            end_account_turn();
            return leave_account_alone(message, turn.pace->blocked_for());
        }
        // A message that gets somewhere is not on its way to the dead letters.
        if (message.receive_count > 1) CARRYALL_TRY(prolong(turn));
    }
    end_account_turn();
    // Others' turn, or the process is to end: visible to any worker at once.
    return unless_taken_over(queue_->put_back(message, milliseconds(0)));
}

// Towards the end of a page the account would idle: its last calls are answered, it is written
// down, the next one is claimed. If that takes a share of the time that matters, another runner may
// begin meanwhile, with the calls in flight that this one does not need any more.
void Runner::pass_on_early(Turn& turn, const RunnableChange& change, std::size_t waiting,
                           int in_flight, steady_clock::time_point begun) {
    if (turn.is_passed_on || turn.pace == nullptr || turn.pace->is_down()) return;
    if (change.held.max_concurrency) return;  // two runners would have more calls in flight
    const double rate = turn.pace->rate().value_or(0);
    if (static_cast<double>(waiting) > rate * kAhead.count()) return;
    const auto idle = turn.pace->latency() + kPageOverhead;
    if (idle < kIdleShare * (steady_clock::now() - begun)) return;
    turn.is_passed_on = true;
    // The calls that still wait come at the account's pace, so they need no more in flight than
    // that takes.
    const std::chrono::duration<double> latency = turn.pace->latency();
    const int needed = static_cast<int>(std::ceil(rate * latency.count()));
    turn.pace->shrink_turn(
        std::max({1, in_flight, std::min(needed, in_flight + static_cast<int>(waiting))}));
    const bool has_more_pages = change.open_page_count > turn.pages;
    const auto passed = has_more_pages ? queue_->put_back(turn.message, milliseconds(0))
                                       : queue_->free_group(turn.message);
    if (!passed && passed.error().kind != base::ErrorKind::conflict) {
        base::log::warning("turn_not_passed_on", {{"reason", passed.error().message}});
    }
}

Result<void> Runner::prolong(Turn& turn) {
    turn.message.receive_count = 1;
    if (turn.pace != nullptr) turn.pace->prolong_turn(settings_.lease);
    return unless_taken_over(queue_->extend(turn.message, settings_.lease));
}

// The message was received again meanwhile: then it is the other receiver's. Pages are fenced.
Result<void> Runner::unless_taken_over(Result<void> done) {
    if (!done && done.error().kind == base::ErrorKind::conflict) return {};
    return done;
}

// No page is due now: come back when one is, or let the message go.
Result<void> Runner::hand_over(const queue::Message& message, const RunnableChange& change) {
    const auto next = next_page_due_in(*connection_, change.tenant_id, change.id);
    if (!next) return next.error();
    if (next->is_cancelling) {
        // What other workers have in hand is to be ended when they have written it down.
        const bool was_known = change.held.control == Control::cancelling;
        const milliseconds look = was_known ? kCancelLook : milliseconds(0);
        return unless_taken_over(
            queue_->put_back(message, std::min(look, next->due_in.value_or(look))));
    }
    if (!next->due_in) return unless_taken_over(queue_->remove(message));
    const milliseconds due = std::max(*next->due_in, milliseconds(0));
    CARRYALL_TRY(unless_taken_over(queue_->put_back(message, due)));
    // What the carrier told in between has made a page due at once, when the message could not be
    // woken yet.
    const auto now = next_page_due_in(*connection_, change.tenant_id, change.id);
    if (!now) return now.error();
    const bool is_due = now->due_in && now->due_in->count() <= 0 && due.count() > 0;
    return is_due ? wake_changes(*connection_, change.tenant_id, {change.id}) : Result<void>();
}

// A cancellation asks the carrier nothing, so it needs neither settings nor credentials that can be
// opened. Only what is still to be read back does: of that the problem is told as of any change.
Result<void> Runner::cancel_what_cannot_run(const queue::Message& message,
                                            const base::Error& problem) {
    const std::int64_t tenant_id = message.attributes.tenant_id;
    const BulkChangeId id{message.attributes.bulk_change_id};
    if (problem.kind == base::ErrorKind::unavailable) return problem;
    const auto held = look_at_control(*connection_, tenant_id, id);
    if (!held) return held.error();
    if (held->control != Control::cancelling) return problem;
    const auto all = end_what_was_not_begun(tenant_id, id, held->words);
    if (!all) return all.error();
    if (!*all) return unless_taken_over(queue_->put_back(message, milliseconds(0)));
    const auto left = look_at_control(*connection_, tenant_id, id);
    if (!left) return left.error();
    if (left->control == Control::cancelling) return problem;
    return unless_taken_over(queue_->remove(message));
}

// False: there is more, and others wait for their turn.
Result<bool> Runner::end_what_was_not_begun(std::int64_t tenant_id, BulkChangeId id,
                                            const std::string& words) {
    const auto end_of_turn = steady_clock::now() + kTurn;
    while (!stopping_ && steady_clock::now() < end_of_turn) {
        const auto cancelled = cancel_some(*connection_, tenant_id, id, words);
        if (!cancelled) return cancelled.error();
        if (!cancelled->more) return true;
    }
    return false;
}

// The next wave may be worked by several again.
Result<void> Runner::call_runners(const RunnableChange& change) {
    queue::Attributes attributes;
    attributes.tenant_id = change.tenant_id;
    attributes.bulk_change_id = change.id.value;
    attributes.request_id = change.correlation_id;
    for (int i = 1; i < std::min(kMaxParallelRunners, change.open_page_count); ++i) {
        CARRYALL_TRY(queue_->send("The next wave of bulk change " + base::to_string(change.id),
                                  attributes, {}));
    }
    return {};
}

accounts::Pace& Runner::pace_of(const Turn& turn) {
    if (turn.pace != nullptr) return *turn.pace;
    auto& inside = paces_[std::string()];
    if (!inside) inside = std::make_unique<accounts::AccountPace>(*connection_, name_);
    return *inside;
}

void Runner::flush_figures(bool now) {
    for (auto& [key, pace] : paces_) pace->flush_figures(now);
}

}  // namespace carryall::changes
