// Each change of a line, cut at every call with every kind of failure, twice, and then left to
// finish.
#include <gtest/gtest.h>

#include "carriers/telegence/telegence.hpp"
#include "carriers/telegence/telegence_model_test.hpp"

namespace carryall::carriers::telegence {
namespace {

struct Plan {
    int first_call;
    Fault first;
    int second_call;  // counted over all attempts; -1: none
    Fault second;
    std::string name() const {
        return "call " + std::to_string(first_call) + " fault " +
               std::to_string(static_cast<int>(first)) + ", call " + std::to_string(second_call) +
               " fault " + std::to_string(static_cast<int>(second));
    }
};

struct Story {
    Outcome outcome = Unknown{"not finished"};
    int calls = 0;
    bool wrote_while_unsettled = false;
    bool wrote_while_waiting = false;
};

constexpr int kMaxAttempts = 14;

struct Scenario {
    std::string_view name;
    Action action;
    Line line;
    TelegenceModel model;
};

// What the engine does: try again, read back first when the outcome is unknown, before the settling
// time and after it, wait while the carrier has accepted; after a crash without the progress of the
// attempt that died.
Story live_through(const Scenario& scenario, TelegenceModel& model, const Plan& plan) {
    Story story;
    const Account account = model_account();
    Attempt attempt = fresh();
    for (int i = 0; i < kMaxAttempts; ++i) {
        const auto exchange = carrier().exchange(account, scenario.line, scenario.action, attempt);
        const int writes_before = model.writes_done;
        bool crashed = false;
        const Played played =
            play(*exchange, [&](const Call& call) -> std::optional<http::ClientResponse> {
                Fault fault = Fault::none;
                if (story.calls == plan.first_call) fault = plan.first;
                if (story.calls == plan.second_call) fault = plan.second;
                ++story.calls;
                auto response = model.answer(call, fault);
                crashed = !response;
                return response;
            });
        const bool wrote = model.writes_done != writes_before;
        story.wrote_while_unsettled |= wrote && attempt.resolving && !attempt.settled;
        story.wrote_while_waiting |= wrote && attempt.waiting;
        story.outcome = played.outcome;
        const std::string_view kind = kind_of(played.outcome);
        if (kind == "applied" || kind == "refused") return story;
        if (!crashed) attempt.progress = exchange->progress();
        if (kind == "pending") {
            attempt.now += std::chrono::hours(24 * 10);
            model.day_comes("2026-03-11Z");
        }
        const bool is_unknown = kind == "unknown" || (kind == "not_sent" && attempt.resolving);
        attempt.waiting = kind == "pending" || (attempt.waiting && (kind == "not_sent" || crashed));
        // One reading before the settling time, then one after it.
        attempt.settled = is_unknown && attempt.resolving && !attempt.settled && !crashed;
        attempt.resolving = is_unknown && !attempt.waiting;
    }
    return story;
}

std::vector<Scenario> scenarios() {
    std::vector<Scenario> all;
    all.push_back({"suspend", StatusChange{"Suspended"}, model_line(), {}});
    TelegenceModel suspended;
    suspended.status = "S";
    all.push_back({"restore", StatusChange{"Active"}, model_line("Suspended"), suspended});
    all.push_back({"cancel", StatusChange{"Deactivated"}, model_line(), {}});
    TelegenceModel cancelled;
    cancelled.status = "C";
    all.push_back({"suspend a cancelled line", StatusChange{"Suspended"}, model_line(), cancelled});
    all.push_back({"plan", RatePlanChange{"NEW", "", std::nullopt}, model_line(), {}});
    all.push_back({"plan later", on_the_tenth(), model_line(), {}});
    all.push_back({"features", FeatureChange{{"F3", "F4"}, {"F1"}}, model_line(), {}});
    all.push_back({"equipment", EquipmentChange{kNewSim, kNewImei}, model_line(), {}});
    TelegenceModel unwilling;
    unwilling.refuses_all = true;
    all.push_back({"refused", RatePlanChange{"NEW", "", std::nullopt}, model_line(), unwilling});
    return all;
}

bool is_as_wanted(const Action& action, const TelegenceModel& model) {
    if (const auto* change = std::get_if<StatusChange>(&action)) {
        return carrier().canonical_status(model.status) == change->target;
    }
    if (const auto* change = std::get_if<RatePlanChange>(&action))
        return model.plan == change->code;
    if (std::holds_alternative<FeatureChange>(action)) {
        return model.features == std::set<std::string>{"F2", "F3", "F4"};
    }
    return model.sim == kNewSim && model.imei == kNewImei;
}

void check_end(const Scenario& scenario, const TelegenceModel& model, const Story& story) {
    EXPECT_FALSE(story.wrote_while_unsettled);
    EXPECT_FALSE(story.wrote_while_waiting);
    const std::string_view kind = kind_of(story.outcome);
    ASSERT_TRUE(kind == "applied" || kind == "refused") << reason_of(story.outcome);
    EXPECT_EQ(is_as_wanted(scenario.action, model), kind == "applied") << reason_of(story.outcome);
}

int calls_without_faults(const Scenario& scenario) {
    TelegenceModel model = scenario.model;
    return live_through(scenario, model, {-1, Fault::none, -1, Fault::none}).calls;
}

TEST(TelegenceSweep, cut_at_any_call_by_anything_it_ends_well) {
    for (const Scenario& scenario : scenarios()) {
        const int calls = calls_without_faults(scenario);
        for (int call = 0; call < calls; ++call) {
            for (int fault = 1; fault < kFaults; ++fault) {
                const Plan plan{call, static_cast<Fault>(fault), -1, Fault::none};
                SCOPED_TRACE(std::string(scenario.name) + ": " + plan.name());
                TelegenceModel model = scenario.model;
                check_end(scenario, model, live_through(scenario, model, plan));
            }
        }
    }
}

TEST(TelegenceSweep, cut_twice_it_ends_well) {
    int stories = 0;
    for (const Scenario& scenario : scenarios()) {
        const int calls = calls_without_faults(scenario);
        for (int first = 0; first < calls; ++first) {
            for (int fault = 1; fault < kFaults; ++fault) {
                for (int second = first + 1; second < first + 5; ++second) {
                    for (int again = 1; again < kFaults; ++again) {
                        const Plan plan{first, static_cast<Fault>(fault), second,
                                        static_cast<Fault>(again)};
                        SCOPED_TRACE(std::string(scenario.name) + ": " + plan.name());
                        TelegenceModel model = scenario.model;
                        check_end(scenario, model, live_through(scenario, model, plan));
                        ++stories;
                        if (HasFailure()) return;
                    }
                }
            }
        }
    }
    EXPECT_GT(stories, 10'000);
}

}  // namespace
}  // namespace carryall::carriers::telegence
