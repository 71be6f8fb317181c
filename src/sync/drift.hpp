// Drift: where our record of a line and the carrier's differ, for a person to decide. Accepted: our
// record takes the carrier's value. Ignored: it stays as it is, and nobody is told again while both
// values stay. Without a decision it settles by itself when both agree again.
//
// What must stay true: our record changes only by an acceptance, which names who accepted and
// leaves the device an entry in its history with the values before and after.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sync/drift_rules.hpp"
#include "sync/sync.hpp"

namespace carryall::sync {

using DriftId = base::Id<struct DriftTag>;

struct Drift {
    DriftId id;
    ServiceProviderId service_provider_id;
    std::string service_provider;
    devices::DeviceId device_id;       // 0: the line is not in our inventory
    std::int64_t carrier_line_id = 0;  // 0: the carrier does not know the line
    std::optional<std::string> iccid;
    std::optional<std::string> msisdn;
    std::string field;
    std::optional<std::string> ours;
    std::optional<std::string> theirs;
    std::string state;  // "open", "settled", "accepted" or "ignored"
    std::string found_at;
    SyncId found_in;
    std::optional<std::string> read_at;  // when the carrier's side was read last
    std::optional<std::string> decided_by;
    std::optional<std::string> decided_at;
    std::optional<std::string> settled_at;
    std::optional<std::string> note;
};

// Empty members do not filter.
struct DriftFilter {
    ServiceProviderId service_provider_id;
    devices::DeviceId device_id;
    std::optional<DriftField> field;
    std::optional<std::string> state;
};

// In the order they were found.
Result<tenants::Page<Drift>> list_drift(db::Connection& connection,
                                        const tenants::PageTokens& tokens, TenantId tenant_id,
                                        const DriftFilter& filter,
                                        const tenants::PageRequest& page);

enum class DecisionKind { accept, ignore };
struct Decision {
    DecisionKind kind = DecisionKind::accept;
    std::string note;  // needed to ignore
};

// Decided together, in one transaction.
inline constexpr std::size_t kMaxDecided = 5'000;
inline constexpr std::size_t kMaxNoteBytes = 1'000;

// Either these, open or ignored; or the open ones of the filter, from behind `after` on, as many as
// fit into one transaction.
struct DecisionScope {
    std::vector<std::int64_t> ids;
    DriftFilter filter;
    DriftId after;
};

struct RefusedDecision {
    DriftId id;
    std::string reason;
};
struct DecisionReport {
    std::int64_t decided = 0;
    std::int64_t refused_count = 0;
    std::vector<RefusedDecision> refused;  // the first of them
    DriftId next_after;                    // 0: nothing is left
};
inline constexpr std::size_t kMaxListedRefusals = 100;

// `not_found` if one of the ids is no drift of the tenant. What cannot be decided is reported and
// stays as it is.
Result<DecisionReport> decide(db::Connection& connection, const tenants::Caller& caller,
                              const DecisionScope& scope, const Decision& decision);

}  // namespace carryall::sync
