// A carrier adapter: what one integration can do and how each action is spoken. Adapters hold no
// state and do no I/O: they make exchanges. One folder each, registered in registry.cpp.
// docs/ADDING_A_CARRIER.md is the checklist.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "carriers/exchange.hpp"

namespace carryall::carriers {

enum class Integration { jasper, thingspace, pond, telegence, revio };
std::string_view to_string(Integration integration);
std::optional<Integration> parse_integration(std::string_view text);
// As log descriptions spell it: "POND", "Jasper", "ThingSpace", "Telegence", "Rev.io".
std::string_view display_name(Integration integration);

// A service provider as an adapter needs it: where, with which credentials, under which settings.
// Made once by Carrier::account, which prepares everything that is the same for all devices.
// Outlives the exchanges made for it.
struct Account {
    std::int64_t service_provider_id = 0;
    Integration integration = Integration::pond;
    std::string base_url;            // without a trailing slash
    base::json::object settings;     // distributorId, apiKeyHeader, …
    base::json::object credentials;  // decrypted; values are secret and never logged
    HeaderFields headers;            // authentication, Accept, Content-Type: secret, never logged
    std::string correlation_header;  // carries Attempt::correlation_id; empty: the carrier has none
    // What paths begin with ("/71" for POND's distributor 71).
    std::string path_prefix;
    std::chrono::milliseconds call_timeout{30000};  // the setting timeoutSeconds
    // The write switch of the service provider, filled by the caller. Off: an exchange reads, but
    // makes no state-changing call.
    bool write_is_enabled = false;

    // To be made once for all calls with the same correlation id (a page), not once a call. `more`
    // is Call::headers.
    http::HeaderList header_list(std::string_view correlation_id,
                                 const HeaderFields& more = {}) const;
};
// What exchanges refuse with while Account::write_is_enabled is off (the seeds' text).
inline constexpr std::string_view kWritesDisabled = "Writes disabled for this service provider";

// The device as the adapter needs it.
struct Line {
    std::string iccid;
    std::string msisdn;
    std::string imei;
    std::string status;
};

struct StatusChange {
    std::string target;  // one of Carrier::statuses()
};
struct RatePlanChange {
    std::string code;
    std::string plan_uuid;
    std::optional<std::int64_t> carrier_plan_id;
};
using Action = std::variant<StatusChange, RatePlanChange>;

// What the engine knows about earlier attempts of this device change.
struct Attempt {
    std::string correlation_id;  // sent to the carrier where it takes one
    base::json::value progress;  // of the last exchange; null on the first attempt
    bool resolving =
        false;  // the outcome of an earlier attempt is unknown: read back before anything else
    // While resolving: "not applied" may be concluded from a reading only when this is true,
    // because the carrier's own settling time has passed since the last send. Then the exchange
    // goes on and sends; otherwise it ends in Unknown.
    bool settled = false;
    // While resolving: no attempt whose outcome is unknown began before this (the time of its
    // claim). Tells the leftovers of a crashed attempt, which left no progress, from what stood
    // there before.
    std::optional<base::Instant> unclear_since;
};

// What the rest of the platform may ask about an integration. Validation, API and portal read it.
struct Capabilities {
    bool status_update = false;
    bool carrier_rate_plan_change = false;
    bool status_is_repeat_safe =
        false;  // documented and tested: sending the same status twice changes nothing
    bool rate_plan_is_repeat_safe = false;
    int devices_per_request = 1;
    std::chrono::seconds settling_time{30};  // after it a reading shows every change made before
    std::optional<double> default_rate_per_second;
};

class Carrier {
  public:
    virtual ~Carrier() = default;
    virtual Integration integration() const = 0;
    virtual Capabilities capabilities() const = 0;
    // The statuses a device may be given, in the seeds' words.
    virtual const std::vector<std::string>& statuses() const = 0;
    // The statuses reachable from `current`, for "Status transition from X to Y not allowed".
    virtual std::vector<std::string> allowed_transitions(std::string_view current) const = 0;
    // Checks settings and credentials; prepares the account. Errors name the missing setting.
    virtual base::Result<Account> account(std::int64_t service_provider_id,
                                          const base::json::object& settings,
                                          const base::json::object& credentials) const = 0;
    // Never fails: what cannot be asked of this carrier (a plan without the carrier's id) is an
    // exchange that begins with Refused. The account must outlive the exchange.
    virtual std::unique_ptr<Exchange> exchange(const Account& account, const Line& line,
                                               const Action& action,
                                               const Attempt& attempt) const = 0;
};

// nullptr if devices of this integration cannot be changed by this version. Rev.io is no carrier:
// see billing/revio/revio.hpp.
const Carrier* find_carrier(Integration integration);

}  // namespace carryall::carriers
