// Rows of an uploaded file that cannot be stored, as answers show them.
#pragma once

#include "api/call.hpp"
#include "devices/import.hpp"

namespace carryall::api {

// row, column, detail; at most `limit` of them.
base::json::array bad_rows_of(const std::vector<devices::BadRow>& rows, std::size_t limit);

// 422: nothing was stored, and these are the rows; what is not listed is counted.
http::Response rows_refused(const Call& call, std::string detail, std::int64_t row_count,
                            std::int64_t bad_count, const std::vector<devices::BadRow>& bad_rows);

}  // namespace carryall::api
