// See temp_dir.hpp.
#include "support/temp_dir.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace carryall::support {

TempDir::TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "carryall-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("cannot create a folder like " + name);
    }
    path_ = name;
}

TempDir::~TempDir() {
    std::error_code ignored;  // a destructor has nobody to tell
    std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path source_dir() {
    return CARRYALL_SOURCE_DIR;
}

std::filesystem::path build_dir() {
    return CARRYALL_BUILD_DIR;
}

}  // namespace carryall::support
