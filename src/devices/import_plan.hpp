// What import needs to know about a kind, as data: the file's columns with the rule of their cells
// (import_columns.cpp), and how rows become records (import_plan_store.cpp).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "devices/import.hpp"

namespace carryall::devices {

// What a cell may hold. Identifiers are parsed, everything else is checked as text.
enum class CellRule {
    name,  // up to 200 bytes
    code,  // up to 100 bytes
    iccid,
    imei,
    msisdn,
    integer,  // 1 and more
    decimal,
    currency,  // three letters
    boolean,   // true, false, yes, no, 1, 0
    portal,
    integration,
    settings,  // a JSON object
};

struct ImportColumn {
    const char* name;    // in help texts, reports and JSON: "customerRatePlan"
    const char* column;  // of the temporary table of rows
    CellRule rule;
    std::vector<std::string_view> other_names;  // besides `name`, compared as sheets does
    bool required = false;                      // in the header and in every row
    bool clearable = false;                     // "-" empties what is stored
};

// One column of a record. `given` and `value` are SQL over the row `i`, the stored record `x` and
// the plan's joins. Not given: the stored value stays, a new record gets `initial`.
struct ImportTarget {
    const char* column;
    const char* type;
    std::string given;
    std::string value;
    const char* initial = "NULL";
    const char* event_name = nullptr;  // in the device's history; none: not mentioned
    std::string event_value;           // SQL; empty: the value
};

// A row is bad if `when` holds; the first that does is reported.
struct ImportProblem {
    const char* column;  // a column of the file
    std::string when;
    std::string reason;  // SQL of a sentence
};

struct ImportPlan {
    const char* table;
    const char* id_column;
    bool has_modified_at;
    std::string joins;  // from the row `i` to references and to the stored record `x`
    std::string key;    // SQL; two rows of the file with the same key are one too many
    const char* key_column;
    std::vector<ImportTarget> targets;
    std::vector<ImportProblem> problems;
};

const std::vector<ImportColumn>& columns_of(ImportKind kind);
const ImportPlan& plan_of(ImportKind kind);

// A cell as text for the temporary table: empty for an empty cell, "-" for one that empties.
base::Result<std::optional<std::string>> read_cell(const ImportColumn& column,
                                                   const sheets::Cell& cell);

inline constexpr std::string_view kClear = "-";

}  // namespace carryall::devices
