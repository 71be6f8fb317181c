// The ZIP around a workbook, for reading, with its promises checked: sizes before anything is
// unpacked, and again byte by byte while it is, because a hostile archive lies about them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "sheets/byte_source.hpp"
#include "sheets/table_reader.hpp"

struct zip;
struct zip_file;

namespace carryall::sheets {

struct ZipCloser {
    void operator()(zip* archive) const;
    void operator()(zip_file* file) const;
};

// One part of the archive while it is unpacked.
class ZipPart {
  public:
    ZipPart(std::unique_ptr<zip_file, ZipCloser> file, std::string name, std::uint64_t declared);
    // Fills `target` or reaches the end (0).
    base::Result<std::size_t> read(std::span<char> target);

  private:
    std::unique_ptr<zip_file, ZipCloser> file_;
    std::string name_;
    std::uint64_t left_;  // what the archive promised and has not delivered
};

class ZipArchive {
  public:
    static base::Result<ZipArchive> open(ByteSource source, const Limits& limits);

    bool has(std::string_view name) const;
    // Null if the archive has no part of this name.
    base::Result<std::unique_ptr<ZipPart>> part(const std::string& name);

  private:
    ZipArchive() = default;
    base::Result<void> check_parts(const Limits& limits, std::uint64_t file_bytes);

    std::unique_ptr<zip, ZipCloser> archive_;
};

}  // namespace carryall::sheets
