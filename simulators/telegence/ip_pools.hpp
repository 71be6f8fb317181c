// Static IP addresses: pools by PDP, reservations that lapse, and provisioning batches whose three
// steps follow the clock.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "telegence/row_index.hpp"

namespace carryall::simulators::telegence {

inline constexpr std::size_t kMaxIpSubscribers = 10;
inline constexpr std::size_t kMaxPoolAddresses = 1'000'000;

enum class IpStep : std::uint8_t { none, profile_check, ip_reservation, profile_update };

// "10.20.0.5"; nothing: not an IPv4 address.
std::optional<std::uint32_t> parse_address(std::string_view text);
void append_address(std::string& out, std::uint32_t address);

struct IpEntry {
    std::uint32_t line = kNoRow;
    std::uint32_t address = 0;
    IpStep fails_at = IpStep::none;
};

struct IpBatch {
    std::int64_t checked_micros = 0;  // when each step is done
    std::int64_t reserved_micros = 0;
    std::int64_t complete_micros = 0;
    std::uint16_t account = 0;
    std::vector<IpEntry> entries;
};

class IpPools {
  public:
    void reset();

    bool has_pool(std::string_view pdp) const { return pools_.find(pdp) != pools_.end(); }
    // False: the range is no range, or the pool is there already.
    bool add_pool(std::string_view pdp, std::uint32_t first, std::size_t count);
    // Reserves up to `count` addresses until then.
    void reserve(std::string_view pdp, std::size_t count, std::int64_t now_micros,
                 std::int64_t until_micros, std::uint16_t account, std::vector<std::uint32_t>& out);
    bool is_reserved(std::string_view pdp, std::uint32_t address, std::int64_t now_micros,
                     std::uint16_t account) const;
    // From reserved to in use; it does not lapse any more.
    void take(std::uint32_t address);
    void release(std::uint32_t address);

    std::uint32_t submit(IpBatch batch);
    // The line's newest entry, and its batch.
    std::optional<std::pair<std::uint32_t, const IpEntry*>> newest_of(std::uint32_t line) const;

    std::deque<IpBatch> batches;

  private:
    static constexpr std::int64_t kInUse = INT64_MAX;
    struct Address {
        std::int64_t until_micros = 0;  // reserved till then, or kInUse
        std::uint16_t account = 0;
    };
    struct Pool {
        std::uint32_t first = 0;
        std::size_t next = 0;  // where the search for a free one goes on
        std::vector<Address> addresses;
    };
    Address* find(std::uint32_t address);

    std::map<std::string, Pool, std::less<>> pools_;
    std::unordered_map<std::uint32_t, std::uint32_t> newest_batch_;  // by line
};

}  // namespace carryall::simulators::telegence
