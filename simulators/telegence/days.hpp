// Telegence's dates: a day with a literal Z and no time ("2026-03-01Z"). A day begins at midnight
// UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carryall::simulators::telegence {

using Day = std::int32_t;  // since 1970-01-01

std::optional<Day> parse_day(std::string_view text);  // exactly yyyy-MM-ddZ
void append_day(std::string& out, Day day);
void append_instant(std::string& out, std::int64_t micros);  // 2026-03-01T15:04:05Z
Day day_of(std::int64_t micros);
std::int64_t micros_of(Day day);
Day first_of_next_month(Day day);

}  // namespace carryall::simulators::telegence
