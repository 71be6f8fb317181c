// Reads the packages of one SIM over all pages.
#pragma once

#include <string>
#include <vector>

#include "carriers/pond/wire.hpp"

namespace carryall::carriers::pond {

inline constexpr int kPackagesPerPage = 100;
inline constexpr std::size_t kMaxPackages = 5'000;

class PackageList {
  public:
    explicit PackageList(std::string iccid) : iccid_(std::move(iccid)) {}

    // Of the next page, below the distributor. Active and not active ones, if wanted terminated.
    std::string path(bool with_terminated) const;
    // The answer to it. A verdict: it cannot be used, and the list has failed.
    std::optional<Verdict> take(const Answer& answer);
    bool is_complete() const { return is_complete_; }

    const std::vector<Package>& packages() const { return packages_; }
    void add(Package package) { packages_.push_back(std::move(package)); }

  private:
    std::string iccid_;
    std::vector<Package> packages_;
    bool is_complete_ = false;
};

}  // namespace carryall::carriers::pond
