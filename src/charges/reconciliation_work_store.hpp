// A worker's view of reconciliations: claim one, write down what Rev.io showed, compare. What was
// read at once is one transaction with the places to go on from.
//
// What must stay true: every write names the claim's attempt, so that a worker whose lease ran out
// changes nothing; a customer's reading begins no earlier than its `started_at`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "billing/revio/charge_reading.hpp"
#include "charges/reconciliation.hpp"

namespace carryall::charges {

struct DueReconciliation {
    std::int64_t tenant_id = 0;
    ReconciliationId id;
};
// Of all tenants, what has waited longest first.
Result<std::vector<DueReconciliation>> due_reconciliations(db::Connection& connection);

struct ClaimedReconciliation {
    std::int64_t tenant_id = 0;
    ReconciliationId id;
    int attempt = 0;  // the fence
    int retry_number = 0;
    int lost_count = 0;
};
// None: another worker has it, or it is not due any more.
Result<std::optional<ClaimedReconciliation>> claim_reconciliation(db::Connection& connection,
                                                                  const DueReconciliation& due,
                                                                  const std::string& worker,
                                                                  std::chrono::seconds lease);
// False: it was taken over by another worker. So do all that follow.
Result<bool> extend_reconciliation(db::Connection& connection, const ClaimedReconciliation& claim,
                                   std::chrono::seconds lease);

struct ReconciliationPause {
    std::chrono::milliseconds due_in{0};
    std::optional<std::string> reason;  // of a failure
    int retry_number = 0;
};
Result<bool> release_reconciliation(db::Connection& connection, const ClaimedReconciliation& claim,
                                    const ReconciliationPause& pause);
Result<bool> fail_reconciliation(db::Connection& connection, const ClaimedReconciliation& claim,
                                 const std::string& reason);

// How long until what was charged last is shown by every reading; zero: it is by now.
Result<std::chrono::milliseconds> settling_left(db::Connection& connection,
                                                const ClaimedReconciliation& claim,
                                                std::chrono::seconds settling);

struct UnreadCustomer {
    std::int64_t service_provider_id = 0;
    std::int64_t rev_customer_id = 0;
    int look = 1;
    int page_count = 0;
    base::json::value resume;
};
// Of one account, at most so many; none: all are read. They are marked as begun.
Result<std::vector<UnreadCustomer>> begin_customers(db::Connection& connection,
                                                    const ClaimedReconciliation& claim, int most);

struct ReadPage {
    UnreadCustomer customer;  // as it was before this page
    billing::revio::ChargePage page;
};
Result<bool> store_pages(db::Connection& connection, const ClaimedReconciliation& claim,
                         const std::vector<ReadPage>& pages, std::chrono::seconds lease);

enum class Compared {
    taken_over,
    reads_again,  // something seems to be missing: those customers are looked at a second time
    done,
};
// All customers must have been read. `settling`: what was charged so long or less before its
// customer's reading is not judged.
Result<Compared> compare_charges(db::Connection& connection, const ClaimedReconciliation& claim,
                                 std::chrono::seconds settling);

}  // namespace carryall::charges
