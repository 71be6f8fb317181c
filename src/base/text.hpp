// Small operations on text that the standard library lacks.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carryall::base {

inline char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string ascii_lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return ascii_lower(c); });
    return out;
}

// Without spaces, tabs, line ends and no-break spaces (a spreadsheet's favourite) at either end.
std::string_view trim(std::string_view text);

// Takes the part before the first of the separators from the front of `rest`, and the separator
// with it. For `while (!rest.empty())`: behind a separator at the end comes no empty part.
std::string_view take_part(std::string_view& rest, std::string_view separators);

// Whether `words`, separated by blanks, has this word.
bool has_word(std::string_view words, std::string_view word);

inline bool all_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A whole number without sign tricks, spaces or overflow.
inline std::optional<std::int64_t> parse_int(std::string_view text) {
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

}  // namespace carryall::base
