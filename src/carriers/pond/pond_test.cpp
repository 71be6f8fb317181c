// The account, the statuses, and the status exchange answer by answer.
#include "carriers/pond/pond.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "carriers/exchange_play.hpp"
#include "carriers/pond/wire.hpp"

namespace carryall::carriers::pond {
namespace {

base::json::object settings() {
    return {{"baseUrl", "https://pond.example/ds/v1/"}, {"distributorId", 71}};
}
base::json::object credentials() {
    return {{"apiKey", "key-1"}, {"username", "user"}, {"password", "pass"}};
}
Account test_account() {
    Account account = *carrier().account(5, settings(), credentials());
    account.write_is_enabled = true;
    return account;
}
Line line() {
    return {"89103000000012345678", "", "", "Active"};
}

TEST(PondAccount, prepares_address_path_and_headers) {
    const Account account = test_account();
    EXPECT_EQ(account.base_url, "https://pond.example/ds/v1");
    EXPECT_EQ(account.path_prefix, "/71");
    EXPECT_EQ(account.correlation_header, "RequestId");
    const HeaderFields expected = {{"ApiKey", "key-1"},
                                   {"Authorization", "Basic dXNlcjpwYXNz"},
                                   {"Accept", "application/json"},
                                   {"Content-Type", "application/json"}};
    EXPECT_EQ(account.headers, expected);
}

TEST(PondAccount, every_wrong_setting_is_named_and_no_value_repeated) {
    struct Row {
        std::string_view name;
        base::json::value value;
        bool is_credential;
    };
    const Row rows[] = {
        {"baseUrl", nullptr, false},
        {"baseUrl", "ftp://pond.example", false},
        {"baseUrl", "https://", false},
        {"baseUrl", "https://u:p@pond.example", false},
        {"baseUrl", "https://pond.example?x=1", false},
        {"distributorId", nullptr, false},
        {"distributorId", "../7", false},
        {"distributorId", -3, false},
        {"apiKeyHeader", "Bad Header:", false},
        {"timeoutSeconds", 0, false},
        {"simList", "s3cret", false},
        {"syncDetails", "s3cret", false},
        {"apiKey", nullptr, true},
        {"username", nullptr, true},
        {"username", "s3cret:colon", true},
        {"password", "", true},
    };
    for (const Row& row : rows) {
        base::json::object plain = settings();
        base::json::object secret = credentials();
        (row.is_credential ? secret : plain)[row.name] = row.value;
        const auto result = carrier().account(5, plain, secret);
        ASSERT_FALSE(result.has_value()) << row.name;
        EXPECT_EQ(result.error().where, row.name);
        EXPECT_NE(result.error().message.find(row.name), std::string::npos);
        EXPECT_EQ(result.error().message.find("s3cret"), std::string::npos);
    }
}

TEST(PondAccount, the_name_of_the_key_header_can_be_set) {
    base::json::object plain = settings();
    plain["apiKeyHeader"] = "x-api-key";
    EXPECT_EQ(carrier().account(5, plain, credentials())->headers.front().first, "x-api-key");
}

TEST(PondStatuses, transitions_lead_only_to_known_statuses_and_never_out_of_terminated) {
    const auto& all = carrier().statuses();
    for (const std::string_view from :
         {"Inventory", "Pending Activation", "PENDING_ACTIVATION", "Active", "Suspended",
          "Inactive", "Deactivated", "Restored", "Pre-Service", "In-Service"}) {
        const auto to = carrier().allowed_transitions(from, {});
        EXPECT_FALSE(to.empty()) << from;
        EXPECT_EQ(std::count(to.begin(), to.end(), std::string(from)), 0) << from;
        for (const std::string& status : to) {
            EXPECT_EQ(std::count(all.begin(), all.end(), status), 1) << status;
        }
    }
    EXPECT_TRUE(carrier().allowed_transitions("Terminated", {}).empty());
    const std::vector<std::string> from_suspended = carrier().allowed_transitions("suspended", {});
    EXPECT_EQ(std::count(from_suspended.begin(), from_suspended.end(), "Active"), 1);
    EXPECT_EQ(carrier().allowed_transitions("a word of the carrier's own", {}), all);
}

std::unique_ptr<Exchange> make(const Account& account, std::string target, bool resolving = false,
                               bool settled = false) {
    Attempt attempt;
    attempt.resolving = resolving;
    attempt.settled = settled;
    return carrier().exchange(account, line(), StatusChange{std::move(target)}, attempt);
}

TEST(PondStatuses, lines_that_are_switched_off_are_one_to_pond) {
    EXPECT_TRUE(carrier().is_same_status("Suspended", "Inactive"));
    EXPECT_TRUE(carrier().is_same_status("deactivated", "Suspended"));
    EXPECT_FALSE(carrier().is_same_status("Active", "Inactive"));
    EXPECT_FALSE(carrier().is_same_status("Inactive", "Terminated"));
    EXPECT_FALSE(carrier().is_same_status("Inactive", "Pre-Service"));
}

TEST(PondStatus, one_call_sets_the_three_services) {
    const Account account = test_account();
    for (const std::string target : {"Active", "Inactive", "Suspended", "Terminated"}) {
        const auto exchange = make(account, target);
        const Played played = play(*exchange, [](const Call&) { return answered(204); });
        EXPECT_EQ(kind_of(played.outcome), "applied");
        ASSERT_EQ(played.calls.size(), 1u);
        const Call& call = played.calls.front();
        EXPECT_EQ(call.method, http::Method::post);
        EXPECT_EQ(call.path, "/71/sim/8910300000001234567/status");
        EXPECT_EQ(call.operation, "Update Status");
        EXPECT_TRUE(call.changes_state);
        const auto body = base::parse_json(call.body);
        ASSERT_TRUE(body.has_value());
        for (const char* flag :
             {"simDataServiceStatus", "simVoiceServiceStatus", "simSmsServiceStatus"}) {
            EXPECT_EQ(body->at(flag), target == "Active" ? "ENABLED" : "DISABLED");
        }
    }
}

TEST(PondStatus, every_answer_to_the_update_has_one_outcome) {
    struct Row {
        http::ClientResponse response;
        std::string_view outcome;
    };
    const std::string kError = R"({"status":400,"code":0,"message":"Invalid request body"})";
    const Row rows[] = {
        {answered(204), "applied"},
        {answered(200), "applied"},
        {answered(200, "{}"), "applied"},
        {answered(200, R"({"status":"ACTIVE"})"), "applied"},
        {answered(200, kError), "refused"},
        {answered(200, R"({"status":404,"message":"Sim not found"})"), "refused"},
        {answered(200, R"({"status":500,"message":"oops"})"), "unknown"},
        {answered(200, R"({"status":429,"message":"slow down"})"), "unknown"},
        {answered(200, R"({"success":false})"), "unknown"},
        {answered(200, R"({"error":"x"})"), "unknown"},
        {answered(200, "<html>login</html>"), "unknown"},
        {answered(200, R"({"status":)"), "unknown"},
        {answered(200, "[]"), "unknown"},
        {answered(200, std::string(10'000, '[')), "unknown"},
        {answered(202), "unknown"},
        {answered(302), "unknown"},
        {answered(400, kError), "refused"},
        {answered(404, "<html>not here</html>"), "refused"},
        {answered(401), "refused"},
        {answered(403), "refused"},
        {answered(429), "not_sent"},
        {answered(408), "unknown"},
        {answered(500, kError), "unknown"},
        {answered(502), "unknown"},
        {answered(503), "unknown"},
        {answered(504), "unknown"},
        {failed(http::Transport::not_sent), "not_sent"},
        {failed(http::Transport::timeout), "unknown"},
        {failed(http::Transport::lost), "unknown"},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        const auto exchange = make(account, "Inactive");
        const Played played = play(*exchange, [&](const Call&) { return row.response; });
        EXPECT_EQ(kind_of(played.outcome), row.outcome)
            << row.response.status << ' ' << row.response.body.substr(0, 60);
        EXPECT_EQ(reason_of(played.outcome).empty(), row.outcome == "applied");
        EXPECT_TRUE(exchange->progress().is_null());
    }
}

TEST(PondStatus, the_refusal_repeats_the_carriers_words) {
    const Account account = test_account();
    const auto exchange = make(account, "Active");
    const Played played = play(*exchange, [](const Call&) {
        return answered(400, R"({"status":400,"message":"iccid should be exactly 19 digits"})");
    });
    EXPECT_EQ(std::get<Refused>(played.outcome).failure, FailureClass::validation);
    EXPECT_EQ(reason_of(played.outcome),
              "POND answered HTTP 400: iccid should be exactly 19 digits");
}

std::string flags(std::string_view data, std::string_view voice, std::string_view sms) {
    return R"({"simDataServiceStatus":")" + std::string(data) + R"(","simVoiceServiceStatus":")" +
           std::string(voice) + R"(","simSmsServiceStatus":")" + std::string(sms) +
           R"(","statusOfSim":"In-Service"})";
}

TEST(PondStatus, an_unknown_outcome_is_read_back_before_anything_is_sent) {
    struct Row {
        std::string target;
        http::ClientResponse reading;
        bool settled;
        std::string_view outcome;
        std::size_t calls;
    };
    const std::string on = flags("ENABLED", "ENABLED", "ENABLED");
    const std::string off = flags("DISABLED", "DISABLED", "DISABLED");
    const std::string mixed = flags("ENABLED", "DISABLED", "ENABLED");
    const Row rows[] = {
        {"Active", answered(200, on), false, "applied", 1},
        {"Active", answered(200, on), true, "applied", 1},
        {"Active", answered(200, off), false, "unknown", 1},
        {"Active", answered(200, off), true, "applied", 2},
        {"Active", answered(200, mixed), false, "unknown", 1},
        {"Active", answered(200, mixed), true, "applied", 2},
        {"Inactive", answered(200, off), false, "applied", 1},
        {"Inactive", answered(200, mixed), true, "applied", 2},
        {"Active", answered(200, "{}"), true, "unknown", 1},
        {"Active", answered(200, "<html>"), true, "unknown", 1},
        {"Active", answered(204), true, "unknown", 1},
        {"Active", answered(404), true, "unknown", 1},
        {"Active", answered(401), true, "unknown", 1},
        {"Active", answered(429), true, "unknown", 1},
        {"Active", answered(500), true, "unknown", 1},
        {"Active", failed(http::Transport::not_sent), true, "unknown", 1},
        {"Active", failed(http::Transport::timeout), true, "unknown", 1},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        const auto exchange = make(account, row.target, true, row.settled);
        const Played played = play(*exchange, [&](const Call& call) {
            return call.changes_state ? answered(204) : row.reading;
        });
        EXPECT_EQ(kind_of(played.outcome), row.outcome) << row.reading.body << row.settled;
        ASSERT_EQ(played.calls.size(), row.calls) << row.reading.body << row.settled;
        EXPECT_EQ(played.calls[0].method, http::Method::get);
        EXPECT_FALSE(played.calls[0].changes_state);
    }
}

TEST(PondStatus, what_cannot_be_asked_is_refused_without_a_call) {
    Account account = test_account();
    const auto never = [](const Call&) -> std::optional<http::ClientResponse> {
        ADD_FAILURE() << "a call was made";
        return std::nullopt;
    };
    for (const std::string target : {"Actve", "", "Restored"}) {
        EXPECT_EQ(kind_of(play(*make(account, target), never).outcome), "refused");
    }
    for (const std::string iccid : {"", "891030000000123456", "8910300000001234567x",
                                    "891030000000123456789", "8910300000001234/../"}) {
        const auto exchange =
            carrier().exchange(account, {iccid, "", "", ""}, StatusChange{"Active"}, {});
        const Outcome outcome = play(*exchange, never).outcome;
        ASSERT_EQ(kind_of(outcome), "refused") << iccid;
        EXPECT_EQ(std::get<Refused>(outcome).failure, FailureClass::validation);
    }
    account.write_is_enabled = false;
    EXPECT_EQ(reason_of(play(*make(account, "Active"), never).outcome), kWritesDisabled);
}

TEST(PondActions, what_pond_does_not_know_is_refused_by_a_sentence_that_names_both) {
    const Account account = test_account();
    const auto never = [](const Call&) -> std::optional<http::ClientResponse> {
        ADD_FAILURE() << "a call was made";
        return std::nullopt;
    };
    const auto features = carrier().exchange(account, line(), FeatureChange{{"F1"}, {}}, {});
    EXPECT_EQ(reason_of(play(*features, never).outcome),
              "POND cannot change features in this version");
    const auto equipment =
        carrier().exchange(account, line(), EquipmentChange{"89103000000012345678", ""}, {});
    EXPECT_EQ(reason_of(play(*equipment, never).outcome),
              "POND cannot change SIM or device in this version");
    EXPECT_FALSE(carrier().capabilities().feature_change);
}

TEST(PondWire, epochs_may_be_seconds_or_milliseconds) {
    const auto created = [](std::int64_t epoch) {
        const base::json::value package = {{"packageId", "a"},
                                           {"packageTypeId", 7},
                                           {"simIccid", "8910300000001234567"},
                                           {"status", "ACTIVE"},
                                           {"dateCreated", epoch}};
        return parse_package(package, "8910300000001234567")->created;
    };
    EXPECT_EQ(created(1'767'225'600), created(1'767'225'600'000));
    EXPECT_EQ(created(-1), std::nullopt);
}

TEST(PondWire, a_package_of_another_sim_or_with_an_id_unfit_for_a_path_is_no_package) {
    const auto is_package = [](const char* id, const char* iccid) {
        const base::json::value package = {
            {"packageId", id}, {"packageTypeId", 7}, {"simIccid", iccid}, {"status", "ACTIVE"}};
        return parse_package(package, "8910300000001234567").has_value();
    };
    EXPECT_TRUE(is_package("5b0f8a1e-2c0e", "8910300000001234567"));
    EXPECT_TRUE(is_package("5b0f8a1e-2c0e", "89103000000012345678"));
    EXPECT_FALSE(is_package("5b0f8a1e-2c0e", "8910300000007654321"));
    EXPECT_FALSE(is_package("../sim", "8910300000001234567"));
    EXPECT_FALSE(is_package("", "8910300000001234567"));
}

}  // namespace
}  // namespace carryall::carriers::pond
