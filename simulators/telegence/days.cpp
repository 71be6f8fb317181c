// See days.hpp.
#include "telegence/days.hpp"

#include <chrono>

#include "clock.hpp"

namespace carryall::simulators::telegence {
namespace {

constexpr std::int64_t kDayMicros = std::int64_t{86'400} * kMicrosPerSecond;
constexpr std::size_t kDayLength = 11;

void append_padded(std::string& out, unsigned value, std::size_t width) {
    char digits[10];
    for (std::size_t i = width; i-- > 0; value /= 10) {
        digits[i] = static_cast<char>('0' + value % 10);
    }
    out.append(digits, width);
}

bool read_digits(std::string_view text, unsigned& value) {
    value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return true;
}

std::chrono::year_month_day civil(Day day) {
    return std::chrono::sys_days{std::chrono::days{day}};
}

void append_civil(std::string& out, Day day) {
    const auto date = civil(day);
    append_padded(out, static_cast<unsigned>(int{date.year()}), 4);
    out += '-';
    append_padded(out, unsigned{date.month()}, 2);
    out += '-';
    append_padded(out, unsigned{date.day()}, 2);
}

}  // namespace

std::optional<Day> parse_day(std::string_view text) {
    using namespace std::chrono;
    if (text.size() != kDayLength || text[4] != '-' || text[7] != '-' || text[10] != 'Z') {
        return std::nullopt;
    }
    unsigned parts[3];
    if (!read_digits(text.substr(0, 4), parts[0]) || !read_digits(text.substr(5, 2), parts[1]) ||
        !read_digits(text.substr(8, 2), parts[2])) {
        return std::nullopt;
    }
    const year_month_day date{year{static_cast<int>(parts[0])}, month{parts[1]}, day{parts[2]}};
    if (!date.ok()) return std::nullopt;
    return static_cast<Day>(sys_days{date}.time_since_epoch().count());
}

void append_day(std::string& out, Day day) {
    append_civil(out, day);
    out += 'Z';
}

void append_instant(std::string& out, std::int64_t micros) {
    const Day day = day_of(micros);
    const auto second = static_cast<unsigned>((micros - micros_of(day)) / kMicrosPerSecond);
    append_civil(out, day);
    out += 'T';
    append_padded(out, second / 3600, 2);
    out += ':';
    append_padded(out, second / 60 % 60, 2);
    out += ':';
    append_padded(out, second % 60, 2);
    out += 'Z';
}

Day day_of(std::int64_t micros) {
    return static_cast<Day>(micros / kDayMicros);
}

std::int64_t micros_of(Day day) {
    return std::int64_t{day} * kDayMicros;
}

Day first_of_next_month(Day day) {
    using namespace std::chrono;
    const auto date = civil(day);
    const year_month_day first{(date.year() / date.month() + months{1}) / 1};
    return static_cast<Day>(sys_days{first}.time_since_epoch().count());
}

}  // namespace carryall::simulators::telegence
