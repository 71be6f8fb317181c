// UTF-16 to UTF-8 and looks at decoded text. What must stay true: nothing invalid becomes valid by
// decoding.
#include "sheets/text_decoder.hpp"

#include <cstdint>

namespace carryall::sheets {

namespace {

// Also writes lone surrogates, as bytes that no check of UTF-8 accepts.
void append_utf_8(unsigned code, std::string& out) {
    const auto put = [&](unsigned byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | (code >> 6));
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | (code >> 12));
        put(0x80 | ((code >> 6) & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | (code >> 18));
        put(0x80 | ((code >> 12) & 0x3F));
        put(0x80 | ((code >> 6) & 0x3F));
        put(0x80 | (code & 0x3F));
    }
}

bool is_high(unsigned unit) {
    return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low(unsigned unit) {
    return unit >= 0xDC00 && unit < 0xE000;
}

}  // namespace

void TextDecoder::take_unit(unsigned unit, std::string& out) {
    if (high_surrogate_) {
        const unsigned high = *high_surrogate_;
        high_surrogate_.reset();
        if (is_low(unit)) {
            return append_utf_8(0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00), out);
        }
        append_utf_8(high, out);
    }
    if (is_high(unit)) {
        high_surrogate_ = unit;
    } else {
        append_utf_8(unit, out);
    }
}

std::string_view TextDecoder::decode(std::string_view bytes, std::string& buffer) {
    if (encoding_ == Encoding::utf_8) return bytes;
    buffer.clear();
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (!half_unit_) {
            half_unit_ = byte;
            continue;
        }
        const unsigned low = encoding_ == Encoding::utf_16_le ? *half_unit_ : byte;
        const unsigned high = encoding_ == Encoding::utf_16_le ? byte : *half_unit_;
        half_unit_.reset();
        take_unit(high << 8 | low, buffer);
    }
    return buffer;
}

std::string_view TextDecoder::finish(std::string& buffer) {
    buffer.clear();
    if (high_surrogate_) append_utf_8(*high_surrogate_, buffer);
    if (half_unit_) buffer += '\xFF';
    high_surrogate_.reset();
    half_unit_.reset();
    return buffer;
}

bool is_plain_ascii(std::string_view text) {
    // Without an early exit, so that the compiler turns it into wide instructions.
    unsigned odd = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const unsigned printable = static_cast<unsigned>(byte >= 0x20) & (byte < 0x7F);
        const unsigned blank =
            static_cast<unsigned>(byte == '\t') | (byte == '\r') | (byte == '\n');
        odd |= (printable | blank) ^ 1u;
    }
    return odd == 0;
}

std::optional<unsigned char> first_control_character(std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\t' && c != '\r' && c != '\n') || byte == 0x7F) return byte;
    }
    return std::nullopt;
}

}  // namespace carryall::sheets
