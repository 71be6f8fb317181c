// Day numbers and ISO dates to days. What must stay true: a date with two meanings is refused.
#include "sheets/date_cell.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace carryall::sheets {

namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year;

constexpr std::int64_t kLastDayNumber = 2'958'465;  // 9999-12-31 in the system from 1900

base::Error refuse(std::string_view text) {
    return base::invalid_input("\"" + std::string(text.substr(0, 40)) +
                               "\" is no date. Write dates as YYYY-MM-DD, for example 2026-03-31.");
}

base::Result<sys_days> from_day_number(std::string_view text, DateSystem date_system) {
    const std::size_t point = std::min(text.find('.'), text.size());
    const auto number = base::parse_int(text.substr(0, point));
    const bool fraction_is_digits =
        point == text.size() || base::all_digits(text.substr(point + 1));
    if (!number || !fraction_is_digits || *number < 1 || *number > kLastDayNumber)
        return refuse(text);
    if (date_system == DateSystem::from_1904) {
        return sys_days{year{1904} / 1 / 1} + days{*number};
    }
    // Excel counts a 29 February 1900 that never was: day 60 names no day, later ones are one
    // ahead.
    constexpr std::int64_t kPhantomDay = 60;
    if (*number == kPhantomDay) return refuse(text);
    const sys_days before_first =
        *number < kPhantomDay ? sys_days{year{1899} / 12 / 31} : sys_days{year{1899} / 12 / 30};
    return before_first + days{*number};
}

base::Result<sys_days> from_text(std::string_view text) {
    // A time of day may follow after a blank or a T.
    const std::string_view date = text.substr(0, text.find_first_of(" T"));
    if (date.size() != 10 || date[4] != '-' || date[7] != '-') return refuse(text);
    if (!base::all_digits(date.substr(0, 4)) || !base::all_digits(date.substr(5, 2)) ||
        !base::all_digits(date.substr(8, 2))) {
        return refuse(text);
    }
    const auto part = [&](std::size_t at, std::size_t length) {
        return static_cast<int>(*base::parse_int(date.substr(at, length)));
    };
    const std::chrono::year_month_day day{year{part(0, 4)},
                                          std::chrono::month{static_cast<unsigned>(part(5, 2))},
                                          std::chrono::day{static_cast<unsigned>(part(8, 2))}};
    if (!day.ok()) return refuse(text);
    return sys_days{day};
}

}  // namespace

base::Result<std::chrono::sys_days> date_of(const Cell& cell, DateSystem date_system) {
    const std::string_view text = base::trim(cell.text);
    switch (cell.kind) {
        case CellKind::number:
            return from_day_number(text, date_system);
        case CellKind::text:
            return from_text(text);
        case CellKind::empty:
        case CellKind::boolean:
        case CellKind::error:
            break;
    }
    return refuse(text);
}

}  // namespace carryall::sheets
