// See guids.hpp.
#include "telegence/guids.hpp"

#include <optional>

#include "hash.hpp"
#include "http_request.hpp"
#include "telegence/row_index.hpp"

namespace carryall::simulators::telegence {
namespace {

constexpr std::size_t kGuidLength = 36;
constexpr std::size_t kRowDigits = 12;
constexpr char kHex[] = "0123456789abcdef";

std::optional<unsigned> value_of(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return std::nullopt;
}

void append_hex(std::string& out, std::uint64_t value, std::size_t digits) {
    for (std::size_t i = digits; i-- > 0;) out += kHex[(value >> (4 * i)) & 15];
}

}  // namespace

// Version 1 with the made-up node, as the carrier's own ids look.
Guids::Guids(std::uint64_t seed) {
    const std::uint64_t bits = mix(seed);
    append_hex(front_, bits >> 32, 8);
    front_ += '-';
    append_hex(front_, bits >> 16, 4);
    front_ += "-11ef-9";
    append_hex(front_, bits, 3);
    front_ += '-';
}

void Guids::append(std::string& out, std::uint32_t row) const {
    out += front_;
    append_hex(out, row, kRowDigits);
}

std::uint32_t Guids::find(std::string_view guid) const {
    if (!is_guid(guid) || !equal_ignoring_case(guid.substr(0, front_.size()), front_)) {
        return kNoRow;
    }
    std::uint64_t row = 0;
    for (const char c : guid.substr(front_.size())) row = row * 16 + *value_of(c);
    return row < kNoRow ? static_cast<std::uint32_t>(row) : kNoRow;
}

bool is_guid(std::string_view text) {
    if (text.size() != kGuidLength) return false;
    for (std::size_t i = 0; i < kGuidLength; ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !value_of(text[i])) return false;
    }
    return true;
}

}  // namespace carryall::simulators::telegence
