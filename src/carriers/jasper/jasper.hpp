// Cisco Jasper (IoT Control Center): the carrier, its exchange and its inventory. What Jasper does
// and how we read it: docs/carriers/jasper.md.
#pragma once

#include <chrono>
#include <memory>

#include "carriers/carrier.hpp"

namespace carryall::carriers::jasper {

const Carrier& carrier();

// Settings beside those of status_rules.hpp and wire.hpp.
inline constexpr std::string_view kAccountId = "accountId";
inline constexpr std::string_view kPlansForDeactivation = "communicationPlansForDeactivation";
inline constexpr std::string_view kSyncDetails = "syncDetails";

inline constexpr int kDaysAhead = 180;  // how far ahead Jasper takes a date

// One PUT that sets what is given: status, rate plan, communication plan, at once or on a day. A
// problem forbids to send it, not to find out what became of an earlier attempt.
struct Edit {
    std::string status;  // in Jasper's words
    std::string rate_plan;
    std::string communication_plan;
    std::optional<std::chrono::sys_days> day;
    bool ends_service = false;                        // the communication plan is checked before
    std::string problem;                              // cannot be asked of Jasper, and why
    FailureClass failure = FailureClass::validation;  // of the problem
    const char* operation = "Update Device";
};
Edit edit_of(const Account& account, const StatusChange& change);
Edit edit_of(const RatePlanChange& change, base::Instant now);
std::unique_ptr<Exchange> edit_exchange(const Account& account, const Line& line, Edit edit,
                                        const Attempt& attempt);

std::unique_ptr<InventoryReading> inventory_reading(const Account& account,
                                                    const InventoryScope& scope);

}  // namespace carryall::carriers::jasper
