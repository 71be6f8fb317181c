// New service activation as a bulk change: what its devices are to get, how far they have come, and
// the customer assignment that waits for them. What must stay true: a SIM that was accepted has a
// device record; the change that follows acts on a device only after its activation was processed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "carriers/carrier.hpp"
#include "changes/bulk_change.hpp"
#include "changes/change_kind.hpp"
#include "db/postgres.hpp"

namespace carryall::changes {

inline constexpr const char* kActivationDescription = "Telegence New Service Activation";

carriers::Activation activation_of(const ChangeParameters& parameters);

// Why a line of this status (as the carrier canonically spells it) needs no activation; empty: it
// does.
std::string active_line_problem(const std::optional<std::string>& status);

// How the devices of an activation stand that go on together or not at all.
Result<carriers::Activation::Others> other_activations(db::Connection& connection,
                                                       std::int64_t tenant_id, BulkChangeId id);

// The devices among these of `change` whose activation was not processed, with what became of it.
struct FailedActivation {
    DeviceChangeId device_change;  // of `change`
    bool is_open = false;          // it has not ended
    std::string reason;
};
Result<std::vector<FailedActivation>> failed_activations(
    db::Connection& connection, std::int64_t tenant_id, BulkChangeId change,
    BulkChangeId activation, const std::vector<DeviceChangeId>& devices);

// After devices of an activation were made new again: those of the change that follows it, that
// were refused because of them, wait again. Their verdict of the submission holds, as it does for
// the others that wait. The change has ended or is under way; one that a person cancelled stays so.
struct ReopenedFollowing {
    BulkChangeId id;  // 0: no change follows
    std::int64_t devices = 0;
    std::int64_t pages = 0;
    std::int64_t busy = 0;  // devices in a page that is being sent: they stay refused
};
Result<ReopenedFollowing> reopen_following(db::Transaction& transaction, std::int64_t tenant_id,
                                           BulkChangeId activation);

// `change` follows an activation: wraps the kind that carries it out.
std::unique_ptr<ChangeKind> make_change_after_activation(const RunnableChange& change,
                                                         std::unique_ptr<ChangeKind> kind);

}  // namespace carryall::changes
