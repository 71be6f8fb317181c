// What readings of a carrier's inventory found changed on a line since the reading before: what was
// done at the carrier, by us or by others, as far as readings can tell.
#pragma once

#include <cstdint>
#include <string>

#include "sync/sync.hpp"

namespace carryall::sync {

struct CarrierEvent {
    std::int64_t id = 0;
    std::string occurred_at;  // when the reading found it
    // "appeared": first seen. "gone": a full reading did not show it any more. "returned" after it.
    // "changed": anything else.
    std::string kind;
    base::json::value before;  // only the members that differ; null: appeared
    base::json::value after;   // null: gone
    std::int64_t line_id = 0;  // a device may have had several lines, one after the other
    SyncId sync_id;
};

// Of the lines that are the device's now, newest first. A missing device is `not_found`.
Result<tenants::Page<CarrierEvent>> carrier_events(db::Connection& connection,
                                                   const tenants::PageTokens& tokens,
                                                   TenantId tenant_id, devices::DeviceId device,
                                                   const tenants::PageRequest& page);

}  // namespace carryall::sync
