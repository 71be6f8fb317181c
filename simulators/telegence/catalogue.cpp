// See catalogue.hpp.
#include "telegence/catalogue.hpp"

namespace carryall::simulators::telegence {

std::uint32_t Texts::number_of(std::string_view text) {
    const auto [place, added] =
        numbers_.try_emplace(std::string(text), static_cast<std::uint32_t>(texts_.size()));
    if (added) texts_.push_back(&place->first);
    return place->second;
}

std::uint16_t CodeTable::find(std::string_view code) const {
    const auto found = indexes_.find(code);
    return found == indexes_.end() ? kNone : found->second;
}

bool CodeTable::add(std::string_view code, std::string_view description) {
    if (const std::uint16_t known = find(code); known != kNone) {
        entries_[known].description = description;
        return true;
    }
    if (entries_.size() >= kMaxCatalogue) return false;
    indexes_.emplace(code, static_cast<std::uint16_t>(entries_.size()));
    entries_.push_back({std::string(code), std::string(description)});
    return true;
}

std::uint32_t FeatureLists::number_of(const FeatureList& list) {
    const auto [place, added] =
        numbers_.try_emplace(list, static_cast<std::uint32_t>(lists_.size()));
    if (added) lists_.push_back(&place->first);
    return place->second;
}

}  // namespace carryall::simulators::telegence
