// Webhooks: where a tenant's programs hear of events. What must stay true: a secret is in exactly
// one answer, the one that made it; in the database it is sealed.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "notify/event.hpp"
#include "notify/webhook_url.hpp"
#include "tenants/token.hpp"

namespace carryall::notify {

using WebhookId = base::Id<struct WebhookTag>;
using DeliveryId = base::Id<struct DeliveryTag>;

inline constexpr int kMaxWebhooks = 50;  // of a tenant, active ones
inline constexpr std::size_t kMaxDescriptionBytes = 500;
// How long the secret before the present one signs too.
inline constexpr std::chrono::hours kOldSecretSigns{24};

struct Webhook {
    WebhookId id;
    std::string url;
    std::string description;
    std::vector<std::string> event_types;  // empty: every type
    bool is_active = true;
    std::optional<std::string> disabled_reason;  // the system switched it off
    std::optional<std::string> failing_since;
    std::optional<std::string> previous_secret_until;
    std::string created_by;
    std::string created_at;
    std::string modified_at;
};

// Absent members stay as they are, or get their defaults.
struct WebhookWishes {
    std::optional<std::string> url;
    std::optional<std::string> description;
    std::optional<std::vector<std::string>> event_types;
    std::optional<bool> is_active;
};

struct WebhookWithSecret {
    Webhook webhook;
    base::Secret secret;  // "whsec_…"
};

Result<std::vector<Webhook>> list_webhooks(db::Connection& connection, tenants::TenantId tenant_id);
Result<Webhook> get_webhook(db::Connection& connection, tenants::TenantId tenant_id, WebhookId id);

// `url` is required. A tenant with kMaxWebhooks active ones is a `conflict`.
Result<WebhookWithSecret> create_webhook(db::Connection& connection, const tenants::Caller& caller,
                                         const WebhookWishes& wishes, const WebhookRules& rules,
                                         const base::MasterKey& key);
// Switched off, what waits for it is parked; switched on, it counts as healthy again.
Result<Webhook> update_webhook(db::Connection& connection, tenants::TenantId tenant_id,
                               WebhookId id, const WebhookWishes& wishes,
                               const WebhookRules& rules);
// A new secret; the present one signs too for kOldSecretSigns.
Result<WebhookWithSecret> rotate_secret(db::Connection& connection, tenants::TenantId tenant_id,
                                        WebhookId id, const base::MasterKey& key);
// An event of type webhook.test for this webhook alone, whatever types it hears of. One that is
// switched off is a `conflict`.
Result<DeliveryId> send_test(db::Connection& connection, const tenants::Caller& caller,
                             WebhookId id);

}  // namespace carryall::notify
