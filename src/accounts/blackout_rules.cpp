// Where windows lie, decided without a database. A window's local times are turned into instants
// for each day anew: a beginning that the clock skips or repeats counts from its first instant, an
// end that is repeated counts to its last.
#include <algorithm>
#include <array>
#include <set>

#include "accounts/blackout.hpp"
#include "base/text.hpp"

namespace carryall::accounts {
namespace {

using base::Instant;
using base::LocalTime;
using std::chrono::days;

// Windows that touch each other are walked through one by one; each step ends one.
constexpr int kMaxSteps = 2'000;
constexpr days kLookAhead{8};  // every weekly window begins once in it
constexpr days kFewWeeks{28};
constexpr std::chrono::minutes kWholeDay{24 * 60};

std::chrono::local_days day_of(LocalTime time) {
    return std::chrono::floor<days>(time);
}

// The weekly window that begins on this local day, if one does.
std::optional<Period> on_day(const Blackout& blackout, std::chrono::local_days day) {
    const WeeklyWindow& weekly = *blackout.weekly;
    const auto weekday = static_cast<int>(std::chrono::weekday(day).iso_encoding());
    if (std::find(weekly.weekdays.begin(), weekly.weekdays.end(), weekday) ==
        weekly.weekdays.end()) {
        return std::nullopt;
    }
    const auto length = weekly.to > weekly.from ? weekly.to : weekly.to + kWholeDay;
    const Instant from = blackout.zone.meaning_of(LocalTime(day) + weekly.from).at;
    const Instant to = blackout.zone.meaning_of(LocalTime(day) + length).last;
    if (to <= from) return std::nullopt;  // all of it is skipped by the clock
    return Period{from, to};
}

// Calls `use` with the window's periods that may touch [from, to].
template <class Use>
void each_period(const Blackout& blackout, Instant from, Instant to, const Use& use) {
    if (blackout.once) return use(*blackout.once);
    const auto last = day_of(blackout.zone.local(to)) + days(1);
    for (auto day = day_of(blackout.zone.local(from)) - days(2); day <= last; day += days(1)) {
        if (const auto period = on_day(blackout, day)) use(*period);
    }
}

// The end of the latest window that covers the instant, and whose it is.
const Blackout* covering(const std::vector<Blackout>& blackouts, Instant at, Instant& until) {
    const Blackout* found = nullptr;
    for (const Blackout& blackout : blackouts) {
        each_period(blackout, at, at, [&](const Period& period) {
            if (period.from > at || period.to <= at) return;
            if (found != nullptr && period.to <= until) return;
            found = &blackout;
            until = period.to;
        });
    }
    return found;
}

// How much of [from, to) no window covers.
Instant::duration free_between(const std::vector<Blackout>& blackouts, Instant from, Instant to) {
    Instant::duration free{0};
    Instant at = from;
    for (int step = 0; step < kMaxSteps && at < to; ++step) {
        if (const auto still = standstill_at(blackouts, at)) {
            at = still->until;
            continue;
        }
        const Instant next = std::min(to, next_standstill(blackouts, at).value_or(to));
        free += next - at;
        at = next;
    }
    return free;
}

// "22:00" up to `most`.
std::optional<std::chrono::minutes> clock_of(std::string_view text, std::chrono::minutes most) {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    const auto digits = [](std::string_view two) -> std::optional<std::int64_t> {
        return base::all_digits(two) ? base::parse_int(two) : std::nullopt;
    };
    const auto hour = digits(text.substr(0, 2));
    const auto minute = digits(text.substr(3));
    if (!hour || !minute || *minute > 59) return std::nullopt;
    const auto time = std::chrono::hours(*hour) + std::chrono::minutes(*minute);
    return time <= most ? std::optional<std::chrono::minutes>(time) : std::nullopt;
}

constexpr std::array<std::string_view, 7> kWeekdays = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};

// Reads the parts; every mistake has its place.
class TextReader {
  public:
    TextReader(Blackout& blackout, std::vector<base::Error>& errors)
        : blackout_(blackout), errors_(errors) {}

    void fail(const char* where, std::string message) {
        errors_.push_back(base::invalid_input(std::move(message), where));
    }

    void weekly(const BlackoutText& text) {
        WeeklyWindow window;
        std::set<int> named;
        for (const std::string& name : *text.weekdays) {
            const auto same = [&](std::string_view known) {
                return base::ascii_lower(known) == base::ascii_lower(name);
            };
            const auto found = std::find_if(kWeekdays.begin(), kWeekdays.end(), same);
            if (found == kWeekdays.end()) {
                return fail("/weekdays", "lists days: MO, TU, WE, TH, FR, SA, SU");
            }
            named.insert(static_cast<int>(found - kWeekdays.begin()) + 1);
        }
        window.weekdays.assign(named.begin(), named.end());
        if (named.empty()) fail("/weekdays", "must name at least one day");
        const auto from = clock_of(text.from.value_or(""), kWholeDay - std::chrono::minutes(1));
        const auto to = clock_of(text.to.value_or(""), kWholeDay);
        if (!from) fail("/from", "must be a time such as 22:00");
        if (!to) fail("/to", "must be a time such as 06:00, at most 24:00");
        if (!from || !to) return;
        window.from = *from;
        window.to = *to;
        blackout_.weekly = std::move(window);
    }

    std::optional<Instant> instant(const std::optional<std::string>& text, const char* where,
                                   bool is_end) {
        const auto instant = base::parse_iso8601(text.value_or(""));
        if (!instant) {
            fail(where, text ? instant.error().message : "is required");
            return std::nullopt;
        }
        const auto local = base::parse_local_time(*text);
        if (!local) return *instant;
        const base::LocalMeaning meaning = blackout_.zone.meaning_of(*local);
        return is_end ? meaning.last : meaning.at;
    }

