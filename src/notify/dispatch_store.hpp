// The workers' view of deliveries: route events, claim what is due, write down what became of it.
// Every claim is one statement and committed before anything is sent; every completion names the
// claim's attempt, so that one that comes too late changes nothing. Set-based: a pass costs the
// same number of statements for one delivery as for a hundred.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "notify/delivery_rules.hpp"
#include "notify/webhook.hpp"

namespace carryall::notify {

inline constexpr int kEventsAtOnce = 200;
inline constexpr int kWebhooksAtOnce = 100;    // of a tenant, in one claim
inline constexpr int kInFlightPerWebhook = 4;  // over all workers: a slow one holds up only itself

struct DueTenant {
    std::int64_t id = 0;
    bool has_events = false;
    bool has_webhooks = false;
    bool has_mail = false;
};

Result<std::vector<DueTenant>> due_tenants(db::Connection& connection);

// A message made of an event, as it goes to each of its recipients.
struct EventMail {
    std::string subject;
    std::string text;
    std::string html;
};
// `tenant`: its name.
using WriteMail = std::function<EventMail(const Event& event, const std::string& tenant)>;

// Makes the deliveries of up to kEventsAtOnce events; how many there were. A webhook or recipient
// hears of what happened since it was made. `no_mail` not empty: mail cannot be sent, and why; its
// messages are parked with that.
Result<int> route_events(db::Connection& connection, std::int64_t tenant_id, const WriteMail& write,
                         const std::string& no_mail);

struct ClaimedWebhook {
    DeliveryId id;
    int attempt = 0;  // the fence
    int failed = 0;
    WebhookId webhook_id;
    std::string url;
    std::string sealed_key;
    std::string sealed_previous_key;  // empty: only one signs
    Event event;
};

Result<std::vector<ClaimedWebhook>> claim_webhooks(db::Connection& connection,
                                                   std::int64_t tenant_id, int limit,
                                                   std::chrono::seconds lease);

struct ClaimedMail {
    DeliveryId id;
    int attempt = 0;
    int failed = 0;
    std::string address;
    EventMail mail;
    bool has_attachments = false;
};

struct MailLease {
    std::chrono::seconds plain;
    std::chrono::seconds with_attachments;
};

// One at a time: what a worker that dies leaves unknown is one message. Those of a worker that died
// become unknown here.
Result<std::optional<ClaimedMail>> claim_mail(db::Connection& connection, std::int64_t tenant_id,
                                              const MailLease& lease);

struct AttemptResult {
    DeliveryId id;
    int attempt = 0;
    WebhookId webhook_id;  // 0: mail
    Verdict verdict;
    base::Instant started_at;
    std::chrono::milliseconds took{0};
};

// Parks the messages that are due: no mail can be sent, and why.
Result<void> park_mail(db::Connection& connection, std::int64_t tenant_id,
                       const std::string& no_mail);

// Writes attempts down. A webhook that fails for kDisableAfter, or whose receiver is gone, is
// switched off.
Result<void> complete_deliveries(db::Connection& connection, std::int64_t tenant_id,
                                 const std::vector<AttemptResult>& results);

// An event that is older, and whose deliveries have all been sent, is forgotten with them. What
// waits for a person stays.
inline constexpr std::chrono::hours kKeepEvents{90 * 24};
inline constexpr int kForgottenAtOnce = 1'000;  // of a tenant

// One pass over all tenants; how many events were forgotten. Parks what was in flight to a webhook
// when it was switched off, and came back to be tried again.
Result<std::int64_t> tidy_deliveries(db::Connection& connection);

struct OpenDeliveries {
    std::string channel;
    std::string state;
    std::int64_t count = 0;
};
// Over all tenants, those that are not sent.
Result<std::vector<OpenDeliveries>> open_deliveries(db::Connection& connection);

}  // namespace carryall::notify
