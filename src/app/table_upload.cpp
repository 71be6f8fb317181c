#include "app/table_upload.hpp"

#include <iostream>

#include "base/text.hpp"

namespace carryall::app {

namespace json = base::json;

std::string table_content_type(const std::filesystem::path& file) {
    return base::ascii_lower(file.extension().string()) == ".xlsx"
               ? "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
               : "text/csv";
}

void print_rows_report(Cli& cli, const json::value& report, const Row& counts) {
    if (cell(report, "badCount") != "0") cli.exit_status = kExitPartial;
    if (cli.json) return print_json(report);
    std::cout << format_table(counts, cells({report}, counts));
    const json::array& bad = array_of(report, "badRows");
    const Row columns{"row", "column", "detail"};
    if (!bad.empty()) std::cout << "\n" << format_table(columns, cells(bad, columns));
    for (const json::value& note : array_of(report, "notes")) {
        if (note.is_string()) std::cerr << "note: " << printable(note.get_string()) << "\n";
    }
}

}  // namespace carryall::app
