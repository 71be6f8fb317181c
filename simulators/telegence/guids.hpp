// Ids that look like GUIDs and carry a row number in their last group, so that no map from id to
// row is needed. The front comes from the seed: another run's ids lead nowhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carryall::simulators::telegence {

class Guids {
  public:
    explicit Guids(std::uint64_t seed);

    void append(std::string& out, std::uint32_t row) const;
    // kNoRow: not an id that this object made. Letters may be in either case.
    std::uint32_t find(std::string_view guid) const;

  private:
    std::string front_;  // with the last dash
};

// 8-4-4-4-12 hexadecimal digits.
bool is_guid(std::string_view text);

}  // namespace carryall::simulators::telegence
