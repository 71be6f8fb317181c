// Jasper as a carrier: its account and what it can do.
#include "carriers/jasper/jasper.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "carriers/jasper/status_rules.hpp"
#include "carriers/jasper/wire.hpp"
#include "carriers/refusal.hpp"
#include "carriers/settings.hpp"

namespace carryall::carriers::jasper {

namespace {

namespace json = base::json;

constexpr std::size_t kMaxAccountIdBytes = 64;
// Published: at most five calls a second and one in flight for each API user.
constexpr double kCallsPerSecond = 5;
constexpr int kCallsInFlight = 1;

// It goes into a query.
bool is_account_id(std::string_view text) {
    return text.size() <= kMaxAccountIdBytes && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '_' || c == '.';
           });
}

// Kept under its own name, whatever its case was, so that exchanges need not search.
void take_names(std::string_view name, Account& account, SettingsReader& reader) {
    const json::value* found = reader.value(name);
    if (found == nullptr) return;
    bool is_list = found->is_array() && !found->get_array().empty();
    if (is_list) {
        const json::array& all = found->get_array();
        is_list = std::all_of(all.begin(), all.end(), [](const json::value& item) {
            return item.is_string() && !item.get_string().empty();
        });
    }
    if (!is_list) {
        return reader.fail(name, "The setting \"" + std::string(name) +
                                     "\" must be a list of texts with at least one in it");
    }
    account.settings[name] = *found;
}

class Jasper : public Carrier {
  public:
    Integration integration() const override { return Integration::jasper; }

    Capabilities capabilities() const override {
        Capabilities all;
        all.status_update = true;
        all.carrier_rate_plan_change = true;
        all.inventory_sync = true;
        all.incremental_sync = true;
        all.status_is_repeat_safe = true;
        all.rate_plan_is_repeat_safe = true;
        all.status_can_be_undone = true;
        all.rate_plan_can_be_undone = true;
        all.schedules_days_ahead = kDaysAhead;
        // How soon a reading shows a change is not published: the default is a guess.
        all.default_rate_per_second = kCallsPerSecond;
        all.default_max_concurrency = kCallsInFlight;
        return all;
    }

    const std::vector<std::string>& statuses() const override { return all_statuses(); }

    std::optional<std::string> canonical_status(std::string_view word) const override {
        return known_status(word);
    }

    // Suspended is Deactivated: Jasper has one status for both.
    bool is_same_status(std::string_view one, std::string_view other) const override {
        const auto known_one = known_status(one);
        const auto known_other = known_status(other);
        if (!known_one || !known_other) return Carrier::is_same_status(one, other);
        return wire_status(*known_one) == wire_status(*known_other);
    }

    std::vector<std::string> allowed_transitions(std::string_view current,
                                                 const json::object& settings) const override {
        return transitions_from(settings, current);
    }

    base::Result<Account> account(std::int64_t service_provider_id,
                                  SettingsReader& reader) const override {
        Account account;
        account.service_provider_id = service_provider_id;
        account.integration = Integration::jasper;
        account.settings = reader.settings();
        account.credentials = reader.credentials();
        account.base_url = reader.base_url("baseUrl");
        account.call_timeout = reader.call_timeout();
        const std::string account_id = reader.setting(kAccountId, "");
        if (!is_account_id(account_id)) {
            reader.fail(kAccountId,
                        "The setting \"accountId\" must hold letters, digits, '-', '_' and '.' "
                        "only");
        }
        account.settings[kAccountId] = account_id;
        take_names(kPlansForDeactivation, account, reader);
        take_names(kThrottleErrorCodes, account, reader);
        account.settings[kSyncDetails] = reader.flag(kSyncDetails, false);
        account.settings[kAllowPurge] = reader.flag(kAllowPurge, false);
        static_cast<void>(reader.flag("scheduleAtCarrier", false));
        reader.note(kStatusTransitions);
        if (const auto problem = problem_of_transitions(reader.settings())) {
            reader.fail(kStatusTransitions, "The setting \"statusTransitions\": " + *problem);
        }
        const std::string username = reader.credential("username");
        const std::string key = reader.credential("apiKey");
        if (username.find(':') != std::string::npos) {
            reader.fail_credential("username", "The credential \"username\" must not contain ':'");
        }
        if (reader.error()) return *reader.error();
        account.headers = {{"Authorization", basic_authorization(username, key)},
                           {"Accept", "application/json"},
                           {"Content-Type", "application/json"}};
        account.identity = "jasper|" + account.base_url + '|' + username;
        account.proof = key;
        return account;
    }

    std::unique_ptr<Exchange> exchange(const Account& account, const Line& line,
                                       const Action& action,
                                       const Attempt& attempt) const override {
        if (const auto* change = std::get_if<StatusChange>(&action)) {
            return edit_exchange(account, line, edit_of(account, *change), attempt);
        }
        if (const auto* change = std::get_if<RatePlanChange>(&action)) {
            return edit_exchange(account, line, edit_of(*change, attempt.now), attempt);
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
    static const Jasper kJasper;
    return kJasper;
}

}  // namespace carryall::carriers::jasper
