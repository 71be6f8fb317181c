// What the values of an optimisation may be: dates, addresses, device results, the instance itself.
// Pure. What must stay true: amounts stay texts (table_rules.hpp), and every mistake is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "charges/optimization.hpp"
#include "charges/table_rules.hpp"

namespace carryall::charges {

// "2026-03-01" as it is; an instant ("2026-03-01T05:00:00Z") becomes its date in `zone`, and a time
// without an offset is meant there.
Result<std::string> read_billing_date(std::string_view text, const base::TimeZone& zone);

// An array of up to `most` mail addresses.
Result<std::vector<std::string>> read_addresses(const base::json::value& value, std::size_t most);

// --- device results ------------------------------------------------------------------------------

// Columns of a file, and members of a device result in JSON.
const std::vector<TableColumn>& result_columns_described();

// --- the instance in JSON ------------------------------------------------------------------------

struct QueueRequest {
    QueueId id;
    std::optional<std::string> total_cost;
    std::optional<std::string> run_end_time;
    std::string pointer;  // "/commGroups/0/queues/1"
    // Empty: not mentioned, those that are stored stay.
    std::optional<std::vector<TableCells>> device_results;
};

struct CommGroupRequest {
    CommGroupId id;
    std::string pointer;
    std::vector<QueueRequest> queues;
};

struct InstanceRequest {
    PortalType portal_type = PortalType::m2m;
    std::optional<std::int64_t> customer_id;
    std::optional<std::string> rev_customer_id;
    std::optional<std::string> customer;  // by name
    std::optional<std::int64_t> integration_authentication_id;
    std::string billing_period_start;
    std::string billing_period_end;
    std::optional<std::string> run_end_time;
    std::vector<std::string> customer_emails;
    std::vector<CommGroupRequest> comm_groups;
};

// Mistakes go to `errors`; then the request must not be used.
InstanceRequest read_instance(const base::json::value& body, const base::TimeZone& zone,
                              base::JsonErrors& errors);

}  // namespace carryall::charges
