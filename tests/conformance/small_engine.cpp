#include "conformance/small_engine.hpp"

#include <memory>

namespace carryall::conformance {

namespace {

struct Playing {
    SmallDevice* device = nullptr;
    std::unique_ptr<carriers::Exchange> exchange;
    std::optional<carriers::Call> call;  // the next one

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
           one.shared->most == other.shared->most;
}

void prepare_next(SmallDevice& device, const carriers::Exchange& exchange) {
    carriers::Attempt& attempt = device.attempt;
    const bool not_sent = device.kind() == "not_sent";
    const bool is_waiting = device.kind() == "pending" || (not_sent && attempt.waiting);
    const bool is_unknown = device.kind() == "unknown" || (not_sent && attempt.resolving);
    attempt.progress = exchange.progress();
    attempt.waiting = is_waiting;
    attempt.resolving = attempt.settled = is_unknown;
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
    for (Playing& leader : all) {
        while (leader.call) {
            const carriers::Call first = *leader.call;
            carriers::Call joint = first;
            std::vector<Playing*> sharers = {&leader};
            auto most = static_cast<std::size_t>(account_.devices_per_request);
            if (first.shared) {
                joint.body += first.shared->item;
                most = std::min(most, first.shared->most.value_or(most));
            }
            for (Playing& other : all) {
                const bool joins = &other != &leader && other.call &&
                                   may_share(first, *other.call) && sharers.size() < most;
                if (!joins) continue;
                if (!other.call->shared->item.empty()) {
                    joint.body += ',' + other.call->shared->item;
                }
                sharers.push_back(&other);
            }
            if (first.shared) joint.body += first.shared->after;
            const http::ClientResponse answer = send(joint);
            for (Playing* sharer : sharers) {
                if (first.shared) sharer->exchange->shared_by(sharers.size());
                sharer->take(sharer->exchange->proceed(answer));
            }
        }
    }
    for (Playing& one : all) prepare_next(*one.device, *one.exchange);
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

}  // namespace carryall::conformance
