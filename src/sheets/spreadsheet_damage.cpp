// One small question for each damage, asked in order from the surest to the vaguest. What must stay
// true: sound identifiers pass, hexadecimal ones such as an MEID with an E in it included.
#include "sheets/spreadsheet_damage.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace carryall::sheets {

namespace {

constexpr std::size_t kDigitsKeptByNumbers = 15;
constexpr std::string_view kExportAgain =
    " Format the column as Text, enter the original values again and export once more.";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::size_t count_digits(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_digit));
}

bool contains_any(std::string_view text, std::initializer_list<std::string_view> needles) {
    return std::any_of(needles.begin(), needles.end(), [&](std::string_view needle) {
        return text.find(needle) != std::string_view::npos;
    });
}

std::size_t leading_digits(std::string_view text) {
    std::size_t count = 0;
    while (count < text.size() && is_digit(text[count])) ++count;
    return count;
}

// 8.9014E+18, 8,9E18, 8E+18. An identifier never contains E between digits with a sign; without one
// it needs the decimal mark, because hexadecimal identifiers such as an MEID contain E too.
bool is_scientific(std::string_view text) {
    const std::size_t e = text.find_first_of("eE");
    if (e == std::string_view::npos || e == 0) return false;
    std::string_view mantissa = text.substr(0, e);
    std::string_view exponent = text.substr(e + 1);
    if (mantissa.front() == '-' || mantissa.front() == '+') mantissa.remove_prefix(1);
    const std::size_t whole = leading_digits(mantissa);
    const bool has_mark =
        whole < mantissa.size() && (mantissa[whole] == '.' || mantissa[whole] == ',');
    const bool has_sign = !exponent.empty() && (exponent[0] == '+' || exponent[0] == '-');
    if (has_sign) exponent.remove_prefix(1);
    const std::string_view fraction = has_mark ? mantissa.substr(whole + 1) : std::string_view{};
    return whole > 0 && (has_mark || whole == mantissa.size()) && (has_mark || has_sign) &&
           (fraction.empty() || base::all_digits(fraction)) && base::all_digits(exponent);
}

// 12345.0 and 12345,00, but not a real fraction.
bool has_decimal_suffix(std::string_view text) {
    const std::size_t mark = text.find_first_of(".,");
    if (mark == std::string_view::npos || leading_digits(text) != mark || mark == 0) return false;
    const std::string_view fraction = text.substr(mark + 1);
    return fraction.size() <= 2 &&
           std::all_of(fraction.begin(), fraction.end(), [](char c) { return c == '0'; });
}

// Digits in groups of three behind the first separator; separators of several kinds are not groups.
bool has_thousands_separators(std::string_view text) {
    constexpr std::string_view kSeparators = ",.'";
    const std::size_t first = text.find_first_of(kSeparators);
    if (first == std::string_view::npos || first == 0 || first > 3) return false;
    if (leading_digits(text) != first) return false;
    const char separator = text[first];
    std::string_view rest = text.substr(first);
    while (!rest.empty()) {
        if (rest.front() != separator || rest.size() < 4 || leading_digits(rest.substr(1)) < 3) {
            return false;
        }
        rest.remove_prefix(4);
    }
    return true;
}

bool has_invisible_characters(std::string_view text) {
    return contains_any(text, {"\xE2\x80\x8B", "\xE2\x80\x8C", "\xE2\x80\x8D", "\xE2\x80\x8E",
                               "\xE2\x80\x8F", "\xE2\x80\xAA", "\xE2\x80\xAC", "\xE2\x80\xAD",
                               "\xE2\x81\xA0", "\xE2\x81\xA6", "\xE2\x81\xA9", "\xEF\xBB\xBF",
                               "\xC2\xAD"}) ||
           std::any_of(text.begin(), text.end(), [](char c) {
               const auto byte = static_cast<unsigned char>(c);
               return (byte < 0x20 && c != '\t' && c != '\r' && c != '\n') || byte == 0x7F;
           });
}

bool has_inner_blanks(std::string_view text) {
    // Also the narrow and the figure space, which mark thousands in some countries.
    return contains_any(text,
                        {" ", "\t", "\xC2\xA0", "\xE2\x80\xAF", "\xE2\x80\x87", "\xE2\x80\x89"});
}

bool has_quotes(std::string_view text) {
    return contains_any(text, {"\"", "\xE2\x80\x98", "\xE2\x80\x99", "\xE2\x80\x9A", "\xE2\x80\x9C",
                               "\xE2\x80\x9D", "\xE2\x80\x9E", "\xC2\xAB", "\xC2\xBB", "`"}) ||
           text.find('\'') != std::string_view::npos;
}

// Full-width, Arabic-Indic and Extended Arabic-Indic digits.
bool has_foreign_digits(std::string_view text) {
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        const auto a = static_cast<unsigned char>(text[i]);
        const auto b = static_cast<unsigned char>(text[i + 1]);
        const auto c = static_cast<unsigned char>(i + 2 < text.size() ? text[i + 2] : 0);
        if (a == 0xEF && b == 0xBC && c >= 0x90 && c <= 0x99) return true;
        if (a == 0xD9 && b >= 0xA0 && b <= 0xA9) return true;
        if (a == 0xDB && b >= 0xB0 && b <= 0xB9) return true;
    }
    return false;
}

bool is_overflow(std::string_view text) {
    return text.size() >= 2 && text.find_first_not_of('#') == std::string_view::npos;
}

