// For tests only: everything a reader says about a table, as text that can be compared and read.
#pragma once

#include <string>
#include <string_view>

#include "sheets/table_reader.hpp"

namespace carryall::sheets {

inline std::string describe(const base::Error& error) {
    std::string out = "error: ";
    out += error.message;
    if (!error.where.empty()) out.append(" [").append(error.where).append("]");
    return out += "\n";
}

// One line a row: "2|t:text|n:number|b:boolean|x:error|-"; line ends within cells as \n and \r.
inline std::string dump(base::Result<std::unique_ptr<TableReader>> opened) {
    if (!opened) return describe(opened.error());
    TableReader& reader = **opened;
    std::string out = std::to_string(reader.header().row_number);
    for (const std::string& name : reader.header().names) out.append("|").append(name);
    out += "\n";
    Row row;
    for (;;) {
        const auto more = reader.next(row);
        if (!more) return out + describe(more.error());
        if (!*more) return out;
        out += std::to_string(row.number) + (row.hidden ? " hidden" : "");
        for (const Cell& cell : row.cells) {
            constexpr std::string_view kLetters[] = {"-", "t:", "n:", "b:", "x:"};
            out.append("|").append(kLetters[static_cast<int>(cell.kind)]);
            for (const char c : cell.text) {
                out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : std::string(1, c);
            }
        }
        out += "\n";
        if (!row.problem) continue;
        out.append("problem: ").append(row.problem->message);
        out.append(" [").append(row.problem->where).append("]\n");
    }
}

}  // namespace carryall::sheets
