// A sweep that cuts a change at every call with every kind of failure, twice, and then lets it
// finish as the engine does.
#include "carriers/sweep_test.hpp"
#include "carriers/thingspace/change_tools_test.hpp"

namespace carryall::carriers::thingspace {
namespace {

struct Scenario {
    std::string_view name;
    ThingSpaceModel model;
    Line line;
    Action action;
};

Story live(const Scenario& scenario, ThingSpaceModel& model, const Cuts<Cut>& cuts,
           bool callbacks_come) {
    const Account account = test_account();
    Life life;
    life.exchange = [&](const Attempt& attempt) {
        return make(account, scenario.line, scenario.action, attempt);
    };
    // The carrier works at its own pace; by the settling time it has done what it took.
    life.between = [&](const Outcome&, Attempt& attempt) {
        if (attempt.waiting || attempt.settled) model.let_time_pass();
        if (attempt.waiting && callbacks_come) attempt.notices = model.callbacks;
    };
    life.attempt.now = base::Instant(kNow);
    return live_through(model, cuts, std::move(life));
}

std::vector<Scenario> scenarios() {
    ThingSpaceModel off;
    ThingSpaceModel on;
    on.state = "active", on.plan = "M2M-5MB", on.mdn = "5550100001";
    ThingSpaceModel held = on;
    held.state = "suspend";
    ThingSpaceModel barred = on;
    barred.fails_with = "REQUEST_FAILED", barred.fails_left = 100;
    ThingSpaceModel shaky = on;
    shaky.fails_with = "REQUEST_FAILED.UnexpectedError", shaky.fails_left = 1;
    return {
        {"activate", off, test_line("Inventory"), activation()},
        {"activate what is active", on, test_line("Inventory"), activation()},
        {"restore", held, test_line("Suspended"), StatusChange{"Active"}},
        {"suspend", on, test_line("Active"), StatusChange{"Suspended"}},
        {"deactivate", on, test_line("Active"), StatusChange{"Deactivated"}},
        {"change the plan", on, test_line("Active"), RatePlanChange{"M2M-10MB", "", {}}},
        {"suspend, barred", barred, test_line("Active"), StatusChange{"Suspended"}},
        {"suspend, failing once", shaky, test_line("Active"), StatusChange{"Suspended"}},
    };
}

bool is_done(const Scenario& scenario, const ThingSpaceModel& model) {
    if (std::holds_alternative<RatePlanChange>(scenario.action)) return model.plan == "M2M-10MB";
    const std::string& target = std::get<StatusChange>(scenario.action).target;
    if (target == "Suspended") return model.state == "suspend";
    if (target == "Deactivated") return model.state == "deactive";
    return model.state == "active";
}

void check_end(const Scenario& scenario, const ThingSpaceModel& model, const Story& story,
               bool callbacks_come) {
    EXPECT_LE(model.carried_out, 1);
    EXPECT_FALSE(story.wrote_while_unsettled);
    EXPECT_FALSE(story.wrote_while_waiting);
    const std::string_view kind = kind_of(story.outcome);
    if (kind == "applied") {
        EXPECT_TRUE(is_done(scenario, model));
    } else if (kind == "refused") {
        EXPECT_EQ(model.carried_out, 0) << reason_of(story.outcome);
    } else {
        // Without a callback a failure is never told: it waits, and is given up as unknown.
        EXPECT_TRUE(!callbacks_come && model.fails_with != "") << kind << reason_of(story.outcome);
    }
    const auto* applied = std::get_if<Applied>(&story.outcome);
    if (applied != nullptr && scenario.name == "activate") {
        ASSERT_TRUE(applied->details.contains("msisdn"));
        EXPECT_EQ(applied->details.at("msisdn"), model.mdn.c_str());
    }
}

TEST(ThingSpaceSweep, undisturbed_each_change_ends_as_it_should) {
    for (const Scenario& scenario : scenarios()) {
        ThingSpaceModel model = scenario.model;
        const Story story = live(scenario, model, Cuts<Cut>(), true);
        SCOPED_TRACE(scenario.name);
        EXPECT_EQ(kind_of(story.outcome),
                  scenario.name == "suspend, barred" ? "refused" : "applied");
        check_end(scenario, model, story, true);
    }
}

TEST(ThingSpaceSweep, cut_twice_at_any_call_by_anything_it_ends_well) {
    int stories = 0;
    for (const Scenario& scenario : scenarios()) {
        for (const bool callbacks_come : {true, false}) {
            SCOPED_TRACE(std::string(scenario.name) + (callbacks_come ? " with" : " without") +
                         " callbacks");
            stories += cut_twice<Cut>(4, 5, kFaults, [&](const Cuts<Cut>& cuts) {
                ThingSpaceModel model = scenario.model;
                check_end(scenario, model, live(scenario, model, cuts, callbacks_come),
                          callbacks_come);
            });
        }
    }
    EXPECT_GT(stories, 50'000);
}

}  // namespace
}  // namespace carryall::carriers::thingspace
