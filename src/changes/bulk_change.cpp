// The names of a bulk change's nouns, as database, JSON and people spell them.
#include "changes/bulk_change.hpp"

#include <array>
#include <utility>

#include "base/check.hpp"
#include "base/text.hpp"

namespace carryall::changes {
namespace {

constexpr std::array<std::pair<ChangeType, std::string_view>, kChangeTypeCount> kChangeTypes = {{
    {ChangeType::customerassignment, "customerassignment"},
    {ChangeType::carrierrateplanchange, "carrierrateplanchange"},
    {ChangeType::customerrateplanchange, "customerrateplanchange"},
    {ChangeType::statusupdate, "statusupdate"},
    {ChangeType::newserviceactivation, "newserviceactivation"},
}};

// 10 and 4 are the original system's numbers; it names none for the others.
constexpr std::array<std::pair<std::string_view, ChangeType>, kChangeTypeCount> kChangeTypeNumbers =
    {{
        {"10", ChangeType::customerassignment},
        {"7", ChangeType::carrierrateplanchange},
        {"4", ChangeType::customerrateplanchange},
        {"1", ChangeType::statusupdate},
        {"11", ChangeType::newserviceactivation},
    }};

}  // namespace

std::string_view to_string(ChangeType type) {
    for (const auto& [value, name] : kChangeTypes) {
        if (value == type) return name;
    }
    CHECK(false && "a change type without a name");
    return {};
}

std::optional<ChangeType> parse_change_type(std::string_view name) {
    const std::string wanted = base::ascii_lower(base::trim(name));
    for (const auto& [value, known] : kChangeTypes) {
        if (known == wanted) return value;
    }
    for (const auto& [number, value] : kChangeTypeNumbers) {
        if (number == wanted) return value;
    }
    return std::nullopt;
}

std::string_view to_string(Portal portal) {
    switch (portal) {
        case Portal::m2m:
            return "m2m";
        case Portal::mobility:
            return "mobility";
        case Portal::lnp:
            return "lnp";
    }
    CHECK(false && "a portal without a name");
    return {};
}

std::optional<Portal> parse_portal(std::string_view name) {
    // The numbers are the original system's PortalTypeM2M and PortalTypeMobility.
    const std::string wanted = base::ascii_lower(base::trim(name));
    if (wanted == "m2m" || wanted == "0") return Portal::m2m;
    if (wanted == "mobility" || wanted == "2") return Portal::mobility;
    if (wanted == "lnp") return Portal::lnp;
    return std::nullopt;
}

std::string_view to_string(DeviceState state) {
    switch (state) {
        case DeviceState::fresh:
            return "new";
        case DeviceState::sending:
            return "sending";
        case DeviceState::waiting:
            return "waiting";
        case DeviceState::unknown:
            return "unknown";
        case DeviceState::processed:
            return "processed";
        case DeviceState::error:
            return "error";
        case DeviceState::parked:
            return "parked";
        case DeviceState::cancelled:
            return "cancelled";
    }
    CHECK(false && "a device state without a name");
    return {};
}

std::optional<DeviceState> parse_device_state(std::string_view name) {
    const std::string wanted = base::ascii_lower(base::trim(name));
    for (const DeviceState state :
         {DeviceState::fresh, DeviceState::sending, DeviceState::waiting, DeviceState::unknown,
          DeviceState::processed, DeviceState::error, DeviceState::parked,
          DeviceState::cancelled}) {
        if (to_string(state) == wanted) return state;
    }
    return std::nullopt;
}

std::string_view seed_status(DeviceState state) {
    switch (state) {
        case DeviceState::fresh:
            return "NEW";
        case DeviceState::sending:
            return "PROCESSING";
        // Neither has ended, and nobody may be told that it has.
        case DeviceState::waiting:
        case DeviceState::unknown:
            return "PENDING";
        case DeviceState::processed:
            return "PROCESSED";
        // A parked device needs a person and a cancelled one was never carried out.
        case DeviceState::error:
        case DeviceState::parked:
        case DeviceState::cancelled:
            return "ERROR";
    }
    CHECK(false && "a device state without a status");
    return {};
}

}  // namespace carryall::changes
