// The SQL of webhooks that more than their own commands need.
#pragma once

#include "db/postgres.hpp"
#include "notify/webhook.hpp"

namespace carryall::notify {

// The context that a webhook's secrets are sealed for.
std::string secret_context(WebhookId id);

// "a,b" as the columns of event types are read.
std::vector<std::string> listed_words(std::string_view text);
std::string array_of(const std::vector<std::string>& words);

// Switches one off that is on, parks what waits for it and tells so by an event.
Result<void> disable_webhook(db::Transaction& transaction, tenants::TenantId tenant_id,
                             WebhookId id, const std::string& reason);

}  // namespace carryall::notify
