// Rev.io, the billing system: the account, and the exchanges that give a line to a customer. Pure
// like a carrier's exchanges (carriers/exchange.hpp); the engine sends, paces and logs.
//
// What must stay true: one active service per number. POST /Services and POST /ServiceProduct are
// not idempotent at Rev.io, so neither is sent before a reading has shown that it is missing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "carriers/carrier.hpp"

namespace carryall::billing::revio {

// Rev.io allows 500 calls a minute and 150,000 a day for each account; a little is left for others.
inline constexpr double kDefaultRatePerSecond = 7.5;
inline constexpr std::int64_t kCallsPerDay = 150'000;
// So many exchanges that ask the same (the charges of one service) are answered by one reading.
// What changes something is never shared.
inline constexpr int kQuestionsPerReading = 500;
// After it a reading shows every change made before.
inline constexpr std::chrono::seconds kSettlingTime{60};

// Settings: baseUrl (optional), timeoutSeconds (optional). Credentials: username ("user@client"),
// password, subscriptionKey. Errors name the setting.
base::Result<carriers::Account> account(std::int64_t service_provider_id,
                                        carriers::SettingsReader& reader);
base::Result<carriers::Account> account(std::int64_t service_provider_id,
                                        const base::json::object& settings,
                                        const base::json::object& credentials);

struct AssignService {
    std::int64_t rev_customer_id = 0;
    std::string number;   // what the line is known by at Rev.io: its MSISDN, or else its ICCID
    std::string number2;  // empty: none
    std::int64_t provider_id = 0;
    std::optional<std::int64_t> service_type_id;
    std::optional<std::int64_t> usage_plan_group_id;
    std::optional<std::int64_t> package_id;
    std::vector<std::int64_t> product_ids;
    std::string activated_date;  // "2026-03-01"; empty: today, Rev.io's choice
    std::string effective_date;  // only when the first month is prorated; empty: not sent
    std::string description;
    // Added to the description, so that a service made by an attempt that crashed is told from one
    // that was there before. The same for every attempt of one device change, and for no other.
    std::string token;
};

// Applied.details: revioServiceId, number, activatedDate ("2026-03-01", or empty),
// revioServiceProductIds [id] and, with the product each belongs to, revioServiceProducts
// [{revioServiceProductId, productId}].
// Refused with the seeds' words when the number has an active service already.
std::unique_ptr<carriers::Exchange> assign_service(const carriers::Account& account,
                                                   AssignService request,
                                                   const carriers::Attempt& attempt);

// Reads only. Applied.details: found; if so revioServiceId, revCustomerId, number, activatedDate of
// the active service.
std::unique_ptr<carriers::Exchange> find_service(const carriers::Account& account,
                                                 std::string number);

}  // namespace carryall::billing::revio
