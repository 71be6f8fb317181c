// POND as a carrier: its account, statuses and transitions.
#include "carriers/pond/pond.hpp"

#include <array>

#include "base/text.hpp"
#include "carriers/pond/wire.hpp"
#include "carriers/refusal.hpp"
#include "carriers/settings.hpp"

namespace carryall::carriers::pond {

namespace {

// From which status which statuses may be asked for. POND itself knows only services on or off and
// would take any of them; these are the rules of the business (inventory, pending activation,
// active, suspended and back, deactivated, terminated for good).
struct Transitions {
    std::string_view from;  // as comparable_status() writes it
    std::vector<std::string> to;
};

const std::vector<Transitions>& transition_table() {
    static const std::vector<Transitions> kTable = {
        {"inventory", {"Active", "Inactive", "Deactivated", "Terminated"}},
        {"pendingactivation", {"Active", "Inactive", "Deactivated", "Terminated"}},
        {"preservice", {"Active", "Inactive", "Deactivated", "Terminated"}},
        {"active", {"Inactive", "Suspended", "Deactivated", "Terminated"}},
        {"inservice", {"Active", "Inactive", "Suspended", "Deactivated", "Terminated"}},
        {"restored", {"Inactive", "Suspended", "Deactivated", "Terminated"}},
        {"suspended", {"Active", "Inactive", "Deactivated", "Terminated"}},
        {"inactive", {"Active", "Terminated"}},
        {"deactivated", {"Active", "Terminated"}},
        {"terminated", {}},
    };
    return kTable;
}

void take_inventory_settings(SettingsReader& reader, Account& account) {
    const std::string list = reader.setting(kSimList, "search");
    if (list != "search" && list != "groups") {
        reader.fail(kSimList, "The setting \"simList\" must be \"search\" or \"groups\"");
    }
    account.settings[kSimList] = list;
    account.settings[kSyncDetails] = reader.flag(kSyncDetails, false);
}

class Pond : public Carrier {
  public:
    Integration integration() const override { return Integration::pond; }

    Capabilities capabilities() const override {
        Capabilities all;
        all.status_update = true;
        all.carrier_rate_plan_change = true;
        all.inventory_sync = true;
        all.status_is_repeat_safe = true;
        all.plans_need_carrier_id = true;
        all.status_can_be_undone = true;
        all.rate_plan_can_be_undone = true;
        all.rate_plan_undo_cost =
            "the former package has ended and cannot come back: a new one of its type is added";
        all.calls_per_rate_plan_change = 4;  // list, add, activate, terminate
        // POND publishes neither a rate limit nor how soon a reading shows a change: the pace and
        // the settling time are guesses on the safe side.
        return all;
    }

    const std::vector<std::string>& statuses() const override {
        static const std::vector<std::string> kStatuses = {"Active", "Inactive", "Suspended",
                                                           "Deactivated", "Terminated"};
        return kStatuses;
    }

    // POND only switches services: what is neither in use nor terminated is switched off.
    bool is_same_status(std::string_view one, std::string_view other) const override {
        const auto word = [](std::string_view status) {
            const std::string comparable = comparable_status(status);
            const bool is_off = comparable == "suspended" || comparable == "deactivated";
            return is_off ? std::string("inactive") : comparable;
        };
        return word(one) == word(other);
    }

    std::vector<std::string> allowed_transitions(std::string_view current,
                                                 const base::json::object&) const override {
        const std::string wanted = comparable_status(current);
        for (const Transitions& row : transition_table()) {
            if (row.from == wanted) return row.to;
        }
        // A word that only the carrier knows: the carrier may judge.
        return statuses();
    }

    base::Result<Account> account(std::int64_t service_provider_id,
                                  SettingsReader& reader) const override {
        Account account;
        account.service_provider_id = service_provider_id;
        account.integration = Integration::pond;
        account.settings = reader.settings();
        account.credentials = reader.credentials();
        account.base_url = reader.base_url("baseUrl");
        account.path_prefix = '/' + std::to_string(reader.id("distributorId"));
        account.call_timeout = reader.call_timeout();
        take_inventory_settings(reader, account);
        const std::string key_header = reader.header_name("apiKeyHeader", "ApiKey");
        const std::string key = reader.credential("apiKey");
        const std::string username = reader.credential("username");
        const std::string password = reader.credential("password");
        if (username.find(':') != std::string::npos) {
            reader.fail_credential("username", "The credential \"username\" must not contain ':'");
        }
        if (reader.error()) return *reader.error();
        account.headers = {{key_header, key},
                           {"Authorization", basic_authorization(username, password)},
                           {"Accept", "application/json"},
                           {"Content-Type", "application/json"}};
        account.correlation_header = "RequestId";
        account.identity = "pond|" + account.base_url + account.path_prefix + '|' + username;
        account.proof = key + '\n' + password;
        return account;
    }

    std::unique_ptr<Exchange> exchange(const Account& account, const Line& line,
                                       const Action& action,
                                       const Attempt& attempt) const override {
        if (const auto* change = std::get_if<StatusChange>(&action)) {
            return status_exchange(account, line, *change, attempt);
        }
        if (const auto* change = std::get_if<RatePlanChange>(&action)) {
            return rate_plan_exchange(account, line, *change, attempt);
        }
        return unsupported_action(integration(), action);
    }

    std::unique_ptr<InventoryReading> read_inventory(const Account& account,
                                                     const InventoryScope& scope) const override {
        return inventory_reading(account, scope);
    }
};

}  // namespace

const Carrier& carrier() {
    static const Pond kPond;
    return kPond;
}

}  // namespace carryall::carriers::pond
