// Writes a ZIP from files. What must stay true: the archive is there whole or not at all; memory
// stays flat (every file is read while it is packed); names are UTF-8 and lead nowhere but into the
// folder where somebody unpacks it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace carryall::files {

struct ZipEntry {
    std::string name;  // "lists/München.txt"; as check_key() takes it, each once
    std::filesystem::path file;
};

// Replaces `archive`. At least one entry. Reads the entries' files before it returns, in their
// order.
base::Result<void> write_zip(const std::filesystem::path& archive,
                             const std::vector<ZipEntry>& entries);

}  // namespace carryall::files
