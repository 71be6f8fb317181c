// What is still to come: devices of bulk changes that have a date ahead, and customer rate plans in
// customer_rate_plan_device_queue. Both belong to a bulk change and to one of its device changes,
// so a device change's id names a single row of a schedule. What must stay true: only what has not
// begun is moved or cancelled, and it is found under the lock that a worker takes to begin it; the
// counters of a change add up afterwards; a large schedule is worked in pieces, each complete in
// itself.
//
// Several changes of one device: each is carried out at its own date, in the order of the dates. A
// change whose date is ahead holds no other back; who submits another is warned of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "changes/bulk_change.hpp"
#include "changes/report.hpp"
#include "changes/submit.hpp"

namespace carryall::changes {

inline constexpr std::size_t kMaxNamedRows = 1'000;
inline constexpr std::size_t kMaxCancelReasonBytes = 500;
// Devices of one statement that moves or cancels.
inline constexpr int kScheduleBatch = 20'000;

struct ScheduleFilter {
    std::optional<std::int64_t> device_id;
    std::optional<std::int64_t> customer_id;  // of the devices, now
    std::optional<std::int64_t> service_provider_id;
    std::optional<base::Instant> due_from;
    std::optional<base::Instant> due_before;
};

// What is to come of one bulk change, as far as the filter asks for it.
struct Schedule {
    BulkChangeId id;
    std::string change_type;
    std::string status;  // NEW: its dates come, but it waits to be started
    std::int64_t service_provider_id = 0;
    std::string service_provider;
    std::string created_by;
    ScheduleDates dates;            // the next and the last
    std::int64_t change_count = 0;  // devices that are to be changed at their date
    std::int64_t plan_count = 0;    // customer rate plans that are to take effect
};

struct ScheduledRow {
    DeviceChangeId id;
    bool is_rate_plan = false;  // of the customer rate plans' queue
    std::int64_t row_number = 0;
    std::string identifier;
    std::int64_t device_id = 0;
    std::string iccid;
    std::optional<std::string> msisdn;
    std::optional<std::int64_t> customer_id;
    std::string due_at;  // ISO 8601
    base::json::value request;
};

// Soonest first.
base::Result<Page<Schedule>> list_schedules(db::Connection& connection, const PageTokens& tokens,
                                            TenantId tenant_id, const ScheduleFilter& filter,
                                            const PageRequest& page,
                                            std::optional<base::Instant> now = {});
// In the order of their rows. Not found: no such bulk change.
base::Result<Page<ScheduledRow>> list_scheduled_rows(db::Connection& connection,
                                                     const PageTokens& tokens, TenantId tenant_id,
                                                     BulkChangeId id, const ScheduleFilter& filter,
                                                     const PageRequest& page,
                                                     std::optional<base::Instant> now = {});

struct ScheduleScope {
    BulkChangeId id;
    std::vector<DeviceChangeId> rows;  // empty: everything of it that is still to come
};
struct ScheduleOutcome {
    std::int64_t change_count = 0;
    std::int64_t plan_count = 0;
    std::int64_t left_count = 0;  // still to come, but in a page that is being sent: ask again
    std::string status;           // of the bulk change afterwards
};
// `conflict` if nothing of the scope is still to come.
base::Result<ScheduleOutcome> move_schedule(db::Connection& connection,
                                            const tenants::Caller& caller,
                                            const ScheduleScope& scope, base::Instant to,
                                            const std::string& time_zone,
                                            std::optional<base::Instant> now = {});
base::Result<ScheduleOutcome> cancel_schedule(db::Connection& connection,
                                              const tenants::Caller& caller,
                                              const ScheduleScope& scope, const std::string& reason,
                                              std::optional<base::Instant> now = {});

}  // namespace carryall::changes
