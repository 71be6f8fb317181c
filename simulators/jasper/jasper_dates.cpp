// See jasper_dates.hpp.
#include "jasper/jasper_dates.hpp"

#include <chrono>

namespace carryall::simulators::jasper {
namespace {

constexpr std::int64_t kSecondMicros = 1'000'000;
constexpr int kMaxZoneMinutes = 14 * 60;

// Exactly `width` digits.
bool take_number(std::string_view& text, std::size_t width, int& value) {
    if (text.size() < width) return false;
    value = 0;
    for (const char c : text.substr(0, width)) {
        if (c < '0' || c > '9') return false;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(width);
    return true;
}

bool take(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::int64_t> take_day(std::string_view& text) {
    using namespace std::chrono;
    int year_number = 0;
    int month_number = 0;
    int day_number = 0;
    const bool read = take_number(text, 4, year_number) && take(text, '-') &&
                      take_number(text, 2, month_number) && take(text, '-') &&
                      take_number(text, 2, day_number);
    const year_month_day date{year{year_number}, month{static_cast<unsigned>(month_number)},
                              day{static_cast<unsigned>(day_number)}};
    if (!read || !date.ok()) return std::nullopt;
    return sys_days{date}.time_since_epoch().count() * kDayMicros;
}

// The rest of the text is a zone; its distance from UTC.
std::optional<std::int64_t> zone_micros(std::string_view text) {
    if (text == "Z") return 0;
    const bool west = !text.empty() && text.front() == '-';
    if (!take(text, '+') && !take(text, '-')) return std::nullopt;
    int hours = 0;
    int minutes = 0;
    if (!take_number(text, 2, hours)) return std::nullopt;
    take(text, ':');
    if (!take_number(text, 2, minutes) || !text.empty()) return std::nullopt;
    const int all = hours * 60 + minutes;
    if (minutes > 59 || all > kMaxZoneMinutes) return std::nullopt;
    return (west ? -all : all) * 60 * kSecondMicros;
}

std::optional<std::int64_t> take_time(std::string_view& text) {
    int hour = 0;
    int minute = 0;
    int second = 0;
    if (!take(text, 'T') || !take_number(text, 2, hour) || !take(text, ':') ||
        !take_number(text, 2, minute) || !take(text, ':') || !take_number(text, 2, second) ||
        hour > 23 || minute > 59 || second > 59) {
        return std::nullopt;
    }
    int millis = 0;
    if (take(text, '.') && !take_number(text, 3, millis)) return std::nullopt;
    return ((hour * 60 + minute) * 60 + second) * kSecondMicros + std::int64_t{millis} * 1000;
}

void append_digits(std::string& out, unsigned value, int width) {
    char digits[10];
    for (int i = width - 1; i >= 0; --i, value /= 10)
        digits[i] = static_cast<char>('0' + value % 10);
    out.append(digits, static_cast<std::size_t>(width));
}

void append_moment(std::string& out, std::int64_t micros, char between) {
    using namespace std::chrono;
    const std::int64_t day_number = micros / kDayMicros;
    const year_month_day date{sys_days{days{day_number}}};
    const std::int64_t rest = micros - day_number * kDayMicros;
    const auto second = static_cast<unsigned>(rest / kSecondMicros);
    append_digits(out, static_cast<unsigned>(int{date.year()}), 4);
    append_digits(out += '-', unsigned{date.month()}, 2);
    append_digits(out += '-', unsigned{date.day()}, 2);
    append_digits(out += between, second / 3600, 2);
    append_digits(out += ':', second / 60 % 60, 2);
    append_digits(out += ':', second % 60, 2);
    append_digits(out += '.', static_cast<unsigned>(rest / 1000 % 1000), 3);
    out += "+0000";
}

}  // namespace

std::optional<std::int64_t> parse_date_time(std::string_view text) {
    const auto day = take_day(text);
    const auto time = day ? take_time(text) : std::nullopt;
    const auto zone = time ? zone_micros(text) : std::nullopt;
    if (!zone) return std::nullopt;
    return *day + *time - *zone;
}

std::optional<std::int64_t> parse_day_or_time(std::string_view text) {
    if (const auto moment = parse_date_time(text)) return moment;
    const auto day = take_day(text);
    const auto zone = day ? zone_micros(text) : std::nullopt;
    if (!zone) return std::nullopt;
    return *day - *zone;
}

void append_date(std::string& out, std::int64_t micros) {
    append_moment(out, micros, ' ');
}

void append_timestamp(std::string& out, std::int64_t micros) {
    append_moment(out, micros, 'T');
}

std::uint32_t cycle_of(std::int64_t micros) {
    using namespace std::chrono;
    const year_month_day date{sys_days{days{micros / kDayMicros}}};
    return static_cast<std::uint32_t>(int{date.year()}) * 12 + unsigned{date.month()};
}

}  // namespace carryall::simulators::jasper
