// Recipients: who hears of events by mail.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "notify/event.hpp"
#include "tenants/token.hpp"

namespace carryall::notify {

using RecipientId = base::Id<struct RecipientTag>;

inline constexpr int kMaxRecipients = 100;  // of a tenant

struct Recipient {
    RecipientId id;
    std::string address;
    std::vector<std::string> event_types;  // empty: every type
    bool is_active = true;
    std::string created_by;
    std::string created_at;
    std::string modified_at;
};

// Absent members stay as they are, or get their defaults.
struct RecipientWishes {
    std::optional<std::string> address;
    std::optional<std::vector<std::string>> event_types;
    std::optional<bool> is_active;
};

Result<std::vector<Recipient>> list_recipients(db::Connection& connection,
                                               tenants::TenantId tenant_id);
Result<Recipient> get_recipient(db::Connection& connection, tenants::TenantId tenant_id,
                                RecipientId id);
// `address` is required; the same one twice is a `conflict`.
Result<Recipient> create_recipient(db::Connection& connection, const tenants::Caller& caller,
                                   const RecipientWishes& wishes);
Result<Recipient> update_recipient(db::Connection& connection, tenants::TenantId tenant_id,
                                   RecipientId id, const RecipientWishes& wishes);

}  // namespace carryall::notify
