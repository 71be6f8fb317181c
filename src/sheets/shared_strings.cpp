// Reads and packs the shared texts. What must stay true: memory stays under the limit, and a text
// that is too long stays too long, so that the cell that uses it is refused.
#include "sheets/shared_strings.hpp"

#include <charconv>

#include "sheets/xml_stream.hpp"

namespace carryall::sheets {

namespace {

constexpr std::size_t kBlockBytes = 1U << 20;

void append_character(unsigned code, std::string& out) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xC0 | (code >> 6));
        out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
        out += static_cast<char>(0xE0 | (code >> 12));
        out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (code & 0x3F));
    }
}

// The code of "_xHHHH_" at the start of `text`, unless it is half of a pair or a zero byte.
std::optional<unsigned> escape_at(std::string_view text) {
    constexpr std::size_t kEscapeBytes = 7;
    if (text.size() < kEscapeBytes || !text.starts_with("_x") || text[6] != '_') return {};
    unsigned code = 0;
    const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 6, code, 16);
    const bool pair = code >= 0xD800 && code < 0xE000;
    if (error != std::errc{} || end != text.data() + 6 || pair || code == 0) return {};
    return code;
}

}  // namespace

std::string decode_escapes(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t plain = std::min(text.find("_x"), text.size());
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) break;
        if (const auto code = escape_at(text)) {
            append_character(*code, out);
            text.remove_prefix(7);
        } else {
            out += text.front();
            text.remove_prefix(1);
        }
    }
    return out;
}

bool SharedStrings::add(std::string_view text, const Limits& limits) {
    const std::size_t used = blocks_.size() * kBlockBytes + places_.capacity() * sizeof(Place);
    if (used > limits.max_shared_text_bytes) return false;
    if (blocks_.empty() || blocks_.back().size() + text.size() > blocks_.back().capacity()) {
        blocks_.emplace_back();
        blocks_.back().reserve(std::max(kBlockBytes, text.size()));
    }
    std::string& block = blocks_.back();
    places_.push_back({static_cast<std::uint32_t>(blocks_.size() - 1),
                       static_cast<std::uint32_t>(block.size()),
                       static_cast<std::uint32_t>(text.size())});
    block += text;
    return true;
}

base::Result<void> SharedStrings::read(ZipPart& part, const Limits& limits) {
    std::string text;
    bool in_item = false;
    bool in_text = false;
    int phonetic_depth = 0;  // readings of Asian names stand beside the text and are not part of it
    XmlStream* running = nullptr;
    const auto start = [&](std::string_view name, const XmlAttributes&) {
        if (name == "si") {
            in_item = true;
            text.clear();
        } else if (name == "rPh") {
            ++phonetic_depth;
        } else if (name == "t") {
            in_text = in_item && phonetic_depth == 0;
        }
    };
    const auto end = [&](std::string_view name) {
        if (name == "t") in_text = false;
        if (name == "rPh") --phonetic_depth;
        if (name != "si") return;
        in_item = false;
        if (add(text.find("_x") == std::string::npos ? text : decode_escapes(text), limits)) return;
        running->stop({base::ErrorKind::too_large,
                       "The workbook holds more than " +
                           std::to_string(limits.max_shared_text_bytes >> 20) +
                           " MB of text. Save the sheet as CSV, which has no such limit.",
                       {}});
    };
    const auto more = [&](std::string_view piece) {
        // One byte over the limit is enough to refuse the cell that refers to it.
        if (in_text && text.size() <= limits.max_cell_bytes) {
            text += piece.substr(0, limits.max_cell_bytes + 1 - text.size());
        }
    };
    XmlStream stream({start, end, more});
    running = &stream;
    return read_part(part, stream, limits.max_unpacked_bytes);
}

std::optional<std::string_view> SharedStrings::at(std::uint64_t index) const {
    if (index >= places_.size()) return std::nullopt;
    const Place& place = places_[index];
    return std::string_view(blocks_[place.block]).substr(place.offset, place.length);
}

}  // namespace carryall::sheets
