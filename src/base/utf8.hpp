// The one judgement of what is well-formed UTF-8 (Unicode's table 3-7): no overlong form, no
// surrogate, nothing beyond U+10FFFF. What is not must not reach PostgreSQL, which refuses a whole
// statement for one wrong byte.
#pragma once

#include <cstddef>
#include <string_view>

namespace carryall::base {

// Bytes of the character at the front of `text`, which is not empty; 0 if there is none.
std::size_t utf8_size(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace carryall::base
