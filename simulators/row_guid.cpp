// The row hides in the last 32 bits; the rest is noise made from seed and row.
#include "row_guid.hpp"

#include <array>
#include <cstddef>

#include "hash.hpp"

namespace carryall::simulators {
namespace {

std::array<std::uint64_t, 2> bits_of(std::uint64_t seed, std::uint32_t row) {
    const std::uint64_t noise = mix(seed ^ (std::uint64_t{row} << 20));
    std::uint64_t high = mix(noise);
    high = (high & ~std::uint64_t{0xf000}) | 0x4000;  // version 4
    std::uint64_t low = (noise << 32) | (row ^ (seed & 0xffffffffU));
    low = (low & ~(std::uint64_t{3} << 62)) | (std::uint64_t{2} << 62);  // variant
    return {high, low};
}

std::array<char, kGuidLength> text_of(std::uint64_t seed, std::uint32_t row) {
    constexpr char kHex[] = "0123456789abcdef";
    const auto bits = bits_of(seed, row);
    std::array<char, kGuidLength> text{};
    std::size_t at = 0;
    for (int digit = 0; digit < 32; ++digit) {
        if (digit == 8 || digit == 12 || digit == 16 || digit == 20) text[at++] = '-';
        const std::uint64_t half = bits[digit < 16 ? 0 : 1];
        text[at++] = kHex[(half >> (60 - 4 * (digit % 16))) & 15];
    }
    return text;
}

}  // namespace

void append_row_guid(std::string& out, std::uint64_t seed, std::uint32_t row) {
    const auto text = text_of(seed, row);
    out.append(text.data(), text.size());
}

std::uint32_t row_of_guid(std::string_view id, std::uint64_t seed) {
    if (id.size() != kGuidLength) return kNoGuidRow;
    std::uint32_t value = 0;
    for (const char c : id.substr(kGuidLength - 8)) {
        const bool decimal = c >= '0' && c <= '9';
        if (!decimal && !(c >= 'a' && c <= 'f')) return kNoGuidRow;
        value = value * 16 + static_cast<std::uint32_t>(decimal ? c - '0' : c - 'a' + 10);
    }
    value ^= static_cast<std::uint32_t>(seed & 0xffffffffU);
    const auto right = text_of(seed, value);
    return std::string_view(right.data(), right.size()) == id ? value : kNoGuidRow;
}

}  // namespace carryall::simulators
