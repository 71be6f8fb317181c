// What a caller wants changed, before anything is checked against the database: the
// BulkChangeRequest, and its devices as a stream of rows from JSON or from a file. What must stay
// true: memory does not grow with a file; nothing is repaired or guessed; a mistake in the request
// itself refuses it whole and is reported with its JSON pointer, all mistakes at once; a mistake in
// one device's row becomes that row's problem and stops no other row.
//
// JSON keys are matched without regard to case. Parameters may stand in their section
// ("customerRatePlanUpdate": {…}) or, as in older clients, at the top level. A device is an
// identifier or an object: {"iccid" | "msisdn" | "subscriberNumber" | "phoneNumber" | "imei" |
// "identifier": "…", and parameters of its own, in a section or flat}. A text of up to 15 digits as
// "identifier" (or alone) is a subscriber number, every other is taken for an ICCID.
//
// Dates of the change itself (startAt, effectiveDate) without an offset are local times of its
// timeZone, or UTC if it names none; a device's own are UTC. A local time that the clock skips is
// taken as the first instant after the gap, one that it shows twice as the first of the two; both
// are told as a warning.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "changes/bulk_change.hpp"
#include "changes/control_rules.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::changes {

// A date so far back may still mean today. One without a time is midnight UTC, and the day may be
// young elsewhere: noon in UTC-12 is the next day's midnight in UTC.
inline constexpr std::chrono::hours kSameDay{36};

inline constexpr std::size_t kMaxRequestErrors = 100;  // reported at once
inline constexpr std::size_t kMaxIdentifierBytes = 100;
inline constexpr std::size_t kMaxParameterBytes = 200;
inline constexpr std::size_t kMaxRevioProducts = 50;
inline constexpr std::size_t kMaxProvidersPerSet = 50;
// One line with more data than this a period is a slip of the keyboard (10 TB).
inline constexpr std::string_view kMaxDataAllocationMb = "10000000";

// Names given where the stored request has ids; validation resolves them.
struct References {
    std::optional<std::string> customer_rate_plan;  // code
    std::optional<std::string> customer_pool;       // name
    std::optional<std::string> customer;            // name
    std::optional<std::string> site;                // name

    bool empty() const { return !customer_rate_plan && !customer_pool && !customer && !site; }
};

struct BulkChangeRequest {
    std::int64_t service_provider_id = 0;
    // Instead of it, for a change set (submit_set.hpp): the accounts whose lines are meant; an
    // empty list means every account at a carrier.
    std::optional<std::vector<std::int64_t>> service_provider_ids;
    ChangeType change_type = ChangeType::statusupdate;
    std::optional<Portal> portal;  // absent: the portal of the first device found
    bool process_changes = true;   // false: stored as NEW, to be started by process_change
    bool all_or_nothing = false;
    bool dry_run = false;
    ControlRequest control;
    // When the whole change is begun, whatever its type; its parameters may have later dates.
    std::optional<base::Instant> start_at;
    std::string time_zone;  // that its dates were given in; empty: none was named
    // Only the section of change_type is ever set; of an activation also the assignment that
    // follows it.
    ChangeParameters parameters;
    References references;
    std::vector<std::string> warnings;  // unknown keys and the like
};

enum class IdentifierKind { iccid, msisdn, imei };

// One device as given. Kept from row to row by the reader, so that a row allocates little.
struct DeviceRow {
    std::int64_t row_number = 0;  // where the user finds it: file row, or index in `devices` + 1
    std::string identifier;       // as given
    IdentifierKind kind = IdentifierKind::iccid;
    std::string key;                // what the database is asked for; empty with a problem
    std::string problem;            // the identifier cannot be one: the reason
    std::string parameter_problem;  // a value of its own cannot be used: the reason
    // The own values that cannot be used, as given: a file of failed rows shows them again.
    std::vector<std::pair<std::string, std::string>> rejected;
    bool has_own = false;  // `own` or `references` hold something
    ChangeParameters own;
    References references;
};

class DeviceSource {
  public:
    virtual ~DeviceSource() = default;
    // True: `row` holds the next device. An error means that the rest cannot be trusted: the caller
    // throws everything away.
    virtual base::Result<bool> next(DeviceRow& row) = 0;
    virtual std::string_view format() const = 0;  // "json", "csv", "xlsx"
    // False: no device can have parameters of its own, so what the change lacks, all lack.
    virtual bool may_have_own() const = 0;
    // What the user should know though it is no error: columns nobody reads, further sheets.
    virtual const std::vector<std::string>& warnings() const = 0;
};

struct ParsedRequest {
    BulkChangeRequest request;
    std::unique_ptr<DeviceSource> devices;  // nullptr if the request has no `devices`
};

// `errors` receives every mistake (at most kMaxRequestErrors); the result's error is the first.
base::Result<ParsedRequest> parse_request(base::json::value body, std::vector<base::Error>& errors);

// The devices in a CSV or XLSX file. `request` says of which type the own values are. Columns are
// found by name without regard to case, spaces and underscores; the Reason, State, … columns of a
// file of failed rows are passed over.
base::Result<std::unique_ptr<DeviceSource>> table_devices(
    const BulkChangeRequest& request, std::unique_ptr<sheets::TableReader> table);

// What one device is to get: the change's parameters, replaced by the device's own where it has
// any.
void merge_parameters(ChangeParameters& effective, References& references, const DeviceRow& row);

// The section of the change's type as it is stored; empty object if it is absent.
base::json::object section_of(const ChangeParameters& parameters, ChangeType type);
// "customerRatePlanUpdate" and so on.
std::string_view section_name(ChangeType type);

// Checks of single values, the same for a request and for a row. Empty: fine; else the reason.
std::string check_allocation(std::string_view text);
// Normalises a decimal number given as JSON number or text ("10.50" stays "10.50"); empty if it is
// none.
std::optional<std::string> decimal_text(std::string_view text);

}  // namespace carryall::changes
