// The account, the statuses, sessions, and what is read out of a callback.
#include "carriers/thingspace/thingspace.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "carriers/thingspace/thingspace_model_test.hpp"

namespace carryall::carriers::thingspace {
namespace {

using std::chrono::seconds;

TEST(ThingSpaceAccount, prepares_address_headers_and_budgets) {
    const Account account = test_account();
    EXPECT_EQ(account.base_url, "https://thingspace.verizon.com/api");
    EXPECT_EQ(account.settings.at("accountName"), "0000123456-00001");
    EXPECT_EQ(account.devices_per_request, 2'000);
    EXPECT_EQ(account.identity, "thingspace|https://thingspace.verizon.com/api|uws-user");
    ASSERT_EQ(account.line_budgets.size(), 4u);
    EXPECT_EQ(account.line_budgets[0].counts, LineBudget::Counts::plan_changes);
    EXPECT_EQ(account.line_budgets[0].period, LineBudget::Period::month);
    EXPECT_EQ(account.line_budgets[0].limit, 4);
    EXPECT_EQ(account.line_budgets[1].limit, 5);
    EXPECT_EQ(account.line_budgets[2].period, LineBudget::Period::at_a_stretch);
    EXPECT_EQ(account.line_budgets[3].limit, 180);
    const std::string headers = account.headers.front().second;
    EXPECT_EQ(headers.find("s3cret"), std::string::npos);
}

TEST(ThingSpaceAccount, a_budget_of_zero_is_none) {
    const Account account = test_account({{"planChangesPerMonth", 0},
                                          {"actionsPerDay", "25"},
                                          {"suspendedDaysInARow", 0},
                                          {"suspendedDaysPerYear", 0}});
    ASSERT_EQ(account.line_budgets.size(), 1u);
    EXPECT_EQ(account.line_budgets[0].limit, 25);
}

TEST(ThingSpaceAccount, every_wrong_setting_is_named_and_no_value_repeated) {
    struct Row {
        std::string_view name;
        base::json::value value;
        bool is_credential;
    };
    const Row rows[] = {
        {"accountName", nullptr, false},
        {"accountName", 12345600001, false},
        {"accountName", "a/../b", false},
        {"accountName", "..", false},
        {"baseUrl", "ftp://thingspace.example", false},
        {"timeoutSeconds", 0, false},
        {"devicesPerRequest", 0, false},
        {"devicesPerRequest", 10'001, false},
        {"resultDeadlineMinutes", "soon", false},
        {"giveUpHours", 0, false},
        {"planChangesPerMonth", -1, false},
        {"actionsPerDay", "many", false},
        {"suspendedDaysInARow", "x", false},
        {"suspendedDaysPerYear", 400, false},
        {"throttleStatus", 200, false},
        {"listPageSize", 5'000, false},
        {"allowDeactivateSuspended", "maybe", false},
        {"etfWaiver", 1, false},
        {"withBilling", "no", false},
        {"publicIpRestriction", "open", false},
        {"phoneNumberForm", "e164", false},
        {"primaryPlaceOfUse", "Main Street", false},
        {"callbackUrl", "somewhere", false},
        {"appKey", nullptr, true},
        {"appKey", "s3cret:colon", true},
        {"appSecret", nullptr, true},
        {"username", "", true},
        {"password", nullptr, true},
    };
    for (const Row& row : rows) {
        base::json::object plain = test_settings();
        base::json::object secret = test_credentials();
        (row.is_credential ? secret : plain)[row.name] = row.value;
        const auto result = carrier().account(5, plain, secret);
        ASSERT_FALSE(result.has_value()) << row.name;
        EXPECT_EQ(result.error().where, row.name);
        EXPECT_NE(result.error().message.find(row.name), std::string::npos);
        EXPECT_EQ(result.error().message.find("s3cret"), std::string::npos);
    }
}

TEST(ThingSpaceStatuses, words_of_the_carrier_and_synonyms_are_understood) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"active", "Active"},          {"Restored", "Active"},     {"RESTORE", "Active"},
        {"suspend", "Suspended"},      {"Suspended", "Suspended"}, {"deactive", "Deactivated"},
        {"Deactivated", "Deactivated"}};
    for (const auto& [word, status] : rows) {
        EXPECT_EQ(carrier().canonical_status(word), status) << word;
    }
    for (const std::string_view word : {"Inventory", "Pending Activation", "Actve", ""}) {
        EXPECT_EQ(carrier().canonical_status(word), std::nullopt) << word;
    }
}

TEST(ThingSpaceStatuses, transitions_lead_only_to_known_statuses) {
    const auto& all = carrier().statuses();
    for (const std::string_view from :
         {"Inventory", "preactive", "Pending Activation", "Active", "Restored", "Suspended",
          "suspend", "Deactivated", "DEACTIVE", "a word of the carrier's own"}) {
        const auto to = carrier().allowed_transitions(from, {});
        EXPECT_FALSE(to.empty()) << from;
        const auto own = carrier().canonical_status(from);
        for (const std::string& status : to) {
            EXPECT_EQ(std::count(all.begin(), all.end(), status), 1) << status;
            EXPECT_NE(std::optional(status), own);
        }
    }
    EXPECT_EQ(carrier().allowed_transitions("deactive", {}), std::vector<std::string>{"Active"});
    EXPECT_EQ(carrier().allowed_transitions("suspend", {}), std::vector<std::string>{"Active"});
    EXPECT_EQ(carrier().allowed_transitions("suspend", {{"allowDeactivateSuspended", true}}).size(),
              2U);
}

// --- sessions ---

struct SignInStory {
    SignInStep end;
    std::vector<Call> calls;
};

SignInStory sign_in_with(const std::vector<http::ClientResponse>& answers,
                         const base::json::value& former = nullptr, std::string_view ended = {},
                         const Account& account = test_account()) {
    const auto sign_in = carrier().sign_in(account, former, ended);
    SignInStory story{sign_in->begin(), {}};
    for (const http::ClientResponse& answer : answers) {
        auto* call = std::get_if<Call>(&story.end);
        if (call == nullptr) break;
        story.calls.push_back(*call);
        story.end = sign_in->proceed(answer);
    }
    return story;
}
http::ClientResponse token(int seconds_left = 3'600) {
    return answered(200, R"({"access_token":"tok","token_type":"Bearer","expires_in":)" +
                             std::to_string(seconds_left) + "}");
}
http::ClientResponse logged_in() {
    return answered(200, R"({"sessionToken":"ses"})");
}
const base::json::value kSession = {{"token", "tok"}, {"session", "ses"}};

TEST(ThingSpaceSession, a_sign_in_buys_a_token_and_a_session) {
    const SignInStory story = sign_in_with({token(), logged_in()});
    const auto* done = std::get_if<SignedIn>(&story.end);
    ASSERT_NE(done, nullptr);
    EXPECT_EQ(done->session, kSession);
    EXPECT_EQ(done->renew_after, seconds(3'540));
    ASSERT_EQ(story.calls.size(), 2u);
    EXPECT_EQ(story.calls[0].path, "/ts/v1/oauth2/token");
    EXPECT_EQ(story.calls[0].body, "grant_type=client_credentials");
    const HeaderFields token_headers = {{"Authorization", "Basic YXBwOmFwcC1zM2NyZXQ="},
                                        {"Accept", "application/json"},
                                        {"Content-Type", "application/x-www-form-urlencoded"}};
    EXPECT_EQ(story.calls[0].headers, token_headers);
    EXPECT_EQ(story.calls[1].path, "/m2m/v1/session/login");
    EXPECT_EQ(story.calls[1].headers.front().second, "Bearer tok");
    EXPECT_EQ(*base::parse_json(story.calls[1].body),
              base::json::value({{"username", "uws-user"}, {"password", "uws-s3cret"}}));
    const HeaderFields expected = {{"Authorization", "Bearer tok"}, {"VZ-M2M-Token", "ses"}};
    EXPECT_EQ(carrier().session_headers(kSession), expected);
}

TEST(ThingSpaceSession, a_login_sees_to_it_that_results_are_told_to_us) {
    constexpr const char* kUrl = "https://us.test/callbacks/thingspace/1/5";
    const Account account = test_account({{"callbackUrl", kUrl}});
    const auto registered = [&](const std::string& url) {
        return answered(200, R"([{"accountName":"0000123456-00001","serviceName":"SMS","url":")" +
                                 std::string(kUrl) +
                                 R"("},{"serviceName":"CarrierService","url":")" + url + R"("}])");
    };
    const auto there = sign_in_with({token(), logged_in(), registered(kUrl)}, nullptr, "", account);
    EXPECT_TRUE(std::holds_alternative<SignedIn>(there.end));
    EXPECT_EQ(there.calls.at(2).path, "/m2m/v1/callbacks/0000123456-00001");
    for (const auto& before : {registered("https://somebody.test/"), answered(200, "[]")}) {
        const auto made =
            sign_in_with({token(), logged_in(), before, answered(200, "{}")}, nullptr, "", account);
        EXPECT_TRUE(std::holds_alternative<SignedIn>(made.end));
        EXPECT_EQ(*base::parse_json(made.calls.at(3).body),
                  base::json::value({{"name", "CarrierService"},
                                     {"url", kUrl},
                                     {"username", "cb-user"},
                                     {"password", "cb-s3cret"}}));
    }
    const auto refused = sign_in_with({token(), logged_in(), answered(200, "[]"), answered(400)},
                                      nullptr, "", account);
    const auto* end = std::get_if<SignInFailed>(&refused.end);
    ASSERT_NE(end, nullptr);
    EXPECT_FALSE(end->wrong_credentials);
    EXPECT_NE(end->reason.find("callback"), std::string::npos);
}

TEST(ThingSpaceSession, only_what_ended_is_renewed) {
    const base::json::value old = {{"token", "old-tok"}, {"session", "old-ses"}};
    const SignInStory by_token = sign_in_with({token()}, old, "token");
    EXPECT_EQ(std::get<SignedIn>(by_token.end).session,
              base::json::value({{"token", "tok"}, {"session", "old-ses"}}));
    const SignInStory by_time = sign_in_with({token()}, old, "");
    EXPECT_EQ(by_time.calls.size(), 1u);
    const SignInStory by_session = sign_in_with({logged_in()}, old, "session");
    EXPECT_EQ(std::get<SignedIn>(by_session.end).session,
              base::json::value({{"token", "old-tok"}, {"session", "ses"}}));
    EXPECT_EQ(by_session.calls.at(0).headers.front().second, "Bearer old-tok");
    EXPECT_EQ(std::get<SignedIn>(by_session.end).renew_after, std::nullopt);
}

TEST(ThingSpaceSession, a_login_turned_away_for_its_token_is_made_once_more_with_a_new_one) {
    const base::json::value old = {{"token", "old-tok"}, {"session", "old-ses"}};
    const http::ClientResponse away = answered(401, R"({"fault":{"code":"900901"}})");
    const SignInStory story = sign_in_with({away, token(), logged_in()}, old, "session");
    EXPECT_EQ(std::get<SignedIn>(story.end).session, kSession);
    const SignInStory twice = sign_in_with({away, token(), away, logged_in()}, old, "session");
    EXPECT_FALSE(std::get<SignInFailed>(twice.end).wrong_credentials);
    EXPECT_EQ(twice.calls.size(), 3u);
}

TEST(ThingSpaceSession, a_token_near_its_end_is_renewed_right_after_it) {
    EXPECT_EQ(std::get<SignedIn>(sign_in_with({token(45), logged_in()}).end).renew_after,
              seconds(46));
    const http::ClientResponse no_time = answered(200, R"({"access_token":"tok"})");
    EXPECT_EQ(std::get<SignedIn>(sign_in_with({no_time, logged_in()}).end).renew_after,
              std::nullopt);
}

TEST(ThingSpaceSession, wrong_credentials_only_if_the_carrier_says_so_and_never_a_second_login) {
    struct Row {
        std::vector<http::ClientResponse> answers;
        bool wrong;
    };
    const auto uws = [](const std::string& code) { return ThingSpaceModel::error(code); };
    const Row rows[] = {
        {{answered(401, R"({"error":"invalid_client"})")}, true},
        {{answered(400, R"({"error":"invalid_client","error_description":"x"})")}, true},
        {{answered(400, R"({"error":"invalid_request"})")}, false},
        {{answered(401, "<html>")}, false},
        {{answered(500)}, false},
        {{answered(429)}, false},
        {{failed(http::Transport::timeout)}, false},
        {{failed(http::Transport::not_sent)}, false},
        {{answered(200, "{}")}, false},
        {{answered(200, "<html>")}, false},
        {{answered(200, R"({"access_token":"a b"})")}, false},
        {{token(), uws("INPUT_INVALID.Password.Invalid")}, true},
        {{token(), uws("REQUEST_FAILED.UnexpectedError")}, false},
        {{token(), uws("REQUEST_FAILED")}, false},
        {{token(), answered(401, R"({"fault":{"code":900901}})")}, false},
        {{token(), answered(403, "<fault/>")}, false},
        {{token(), answered(502, "<html>")}, false},
        {{token(), failed(http::Transport::lost)}, false},
        {{token(), answered(200, "{}")}, false},
        {{token(), answered(200, R"({"sessionToken":"a\r\nb"})")}, false},
    };
    for (const Row& row : rows) {
        std::vector<http::ClientResponse> answers = row.answers;
        answers.push_back(logged_in());  // must not be asked for
        const SignInStory story = sign_in_with(answers);
        const auto* end = std::get_if<SignInFailed>(&story.end);
        ASSERT_NE(end, nullptr) << row.answers.back().status << row.answers.back().body;
        EXPECT_EQ(end->wrong_credentials, row.wrong) << row.answers.back().body;
        EXPECT_FALSE(end->reason.empty());
        EXPECT_EQ(story.calls.size(), row.answers.size());
    }
}

TEST(ThingSpaceSession, an_answer_that_repeats_a_secret_is_not_repeated) {
    const SignInStory story =
        sign_in_with({token(), answered(400, R"({"errorCode":"X.INPUT_INVALID.Password.Invalid",)"
                                             R"("errorMessage":"uws-s3cret is wrong"})")});
    const std::string reason = std::get<SignInFailed>(story.end).reason;
    EXPECT_EQ(reason.find("s3cret"), std::string::npos) << reason;
}

TEST(ThingSpaceSession, what_has_ended_is_told_by_answers_that_prove_it) {
    struct Row {
        http::ClientResponse response;
        std::string_view part;
    };
    const Row rows[] = {
        {answered(401, R"({"fault":{"code":"900901"}})"), "token"},
        {answered(401, R"({"fault":{"code":900901}})"), "token"},
        {answered(401, R"({"fault":{"code":"900902"}})"), ""},
        {answered(401, "<html>"), ""},
        {answered(401), ""},
        {ThingSpaceModel::error("REQUEST_FAILED.SessionToken.Expired"), "session"},
        {ThingSpaceModel::error("INPUT_INVALID.SessionToken.Invalid"), "session"},
        {ThingSpaceModel::error("REQUEST_FAILED.SessionToken.Format"), ""},
        {ThingSpaceModel::error("INPUT_INVALID.Password.Invalid"), ""},
        {answered(500, R"({"errorCode":"REQUEST_FAILED.SessionToken.Expired"})"), ""},
        {answered(200, R"({"requestId":"a"})"), ""},
        {answered(403, "<fault><code>900901</code></fault>"), ""},
        {failed(http::Transport::lost), ""},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(carrier().ended_part(row.response), row.part) << row.response.body;
    }
}

// --- whom a callback concerns ---

TEST(ThingSpaceNotice, identifiers_are_taken_by_kind_from_wherever_they_stand) {
    const auto body = base::parse_json(R"({
        "username":"cbuser","password":"cbpass","requestId":"ABCD-1",
        "deviceIds":{"id":"89148000000000000011","kind":"IccId"},
        "deviceResponse":{"activateResponse":{"deviceIds":[
            {"id":"5550100123","kind":"Mdn"},{"id":"15550100123","kind":"MSISDN"},
            {"id":990000000000011,"kind":"imei"},{"id":"89148000000000000011","kind":"iccid"},
            {"id":"A1000000","kind":"meid"}]}},
        "status":"Success"})");
    const auto notice = carrier().parse_notice(*body);
    ASSERT_TRUE(notice.has_value());
    EXPECT_EQ(notice->reference, "abcd-1");
    EXPECT_EQ(notice->iccids, std::vector<std::string>{"89148000000000000011"});
    EXPECT_EQ(notice->imeis, std::vector<std::string>{"990000000000011"});
    EXPECT_EQ(notice->msisdns, (std::vector<std::string>{"5550100123", "15550100123"}));
    EXPECT_EQ(notice->username, "cbuser");
    EXPECT_EQ(notice->password, "cbpass");
}

TEST(ThingSpaceNotice, what_is_no_callback_is_none) {
    for (const std::string_view text : {"null", "7", "[]", "\"x\"", "{}", R"({"status":"Success"})",
                                        R"({"deviceIds":[7,null]})"}) {
        EXPECT_FALSE(carrier().parse_notice(*base::parse_json(text)).has_value()) << text;
    }
    const auto unasked = carrier().parse_notice(
        *base::parse_json(R"({"deviceIds":[{"id":"89148000000000000011","kind":"iccid"}]})"));
    ASSERT_TRUE(unasked.has_value());
    EXPECT_EQ(unasked->reference, "");
}

}  // namespace
}  // namespace carryall::carriers::thingspace
