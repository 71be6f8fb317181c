// Plays an exchange to its end against a function that answers calls: what the engine does, without
// sockets, pacing and time. For tests of protocols.
#pragma once

#include <functional>
#include <vector>

#include "carriers/carrier.hpp"

namespace carryall::carriers {

inline constexpr int kMaxPlayedCalls = 200;

struct Played {
    Outcome outcome;
    std::vector<Call> calls;
};

// nullopt from `answer`: the process dies at this call; the played outcome is then Unknown.
using AnswerCall = std::function<std::optional<http::ClientResponse>(const Call&)>;

inline Played play(Exchange& exchange, const AnswerCall& answer) {
    Played played{Unknown{"cut off"}, {}};
    Step step = exchange.begin();
    while (auto* call = std::get_if<Call>(&step)) {
        CHECK(played.calls.size() < kMaxPlayedCalls);
        played.calls.push_back(std::move(*call));
        const auto response = answer(played.calls.back());
        if (!response) return played;
        step = exchange.proceed(*response);
    }
    played.outcome = std::get<Outcome>(std::move(step));
    return played;
}

inline http::ClientResponse answered(int status, std::string body = {}) {
    http::ClientResponse response;
    response.transport = http::Transport::ok;
    response.status = status;
    response.body = std::move(body);
    return response;
}

inline http::ClientResponse failed(http::Transport transport) {
    http::ClientResponse response;
    response.transport = transport;
    response.reason = "for the test";
    return response;
}

// One word for an outcome, for tables.
inline std::string_view kind_of(const Outcome& outcome) {
    static constexpr std::string_view kKinds[] = {"applied",  "refused", "pending",
                                                  "not_sent", "unknown", "advanced"};
    return kKinds[outcome.index()];
}

inline std::string reason_of(const Outcome& outcome) {
    if (const auto* refused = std::get_if<Refused>(&outcome)) return refused->reason;
    if (const auto* not_sent = std::get_if<NotSent>(&outcome)) return not_sent->reason;
    if (const auto* unknown = std::get_if<Unknown>(&outcome)) return unknown->reason;
    return {};
}

// What an attempt that has not ended the change makes of the next one. Whether the carrier has
// settled by then is the caller's to say.
inline void prepare_next(Attempt& attempt, const Outcome& outcome) {
    const std::string_view kind = kind_of(outcome);
    const bool not_sent = kind == "not_sent";
    attempt.waiting = kind == "pending" || (not_sent && attempt.waiting);
    attempt.resolving = kind == "unknown" || (not_sent && attempt.resolving);
}

}  // namespace carryall::carriers
