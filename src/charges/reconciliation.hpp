// Reconciliation: all charges that Rev.io holds for the customers of a run, or of a billing period
// at one account, beside what our ledger says. A person asks for it, workers carry it out.
//
// What must stay true: whatever is missing, extra or wrong is a difference, and nothing else is:
// charges that are not ours, or that were made while Rev.io was read, are none. Nothing is repaired
// by itself; a difference only says what a person could do.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "charges/charge.hpp"
#include "db/postgres.hpp"
#include "sheets/csv_writer.hpp"
#include "tenants/page_token.hpp"
#include "tenants/token.hpp"

namespace carryall::charges {

using ReconciliationId = base::Id<struct ReconciliationTag>;
using DifferenceId = base::Id<struct DifferenceTag>;

// Of a run, or of a billing period at a Rev.io account: one of the two.
struct ReconciliationScope {
    ChargeRunId run;
    std::optional<std::int64_t> integration_authentication_id;
    std::string billing_period_start, billing_period_end;
};

// How many, and what they come to. Of found ones and of extra ones: as Rev.io has them.
struct CountAndAmount {
    std::int64_t count = 0;
    std::string amount = "0";
};

struct Reconciliation {
    ReconciliationId id;
    ReconciliationScope scope;
    std::string state;  // "queued", "running", "done", "failed"
    std::optional<std::string> reason;
    std::int64_t customers = 0, customers_read = 0;
    std::int64_t pages = 0, records = 0;
    CountAndAmount intended;                      // what is to be in Rev.io
    CountAndAmount sent;                          // of these, what our ledger says is there
    CountAndAmount found;                         // of these, what is there
    CountAndAmount missing, extra, wrong_amount;  // the amount of wrong ones: Rev.io's minus ours
    std::int64_t wrong_other = 0;                 // differences of all other kinds
    std::int64_t unknown = 0;                     // intents that may or may not be there
    std::int64_t not_judged = 0;                  // charged too shortly before Rev.io was read
    std::int64_t differences = 0, open_differences = 0;  // open: not accepted
    std::string created_by, created_at;
    std::optional<std::string> started_at, finished_at, judged_until;
};

struct AskedReconciliation {
    ReconciliationId id;
    bool is_new = false;  // false: it was asked for before and has not ended
};
// `not_found`: no such run. `invalid_input`: no such Rev.io account, no dates. `conflict`: nothing
// of this run or period goes to Rev.io.
Result<AskedReconciliation> ask_reconciliation(db::Connection& connection,
                                               const tenants::Caller& caller,
                                               const ReconciliationScope& scope);

Result<tenants::Page<Reconciliation>> list_reconciliations(db::Connection& connection,
                                                           const tenants::PageTokens& tokens,
                                                           tenants::TenantId tenant_id,
                                                           ChargeRunId run,  // none: all
                                                           const tenants::PageRequest& page);
Result<Reconciliation> get_reconciliation(db::Connection& connection, tenants::TenantId tenant_id,
                                          ReconciliationId id);

inline constexpr const char* kDifferenceKinds =
    "missing extra other_id wrong_amount wrong_customer wrong_period wrong_product wrong_service";

struct ChargeDifference {
    DifferenceId id;
    ReconciliationId reconciliation;
    std::string kind;  // one of kDifferenceKinds
    std::optional<std::int64_t> charge_id, revio_charge_id;
    std::int64_t rev_customer_id = 0;
    std::optional<std::string> charge_state;
    std::string marker;
    std::optional<std::string> our_amount, revio_amount;
    std::optional<std::string> ours, theirs;  // of what is wrong
    std::string repair;                       // "charge_again", "remove", "adopt", "correct", …
    std::string proposal;                     // the same in words
    std::optional<std::string> accepted_by, accepted_at, accepted_reason;
};

struct DifferenceFilter {
    ReconciliationId reconciliation;
    std::string kind;  // empty: any
    std::optional<bool> is_accepted;
};
Result<tenants::Page<ChargeDifference>> list_differences(db::Connection& connection,
                                                         const tenants::PageTokens& tokens,
                                                         tenants::TenantId tenant_id,
                                                         const DifferenceFilter& filter,
                                                         const tenants::PageRequest& page);
Result<void> write_differences(db::Connection& connection, tenants::TenantId tenant_id,
                               ReconciliationId id, sheets::CsvWriter& writer);

// A person says that it may stay so. It stays accepted in later reconciliations that find the very
// same. `conflict`: it is accepted already.
Result<ChargeDifference> accept_difference(db::Connection& connection,
                                           const tenants::Caller& caller, DifferenceId id,
                                           const std::string& reason);

// Differences that nobody accepted, of the last reconciliations, by kind, over all tenants.
Result<std::vector<std::pair<std::string, std::int64_t>>> open_differences(
    db::Connection& connection);

}  // namespace carryall::charges
