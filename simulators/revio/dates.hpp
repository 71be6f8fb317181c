// Rev.io's dates: answers carry no zone, requests come in several spellings ("2026-3-1",
// "2026-03-01Z", "2026-03-01T00:00:00"). Kept as seconds since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carryall::simulators::revio {

std::optional<std::int64_t> parse_date(std::string_view text);
std::optional<std::int64_t> parse_date_micros(std::string_view text);  // with its fraction
void append_date(std::string& out, std::int64_t seconds);              // 2026-03-01T00:00:00
void append_date_micros(std::string& out, std::int64_t micros);        // with milliseconds
std::int64_t start_of_day(std::int64_t seconds);

}  // namespace carryall::simulators::revio
