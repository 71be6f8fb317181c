// The budgets of a line, over days, months and suspensions.
#include <gtest/gtest.h>

#include "accounts/line_budgets.hpp"

namespace carryall::accounts {
namespace {

using carriers::LineBudget;
using Counts = LineBudget::Counts;
using Period = LineBudget::Period;

base::Instant at(const char* text) {
    return base::parse_iso8601(text).value();
}

const std::vector<LineBudget> kBudgets = {{Counts::plan_changes, Period::month, 2},
                                          {Counts::all_actions, Period::day, 3},
                                          {Counts::suspended_days, Period::at_a_stretch, 90},
                                          {Counts::suspended_days, Period::year, 180}};

TEST(LineBudgets, a_plan_change_beyond_the_months_budget_says_when_it_is_possible_again) {
    const std::vector<PastAction> past = {{LineAction::plan, at("2026-10-30T10:00:00Z")},
                                          {LineAction::plan, at("2026-11-02T10:00:00Z")},
                                          {LineAction::plan, at("2026-11-20T10:00:00Z")}};
    const auto now = at("2026-11-22T09:00:00Z");
    EXPECT_EQ(over_budget(kBudgets, past, LineAction::plan, now),
              "The line has used 2 of 2 plan changes a month; possible again from "
              "2026-12-01T00:00:00Z");
    EXPECT_EQ(over_budget(kBudgets, past, LineAction::suspend, now), "");
    EXPECT_EQ(over_budget(kBudgets, past, LineAction::plan, at("2026-12-01T00:00:00Z")), "");
}

TEST(LineBudgets, what_is_left_names_every_budget_that_the_action_counts_against) {
    const std::vector<PastAction> past = {{LineAction::plan, at("2026-11-02T10:00:00Z")},
                                          {LineAction::suspend, at("2026-11-22T01:00:00Z")}};
    const auto now = at("2026-11-22T09:00:00Z");
    EXPECT_EQ(left_of_budgets(kBudgets, past, LineAction::plan, now),
              "1 of 2 plan changes a month left, 2 of 3 actions a day left");
    EXPECT_EQ(left_of_budgets(kBudgets, past, LineAction::restore, now),
              "2 of 3 actions a day left");
    EXPECT_EQ(left_of_budgets({}, past, LineAction::plan, now), "");
}

TEST(LineBudgets, every_action_counts_against_the_day) {
    const std::vector<PastAction> past = {{LineAction::activate, at("2026-11-21T23:59:59Z")},
                                          {LineAction::suspend, at("2026-11-22T00:00:00Z")},
                                          {LineAction::restore, at("2026-11-22T01:00:00Z")},
                                          {LineAction::plan, at("2026-11-22T02:00:00Z")}};
    const auto now = at("2026-11-22T09:00:00Z");
    EXPECT_NE(over_budget(kBudgets, past, LineAction::deactivate, now).find("3 of 3 actions a day"),
              std::string::npos);
    EXPECT_EQ(over_budget(kBudgets, {past[0], past[1], past[2]}, LineAction::plan, now), "");
}

TEST(LineBudgets, suspended_days_are_counted_from_suspension_to_restoration) {
    const std::vector<PastAction> past = {{LineAction::suspend, at("2026-01-01T00:00:00Z")},
                                          {LineAction::restore, at("2026-03-31T00:00:00Z")},
                                          {LineAction::suspend, at("2026-06-01T00:00:00Z")},
                                          {LineAction::restore, at("2026-08-30T00:00:00Z")},
                                          {LineAction::suspend, at("2026-11-20T00:00:00Z")}};
    const auto states = budget_states(kBudgets, past, at("2026-11-22T06:00:00Z"));
    EXPECT_EQ(states[2].used, 3) << "the third day has begun";
    EXPECT_EQ(states[3].used, 89 + 90 + 3);
    std::vector<PastAction> restored = past;
    restored.push_back({LineAction::restore, at("2026-11-22T07:00:00Z")});
    const auto now = at("2026-11-22T08:00:00Z");
    EXPECT_NE(over_budget(kBudgets, restored, LineAction::suspend, now)
                  .find("182 of 180 suspended days in 365 days"),
              std::string::npos);
    EXPECT_EQ(over_budget(kBudgets, restored, LineAction::plan, now), "");
    EXPECT_EQ(budget_states(kBudgets, restored, now)[2].used, 0) << "not suspended now";
}

TEST(LineBudgets, a_repeated_suspension_does_not_begin_anew) {
    const std::vector<PastAction> past = {{LineAction::suspend, at("2026-11-01T00:00:00Z")},
                                          {LineAction::suspend, at("2026-11-10T00:00:00Z")}};
    EXPECT_EQ(budget_states(kBudgets, past, at("2026-11-21T00:00:00Z"))[2].used, 20);
}

TEST(LineBudgets, names_are_those_of_the_settings) {
    EXPECT_EQ(name_of(kBudgets[0]), "planChangesPerMonth");
    EXPECT_EQ(name_of(kBudgets[1]), "actionsPerDay");
    EXPECT_EQ(name_of(kBudgets[2]), "suspendedDaysInARow");
    EXPECT_EQ(name_of(kBudgets[3]), "suspendedDaysPerYear");
}

}  // namespace
}  // namespace carryall::accounts
