// Bytes of a text file into UTF-8, chunk by chunk. What must stay true: what cannot be decoded
// stays invalid UTF-8 in the output, so that the check of the cell finds it and can name its place.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace carryall::sheets {

enum class Encoding { utf_8, utf_16_le, utf_16_be };

class TextDecoder {
  public:
    TextDecoder() = default;
    explicit TextDecoder(Encoding encoding) : encoding_(encoding) {}

    // For UTF-8 `bytes` itself, else a view into `buffer`.
    std::string_view decode(std::string_view bytes, std::string& buffer);
    // What is left when the file ends within a character.
    std::string_view finish(std::string& buffer);

  private:
    void take_unit(unsigned unit, std::string& out);

    Encoding encoding_ = Encoding::utf_8;
    std::optional<unsigned char> half_unit_;
    std::optional<unsigned> high_surrogate_;
};

// Printable ASCII, tab, CR and LF only: nothing to look at more closely.
bool is_plain_ascii(std::string_view text);

// A control character other than tab, CR and LF.
std::optional<unsigned char> first_control_character(std::string_view text);

}  // namespace carryall::sheets
