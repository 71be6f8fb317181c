// Messages that carriers send to us by themselves: kept as they came (without the credentials they
// carry), once each, before anything is made of them. changes/notices.hpp finds the device changes
// they are about.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "carriers/notice.hpp"
#include "db/postgres.hpp"
#include "http/address.hpp"

namespace carryall::accounts {

// Who may send callbacks to a service provider's address.
struct CallbackAccount {
    std::string integration;
    base::Secret username;
    base::Secret password;
    std::vector<http::Cidr> sources;  // empty: from anywhere
};

// The sources from the setting "callbackSources" (a list of addresses or networks), else what the
// carrier publishes; the setting [] switches the check off. Errors name the setting.
base::Result<std::vector<http::Cidr>> callback_sources(const std::string& integration,
                                                       const base::json::object& settings);

// None: no such active service provider, or its credentials callbackUsername and callbackPassword
// are not set.
base::Result<std::optional<CallbackAccount>> find_callback_account(db::Connection& connection,
                                                                   std::int64_t tenant_id,
                                                                   std::int64_t service_provider_id,
                                                                   const base::MasterKey& key);

struct ReceivedCallback {
    std::int64_t tenant_id = 0;
    std::int64_t service_provider_id = 0;
    std::string remote_address;
    base::json::object body;
    carriers::Notice notice;
};

// One statement for all of one tenant. Wakes the workers.
base::Result<void> store_callbacks(db::Connection& connection, std::int64_t tenant_id,
                                   const std::vector<const ReceivedCallback*>& callbacks);

}  // namespace carryall::accounts