std::string shown(std::string_view text) {
    constexpr std::size_t kLongestShown = 60;
    std::size_t end = std::min(text.size(), kLongestShown);
    while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
        --end;
    }
    return "\"" + std::string(text.substr(0, end)) + (end < text.size() ? "…\"" : "\"");
}

Damage damage(DamageKind kind, std::string_view text, std::string_view what) {
    return {kind, shown(text) + " " + std::string(what)};
}

// In CSV a spreadsheet's error is plain text.
bool is_error_text(std::string_view text) {
    constexpr std::string_view kErrors[] = {"#N/A",   "#REF!", "#VALUE!", "#DIV/0!",
                                            "#NAME?", "#NUM!", "#NULL!",  "#SPILL!"};
    return std::find(std::begin(kErrors), std::end(kErrors), text) != std::end(kErrors);
}

std::optional<Damage> explain_kind(const Cell& cell) {
    if (cell.kind == CellKind::error || is_error_text(base::trim(cell.text))) {
        return damage(
            DamageKind::formula_error, cell.text,
            "is an error of the spreadsheet, not a value. Correct the formula, or put the "
            "value in its place.");
    }
    if (cell.kind == CellKind::boolean) {
        return damage(DamageKind::not_text, cell.text,
                      "is a logical value, not an identifier." + std::string(kExportAgain));
    }
    return std::nullopt;
}

std::optional<Damage> explain_number(const Cell& cell, std::string_view text) {
    if (is_scientific(text)) {
        return damage(DamageKind::scientific_notation, text,
                      "is a number in scientific notation: the spreadsheet has dropped digits that "
                      "cannot be restored." +
                          std::string(kExportAgain));
    }
    if (has_decimal_suffix(text)) {
        return damage(DamageKind::decimal_suffix, text,
                      "has a decimal part: a program has treated the identifier as a number." +
                          std::string(kExportAgain));
    }
    if (cell.is_number() && count_digits(text) > kDigitsKeptByNumbers) {
        return damage(
            DamageKind::digits_lost, text,
            "is stored as a number, and spreadsheets keep only 15 digits of a number: the "
            "last digits may be wrong." +
                std::string(kExportAgain));
    }
    if (has_thousands_separators(text)) {
        return damage(DamageKind::thousands_separators, text,
                      "has thousands separators." + std::string(kExportAgain));
    }
    return std::nullopt;
}

std::optional<Damage> explain_text(std::string_view text) {
    if (text.starts_with("=")) {
        return damage(DamageKind::formula_text, text,
                      "is a formula. Put the value alone into the cell and format the column as "
                      "Text.");
    }
    if (text.find_first_of("\r\n") != std::string_view::npos) {
        return damage(DamageKind::line_break, text,
                      "holds a line break. Write each value in a row of its own.");
    }
    if (is_overflow(text)) {
        return damage(DamageKind::overflow_marks, text,
                      "is what a spreadsheet shows when a column is too narrow. Widen the column "
                      "and export once more.");
    }
    if (has_invisible_characters(text)) {
        return damage(DamageKind::invisible_characters, text,
                      "holds invisible characters, often copied from a web page or a chat. Type "
                      "the value again.");
    }
    if (text.starts_with("'") && text.find('\'', 1) == std::string_view::npos) {
        return damage(DamageKind::leading_apostrophe, text,
                      "begins with an apostrophe, which a spreadsheet uses to mark text. Remove it "
                      "and export once more.");
    }
    if (has_quotes(text)) {
        return damage(DamageKind::quotes, text,
                      "holds quotes as part of the value. Remove them and export once more.");
    }
    if (has_foreign_digits(text)) {
        return damage(DamageKind::foreign_digits, text,
                      "holds digits other than 0 to 9. Type the value again with plain digits.");
    }
    return std::nullopt;
}

}  // namespace

std::optional<Damage> explain_damage(const Cell& cell) {
    if (auto found = explain_kind(cell)) return found;
    const std::string_view text = base::trim(cell.text);
    if (auto found = explain_number(cell, text)) return found;
    if (auto found = explain_text(text)) return found;
    if (text.size() != cell.text.size()) {
        return damage(DamageKind::surrounding_blanks, cell.text,
                      "has blanks before or behind the value. Remove them and export once more.");
    }
    if (has_inner_blanks(text)) {
        return damage(DamageKind::inner_blanks, text,
                      "holds blanks between the digits. Remove them and export once more.");
    }
    return std::nullopt;
}

std::string_view to_string(DamageKind kind) {
    switch (kind) {
        case DamageKind::scientific_notation:
            return "scientific_notation";
        case DamageKind::digits_lost:
            return "digits_lost";
        case DamageKind::decimal_suffix:
            return "decimal_suffix";
        case DamageKind::thousands_separators:
            return "thousands_separators";
        case DamageKind::leading_apostrophe:
            return "leading_apostrophe";
        case DamageKind::quotes:
            return "quotes";
        case DamageKind::formula_text:
            return "formula_text";
        case DamageKind::surrounding_blanks:
            return "surrounding_blanks";
        case DamageKind::invisible_characters:
            return "invisible_characters";
        case DamageKind::inner_blanks:
            return "inner_blanks";
        case DamageKind::foreign_digits:
            return "foreign_digits";
        case DamageKind::overflow_marks:
            return "overflow_marks";
        case DamageKind::line_break:
            return "line_break";
        case DamageKind::not_text:
            return "not_text";
        case DamageKind::formula_error:
            return "formula_error";
    }
    return "unknown";
}

}  // namespace carryall::sheets
