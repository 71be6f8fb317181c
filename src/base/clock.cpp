// Formats and parses instants by hand: g++ 12 has neither chrono formatting nor parsing.
#include "base/clock.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <optional>

namespace carryall::base {
namespace {

class SystemClock : public Clock {
  public:
    Instant now() const override {
        return std::chrono::time_point_cast<std::chrono::microseconds>(
            std::chrono::system_clock::now());
    }
    std::chrono::steady_clock::time_point steady_now() const override {
        return std::chrono::steady_clock::now();
    }
};

// Reads exactly `digits` decimal digits from the front of `text`; -1 if they are not there.
int take_number(std::string_view& text, std::size_t digits) {
    int value = 0;
    if (text.size() < digits) return -1;
    const auto* end = text.data() + digits;
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || text.front() == '-') return -1;
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char expected) {
    if (text.empty() || text.front() != expected) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
    constexpr int kMicrosecondDigits = 6;
    std::int64_t value = 0;
    int digits = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        if (digits < kMicrosecondDigits) value = value * 10 + (text.front() - '0');
        ++digits;
        text.remove_prefix(1);
    }
    if (digits == 0) return std::nullopt;
    for (int i = digits; i < kMicrosecondDigits; ++i) value *= 10;
    return std::chrono::microseconds(value);
}

std::optional<std::chrono::microseconds> take_time_of_day(std::string_view& text) {
    const int hour = take_number(text, 2);
    if (hour < 0 || hour > 23 || !take(text, ':')) return std::nullopt;
    const int minute = take_number(text, 2);
    if (minute < 0 || minute > 59) return std::nullopt;
    std::chrono::microseconds time = std::chrono::hours(hour) + std::chrono::minutes(minute);
    if (take(text, ':')) {
        const int second = take_number(text, 2);
        if (second < 0 || second > 60) return std::nullopt;
        time += std::chrono::seconds(second);
        if (take(text, '.')) {
            const auto fraction = take_fraction(text);
            if (!fraction) return std::nullopt;
            time += *fraction;
        }
    }
    return time;
}

// How far local time is ahead of UTC.
std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
    if (text.empty() || take(text, 'Z') || take(text, 'z')) return std::chrono::minutes(0);
    const bool ahead = text.front() == '+';
    if (!ahead && text.front() != '-') return std::nullopt;
    text.remove_prefix(1);
    const int hours = take_number(text, 2);
    take(text, ':');
    const int minutes = text.empty() ? 0 : take_number(text, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
    const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    return ahead ? offset : -offset;
}

}  // namespace

const Clock& system_clock() {
    static const SystemClock clock;
    return clock;
}

std::string to_iso8601(Instant instant) {
    const auto day = std::chrono::floor<std::chrono::days>(instant);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(instant - day);
    std::array<char, 40> text{};
    const auto fraction = time.subseconds().count();
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                  static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()));
    std::string result = text.data();
    if (fraction != 0) {
        std::snprintf(text.data(), text.size(), ".%06d", static_cast<int>(fraction));
        result += text.data();
        result.erase(result.find_last_not_of('0') + 1);
    }
    return result + 'Z';
}

Result<Instant> parse_iso8601(std::string_view text) {
    const Error error = invalid_input("'" + std::string(text.substr(0, 40)) +
                                      "' is not a date and time; write it as 2026-03-01 or "
                                      "2026-03-01T12:00:00Z");
    const int year = take_number(text, 4);
    if (year < 0 || !take(text, '-')) return error;
    const int month = take_number(text, 2);
    if (month < 0 || !take(text, '-')) return error;
    const int day = take_number(text, 2);
    if (day < 0) return error;
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return error;
    Instant instant = std::chrono::sys_days(date);
    if (text.empty()) return instant;
    if (!take(text, 'T') && !take(text, ' ')) return error;
    const auto time = take_time_of_day(text);
    if (!time) return error;
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return error;
    return instant + *time - *offset;
}

}  // namespace carryall::base
