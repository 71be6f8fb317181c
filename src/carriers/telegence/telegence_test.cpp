// The account, the statuses, and the wire format.
#include "carriers/telegence/telegence.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "carriers/telegence/setup.hpp"
#include "carriers/telegence/telegence_model_test.hpp"
#include "carriers/telegence/wire.hpp"

namespace carryall::carriers::telegence {
namespace {

base::json::object credentials() {
    return {{"clientId", "app-1"}, {"clientSecret", "s3cret"}};
}

TEST(TelegenceAccount, prepares_address_headers_and_the_defaults_of_the_settings) {
    const Account account = model_account();
    EXPECT_EQ(account.base_url, "https://telegence.example");
    const HeaderFields expected = {{"app-id", "app-1"},
                                   {"app-secret", "s3cret"},
                                   {"Accept", "application/json"},
                                   {"Content-Type", "application/json"},
                                   {"Cache-Control", "no-cache"}};
    EXPECT_EQ(account.headers, expected);
    EXPECT_EQ(account.identity, "telegence|https://telegence.example|app-1");
    EXPECT_EQ(line_path(account), "/sp/mobility/lineconfig/api/v1/service");
    EXPECT_EQ(subscriber_list_path(account), "/sp/mobility/api/v1/account");
    EXPECT_EQ(billing_account_path(account), "/sp/mobility/billingmgmt/api/v1/billingaccount");
    EXPECT_EQ(status_reason_code(account, "Suspended"), "CR");
    EXPECT_EQ(equipment_reason_code(account), "CUST_OWN_EQU");
    EXPECT_TRUE(syncs_details(account));
    EXPECT_EQ(page_size(account), 200);
    EXPECT_EQ(account.call_timeout, std::chrono::seconds(30));
}

TEST(TelegenceAccount, what_is_set_takes_the_place_of_the_defaults_however_it_is_spelled) {
    const Account account = model_account({{"lineConfigurationPath", "/lines/"},
                                           {"SUBSCRIBERLISTPATH", "/list"},
                                           {"billingAccountPath", "/bans"},
                                           {"reasonCodes", {{"suspended", "LOST"}}},
                                           {"equipmentReasonCode", "SWAP"},
                                           {"syncDetails", "false"},
                                           {"pageSize", "250"},
                                           {"timeoutSeconds", 7}});
    EXPECT_EQ(line_path(account), "/lines");
    EXPECT_EQ(subscriber_list_path(account), "/list");
    EXPECT_EQ(billing_account_path(account), "/bans");
    EXPECT_EQ(status_reason_code(account, "Suspended"), "LOST");
    EXPECT_EQ(status_reason_code(account, "Active"), "CR");
    EXPECT_EQ(equipment_reason_code(account), "SWAP");
    EXPECT_FALSE(syncs_details(account));
    EXPECT_EQ(page_size(account), 250);
    EXPECT_EQ(account.call_timeout, std::chrono::seconds(7));
}

TEST(TelegenceAccount, the_address_may_be_one_of_production_and_sandbox) {
    const base::json::object both = {{"productionUrl", "https://real.example:8082/"},
                                     {"sandboxUrl", "https://test.example:8082"}};
    EXPECT_EQ(carrier().account(5, both, credentials())->base_url, "https://real.example:8082");
    base::json::object sandbox = both;
    sandbox["useSandbox"] = true;
    EXPECT_EQ(carrier().account(5, sandbox, credentials())->base_url, "https://test.example:8082");
    sandbox["baseUrl"] = "https://this.example";
    EXPECT_EQ(carrier().account(5, sandbox, credentials())->base_url, "https://this.example");
}

TEST(TelegenceAccount, every_wrong_setting_is_named_and_no_value_repeated) {
    struct Row {
        std::string_view name;
        base::json::value value;
        bool is_credential;
    };
    const Row rows[] = {
        {"baseUrl", nullptr, false},
        {"baseUrl", "ftp://s3cret.example", false},
        {"useSandbox", "s3cret", false},
        {"timeoutSeconds", 0, false},
        {"lineConfigurationPath", "s3cret", false},
        {"subscriberListPath", "/list?s3cret=1", false},
        {"billingAccountPath", "/", false},
        {"reasonCodes", "s3cret", false},
        {"reasonCodes", {{"Active", "s3cret code"}}, false},
        {"reasonCodes", {{"Deactivated", 7}}, false},
        {"equipmentReasonCode", "s3cret code", false},
        {"syncDetails", 3, false},
        {"pageSize", 0, false},
        {"pageSize", 1'001, false},
        {"utcOffsetHours", 15, false},
        {"clientId", nullptr, true},
        {"clientSecret", "", true},
    };
    for (const Row& row : rows) {
        base::json::object plain = {{"baseUrl", "https://telegence.example"}};
        base::json::object secret = credentials();
        if (row.name == "useSandbox") plain.erase("baseUrl");
        (row.is_credential ? secret : plain)[row.name] = row.value;
        const auto result = carrier().account(5, plain, secret);
        ASSERT_FALSE(result.has_value()) << row.name;
        EXPECT_EQ(result.error().where, row.name);
        EXPECT_NE(result.error().message.find(row.name), std::string::npos);
        EXPECT_EQ(result.error().message.find("s3cret"), std::string::npos);
    }
    const auto none = carrier().account(5, {{"useSandbox", true}}, credentials());
    ASSERT_FALSE(none.has_value());
    EXPECT_NE(none.error().message.find("\"sandboxUrl\" may be given instead"), std::string::npos);
}

TEST(TelegenceStatuses, words_of_the_carrier_and_synonyms_are_known) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"active", "Active"},        {"RESTORED", "Active"}, {"A", "Active"},
        {"suspended", "Suspended"},  {"s", "Suspended"},     {"Cancelled", "Deactivated"},
        {"Canceled", "Deactivated"}, {"C", "Deactivated"},   {"de-activated", "Deactivated"}};
    for (const auto& [word, status] : rows) EXPECT_EQ(carrier().canonical_status(word), status);
    for (const std::string_view word : {"Actve", "", "Inventory", "Inactive"}) {
        EXPECT_EQ(carrier().canonical_status(word), std::nullopt) << word;
    }
}

