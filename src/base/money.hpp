// An amount of money as a whole number of ten-thousandths: never floating point, never rounded
// unasked. Without a currency: the billing system knows one for each account.
//
// What must stay true: an amount is within kMaxUnits on both sides of zero. So many digits a JSON
// number carries through any other system (an IEEE double keeps 15) and back unharmed.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace carryall::base {

class Money {
  public:
    static constexpr int kDecimals = 4;
    static constexpr std::int64_t kUnitsPerWhole = 10'000;
    static constexpr std::int64_t kMaxUnits = 999'999'999'999'999;  // 99,999,999,999.9999

    constexpr Money() = default;  // 0.00

    // nullopt: beyond kMaxUnits.
    static constexpr std::optional<Money> of_units(std::int64_t ten_thousandths) {
        if (ten_thousandths < -kMaxUnits || ten_thousandths > kMaxUnits) return std::nullopt;
        return Money(ten_thousandths);
    }
    // "6.5", "6.50", "-0.1234", "12". No sign "+", no exponent, no blanks, no grouping, and no more
    // decimals than kDecimals, whatever they are: an amount is not rounded in silence.
    static Result<Money> parse(std::string_view text);
    // A number that an outside system has written, to the nearest ten-thousandth, halves away from
    // zero. nullopt: no number, not finite, or beyond kMaxUnits.
    static std::optional<Money> from_json(const json::value& number);

    constexpr std::int64_t units() const { return units_; }
    // Two to four decimals: "6.50", "0.1234", "-12.00". Is a JSON number, too, and the exact one.
    std::string text() const;

    // nullopt: the sum is beyond kMaxUnits.
    constexpr std::optional<Money> plus(Money other) const {
        return of_units(units_ + other.units_);  // both are far from the ends of their type
    }
    constexpr std::optional<Money> minus(Money other) const { return plus(-other); }
    constexpr Money operator-() const { return Money(-units_); }

    constexpr auto operator<=>(const Money&) const = default;

  private:
    explicit constexpr Money(std::int64_t units) : units_(units) {}

    std::int64_t units_ = 0;
};

}  // namespace carryall::base
