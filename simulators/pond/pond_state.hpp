// POND's world: inventories, groups, package types, SIMs and packages. SIMs and packages are flat
// rows addressed by index, so that a million of them fit into some tens of megabytes. Invariants: a
// SIM is in exactly one group's list unless it was removed; nothing leaves TERMINATED.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carryall::simulators::pond {

inline constexpr std::size_t kMaxSims = 4'000'000;
inline constexpr std::size_t kMaxPackages = 16'000'000;
inline constexpr std::uint32_t kNoRow = UINT32_MAX;
inline constexpr std::size_t kIccidDigits = 19;

enum class PackageStatus : std::uint8_t { NOT_ACTIVE, ACTIVE, TERMINATED };
enum class SimLife : std::uint8_t { pre_service, in_service, terminated };

std::string_view name_of(PackageStatus status);
std::string_view name_of(SimLife life);
std::optional<PackageStatus> package_status_of(std::string_view name);

struct SimRow {
    std::uint64_t iccid = 0;
    std::uint32_t inventory_id = 0;
    std::uint32_t group_id = 0;
    std::uint32_t group_place = 0;  // index in the group's list
    std::uint32_t created_seconds = 0;
    std::uint32_t modified_seconds = 0;
    std::uint32_t removed_seconds = 0;  // 0: still there
    std::uint32_t first_package = kNoRow;
    std::uint32_t last_package = kNoRow;
    SimLife life = SimLife::pre_service;
    std::uint8_t throttle = 0;  // in steps of 100 kbit/s, 0: no limit
    bool data = false;
    bool voice = false;
    bool sms = false;
};

struct PackageRow {
    std::uint32_t sim = kNoRow;
    std::uint32_t type_id = 0;
    std::uint32_t created_seconds = 0;
    std::uint32_t activated_seconds = 0;
    std::uint32_t terminated_seconds = 0;
    std::uint32_t next = kNoRow;  // of the same SIM
    PackageStatus status = PackageStatus::NOT_ACTIVE;
};

struct PackageType {
    std::uint32_t id = 0;
    std::uint32_t inventory_id = 0;
    std::string name;
    std::string status = "ACTIVE";        // ACTIVE, NOT_ACTIVATED, DE_ACTIVATED
    std::string activation_type = "API";  // API, PDP, LU
    std::int64_t data_bytes = 0;
    std::int64_t voice_seconds = 0;
    std::int64_t sms_count = 0;
    std::int64_t duration_seconds = 2'592'000;
};

struct Group {
    std::uint32_t id = 0;
    std::uint32_t parent_id = 0;
    std::uint32_t inventory_id = 0;
    std::string name;
    std::vector<std::uint32_t> sims;
};

struct Inventory {
    std::uint32_t id = 0;
    std::string name;
};

// A SIM with its packages, as it was before a change.
struct SimImage {
    std::int64_t until_micros = 0;
    SimRow sim;
    std::vector<std::pair<std::uint32_t, PackageRow>> packages;
};

class PondState {
  public:
    explicit PondState(std::uint64_t seed);
    void reset();

    std::uint32_t find_sim(std::uint64_t iccid) const;
    // kNoRow: exists already, or the world is full.
    std::uint32_t add_sim(std::uint64_t iccid, std::uint32_t inventory_id, std::uint32_t group_id,
                          std::uint32_t now_seconds);
    void move_sim(std::uint32_t index, std::uint32_t group_id);
    void remove_sim(std::uint32_t index, std::uint32_t now_seconds);

    std::uint32_t add_package(std::uint32_t sim, std::uint32_t type_id, std::uint32_t now_seconds);
    // The caller has checked that the step is allowed. Also moves the SIM into service.
    void set_package_status(std::uint32_t package, PackageStatus status, std::uint32_t now_seconds);
    void terminate_sim(std::uint32_t sim, std::uint32_t now_seconds);

    // Package ids are UUIDs made from seed and row, so that no map from id to row is needed.
    void append_package_id(std::string& out, std::uint32_t package) const;
    std::uint32_t find_package(std::string_view id) const;

    Group& add_group(std::uint32_t inventory_id, std::uint32_t parent_id, std::string name,
                     std::uint32_t id = 0);

    // Remembers the SIM as it is, before a change; only while history is kept.
    void remember(std::uint32_t sim, std::int64_t now_micros);
    void keep_history(bool on);
    // The SIM as it was at that time, or nothing when it has not changed since.
    const SimImage* image_at(std::uint32_t sim, std::int64_t micros) const;

    std::vector<SimRow> sims;
    std::vector<PackageRow> packages;
    std::map<std::uint32_t, Inventory> inventories;
    std::map<std::uint32_t, Group> groups;
    std::map<std::uint32_t, PackageType> package_types;
    std::uint32_t terminated_or_removed = 0;  // SIMs that plain searches hide

  private:
    void add_catalogue();
    void leave_group(std::uint32_t index);
    std::size_t cell_of(std::uint64_t iccid) const;
    void grow_index();

    std::uint64_t seed_;
    std::vector<std::uint32_t> index_;  // open addressing by ICCID
    bool history_on_ = false;
    std::unordered_map<std::uint32_t, std::vector<SimImage>> history_;
};

}  // namespace carryall::simulators::pond
