// Events: what happened that somebody outside may want to hear of. They are written by the SQL
// function emit_event in the transaction of what they tell; this folder knows their types as text
// and their payloads as JSON, and nothing of what they are about.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "db/postgres.hpp"
#include "tenants/page_token.hpp"
#include "tenants/tenant.hpp"

namespace carryall::notify {

using base::Result;
using EventId = base::Id<struct EventTag>;

// What can be subscribed to: a misspelt type would never be heard of.
inline constexpr std::array<std::string_view, 8> kEventTypes = {
    "activation.completed",       "bulk_change.finished",
    "bulk_change.paused",         "charge_run.finished",
    "charge_run.list_not_stored", "charge_run.stopped",
    "device_change.parked",       "webhook.disabled"};

inline constexpr std::size_t kMaxEventTypes = 20;  // of one subscription

// The types are known; the same one twice counts once.
Result<std::vector<std::string>> check_event_types(const std::vector<std::string>& types);

struct Event {
    EventId id;
    std::string type;
    std::string subject;  // "bulk_change/17"
    base::json::value payload;
    std::string created_at;
};

struct EventFilter {
    std::string type;  // empty: any
    std::string subject;
};

// Newest first.
Result<tenants::Page<Event>> list_events(db::Connection& connection,
                                         const tenants::PageTokens& tokens,
                                         tenants::TenantId tenant_id, const EventFilter& filter,
                                         const tenants::PageRequest& page);

}  // namespace carryall::notify
