// A sweep that cuts a change at every call with every kind of failure, twice, and then lets it
// finish as the engine does.
#include "carriers/thingspace/change_tools_test.hpp"

namespace carryall::carriers::thingspace {
namespace {

struct Plan {
    int first_call;
    Cut first;
    int second_call;  // counted over all attempts; -1: none
    Cut second;
    bool callbacks_come;
    std::string name() const {
        return "call " + std::to_string(first_call) + " fault " +
               std::to_string(static_cast<int>(first)) + ", call " + std::to_string(second_call) +
               " fault " + std::to_string(static_cast<int>(second)) +
               (callbacks_come ? " with" : " without") + " callbacks";
    }
};

struct Story {
    Outcome outcome = Unknown{"not finished"};
    int calls = 0;
    bool sent_too_early = false;
};

struct Scenario {
    std::string_view name;
    ThingSpaceModel model;
    Line line;
    Action action;
};

constexpr int kMaxAttempts = 14;

// What the engine does: wait for the result, try again, read back first when the outcome is
// unknown, before the settling time and after it; after a crash without what the dead attempt
// learned.
Story live_through(const Scenario& scenario, ThingSpaceModel& model, const Plan& plan) {
    Story story;
    const Account account = test_account();
    Attempt attempt;
    attempt.now = base::Instant(kNow);
    for (int i = 0; i < kMaxAttempts; ++i) {
        const auto exchange = make(account, scenario.line, scenario.action, attempt);
        const int before = model.requests_taken;
        bool crashed = false;
        const Played played =
            play(*exchange, [&](const Call& call) -> std::optional<http::ClientResponse> {
                Cut cut = Cut::none;
                if (story.calls == plan.first_call) cut = plan.first;
                if (story.calls == plan.second_call) cut = plan.second;
                ++story.calls;
                auto response = model.answer(call, cut);
                crashed = !response;
                return response;
            });
        const bool may_send = !attempt.waiting && (!attempt.resolving || attempt.settled);
        if (!may_send && model.requests_taken != before) story.sent_too_early = true;
        story.outcome = played.outcome;
        const std::string_view kind = kind_of(played.outcome);
        if (kind == "applied" || kind == "refused") return story;
        if (!crashed) attempt.progress = exchange->progress();
        if (crashed && !attempt.waiting) attempt.progress = nullptr;
        // Throttled while it asked for the result: it goes on waiting.
        if (attempt.waiting && kind == "not_sent") continue;
        const bool is_unknown = kind == "unknown" || (kind == "not_sent" && attempt.resolving);
        attempt.settled = is_unknown && attempt.resolving && !attempt.settled && !crashed;
        attempt.resolving = is_unknown;
        attempt.waiting = kind == "pending";
        // The carrier works at its own pace; by the settling time it has done what it took.
        if (attempt.waiting || attempt.settled) model.let_time_pass();
        if (attempt.waiting && plan.callbacks_come) attempt.notices = model.callbacks;
    }
    return story;
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
               const Plan& plan) {
    EXPECT_LE(model.carried_out, 1);
    EXPECT_FALSE(story.sent_too_early);
    const std::string_view kind = kind_of(story.outcome);
    if (kind == "applied") {
        EXPECT_TRUE(is_done(scenario, model));
    } else if (kind == "refused") {
        EXPECT_EQ(model.carried_out, 0) << reason_of(story.outcome);
    } else {
        // Without a callback a failure is never told: it waits, and is given up as unknown.
        EXPECT_TRUE(!plan.callbacks_come && model.fails_with != "")
            << kind << reason_of(story.outcome);
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
        const Plan plan{-1, Cut::none, -1, Cut::none, true};
        const Story story = live_through(scenario, model, plan);
        SCOPED_TRACE(scenario.name);
        EXPECT_EQ(kind_of(story.outcome),
                  scenario.name == "suspend, barred" ? "refused" : "applied");
        check_end(scenario, model, story, plan);
    }
}

TEST(ThingSpaceSweep, cut_twice_at_any_call_by_anything_it_ends_well) {
    int stories = 0;
    for (const Scenario& scenario : scenarios()) {
        for (const bool callbacks_come : {true, false}) {
            for (int first = 0; first < 4; ++first) {
                for (int cut = 1; cut < kFaults; ++cut) {
                    for (int second = first + 1; second < first + 6; ++second) {
                        for (int again = 0; again < kFaults; ++again) {
                            const Plan plan{first, static_cast<Cut>(cut), second,
                                            static_cast<Cut>(again), callbacks_come};
                            SCOPED_TRACE(std::string(scenario.name) + ": " + plan.name());
                            ThingSpaceModel model = scenario.model;
                            const Story story = live_through(scenario, model, plan);
                            check_end(scenario, model, story, plan);
                            ++stories;
                            if (HasFailure()) return;
                        }
                    }
                }
            }
        }
    }
    EXPECT_GT(stories, 50'000);
}

}  // namespace
}  // namespace carryall::carriers::thingspace
