// Decimal text to units and back. The only floating point here is the number that JSON has already
// made of another system's text.
#include "base/money.hpp"

#include <cmath>

#include "base/text.hpp"

namespace carryall::base {

namespace {

// Before the point; more cannot be within Money::kMaxUnits.
constexpr std::size_t kMaxWholeDigits = 11;

Error not_an_amount(std::string_view text, std::string_view why) {
    return invalid_input("'" + std::string(text.substr(0, 40)) + "' is not an amount: " +
                         std::string(why) + "; write it as 12.50, with at most four decimals");
}

}  // namespace

Result<Money> Money::parse(std::string_view text) {
    std::string_view digits = text;
    const bool is_negative = digits.starts_with('-');
    if (is_negative) digits.remove_prefix(1);
    const std::size_t point = digits.find('.');
    const std::string_view whole = digits.substr(0, point);
    const std::string_view fraction =
        point == std::string_view::npos ? std::string_view("0") : digits.substr(point + 1);
    if (!all_digits(whole) || !all_digits(fraction)) {
        return not_an_amount(text, "it must be digits with one point");
    }
    if (fraction.size() > kDecimals) return not_an_amount(text, "it has too many decimals");
    if (whole.size() > kMaxWholeDigits) return not_an_amount(text, "it is too large");
    std::string scaled = std::string(whole) + std::string(fraction);
    scaled.append(kDecimals - fraction.size(), '0');
    const auto units = parse_int(scaled);
    CHECK(units);  // 15 digits
    const auto money = of_units(is_negative ? -*units : *units);
    CHECK(money);
    return *money;
}

std::optional<Money> Money::from_json(const json::value& number) {
    if (number.is_int64()) {
        constexpr std::int64_t kMaxWhole = kMaxUnits / kUnitsPerWhole;
        const std::int64_t whole = number.get_int64();
        if (whole < -kMaxWhole || whole > kMaxWhole) return std::nullopt;
        return of_units(whole * kUnitsPerWhole);
    }
    if (!number.is_double()) return std::nullopt;  // an uint64 is beyond kMaxUnits anyway
    const double scaled = number.get_double() * static_cast<double>(kUnitsPerWhole);
    // Written so that a number that is none fails it.
    if (!(std::abs(scaled) <= static_cast<double>(kMaxUnits))) return std::nullopt;
    return of_units(std::llround(scaled));
}

std::string Money::text() const {
    constexpr std::size_t kLeastDecimals = 2;
    const std::int64_t size = units_ < 0 ? -units_ : units_;
    std::string fraction = std::to_string(kUnitsPerWhole + size % kUnitsPerWhole).substr(1);
    while (fraction.size() > kLeastDecimals && fraction.back() == '0') fraction.pop_back();
    return (units_ < 0 ? "-" : "") + std::to_string(size / kUnitsPerWhole) + '.' + fraction;
}

}  // namespace carryall::base
