// A list that contradicts itself (a page without packages before the end) is not believed.
#include "carriers/pond/package_list.hpp"

namespace carryall::carriers::pond {

std::string PackageList::path(bool with_terminated) const {
    std::string path =
        "/sim/" + iccid_ + "/package/infos?packageStatuses=ACTIVE&packageStatuses=NOT_ACTIVE";
    if (with_terminated) path += "&packageStatuses=TERMINATED";
    return path + "&offset=" + std::to_string(packages_.size()) +
           "&count=" + std::to_string(kPackagesPerPage);
}

std::optional<Verdict> PackageList::take(const Answer& answer) {
    if (answer.verdict.meaning != Meaning::accepted) return answer.verdict;
    auto page = parse_package_page(answer.body, iccid_);
    if (!page) return malformed("no list of packages");
    const std::size_t count = page->packages.size();
    for (Package& package : page->packages) packages_.push_back(std::move(package));
    is_complete_ = packages_.size() >= static_cast<std::size_t>(page->total);
    if (is_complete_) return std::nullopt;
    if (count == 0) return malformed("a page without packages");
    if (packages_.size() >= kMaxPackages) return malformed("too many packages for one SIM");
    return std::nullopt;
}

}  // namespace carryall::carriers::pond
