// Rules are walked day by day: five years are 1,830 steps, and every rule is a question about a
// day.
#include <algorithm>
#include <array>
#include <span>

#include "base/text.hpp"
#include "changes/recurrence.hpp"

namespace carryall::changes {
namespace {

using base::Instant;
using base::Result;
using std::chrono::days;
using std::chrono::local_days;

constexpr std::array<std::string_view, 7> kDays = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};
constexpr std::array<std::string_view, 12> kMonthNames = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kCronDays = {"SUN", "MON", "TUE", "WED",
                                                       "THU", "FRI", "SAT"};

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && text[i] != separator) continue;
        parts.push_back(text.substr(begin, i - begin));
        begin = i + 1;
    }
    return parts;
}

std::string upper_case(std::string_view text) {
    std::string upper(text);
    for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return upper;
}

// The whole number that the text is, within the limits.
std::optional<int> number_in(std::string_view text, int least, int most) {
    if (text.starts_with('+')) text.remove_prefix(1);
    const auto number = base::parse_int(text);
    if (!number || *number < least || *number > most) return std::nullopt;
    return static_cast<int>(*number);
}

base::Error bad(std::string_view part, const std::string& why) {
    return base::invalid_input(std::string(part) + ' ' + why);
}

// Whole months or years from one day to another.
int months_between(local_days from, local_days to) {
    const std::chrono::year_month_day a(from);
    const std::chrono::year_month_day b(to);
    return static_cast<int>(((b.year() / b.month()) - (a.year() / a.month())).count());
}

bool contains(const std::vector<int>& values, int value) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

std::string_view to_string(RuleKind kind) {
    return kind == RuleKind::rrule ? "rrule" : "cron";
}

bool Recurrence::is_in_step(local_days day) const {
    const auto begin = std::chrono::floor<days>(start_);
    switch (frequency_) {
        case Frequency::daily:
            return (day - begin).count() % interval_ == 0;
        case Frequency::weekly: {
            const auto monday = begin - (std::chrono::weekday(begin) - std::chrono::Monday);
            return (day - monday).count() / 7 % interval_ == 0;
        }
        case Frequency::monthly:
            return months_between(begin, day) % interval_ == 0;
        case Frequency::yearly: {
            const auto years =
                std::chrono::year_month_day(day).year() - std::chrono::year_month_day(begin).year();
            return years.count() % interval_ == 0;
        }
        case Frequency::cron:
            break;
    }
    return true;
}

bool Recurrence::matches_days(const Month& at) const {
    const bool month_day_fits =
        month_days_.empty() || contains(month_days_, static_cast<int>(at.day)) ||
        contains(month_days_, static_cast<int>(at.day) - static_cast<int>(at.days) - 1);
    if (!month_day_fits) return false;
    if (weekdays_.empty()) return true;
    const int from_begin = static_cast<int>((at.day - 1) / 7) + 1;
    const int from_end = -static_cast<int>((at.days - at.day) / 7) - 1;
    return std::any_of(weekdays_.begin(), weekdays_.end(), [&](const Weekday& wanted) {
        return wanted.iso == at.weekday &&
               (wanted.ordinal == 0 || wanted.ordinal == from_begin || wanted.ordinal == from_end);
    });
}

bool Recurrence::matches_cron(const Month& at) const {
    const bool month_day = cron_month_days_[at.day];
    const bool weekday = cron_weekdays_[static_cast<std::size_t>(at.weekday)];
    return any_cron_day_ ? month_day || weekday : month_day && weekday;
}

bool Recurrence::matches(local_days day) const {
    const std::chrono::year_month_day date(day);
    const auto last =
        std::chrono::year_month_day_last(date.year() / date.month() / std::chrono::last);
    const Month at{static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                   static_cast<unsigned>(date.day()), static_cast<unsigned>(last.day()),
                   static_cast<int>(std::chrono::weekday(day).iso_encoding())};
    if (!months_.empty() && !contains(months_, static_cast<int>(at.month))) return false;
    return is_in_step(day) && (frequency_ == Frequency::cron ? matches_cron(at) : matches_days(at));
}

