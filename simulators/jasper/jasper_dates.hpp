// Jasper's dates: requests carry a numeric zone ("2025-04-18T17:31:34+00:00", "2025-07-01Z"),
// answers have a blank in the middle and no colon in the zone ("2025-06-29 00:21:33.339+0000").
// Kept as microseconds since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carryall::simulators::jasper {

inline constexpr std::int64_t kDayMicros = std::int64_t{86'400} * 1'000'000;

// A date and time with a zone ("+00:00", "+0000" or "Z").
std::optional<std::int64_t> parse_date_time(std::string_view text);
// A day with a zone: its midnight there; or a date and time.
std::optional<std::int64_t> parse_day_or_time(std::string_view text);

void append_date(std::string& out, std::int64_t micros);       // 2025-06-29 00:21:33.339+0000
void append_timestamp(std::string& out, std::int64_t micros);  // 2025-06-29T00:21:33.339+0000
// Changes with every calendar month (UTC): the billing cycle.
std::uint32_t cycle_of(std::int64_t micros);

}  // namespace carryall::simulators::jasper
