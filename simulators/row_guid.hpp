// UUIDs that carry a row number, so that no map from id to row is needed and a run with the same
// seed gives out the same ids. Sixty bits prove that the id was really given out by this run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carryall::simulators {

inline constexpr std::size_t kGuidLength = 36;
inline constexpr std::uint32_t kNoGuidRow = UINT32_MAX;

void append_row_guid(std::string& out, std::uint64_t seed, std::uint32_t row);
// kNoGuidRow: no id of this seed. The row may still be beyond what the caller has.
std::uint32_t row_of_guid(std::string_view id, std::uint64_t seed);

}  // namespace carryall::simulators
