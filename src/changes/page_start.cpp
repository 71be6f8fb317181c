#include "changes/page_start.hpp"

#include <algorithm>

namespace carryall::changes {
namespace {

using std::chrono::milliseconds;

// Devices begun at once on a page that was lost once; of one that was lost twice it is one device.
constexpr std::size_t kCarefulDevices = 64;

}  // namespace

carriers::Attempt attempt_at(const ClaimedPage& page, const ClaimedDevice& device,
                             const std::string& correlation_id,
                             std::chrono::seconds settling_time) {
    carriers::Attempt attempt;
    attempt.now = page.claimed_at;
    attempt.correlation_id = correlation_id;
    if (!device.progress.empty()) {
        attempt.progress = base::parse_json(device.progress).value_or(nullptr);
    }
    attempt.resolving = device.lost || device.state == DeviceState::unknown;
    attempt.settled = device.sent_ago && *device.sent_ago >= milliseconds(settling_time);
    attempt.unclear_since = device.unclear_since;
    attempt.waiting = device.state == DeviceState::waiting;
    attempt.sent_ago = device.sent_ago;
    if (!device.notices.empty()) {
        auto notices = base::parse_json(device.notices);
        if (notices && notices->is_array()) attempt.notices = std::move(notices->get_array());
    }
    return attempt;
}

std::vector<ClaimedDevice> take_aside(ClaimedPage& page, bool is_poisoned) {
    if (page.lost_count == 0) return {};
    // Devices that came due since the last worker died are not what it died of.
    std::stable_partition(page.devices.begin(), page.devices.end(),
                          [](const ClaimedDevice& device) { return device.lost; });
    const std::size_t size = is_poisoned || page.lost_count > 1 ? 1 : kCarefulDevices;
    if (page.devices.size() <= size) return {};
    const auto first = page.devices.begin() + static_cast<std::ptrdiff_t>(size);
    std::vector<ClaimedDevice> left(std::make_move_iterator(first),
                                    std::make_move_iterator(page.devices.end()));
    page.devices.erase(first, page.devices.end());
    return left;
}

}  // namespace carryall::changes