    void once(const BlackoutText& text, Instant now) {
        const auto from = instant(text.starts_at, "/startsAt", false);
        const auto to = instant(text.ends_at, "/endsAt", true);
        if (!from || !to) return;
        if (*to <= *from) return fail("/endsAt", "must lie behind startsAt");
        if (*to <= now) return fail("/endsAt", "has passed");
        if (*to - *from > kMaxBlackoutDays) {
            return fail("/endsAt", "a blackout has at most " +
                                       std::to_string(kMaxBlackoutDays.count()) + " days");
        }
        if (*to > now + kMaxBlackoutDaysAhead) {
            return fail(
                "/endsAt",
                "lies more than " + std::to_string(kMaxBlackoutDaysAhead.count()) + " days ahead");
        }
        blackout_.once = Period{*from, *to};
    }

  private:
    Blackout& blackout_;
    std::vector<base::Error>& errors_;
};

}  // namespace

std::optional<Standstill> standstill_at(const std::vector<Blackout>& blackouts, Instant now) {
    Standstill still{now, {}};
    for (int step = 0; step < kMaxSteps; ++step) {
        Instant until;
        const Blackout* blackout = covering(blackouts, still.until, until);
        if (blackout == nullptr) break;
        if (still.name.empty()) still.name = blackout->name;
        still.until = until;
    }
    if (still.name.empty()) return std::nullopt;
    return still;
}

std::optional<Instant> next_standstill(const std::vector<Blackout>& blackouts, Instant now) {
    std::optional<Instant> next;
    for (const Blackout& blackout : blackouts) {
        each_period(blackout, now, now + kLookAhead, [&](const Period& period) {
            if (period.from > now && (!next || period.from < *next)) next = period.from;
        });
    }
    return next;
}

std::optional<Instant> finish_beside(const std::vector<Blackout>& blackouts, Instant now,
                                     std::chrono::seconds work) {
    Instant at = now;
    Instant::duration left = work;
    for (int step = 0; step < kMaxSteps; ++step) {
        if (const auto still = standstill_at(blackouts, at)) at = still->until;
        const auto next = next_standstill(blackouts, at);
        const Instant resting = next.value_or(at + kLookAhead);
        if (at + left <= resting) return at + left;
        left -= resting - at;
        at = resting;
    }
    return std::nullopt;
}

std::string problem_of(const std::vector<Blackout>& blackouts, Instant now) {
    if (blackouts.size() > kMaxBlackoutsPerAccount) {
        return "an account has at most " + std::to_string(kMaxBlackoutsPerAccount) +
               " blackouts; remove one first";
    }
    std::vector<Blackout> weekly;
    for (const Blackout& blackout : blackouts) {
        if (blackout.weekly) weekly.push_back(blackout);
    }
    for (Instant week = now; week < now + kFewWeeks; week += days(7)) {
        if (free_between(weekly, week, week + days(7)) < kLeastFreePerWeek) {
            return "with this window nothing could ever be changed at the account: weekly windows "
                   "must leave at least an hour of every week free";
        }
    }
    const auto still = standstill_at(blackouts, now);
    if (still && still->until > now + kMaxBlackoutDays) {
        return "with this window nothing could be changed at the account for more than " +
               std::to_string(kMaxBlackoutDays.count()) + " days";
    }
    return {};
}

std::string text_of(const Blackout& blackout) {
    if (blackout.once) {
        return blackout.zone.text_of(blackout.once->from) + " to " +
               blackout.zone.text_of(blackout.once->to);
    }
    std::string text;
    for (const int weekday : blackout.weekly->weekdays) {
        text += (text.empty() ? "" : ",") + std::string(weekday_name(weekday));
    }
    return text + ' ' + clock_text(blackout.weekly->from) + " to " +
           clock_text(blackout.weekly->to) + ' ' + blackout.zone.name();
}

std::string_view weekday_name(int iso) {
    return kWeekdays.at(static_cast<std::size_t>(iso) - 1);
}

std::string clock_text(std::chrono::minutes of_day) {
    const auto two = [](std::int64_t number) {
        return (number < 10 ? "0" : "") + std::to_string(number);
    };
    return two(of_day.count() / 60) + ':' + two(of_day.count() % 60);
}

Result<Blackout> read_blackout(const BlackoutText& text, Instant now,
                               std::vector<base::Error>& errors) {
    Blackout blackout;
    TextReader reader(blackout, errors);
    blackout.name = base::trim(text.name.value_or(""));
    if (blackout.name.empty() || blackout.name.size() > kMaxBlackoutNameBytes) {
        reader.fail("/name", "must have 1 to " + std::to_string(kMaxBlackoutNameBytes) + " bytes");
    }
    auto zone = base::TimeZone::find(text.time_zone.value_or(""));
    if (!zone) {
        reader.fail("/timeZone", zone.error().message);
    } else {
        blackout.zone = std::move(*zone);
    }
    const bool is_weekly = text.weekdays || text.from || text.to;
    if (is_weekly == (text.starts_at || text.ends_at)) {
        reader.fail("", "give weekdays, from and to for every week, or startsAt and endsAt");
    } else if (is_weekly) {
        text.weekdays ? reader.weekly(text) : reader.fail("/weekdays", "is required");
    } else {
        reader.once(text, now);
    }
    if (!errors.empty()) return errors.front();
    return blackout;
}

}  // namespace carryall::accounts
