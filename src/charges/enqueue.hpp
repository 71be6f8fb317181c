// Phase 1: a run is ordered, and the intents of its instances or of its file are made. Ordering
// checks everything that a person can mend beforehand; the intents are made by a worker, set-based,
// in one transaction for each instance or file. The run of a file has its one part from the order
// on, and whoever takes that part up first makes its intents: so what wakes parts wakes files, too.
//
// What must stay true: doing either again changes nothing. An instance belongs to one run, an
// intent exists once, and a part's messages are committed with its intents.
#pragma once

#include <vector>

#include "charges/charge.hpp"
#include "charges/optimization.hpp"
#include "db/postgres.hpp"
#include "queue/queue.hpp"
#include "tenants/token.hpp"

namespace carryall::charges {

struct OrderedRun {
    ChargeRunId id;
    bool is_new = false;  // false: these instances were ordered before, by this run
};

// `invalid_input` with the place in the list: an instance that there is not (or that is another
// tenant's), twice in the list, without comm groups, of a customer without a Rev.io id in a Rev
// run, with a line in two winning queues. `conflict`: not finished, charged by another run, its
// Rev.io account may not be written to, its billing period is signed off.
Result<OrderedRun> order_run(db::Connection& connection, const tenants::Caller& caller,
                             const std::vector<std::int64_t>& instances);

// Orders the run of a file. `invalid_input`: there is no such file. `conflict`: its Rev.io account
// may not be written to, its billing period is signed off.
Result<OrderedRun> order_file(db::Connection& connection, const tenants::Caller& caller,
                              ChargeFileId file);

// The same checks without the order; instances that are charged already pass.
Result<void> check_order(db::Transaction& transaction, std::int64_t tenant_id,
                         const std::vector<std::int64_t>& instances);
Result<void> check_file_order(db::Transaction& transaction, std::int64_t tenant_id,
                              ChargeFileId file);

struct MadeIntents {
    bool is_new = false;  // false: they had been made before
    std::int64_t parts = 0;
    std::int64_t charges = 0;
};
// The intents of one instance of a run, with the messages for what follows.
Result<MadeIntents> make_intents(db::Connection& connection, std::int64_t tenant_id,
                                 ChargeRunId run, InstanceId instance);

// The same of the run of a file. A run that has a line without a customer is stopped instead: a
// person gives it one and resumes the run.
Result<MadeIntents> make_file_intents(db::Connection& connection, std::int64_t tenant_id,
                                      ChargeRunId run);

// Messages for what the run has to do by now. Part of the caller's transaction.
Result<bool> wake_run(db::Transaction& transaction, std::int64_t tenant_id, ChargeRunId run);

// Messages for everything that has work and no message. Answers how many.
Result<std::int64_t> sweep_charges(db::Connection& connection);

}  // namespace carryall::charges
