// What an optimisation found, under the ids of the optimiser: an instance is one customer's billing
// period, its comm groups are sets of devices, and each queue of a comm group is one way to group
// their plans, with a total cost and one result a device. The queue that wins is what is charged.
//
// What must stay true: an instance is written as a whole or not at all, and never again once a
// charge run holds it; every result names a device of the same tenant, once in a queue; amounts are
// decimal texts that nothing has rounded. What the optimiser gets wrong is told row by row.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/time_zone.hpp"
#include "charges/table_report.hpp"
#include "db/postgres.hpp"
#include "tenants/page_token.hpp"
#include "tenants/token.hpp"

namespace carryall::charges {

using base::Result;
using tenants::TenantId;

// Ids of the optimiser, unique in a tenant.
using InstanceId = base::Id<struct OptimizationInstanceTag>;
using CommGroupId = base::Id<struct OptimizationCommGroupTag>;
using QueueId = base::Id<struct OptimizationQueueTag>;

inline constexpr std::size_t kMaxCommGroups = 1'000;   // of an instance
inline constexpr std::size_t kMaxQueues = 10'000;      // of an instance
inline constexpr std::size_t kMaxCustomerEmails = 20;  // of an instance

// Spelled "m2m", "mobility", "crossProvider" in JSON; "cross_provider" in the database. Numbers are
// those of the original system.
enum class PortalType { m2m = 0, mobility = 2, cross_provider = 3 };
std::string_view to_string(PortalType type);    // JSON
std::string_view stored_name(PortalType type);  // database
std::optional<PortalType> portal_type_of(const base::json::value& name_or_number);
std::optional<PortalType> parse_portal_type(std::string_view text);  // any spelling, or the number

// --- taking results (optimization_put.cpp, optimization_import.cpp) ------------------------------

// Device results taken or refused.
struct ResultsReport : TableReport {
    std::int64_t removed_rows = 0;  // stored before for the same queues and portals
};

struct PutInstance {
    bool is_new = false;
    ResultsReport results;  // of the device results in the body
};

// Writes the instance as `body` says, in place of what was stored under its id. Device results that
// a queue of the body does not mention stay if the queue stays; [] empties them. Every mistake is
// added to `errors` with its JSON pointer, and then nothing is stored. `conflict`: the instance is
// charged. `body` comes from base::parse_json_exactly, so that no amount was ever rounded.
Result<PutInstance> put_instance(db::Connection& connection, const tenants::Caller& caller,
                                 InstanceId id, const base::json::value& body,
                                 base::JsonErrors& errors);

// Takes the device results of a CSV or XLSX file: all rows or none. They take the place of what the
// queues that the file names hold for the portals it names. `conflict`: the instance is charged, or
// another file for it is being read.
Result<ResultsReport> import_results(db::Connection& connection, const tenants::Caller& caller,
                                     InstanceId id, const std::filesystem::path& file,
                                     bool dry_run);
// The columns of such a file by the names used in documentation.
std::vector<std::string> result_columns();

// --- reading them (optimization_store.cpp) -------------------------------------------------------

struct Instance {
    InstanceId id;
    PortalType portal_type = PortalType::m2m;
    std::int64_t customer_id = 0;
    std::string customer;
    std::optional<std::string> rev_customer_id;
    std::optional<std::int64_t> integration_authentication_id;
    std::string billing_period_start;  // "2026-03-01"
    std::string billing_period_end;
    std::optional<std::string> run_end_time;
    std::vector<std::string> customer_emails;
    std::int64_t comm_group_count = 0;
    std::int64_t queue_count = 0;
    std::optional<std::int64_t> charge_run_id;  // of the run that charges it
    std::string imported_by;
    std::string imported_at;
};

struct Queue {
    QueueId id;
    std::optional<std::string> total_cost;
    std::optional<std::string> run_end_time;
    std::int64_t m2m_result_count = 0;
    std::int64_t mobility_result_count = 0;
};

// The queue of a comm group that is charged: the lowest total cost among those that have ended and
// have device results in a portal of the instance; of equal ones the lowest id.
struct WinningQueue {
    CommGroupId comm_group_id;
    QueueId queue_id;    // 0: none
    std::string reason;  // why none: "no queue has ended"
};

struct CommGroup {
    CommGroupId id;
    WinningQueue winning;
    std::vector<Queue> queues;
};

struct InstanceDetails {
    Instance instance;
    std::vector<CommGroup> comm_groups;
};

struct InstanceFilter {
    std::optional<std::int64_t> customer_id;
    std::optional<PortalType> portal_type;
    std::optional<bool> is_charged;
};

// By descending id.
Result<tenants::Page<Instance>> list_instances(db::Connection& connection,
                                               const tenants::PageTokens& tokens,
                                               TenantId tenant_id, const InstanceFilter& filter,
                                               const tenants::PageRequest& page);
Result<InstanceDetails> get_instance(db::Connection& connection, TenantId tenant_id, InstanceId id);

// One a comm group, by the group's id. Empty for an instance without groups, or that there is not.
Result<std::vector<WinningQueue>> winning_queues(db::Connection& connection, TenantId tenant_id,
                                                 InstanceId id);

// The same as SQL, to stand in parentheses in another statement. $1: tenant, $2: instance. Columns:
// optimization_comm_group_id bigint, optimization_queue_id bigint (0: none), reason text (NULL
// beside a queue). One row a comm group.
std::string winning_queue_sql(const std::string& instance = "$2");

}  // namespace carryall::charges