// Calls `use` with every date after the instant, until it answers false. Only COUNT needs the walk
// to begin at the start.
template <class Use>
void Recurrence::each_date(Instant after, const Use& use) const {
    auto day = std::chrono::floor<days>(start_);
    if (!count_) {
        day = std::max(day, std::chrono::floor<days>(zone_.local(after)) - days(1));
    }
    const auto last = std::chrono::floor<days>(zone_.local(end_)) + days(1);
    int number = 0;
    Instant previous = Instant::min();
    for (; day <= last; day += days(1)) {
        if (!matches(day)) continue;
        for (const std::chrono::seconds time : times_) {
            if (day + time < start_) continue;
            const Instant at = zone_.meaning_of(day + time).at;
            if (at <= previous) continue;  // several skipped times are one instant
            if (at > end_ || (count_ && number == *count_)) return;
            previous = at;
            ++number;
            if (at > after && !use(at)) return;
        }
    }
}

std::vector<Instant> Recurrence::after(Instant instant, std::size_t most) const {
    std::vector<Instant> dates;
    if (most == 0) return dates;
    each_date(instant, [&](Instant date) {
        dates.push_back(date);
        return dates.size() < most;
    });
    return dates;
}

std::vector<Instant> Recurrence::between(Instant first, Instant now) const {
    std::vector<Instant> dates;
    each_date(first - std::chrono::microseconds(1), [&](Instant date) {
        if (date > now) return false;
        dates.push_back(date);
        return true;
    });
    return dates;
}

// An end, within reach, and a date before it.
Result<Recurrence> Recurrence::checked(Recurrence rule, std::string_view end_hint) {
    const Instant begin = rule.zone_.meaning_of(rule.start_).at;
    const Instant latest = begin + kMaxRecurrenceDays;
    const std::string too_far = std::string(end_hint) + " lies more than " +
                                std::to_string(kMaxRecurrenceDays.count()) +
                                " days behind the start; end the rule earlier";
    if (rule.end_ > latest) return base::invalid_input(too_far);
    std::size_t dates = 0;
    const bool is_counted = rule.count_.has_value();
    rule.each_date(begin - days(2), [&](Instant) {
        ++dates;
        return is_counted;
    });
    if (dates == 0) {
        return base::invalid_input("never fires: it has no date between its start and its end");
    }
    if (is_counted && static_cast<int>(dates) < *rule.count_) return base::invalid_input(too_far);
    return rule;
}

// RRULE, part by part.
struct Recurrence::RuleReader {
    Recurrence& rule;
    std::optional<Frequency> frequency;
    bool has_end = false;

    Result<void> part(std::string_view name, std::string_view value) {
        if (name == "FREQ") return read_frequency(value);
        if (name == "INTERVAL") {
            const auto number = number_in(value, 1, kMaxRuleInterval);
            if (!number) return bad(name, "must be 1 to " + std::to_string(kMaxRuleInterval));
            rule.interval_ = *number;
            return {};
        }
        if (name == "COUNT") {
            const auto number = number_in(value, 1, kMaxRuleCount);
            if (!number) return bad(name, "must be 1 to " + std::to_string(kMaxRuleCount));
            rule.count_ = *number;
            return end_given();
        }
        if (name == "UNTIL") return read_until(value);
        if (name == "BYDAY") return read_weekdays(value);
        if (name == "BYMONTHDAY") return read_numbers(name, value, rule.month_days_, -31, 31);
        if (name == "BYMONTH") return read_numbers(name, value, rule.months_, 1, 12);
        return bad(name,
                   "is not understood; known are FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, "
                   "COUNT and UNTIL");
    }

    Result<void> end_given() {
        if (has_end) return base::invalid_input("has COUNT and UNTIL; give one of them");
        has_end = true;
        return {};
    }

    Result<void> read_frequency(std::string_view value) {
        constexpr std::array<std::string_view, 4> kNames = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
        const auto found = std::find(kNames.begin(), kNames.end(), value);
        if (found == kNames.end()) {
            return bad("FREQ", "must be DAILY, WEEKLY, MONTHLY or YEARLY");
        }
        frequency = static_cast<Frequency>(found - kNames.begin());
        return {};
    }

