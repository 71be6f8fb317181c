// See custom_fields.hpp.
#include "thingspace/custom_fields.hpp"

#include "http_request.hpp"

namespace carryall::simulators::thingspace {

void CustomFields::clear() {
    texts_.clear();
    numbers_.clear();
    sets_.clear();
    set_numbers_.clear();
    text("");
    set({});
}

std::uint32_t CustomFields::text(std::string_view value) {
    const auto found = numbers_.find(value);
    if (found != numbers_.end()) return found->second;
    const auto number = static_cast<std::uint32_t>(texts_.size());
    numbers_.emplace(texts_.emplace_back(value), number);
    return number;
}

std::uint32_t CustomFields::find_text(std::string_view value) const {
    const auto found = numbers_.find(value);
    return found == numbers_.end() ? kUntouched : found->second;
}

std::uint32_t CustomFields::set(const FieldSet& fields) {
    const auto [found, added] =
        set_numbers_.try_emplace(fields, static_cast<std::uint32_t>(sets_.size()));
    if (added) sets_.push_back(fields);
    return found->second;
}

std::uint32_t CustomFields::changed(std::uint32_t number, std::uint32_t change) {
    FieldSet fields = sets_[number];
    const FieldSet& wanted = sets_[change];
    for (std::size_t i = 0; i < kCustomFields; ++i) {
        if (wanted[i] != kUntouched) fields[i] = wanted[i];
    }
    return set(fields);
}

std::size_t custom_field_place(std::string_view name) {
    constexpr std::string_view kPrefix = "CustomField";
    if (name.size() != kPrefix.size() + 1 ||
        !equal_ignoring_case(name.substr(0, kPrefix.size()), kPrefix)) {
        return kCustomFields;
    }
    const char digit = name.back();
    return digit >= '1' && digit <= '5' ? static_cast<std::size_t>(digit - '1') : kCustomFields;
}

}  // namespace carryall::simulators::thingspace
