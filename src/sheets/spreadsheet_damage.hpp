// Explains what a spreadsheet program did to an identifier (ICCID, IMEI, MSISDN and the like). Pure
// functions that only tell and never repair: a repaired identifier is a guess, and a guess can
// cancel a stranger's line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sheets/table_reader.hpp"

namespace carryall::sheets {

enum class DamageKind {
    scientific_notation,   // 8.9E+18, 8,9E+18
    digits_lost,           // a number cell with more digits than a spreadsheet keeps
    decimal_suffix,        // 89014103211118510720.0
    thousands_separators,  // 89,014,103,211
    leading_apostrophe,    // '89014103211118510720
    quotes,                // "890141…" with straight or curly quotes as part of the text
    formula_text,          // ="89014103211118510720"
    surrounding_blanks,    // spaces or no-break spaces before or behind
    invisible_characters,  // zero-width spaces, direction marks, byte-order mark, soft hyphen
    inner_blanks,          // 8901 4103 2111 1851 0720
    foreign_digits,        // full-width or other digits that are not 0-9
    overflow_marks,        // ########
    line_break,            // several values in one cell
    not_text,              // a boolean
    formula_error,         // #N/A
};

struct Damage {
    DamageKind kind;
    std::string explanation;  // a sentence: what is wrong and what to do
};

// Empty if the cell shows none of the known damage; that does not make it a valid identifier. Lost
// leading zeros leave no trace, so lengths must be checked where the identifier's rules are known.
std::optional<Damage> explain_damage(const Cell& cell);

std::string_view to_string(DamageKind kind);

}  // namespace carryall::sheets
