// The stored session of an account: read, taken over for renewal, replaced.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "db/postgres.hpp"

namespace carryall::accounts {

struct StoredSession {
    std::int64_t version = 0;
    base::json::value session;  // null: none
    bool is_due = false;        // to be renewed now
    bool is_being_renewed = false;
    std::string refused_fingerprint;
    std::string refused_reason;
};

base::Result<StoredSession> load_session(db::Connection& connection, std::int64_t tenant_id,
                                         std::int64_t service_provider_id,
                                         const base::MasterKey& key);

// True: this worker may renew the session of `version` until `lease` has passed. False: another
// worker does, or has done so.
base::Result<bool> begin_renewal(db::Connection& connection, std::int64_t tenant_id,
                                 std::int64_t service_provider_id, std::int64_t version,
                                 const std::string& worker, std::chrono::seconds lease);

// Answers the new version. The worker's lease ends. None: another worker took over meanwhile.
base::Result<std::optional<std::int64_t>> store_session(
    db::Connection& connection, std::int64_t tenant_id, std::int64_t service_provider_id,
    const std::string& worker, const base::json::value& session,
    std::optional<std::chrono::seconds> renew_after, const base::MasterKey& key);

// The renewal failed. With a fingerprint: the credentials were refused.
base::Result<void> end_renewal(db::Connection& connection, std::int64_t tenant_id,
                               std::int64_t service_provider_id, const std::string& worker,
                               const std::string& refused_fingerprint, const std::string& reason);

}  // namespace carryall::accounts
