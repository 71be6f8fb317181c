// Syncs: readings of a carrier's inventory, asked for by people or by a schedule, carried out by
// workers (sync_worker.hpp). What must stay true: at most one sync of an account is unfinished; our
// device record is never overwritten by a sync, differences become drift (drift.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "carriers/carrier.hpp"
#include "db/postgres.hpp"
#include "devices/device.hpp"
#include "tenants/page_token.hpp"
#include "tenants/token.hpp"

namespace carryall::sync {

using base::Result;
using devices::ServiceProviderId;
using tenants::TenantId;
using SyncId = base::Id<struct SyncTag>;

enum class SyncKind { full, incremental };
std::string_view to_string(SyncKind kind);
std::optional<SyncKind> parse_sync_kind(std::string_view text);

struct Sync {
    SyncId id;
    ServiceProviderId service_provider_id;
    std::string service_provider;
    std::string kind;   // "full" or "incremental"
    std::string state;  // "queued", "running", "done" or "failed"
    std::string phase;  // "reading" or "comparing"
    std::int64_t page_count = 0;
    std::int64_t line_count = 0;
    std::int64_t changed_count = 0;
    std::int64_t gone_count = 0;
    std::int64_t drift_count = 0;
    std::int64_t retry_number = 0;
    base::json::value result;  // "plansAdded", "plansChanged", "plansNotListed", … and their counts
    std::optional<std::string> reason;  // of the last failure
    std::optional<std::string> modified_since;
    std::optional<std::string> due_at;  // while queued
    std::string created_by;
    std::string created_at;
    std::optional<std::string> started_at;
    std::optional<std::string> finished_at;
};

// The adapter of an integration, or nullptr: find_carrier, or a test's own.
using FindCarrier = std::function<const carriers::Carrier*(carriers::Integration)>;

struct RequestedSync {
    Sync sync;
    bool is_new = false;  // false: one was open already, and this is it
};
// An incremental one becomes full where no reading has ended yet to go on from. `invalid_input` if
// the carrier's inventory cannot be read, or not in this way.
Result<RequestedSync> request_sync(db::Connection& connection, const tenants::Caller& caller,
                                   ServiceProviderId provider, SyncKind kind,
                                   const FindCarrier& find = carriers::find_carrier);

Result<Sync> get_sync(db::Connection& connection, TenantId tenant_id, SyncId id);
// Newest first. A missing service provider is `not_found`.
Result<tenants::Page<Sync>> list_syncs(db::Connection& connection,
                                       const tenants::PageTokens& tokens, TenantId tenant_id,
                                       ServiceProviderId provider,
                                       const tenants::PageRequest& page);

// The line of a device as the carrier last told of it.
struct CarrierView {
    std::optional<std::string> iccid;
    std::optional<std::string> msisdn;
    std::optional<std::string> imei;
    std::optional<std::string> status;
    std::optional<std::string> carrier_status;
    std::optional<std::string> rate_plan;
    std::optional<std::string> communication_plan;
    std::optional<std::string> group;
    base::json::value details;
    std::optional<std::string> modified_at;  // by the carrier
    std::string read_at;
    bool is_gone = false;  // the last full reading did not show it any more
    SyncId sync_id;
};
// Empty: no reading has told of it.
Result<std::optional<CarrierView>> carrier_view(db::Connection& connection, TenantId tenant_id,
                                                devices::DeviceId device);

// A setting of service providers: a reading is due so many hours after the last one was asked for.
inline constexpr std::string_view kSyncEveryHours = "syncEveryHours";
// The schedule makes incremental readings only while a full one is not older than this: only a full
// one finds what is gone.
inline constexpr std::chrono::hours kFullEvery{24 * 7};

// Asks for what the service providers' schedules say, over all tenants. Answers how many.
Result<std::int64_t> schedule_syncs(db::Connection& connection,
                                    const FindCarrier& find = carriers::find_carrier);

}  // namespace carryall::sync
