// What one message says of several events. Pure.
#include "notify/burst.hpp"

namespace carryall::notify {
namespace {

namespace json = base::json;

constexpr std::size_t kMaxDevices = 100;  // as many as an event names

}  // namespace

json::value joined_payload(const std::vector<json::value>& payloads) {
    if (payloads.size() == 1) return payloads.front();
    json::object joined;
    std::int64_t count = 0;
    json::array devices;
    for (const json::value& payload : payloads) {
        if (!payload.is_object()) continue;
        const json::object& one = payload.get_object();
        for (const auto& [name, value] : one) joined[name] = value;
        const json::value* counted = one.if_contains("count");
        if (counted != nullptr && counted->is_int64()) count += counted->get_int64();
        const json::value* named = one.if_contains("devices");
        if (named == nullptr || !named->is_array()) continue;
        for (const json::value& device : named->get_array()) {
            if (devices.size() < kMaxDevices) devices.push_back(device);
        }
    }
    joined.erase("pageNumber");
    joined["count"] = count;
    joined["devices"] = std::move(devices);
    return joined;
}

}  // namespace carryall::notify
