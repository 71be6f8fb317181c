// See change_log.hpp.
#include "jasper/change_log.hpp"

#include <algorithm>
#include <bit>

namespace carryall::simulators::jasper {
namespace {

constexpr std::size_t kFewHoles = 4096;

std::size_t low_bit(std::size_t value) {
    return value & (~value + 1);
}

}  // namespace

void ChangeLog::reserve(std::size_t devices) {
    times_.reserve(devices);
    devices_.reserve(devices);
    counts_.reserve(devices);
}

std::size_t ChangeLog::sum_before(std::size_t place) const {
    std::size_t sum = 0;
    for (std::size_t i = place; i > 0; i -= low_bit(i)) sum += counts_[i - 1];
    return sum;
}

std::uint32_t ChangeLog::append(std::uint32_t device, std::int64_t micros) {
    const std::size_t place = devices_.size();
    const std::size_t node = place + 1;
    std::uint32_t covered = 1;
    for (std::size_t i = place, end = node - low_bit(node); i > end; i -= low_bit(i)) {
        covered += counts_[i - 1];
    }
    times_.push_back(std::max(micros, last_micros()));
    devices_.push_back(device);
    counts_.push_back(covered);
    ++live_;
    return static_cast<std::uint32_t>(place);
}

void ChangeLog::remove(std::uint32_t place) {
    devices_[place] = kHole;
    for (std::size_t i = std::size_t{place} + 1; i <= counts_.size(); i += low_bit(i)) {
        --counts_[i - 1];
    }
    --live_;
}

std::size_t ChangeLog::rank_at(std::int64_t micros) const {
    const auto found = std::lower_bound(times_.begin(), times_.end(), micros);
    return sum_before(static_cast<std::size_t>(found - times_.begin()));
}

std::size_t ChangeLog::place_of(std::size_t rank) const {
    std::size_t place = 0;
    for (std::size_t step = std::bit_floor(counts_.size()); step > 0; step /= 2) {
        if (place + step <= counts_.size() && counts_[place + step - 1] <= rank) {
            place += step;
            rank -= counts_[place - 1];
        }
    }
    return place;
}

bool ChangeLog::has_too_many_holes() const {
    return devices_.size() > 2 * live_ + kFewHoles;
}

}  // namespace carryall::simulators::jasper
