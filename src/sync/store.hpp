// The SQL of asking for syncs and of showing them.
#pragma once

#include <string>
#include <vector>

#include "sync/sync.hpp"

namespace carryall::sync {

struct SyncTarget {
    std::string integration;
    bool is_active = false;
};
// Not found: another tenant's, or none.
Result<SyncTarget> read_target(db::Connection& connection, TenantId tenant_id,
                               ServiceProviderId provider);

// The new sync, or the one that is open already.
Result<RequestedSync> insert_sync(db::Connection& connection, const tenants::Caller& caller,
                                  ServiceProviderId provider, SyncKind kind);

struct ScheduledIntegrations {
    std::vector<std::string> all;          // whose inventory can be read
    std::vector<std::string> incremental;  // that tell what changed
};
Result<std::int64_t> insert_scheduled_syncs(db::Connection& connection,
                                            const ScheduledIntegrations& able);

// What wakes workers.
inline constexpr const char* kSyncChannel = "carryall_sync";

}  // namespace carryall::sync
