// Bytes as lower-case hexadecimal text and back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace carryall::base {

std::string to_hex(std::string_view bytes);
// nullopt unless it is what to_hex() makes.
std::optional<std::string> from_hex(std::string_view hex);

}  // namespace carryall::base
