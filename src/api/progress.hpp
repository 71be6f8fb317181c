// Live progress of bulk changes for event streams. One thread listens to the database's
// notifications, reads a change at most once an interval however many watch it, and also looks on
// its own every few seconds, so that a lost notification costs seconds and nothing else. What must
// stay true: a slow client never holds up another (the hub drops it), a finished change ends its
// streams, and a change that nobody watches is not read.
#pragma once

#include <chrono>
#include <compare>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "db/postgres.hpp"
#include "http/sse.hpp"
#include "tenants/tenant.hpp"

namespace carryall::api {

struct Services;

struct Progress {
    std::string document;  // JSON, one line
    bool finished = false;
};

class ProgressFeed {
  public:
    static constexpr const char* kChannel = "carryall_bulk_change";
    static constexpr std::chrono::seconds kReconnectPause{1};

    using Reader = std::function<base::Result<Progress>(db::Connection&, tenants::TenantId,
                                                        std::int64_t bulk_change_id)>;

    ProgressFeed(const Services& services, Reader reader);
    ~ProgressFeed();
    ProgressFeed(const ProgressFeed&) = delete;
    ProgressFeed& operator=(const ProgressFeed&) = delete;

    // A stream that starts with what is known now: `snapshot`, then `progress` whenever something
    // changed, `finished` last. Not found as the reader says.
    base::Result<std::shared_ptr<http::SseSubscription>> follow(tenants::TenantId tenant,
                                                                std::int64_t bulk_change_id);
    // Ends all streams and the thread.
    void stop();

  private:
    struct Key {
        std::int64_t tenant = 0;
        std::int64_t change = 0;
        auto operator<=>(const Key&) const = default;
    };
    struct Watch {
        std::vector<std::weak_ptr<http::SseSubscription>> clients;
        std::string last_document;
        bool dirty = true;
    };
    using TimePoint = std::chrono::steady_clock::time_point;

    void run();
    void listen_until_broken(db::Connection& connection);
    void mark_dirty(std::string_view payload);
    void flush(bool all);
    std::vector<Key> take_due(bool all);
    void hand_out(const Key& key, const Progress& progress);
    base::Result<Progress> read(const Key& key);
    bool is_stopped() const;
    void pause(std::chrono::milliseconds time);

    const Services& services_;
    const Reader reader_;
    http::SseHub hub_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool stopped_ = false;
    std::map<Key, Watch> watches_;
    std::thread thread_;
};

}  // namespace carryall::api
