// The SQL of ordering runs and making intents. Every function is a fixed number of statements,
// whatever the number of devices.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "charges/enqueue.hpp"

namespace carryall::charges {

// A line that an instance would charge twice, in two winning queues.
struct RepeatedLine {
    std::size_t index = 0;  // of the instance in the list
    std::int64_t instance = 0;
    std::string iccid;
    std::string queues;  // "7101 and 7201"
};
Result<std::optional<RepeatedLine>> repeated_line(db::Transaction& transaction,
                                                  std::int64_t tenant_id,
                                                  const std::vector<std::int64_t>& ids);

// What decides about an instance that is to be charged.
struct InstanceFacts {
    std::int64_t id = 0;
    bool exists = false;
    bool is_finished = false;
    bool has_groups = false;
    bool is_rev = false;               // goes to Rev.io
    bool has_rev_customer_id = false;  // one that Rev.io can have
    bool is_account_usable = false;    // active, of Rev.io, may be written to
    std::string customer;
    std::string account;
    std::optional<std::int64_t> run;  // that charges it
};
// In the order of `ids`.
Result<std::vector<InstanceFacts>> instance_facts(db::Transaction& transaction,
                                                  std::int64_t tenant_id,
                                                  const std::vector<std::int64_t>& ids);
// How many instances the run has.
Result<std::int64_t> instances_of_run(db::Transaction& transaction, std::int64_t tenant_id,
                                      ChargeRunId run);
Result<ChargeRunId> insert_run(db::Transaction& transaction, const tenants::Caller& caller,
                               const std::vector<std::int64_t>& ids,
                               const std::string& correlation_id);

// What decides about a file that is to be charged.
struct FileFacts {
    bool is_rev = false;             // goes to Rev.io
    bool is_account_usable = false;  // active, of Rev.io, may be written to
    std::string account;
    std::string period_start, period_end;
    std::optional<std::int64_t> run;  // that charges it
};
// Empty: there is no such file.
Result<std::optional<FileFacts>> file_facts(db::Transaction& transaction, std::int64_t tenant_id,
                                            ChargeFileId file);
// The run with its one part. `conflict`: the file has a run.
Result<ChargeRunId> insert_file_run(db::Transaction& transaction, const tenants::Caller& caller,
                                    ChargeFileId file, const std::string& correlation_id);

struct OrderDelay {
    int last_instance_seconds = 0;
};
Result<OrderDelay> order_delay(db::Transaction& transaction, std::int64_t tenant_id);

// One maker of intents at a time in a tenant, so that two instances with the same device see each
// other; plans for many rows.
Result<void> begin_making(db::Transaction& transaction, std::int64_t tenant_id);

struct InstanceToMake {
    bool is_made = false;
    int position = 0;
    bool is_last = false;
    int instance_count = 1;
    std::string instance_ids;  // of the whole run, by comma
    std::string correlation_id;
    int last_group_delay_seconds = 0;
};
// Locks the row. Empty: no such instance in this run.
Result<std::optional<InstanceToMake>> lock_instance(db::Transaction& transaction,
                                                    std::int64_t tenant_id, ChargeRunId run,
                                                    InstanceId instance);

struct FileToMake {
    ChargeFileId file;
    bool is_made = false;
    bool is_held = false;
    // Lines that had a customer when the file was taken and have none now; the first one's ICCID.
    std::int64_t orphans = 0;
    std::string first_orphan;
};
// Locks the run. Empty: no such run of a file.
Result<std::optional<FileToMake>> lock_file_run(db::Transaction& transaction,
                                                std::int64_t tenant_id, ChargeRunId run);
// A run that cannot go on by itself waits for a person.
Result<void> stop_making(db::Transaction& transaction, std::int64_t tenant_id, ChargeRunId run,
                         const std::string& reason);

}  // namespace carryall::charges
