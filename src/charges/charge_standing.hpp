// How the charges of each Rev.io account stand, for those who watch the platform: what is open,
// what waits for a person, and for how long something waits that should not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "charges/finish_rules.hpp"
#include "db/postgres.hpp"

namespace carryall::charges {

using base::Result;

// Of runs that have not finished, and of those made in the last 92 days.
struct ChargeStanding {
    std::int64_t tenant_id = 0;
    std::optional<std::int64_t> service_provider_id;  // none: customers without Rev.io
    std::string integration;                          // "none" then
    std::int64_t fresh = 0;                           // "new"
    std::int64_t unknown = 0;
    std::int64_t parked = 0;
    std::int64_t failed = 0;
    std::int64_t stopped_runs = 0;
    std::int64_t lists_to_store = 0;          // of parts that have settled
    std::int64_t oldest_list_seconds = 0;     // since its part settled; 0: there is none
    std::int64_t oldest_unknown_seconds = 0;  // since its outcome became unclear; 0: there is none
    AccountLoad load;                         // of runs that are not stopped
};

// Every account with such runs, of every active tenant. One statement a tenant.
Result<std::vector<ChargeStanding>> read_charge_standings(db::Connection& connection);

}  // namespace carryall::charges
