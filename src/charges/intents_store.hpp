// What is to be charged: the lines that optimisation results or a file come to, each with its
// amount, its texts and its verdict, as one SQL query; and the intents that are made of them.
//
// What must stay true: a preview and the making of intents read the same lines, so what was shown
// is what is charged. The parts of a sum add up: the overage is what the rounded total leaves over
// the rounded rate.
#pragma once

#include <string>
#include <vector>

#include "charges/charge.hpp"
#include "charges/optimization.hpp"
#include "db/postgres.hpp"

namespace carryall::charges {

// A subquery of the lines of $1 (tenant) for the parts in a relation `part` with the columns
// part_number, source ('instance' or 'file'), source_id, queue_id, portal_type, customer_id (NULL:
// each device's own), account_id (of Rev.io; NULL: none), period_start, period_end. Columns: those
// of `charge` that are facts (without run, position and generation), and state and reason, the
// verdict; beside them customer, rate_plan and integration, for reports.
std::string lines_of_instances();
std::string lines_of_files();

// Parks the lines in a table that repeat those of an earlier instance in it. Columns: device_id,
// kind, period_start, period_end, state, reason, and place, that of the instance in the session.
std::string repeats_sql(const std::string& table);

struct MadePart {
    int part_number = 0;
    std::int64_t queue_id = 0;
    std::int64_t integration_authentication_id = 0;
    PortalType portal_type = PortalType::m2m;
    bool is_settled = false;  // nothing is to be sent
    std::int64_t charges = 0;
};
// Pages and counters of the parts and charges that the run has of this instance (none: of those
// without one), and the run's own.
Result<std::vector<MadePart>> finish_making(db::Transaction& transaction, std::int64_t tenant_id,
                                            ChargeRunId run, InstanceId instance);

// Parts, charges, counters and pages; in the order of the comm groups.
Result<std::vector<MadePart>> insert_intents(db::Transaction& transaction, std::int64_t tenant_id,
                                             ChargeRunId run, InstanceId instance);
// The same of the one part that the run of a file has from its order on.
Result<std::vector<MadePart>> insert_file_intents(db::Transaction& transaction,
                                                  std::int64_t tenant_id, ChargeRunId run,
                                                  ChargeFileId file);

}  // namespace carryall::charges
