// Reading a carrier's inventory: the lines of an account as the carrier has them, page by page,
// with plans and groups, written as a pure state machine. sync/ drives it, paced like every other
// call.
//
// What must stay true: nullopt is "this reading does not tell", never "empty"; words that are not
// known are kept as they are.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "carriers/exchange.hpp"

namespace carryall::carriers {

// An empty text says that the line has none (no plan, no number); nullopt, that it was not told.
struct CarrierLine {
    std::optional<std::string> iccid;  // one of iccid and msisdn is there
    std::optional<std::string> msisdn;
    std::optional<std::string> imei;
    std::optional<std::string> status;          // in the platform's words ("Active")
    std::optional<std::string> carrier_status;  // the carrier's own ("ACTIVATED")
    std::optional<std::string> rate_plan;       // the code our carrier_rate_plan has
    // The carrier's own id for that plan, where it tells one: ours with this id is the plan,
    // whatever it is called.
    std::optional<std::int64_t> carrier_plan_id;
    std::optional<std::string> communication_plan;
    std::optional<std::string> group;
    std::optional<base::Instant> modified_at;  // by the carrier
    base::json::object details;                // what else is worth keeping
};

struct CarrierPlan {
    std::string code;
    std::string name;
    std::optional<std::string> plan_uuid;
    std::optional<std::int64_t> carrier_plan_id;
};

struct InventoryPage {
    std::vector<CarrierLine> lines;
    std::vector<CarrierPlan> plans;
    std::vector<std::string> communication_plans;
    // Where a reading that begins anew goes on; null after the last page.
    base::json::value resume;
    bool is_last = false;
};

struct InventoryFailed {
    std::string reason;
    FailureClass failure =
        FailureClass::transient;  // transient: go on later from the last `resume`
    std::optional<std::chrono::seconds> retry_after;
    bool whole_account = false;
};

// Several calls may be made at once (details of the lines of a page); their answers are given
// together, in the same order.
using InventoryStep = std::variant<std::vector<Call>, InventoryPage, InventoryFailed>;

struct InventoryScope {
    // Only what changed since, where Capabilities::incremental_sync; none: everything.
    std::optional<base::Instant> modified_since;
    base::json::value resume;  // of an earlier reading's last page; null: from the start
    base::Instant now;
};

class InventoryReading {
  public:
    virtual ~InventoryReading() = default;
    // The first step, and the next one after each page that was not the last.
    virtual InventoryStep next() = 0;
    virtual InventoryStep proceed(const std::vector<http::ClientResponse>& answers) = 0;
};

}  // namespace carryall::carriers
