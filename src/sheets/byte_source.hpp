// Bytes of a file or of memory, so that the formats do not care which. A file is opened once: what
// was sniffed is what gets read.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace carryall::sheets {

struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using FileHandle = std::unique_ptr<std::FILE, FileCloser>;

class ByteSource {
  public:
    static base::Result<ByteSource> of_file(const std::filesystem::path& path,
                                            std::uint64_t max_bytes);
    static base::Result<ByteSource> of_bytes(std::string_view bytes, std::uint64_t max_bytes);

    std::uint64_t size() const { return size_; }
    // Fills as much of `target` as there is from `offset` on; less than asked for means the end.
    base::Result<std::size_t> read_at(std::uint64_t offset, std::span<char> target);

    // For a library that wants to read by itself: the file, or null for memory.
    FileHandle release_file() { return std::move(file_); }
    std::string_view bytes() const { return bytes_; }

  private:
    ByteSource() = default;

    FileHandle file_;
    std::string_view bytes_;
    std::uint64_t size_ = 0;
};

}  // namespace carryall::sheets
