// The nouns of customer charges. A run is one order to charge: the instances of an optimisation
// session, a file, or a reversal. It has parts, one for each winning queue, each with one charge
// list; a part has charges. A charge is an intent: committed before anything is sent, its facts
// never change, and a unique key of business facts makes a second one for the same fact impossible.
//
// What must stay true: whatever happens, Rev.io has at most one charge for an intent, and a charge
// whose outcome is not known is shown as unknown and looked up before anything is sent again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace carryall::charges {

using base::Result;

using ChargeRunId = base::Id<struct ChargeRunTag>;
using ChargeId = base::Id<struct ChargeTag>;
using ChargeFileId = base::Id<struct ChargeFileTag>;

inline constexpr std::size_t kMaxInstancesPerRun = 1'000;

// new: to be sent. charged: Rev.io has it. recorded: of a customer without Rev.io. skipped: there
// is nothing to charge. failed: Rev.io refused it. parked: waits for a person.
enum class ChargeState { fresh /* "new" */, unknown, charged, recorded, skipped, failed, parked };
inline constexpr int kChargeStateCount = 7;
std::string_view to_string(ChargeState state);
std::optional<ChargeState> parse_charge_state(std::string_view text);

// How charges of each state of a run or a part stand, and what they come to.
struct ChargeCounts {
    std::int64_t total = 0;
    std::int64_t fresh = 0;
    std::int64_t unknown = 0;
    std::int64_t charged = 0;
    std::int64_t recorded = 0;
    std::int64_t skipped = 0;
    std::int64_t failed = 0;
    std::int64_t parked = 0;
    std::string total_amount = "0";    // decimal numbers, of all intents
    std::string charged_amount = "0";  // of those charged and recorded
};

}  // namespace carryall::charges
