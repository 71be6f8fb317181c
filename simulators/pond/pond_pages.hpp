// One page of a map's items as the elements of a POND list.
#pragma once

#include <cstddef>
#include <string>

namespace carryall::simulators::pond {

// The page's share of the items that fit, each written by `write`.
template <typename Map, typename Fits, typename Write>
void write_page(const Map& map, std::size_t offset, std::size_t count, std::string& out, Fits fits,
                Write write) {
    std::size_t at = 0;
    std::size_t written = 0;
    for (const auto& [id, item] : map) {
        if (!fits(item)) continue;
        if (at++ < offset) continue;
        if (written == count) break;
        if (written++ > 0) out += ',';
        write(item);
    }
    out += "]}";
}

}  // namespace carryall::simulators::pond