    // "20271231": to the end of that local day. "20271231T220000Z", or without Z: local.
    Result<void> read_until(std::string_view value) {
        const std::string wrong = "must look like 20271231 or 20271231T220000Z";
        const bool has_time = value.size() > 8;
        const bool is_utc = value.ends_with('Z');
        if (is_utc) value.remove_suffix(1);
        const bool fits = has_time ? value.size() == 15 && value[8] == 'T' : value.size() == 8;
        if (!fits || (is_utc && !has_time)) return bad("UNTIL", wrong);
        std::string iso = std::string(value.substr(0, 4)) + '-' + std::string(value.substr(4, 2)) +
                          '-' + std::string(value.substr(6, 2));
        if (has_time) {
            iso += 'T' + std::string(value.substr(9, 2)) + ':' + std::string(value.substr(11, 2)) +
                   ':' + std::string(value.substr(13, 2));
        }
        const auto local = base::parse_local_time(iso);
        if (!local) return bad("UNTIL", wrong);
        if (is_utc) {
            rule.end_ = Instant(local->time_since_epoch());
        } else if (has_time) {
            rule.end_ = rule.zone_.meaning_of(*local).last;
        } else {
            rule.end_ = rule.zone_.meaning_of(*local + days(1)).at - std::chrono::microseconds(1);
        }
        return end_given();
    }

    Result<void> read_weekdays(std::string_view value) {
        for (const std::string_view item : split(value, ',')) {
            const std::string wrong = "lists days such as MO,FR, in months also 1MO or -1FR";
            if (item.size() < 2) return bad("BYDAY", wrong);
            const auto found = std::find(kDays.begin(), kDays.end(), item.substr(item.size() - 2));
            if (found == kDays.end()) return bad("BYDAY", wrong);
            Weekday day{static_cast<int>(found - kDays.begin()) + 1, 0};
            if (item.size() > 2) {
                const auto number = number_in(item.substr(0, item.size() - 2), -5, 5);
                if (!number || *number == 0) return bad("BYDAY", wrong);
                day.ordinal = *number;
            }
            rule.weekdays_.push_back(day);
        }
        return {};
    }

    static Result<void> read_numbers(std::string_view name, std::string_view value,
                                     std::vector<int>& numbers, int least, int most) {
        for (const std::string_view item : split(value, ',')) {
            const auto number = number_in(item, least, most);
            if (!number || *number == 0) {
                return bad(name, "lists numbers from " + std::to_string(least) + " to " +
                                     std::to_string(most) + ", without 0");
            }
            numbers.push_back(*number);
        }
        return {};
    }

    // What fits together, and what the start says where the rule is silent.
    Result<void> finish() {
        if (!frequency) return bad("FREQ", "is required");
        rule.frequency_ = *frequency;
        if (!has_end) {
            return base::invalid_input("never ends; add COUNT=… or UNTIL=…");
        }
        const bool has_ordinal = std::any_of(rule.weekdays_.begin(), rule.weekdays_.end(),
                                             [](const Weekday& day) { return day.ordinal != 0; });
        const bool in_months = *frequency == Frequency::monthly || *frequency == Frequency::yearly;
        if (has_ordinal && !in_months) {
            return bad("BYDAY", "has numbers (1MO) only with FREQ=MONTHLY or YEARLY");
        }
        if (*frequency == Frequency::weekly && !rule.month_days_.empty()) {
            return bad("BYMONTHDAY", "does not go with FREQ=WEEKLY");
        }
        if (*frequency == Frequency::yearly && !rule.weekdays_.empty() && rule.months_.empty()) {
            return bad("BYDAY", "needs BYMONTH with FREQ=YEARLY");
        }
        const auto begin = std::chrono::floor<days>(rule.start_);
        const std::chrono::year_month_day date(begin);
        if (*frequency == Frequency::weekly && rule.weekdays_.empty()) {
            const auto today = static_cast<int>(std::chrono::weekday(begin).iso_encoding());
            rule.weekdays_.push_back({today, 0});
        }
        const bool has_days = !rule.weekdays_.empty() || !rule.month_days_.empty();
        if (in_months && !has_days) {
            rule.month_days_.push_back(static_cast<int>(static_cast<unsigned>(date.day())));
            if (*frequency == Frequency::yearly && rule.months_.empty()) {
                rule.months_.push_back(static_cast<int>(static_cast<unsigned>(date.month())));
            }
        }
        rule.times_.push_back(rule.start_ - begin);
        return {};
    }
};

