// The life of one device change with calls that go wrong: an exchange is cut at chosen calls, and
// then goes on as the engine lets it. For tests that try every call with every kind of failure. A
// model answers calls (answer(call, fault); nothing: the process dies there) and counts in
// writes_done what it was told to change.
#pragma once

#include <gtest/gtest.h>
#include <string>

#include "carriers/exchange_play.hpp"

namespace carryall::carriers {

template <class Fault>
struct Cuts {
    int first_call = -1;  // counted over all attempts; -1: none
    Fault first = Fault::none;
    int second_call = -1;
    Fault second = Fault::none;

    Fault at(int call) const {
        if (call == second_call) return second;
        return call == first_call ? first : Fault::none;
    }
    std::string name() const {
        return "call " + std::to_string(first_call) + " fault " +
               std::to_string(static_cast<int>(first)) + ", call " + std::to_string(second_call) +
               " fault " + std::to_string(static_cast<int>(second));
    }
};

struct Story {
    Outcome outcome = Unknown{"not begun"};
    int calls = 0;
    bool wrote_while_unsettled = false;
    bool wrote_while_waiting = false;
};

struct Life {
    std::function<std::unique_ptr<Exchange>(const Attempt&)> exchange;
    // Time passes until the next attempt, also at the carrier.
    std::function<void(const Outcome&, Attempt&)> between = [](const Outcome&, Attempt&) {};
    // What was refused with something done before is mended by a person and tried again.
    bool is_mended = false;
    Attempt attempt = {};
    int most_attempts = 14;
};

// Tries again, waits for what was accepted, and reads back what is unknown: once before the
// settling time and then after it. A crash leaves what was known before the attempt.
template <class Model, class Fault>
Story live_through(Model& model, const Cuts<Fault>& cuts, Life life) {
    Story story;
    Attempt& attempt = life.attempt;
    for (int i = 0; i < life.most_attempts; ++i) {
        const auto exchange = life.exchange(attempt);
        const int writes_before = model.writes_done;
        bool crashed = false;
        const Played played =
            play(*exchange, [&](const Call& call) -> std::optional<http::ClientResponse> {
                auto response = model.answer(call, cuts.at(story.calls));
                ++story.calls;
                crashed = !response;
                return response;
            });
        const bool wrote = model.writes_done != writes_before;
        story.wrote_while_unsettled |= wrote && attempt.resolving && !attempt.settled;
        story.wrote_while_waiting |= wrote && attempt.waiting;
        story.outcome = played.outcome;
        const std::string_view kind = kind_of(played.outcome);
        const bool is_refused = kind == "refused";
        if (kind == "applied" || (is_refused && !life.is_mended)) return story;
        if (is_refused && exchange->progress().is_null()) return story;
        if (!crashed) attempt.progress = exchange->progress();
        // A device that waits goes on waiting, whatever becomes of the worker.
        if (!crashed || !attempt.waiting) {
            const bool was_read_back = attempt.resolving && !attempt.settled && !crashed;
            prepare_next(attempt, played.outcome);
            attempt.settled = attempt.resolving && was_read_back;
        }
        life.between(played.outcome, attempt);
    }
    return story;
}

// Every one of the first `calls` calls with every fault, and one of the next `more` calls with
// every fault again, or none. Answers how many stories were played; ends with the first that fails.
template <class Fault, class Play>
int cut_twice(int calls, int more, int faults, const Play& play_story) {
    int stories = 0;
    for (int first = 0; first < calls; ++first) {
        for (int fault = 1; fault < faults; ++fault) {
            for (int second = first + 1; second <= first + more; ++second) {
                for (int again = 0; again < faults; ++again) {
                    const Cuts<Fault> cuts{first, static_cast<Fault>(fault), second,
                                           static_cast<Fault>(again)};
                    SCOPED_TRACE(cuts.name());
                    play_story(cuts);
                    ++stories;
                    if (testing::Test::HasFailure()) return stories;
                }
            }
        }
    }
    return stories;
}

}  // namespace carryall::carriers
