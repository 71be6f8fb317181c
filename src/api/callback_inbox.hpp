// Where callbacks that came at the same time are written together: the first handler that waits
// writes what all others of its tenant have brought meanwhile, with one statement and one commit.
// No thread of its own. What must stay true: put() returns success only after the commit that holds
// the callback, and every put() returns.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "accounts/callbacks.hpp"
#include "base/result.hpp"
#include "db/postgres.hpp"

namespace carryall::api {

class CallbackInbox {
  public:
    // unavailable: not known to be stored; the carrier is to send it again.
    base::Result<void> put(db::Pool& pool, const accounts::ReceivedCallback& callback);
    // Callbacks that are not yet part of a statement.
    std::size_t waiting() const;

  private:
    struct Waiting {
        const accounts::ReceivedCallback* callback = nullptr;
        std::optional<base::Result<void>> outcome = {};
    };
    // Of one tenant.
    struct Lane {
        std::vector<Waiting*> queue;
        bool is_being_written = false;
    };

    static std::vector<base::Result<void>> store(db::Pool& pool, std::int64_t tenant_id,
                                                 const std::vector<Waiting*>& batch);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::int64_t, Lane> lanes_;  // with callbacks in them only
};

}  // namespace carryall::api
