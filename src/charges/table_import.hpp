// Takes an uploaded table into a temporary one: one streaming pass, COPY, memory that does not grow
// with the file. What must stay true: each bad row is told with its number, column and reason, and
// a column that looks like money is never left out in silence.
#pragma once

#include <filesystem>
#include <vector>

#include "charges/table_report.hpp"
#include "charges/table_rules.hpp"
#include "db/postgres.hpp"

namespace carryall::charges {

// Fills `table_row` (row_check_store.hpp) with the rows whose cells can be read; the others go to
// the report. A file that cannot be read at all, or lacks a column, is an error.
Result<void> copy_table(db::Transaction& transaction, const std::filesystem::path& file,
                        const std::vector<TableColumn>& columns, TableReport& report);

// What the pass and the check that followed it found, in the order of the rows.
void sort_bad_rows(TableReport& report);

}  // namespace carryall::charges
