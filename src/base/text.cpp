// Text operations that are too long for a header.
#include "base/text.hpp"

namespace carryall::base {

std::string_view trim(std::string_view text) {
    constexpr std::string_view kNoBreakSpace = "\xC2\xA0";
    constexpr std::string_view kBlanks = " \t\r\n\v\f";
    bool changed = true;
    while (changed && !text.empty()) {
        changed = false;
        if (kBlanks.find(text.front()) != std::string_view::npos) {
            text.remove_prefix(1);
            changed = true;
        } else if (text.starts_with(kNoBreakSpace)) {
            text.remove_prefix(kNoBreakSpace.size());
            changed = true;
        }
        if (!text.empty() && kBlanks.find(text.back()) != std::string_view::npos) {
            text.remove_suffix(1);
            changed = true;
        } else if (text.ends_with(kNoBreakSpace)) {
            text.remove_suffix(kNoBreakSpace.size());
            changed = true;
        }
    }
    return text;
}

std::string_view take_part(std::string_view& rest, std::string_view separators) {
    const std::size_t end = std::min(rest.find_first_of(separators), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return part;
}

bool has_word(std::string_view words, std::string_view word) {
    while (!words.empty()) {
        if (take_part(words, " ") == word) return true;
    }
    return false;
}

}  // namespace carryall::base
