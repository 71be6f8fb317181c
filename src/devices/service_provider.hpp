// What a service provider has beyond the other small nouns (noun.hpp): credentials. What must stay
// true: they are sealed with the master key under the provider's own context
// ("service_provider/<id>"), and never leave through a record, which shows only their names.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "devices/noun.hpp"

namespace carryall::devices {

inline constexpr std::size_t kMaxCredentials = 20;
inline constexpr std::size_t kMaxCredentialBytes = 8192;

// `changes` maps a credential's name to its text, or to null to remove it; others stay. Answers the
// names that are set afterwards.
base::Result<std::vector<std::string>> change_credentials(db::Connection& connection,
                                                          TenantId tenant_id, ServiceProviderId id,
                                                          const base::json::object& changes,
                                                          const base::MasterKey& key);

// Everything a worker needs to speak to the account. `credentials` holds secrets: never log it.
struct OpenedServiceProvider {
    ServiceProviderId id;
    std::string name;
    std::string integration;
    bool write_is_enabled = false;
    bool is_active = false;
    base::json::object settings;
    base::json::object credentials;
};
base::Result<OpenedServiceProvider> open_service_provider(db::Connection& connection,
                                                          TenantId tenant_id, ServiceProviderId id,
                                                          const base::MasterKey& key);

}  // namespace carryall::devices
