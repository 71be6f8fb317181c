// Blackouts: times at which no call that changes something is begun at an account, as windows of
// the week or once, in the local time of a zone. What must stay true: nothing is begun inside a
// window, whatever the clocks do that day (a window is never shorter than its local times say);
// calls that were begun before it are finished; windows never cover all time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/time_zone.hpp"
#include "db/postgres.hpp"

namespace carryall::accounts {

using base::Result;

inline constexpr std::size_t kMaxBlackoutsPerAccount = 50;
inline constexpr std::chrono::days kMaxBlackoutDays{92};   // of one that happens once
inline constexpr std::chrono::hours kLeastFreePerWeek{1};  // beside all weekly windows
inline constexpr std::chrono::days kMaxBlackoutDaysAhead{731};
inline constexpr std::size_t kMaxBlackoutNameBytes = 200;

struct WeeklyWindow {
    std::vector<int> weekdays;     // 1 Monday to 7 Sunday
    std::chrono::minutes from{0};  // of the local day
    std::chrono::minutes to{0};    // at or before `from`: of the next day
};
struct Period {
    base::Instant from;
    base::Instant to;  // not in it any more
};

struct Blackout {
    std::int64_t id = 0;
    std::string name;
    base::TimeZone zone = base::TimeZone::utc();
    std::optional<WeeklyWindow> weekly;
    std::optional<Period> once;  // exactly one of the two
    std::string created_by;
    std::string created_at;  // ISO 8601
};

// blackout_rules.cpp, pure.

struct Standstill {
    base::Instant until;  // the first instant that no window covers
    std::string name;     // of the window that `now` is in
};
// None: no window covers `now`.
std::optional<Standstill> standstill_at(const std::vector<Blackout>& blackouts, base::Instant now);
// The beginning of the next window after `now`; none if none is to come.
std::optional<base::Instant> next_standstill(const std::vector<Blackout>& blackouts,
                                             base::Instant now);
// When work that needs so long is done if it rests in the windows; none if that is out of sight.
std::optional<base::Instant> finish_beside(const std::vector<Blackout>& blackouts,
                                           base::Instant now, std::chrono::seconds work);
// Why these may not stand together; empty: they may.
std::string problem_of(const std::vector<Blackout>& blackouts, base::Instant now);
// "MO,FR 22:00 to 06:00 Europe/Berlin", "2026-12-24T00:00:00+01:00 to …"
std::string text_of(const Blackout& blackout);
std::string_view weekday_name(int iso);               // "MO"
std::string clock_text(std::chrono::minutes of_day);  // "06:00"

// A blackout as people write it.
struct BlackoutText {
    std::optional<std::string> name;
    std::optional<std::string> time_zone;
    std::optional<std::vector<std::string>> weekdays;  // MO, TU, …
    std::optional<std::string> from;                   // 22:00
    std::optional<std::string> to;                     // 06:00; at most 24:00
    std::optional<std::string> starts_at;  // ISO 8601; without an offset a time of the zone
    std::optional<std::string> ends_at;
};
BOOST_DESCRIBE_STRUCT(BlackoutText, (), (name, time_zone, weekdays, from, to, starts_at, ends_at))
// Every mistake goes to `errors`; the result's error is the first.
Result<Blackout> read_blackout(const BlackoutText& text, base::Instant now,
                               std::vector<base::Error>& errors);

// blackout_store.cpp

// SQL: the blackouts of a row of service_provider as JSON, for read_blackouts().
std::string blackouts_of(const std::string& provider_alias);
Result<std::vector<Blackout>> read_blackouts(std::string_view json);

// Not found: another tenant's service provider, or none.
Result<std::vector<Blackout>> list_blackouts(db::Connection& connection, std::int64_t tenant_id,
                                             std::int64_t service_provider_id);
// `conflict` if it cannot stand beside the others. Answers it with its id.
Result<Blackout> add_blackout(db::Connection& connection, std::int64_t tenant_id,
                              std::int64_t service_provider_id, const Blackout& wanted,
                              std::optional<base::Instant> now = {});
Result<void> remove_blackout(db::Connection& connection, std::int64_t tenant_id,
                             std::int64_t service_provider_id, std::int64_t blackout_id);

}  // namespace carryall::accounts