TEST(TelegenceStatuses, only_a_suspended_line_can_be_restored_and_a_cancelled_one_is_final) {
    using Words = std::vector<std::string>;
    EXPECT_EQ(carrier().allowed_transitions("Active", {}), (Words{"Suspended", "Deactivated"}));
    EXPECT_EQ(carrier().allowed_transitions("Restored", {}), (Words{"Suspended", "Deactivated"}));
    EXPECT_EQ(carrier().allowed_transitions("SUSPENDED", {}), (Words{"Active", "Deactivated"}));
    EXPECT_EQ(carrier().allowed_transitions("a word of theirs", {}),
              (Words{"Suspended", "Deactivated"}));
    for (const std::string_view from :
         {"Deactivated", "Cancelled", "Inventory", "Pending Activation", "reserved"}) {
        EXPECT_TRUE(carrier().allowed_transitions(from, {}).empty()) << from;
        EXPECT_EQ(carrier().transition_advice(from, "Active"), "a new activation is needed");
        EXPECT_EQ(carrier().transition_advice(from, "Suspended"), "");
    }
    EXPECT_EQ(carrier().transition_advice("Active", "Active"), "");
}

TEST(TelegenceCapabilities, say_what_is_offered) {
    const Capabilities all = carrier().capabilities();
    EXPECT_TRUE(all.status_update && all.carrier_rate_plan_change && all.feature_change &&
                all.equipment_change && all.inventory_sync);
    EXPECT_FALSE(all.incremental_sync);
    EXPECT_FALSE(all.is_asynchronous);
    EXPECT_EQ(all.devices_per_request, 1);
    EXPECT_EQ(find_carrier(Integration::telegence), &carrier());
}

TEST(TelegenceWire, a_subscriber_number_has_10_digits_or_11_with_a_leading_1) {
    EXPECT_EQ(wire_number("2145550100"), "2145550100");
    EXPECT_EQ(wire_number("12145550100"), "2145550100");
    for (const std::string_view wrong : {"", "214555010", "22145550100", "+2145550100",
                                         "214-555-0100", "214555010/", "112145550100"}) {
        EXPECT_EQ(wire_number(wrong), std::nullopt) << wrong;
    }
}

TEST(TelegenceWire, days_end_in_z_and_are_read_with_it_without_it_and_with_a_time) {
    const base::Instant noon = kModelNow;
    EXPECT_EQ(wire_day(noon), "2026-03-01Z");
    for (const std::string_view text :
         {"2026-03-01Z", "2026-03-01", "2026-03-01T15:04:05Z", " 2026-03-01Z"}) {
        ASSERT_TRUE(parse_day(text)) << text;
        EXPECT_EQ(wire_day(*parse_day(text)), "2026-03-01Z") << text;
    }
    for (const std::string_view text : {"", "Z", "tomorrow", "2026-13-01Z", "2026-03"}) {
        EXPECT_EQ(parse_day(text), std::nullopt) << text;
    }
}

std::optional<LineDetails> details(std::string_view text) {
    return parse_line(*base::parse_json(text), kModelNumber);
}

