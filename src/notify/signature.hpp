// Signatures of webhooks as in the Standard Webhooks specification 1.0 (symmetric, HMAC-SHA256):
// who has the secret knows that a message is ours, unaltered and of now.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace carryall::notify {

// Random bytes, as they are sealed.
base::Secret new_webhook_key();

// "whsec_" and the key in base64: what the receiver is given.
base::Secret webhook_secret_text(const base::Secret& key);

// The value of webhook-signature: one signature with each key, the present one first.
std::string webhook_signature(std::string_view id, std::string_view timestamp,
                              std::string_view body, const base::Secret& key,
                              const std::optional<base::Secret>& previous_key);

}  // namespace carryall::notify
