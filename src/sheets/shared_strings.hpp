// The texts that cells of a workbook refer to by number. They are the one thing that must be in
// memory as a whole, so they are packed into blocks and capped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sheets/zip_archive.hpp"

namespace carryall::sheets {

class SharedStrings {
  public:
    base::Result<void> read(ZipPart& part, const Limits& limits);
    std::optional<std::string_view> at(std::uint64_t index) const;

  private:
    struct Place {
        std::uint32_t block;
        std::uint32_t offset;
        std::uint32_t length;
    };
    bool add(std::string_view text, const Limits& limits);

    std::vector<std::string> blocks_;
    std::vector<Place> places_;
};

// Workbooks spell characters that XML cannot hold as _x000D_.
std::string decode_escapes(std::string_view text);

}  // namespace carryall::sheets
