// Dates in cells, for the columns that the caller knows to be dates. A number is a date only
// because a column says so, which is why readers leave numbers alone.
#pragma once

#include <chrono>

#include "base/result.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::sheets {

// Takes a workbook's day number (a time of day is dropped) or text as YYYY-MM-DD. Everything else,
// such as 03/04/2026, is refused: it means two days in two countries.
base::Result<std::chrono::sys_days> date_of(const Cell& cell, DateSystem date_system);

}  // namespace carryall::sheets
