// Files in a folder of this machine, or of a network file system that several machines share. What
// must stay true: a file appears under its key only when all of it is on the disk.
#pragma once

#include "files/file_store.hpp"

namespace carryall::files {

class FolderStore final : public FileStore {
  public:
    explicit FolderStore(FolderSettings settings);

    Result<void> put(const std::string& key, const std::filesystem::path& file,
                     const std::string& content_type) override;
    Result<std::optional<std::uint64_t>> size_of(const std::string& key) override;
    Result<bool> get(const std::string& key, const std::filesystem::path& target) override;
    Result<void> check() override;

  private:
    const std::filesystem::path directory_;
    const std::filesystem::path incoming_;  // beside the files: a rename does not cross disks
};

}  // namespace carryall::files
