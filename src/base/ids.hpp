// Distinct types for numeric ids, so that a device id cannot be passed where a customer id is
// meant.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace carryall::base {

template <class Tag>
struct Id {
    std::int64_t value = 0;  // 0 means "none"; the database starts at 1

    explicit operator bool() const { return value != 0; }
    auto operator<=>(const Id&) const = default;
};

template <class Tag>
std::string to_string(Id<Tag> id) {
    return std::to_string(id.value);
}

// A random version 4 UUID in lower case, for correlation ids. Not for uniqueness of business facts.
std::string random_uuid();

}  // namespace carryall::base

template <class Tag>
struct std::hash<carryall::base::Id<Tag>> {
    std::size_t operator()(carryall::base::Id<Tag> id) const noexcept {
        return std::hash<std::int64_t>{}(id.value);
    }
};
