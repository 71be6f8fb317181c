// What the cells of a table with amounts may hold: the results of an optimisation, and files of
// charges. Pure. What must stay true: an amount goes from its source text into the database digit
// by digit; nothing here computes with floating point, and nothing is rounded. A number cell of a
// workbook is the one exception, because the spreadsheet program itself keeps it as floating point:
// it means the 15 digits that the program shows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::charges {

using base::Result;

inline constexpr std::size_t kMaxRatePlanNameBytes = 200;
// With its marker a description still fits into what Rev.io takes, so none is ever cut.
inline constexpr std::size_t kMaxFileDescriptionBytes = 1'400;

struct DecimalRule {
    std::int64_t max_whole = 1'000'000'000;  // the largest number, and with a minus the smallest
    std::size_t max_fraction_digits = 6;     // zeros at the end do not count
    bool may_be_negative = false;
};

// "12.50" as the database takes it, without needless zeros. No exponent, no "1,5", no currency.
Result<std::string> read_decimal(std::string_view text, const DecimalRule& rule);
// Without its exponent, digit by digit: JSON may write 12.5 as 1.25E1. Empty if `text` is no
// number, or one with an absurd exponent.
std::optional<std::string> plain_number(std::string_view text);
// The number that a spreadsheet program shows for a stored one ("0.30000000000000004" is "0.3",
// "1E-3" is "0.001"); empty if `text` is no number.
std::optional<std::string> shown_number(std::string_view text);

enum class CellRule {
    id,
    revio_id,  // 0 is none, as the original system has it
    iccid,
    msisdn,
    portal,
    plan_name,
    amount,
    usage,
    count,
    kind,
    description
};

// A column of a file.
struct TableColumn {
    const char* name;    // "rateCharge"
    const char* column;  // of the temporary table
    const char* type;    // in SQL
    CellRule rule;
    std::vector<std::string_view> other_names;  // besides `name`, compared as sheets does
    bool required = false;                      // in a file's header and in each of its rows
};
// In the order of the table's columns.
using TableCells = std::vector<std::optional<std::string>>;

// Whether a file's column that is none of them looks like money, usage or a product: to ignore it
// would leave something uncharged.
bool looks_chargeable(std::string_view column_name);

// One cell as text for the database; empty for an empty one.
Result<std::optional<std::string>> read_cell(const TableColumn& column, const sheets::Cell& cell);

// "…" around what a person wrote, but not without end.
std::string in_quotes(std::string_view text);

}  // namespace carryall::charges
