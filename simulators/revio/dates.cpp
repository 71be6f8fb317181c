// See dates.hpp.
#include "revio/dates.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace carryall::simulators::revio {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;

// Digits up to `width`, then `separator` (or nothing when it is 0). Nothing read: false.
bool read_number(std::string_view& text, std::size_t width, char separator, int& value) {
    std::size_t digits = 0;
    while (digits < text.size() && digits < width && text[digits] >= '0' && text[digits] <= '9') {
        ++digits;
    }
    if (digits == 0) return false;
    std::from_chars(text.data(), text.data() + digits, value);
    text.remove_prefix(digits);
    if (separator == '\0') return true;
    if (text.empty() || text.front() != separator) return false;
    text.remove_prefix(1);
    return true;
}

bool is_zone(std::string_view text) {
    return text.empty() || text == "Z" ||
           (text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':');
}

std::string civil_text(std::int64_t seconds) {
    using namespace std::chrono;
    const std::int64_t day_start = start_of_day(seconds);
    const year_month_day date{sys_days{days{day_start / kDaySeconds}}};
    const auto rest = static_cast<int>(seconds - day_start);
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", int{date.year()},
                  unsigned{date.month()}, unsigned{date.day()}, rest / 3600, rest / 60 % 60,
                  rest % 60);
    return text.data();
}

}  // namespace

std::int64_t start_of_day(std::int64_t seconds) {
    const std::int64_t rest = ((seconds % kDaySeconds) + kDaySeconds) % kDaySeconds;
    return seconds - rest;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
    using namespace std::chrono;
    int year_number = 0;
    int month_number = 0;
    int day_number = 0;
    if (!read_number(text, 4, '-', year_number) || !read_number(text, 2, '-', month_number) ||
        !read_number(text, 2, '\0', day_number)) {
        return std::nullopt;
    }
    const year_month_day date{year{year_number}, month{static_cast<unsigned>(month_number)},
                              day{static_cast<unsigned>(day_number)}};
    if (!date.ok() || year_number < 1900) return std::nullopt;
    const std::int64_t midnight = sys_days{date}.time_since_epoch().count() * kDaySeconds;
    if (is_zone(text)) return midnight;
    int hour = 0;
    int minute = 0;
    int second = 0;
    if (text.front() != 'T' && text.front() != ' ') return std::nullopt;
    text.remove_prefix(1);
    if (!read_number(text, 2, ':', hour) || !read_number(text, 2, '\0', minute))
        return std::nullopt;
    if (!text.empty() && text.front() == ':') {
        text.remove_prefix(1);
        if (!read_number(text, 2, '\0', second)) return std::nullopt;
    }
    if (!text.empty() && text.front() == '.') {
        int ignored = 0;
        text.remove_prefix(1);
        if (!read_number(text, 9, '\0', ignored)) return std::nullopt;
    }
    if (!is_zone(text) || hour > 23 || minute > 59 || second > 59) return std::nullopt;
    return midnight + hour * 3600 + minute * 60 + second;
}

std::optional<std::int64_t> parse_date_micros(std::string_view text) {
    const auto seconds = parse_date(text);
    if (!seconds) return std::nullopt;
    std::int64_t micros = *seconds * kMicrosPerSecond;
    const std::size_t point = text.find('.');
    if (point == std::string_view::npos) return micros;
    std::int64_t unit = kMicrosPerSecond;
    for (const char c : text.substr(point + 1)) {
        if (c < '0' || c > '9') break;
        unit /= 10;
        micros += (c - '0') * unit;
    }
    return micros;
}

void append_date(std::string& out, std::int64_t seconds) {
    out += civil_text(seconds);
}

void append_date_micros(std::string& out, std::int64_t micros) {
    const std::int64_t seconds = micros / 1'000'000;
    std::array<char, 8> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03d",
                  static_cast<int>(micros / 1000 - seconds * 1000));
    out += civil_text(seconds);
    out += fraction.data();
}

}  // namespace carryall::simulators::revio
