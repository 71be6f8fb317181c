// Rows of an uploaded file that cannot be stored, as answers show them.
#pragma once

#include "api/call.hpp"
#include "charges/table_report.hpp"
#include "devices/import.hpp"

namespace carryall::api {

// row, column, detail; at most `limit` of them.
base::json::array bad_rows_of(const std::vector<devices::BadRow>& rows, std::size_t limit);

// 422: nothing was stored, and these are the rows; what is not listed is counted.
http::Response rows_refused(const Call& call, std::string detail, std::int64_t row_count,
                            std::int64_t bad_count, const std::vector<devices::BadRow>& bad_rows);

// The same for a table that is taken as a whole or not at all, and what became of one.
http::Response rows_refused(const Call& call, const charges::TableReport& report);
base::json::object document_of_rows(const charges::TableReport& report, bool dry_run);

}  // namespace carryall::api