Result<Recurrence> Recurrence::of_rrule(std::string_view text, base::LocalTime start,
                                        const base::TimeZone& zone) {
    if (text.size() > kMaxRuleBytes) return base::invalid_input("is too long");
    Recurrence rule(start, zone);
    rule.end_ = zone.meaning_of(start).at + kMaxRecurrenceDays;
    const std::string upper = upper_case(base::trim(text));
    std::string_view rest = upper;
    if (rest.starts_with("RRULE:")) rest.remove_prefix(6);
    RuleReader reader{rule, {}, false};
    std::vector<std::string_view> seen;
    for (const std::string_view part : split(rest, ';')) {
        const std::size_t equals = part.find('=');
        if (equals == std::string_view::npos) {
            return base::invalid_input("must look like FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20271231");
        }
        const std::string_view name = part.substr(0, equals);
        if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
            return bad(name, "is given twice");
        }
        seen.push_back(name);
        CARRYALL_TRY(reader.part(name, part.substr(equals + 1)));
    }
    CARRYALL_TRY(reader.finish());
    return checked(std::move(rule), rule.count_ ? "the last of COUNT dates" : "UNTIL");
}

// One field of a cron expression.
struct Recurrence::CronReader {
    std::string_view name;
    int least;
    int most;
    std::span<const std::string_view> names;  // of least, least + 1, …
    std::bitset<64> values = {};

    std::optional<int> value(std::string_view text) const {
        const auto named = std::find(names.begin(), names.end(), upper_case(text));
        if (named != names.end()) return least + static_cast<int>(named - names.begin());
        if (!base::all_digits(text)) return std::nullopt;
        return number_in(text, least, most);
    }

    Result<void> read(std::string_view field) {
        for (const std::string_view item : split(field, ',')) {
            const auto stepped = split(item, '/');  // "1-5", or "1-5" and "2"
            const auto range = split(stepped.front(), '-');
            std::optional<int> from = value(range.front());
            std::optional<int> to = value(range.back());
            const bool is_stepped = stepped.size() > 1;
            // 0: none that can be.
            const int step = is_stepped ? number_in(stepped.back(), 1, most).value_or(0) : 1;
            if (stepped.front() == "*") {
                from = least;
                to = most;
            } else if (is_stepped && range.size() == 1) {
                to = most;
            }
            const bool has_form = stepped.size() <= 2 && range.size() <= 2 && step > 0;
            if (!has_form || !from || !to || *from > *to) {
                return bad(name, "must be *, values from " + std::to_string(least) + " to " +
                                     std::to_string(most) +
                                     ", ranges (1-5), steps (*/15) or a list of them");
            }
            for (int at = *from; at <= *to; at += step) {
                values.set(static_cast<std::size_t>(at));
            }
        }
        return {};
    }
};

Result<Recurrence> Recurrence::of_cron(std::string_view text, base::LocalTime start, Instant end,
                                       const base::TimeZone& zone) {
    if (text.size() > kMaxRuleBytes) return base::invalid_input("is too long");
    std::vector<std::string_view> given;
    for (const std::string_view field : split(text, ' ')) {
        if (!field.empty()) given.push_back(field);
    }
    std::array<CronReader, 5> fields = {{{"the minute", 0, 59, {}},
                                         {"the hour", 0, 23, {}},
                                         {"the day of the month", 1, 31, {}},
                                         {"the month", 1, 12, kMonthNames},
                                         {"the day of the week", 0, 7, kCronDays}}};
    if (given.size() != fields.size()) {
        return base::invalid_input(
            "must have five fields: minute hour day-of-month month day-of-week");
    }
    for (std::size_t i = 0; i < fields.size(); ++i) CARRYALL_TRY(fields[i].read(given[i]));
    Recurrence rule(start, zone);
    rule.frequency_ = Frequency::cron;
    rule.end_ = end;
    for (std::size_t day = 1; day <= 31; ++day) rule.cron_month_days_[day] = fields[2].values[day];
    for (std::size_t day = 1; day <= 7; ++day) rule.cron_weekdays_[day] = fields[4].values[day];
    if (fields[4].values[0]) rule.cron_weekdays_.set(7);
    rule.any_cron_day_ = !given[2].starts_with('*') && !given[4].starts_with('*');
    for (int month = 1; month <= 12; ++month) {
        if (fields[3].values[static_cast<std::size_t>(month)]) rule.months_.push_back(month);
    }
    for (std::size_t hour = 0; hour < 24; ++hour) {
        for (std::size_t minute = 0; minute < 60; ++minute) {
            if (!fields[1].values[hour] || !fields[0].values[minute]) continue;
            rule.times_.push_back(std::chrono::hours(hour) + std::chrono::minutes(minute));
        }
    }
    return checked(std::move(rule), "the end");
}

}  // namespace carryall::changes
