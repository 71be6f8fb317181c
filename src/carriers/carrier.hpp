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
#include "carriers/inventory.hpp"
#include "carriers/notice.hpp"
#include "carriers/session.hpp"
#include "carriers/settings.hpp"

namespace carryall::carriers {

enum class Integration { jasper, thingspace, pond, telegence, revio };
std::string_view to_string(Integration integration);
std::optional<Integration> parse_integration(std::string_view text);
// As log descriptions spell it: "POND", "Jasper", "ThingSpace", "Telegence", "Rev.io".
std::string_view display_name(Integration integration);

// A status word without case, blanks, '-' and '_': how statuses are compared.
std::string comparable_status(std::string_view word);

// What a carrier lets one line do in a time, whoever asks. Checked before anything is sent.
struct LineBudget {
    enum class Counts { plan_changes, status_changes, all_actions, suspended_days };
    enum class Period { day, month, year, at_a_stretch };  // by UTC; year: the last 365 days
    Counts counts = Counts::all_actions;
    Period period = Period::day;
    int limit = 0;
};

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
    int devices_per_request = 1;                    // at most Capabilities::devices_per_request
    std::vector<LineBudget> line_budgets;
    // What the carrier knows the caller by ("thingspace|https://host/api|user"), without secrets.
    std::string identity;
    // The secrets that prove that login: never logged. Accounts with the same identity and the
    // same proof share one pace, whichever tenants they belong to.
    std::string proof;
    // The write switch of the service provider, filled by the caller. Off: an exchange reads, but
    // makes no state-changing call.
    bool write_is_enabled = false;

    // To be made once for all calls with the same correlation id (a page), not once a call. `more`
    // is Call::headers; one of them takes the place of the account's of the same name.
    http::HeaderList header_list(std::string_view correlation_id,
                                 const HeaderFields& more = {}) const;
    HeaderFields header_fields(std::string_view correlation_id, const HeaderFields& more) const;
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
    // "= {}": else g++ warns wherever only the target is given.
    std::string reason_code = {};  // NOLINT; empty: the carrier's usual one
    // For an activation at carriers that need them; empty: not given.
    std::string rate_plan = {};  // NOLINT
    std::string zip_code = {};   // NOLINT
};
struct RatePlanChange {
    std::string code;
    std::string plan_uuid;
    std::optional<std::int64_t> carrier_plan_id;
    std::string communication_plan = {};  // NOLINT; empty: stays
    // Only if the carrier is to keep the date (Capabilities::schedules_days_ahead); otherwise the
    // change is sent when its time has come.
    std::optional<base::Instant> effective_date = {};  // NOLINT
};
// Of the carrier's options for a line (data features, SOCs), by their codes.
struct FeatureChange {
    std::vector<std::string> add;
    std::vector<std::string> remove;
};
// Another SIM, another handset, or both, for the same line. Empty: stays, or the carrier's usual.
struct EquipmentChange {
    std::string iccid;
    std::string imei;
    std::string technology_type = {};  // NOLINT
    std::string reason_code = {};      // NOLINT
    std::string zip_code = {};         // NOLINT
};
// A static address for a new line, out of one of the carrier's pools.
struct StaticAddress {
    std::string pool;            // of the carrier (Telegence: the PDP)
    std::string customer_range;  // "10.20.0.0/16"; empty: any address will do
    std::string access_point;    // empty: not given
    bool is_lte = true;
    bool is_default_access_point = true;
};
struct PostalAddress {
    std::string street_number, street_direction, street_name, street_type, city, state, zip_code;
};
// A new line for the SIM of Line, in the device of Line::imei. Texts may be empty where the carrier
// does without.
struct Activation {
    std::string rate_plan;
    std::string billing_account;
    std::string zip_code;  // where it will be used
    std::string technology_type;
    std::vector<std::string> add_features;
    std::vector<std::string> remove_features;  // of what the plan brings along, once it is active
    std::string first_name, last_name;
    PostalAddress address;
    std::optional<StaticAddress> static_address;
    // All devices of the change go on together, or none: how the others stand.
    enum class Others { do_not_matter, under_way, all_active, some_failed };
    Others others = Others::do_not_matter;
};
// What a carrier does not know it refuses: unsupported_action() (refusal.hpp).
using Action =
    std::variant<StatusChange, RatePlanChange, FeatureChange, EquipmentChange, Activation>;

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
    // The carrier accepted an earlier attempt and its result is still to come (Pending): read
    // `notices`, or ask. Nothing that changes state may be sent by such an exchange.
    bool waiting = false;
    // What the carrier told about this device change meanwhile, oldest first, as it came: may hold
    // repeats and notices that contradict each other.
    base::json::array notices;
    // Since the last call that may have changed something left us, by the database's clock.
    std::optional<std::chrono::milliseconds> sent_ago;
    base::Instant now;
    // While resolving: no attempt whose outcome is unknown began before this (the time of its
    // claim). Tells the leftovers of a crashed attempt, which left no progress, from what stood
    // there before.
    std::optional<base::Instant> unclear_since;
};

