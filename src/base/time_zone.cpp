// The only place that sees date-tz. It reads the system's database (tzdata) at its first use.
#include "base/time_zone.hpp"

#include <date/tz.h>

namespace carryall::base {
namespace {

using std::chrono::seconds;

date::local_seconds to_date(LocalTime local) {
    return date::local_seconds(local.time_since_epoch());
}

Instant instant_of(date::local_seconds local, const date::sys_info& info) {
    return Instant(local.time_since_epoch() - info.offset);
}

}  // namespace

TimeZone TimeZone::utc() {
    return find("UTC").value();
}

Result<TimeZone> TimeZone::find(std::string_view name) {
    if (name.empty() || name.size() > kMaxTimeZoneBytes) {
        return invalid_input("must be the name of a time zone such as Europe/Berlin");
    }
    try {
        return TimeZone(std::string(name), date::locate_zone(name));
    } catch (const std::exception&) {
        return invalid_input("\"" + std::string(name) +
                             "\" is no time zone of the IANA database; a name looks like "
                             "Europe/Berlin, America/New_York or UTC");
    }
}

LocalMeaning TimeZone::meaning_of(LocalTime local) const {
    const date::local_seconds wall = to_date(local);
    const date::local_info info = zone_->get_info(wall);
    switch (info.result) {
        case date::local_info::nonexistent: {
            const Instant after(info.first.end.time_since_epoch());
            return {after, after, LocalKind::skipped};
        }
        case date::local_info::ambiguous:
            return {instant_of(wall, info.first), instant_of(wall, info.second),
                    LocalKind::repeated};
        default:
            break;
    }
    const Instant at = instant_of(wall, info.first);
    return {at, at, LocalKind::once};
}

LocalTime TimeZone::local(Instant instant) const {
    const auto whole = std::chrono::floor<seconds>(instant);
    const date::sys_info info = zone_->get_info(date::sys_seconds(whole.time_since_epoch()));
    return LocalTime(whole.time_since_epoch() + info.offset);
}

std::string TimeZone::text_of(Instant instant) const {
    const auto whole = std::chrono::floor<seconds>(instant);
    const LocalTime wall = local(instant);
    const auto offset = wall.time_since_epoch() - whole.time_since_epoch();
    const auto size = std::chrono::abs(offset);
    const date::hh_mm_ss<seconds> parts(size);
    std::string text = to_text(wall) + (offset < seconds(0) ? '-' : '+');
    text += date::format("%H:%M", std::chrono::floor<std::chrono::minutes>(size));
    if (parts.seconds().count() != 0) text += date::format(":%S", parts.seconds());
    return text;
}

bool has_offset(std::string_view text) {
    const std::size_t time = text.find_first_of("Tt ");
    if (time == std::string_view::npos) return false;
    return text.find_first_of("Zz+-", time + 1) != std::string_view::npos;
}

Result<LocalTime> parse_local_time(std::string_view text) {
    if (has_offset(text)) return invalid_input("must be a local time, without Z or an offset");
    const auto instant = parse_iso8601(text);  // of a text without an offset: as if in UTC
    if (!instant) return instant.error();
    return LocalTime(std::chrono::floor<seconds>(*instant).time_since_epoch());
}

std::string to_text(LocalTime local) {
    return date::format("%FT%T", to_date(local));
}

}  // namespace carryall::base
