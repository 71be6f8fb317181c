// The account at Rev.io, and the reading of one line.
#include "billing/revio/revio.hpp"

#include <algorithm>

#include "billing/revio/service_lookup.hpp"
#include "carriers/settings.hpp"

namespace carryall::billing::revio {

namespace {

constexpr std::string_view kCurrentHost = "https://api.revioapi.com";

class FindService : public carriers::Exchange {
  public:
    FindService(const carriers::Account& account, std::string number)
        : number_(std::move(number)), lookup_(account, {number_}) {}

    carriers::Step begin() override {
        if (number_.empty()) {
            return carriers::Outcome(
                carriers::Refused{carriers::FailureClass::validation,
                                  "A line is looked up by its number; it is empty"});
        }
        return *lookup_.next();
    }

    carriers::Step proceed(const http::ClientResponse& response) override {
        if (const auto failure = lookup_.take(response)) {
            return carriers::conclude(*failure, false, carriers::Standing::untouched);
        }
        if (auto call = lookup_.next()) return std::move(*call);
        base::json::object details;
        details["found"] = !lookup_.active().empty();
        if (!lookup_.active().empty()) {
            const Service& service = lookup_.active().front();
            details["revioServiceId"] = service.id;
            details["revCustomerId"] = service.customer_id;
            details["number"] = service.number;
            details["activatedDate"] = service.activated_date;
        }
        return carriers::Outcome(carriers::Applied{std::move(details)});
    }

  private:
    std::string number_;
    ServiceLookup lookup_;
};

}  // namespace

base::Result<carriers::Account> account(std::int64_t service_provider_id,
                                        const base::json::object& settings,
                                        const base::json::object& credentials) {
    carriers::SettingsReader reader(settings, credentials);
    return account(service_provider_id, reader);
}

base::Result<carriers::Account> account(std::int64_t service_provider_id,
                                        carriers::SettingsReader& reader) {
    carriers::Account account;
    account.service_provider_id = service_provider_id;
    account.integration = carriers::Integration::revio;
    account.settings = reader.settings();
    account.credentials = reader.credentials();
    account.base_url = reader.base_url("baseUrl", kCurrentHost);
    // The version belongs to the paths; an address that carries it is as good.
    if (account.base_url.ends_with("/v1")) account.base_url.resize(account.base_url.size() - 3);
    account.path_prefix = "/v1";
    account.call_timeout = reader.call_timeout();
    const std::string username = reader.credential("username");
    const std::string password = reader.credential("password");
    const std::string key = reader.credential("subscriptionKey");
    const bool is_user_at_client = std::count(username.begin(), username.end(), '@') == 1 &&
                                   username.front() != '@' && username.back() != '@' &&
                                   username.find(':') == std::string::npos;
    if (!username.empty() && !is_user_at_client) {
        reader.fail_credential(
            "username",
            "The credential \"username\" must be user@clientcode; Rev.io takes no e-mail "
            "address as the user");
    }
    if (reader.error()) return *reader.error();
    account.headers = {{"Authorization", carriers::basic_authorization(username, password)},
                       {"Ocp-Apim-Subscription-Key", key},
                       {"Accept", "application/json"},
                       {"Content-Type", "application/json"}};
    account.devices_per_request = kQuestionsPerReading;
    account.identity = "revio|" + account.base_url + '|' + username;
    account.proof = password + '\n' + key;
    return account;
}

std::unique_ptr<carriers::Exchange> find_service(const carriers::Account& account,
                                                 std::string number) {
    return std::make_unique<FindService>(account, std::move(number));
}

}  // namespace carryall::billing::revio
