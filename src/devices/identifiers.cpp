// Rules of ICCID (ITU-T E.118), IMEI (3GPP TS 23.003) and MSISDN (ITU-T E.164).
#include "devices/identifiers.hpp"

#include "base/text.hpp"
#include "sheets/spreadsheet_damage.hpp"

namespace carryall::devices {
namespace {

using base::Result;

constexpr std::size_t kIccidDigitsWithCheck = 20;
constexpr std::string_view kIccidStart = "89";  // "telecommunications"
constexpr std::size_t kImeiDigits = 15;
constexpr std::size_t kImeiWithoutCheckDigits = 14;
constexpr std::size_t kImeisvDigits = 16;
constexpr std::size_t kMinMsisdnDigits = 7;
constexpr std::size_t kMaxMsisdnDigits = 15;
constexpr std::size_t kMaxShownBytes = 40;

std::string shown(std::string_view text) {
    if (text.size() <= kMaxShownBytes) return '"' + std::string(text) + '"';
    return '"' + std::string(text.substr(0, kMaxShownBytes)) + "…\"";
}

base::Error not_digits(std::string_view name, std::string_view text) {
    if (text.empty()) return base::invalid_input("the " + std::string(name) + " is missing");
    const sheets::Cell cell{text, sheets::CellKind::text};
    if (const auto damage = sheets::explain_damage(cell)) {
        return base::invalid_input(damage->explanation);
    }
    return base::invalid_input("an " + std::string(name) + " has digits only; " + shown(text) +
                               " has something else, correct it in the source");
}

base::Error wrong_check_digit(std::string_view name, std::string_view text, char expected) {
    return base::invalid_input("wrong check digit: the last digit of the " + std::string(name) +
                               ' ' + std::string(text) + " should be " + expected +
                               "; a digit was mistyped or two were swapped, compare it with the "
                               "carrier's list");
}

// A cell holds a number or damaged text: say that rather than that a digit is wrong.
template <class Identifier>
Result<Identifier> from_cell(const sheets::Cell& cell) {
    if (const auto damage = sheets::explain_damage(cell)) {
        return base::invalid_input(damage->explanation);
    }
    return Identifier::parse(cell.text);
}

}  // namespace

char luhn_check_digit(std::string_view digits) {
    int sum = 0;
    bool doubled = true;  // the digit before the check digit is the first to be doubled
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
        int value = *digit - '0';
        if (doubled) value = value < 5 ? 2 * value : 2 * value - 9;
        sum += value;
        doubled = !doubled;
    }
    return static_cast<char>('0' + (10 - sum % 10) % 10);
}

Result<Iccid> Iccid::parse(std::string_view text) {
    if (!base::all_digits(text)) return not_digits("ICCID", text);
    if (text.size() != kIccidKeyDigits && text.size() != kIccidDigitsWithCheck) {
        return base::invalid_input("an ICCID has 19 or 20 digits, " + shown(text) + " has " +
                                   std::to_string(text.size()) +
                                   "; look it up again, digits cannot be guessed");
    }
    if (!text.starts_with(kIccidStart)) {
        return base::invalid_input("an ICCID starts with 89, " + shown(text) +
                                   " does not; check that this column holds ICCIDs");
    }
    if (text.size() == kIccidDigitsWithCheck) {
        const char expected = luhn_check_digit(text.substr(0, kIccidKeyDigits));
        if (text.back() != expected) return wrong_check_digit("ICCID", text, expected);
    }
    return Iccid(std::string(text));
}

Result<Imei> Imei::parse(std::string_view text) {
    if (!base::all_digits(text)) return not_digits("IMEI", text);
    if (text.size() < kImeiWithoutCheckDigits || text.size() > kImeisvDigits) {
        return base::invalid_input("an IMEI has 14, 15 or 16 digits, " + shown(text) + " has " +
                                   std::to_string(text.size()) +
                                   "; look it up again, digits cannot be guessed");
    }
    if (text.size() == kImeiDigits) {
        const char expected = luhn_check_digit(text.substr(0, kImeiWithoutCheckDigits));
        if (text.back() != expected) return wrong_check_digit("IMEI", text, expected);
    }
    return Imei(std::string(text));
}

Result<Msisdn> Msisdn::parse(std::string_view text) {
    const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
    if (!base::all_digits(digits)) {
        if (text.empty()) return base::invalid_input("the phone number is missing");
        return base::invalid_input(
            "a phone number (MSISDN) has digits only, with or without a "
            "leading +; " +
            shown(text) +
            " has something else, write it without spaces, "
            "dashes and brackets");
    }
    if (digits.size() < kMinMsisdnDigits || digits.size() > kMaxMsisdnDigits) {
        return base::invalid_input("a phone number (MSISDN) has 7 to 15 digits, " + shown(text) +
                                   " has " + std::to_string(digits.size()) + "; look it up again");
    }
    return Msisdn(std::string(digits));
}

Result<Iccid> iccid_of(const sheets::Cell& cell) {
    return from_cell<Iccid>(cell);
}
Result<Imei> imei_of(const sheets::Cell& cell) {
    return from_cell<Imei>(cell);
}
Result<Msisdn> msisdn_of(const sheets::Cell& cell) {
    return from_cell<Msisdn>(cell);
}

}  // namespace carryall::devices
