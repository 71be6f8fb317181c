// Brings carriers' own messages (accounts/callbacks.hpp) to the device changes they are about: by
// the request's id and any of the device's identifiers. A message may come before the row that
// knows its request, twice, or for nobody; it stays until it is matched, and what stays too long is
// an orphan that people can see.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "changes/bulk_change.hpp"
#include "db/postgres.hpp"

namespace carryall::changes {

inline constexpr int kNoticesAtOnce = 5'000;

struct MatchedNotices {
    std::int64_t looked_at = 0;  // kNoticesAtOnce: there may be more
    std::int64_t matched = 0;
};

// One pass over one tenant: three statements, whatever the number of messages. Device changes that
// got a message are due at once, and their bulk changes are woken. Safe in many workers at once.
base::Result<MatchedNotices> match_notices(db::Connection& connection, std::int64_t tenant_id,
                                           int limit = kNoticesAtOnce);

// Messages of these changes that wait for their time are received at once.
base::Result<void> wake_changes(db::Connection& connection, std::int64_t tenant_id,
                                const std::vector<BulkChangeId>& changes);

// A worker's ear: waits for word that messages came, and matches them.
class NoticeListener {
  public:
    explicit NoticeListener(base::Secret database) : database_(std::move(database)) {}
    // One round: waits at most `at_most` for word, then looks at the tenants that may have
    // messages. Every `kLookAtAll` at all tenants, for word may be lost.
    base::Result<void> listen(std::chrono::milliseconds at_most);

  private:
    base::Result<void> connect();
    base::Result<void> match(std::int64_t tenant_id);

    base::Secret database_;
    std::unique_ptr<db::Connection> connection_;
    // Tenants with messages that could not be matched at once stay awake for a moment.
    std::map<std::int64_t, std::chrono::steady_clock::time_point> awake_until_;
    std::chrono::steady_clock::time_point next_look_at_all_;
    std::chrono::steady_clock::time_point next_match_;
};

}  // namespace carryall::changes
