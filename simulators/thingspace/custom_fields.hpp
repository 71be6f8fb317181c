// CustomField1 to CustomField5. Texts and whole sets are kept once, so that a line or a request
// carries four bytes for them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carryall::simulators::thingspace {

inline constexpr std::size_t kCustomFields = 5;
inline constexpr std::size_t kMaxCustomFieldBytes = 50;
inline constexpr std::uint32_t kUntouched = UINT32_MAX;  // in a set that is a change

// Text numbers; 0 is the empty text.
using FieldSet = std::array<std::uint32_t, kCustomFields>;

class CustomFields {
  public:
    CustomFields() { clear(); }
    void clear();

    std::uint32_t text(std::string_view value);
    // The number of a text that is in use, or kUntouched, which no line has.
    std::uint32_t find_text(std::string_view value) const;
    std::string_view text_of(std::uint32_t number) const { return texts_[number]; }

    std::uint32_t set(const FieldSet& fields);
    const FieldSet& set_of(std::uint32_t number) const { return sets_[number]; }
    // `number` with the touched fields of `change`.
    std::uint32_t changed(std::uint32_t number, std::uint32_t change);

  private:
    std::deque<std::string> texts_;
    std::unordered_map<std::string_view, std::uint32_t> numbers_;
    std::vector<FieldSet> sets_;
    std::map<FieldSet, std::uint32_t> set_numbers_;
};

// 0 to 4 for CustomField1 to CustomField5; kCustomFields for another name.
std::size_t custom_field_place(std::string_view name);

}  // namespace carryall::simulators::thingspace
