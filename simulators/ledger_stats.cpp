// See ledger_stats.hpp.
#include "ledger_stats.hpp"

#include <algorithm>

#include "hash.hpp"
#include "json_text.hpp"
#include "ledger.hpp"

namespace carryall::simulators {
namespace {

constexpr std::size_t kFirstCells = 64;

template <typename Map, typename Key>
auto& at_or_new(Map& map, const Key& key) {
    auto it = map.find(key);
    if (it == map.end()) it = map.emplace(std::string(key), typename Map::mapped_type{}).first;
    return it->second;
}

void append_action(std::string& out, const ActionStats& stats) {
    JsonObject action(out);
    action.add_integer("received", static_cast<std::int64_t>(stats.received));
    action.add_integer("performed", static_cast<std::int64_t>(stats.performed));
    action.add_integer("changed", static_cast<std::int64_t>(stats.changed));
    action.add_integer("keysPerformed", static_cast<std::int64_t>(stats.performed_by_key.keys()));
    action.add_integer("keysPerformedAgain", static_cast<std::int64_t>(stats.repeated_keys));
    action.add_integer("maxPerformedPerKey", stats.max_performed_per_key);
    action.add_raw("byStatus");
    JsonObject statuses(out);
    for (const auto& [status, count] : stats.by_status) {
        statuses.add_integer(std::to_string(status), static_cast<std::int64_t>(count));
    }
    statuses.close();
    action.add_raw("byFault");
    JsonObject faults(out);
    for (const auto& [fault, count] : stats.by_fault) {
        faults.add_integer(fault, static_cast<std::int64_t>(count));
    }
    faults.close();
    action.close();
}

}  // namespace

KeyCounter::Cell& KeyCounter::cell_of(std::uint64_t hash) {
    const std::size_t mask = cells_.size() - 1;
    std::size_t at = hash & mask;
    while (cells_[at].count != 0 && cells_[at].hash != hash) at = (at + 1) & mask;
    return cells_[at];
}

void KeyCounter::grow() {
    std::vector<Cell> old(std::max(kFirstCells, cells_.size() * 2));
    old.swap(cells_);
    for (const Cell& cell : old) {
        if (cell.count != 0) cell_of(cell.hash) = cell;
    }
}

std::uint32_t KeyCounter::add(std::uint64_t hash) {
    if (used_ * 10 >= cells_.size() * 7) grow();
    Cell& cell = cell_of(hash);
    if (cell.count == 0) ++used_;
    cell.hash = hash;
    return ++cell.count;
}

void LedgerStats::count(const LedgerEntry& entry) {
    ActionStats& stats = at_or_new(at_or_new(systems_, entry.system), entry.action);
    ++stats.received;
    ++stats.by_status[entry.status];
    if (!entry.fault.empty()) ++at_or_new(stats.by_fault, entry.fault);
    if (entry.changed) ++stats.changed;
    if (!entry.performed) return;
    ++stats.performed;
    const std::uint32_t times = stats.performed_by_key.add(hash_text(entry.key));
    if (times == 2) ++stats.repeated_keys;
    stats.max_performed_per_key = std::max(stats.max_performed_per_key, times);
}

void LedgerStats::append(std::string& out, std::uint64_t seq) const {
    JsonObject summary(out);
    summary.add_integer("lastSeq", static_cast<std::int64_t>(seq));
    summary.add_raw("systems");
    JsonObject systems(out);
    for (const auto& [system, actions] : systems_) {
        systems.add_raw(system);
        JsonObject list(out);
        for (const auto& [name, stats] : actions) {
            list.add_raw(name);
            append_action(out, stats);
        }
        list.close();
    }
    systems.close();
    summary.close();
}

}  // namespace carryall::simulators
