// Routes events and sends webhooks, for one thread: many at once over one HTTP client, so that a
// receiver that does not answer holds up nobody else. What must stay true: a delivery is claimed
// before it is sent and written down after it, by the claim's attempt; whatever happens in between,
// it is sent again with the same webhook-id, by which the receiver knows it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "notify/dispatch_store.hpp"

namespace carryall::notify {

// What a claim lasts longer than an attempt may.
inline constexpr std::chrono::seconds kWebhookMargin{5};
inline constexpr std::size_t kMaxWebhooksInFlight = 256;  // of one worker

struct WebhookSenderSettings {
    base::Secret database;             // as the application role
    std::chrono::seconds timeout{15};  // of an attempt, from its start to the answer's end
    std::string no_mail;               // see route_events()
};

// What one attempt sends. `now` is the time of the attempt, which the signature covers.
http::ClientRequest webhook_request(const ClaimedWebhook& webhook, const base::Secret& key,
                                    const std::optional<base::Secret>& previous_key,
                                    base::Instant now);

http::ClientOptions webhook_client_options(const WebhookRules& rules);

class WebhookSender {
  public:
    // The client is the caller's: webhook_client_options().
    WebhookSender(WebhookSenderSettings settings, base::MasterKey key, http::Client& client);

    // One round: waits at most `at_most` for an event or an answer, then does what there is to do.
    Result<void> work(std::chrono::milliseconds at_most);
    // Ends what is in flight and writes it down.
    Result<void> finish();
    std::size_t in_flight() const { return client_.in_flight(); }

  private:
    struct Flight {
        std::int64_t tenant_id = 0;
        ClaimedWebhook webhook;
        base::Instant started_at;
    };
    Result<void> connect();
    Result<void> look();
    Result<void> take(const DueTenant& tenant);
    void start(std::int64_t tenant_id, ClaimedWebhook webhook);
    void collect(std::chrono::milliseconds at_most);
    void end(const Flight& flight, Verdict verdict, std::chrono::milliseconds took);
    Result<void> write_down();
    Result<void> count_open();
    Result<void> tidy();
    int chance() { return std::uniform_int_distribution<int>(0, 999)(random_); }

    WebhookSenderSettings settings_;
    base::MasterKey key_;
    http::Client& client_;
    std::unique_ptr<db::Connection> connection_;
    std::map<std::uint64_t, Flight> flights_;  // by the request's tag
    std::uint64_t next_tag_ = 1;
    std::map<std::int64_t, std::vector<AttemptResult>> ended_;  // by tenant, to be written down
    std::chrono::steady_clock::time_point next_look_;
    std::chrono::steady_clock::time_point next_count_;
    std::chrono::steady_clock::time_point next_tidying_;
    std::mt19937 random_{std::random_device{}()};
};

}  // namespace carryall::notify
