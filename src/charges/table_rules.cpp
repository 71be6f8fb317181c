// Numbers and cells of tables with amounts. Pure.
#include "charges/table_rules.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "billing/revio/charge.hpp"
#include "charges/optimization.hpp"
#include "devices/identifiers.hpp"
#include "sheets/spreadsheet_damage.hpp"

namespace carryall::charges {
namespace {

using Text = Result<std::optional<std::string>>;

constexpr std::size_t kShownDigits = 15;  // of a number in a spreadsheet program
constexpr std::size_t kMaxNumberBytes = 100;
constexpr std::int64_t kMaxExponent = 40;
constexpr DecimalRule kAmount{.may_be_negative = true};
constexpr DecimalRule kUsage{};
constexpr DecimalRule kCount{.max_fraction_digits = 0};

base::Error bad(std::string reason) {
    return base::invalid_input(std::move(reason));
}

// Digits and where their point stands: "12.5" is 125 with 2 whole digits. Whole digits may be
// negative or more than there are.
struct Digits {
    bool is_negative = false;
    std::string digits;  // without zeros at either end; empty: 0
    std::int64_t whole = 0;
};

std::optional<Digits> digits_of(std::string_view text) {
    Digits number;
    number.is_negative = text.starts_with('-');
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction =
        point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
    const bool has_fraction = point != std::string_view::npos;
    if (!whole.empty() && !base::all_digits(whole)) return std::nullopt;
    if (has_fraction && !base::all_digits(fraction)) return std::nullopt;
    if (whole.empty() && !has_fraction) return std::nullopt;
    number.digits = std::string(whole) + std::string(fraction);
    number.whole = static_cast<std::int64_t>(whole.size());
    const std::size_t first = number.digits.find_first_not_of('0');
    if (first == std::string::npos) return Digits{};
    number.digits.erase(0, first);
    number.whole -= static_cast<std::int64_t>(first);
    number.digits.erase(number.digits.find_last_not_of('0') + 1);
    return number;
}

std::string text_of(const Digits& number) {
    if (number.digits.empty()) return "0";
    std::string text = number.is_negative ? "-" : "";
    const auto size = static_cast<std::int64_t>(number.digits.size());
    if (number.whole <= 0) {
        return text + "0." + std::string(static_cast<std::size_t>(-number.whole), '0') +
               number.digits;
    }
    if (number.whole >= size) {
        return text + number.digits +
               std::string(static_cast<std::size_t>(number.whole - size), '0');
    }
    const auto point = static_cast<std::size_t>(number.whole);
    return text + number.digits.substr(0, point) + '.' + number.digits.substr(point);
}

// The same with an exponent: "1.5E-3". Exact.
std::optional<Digits> number_of(std::string_view text) {
    if (text.size() > kMaxNumberBytes) return std::nullopt;
    const std::size_t mark = text.find_first_of("eE");
    auto number = digits_of(text.substr(0, mark));
    if (!number || mark == std::string_view::npos) return number;
    std::string_view exponent = text.substr(mark + 1);
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    const auto shift = base::parse_int(exponent);
    if (!shift || *shift > kMaxExponent || *shift < -kMaxExponent) return std::nullopt;
    number->whole += *shift;
    return number;
}

// To the 15th digit, half away from zero.
void round_to_shown(Digits& number) {
    if (number.digits.size() <= kShownDigits) return;
    const bool is_up = number.digits[kShownDigits] >= '5';
    number.digits.resize(kShownDigits);
    if (is_up) {
        std::size_t at = kShownDigits;
        while (at > 0 && number.digits[at - 1] == '9') number.digits[--at] = '0';
        if (at > 0) {
            ++number.digits[at - 1];
        } else {
            number.digits.insert(0, 1, '1');
            ++number.whole;
        }
    }
    number.digits.erase(number.digits.find_last_not_of('0') + 1);
}

Text read_id(std::string_view text) {
    const auto number = base::parse_int(text);
    if (number && *number >= 1) return std::optional(std::to_string(*number));
    return bad("write a whole number of 1 or more, not " + in_quotes(text));
}

Text read_revio_id(std::string_view text) {
    const auto number = base::parse_int(text);
    if (number == 0) return std::optional<std::string>{};
    if (number && *number > 0 && *number <= billing::revio::kMaxRevioId) {
        return std::optional(std::to_string(*number));
    }
    return bad("write an id of Rev.io, 1 to " + std::to_string(billing::revio::kMaxRevioId) +
               ", or 0 or nothing for none, not " + in_quotes(text));
}

Text read_portal(std::string_view text) {
    const auto type = parse_portal_type(text);
    if (type && *type != PortalType::cross_provider) {
        return std::optional(std::string(stored_name(*type)));
    }
    return bad("write m2m or mobility (or 0 or 2), not " + in_quotes(text));
}

Text read_kind(std::string_view text) {
    const std::string kind = base::ascii_lower(text);
    for (const std::string_view known : {"rate", "overage", "usage", "sms"}) {
        if (kind == known) return std::optional(kind);
    }
    return bad("write rate, overage, usage or sms, or leave it empty for usage, not " +
               in_quotes(text));
}

Text read_text(std::string_view text, std::size_t most_bytes) {
    if (text.size() > most_bytes) {
        return bad("is longer than " + std::to_string(most_bytes) + " bytes; shorten it");
    }
    return std::optional(std::string(text));
}

bool is_text(CellRule rule) {
    return rule == CellRule::plan_name || rule == CellRule::description;
}

Text decimal_cell(const sheets::Cell& cell, std::string_view text, const DecimalRule& rule) {
    std::optional<std::string> shown;
    if (cell.is_number()) shown = shown_number(text);
    auto number = read_decimal(shown ? std::string_view(*shown) : text, rule);
    if (!number) return number.error();
    return std::optional(std::move(*number));
}

}  // namespace

std::string in_quotes(std::string_view text) {
    constexpr std::size_t kMost = 40;
    if (text.size() <= kMost) return '"' + std::string(text) + '"';
    std::size_t end = kMost;
    while (end > 0 && (text[end] & 0xC0) == 0x80) --end;  // not inside a character
    return '"' + std::string(text.substr(0, end)) + "…\"";
}

Result<std::string> read_decimal(std::string_view text, const DecimalRule& rule) {
    const auto number = text.size() <= kMaxNumberBytes ? digits_of(text) : std::optional<Digits>();
    if (!number) {
        return bad(
            "write a number with a decimal point, such as 12.5, without an exponent, a "
            "comma or a currency, not " +
            in_quotes(text));
    }
    if (number->is_negative && !rule.may_be_negative) return bad("must not be negative");
    const auto fraction = static_cast<std::int64_t>(number->digits.size()) - number->whole;
    if (!number->digits.empty() && fraction > static_cast<std::int64_t>(rule.max_fraction_digits)) {
        if (rule.max_fraction_digits == 0) return bad("must be a whole number");
        return bad("has more than " + std::to_string(rule.max_fraction_digits) +
                   " digits behind the point; round it where it comes from");
    }
    // Beyond the largest number unless its digits say otherwise; all of them are powers of ten.
    const std::string most = std::to_string(rule.max_whole);
    const auto width = static_cast<std::int64_t>(most.size());
    const bool is_largest = number->whole == width && number->digits == "1";
    if (number->whole >= width && !is_largest) {
        return bad("is beyond " + most + "; correct it");
    }
    return text_of(*number);
}

std::optional<std::string> plain_number(std::string_view text) {
    const auto number = number_of(text);
    if (!number) return std::nullopt;
    return text_of(*number);
}

std::optional<std::string> shown_number(std::string_view text) {
    auto number = number_of(text);
    if (!number) return std::nullopt;
    round_to_shown(*number);
    return text_of(*number);
}

bool looks_chargeable(std::string_view column_name) {
    const std::string name = sheets::comparable_column_name(column_name);
    constexpr std::array<std::string_view, 7> kParts = {"charge", "amount", "amt",    "overage",
                                                        "usage",  "sms",    "product"};
    return std::any_of(kParts.begin(), kParts.end(),
                       [&](std::string_view part) { return name.find(part) != std::string::npos; });
}

Text read_cell(const TableColumn& column, const sheets::Cell& cell) {
    const std::string_view text = base::trim(cell.text);
    if (cell.kind == sheets::CellKind::empty || text.empty()) {
        if (column.required) return bad("is empty; it must be filled in every row");
        return std::optional<std::string>{};
    }
    const bool is_broken = cell.kind == sheets::CellKind::error ||
                           cell.kind == sheets::CellKind::boolean ||
                           (cell.is_number() && is_text(column.rule));
    if (is_broken) {
        if (const auto damage = sheets::explain_damage(cell)) return bad(damage->explanation);
    }
    switch (column.rule) {
        case CellRule::id:
            return read_id(text);
        case CellRule::revio_id:
            return read_revio_id(text);
        case CellRule::iccid: {
            const auto iccid = devices::iccid_of(cell);
            if (!iccid) return iccid.error();
            return std::optional(iccid->key());
        }
        case CellRule::msisdn: {
            const auto msisdn = devices::msisdn_of(cell);
            if (!msisdn) return msisdn.error();
            return std::optional(msisdn->text());
        }
        case CellRule::portal:
            return read_portal(text);
        case CellRule::plan_name:
            return read_text(text, kMaxRatePlanNameBytes);
        case CellRule::kind:
            return read_kind(text);
        case CellRule::description:
            return read_text(text, kMaxFileDescriptionBytes);
        case CellRule::amount:
            return decimal_cell(cell, text, kAmount);
        case CellRule::usage:
            return decimal_cell(cell, text, kUsage);
        case CellRule::count:
            return decimal_cell(cell, text, kCount);
    }
    CHECK(false);
}

}  // namespace carryall::charges
