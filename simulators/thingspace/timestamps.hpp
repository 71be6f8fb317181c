// ThingSpace's dates: ISO 8601 with an offset. Answers are written in US Eastern daylight time, as
// the carrier's samples are; requests may carry any offset.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carryall::simulators::thingspace {

inline constexpr std::int64_t kSecondsPerDay = 86'400;

void append_timestamp(std::string& out, std::int64_t seconds);  // 2024-08-07T10:42:15-04:00
// A date alone, or with a time, with 'Z', an offset or nothing (then UTC).
std::optional<std::int64_t> parse_timestamp(std::string_view text);
// Months since January 1970, in UTC.
std::uint16_t month_of(std::int64_t seconds);

}  // namespace carryall::simulators::thingspace
