// The arithmetic of line budgets. Days and months are UTC's: carriers do not publish whose midnight
// counts, and a day that begins elsewhere costs a refusal at the carrier, not a wrong line.
#include <array>

#include "accounts/line_budgets.hpp"

namespace carryall::accounts {
namespace {

using base::Instant;
using carriers::LineBudget;
using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 6> kNames = {"plan",    "activate",   "suspend",
                                                    "restore", "deactivate", "status"};

bool counts(const LineBudget& budget, LineAction action) {
    switch (budget.counts) {
        case LineBudget::Counts::plan_changes:
            return action == LineAction::plan;
        case LineBudget::Counts::status_changes:
            return action != LineAction::plan;
        case LineBudget::Counts::all_actions:
            return true;
        case LineBudget::Counts::suspended_days:
            return action == LineAction::suspend;
    }
    return false;
}

sys_days day_of(Instant instant) {
    return std::chrono::floor<days>(instant);
}

Instant period_start(LineBudget::Period period, Instant now) {
    if (period == LineBudget::Period::day) return day_of(now);
    if (period == LineBudget::Period::month) {
        const year_month_day date(day_of(now));
        return sys_days(year_month(date.year(), date.month()) / std::chrono::day(1));
    }
    return now - days(365);
}

Instant period_end(LineBudget::Period period, Instant now) {
    if (period == LineBudget::Period::day) return day_of(now) + days(1);
    const year_month_day date(day_of(now));
    const year_month next = year_month(date.year(), date.month()) + std::chrono::months(1);
    return sys_days(next / std::chrono::day(1));
}

bool ends_suspension(LineAction action) {
    return action == LineAction::restore || action == LineAction::activate ||
           action == LineAction::deactivate;
}

// Whole days, begun ones counted: what the carrier bills by.
int suspended_days(const std::vector<PastAction>& past, Instant from, Instant now, bool last_only) {
    std::optional<Instant> since;
    std::chrono::seconds total{0};
    const auto add = [&](Instant begin, Instant end) {
        begin = std::max(begin, from);
        if (end <= begin) return;
        const auto length = std::chrono::ceil<std::chrono::seconds>(end - begin);
        total = last_only ? length : total + length;
    };
    for (const PastAction& action : past) {
        if (action.action == LineAction::suspend && !since) {
            since = action.at;
        } else if (since && ends_suspension(action.action)) {
            add(*since, action.at);
            since.reset();
            if (last_only) total = std::chrono::seconds(0);
        }
    }
    if (since) add(*since, now);
    return static_cast<int>(std::chrono::ceil<days>(total).count());
}

BudgetState state_of(const LineBudget& budget, const std::vector<PastAction>& past, Instant now) {
    BudgetState state;
    state.budget = budget;
    const Instant from = period_start(budget.period, now);
    if (budget.counts == LineBudget::Counts::suspended_days) {
        state.used =
            suspended_days(past, from, now, budget.period == LineBudget::Period::at_a_stretch);
        return state;
    }
    std::vector<Instant> counted;
    for (const PastAction& action : past) {
        if (action.at >= from && counts(budget, action.action)) counted.push_back(action.at);
    }
    state.used = static_cast<int>(counted.size());
    if (state.used < budget.limit) return state;
    state.free_at =
        budget.period == LineBudget::Period::year
            ? counted[counted.size() - static_cast<std::size_t>(budget.limit)] + days(365)
            : period_end(budget.period, now);
    return state;
}

std::string words_of(const LineBudget& budget) {
    std::string words;
    switch (budget.counts) {
        case LineBudget::Counts::plan_changes:
            words = "plan changes";
            break;
        case LineBudget::Counts::status_changes:
            words = "status changes";
            break;
        case LineBudget::Counts::all_actions:
            words = "actions";
            break;
        case LineBudget::Counts::suspended_days:
            words = "suspended days";
            break;
    }
    switch (budget.period) {
        case LineBudget::Period::day:
            return words + " a day";
        case LineBudget::Period::month:
            return words + " a month";
        case LineBudget::Period::year:
            return words + " in 365 days";
        case LineBudget::Period::at_a_stretch:
            return words + " in a row";
    }
    return words;
}

}  // namespace

std::string_view to_string(LineAction action) {
    return kNames[static_cast<std::size_t>(action)];
}

std::string name_of(const LineBudget& budget) {
    constexpr std::array<std::string_view, 4> kCounts = {"planChanges", "statusChanges", "actions",
                                                         "suspendedDays"};
    constexpr std::array<std::string_view, 4> kPeriods = {"PerDay", "PerMonth", "PerYear",
                                                          "InARow"};
    return std::string(kCounts[static_cast<std::size_t>(budget.counts)]) +
           std::string(kPeriods[static_cast<std::size_t>(budget.period)]);
}

std::vector<BudgetState> budget_states(const std::vector<LineBudget>& budgets,
                                       const std::vector<PastAction>& past, Instant now) {
    std::vector<BudgetState> states;
    for (const LineBudget& budget : budgets) states.push_back(state_of(budget, past, now));
    return states;
}

std::string over_budget(const std::vector<LineBudget>& budgets, const std::vector<PastAction>& past,
                        LineAction action, Instant now) {
    for (const LineBudget& budget : budgets) {
        // A suspension at a stretch ends by itself at the carrier; one that begins has used none.
        if (!counts(budget, action) || budget.period == LineBudget::Period::at_a_stretch) continue;
        const BudgetState state = state_of(budget, past, now);
        if (state.used < budget.limit) continue;
        std::string text = "The line has used " + std::to_string(state.used) + " of " +
                           std::to_string(budget.limit) + ' ' + words_of(budget);
        if (state.free_at) text += "; possible again from " + base::to_iso8601(*state.free_at);
        return text;
    }
    return {};
}

std::string left_of_budgets(const std::vector<LineBudget>& budgets,
                            const std::vector<PastAction>& past, LineAction action, Instant now) {
    std::string text;
    for (const LineBudget& budget : budgets) {
        if (!counts(budget, action) || budget.period == LineBudget::Period::at_a_stretch) continue;
        const int left = std::max(0, budget.limit - state_of(budget, past, now).used);
        text += (text.empty() ? "" : ", ") + std::to_string(left) + " of " +
                std::to_string(budget.limit) + ' ' + words_of(budget) + " left";
    }
    return text;
}

}  // namespace carryall::accounts
