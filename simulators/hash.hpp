// The one hash behind fault decisions, package ids and per-key counting. It must stay the same from
// build to build: a seed that is written in a test or a report has to replay the same faults.
#pragma once

#include <cstdint>
#include <string_view>

namespace carryall::simulators {

// splitmix64's finaliser: every input bit reaches every output bit.
constexpr std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

// FNV-1a, then mixed; keys are short.
constexpr std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0) {
    std::uint64_t hash = 0xcbf29ce484222325ULL ^ seed;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    return mix(hash);
}

}  // namespace carryall::simulators
