// Tells from a file's first bytes what it is, and refuses what is no table with a sentence that
// says what to do instead. Names and content types are not asked: they are often wrong.
#pragma once

#include <cstdint>
#include <variant>

#include "base/result.hpp"
#include "sheets/byte_source.hpp"
#include "sheets/text_decoder.hpp"

namespace carryall::sheets {

struct TextStart {
    Encoding encoding = Encoding::utf_8;
    std::uint64_t mark_bytes = 0;  // length of the byte-order mark
};
struct ZipStart {};
using FileStart = std::variant<TextStart, ZipStart>;

base::Result<FileStart> recognise(ByteSource& source);

}  // namespace carryall::sheets
