// Server-sent events: a hub that hands events to those who listen to a topic. publish() never waits
// for a client: each has a bounded queue, and one that lets it overflow is dropped (it reconnects
// with Last-Event-ID and asks for what it missed). The hub keeps no history; topics are free names,
// and who may listen to which is decided before subscribing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace carryall::http {

class SseHub;

// One client's end. Made by SseHub::subscribe; read by the server's session alone.
class SseSubscription {
  public:
    ~SseSubscription();
    // Queues an event for this client only, for example what it missed. False: dropped.
    bool send(std::string_view event, std::string_view data, std::string_view id = {});

    // For the session: takes all queued text; `notify` is called, from any thread, when there is
    // text again or the subscription has ended.
    std::string take();
    bool ended() const;
    void on_change(std::function<void()> notify);
    void end();

  private:
    friend class SseHub;
    SseSubscription(std::weak_ptr<struct SseHubState> hub, std::size_t max_queued_bytes);
    bool push(std::string_view text);

    std::weak_ptr<struct SseHubState> hub_;
    std::vector<std::string> topics_;
    const std::size_t max_queued_bytes_;
    mutable std::mutex mutex_;
    std::string queued_;
    bool ended_ = false;
    std::function<void()> notify_;
};

struct SseOptions {
    std::size_t max_clients = 1'000;
    std::size_t max_topics_per_client = 32;
    std::size_t max_queued_bytes = 256u << 10;  // for each client
};

class SseHub {
  public:
    explicit SseHub(SseOptions options = {});
    ~SseHub();

    // unavailable: the hub is full or closed. invalid_input: too many topics.
    base::Result<std::shared_ptr<SseSubscription>> subscribe(std::vector<std::string> topics);
    // From any thread. Returns to how many clients it went. `event` and `id` must be single lines.
    std::size_t publish(std::string_view topic, std::string_view event, std::string_view data,
                        std::string_view id = {});
    std::size_t clients() const;
    // Ends all subscriptions and refuses new ones.
    void close();

  private:
    std::shared_ptr<SseHubState> state_;
};

}  // namespace carryall::http
