// When something comes again: a subset of RFC 5545's RRULE, or a cron expression of five fields, by
// the clock of a time zone. What must stay true: a rule has an end, and a first date before it; the
// dates of a rule are instants in rising order, each once, whatever clocks do: a local time that is
// skipped gives the first instant after the gap, one that is repeated its first instant only.
//
//   RRULE  FREQ=DAILY|WEEKLY|MONTHLY|YEARLY, INTERVAL, BYDAY (1MO, -1FR in months), BYMONTHDAY
//          (-1: the last), BYMONTH, and COUNT or UNTIL. The time of day, and what is not given, is
//          the start's. A start that does not fit the rule is no date of it.
//   cron   minute hour day-of-month month day-of-week, with *, lists, ranges, steps and names. If
//          both days are given, either suffices, as cron has it.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time_zone.hpp"

namespace carryall::changes {

inline constexpr std::chrono::days kMaxRecurrenceDays{5 * 366};
inline constexpr int kMaxRuleInterval = 1'000;
inline constexpr int kMaxRuleCount = 10'000;
inline constexpr std::size_t kMaxRuleBytes = 500;
inline constexpr std::size_t kShownRuns = 10;

enum class RuleKind { rrule, cron };
std::string_view to_string(RuleKind kind);

class Recurrence {
  public:
    // Of an RRULE; errors name the part that is wrong.
    static base::Result<Recurrence> of_rrule(std::string_view rule, base::LocalTime start,
                                             const base::TimeZone& zone);
    // Of a cron expression, which has no end of its own.
    static base::Result<Recurrence> of_cron(std::string_view rule, base::LocalTime start,
                                            base::Instant end, const base::TimeZone& zone);

    // The dates after this instant, at most so many.
    std::vector<base::Instant> after(base::Instant instant, std::size_t most) const;
    // The dates from `first`, which is one of them, to `now`: those that came meanwhile.
    std::vector<base::Instant> between(base::Instant first, base::Instant now) const;

  private:
    enum class Frequency { daily, weekly, monthly, yearly, cron };
    struct Weekday {
        int iso = 1;      // 1 Monday
        int ordinal = 0;  // in the month; 0: every
    };
    struct RuleReader;
    struct CronReader;
    struct Month {
        int year;
        unsigned month;
        unsigned day;
        unsigned days;  // of the month
        int weekday;
    };

    Recurrence(base::LocalTime start, const base::TimeZone& zone) : start_(start), zone_(zone) {}
    static base::Result<Recurrence> checked(Recurrence rule, std::string_view end_hint);
    template <class Use>
    void each_date(base::Instant after, const Use& use) const;
    bool is_in_step(std::chrono::local_days day) const;
    bool matches(std::chrono::local_days day) const;
    bool matches_days(const Month& at) const;
    bool matches_cron(const Month& at) const;

    Frequency frequency_ = Frequency::daily;
    int interval_ = 1;
    std::vector<Weekday> weekdays_;
    std::vector<int> month_days_;
    std::vector<int> months_;
    std::bitset<32> cron_month_days_;
    std::bitset<8> cron_weekdays_;             // 1 Monday to 7 Sunday
    bool any_cron_day_ = false;                // either of the two days suffices
    std::vector<std::chrono::seconds> times_;  // of the day, rising
    std::optional<int> count_;
    base::Instant end_;  // inclusive
    base::LocalTime start_;
    base::TimeZone zone_;
};

}  // namespace carryall::changes