TEST(TelegenceWire, line_details_are_read_whatever_their_case_and_the_kind_of_their_values) {
    const std::string_view spellings[] = {
        R"({"subscriberNumber":"2145550100","serviceCharacteristic":[
            {"name":"subscriberStatus","value":"A"},{"name":"singleUserCode","value":100}]})",
        R"({"SubscriberNumber":2145550100,"ServiceCharacteristic":[
            {"Name":"SubscriberStatus","Value":" A "},{"NAME":"SINGLEUSERCODE","VALUE":"100"}]})",
        R"([{"subscriberNumber":"2145550199","serviceCharacteristic":[{"name":"x","value":"y"}]},
            {"subscriberNumber":"1 (214) 555-0100","serviceCharacteristic":
             {"subscriberStatus":"A","singleUserCode":"100"}}])"};
    for (const std::string_view text : spellings) {
        const auto line = details(text);
        ASSERT_TRUE(line) << text;
        EXPECT_EQ(line->value("subscriberStatus"), "A") << text;
        EXPECT_EQ(line->value("SingleUserCode"), "100") << text;
        EXPECT_EQ(line->value("sim"), "") << text;
    }
}

TEST(TelegenceWire, what_is_not_about_the_line_or_tells_nothing_is_not_believed) {
    for (const std::string_view text :
         {R"({"subscriberNumber":"2145550199","serviceCharacteristic":[{"name":"a","value":"b"}]})",
          R"({"serviceCharacteristic":[{"name":"subscriberStatus","value":"A"}]})",
          R"({"subscriberNumber":"2145550100"})",
          R"({"subscriberNumber":"2145550100","serviceCharacteristic":[]})",
          R"({"subscriberNumber":"2145550100","serviceCharacteristic":"A"})",
          R"({"subscriberNumber":"2145550100","serviceCharacteristic":[7,null]})", "[]", "[1]",
          "\"2145550100\"", "null"}) {
        EXPECT_FALSE(details(text)) << text;
    }
}

TEST(TelegenceWire, features_are_collected_with_what_belongs_to_their_number) {
    const auto line = details(R"({"subscriberNumber":"2145550100","serviceCharacteristic":[
        {"name":"offeringCode1","value":"F1"},{"name":"offeringDescription1","value":"One"},
        {"name":"offeringCode12","value":"F12"},
        {"name":"offeringEffectiveDate12","value":"2026-01-02Z"},
        {"name":"offeringExpirationDate1","value":"2026-04-01Z"},
        {"name":"offeringCode3","value":""},
        {"name":"offeringCodeX","value":"no"}]})");
    ASSERT_TRUE(line);
    const auto features = line->features();
    ASSERT_EQ(features.size(), 2u);
    EXPECT_EQ(features[0].code, "F1");
    EXPECT_EQ(features[0].description, "One");
    EXPECT_EQ(features[0].expires, "2026-04-01Z");
    EXPECT_EQ(features[1].code, "F12");
    EXPECT_EQ(features[1].effective, "2026-01-02Z");
    EXPECT_EQ(features[1].description, "");
}

TEST(TelegenceWire, each_shape_of_an_error_gives_its_words) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {R"({"id":"c1f0","description":"Subscriber is cancelled"})", "Subscriber is cancelled"},
        {R"({"Description":"Subscriber is cancelled"})", "Subscriber is cancelled"},
        {R"({"responseMessage":"FAILED","errorDescription":"bad plan"})", "FAILED: bad plan"},
        {R"({"responseMessage":"bad plan","errorDescription":"bad plan"})", "bad plan"},
        {R"({"message":"too many"})", "too many"},
        {R"([{"errorDescription":"bad plan"}])", "bad plan"},
        {R"("just a text")", "just a text"},
        {"plain  text\n of a gateway", "plain text of a gateway"},
        {"<html>no</html>", "a web page instead of JSON"},
        {"", "an empty answer"},
        {R"({"strange":true})", R"({"strange":true})"},
    };
    for (const auto& [body, words] : rows) {
        const Answer answer = judge(answered(400, std::string(body)), Expect::json);
        EXPECT_EQ(answer.said, words);
        EXPECT_EQ(answer.verdict.meaning, Meaning::refused) << body;
        EXPECT_EQ(answer.verdict.reason, "Telegence answered HTTP 400: " + std::string(words));
    }
}

TEST(TelegenceWire, an_outage_of_the_back_end_is_never_a_refusal) {
    for (const std::string body :
         {"A Resource Required By Service Is Not Available",
          R"({"errorDescription":"a resource required by service is not available"})"}) {
        for (const int status : {400, 404, 500, 503}) {
            const Verdict verdict = judge(answered(status, body), Expect::json).verdict;
            EXPECT_EQ(verdict.meaning, Meaning::unclear) << status;
            EXPECT_EQ(verdict.failure, FailureClass::transient) << status;
        }
    }
}

}  // namespace
}  // namespace carryall::carriers::telegence
