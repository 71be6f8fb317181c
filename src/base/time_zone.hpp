// Time zones by their IANA names ("Europe/Berlin"), and what a wall clock there means as an
// instant.
// What must stay true: a local time always has one meaning that is told. A time that a clock skips
// (spring) means the first instant after the gap; a time that it shows twice (autumn) means the
// first of the two, and both are known to who asks.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace date {
class time_zone;
}

namespace carryall::base {

inline constexpr std::size_t kMaxTimeZoneBytes = 64;

// What a wall clock shows, without saying where.
using LocalTime = std::chrono::local_time<std::chrono::seconds>;

enum class LocalKind { once, skipped, repeated };

struct LocalMeaning {
    Instant at;    // the decision: once, behind the gap, or the first of two
    Instant last;  // the last of two; otherwise the same as `at`
    LocalKind kind = LocalKind::once;
};

class TimeZone {
  public:
    static TimeZone utc();
    // Errors say what a name looks like.
    static Result<TimeZone> find(std::string_view name);

    const std::string& name() const { return name_; }
    LocalMeaning meaning_of(LocalTime local) const;
    LocalTime local(Instant instant) const;
    // "2027-03-28T03:00:00+02:00"
    std::string text_of(Instant instant) const;

  private:
    TimeZone(std::string name, const date::time_zone* zone) : name_(std::move(name)), zone_(zone) {}

    std::string name_;
    const date::time_zone* zone_;  // of the process-wide database; never null
};

// "2027-03-28", "2027-03-28T02:30[:00]": a time that says neither Z nor an offset.
Result<LocalTime> parse_local_time(std::string_view text);
// Whether an ISO 8601 text says where it is meant: it ends in Z or an offset.
bool has_offset(std::string_view text);
std::string to_text(LocalTime local);  // "2027-03-28T02:30:00"

}  // namespace carryall::base
