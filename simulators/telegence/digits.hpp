// Identifiers made of digits (ICCID, IMEI) in sixteen bytes. A 20-digit ICCID does not fit into 64
// bits, and leading zeros belong to the identifier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carryall::simulators::telegence {

struct Digits {
    std::uint64_t low = 0;    // the last 18 digits
    std::uint8_t high = 0;    // what stands before them
    std::uint8_t length = 0;  // 0: no identifier

    bool empty() const { return length == 0; }
    bool operator==(const Digits&) const = default;
};

// Nothing: not digits only, or not so many. `most` is at most 20.
std::optional<Digits> parse_digits(std::string_view text, std::size_t least, std::size_t most);
void append_digits(std::string& out, const Digits& digits);
std::string text_of(const Digits& digits);
std::uint64_t hash_of(const Digits& digits);
// The identifier that is `steps` further; of the same length.
Digits after(const Digits& digits, std::uint64_t steps);

// A subscriber number: exactly 10 digits, kept as a number.
std::optional<std::uint64_t> parse_number(std::string_view text);
void append_number(std::string& out, std::uint64_t number);

}  // namespace carryall::simulators::telegence
