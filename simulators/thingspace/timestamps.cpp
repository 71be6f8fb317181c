// See timestamps.hpp.
#include "thingspace/timestamps.hpp"

#include <charconv>
#include <chrono>

namespace carryall::simulators::thingspace {
namespace {

constexpr std::int64_t kOffsetSeconds = -4 * 3600;
constexpr std::string_view kOffsetText = "-04:00";

void append_padded(std::string& out, std::int64_t value, std::int64_t highest) {
    for (std::int64_t unit = highest; unit > 0; unit /= 10) {
        out += static_cast<char>('0' + value / unit % 10);
    }
}

// Reads exactly `width` digits and moves on.
bool take_number(std::string_view& text, std::size_t width, std::int64_t& value) {
    if (text.size() < width) return false;
    const auto read = std::from_chars(text.data(), text.data() + width, value);
    if (read.ec != std::errc{} || read.ptr != text.data() + width || value < 0) return false;
    text.remove_prefix(width);
    return true;
}

bool take(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::int64_t> parse_offset(std::string_view text) {
    if (text.empty() || text == "Z" || text == "z") return 0;
    const bool west = text.front() == '-';
    if (!west && text.front() != '+') return std::nullopt;
    text.remove_prefix(1);
    std::int64_t hours = 0;
    std::int64_t minutes = 0;
    if (!take_number(text, 2, hours)) return std::nullopt;
    take(text, ':');
    if (!text.empty() && !take_number(text, 2, minutes)) return std::nullopt;
    if (!text.empty() || hours > 18 || minutes > 59) return std::nullopt;
    const std::int64_t seconds = hours * 3600 + minutes * 60;
    return west ? -seconds : seconds;
}

std::chrono::year_month_day civil(std::int64_t seconds) {
    const auto time = std::chrono::sys_seconds{std::chrono::seconds{seconds}};
    return std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(time)};
}

}  // namespace

void append_timestamp(std::string& out, std::int64_t seconds) {
    const std::int64_t local = seconds + kOffsetSeconds;
    const auto date = civil(local);
    append_padded(out, static_cast<int>(date.year()), 1000);
    out += '-';
    append_padded(out, static_cast<unsigned>(date.month()), 10);
    out += '-';
    append_padded(out, static_cast<unsigned>(date.day()), 10);
    out += 'T';
    const std::int64_t of_day = (local % kSecondsPerDay + kSecondsPerDay) % kSecondsPerDay;
    append_padded(out, of_day / 3600, 10);
    out += ':';
    append_padded(out, of_day / 60 % 60, 10);
    out += ':';
    append_padded(out, of_day % 60, 10);
    out += kOffsetText;
}

std::optional<std::int64_t> parse_timestamp(std::string_view text) {
    std::int64_t year = 0;
    std::int64_t month = 0;
    std::int64_t day = 0;
    if (!take_number(text, 4, year) || !take(text, '-') || !take_number(text, 2, month) ||
        !take(text, '-') || !take_number(text, 2, day)) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)},
                                           std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok()) return std::nullopt;
    std::int64_t hour = 0;
    std::int64_t minute = 0;
    std::int64_t second = 0;
    if (take(text, 'T') || take(text, ' ')) {
        if (!take_number(text, 2, hour) || !take(text, ':') || !take_number(text, 2, minute)) {
            return std::nullopt;
        }
        if (take(text, ':') && !take_number(text, 2, second)) return std::nullopt;
        if (take(text, '.')) {
            while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
                text.remove_prefix(1);
            }
        }
    }
    const auto offset = parse_offset(text);
    if (!offset || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    const auto days = std::chrono::sys_days{date}.time_since_epoch().count();
    return std::int64_t{days} * kSecondsPerDay + hour * 3600 + minute * 60 + second - *offset;
}

std::uint16_t month_of(std::int64_t seconds) {
    const auto date = civil(seconds);
    return static_cast<std::uint16_t>((static_cast<int>(date.year()) - 1970) * 12 +
                                      static_cast<int>(static_cast<unsigned>(date.month())) - 1);
}

}  // namespace carryall::simulators::thingspace
