// See ip_pools.hpp.
#include "telegence/ip_pools.hpp"

#include <algorithm>

#include "json_text.hpp"
#include "query.hpp"

namespace carryall::simulators::telegence {

std::optional<std::uint32_t> parse_address(std::string_view text) {
    std::uint32_t address = 0;
    for (int part = 0; part < 4; ++part) {
        const std::size_t dot = text.find('.');
        const std::string_view digits = text.substr(0, dot);
        const auto value = parse_integer(digits);
        if (digits.size() > 3 || !value || *value < 0 || *value > 255) return std::nullopt;
        if ((dot == std::string_view::npos) != (part == 3)) return std::nullopt;
        address = address << 8 | static_cast<std::uint32_t>(*value);
        if (part < 3) text.remove_prefix(dot + 1);
    }
    return address;
}

void append_address(std::string& out, std::uint32_t address) {
    for (int part = 3; part >= 0; --part) {
        append_unsigned(out, address >> (8 * part) & 255);
        if (part > 0) out += '.';
    }
}

void IpPools::reset() {
    *this = IpPools{};
    add_pool("PDP01", *parse_address("10.20.0.1"), 65'000);
    add_pool("PDP02", *parse_address("10.30.0.1"), 6);
}

bool IpPools::add_pool(std::string_view pdp, std::uint32_t first, std::size_t count) {
    if (has_pool(pdp) || count == 0 || count > kMaxPoolAddresses ||
        first > UINT32_MAX - static_cast<std::uint32_t>(count)) {
        return false;
    }
    // An address belongs to one pool: it is all that a line remembers.
    for (const auto& [name, other] : pools_) {
        const bool apart =
            first + count <= other.first || other.first + other.addresses.size() <= first;
        if (!apart) return false;
    }
    Pool& pool = pools_[std::string(pdp)];
    pool.first = first;
    pool.addresses.resize(count);
    return true;
}

void IpPools::reserve(std::string_view pdp, std::size_t count, std::int64_t now_micros,
                      std::int64_t until_micros, std::uint16_t account,
                      std::vector<std::uint32_t>& out) {
    const auto found = pools_.find(pdp);
    if (found == pools_.end()) return;
    Pool& pool = found->second;
    for (std::size_t looked = 0; looked < pool.addresses.size() && count > 0; ++looked) {
        const std::size_t at = pool.next;
        pool.next = (at + 1) % pool.addresses.size();
        if (pool.addresses[at].until_micros > now_micros) continue;
        pool.addresses[at] = {until_micros, account};
        out.push_back(pool.first + static_cast<std::uint32_t>(at));
        --count;
    }
}

IpPools::Address* IpPools::find(std::uint32_t address) {
    for (auto& [name, pool] : pools_) {
        if (address >= pool.first && address - pool.first < pool.addresses.size()) {
            return &pool.addresses[address - pool.first];
        }
    }
    return nullptr;
}

bool IpPools::is_reserved(std::string_view pdp, std::uint32_t address, std::int64_t now_micros,
                          std::uint16_t account) const {
    const auto found = pools_.find(pdp);
    if (found == pools_.end()) return false;
    const Pool& pool = found->second;
    if (address < pool.first || address - pool.first >= pool.addresses.size()) return false;
    const Address& row = pool.addresses[address - pool.first];
    return row.until_micros > now_micros && row.until_micros != kInUse && row.account == account;
}

void IpPools::take(std::uint32_t address) {
    if (Address* row = find(address)) row->until_micros = kInUse;
}

void IpPools::release(std::uint32_t address) {
    if (Address* row = find(address)) row->until_micros = 0;
}

std::uint32_t IpPools::submit(IpBatch batch) {
    const auto row = static_cast<std::uint32_t>(batches.size());
    for (const IpEntry& entry : batch.entries) newest_batch_[entry.line] = row;
    batches.push_back(std::move(batch));
    return row;
}

std::optional<std::pair<std::uint32_t, const IpEntry*>> IpPools::newest_of(
    std::uint32_t line) const {
    const auto found = newest_batch_.find(line);
    if (found == newest_batch_.end()) return std::nullopt;
    const auto& entries = batches[found->second].entries;
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [line](const IpEntry& e) { return e.line == line; });
    return std::pair{found->second, &*entry};
}

}  // namespace carryall::simulators::telegence
