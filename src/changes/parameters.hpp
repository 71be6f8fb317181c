// The parameters of the change types as people write them: one table of fields for JSON members and
// file columns, each set from text. What must stay true: a value is taken exactly as given or not
// at all; decimals are never rounded; names are matched without case, spaces and underscores.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "changes/bulk_change.hpp"
#include "changes/request.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::changes {

// Where a field's value goes. Exactly one pointer is set.
struct FieldTarget {
    std::optional<std::string>& (*text)(ChangeParameters&, References&) = nullptr;
    std::optional<std::int64_t>& (*number)(ChangeParameters&, References&) = nullptr;
    std::optional<bool>& (*flag)(ChangeParameters&, References&) = nullptr;
    std::optional<std::vector<std::int64_t>>& (*list)(ChangeParameters&, References&) = nullptr;
};

enum class FieldKind { text, number, flag, decimal, instant, date, list, codes };

struct ParameterField {
    ChangeType type;
    std::string_view name;     // in JSON
    std::string_view aliases;  // comparable names, separated by blanks
    FieldKind kind;
    FieldTarget target;
};

// The field of the type that a key or column names, or nullptr.
const ParameterField* find_field(ChangeType type, std::string_view name);

// The names of a type's fields, in the order of the table.
std::vector<std::string_view> field_names(ChangeType type);

// Empty: done. Otherwise why the text is no value of this field; the parameters are unchanged then.
std::string set_field(const ParameterField& field, std::string_view text,
                      ChangeParameters& parameters, References& references);
// A cell: a workbook's day numbers become dates, its damage is explained.
std::string set_field(const ParameterField& field, const sheets::Cell& cell,
                      sheets::DateSystem date_system, ChangeParameters& parameters,
                      References& references);

// The reason as a device's row shows it: "Invalid siteId (must be …)".
std::string row_problem(const ParameterField& field, const std::string& reason);

// The parameters the type cannot do without, for a person; empty if none is missing.
std::string missing_parameters(const ChangeParameters& parameters, const References& references,
                               ChangeType type);

// "A;B" as its parts.
std::vector<std::string> split_codes(const std::optional<std::string>& codes);

// When the change takes effect, if it says so.
const std::optional<std::string>& effective_date_of(const ChangeParameters& parameters,
                                                    ChangeType type);

}  // namespace carryall::changes