// What the rest of the platform may ask about an integration. Validation, pacing, API and portal
// read it; docs/carriers/ says where each figure comes from.
struct Capabilities {
    bool status_update = false;
    bool carrier_rate_plan_change = false;
    bool feature_change = false;
    bool equipment_change = false;
    bool new_activation = false;
    bool inventory_sync = false;
    bool incremental_sync = false;
    // Documented and tested: sending the same again changes nothing.
    bool status_is_repeat_safe = false;
    bool rate_plan_is_repeat_safe = false;
    // A plan is named by the carrier's own id for it (carrier_rate_plan.carrier_plan_id).
    bool plans_need_carrier_id = false;
    // A later change can put the former value back.
    bool status_can_be_undone = false;
    bool rate_plan_can_be_undone = false;
    // What putting a former value back costs at the carrier, for a person; empty: nothing is known
    // that it would.
    std::string_view status_undo_cost;
    std::string_view rate_plan_undo_cost;
    // The answer only says that the request was taken; the result comes by a callback.
    bool is_asynchronous = false;
    int devices_per_request = 1;
    // Calls that a device, or a request for many, usually takes: what estimates go by.
    int calls_per_status_change = 1;
    int calls_per_rate_plan_change = 1;
    int activations_per_request = 1;  // of new lines, where that differs
    int calls_per_activation = 1;     // a request for new lines, and asking what became of it
    int addresses_per_request = 1;    // static ones, of new lines
    int calls_per_address = 1;        // the same for them
    // The carrier can be given a date so far ahead; 0: changes are sent when their time has come.
    int schedules_days_ahead = 0;
    std::chrono::seconds settling_time{30};  // after it a reading shows every change made before
    // The pace of an account whose service provider sets none.
    double default_rate_per_second = 10;
    int default_max_concurrency = 8;
};

class Carrier {
  public:
    virtual ~Carrier() = default;
    virtual Integration integration() const = 0;
    virtual Capabilities capabilities() const = 0;
    // The statuses a device may be given, in the seeds' words.
    virtual const std::vector<std::string>& statuses() const = 0;
    // The one of statuses() that `word` means: without regard to case, blanks, '-' and '_', and by
    // the carrier's own words ("ACTIVATED", "Restored"); none if it means none of them.
    virtual std::optional<std::string> canonical_status(std::string_view word) const;
    // Whether two statuses, of ours or of a reading, are one at the carrier: a carrier that knows
    // no "Suspended" beside "Deactivated" shows lines of either in the same way.
    virtual bool is_same_status(std::string_view one, std::string_view other) const;
    // The statuses reachable from `current` under these settings of an account, for "Status
    // transition from X to Y not allowed".
    virtual std::vector<std::string> allowed_transitions(
        std::string_view current, const base::json::object& settings) const = 0;
    // What a person may do instead of a transition that is not allowed, as the end of that
    // sentence; empty: nothing is known.
    virtual std::string transition_advice(std::string_view current, std::string_view target) const;
    // Why a new line cannot be asked for like this, whatever its SIM; empty: it can.
    virtual std::string activation_problem(std::string_view imei, const Activation& change) const;
    // Checks settings and credentials; prepares the account. Errors name the missing setting. Asks
    // `reader` for every name that there is, whatever the others say.
    virtual base::Result<Account> account(std::int64_t service_provider_id,
                                          SettingsReader& reader) const = 0;
    base::Result<Account> account(std::int64_t service_provider_id,
                                  const base::json::object& settings,
                                  const base::json::object& credentials) const {
        SettingsReader reader(settings, credentials);
        return account(service_provider_id, reader);
    }
    // What the carrier lets one line do in a time, under these settings; empty: it limits no line.
    virtual std::vector<LineBudget> line_budgets(const base::json::object& settings) const;
    // Never fails: what cannot be asked of this carrier (a plan without the carrier's id) is an
    // exchange that begins with Refused. The account must outlive the exchange.
    virtual std::unique_ptr<Exchange> exchange(const Account& account, const Line& line,
                                               const Action& action,
                                               const Attempt& attempt) const = 0;

    // Sessions (session.hpp). Carriers whose credentials go with every call have none.
    virtual bool has_sessions() const { return false; }
    // What of the session this answer says has ended ("token"); empty: nothing. Only answers that
    // prove that the call was not carried out.
    virtual std::string ended_part(const http::ClientResponse& response) const;
    // Buys a new session. `former` is the last one (null: none), `ended` what of it has ended.
    virtual std::unique_ptr<SignIn> sign_in(const Account& account, const base::json::value& former,
                                            std::string_view ended) const;
    // The headers that make a call part of the session.
    virtual HeaderFields session_headers(const base::json::value& session) const;

    // Reads the carrier's inventory (inventory.hpp); nullptr if this carrier's cannot be read.
    virtual std::unique_ptr<InventoryReading> read_inventory(const Account& account,
                                                             const InventoryScope& scope) const;

    // What the carrier tells us by itself, once it is known to come from it (notice.hpp).
    virtual std::optional<Notice> parse_notice(const base::json::value& body) const;
};

// nullptr if devices of this integration cannot be changed by this version. Rev.io is no carrier:
// see billing/revio/revio.hpp.
const Carrier* find_carrier(Integration integration);

}  // namespace carryall::carriers
