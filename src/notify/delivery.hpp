// Deliveries: one event to one webhook, or one message to one address, with all their attempts.
// What must stay true: a delivery ends in a state that a person can see (sent, parked, unknown);
// what may have been taken is not sent again by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "notify/webhook.hpp"

namespace carryall::notify {

struct Delivery {
    DeliveryId id;
    std::string channel;  // webhook, mail
    std::string state;    // queued, sending, sent, parked, unknown
    std::optional<std::int64_t> event_id;
    std::optional<std::string> event_type;
    std::optional<std::int64_t> webhook_id;
    std::optional<std::string> address;
    std::optional<std::string> subject;
    int attempt_count = 0;
    std::optional<std::string> reason;  // of the last attempt that failed
    std::optional<std::string> due_at;  // while it is queued
    std::string created_at;
    std::optional<std::string> ended_at;
};

// A file that goes with a message: of the file store, with the size it must have.
struct DeliveryAttachment {
    std::string file_name;
    std::string content_type;
    std::string file_key;
    std::uint64_t size_bytes = 0;
};

// As the SQL function queue_mail takes them; larger files are mailed as links (files/link.hpp).
inline constexpr std::size_t kMaxAttachments = 20;
inline constexpr std::uint64_t kMaxAttachedBytes = 25u << 20;  // of one message

struct Attempt {
    int number = 0;
    std::string started_at;
    std::int64_t took_ms = 0;
    std::optional<std::int64_t> status;  // of HTTP, or SMTP's reply code
    std::string answer;                  // how it began
    std::optional<std::string> error;
};

struct DeliveryDetail {
    Delivery delivery;
    std::optional<std::string> text;  // of a message
    std::vector<DeliveryAttachment> attachments;
    std::vector<Attempt> attempts;  // newest first
};

inline constexpr int kMaxShownAttempts = 100;

struct DeliveryFilter {
    std::string channel;  // empty: any
    std::string state;
    std::int64_t webhook_id = 0;  // 0: any
    std::int64_t event_id = 0;
};

// Newest first.
Result<tenants::Page<Delivery>> list_deliveries(db::Connection& connection,
                                                const tenants::PageTokens& tokens,
                                                tenants::TenantId tenant_id,
                                                const DeliveryFilter& filter,
                                                const tenants::PageRequest& page);
Result<DeliveryDetail> get_delivery(db::Connection& connection, tenants::TenantId tenant_id,
                                    DeliveryId id);
// The connection works for the tenant.
Result<std::vector<DeliveryAttachment>> attachments_of(db::Connection& connection,
                                                       tenants::TenantId tenant_id, DeliveryId id);
// By a person: one that has ended is queued anew, with the same id and Message-ID. One that is
// still queued or being sent, or whose webhook is switched off, is a `conflict`.
Result<Delivery> resend(db::Connection& connection, tenants::TenantId tenant_id, DeliveryId id);

}  // namespace carryall::notify
