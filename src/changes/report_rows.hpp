// The file of failed rows: an Identifier column, a column for every parameter of the change's type,
// and why each failed. What must stay true: uploaded as it is, it asks for the same again; a value
// that could not be used is shown as it was given, so that it can be corrected.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "changes/bulk_change.hpp"
#include "sheets/csv_writer.hpp"

namespace carryall::changes {

struct FailedRow {
    std::int64_t row_number = 0;
    std::string identifier;
    base::json::value own;  // as stored, or null
    std::string state;
    std::string error_class;
    std::string reason;
};

class FailedRows {
  public:
    // `request` as stored with the change: what a device without own parameters was to get.
    FailedRows(ChangeType type, const base::json::value& request, sheets::CsvWriter& writer);
    base::Result<void> write_header();
    base::Result<void> write(const FailedRow& row);

  private:
    ChangeType type_;
    sheets::CsvWriter& writer_;
    std::vector<std::string> columns_;
    base::json::object shared_;
    std::vector<std::string> cells_;
};

}  // namespace carryall::changes
