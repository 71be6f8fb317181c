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

}  // namespace carryall::base
