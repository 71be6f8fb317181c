// How the accounts of a tenant stand: limits, what they were called at lately, what holds them up,
// how much waits for them and when it may be done. What is not known is absent.
#pragma once

#include <string>
#include <vector>

#include "accounts/account.hpp"

namespace carryall::accounts {

struct AccountReport {
    std::int64_t tenant_id = 0;
    std::int64_t service_provider_id = 0;
    std::string name;
    std::string integration;
    Limits limits;                       // in effect; absent: none of this kind
    std::optional<double> learned_rate;  // below the limit, after the carrier asked for less
    double calls_per_second = 0;         // of the last minute
    double devices_per_second = 0;
    std::int64_t quota_used = 0;  // today, by UTC
    bool breaker_is_open = false;
    std::optional<std::int64_t> calls_in_flight;  // reserved by workers; absent: not limited
    std::int64_t orphans = 0;  // callbacks without a change, counted up to 100,000
    std::string held_up_by;    // "pause", "breaker", "quota", "blackout"; empty: nothing
    std::string reason;
    std::optional<std::string> held_up_until;  // ISO 8601
    std::int64_t backlog = 0;                  // devices that have not ended, of changes that run
    std::optional<std::int64_t> finishes_in_seconds;  // at the present pace; absent: cannot be told
};

// Every active service provider of the tenant, by id. One statement.
Result<std::vector<AccountReport>> report_accounts(db::Connection& connection,
                                                   std::int64_t tenant_id);

// Of every active tenant, by tenant and id, for metrics. One statement.
Result<std::vector<AccountReport>> report_all_accounts(db::Connection& connection);

}  // namespace carryall::accounts
