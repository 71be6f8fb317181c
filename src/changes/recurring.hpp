// Changes that come again: a stored request and a rule (recurrence.hpp). At each date of the rule
// the request is submitted anew, so that devices are checked against the present, and makes a bulk
// change like any other. What must stay true: a date makes at most one bulk change, with however
// many workers and after whatever crash, because the change and the record of the run are one
// transaction; of dates that passed while no worker ran only the latest is carried out, the others
// are recorded as missed.
//
// The devices are a list, or a filter that is asked at each run. A run is made in the name of who
// stored the request, also after that token is gone: the recurring change belongs to the tenant.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "changes/recurrence.hpp"
#include "changes/report.hpp"
#include "changes/submit.hpp"

namespace carryall::changes {

using RecurringChangeId = base::Id<struct RecurringChangeTag>;

inline constexpr std::int64_t kMaxRecurringPerTenant = 1'000;
inline constexpr std::size_t kMaxRecurringDevices = 100'000;  // in a list
inline constexpr std::size_t kMaxRecordedMisses = 100;        // the latest
inline constexpr int kShownPastRuns = 20;

// Live devices of the request's service provider. Absent: any.
struct DeviceChoice {
    std::optional<std::string> status;  // compared without regard to case
    std::optional<std::string> portal;
    std::optional<std::int64_t> customer_id;
    std::optional<std::int64_t> site_id;
    std::optional<std::int64_t> carrier_rate_plan_id;
    std::optional<std::int64_t> customer_rate_plan_id;
    std::optional<std::int64_t> customer_rate_pool_id;
};
BOOST_DESCRIBE_STRUCT(DeviceChoice, (),
                      (status, portal, customer_id, site_id, carrier_rate_plan_id,
                       customer_rate_plan_id, customer_rate_pool_id))

struct RuleText {
    RuleKind kind = RuleKind::rrule;
    std::string text;
    std::string time_zone;
    base::LocalTime starts_at;
    std::optional<base::Instant> ends_at;  // of cron, which has no end of its own
};
base::Result<Recurrence> understand(const RuleText& rule);

struct NewRecurringChange {
    std::string name;
    base::json::object request;  // a BulkChangeRequest; with devices unless there is a filter
    std::optional<base::json::object> device_filter;  // a DeviceChoice
    RuleText rule;
};

struct RecurringRun {
    std::string run_at;
    std::string outcome;  // made, refused, empty, missed
    std::optional<std::int64_t> bulk_change_id;
    std::optional<std::string> reason;
};

struct RecurringChange {
    RecurringChangeId id;
    std::string name;
    std::int64_t service_provider_id = 0;
    std::string change_type;
    base::json::value request;  // without its devices
    std::int64_t device_count = 0;
    base::json::value device_filter;  // or null
    RuleText rule;
    std::string state;  // active, paused, ended
    std::optional<std::string> next_run_at;
    std::string created_by;
    std::string created_at;
    std::vector<base::Instant> next_runs;  // kShownRuns; of an active or paused one
    std::vector<RecurringRun> past_runs;   // newest first, kShownPastRuns; only of a single one
};

// The request is tried against the present first, and the trial thrown away: what is wrong with it
// is told now. `errors` as with submit().
base::Result<RecurringChange> create_recurring(db::Connection& connection,
                                               const tenants::Caller& caller,
                                               const NewRecurringChange& wanted,
                                               std::vector<base::Error>& errors,
                                               std::optional<base::Instant> now = {});
base::Result<RecurringChange> get_recurring(db::Connection& connection, TenantId tenant_id,
                                            RecurringChangeId id,
                                            std::optional<base::Instant> now = {});
// In the order they were stored; deleted ones are gone.
base::Result<Page<RecurringChange>> list_recurring(db::Connection& connection,
                                                   const PageTokens& tokens, TenantId tenant_id,
                                                   const PageRequest& page,
                                                   std::optional<base::Instant> now = {});

enum class RecurringStep { pause, resume, remove };
// Pausing twice is pausing once. What was due while it was paused is not caught up. `conflict` if
// it has ended, or would have nothing to resume.
base::Result<void> step_recurring(db::Connection& connection, const tenants::Caller& caller,
                                  RecurringChangeId id, RecurringStep step,
                                  std::optional<base::Instant> now = {});

// Makes the changes whose date has come, over all tenants. Answers how many runs were recorded.
// Safe in many workers at once.
base::Result<std::int64_t> run_due_recurring(db::Connection& connection,
                                             std::optional<base::Instant> now = {});

}  // namespace carryall::changes
