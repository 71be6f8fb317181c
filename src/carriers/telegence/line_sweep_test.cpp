// Each change of a line, cut at every call with every kind of failure, twice, and then left to
// finish.
#include <gtest/gtest.h>

#include "carriers/sweep_test.hpp"
#include "carriers/telegence/telegence.hpp"
#include "carriers/telegence/telegence_model_test.hpp"

namespace carryall::carriers::telegence {
namespace {

struct Scenario {
    std::string_view name;
    Action action;
    Line line;
    TelegenceModel model;
};

Story live(const Scenario& scenario, TelegenceModel& model, const Cuts<Fault>& cuts) {
    const Account account = model_account();
    Life life;
    life.exchange = [&](const Attempt& attempt) {
        return carrier().exchange(account, scenario.line, scenario.action, attempt);
    };
    life.between = [&](const Outcome& outcome, Attempt& attempt) {
        if (kind_of(outcome) != "pending") return;
        attempt.now += std::chrono::hours(24 * 10);
        model.day_comes("2026-03-11Z");
    };
    life.attempt = fresh();
    return live_through(model, cuts, std::move(life));
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

TEST(TelegenceSweep, cut_twice_at_any_call_by_anything_it_ends_well) {
    int stories = 0;
    for (const Scenario& scenario : scenarios()) {
        SCOPED_TRACE(scenario.name);
        TelegenceModel undisturbed = scenario.model;
        const int calls = live(scenario, undisturbed, Cuts<Fault>()).calls;
        stories += cut_twice<Fault>(calls, 4, kFaults, [&](const Cuts<Fault>& cuts) {
            TelegenceModel model = scenario.model;
            check_end(scenario, model, live(scenario, model, cuts));
        });
    }
    EXPECT_GT(stories, 10'000);
}

}  // namespace
}  // namespace carryall::carriers::telegence
