// A folder that lives as long as the object. What must stay true: its name is new each time, so
// tests that run at once never share one.
#pragma once

#include <filesystem>

namespace carryall::support {

class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// The repository, for fixtures and migrations, and the build folder, for the programs under test.
std::filesystem::path source_dir();
std::filesystem::path build_dir();

}  // namespace carryall::support
