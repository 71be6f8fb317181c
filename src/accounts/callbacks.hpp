// Messages that carriers send to us by themselves: kept as they came (without the credentials they
// carry), once each, before anything is made of them. changes/notices.hpp finds the device changes
// they are about.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "carriers/notice.hpp"
#include "db/postgres.hpp"
#include "http/address.hpp"
#include "tenants/page_token.hpp"

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

// None: no such service provider, its tenant is not active, or its credentials callbackUsername and
// callbackPassword are not set. A service provider that is switched off still hears of what was
// asked before.
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

// new: to be matched. repeated: the same came before. orphan: about no request or device that we
// know. unasked: about a change that nobody here asked for.
inline constexpr std::array<std::string_view, 5> kCallbackStates = {"new", "matched", "repeated",
                                                                    "orphan", "unasked"};

struct CallbackFilter {
    std::optional<std::int64_t> service_provider_id;
    std::optional<std::string> state;      // one of kCallbackStates
    std::optional<std::string> reference;  // the carrier's request id, in any case
};

struct StoredCallback {
    std::int64_t id = 0;
    std::int64_t service_provider_id = 0;
    std::string received_at;  // ISO 8601
    std::string remote_address;
    std::string state;
    std::optional<std::string> reference;
    std::optional<std::int64_t> device_change_id;
    std::optional<std::string> matched_at;
    base::json::value body;
};

// Newest first.
base::Result<tenants::Page<StoredCallback>> list_callbacks(db::Connection& connection,
                                                           const tenants::PageTokens& tokens,
                                                           tenants::TenantId tenant_id,
                                                           const CallbackFilter& filter,
                                                           const tenants::PageRequest& page);

}  // namespace carryall::accounts
