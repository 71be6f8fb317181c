// What became of the rows of an uploaded table: taken as a whole, or refused with every bad row.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "devices/import.hpp"

namespace carryall::charges {

// Bad rows are as those of an inventory import.
struct TableReport {
    std::int64_t rows = 0;
    std::int64_t stored_rows = 0;  // all rows, or none
    std::int64_t bad = 0;
    std::vector<devices::BadRow> bad_rows;  // the first devices::kMaxReportedRows of them
    std::vector<std::string> notes;
};

}  // namespace carryall::charges
