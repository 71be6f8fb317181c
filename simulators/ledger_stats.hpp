// Running counts of the ledger since the last reset. Sixteen bytes a distinct key of a performed
// write, so that a million devices stay cheap.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace carryall::simulators {

struct LedgerEntry;

// Counts by 64-bit hash, open addressing. Two keys of one hash among a million: one in 30 million
// runs.
class KeyCounter {
  public:
    std::uint32_t add(std::uint64_t hash);  // the new count
    std::uint64_t keys() const { return used_; }

  private:
    struct Cell {
        std::uint64_t hash = 0;
        std::uint32_t count = 0;
    };
    Cell& cell_of(std::uint64_t hash);
    void grow();

    std::vector<Cell> cells_;
    std::uint64_t used_ = 0;
};

struct ActionStats {
    std::uint64_t received = 0;
    std::uint64_t performed = 0;
    std::uint64_t changed = 0;
    std::uint64_t repeated_keys = 0;  // keys performed more than once
    std::uint32_t max_performed_per_key = 0;
    std::map<int, std::uint64_t> by_status;
    std::map<std::string, std::uint64_t, std::less<>> by_fault;
    KeyCounter performed_by_key;
};

class LedgerStats {
  public:
    void count(const LedgerEntry& entry);
    void clear() { systems_.clear(); }
    void append(std::string& out, std::uint64_t seq) const;

  private:
    using Actions = std::map<std::string, ActionStats, std::less<>>;
    std::map<std::string, Actions, std::less<>> systems_;
};

}  // namespace carryall::simulators
