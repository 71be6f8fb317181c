// The feed's thread.
#include "api/progress.hpp"

#include <algorithm>

#include "api/call.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace carryall::api {

ProgressFeed::ProgressFeed(const Services& services, Reader reader)
    : services_(services), reader_(std::move(reader)), thread_([this] { run(); }) {}

ProgressFeed::~ProgressFeed() {
    stop();
}

void ProgressFeed::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    wake_.notify_all();
    hub_.close();
    if (thread_.joinable()) thread_.join();
}

base::Result<std::shared_ptr<http::SseSubscription>> ProgressFeed::follow(
    tenants::TenantId tenant, std::int64_t bulk_change_id) {
    const Key key{tenant.value, bulk_change_id};
    const auto now = read(key);
    if (!now) return now.error();
    auto subscription =
        hub_.subscribe({std::to_string(key.tenant) + ':' + std::to_string(key.change)});
    if (!subscription) return subscription.error();
    (*subscription)->send("snapshot", now->document);
    if (now->finished) {
        (*subscription)->send("finished", now->document);
        (*subscription)->end();
        return *subscription;
    }
    const std::lock_guard lock(mutex_);
    Watch& watch = watches_[key];
    watch.clients.push_back(*subscription);
    // It may have moved on between reading and here.
    watch.dirty = true;
    if (watch.last_document.empty()) watch.last_document = now->document;
    return *subscription;
}

void ProgressFeed::run() {
    while (!is_stopped()) {
        const auto connection = db::Connection::open(services_.database);
        if (!connection || !(*connection)->listen(kChannel)) {
            base::log::warning(
                "progress_feed_disconnected",
                {{"error", connection ? "LISTEN failed" : connection.error().message}});
            pause(kReconnectPause);
            continue;
        }
        listen_until_broken(**connection);
    }
}

void ProgressFeed::listen_until_broken(db::Connection& connection) {
    // Nothing is known of the time without a connection.
    flush(true);
    const Settings& settings = services_.settings;
    TimePoint flushed = std::chrono::steady_clock::now();
    TimePoint polled = flushed;
    while (!is_stopped()) {
        const auto notes = connection.wait_for_notifications(settings.progress_interval);
        if (!notes) return;
        for (const auto& [channel, payload] : *notes) mark_dirty(payload);
        const TimePoint now = std::chrono::steady_clock::now();
        if (now - flushed < settings.progress_interval) continue;
        const bool all = now - polled >= settings.progress_poll;
        flush(all);
        flushed = now;
        if (all) polled = now;
    }
}

void ProgressFeed::mark_dirty(std::string_view payload) {
    const std::size_t colon = payload.find(':');
    if (colon == std::string_view::npos) return;
    const auto tenant = base::parse_int(payload.substr(0, colon));
    const auto change = base::parse_int(payload.substr(colon + 1));
    if (!tenant || !change) return;
    const std::lock_guard lock(mutex_);
    const auto found = watches_.find(Key{*tenant, *change});
    if (found != watches_.end()) found->second.dirty = true;
}

void ProgressFeed::flush(bool all) {
    for (const Key& key : take_due(all)) {
        const auto progress = read(key);
        // The database is away: the next look, at the latest progress_poll from now, tells.
        if (progress) hand_out(key, *progress);
    }
}

std::vector<ProgressFeed::Key> ProgressFeed::take_due(bool all) {
    const std::lock_guard lock(mutex_);
    std::vector<Key> due;
    for (auto item = watches_.begin(); item != watches_.end();) {
        std::erase_if(item->second.clients, [](const auto& client) {
            const auto alive = client.lock();
            return alive == nullptr || alive->ended();
        });
        if (item->second.clients.empty()) {
            item = watches_.erase(item);
            continue;
        }
        if (all || item->second.dirty) due.push_back(item->first);
        item->second.dirty = false;
        ++item;
    }
    return due;
}

void ProgressFeed::hand_out(const Key& key, const Progress& progress) {
    std::vector<std::shared_ptr<http::SseSubscription>> clients;
    {
        const std::lock_guard lock(mutex_);
        const auto found = watches_.find(key);
        if (found == watches_.end()) return;
        if (found->second.last_document == progress.document && !progress.finished) return;
        found->second.last_document = progress.document;
        for (const auto& client : found->second.clients) {
            if (auto alive = client.lock()) clients.push_back(std::move(alive));
        }
        if (progress.finished) watches_.erase(found);
    }
    for (const auto& client : clients) {
        client->send(progress.finished ? "finished" : "progress", progress.document);
        if (progress.finished) client->end();
    }
}

base::Result<Progress> ProgressFeed::read(const Key& key) {
    auto connection = services_.pool.acquire();
    if (!connection) return connection.error();
    return reader_(**connection, tenants::TenantId{key.tenant}, key.change);
}

bool ProgressFeed::is_stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
}

void ProgressFeed::pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, time, [this] { return stopped_; });
}

}  // namespace carryall::api
