// What became of bulk changes: for API, portal and command line. What must stay true: nothing is
// written here; every answer is of one tenant, another tenant's change is a missing one; pages are
// bounded and read by key; the counts shown add up.
//
// The state `sending` is computed: a new device that is due in a page whose claim is open.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "changes/bulk_change.hpp"
#include "changes/control_report.hpp"
#include "changes/submit.hpp"
#include "db/postgres.hpp"
#include "sheets/csv_writer.hpp"
#include "tenants/page_token.hpp"

namespace carryall::changes {

using tenants::Page;
using tenants::PageRequest;
using tenants::PageTokens;
using tenants::TenantId;

inline constexpr int kMaxReasons = 100;

// Devices in each state; sending is counted apart from new here.
struct StateCounts {
    std::int64_t fresh = 0;  // "new"
    std::int64_t sending = 0;
    std::int64_t waiting = 0;
    std::int64_t unknown = 0;
    std::int64_t processed = 0;
    std::int64_t error = 0;
    std::int64_t parked = 0;
    std::int64_t cancelled = 0;
};

struct ChangeSummary {
    BulkChangeId id;
    std::int64_t service_provider_id = 0;
    std::string service_provider;  // its name
    std::string integration;
    std::string change_type;
    std::string portal;
    std::string status;  // NEW, PLANNED, PENDING, PROCESSING, PROCESSED, ERROR, PARTIAL, CANCELLED
    std::string source;  // json, csv, xlsx
    std::optional<std::string> file_name;
    std::string correlation_id;
    std::string created_by;
    std::string created_at;  // ISO 8601, as all times here
    std::optional<std::string> started_at;
    std::optional<std::string> finished_at;
    std::int64_t device_count = 0;
    StateCounts counts;
    std::optional<std::int64_t> change_set_id;  // of which it is a part
    ControlInfo control;
    std::optional<ScheduleDates> dates;  // of a change that had dates ahead when it was stored
};

struct ChangeDetail {
    ChangeSummary summary;
    base::json::value request;               // the parameters as stored
    std::vector<ReasonCount> reasons;        // why devices failed, most frequent first, kMaxReasons
    std::optional<BulkChangeId> follows;     // the activation that this change waits for
    std::optional<BulkChangeId> additional;  // the change that follows this one
};

struct ChangeFilter {
    std::optional<std::string> status;
    std::optional<ChangeType> change_type;
    std::optional<std::int64_t> service_provider_id;
    std::optional<std::int64_t> change_set_id;
    std::optional<std::string> created_by;
    std::optional<base::Instant> created_from;
    std::optional<base::Instant> created_before;
};

struct DeviceChange {
    DeviceChangeId id;
    std::int64_t row_number = 0;
    std::string identifier;
    std::optional<std::int64_t> device_id;
    std::optional<std::string> iccid;  // of the device found
    std::optional<std::string> msisdn;
    std::string state;   // exact: new, sending, waiting, unknown, processed, error, parked, …
    std::string status;  // the seeds' word for it
    int retry_number = 0;
    int read_back_count = 0;
    std::optional<std::string> due_at;  // absent: at once
    std::optional<std::string> sent_at;
    std::optional<std::string> error_class;
    std::optional<std::string> reason;
    std::optional<std::string> finished_at;
    base::json::value request;           // its own parameters, or null
    std::optional<std::string> warning;  // another change of the device is to come
};

struct DeviceChangeFilter {
    std::vector<std::string> states;  // exact states; empty: all
    std::optional<std::string> reason;
    std::optional<std::string> error_class;
    std::optional<std::string> identifier;  // as given
};

struct LoggedStep {
    DeviceChangeId device_change_id;
    // "m2mDeviceChangeId", "mobilityDeviceChangeId" or "lnpDeviceChangeId": what the portal's log
    // calls that id.
    std::string id_name;
    int attempt = 0;  // 0: validation
    int step = 0;
    std::string portal;
    std::string log_entry_description;
    std::string action_text;
    std::string request_text;
    std::string response_text;
    std::string response_status;
    bool has_errors = false;
    std::optional<std::string> error_text;
    std::string process_by;
    int retry_number = 0;
    std::string correlation_id;
    std::string started_at;
    std::string processed_at;
};

struct Progress {
    BulkChangeId id;
    std::string status;
    std::int64_t device_count = 0;
    StateCounts counts;
    ControlInfo control;
    std::optional<ScheduleDates> dates;  // as in a ChangeSummary
    bool finished = false;
};

base::Result<ChangeDetail> get_change(db::Connection& connection, TenantId tenant_id,
                                      BulkChangeId id);
// Newest first.
base::Result<Page<ChangeSummary>> list_changes(db::Connection& connection, const PageTokens& tokens,
                                               TenantId tenant_id, const ChangeFilter& filter,
                                               const PageRequest& page);
// In the order of their rows.
base::Result<Page<DeviceChange>> list_device_changes(db::Connection& connection,
                                                     const PageTokens& tokens, TenantId tenant_id,
                                                     BulkChangeId id,
                                                     const DeviceChangeFilter& filter,
                                                     const PageRequest& page);
base::Result<DeviceChange> get_device_change(db::Connection& connection, TenantId tenant_id,
                                             DeviceChangeId id);
// In the order of devices, attempts and steps; of one device if `device` is given.
base::Result<Page<LoggedStep>> change_log(db::Connection& connection, const PageTokens& tokens,
                                          TenantId tenant_id, BulkChangeId id,
                                          std::optional<DeviceChangeId> device,
                                          const PageRequest& page);
// One row of the primary key: cheap enough to be asked at every notification.
base::Result<Progress> get_progress(db::Connection& connection, TenantId tenant_id,
                                    BulkChangeId id);

// The failed devices as a file that can be uploaded again, with the parameters each was to get,
// its state and its reason. Written in pieces; the caller calls writer.finish().
base::Result<void> write_failed_rows(db::Connection& connection, TenantId tenant_id,
                                     BulkChangeId id, sheets::CsvWriter& writer);

}  // namespace carryall::changes
