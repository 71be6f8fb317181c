// Billing periods as their charges make them, and their sign-off: a person says that the charges of
// a period that has ended are right, and the period takes no new run after that.
//
// What must stay true: what is signed off was compared with Rev.io after its last charge, nothing
// of it is still open, and a sign-off never changes. Reversals stay possible, and are shown apart.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "charges/charge.hpp"
#include "db/postgres.hpp"
#include "tenants/page_token.hpp"
#include "tenants/token.hpp"

namespace carryall::charges {

inline constexpr std::size_t kMaxNoteBytes = 2'000;

struct SignOff {
    std::string note, signed_off_by, signed_off_at;
    std::int64_t charges = 0;     // charged or recorded then
    std::string charged_amount;   // likewise
    base::json::value customers;  // [{customerId, customer, chargeCount, amount}]
    std::int64_t reversed_later = 0;
    std::string reversed_later_amount = "0";
};

struct ChargePeriod {
    std::string start, end;
    std::int64_t runs = 0, unfinished_runs = 0;
    ChargeCounts counts;
    std::optional<SignOff> sign_off;  // none: the period is open
};
// Newest first.
Result<tenants::Page<ChargePeriod>> list_periods(db::Connection& connection,
                                                 const tenants::PageTokens& tokens,
                                                 tenants::TenantId tenant_id,
                                                 const tenants::PageRequest& page);

// `conflict` names everything that stands against it: the period has not ended, runs that are not
// finished, charges that are new, unknown or parked, accounts whose last reconciliation is missing,
// too old, or has differences that nobody accepted.
Result<ChargePeriod> sign_off_period(db::Connection& connection, const tenants::Caller& caller,
                                     const std::string& start, const std::string& end,
                                     const std::string& note);

// For those who order runs, before they do: `conflict` if the period of one of these instances is
// signed off. The database refuses it in any case.
Result<void> check_periods_open(db::Transaction& transaction, std::int64_t tenant_id,
                                const std::vector<std::int64_t>& instances);
// The same for a file of this period.
Result<void> check_period_open(db::Transaction& transaction, std::int64_t tenant_id,
                               const std::string& start, const std::string& end);

// Until the transaction ends no period of the tenant is signed off.
Result<void> keep_periods_open(db::Transaction& transaction, std::int64_t tenant_id);

}  // namespace carryall::charges
