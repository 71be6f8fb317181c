// Takes a bulk change in: checks every device, set-based in the database, and stores the change,
// its devices with their verdicts, its pages and its queue messages in one transaction. What must
// stay true: a bad device never stops the others unless allOrNothing is asked for; the counts add
// up to the devices given; the queue message exists exactly if the change does; nothing of another
// tenant is ever seen, and its things answer as missing ones; the same idempotency key never makes
// two changes. A dry run stores a plan (plan.hpp) and starts nothing; it takes no idempotency key.
// The number of statements does not depend on the number of devices.
//
// Request-level, the whole is refused (errors with a pointer): unknown change type, missing
// parameters, malformed or excessive values of the change's own section; service provider of
// another tenant or inactive ("Service provider not found"); "Writes disabled for this service
// provider"; a carrier this version cannot drive; customer, site, plan or pool of the change's own
// section unknown, inactive or of another tenant; no device, or more than kMaxDevicesPerChange; a
// file that cannot be trusted; a role that may not submit.
//
// Per device, recorded with the reason while the others go on. The first that applies is recorded:
//   1. the identifier cannot be one ("Invalid ICCID (…what is wrong…)")
//   2. "Invalid ICCID", "Invalid subscriber number", "Invalid IMEI": no such device; also for
//      another tenant's
//   3. "Ambiguous subscriber number (…)"
//   4. "Duplicate of row N": the first row counts, whatever becomes of it
//   5. "M2M Device is archived", "Mobility Device is archived"
//   6. "Device belongs to another service provider"
//   7. "Device belongs to the … portal"
//   8. a value in the device's own row cannot be used
//   9. the rules of the change type, in the order of seeds 001 to 003:
//      customer assignment: "Rev Customer not found" (an AMOP customer: "Customer not found"),
//        "Site not found for customer", "Active service line. New Service line not created",
//        "Active service line. Cannot change customers", "Invalid customer rate plan", "Invalid
//        customer rate pool"
//      carrier rate plan: "Carrier rate plan not found", "Carrier rate plan belongs to another
//        service provider", "Carrier rate plan is inactive", "Carrier rate plan has no id at the
//        carrier", "Communication plan not found"
//      customer rate plan: "Invalid customer rate plan", "Invalid customer rate pool"
//      status: "Status transition from X to Y not allowed"
//      new service activation: the SIM need not be in the inventory, so rule 2 does not apply.
//        "Invalid ICCID (an activation names the SIM by its ICCID)", "Invalid IMEI (…)", what the
//        carrier cannot be asked for, "Carrier rate plan not found" and so on, "Another activation
//        of this SIM is open (bulk change N)", "Line is already active", "Line is suspended; …",
//        both also by the carrier's inventory. Accepted SIMs get a device record (Inventory).
//
// An activation may carry a customerAssignment: it is stored as a change of its own that follows
// the activation (SubmitResult::additional_id), with the same rows.
//
// Effective dates. Customer rate plan and assignment: a date that has come takes effect at once, a
// later one is scheduled; one more than kMaxBackdatedDays back or kMaxScheduledDays ahead is a slip
// and refused. Carrier rate plan: a carrier changes nothing in the past, so a date before today is
// "Invalid effective date (past dates for scheduling)"; a later one makes the device due then.
// A status update's date is the same. startAt, of any type, makes the whole change due then; with a
// date of its own a device is due at the later of the two.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "changes/request.hpp"
#include "db/postgres.hpp"
#include "tenants/token.hpp"

namespace carryall::changes {

// So many queue messages a change gets at most, each worth one page runner.
inline constexpr int kMaxParallelRunners = 8;
inline constexpr int kMaxListedRefusals = 1000;
inline constexpr std::size_t kMaxIdempotencyKeyBytes = 200;
inline constexpr std::chrono::hours kIdempotencyKeyLife{24};
inline constexpr int kMaxBackdatedDays = 366;
inline constexpr int kMaxScheduledDays = 731;

struct SubmitOptions {
    int page_size = kDefaultPageSize;
    std::optional<std::string> idempotency_key;
    std::optional<std::string> file_name;
    std::string correlation_id;        // empty: a new one is made
    std::optional<base::Instant> now;  // tests travel in time; else the database's clock
};

struct ReasonCount {
    std::string reason;
    std::string error_class;  // validation, business, transient, system
    std::int64_t count = 0;
};

struct RefusedDevice {
    std::int64_t row_number = 0;
    std::string identifier;
    std::string reason;
};

struct SubmitResult {
    BulkChangeId id;             // 0: nothing was stored
    BulkChangeId additional_id;  // the change that follows this one; 0: none
    bool replayed = false;       // the idempotency key's earlier change
    bool refused = false;        // allOrNothing, and a device was bad
    std::string status;          // of the stored change: NEW, PLANNED, PENDING, ERROR; else empty
    bool waits_for_approval = false;  // nothing of it is begun before another person agreed
    std::string plan_hash;            // of a dry run's plan
    std::string correlation_id;
    std::int64_t device_count = 0;
    std::int64_t accepted_count = 0;
    std::int64_t refused_count = 0;
    std::vector<ReasonCount> reasons;    // most frequent first
    std::vector<RefusedDevice> devices;  // plan and refused: the first kMaxListedRefusals
    std::vector<std::string> warnings;
    std::optional<ScheduleDates> dates;  // of a change that has dates ahead
    std::int64_t warned_count = 0;       // devices with another change to come (schedule.hpp)
};

// `errors` receives every request-level mistake; the result's error is the first of them.
base::Result<SubmitResult> submit(db::Connection& connection, const tenants::Caller& caller,
                                  BulkChangeRequest request, DeviceSource& devices,
                                  const SubmitOptions& options, std::vector<base::Error>& errors);

// The same in a transaction of the caller's, who commits it or throws it away. Without an
// idempotency key: the caller's own rows say what was done.
base::Result<SubmitResult> submit_in(db::Transaction& transaction, const tenants::Caller& caller,
                                     BulkChangeRequest request, DeviceSource& devices,
                                     const SubmitOptions& options,
                                     std::vector<base::Error>& errors);

struct RetryFilter {
    // Which failures: of validation (checked again, and left alone unless now valid), business,
    // transient, system. Empty: all, and the parked devices too, which are read back first.
    std::vector<std::string> error_classes;
};

struct RetryResult {
    BulkChangeId id;
    std::string status;              // of the change afterwards
    std::int64_t retried_count = 0;  // now new again; those that were parked are unknown again
    std::int64_t refused_count = 0;  // checked again and still not valid
    std::int64_t busy_count = 0;     // in a page that is being sent: ask again when it is done
    // Of an activation: devices of the change that follows it, which wait for it again.
    std::int64_t additional_retried_count = 0;
    std::vector<ReasonCount> reasons;  // of the refused
};

// Failed devices become new again after they were checked against the present; all others stay as
// they are, cancelled ones too. Those of a wave that has not begun are busy. Of a paused change
// they wait until it is resumed. `conflict` if the change is NEW, or is being cancelled.
base::Result<RetryResult> retry_failed(db::Connection& connection, const tenants::Caller& caller,
                                       BulkChangeId id, const RetryFilter& filter,
                                       std::optional<base::Instant> now = {});

// Starts a change that was stored with processChanges false. `conflict` unless it is NEW.
base::Result<void> process_change(db::Connection& connection, const tenants::Caller& caller,
                                  BulkChangeId id);

}  // namespace carryall::changes
