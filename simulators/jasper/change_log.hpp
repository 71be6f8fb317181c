// The devices of one account in the order of their last change. An edit moves a device to the end;
// its old place stays as a hole until holes outnumber devices. A tree of counts over the places
// finds the n-th device without walking, so that page 20,000 costs as much as page 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace carryall::simulators::jasper {

inline constexpr std::uint32_t kHole = UINT32_MAX;

class ChangeLog {
  public:
    // Returns the place. Times must not fall.
    std::uint32_t append(std::uint32_t device, std::int64_t micros);
    void remove(std::uint32_t place);

    std::size_t live() const { return live_; }
    // How many devices changed before that time.
    std::size_t rank_at(std::int64_t micros) const;
    // The place of the device with that rank (from 0, below live()).
    std::size_t place_of(std::size_t rank) const;
    // The device at a place, or kHole.
    std::uint32_t device_at(std::size_t place) const { return devices_[place]; }
    std::size_t places() const { return devices_.size(); }
    std::int64_t last_micros() const { return times_.empty() ? 0 : times_.back(); }

    bool has_too_many_holes() const;
    // `moved(device, new place)` for every device.
    template <typename Moved>
    void close_holes(Moved moved) {
        ChangeLog dense;
        dense.reserve(live_);
        for (std::size_t i = 0; i < devices_.size(); ++i) {
            if (devices_[i] != kHole) moved(devices_[i], dense.append(devices_[i], times_[i]));
        }
        *this = std::move(dense);
    }
    void reserve(std::size_t devices);

  private:
    std::size_t sum_before(std::size_t place) const;

    std::vector<std::int64_t> times_;
    std::vector<std::uint32_t> devices_;
    std::vector<std::uint32_t> counts_;  // a Fenwick tree: counts_[i - 1] covers (i - low bit, i]
    std::size_t live_ = 0;
};

}  // namespace carryall::simulators::jasper
