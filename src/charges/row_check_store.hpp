// What the SQL of uploaded tables shares: two temporary tables of the transaction, `table_row` with
// the cells and `row_verdict` with what each row means or what is wrong with it; and how a row
// names its device. A row stays one row: every join is on a unique key or a grouped query.
#pragma once

#include <string>
#include <vector>

#include "charges/table_report.hpp"
#include "charges/table_rules.hpp"
#include "db/postgres.hpp"

namespace carryall::charges {

// Makes both tables. `table_row`: row_number, then the columns; `row_verdict`: row_number,
// device_id, portal, problem_column, problem.
Result<void> prepare_rows(db::Transaction& transaction, const std::vector<TableColumn>& columns);
// Fields: the row's number, then the columns.
Result<db::CopyIn> start_rows(db::Transaction& transaction,
                              const std::vector<TableColumn>& columns);

// What may be wrong with a row `i`, in SQL.
struct RowProblem {
    const char* column;  // as the person named it
    const char* when;
    const char* reason;  // of a sentence
};
// The row names no device, or not exactly one.
const std::vector<RowProblem>& device_problems();
// The joins that find it in the tenant $1: `d` by ICCID, `n` those with the number.
std::string device_joins();
// Two columns, problem_column and problem: of the first problem that holds, in their order.
std::string first_problem(const std::vector<RowProblem>& problems);

// Adds the verdicts with a problem to the report.
Result<void> tell_bad_rows(db::Transaction& transaction, TableReport& report);

}  // namespace carryall::charges
