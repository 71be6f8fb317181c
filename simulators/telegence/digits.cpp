// See digits.hpp.
#include "telegence/digits.hpp"

#include "hash.hpp"

namespace carryall::simulators::telegence {
namespace {

constexpr std::size_t kLowDigits = 18;
constexpr std::size_t kNumberDigits = 10;
constexpr std::uint64_t kLowRange = 1'000'000'000'000'000'000ULL;

// False: something else than a digit.
bool read_value(std::string_view text, std::uint64_t& value) {
    value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return true;
}

void append_padded(std::string& out, std::uint64_t value, std::size_t width) {
    char digits[20];
    for (std::size_t i = width; i-- > 0; value /= 10) {
        digits[i] = static_cast<char>('0' + value % 10);
    }
    out.append(digits, width);
}

}  // namespace

std::optional<Digits> parse_digits(std::string_view text, std::size_t least, std::size_t most) {
    if (text.size() < least || text.size() > most) return std::nullopt;
    const std::size_t front = text.size() > kLowDigits ? text.size() - kLowDigits : 0;
    std::uint64_t high = 0;
    Digits digits;
    if (!read_value(text.substr(0, front), high) || !read_value(text.substr(front), digits.low)) {
        return std::nullopt;
    }
    digits.high = static_cast<std::uint8_t>(high);
    digits.length = static_cast<std::uint8_t>(text.size());
    return digits;
}

void append_digits(std::string& out, const Digits& digits) {
    const std::size_t front = digits.length > kLowDigits ? digits.length - kLowDigits : 0;
    append_padded(out, digits.high, front);
    append_padded(out, digits.low, digits.length - front);
}

std::string text_of(const Digits& digits) {
    std::string text;
    append_digits(text, digits);
    return text;
}

std::uint64_t hash_of(const Digits& digits) {
    return mix(digits.low ^ (std::uint64_t{digits.high} << 56) ^
               (std::uint64_t{digits.length} << 48));
}

Digits after(const Digits& digits, std::uint64_t steps) {
    Digits next = digits;
    next.low += steps;
    if (next.low >= kLowRange) {
        next.low -= kLowRange;
        ++next.high;
    }
    return next;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    if (text.size() != kNumberDigits || !read_value(text, value)) return std::nullopt;
    return value;
}

void append_number(std::string& out, std::uint64_t number) {
    append_padded(out, number, kNumberDigits);
}

}  // namespace carryall::simulators::telegence
