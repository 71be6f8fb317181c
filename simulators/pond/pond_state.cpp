// See pond_state.hpp.
#include "pond/pond_state.hpp"

#include <algorithm>

#include "hash.hpp"
#include "row_guid.hpp"

namespace carryall::simulators::pond {
namespace {

constexpr std::size_t kFirstIndexCells = 1024;
constexpr std::size_t kMaxImagesPerSim = 64;
constexpr std::int64_t kGibibyte = std::int64_t{1} << 30;

}  // namespace

std::string_view name_of(PackageStatus status) {
    switch (status) {
        case PackageStatus::NOT_ACTIVE:
            return "NOT_ACTIVE";
        case PackageStatus::ACTIVE:
            return "ACTIVE";
        case PackageStatus::TERMINATED:
            break;
    }
    return "TERMINATED";
}

std::string_view name_of(SimLife life) {
    switch (life) {
        case SimLife::pre_service:
            return "Pre-Service";
        case SimLife::in_service:
            return "In-Service";
        case SimLife::terminated:
            break;
    }
    return "Terminated";
}

std::optional<PackageStatus> package_status_of(std::string_view name) {
    if (name == "NOT_ACTIVE") return PackageStatus::NOT_ACTIVE;
    if (name == "ACTIVE") return PackageStatus::ACTIVE;
    if (name == "TERMINATED") return PackageStatus::TERMINATED;
    return std::nullopt;
}

PondState::PondState(std::uint64_t seed) : seed_(mix(seed)) {
    reset();
}

void PondState::reset() {
    sims = {};
    packages = {};
    inventories.clear();
    groups.clear();
    package_types.clear();
    history_.clear();
    terminated_or_removed = 0;
    index_.assign(kFirstIndexCells, kNoRow);
    add_catalogue();
}

void PondState::add_catalogue() {
    inventories[310] = {310, "Fleet inventory"};
    inventories[311] = {311, "Second inventory"};
    for (const std::uint32_t id : {7001U, 7002U, 7003U}) {
        add_group(310, 0, "Group " + std::to_string(id), id);
    }
    add_group(311, 0, "Group 7101", 7101);
    const auto add = [this](std::uint32_t id, std::uint32_t inventory, const char* name,
                            std::int64_t data, const char* status, const char* activation) {
        package_types[id] = {id, inventory, name, status, activation, data, 0, 100, 2'592'000};
    };
    add(40117, 310, "IoT 1GB", kGibibyte, "ACTIVE", "API");
    add(40118, 310, "IoT 5GB", 5 * kGibibyte, "ACTIVE", "API");
    add(40119, 310, "IoT 100MB", kGibibyte / 10, "ACTIVE", "API");
    add(40120, 310, "IoT 2GB (withdrawn)", 2 * kGibibyte, "DE_ACTIVATED", "API");
    add(40121, 310, "IoT 1GB on first use", kGibibyte, "ACTIVE", "PDP");
    add(40122, 310, "IoT 1GB on first attach", kGibibyte, "ACTIVE", "LU");
    add(40201, 311, "Second 1GB", kGibibyte, "ACTIVE", "API");
}

Group& PondState::add_group(std::uint32_t inventory_id, std::uint32_t parent_id, std::string name,
                            std::uint32_t id) {
    if (id == 0) id = groups.empty() ? 7001 : groups.rbegin()->first + 1;
    Group& group = groups[id];
    group.id = id;
    group.parent_id = parent_id;
    group.inventory_id = inventory_id;
    group.name = std::move(name);
    return group;
}

std::size_t PondState::cell_of(std::uint64_t iccid) const {
    const std::size_t mask = index_.size() - 1;
    std::size_t at = mix(iccid) & mask;
    while (index_[at] != kNoRow && sims[index_[at]].iccid != iccid) at = (at + 1) & mask;
    return at;
}

std::uint32_t PondState::find_sim(std::uint64_t iccid) const {
    return index_[cell_of(iccid)];
}

void PondState::grow_index() {
    index_.assign(index_.size() * 2, kNoRow);
    for (std::uint32_t i = 0; i < sims.size(); ++i) index_[cell_of(sims[i].iccid)] = i;
}

std::uint32_t PondState::add_sim(std::uint64_t iccid, std::uint32_t inventory_id,
                                 std::uint32_t group_id, std::uint32_t now_seconds) {
    if (sims.size() >= kMaxSims || find_sim(iccid) != kNoRow) return kNoRow;
    if ((sims.size() + 1) * 2 > index_.size()) grow_index();
    const auto index = static_cast<std::uint32_t>(sims.size());
    SimRow& sim = sims.emplace_back();
    sim.iccid = iccid;
    sim.inventory_id = inventory_id;
    sim.created_seconds = sim.modified_seconds = now_seconds;
    index_[cell_of(iccid)] = index;
    Group& group = groups[group_id];
    sim.group_id = group_id;
    sim.group_place = static_cast<std::uint32_t>(group.sims.size());
    group.sims.push_back(index);
    return index;
}

void PondState::leave_group(std::uint32_t index) {
    const SimRow& sim = sims[index];
    auto& list = groups[sim.group_id].sims;
    const std::uint32_t last = list.back();
    list[sim.group_place] = last;
    sims[last].group_place = sim.group_place;
    list.pop_back();
}

void PondState::move_sim(std::uint32_t index, std::uint32_t group_id) {
    leave_group(index);
    Group& group = groups[group_id];
    sims[index].group_id = group_id;
    sims[index].group_place = static_cast<std::uint32_t>(group.sims.size());
    group.sims.push_back(index);
}

void PondState::remove_sim(std::uint32_t index, std::uint32_t now_seconds) {
    SimRow& sim = sims[index];
    if (sim.removed_seconds != 0) return;
    leave_group(index);
    if (sim.life != SimLife::terminated) ++terminated_or_removed;
    sim.removed_seconds = now_seconds;
}

std::uint32_t PondState::add_package(std::uint32_t sim, std::uint32_t type_id,
                                     std::uint32_t now_seconds) {
    if (packages.size() >= kMaxPackages) return kNoRow;
    const auto index = static_cast<std::uint32_t>(packages.size());
    PackageRow& package = packages.emplace_back();
    package.sim = sim;
    package.type_id = type_id;
    package.created_seconds = now_seconds;
    SimRow& owner = sims[sim];
    if (owner.first_package == kNoRow)
        owner.first_package = index;
    else
        packages[owner.last_package].next = index;
    owner.last_package = index;
    return index;
}

void PondState::set_package_status(std::uint32_t package, PackageStatus status,
                                   std::uint32_t now_seconds) {
    PackageRow& row = packages[package];
    row.status = status;
    if (status == PackageStatus::TERMINATED) row.terminated_seconds = now_seconds;
    if (status != PackageStatus::ACTIVE) return;
    row.activated_seconds = now_seconds;
    SimRow& sim = sims[row.sim];
    if (sim.life == SimLife::pre_service) sim.life = SimLife::in_service;
}

void PondState::terminate_sim(std::uint32_t sim, std::uint32_t now_seconds) {
    SimRow& row = sims[sim];
    if (row.life != SimLife::terminated && row.removed_seconds == 0) ++terminated_or_removed;
    row.life = SimLife::terminated;
    row.data = row.voice = row.sms = false;
    row.modified_seconds = now_seconds;
    for (std::uint32_t at = row.first_package; at != kNoRow; at = packages[at].next) {
        if (packages[at].status != PackageStatus::TERMINATED) {
            set_package_status(at, PackageStatus::TERMINATED, now_seconds);
        }
    }
}

void PondState::append_package_id(std::string& out, std::uint32_t package) const {
    append_row_guid(out, seed_, package);
}

std::uint32_t PondState::find_package(std::string_view id) const {
    const std::uint32_t row = row_of_guid(id, seed_);
    return row < packages.size() ? row : kNoRow;
}

void PondState::keep_history(bool on) {
    history_on_ = on;
    if (!on) history_.clear();
}

void PondState::remember(std::uint32_t sim, std::int64_t now_micros) {
    if (!history_on_) return;
    auto& images = history_[sim];
    if (images.size() == kMaxImagesPerSim) images.erase(images.begin());
    SimImage& image = images.emplace_back();
    image.until_micros = now_micros;
    image.sim = sims[sim];
    for (std::uint32_t at = sims[sim].first_package; at != kNoRow; at = packages[at].next) {
        image.packages.emplace_back(at, packages[at]);
    }
}

const SimImage* PondState::image_at(std::uint32_t sim, std::int64_t micros) const {
    const auto found = history_.find(sim);
    if (found == history_.end()) return nullptr;
    for (const SimImage& image : found->second) {
        if (image.until_micros > micros) return &image;
    }
    return nullptr;
}

}  // namespace carryall::simulators::pond
