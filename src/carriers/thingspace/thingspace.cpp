// ThingSpace as a carrier: its account, statuses and transitions.
#include "carriers/thingspace/thingspace.hpp"

#include <array>

#include "carriers/refusal.hpp"
#include "carriers/settings.hpp"
#include "carriers/thingspace/options.hpp"
#include "carriers/thingspace/wire.hpp"

namespace carryall::carriers::thingspace {

namespace {

constexpr std::string_view kDefaultBaseUrl = "https://thingspace.verizon.com/api";
// 100 requests for activations a minute; the limits of other calls stand in contracts.
constexpr double kRequestsPerSecond = 1.6;
constexpr int kMaxConcurrency = 2;
constexpr std::chrono::minutes kSettlingTime{15};

// Words for our statuses beside our own, as comparable_status() writes them.
struct Synonym {
    std::string_view word;
    std::string_view status;
};
constexpr std::array kSynonyms = {
    Synonym{"activate", "Active"},        Synonym{"activated", "Active"},
    Synonym{"restore", "Active"},         Synonym{"restored", "Active"},
    Synonym{"suspend", "Suspended"},      Synonym{"deactive", "Deactivated"},
    Synonym{"deactivate", "Deactivated"},
};

class ThingSpace : public Carrier {
  public:
    Integration integration() const override { return Integration::thingspace; }

    Capabilities capabilities() const override {
        Capabilities all;
        all.status_update = true;
        all.carrier_rate_plan_change = true;
        all.inventory_sync = true;
        // The list knows creation dates, not dates of change.
        all.incremental_sync = false;
        // Repeating costs one of the line's actions of the day, or of its plan changes of the
        // month. A deactivated line gets another number when it is activated again.
        all.rate_plan_can_be_undone = true;
        all.rate_plan_undo_cost = "it counts as one of the line's plan changes of the month";
        all.status_undo_cost = "it counts as one of the line's actions of the day";
        all.is_asynchronous = true;
        all.devices_per_request = kMaxDevicesPerRequest;
        all.settling_time = kSettlingTime;
        all.default_rate_per_second = kRequestsPerSecond;
        all.default_max_concurrency = kMaxConcurrency;
        return all;
    }

    const std::vector<std::string>& statuses() const override {
        static const std::vector<std::string> kStatuses = {"Active", "Suspended", "Deactivated"};
        return kStatuses;
    }

    std::optional<std::string> canonical_status(std::string_view word) const override {
        if (auto own = Carrier::canonical_status(word)) return own;
        const std::string wanted = comparable_status(word);
        for (const Synonym& synonym : kSynonyms) {
            if (synonym.word == wanted) return std::string(synonym.status);
        }
        return std::nullopt;
    }

    // Some contracts let a suspended line be deactivated: a setting says so.
    std::vector<std::string> allowed_transitions(
        std::string_view current, const base::json::object& settings) const override {
        if (canonical_status(current) == "Active") return {"Suspended", "Deactivated"};
        switch (state_of(current)) {
            case LineState::active:
                return {"Suspended", "Deactivated"};
            case LineState::suspended:
                if (may_deactivate_suspended(settings)) return {"Active", "Deactivated"};
                return {"Active"};
            case LineState::deactivated:
            case LineState::preactive:
            case LineState::pending:
                return {"Active"};
            case LineState::other:
                break;
        }
        if (comparable_status(current) == "inventory") return {"Active"};
        // A word that only the carrier knows: the carrier may judge.
        return statuses();
    }

    base::Result<Account> account(std::int64_t service_provider_id,
                                  SettingsReader& reader) const override {
        Account account;
        account.service_provider_id = service_provider_id;
        account.integration = Integration::thingspace;
        account.settings = checked_settings(reader);
        account.credentials = reader.credentials();
        account.base_url = reader.base_url("baseUrl", kDefaultBaseUrl);
        account.call_timeout = reader.call_timeout();
        const std::string app_key = reader.credential("appKey");
        const std::string app_secret = reader.credential("appSecret");
        const std::string username = reader.credential("username");
        const std::string password = reader.credential("password");
        if (app_key.find(':') != std::string::npos) {
            reader.fail_credential("appKey", "The credential \"appKey\" must not contain ':'");
        }
        if (reader.error()) return *reader.error();
        account.devices_per_request =
            static_cast<int>(account.settings.at("devicesPerRequest").as_int64());
        account.line_budgets = thingspace::line_budgets(account.settings);
        account.headers = {{"Accept", "application/json"}, {"Content-Type", "application/json"}};
        account.identity = "thingspace|" + account.base_url + '|' + username;
        account.proof = app_key + '\n' + app_secret + '\n' + password;
        return account;
    }

    std::vector<LineBudget> line_budgets(const base::json::object& settings) const override {
        const base::json::object no_credentials;
        SettingsReader reader(settings, no_credentials);
        const base::json::object checked = checked_settings(reader);
        // Nothing is sent for an account whose settings are wrong.
        if (reader.error()) return {};
        return thingspace::line_budgets(checked);
    }

    std::unique_ptr<Exchange> exchange(const Account& account, const Line& line,
                                       const Action& action,
                                       const Attempt& attempt) const override {
        const bool is_known = std::holds_alternative<StatusChange>(action) ||
                              std::holds_alternative<RatePlanChange>(action);
        if (!is_known) return unsupported_action(integration(), action);
        return change_exchange(account, line, action, attempt);
    }

    bool has_sessions() const override { return true; }
    std::string ended_part(const http::ClientResponse& response) const override {
        return thingspace::ended_part(response);
    }
    std::unique_ptr<SignIn> sign_in(const Account& account, const base::json::value& former,
                                    std::string_view ended) const override {
        return thingspace::sign_in(account, former, ended);
    }
    HeaderFields session_headers(const base::json::value& session) const override {
        return thingspace::session_headers(session);
    }
    std::unique_ptr<InventoryReading> read_inventory(const Account& account,
                                                     const InventoryScope& scope) const override {
        return thingspace::read_inventory(account, scope);
    }
    std::optional<Notice> parse_notice(const base::json::value& body) const override {
        return thingspace::parse_notice(body);
    }
};

}  // namespace

const Carrier& carrier() {
    static const ThingSpace kThingSpace;
    return kThingSpace;
}

}  // namespace carryall::carriers::thingspace
