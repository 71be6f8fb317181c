// Finds, by a workbook's relationships, the sheet to read and what it needs. What must stay true:
// part names are followed and never assumed, because writers place them differently.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "sheets/zip_archive.hpp"

namespace carryall::sheets {

struct Workbook {
    std::string sheet_name;
    std::string sheet_part;
    std::string shared_strings_part;  // empty: the workbook has none
    DateSystem date_system = DateSystem::from_1900;
    std::vector<std::string> notes;
};

base::Result<Workbook> read_workbook(ZipArchive& archive);

// Where a relationship of `source_part` leads: "/a/b" from the root, else from the part's folder.
std::string resolve_target(std::string_view source_part, std::string_view target);

}  // namespace carryall::sheets
