#include "conformance/small_engine.hpp"

#include <memory>

namespace carryall::conformance {

namespace {

struct Playing {
    SmallDevice* device = nullptr;
    std::unique_ptr<carriers::Exchange> exchange;
    std::optional<carriers::Call> call;  // the next one
    bool is_due = false;                 // it is to go out in this round

    void take(carriers::Step step) {
        call.reset();
        if (auto* next = std::get_if<carriers::Call>(&step)) {
            call = std::move(*next);
        } else {
            device->outcome = std::get<carriers::Outcome>(std::move(step));
        }
    }
};

bool may_share(const carriers::Call& one, const carriers::Call& other) {
    return one.shared && other.shared && one.method == other.method && one.path == other.path &&
           one.body == other.body && one.shared->after == other.shared->after &&
           one.shared->most == other.shared->most && one.headers == other.headers;
}

std::string shared_items(const std::vector<Playing*>& sharers) {
    if (sharers.front()->call->shared->is_counted) return std::to_string(sharers.size());
    std::string items;
    for (const Playing* sharer : sharers) {
        const std::string& item = sharer->call->shared->item;
        if (!item.empty()) items.append(items.empty() ? "" : ",").append(item);
    }
    return items;
}

constexpr int kMaxAttempts = 6;
constexpr int kMaxQuestions = 100;  // about what the carrier has accepted

// The settling time is taken as passed.
void go_on(carriers::Attempt& attempt, const carriers::Outcome& outcome,
           const carriers::Exchange& exchange) {
    attempt.progress = exchange.progress();
    carriers::prepare_next(attempt, outcome);
    attempt.settled = attempt.resolving;
}

carriers::Outcome play_over(Simulator& simulator, const carriers::Account& account,
                            carriers::Exchange& exchange) {
    return carriers::play(exchange,
                          [&](const carriers::Call& call) {
                              return std::optional(simulator.send(account, call));
                          })
        .outcome;
}

// The leader's next call, with those of others that may share its request.
template <class Send>
void call_together(Playing& leader, std::vector<Playing>& all, std::size_t most, const Send& send) {
    const carriers::Call first = *leader.call;
    carriers::Call joint = first;
    std::vector<Playing*> sharers = {&leader};
    if (first.shared) most = std::min(most, first.shared->most.value_or(most));
    for (Playing& other : all) {
        const bool joins = &other != &leader && other.is_due && may_share(first, *other.call) &&
                           sharers.size() < most;
        if (joins) sharers.push_back(&other);
    }
    if (first.shared) joint.body += shared_items(sharers) + first.shared->after;
    const http::ClientResponse answer = send(joint);
    for (std::size_t place = 0; place < sharers.size(); ++place) {
        Playing& sharer = *sharers[place];
        sharer.is_due = false;
        if (first.shared) sharer.exchange->shared_by(sharers.size(), place);
        sharer.take(sharer.exchange->proceed(answer));
    }
}

}  // namespace

carriers::SignInStep SmallEngine::sign_in(std::string_view ended) {
    const auto conversation = carrier_.sign_in(account_, session_, ended);
    // Calls of a sign-in carry all their headers themselves.
    carriers::Account without_headers;
    without_headers.base_url = account_.base_url;
    carriers::SignInStep step = conversation->begin();
    while (const auto* call = std::get_if<carriers::Call>(&step)) {
        step = conversation->proceed(simulator_.send(without_headers, *call));
    }
    if (const auto* done = std::get_if<carriers::SignedIn>(&step)) session_ = done->session;
    if (const auto* not_done = std::get_if<carriers::SignInFailed>(&step)) {
        last_problem_ = not_done->reason;
    }
    return step;
}

http::ClientResponse SmallEngine::send(carriers::Call call) {
    const carriers::HeaderFields own = call.headers;
    std::string ended;
    for (int tries = 0;; ++tries) {
        if (carrier_.has_sessions()) {
            const bool is_needed = session_.is_null() || !ended.empty();
            if (is_needed && !std::holds_alternative<carriers::SignedIn>(sign_in(ended))) {
                return carriers::failed(http::Transport::not_sent);
            }
            call.headers = carrier_.session_headers(session_);
            call.headers.insert(call.headers.end(), own.begin(), own.end());
        }
        auto response = simulator_.send(account_, call);
        ended = carrier_.ended_part(response);
        if (ended.empty() || tries > 0) return response;
    }
}

void SmallEngine::attempt(std::vector<SmallDevice>& devices) {
    std::vector<Playing> all;
    for (SmallDevice& device : devices) {
        if (device.has_ended()) continue;
        Playing one{
            &device, carrier_.exchange(account_, device.line, device.action, device.attempt), {}};
        one.take(one.exchange->begin());
        all.push_back(std::move(one));
    }
    // In rounds of one call each, so that conversations meet where they may share a request.
    for (bool is_any_left = true; is_any_left;) {
        is_any_left = false;
        for (Playing& one : all) one.is_due = one.call.has_value();
        for (Playing& leader : all) {
            if (!leader.is_due) continue;
            is_any_left = true;
            call_together(leader, all, static_cast<std::size_t>(account_.devices_per_request),
                          [this](carriers::Call call) { return send(std::move(call)); });
        }
    }
    for (Playing& one : all) go_on(one.device->attempt, one.device->outcome, *one.exchange);
}

void SmallEngine::run(std::vector<SmallDevice>& devices, const Between& between, int most) {
    for (int i = 0; i < most; ++i) {
        attempt(devices);
        bool all_ended = true;
        for (const SmallDevice& device : devices) all_ended = all_ended && device.has_ended();
        if (all_ended) return;
        between(devices);
    }
}

carriers::Outcome run_once(Simulator& simulator, const carriers::Account& account,
                           const MakeExchange& make, carriers::Attempt attempt) {
    attempt.correlation_id = kCorrelation;
    attempt.now = simulator.now();
    return play_over(simulator, account, *make(attempt));
}

carriers::Outcome run_to_end(Simulator& simulator, const carriers::Account& account,
                             const MakeExchange& make) {
    carriers::Attempt attempt;
    attempt.correlation_id = kCorrelation;
    carriers::Outcome outcome = carriers::Unknown{"not started"};
    int attempts = 0;
    for (int i = 0; i < kMaxQuestions && attempts < kMaxAttempts; ++i) {
        attempt.now = simulator.now();
        const auto exchange = make(attempt);
        outcome = play_over(simulator, account, *exchange);
        const std::string_view kind = carriers::kind_of(outcome);
        if (kind == "applied" || kind == "refused") break;
        go_on(attempt, outcome, *exchange);
        if (const auto* pending = std::get_if<carriers::Pending>(&outcome)) {
            simulator.pass(pending->ask_again_after);
        } else {
            ++attempts;
        }
    }
    return outcome;
}

}  // namespace carryall::conformance
