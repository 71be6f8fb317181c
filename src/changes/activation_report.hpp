// What became of an activation, for its customer: how many lines, and for each SIM its number, its
// address and the outcome; as CSV or as a page to print. Also how many devices are in which step.
// What must stay true: read in bounded pieces of the primary key; of one tenant; the SIM and what
// it got are those of the change, whatever the device's record says by now.
#pragma once

#include <array>
#include <functional>
#include <string_view>

#include "changes/report.hpp"

namespace carryall::changes {

// ActivateDevice, RequestIPProvision, CheckIPProvisionStatus: devices that are in the step, and
// those that ended in it without success.
inline constexpr std::size_t kActivationSteps = 3;
struct StepCount {
    std::int64_t open = 0;
    std::int64_t failed = 0;  // error or parked
};
using StepCounts = std::array<StepCount, kActivationSteps>;
base::Result<StepCounts> activation_steps(db::Connection& connection, TenantId tenant_id,
                                          BulkChangeId id);

enum class ReportFormat { csv, html };
using ReportSink = std::function<base::Result<void>(std::string_view chunk)>;
// Not found: another tenant's change, none, or one of another type.
base::Result<void> write_activation_report(db::Connection& connection, TenantId tenant_id,
                                           BulkChangeId id, ReportFormat format,
                                           const ReportSink& sink);

}  // namespace carryall::changes
