// The account, the statuses, and the meaning of every answer to an edit.
#include "carriers/jasper/jasper.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "carriers/exchange_play.hpp"
#include "carriers/jasper/jasper_model_test.hpp"
#include "carriers/jasper/status_rules.hpp"
#include "carriers/jasper/wire.hpp"

namespace carryall::carriers::jasper {
namespace {

namespace json = base::json;
using Statuses = std::vector<std::string>;

json::object settings() {
    return {{"baseUrl", "https://restapi3.example/rws/api/v1/"}};
}
json::object credentials() {
    return {{"username", "user"}, {"apiKey", "pass"}};
}

TEST(JasperAccount, prepares_address_headers_and_identity) {
    const Account account = *carrier().account(5, settings(), credentials());
    EXPECT_EQ(account.base_url, "https://restapi3.example/rws/api/v1");
    EXPECT_EQ(account.identity, "jasper|https://restapi3.example/rws/api/v1|user");
    EXPECT_TRUE(account.correlation_header.empty());
    const HeaderFields expected = {{"Authorization", "Basic dXNlcjpwYXNz"},
                                   {"Accept", "application/json"},
                                   {"Content-Type", "application/json"}};
    EXPECT_EQ(account.headers, expected);
}

TEST(JasperAccount, every_wrong_setting_is_named_and_no_value_repeated) {
    struct Row {
        std::string_view name;
        json::value value;
        bool is_credential = false;
    };
    const Row rows[] = {
        {"baseUrl", nullptr},
        {"baseUrl", "restapi3.example"},
        {"timeoutSeconds", 0},
        {"accountId", "1 OR 2"},
        {"accountId", "1&pageSize=9"},
        {"communicationPlansForDeactivation", "s3cret"},
        {"communicationPlansForDeactivation", json::array()},
        {"communicationPlansForDeactivation", {1, 2}},
        {"throttleErrorCodes", {""}},
        {"syncDetails", "yes"},
        {"allowPurge", 1},
        {"statusTransitions", "s3cret"},
        {"statusTransitions", {{"ACTIVATED", "s3cret"}}},
        {"statusTransitions", {{"ACTIVATED", {"s3cret"}}}},
        {"statusTransitions", {{"ACTIVATED", {"INVENTORY"}}}},
        {"statusTransitions", {{"Deactivated", {"Test Ready"}}}},
        {"statusTransitions", {{"PURGED", {"ACTIVATED"}}}},
        {"username", nullptr, true},
        {"username", "s3cret:colon", true},
        {"apiKey", "", true},
    };
    for (const Row& row : rows) {
        json::object plain = settings();
        json::object secret = credentials();
        (row.is_credential ? secret : plain)[row.name] = row.value;
        const auto result = carrier().account(5, plain, secret);
        ASSERT_FALSE(result.has_value()) << row.name << json::serialize(row.value);
        EXPECT_EQ(result.error().where, row.name);
        EXPECT_NE(result.error().message.find(row.name), std::string::npos);
        EXPECT_EQ(result.error().message.find("s3cret"), std::string::npos);
    }
}

TEST(JasperAccount, names_of_settings_are_taken_in_any_case) {
    const Account account =
        model_account({{"COMMUNICATIONPLANSFORDEACTIVATION", {"OFF"}}, {"AccountID", 100020003}});
    EXPECT_EQ(account.settings.at(kPlansForDeactivation), json::value({"OFF"}));
    EXPECT_EQ(account.settings.at(kAccountId), "100020003");
}

TEST(JasperStatuses, words_of_the_platform_and_of_jasper_mean_the_same) {
    struct Row {
        std::string_view word;
        const char* meaning;
    };
    const Row rows[] = {{"ACTIVATED", "Active"},
                        {"active", "Active"},
                        {"Restored", "Active"},
                        {"ACTIVATED_NAME", "Active"},
                        {"DEACTIVATED", "Deactivated"},
                        {"suspended", "Suspended"},
                        {"Pending Activation", "Activation Ready"},
                        {"ACTIVATION_READY", "Activation Ready"},
                        {"test-ready", "Test Ready"},
                        {"TEST_READY_NAME", "Test Ready"},
                        {"RETIRED", "Retired"},
                        {"Purged", "Purged"}};
    for (const Row& row : rows) {
        EXPECT_EQ(carrier().canonical_status(row.word), row.meaning) << row.word;
    }
    for (const std::string_view word : {"", "Actve", "TRIAL", "REPLACED", "name"}) {
        EXPECT_EQ(carrier().canonical_status(word), std::nullopt) << word;
    }
    EXPECT_EQ(status_of_wire("DEACTIVATED"), "Deactivated");
    EXPECT_EQ(status_of_wire("OPERATOR_HOLD"), "OPERATOR_HOLD");
}

TEST(JasperStatuses, a_line_that_was_in_service_never_goes_back_before_it) {
    EXPECT_EQ(carrier().allowed_transitions("ACTIVATED", {}),
              (Statuses{"Deactivated", "Suspended", "Retired"}));
    EXPECT_EQ(carrier().allowed_transitions("Suspended", {}),
              (Statuses{"Active", "Deactivated", "Retired"}));
    EXPECT_EQ(carrier().allowed_transitions("Deactivated", {}),
              (Statuses{"Active", "Suspended", "Retired"}));
    EXPECT_EQ(carrier().allowed_transitions("Inventory", {}),
              (Statuses{"Active", "Deactivated", "Activation Ready", "Test Ready", "Retired"}));
    EXPECT_TRUE(carrier().allowed_transitions("Retired", {}).empty());
    EXPECT_TRUE(carrier().allowed_transitions("PURGED", {}).empty());
    // Of a word that only the operator knows Jasper may judge; a purge is still not offered.
    Statuses all = carrier().statuses();
    all.pop_back();
    EXPECT_EQ(carrier().allowed_transitions("TRIAL", {}), all);
}

TEST(JasperStatuses, an_operators_table_replaces_the_matrix) {
    const json::object own = {{"statusTransitions",
                               {{"ACTIVATED", {"DEACTIVATED"}},
                                {"Deactivated", {"Active", "INVENTORY"}},
                                {"TRIAL", {"Retired"}}}}};
    EXPECT_EQ(transitions_from(own, "Active"), (Statuses{"Deactivated", "Suspended"}));
    EXPECT_EQ(transitions_from(own, "suspended"), (Statuses{"Active", "Deactivated", "Inventory"}));
    EXPECT_TRUE(transitions_from(own, "Test Ready").empty());
    EXPECT_EQ(transitions_from(own, "trial"), Statuses{"Retired"});
    const json::object purging = {{"allowPurge", true}};
    EXPECT_EQ(transitions_from(purging, "Retired"), Statuses{"Purged"});
    EXPECT_TRUE(transitions_from(purging, "Purged").empty());
}

Attempt attempt(bool resolving = false, bool settled = false) {
    Attempt attempt;
    attempt.resolving = resolving;
    attempt.settled = settled;
    attempt.now = base::parse_iso8601("2026-03-01T12:00:00Z").value();
    return attempt;
}

std::unique_ptr<Exchange> make(const Account& account, const Action& action, bool resolving = false,
                               bool settled = false) {
    return carrier().exchange(account, {kModelIccid, "", "", "Active"}, action,
                              attempt(resolving, settled));
}

http::ClientResponse error(int status, std::string_view code, std::string_view message) {
    return JasperModel::error(status, code, message);
}
const std::string kDone = R"({"iccid":"89010000000000000017"})";

TEST(JasperStatus, two_words_of_ours_are_one_where_jasper_has_one_for_both) {
    EXPECT_TRUE(carrier().is_same_status("Suspended", "DEACTIVATED"));
    EXPECT_TRUE(carrier().is_same_status("active", "ACTIVATED"));
    EXPECT_FALSE(carrier().is_same_status("Active", "Deactivated"));
    EXPECT_TRUE(carrier().is_same_status("Odd Word", "ODD_WORD"));
    EXPECT_FALSE(carrier().is_same_status("Odd Word", "Active"));
}

TEST(JasperEdit, one_put_sets_the_status) {
    const Account account = model_account();
    const std::pair<const char*, const char*> words[] = {{"Active", "ACTIVATED"},
                                                         {"Suspended", "DEACTIVATED"},
                                                         {"Deactivated", "DEACTIVATED"},
                                                         {"Inventory", "INVENTORY"},
                                                         {"Activation Ready", "ACTIVATION_READY"},
                                                         {"Test Ready", "TEST_READY"},
                                                         {"Retired", "RETIRED"}};
    for (const auto& [ours, wire] : words) {
        const auto exchange = make(account, StatusChange{ours});
        const Played played = play(*exchange, [](const Call&) { return answered(200, kDone); });
        ASSERT_EQ(kind_of(played.outcome), "applied") << reason_of(played.outcome);
        ASSERT_EQ(played.calls.size(), 1u);
        const Call& call = played.calls.front();
        EXPECT_EQ(call.method, http::Method::put);
        EXPECT_EQ(call.path, "/devices/89010000000000000017");
        EXPECT_EQ(call.body, std::string(R"({"status":")") + wire + "\"}");
        EXPECT_EQ(call.operation, "Update Status");
        EXPECT_TRUE(call.changes_state);
    }
}

TEST(JasperEdit, one_put_sets_the_plans_by_name) {
    const Account account = model_account();
    RatePlanChange change{"FLEET \"10\" MB", "", std::nullopt};
    change.communication_plan = "DATA ONLY";
    const auto exchange = make(account, change);
    const Played played = play(*exchange, [](const Call&) { return answered(200, kDone); });
    EXPECT_EQ(kind_of(played.outcome), "applied");
    EXPECT_EQ(played.calls.at(0).body,
              R"({"ratePlan":"FLEET \"10\" MB","communicationPlan":"DATA ONLY"})");
}

TEST(JasperEdit, an_activation_may_bring_its_rate_plan) {
    const Account account = model_account();
    StatusChange change{"Active"};
    change.rate_plan = "FLEET 10MB";
    JasperModel model;
    model.status = "INVENTORY";
    const auto exchange = make(account, change);
    play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
    EXPECT_EQ(model.status, "ACTIVATED");
    EXPECT_EQ(model.rate_plan, "FLEET 10MB");
}

struct AnswerRow {
    http::ClientResponse response;
    std::string_view outcome;
    FailureClass failure = FailureClass::transient;
    bool whole_account = false;
};

const std::vector<AnswerRow>& answers() {
    using enum FailureClass;
    static const std::vector<AnswerRow> kAnswers = {
        {answered(200, kDone), "applied"},
        {answered(201, kDone), "applied"},
        {answered(202, kDone), "pending"},
        {answered(200, R"({"iccid":"89010000000000000025"})"), "unknown"},
        {answered(200, R"({"iccid":""})"), "unknown"},
        {answered(200, "{}"), "unknown"},
        {answered(200), "unknown"},
        {answered(202), "unknown"},
        {answered(204), "unknown"},
        {answered(200, "[]"), "unknown"},
        {answered(200, "<html>login</html>"), "unknown"},
        {answered(200, R"({"iccid":"890100)"), "unknown"},
        {answered(200, std::string(10'000, '[')), "unknown"},
        {error(200, "30000001", "Unknown error"), "unknown"},
        {error(200, "10000013", "Invalid rate plan"), "unknown"},
        {answered(302), "unknown"},
        {error(400, "10000005", "Invalid status"), "refused", validation},
        {error(400, "10000013", "Invalid rate plan"), "refused", validation},
        {error(400, "10000014", "Invalid communication plan"), "refused", validation},
        {error(400, "10000016", "Overage limit override invalid"), "refused", validation},
        {error(400, "10000021", "Invalid ICCID"), "refused", validation},
        {error(400, "10000023", "JSON is not well formed"), "refused", validation},
        {error(400, "10000029", "No way back"), "refused", business},
        {error(400, "50001231", "SIM state invalid"), "refused", business},
        {error(400, "50001234", "Communication plan not valid"), "refused", business},
        {error(404, "20000001", "Resource not found"), "refused", business},
        {error(400, "10000004", "Invalid accountId"), "refused", system},
        {error(400, "10000024", "Invalid api version"), "refused", system},
        {error(401, "10000001", "Invalid credentials"), "refused", system},
        {error(400, "10000030", "Role lacks this function"), "refused", system},
        {error(400, "10000062", "No access to account data"), "refused", system},
        {error(403, "10000079", "No API access"), "refused", system},
        {error(400, "10000080", "API access forbidden"), "refused", system},
        {error(400, "30000001", "Unknown error"), "unknown"},
        {error(400, "99999999", "A new rule"), "refused", validation},
        {answered(400, R"({"errorMessage":"?","errorCode":10000029})"), "refused", business},
        {answered(401, R"({"errorMessage":"Full authentication is required"})"), "refused", system},
        {answered(403), "refused", system},
        {answered(404, "<html>not here</html>"), "refused", system},
        {answered(404, "{}"), "refused", system},
        {answered(429), "not_sent", transient, true},
        {error(429, "10000013", "Invalid rate plan"), "not_sent", transient, true},
        {error(400, "40000029", "Rate Limit Exceeded"), "not_sent", transient, true},
        {error(400, "", "Too many requests"), "not_sent", transient, true},
        {error(403, "", "Request was throttled"), "not_sent", transient, true},
        {error(401, "", "Login limit"), "refused", system},
        {error(400, "99999999", "API call limit reached"), "not_sent", transient, true},
        {error(400, "99999999", "This rate plan is gone"), "refused", validation},
        {error(400, "99999999", "Bad overage limit"), "refused", validation},
        {error(400, "99999999", "Corporate accounts only"), "refused", validation},
        {answered(408), "unknown"},
        {error(500, "30000001", "Unknown server error"), "unknown"},
        {error(503, "", "Too many requests"), "unknown"},
        {answered(502, "<html>bad gateway</html>"), "unknown"},
        {answered(504), "unknown"},
        {failed(http::Transport::not_sent), "not_sent"},
        {failed(http::Transport::timeout), "unknown"},
        {failed(http::Transport::lost), "unknown"},
    };
    return kAnswers;
}

TEST(JasperEdit, every_answer_has_one_outcome) {
    const Account account = model_account();
    for (const AnswerRow& row : answers()) {
        for (const bool is_status : {true, false}) {
            const Action action = is_status ? Action(StatusChange{"Suspended"})
                                            : Action(RatePlanChange{"FLEET 10MB", "", {}});
            const auto exchange = make(account, action);
            const Played played = play(*exchange, [&](const Call&) { return row.response; });
            const std::string trace =
                std::to_string(row.response.status) + ' ' + row.response.body.substr(0, 80);
            EXPECT_EQ(kind_of(played.outcome), row.outcome) << trace;
            const bool is_fine = row.outcome == "applied" || row.outcome == "pending";
            EXPECT_EQ(reason_of(played.outcome).empty(), is_fine) << trace;
            EXPECT_EQ(exchange->progress().is_null(), row.outcome != "pending") << trace;
            if (const auto* refused = std::get_if<Refused>(&played.outcome)) {
                EXPECT_EQ(refused->failure, row.failure) << trace;
            }
            if (const auto* not_sent = std::get_if<NotSent>(&played.outcome)) {
                EXPECT_EQ(not_sent->whole_account, row.whole_account) << trace;
            }
        }
    }
}

TEST(JasperEdit, the_wait_that_a_throttled_answer_asks_for_is_passed_on) {
    const Account account = model_account();
    http::ClientResponse throttled = error(400, "40000029", "Rate Limit Exceeded");
    throttled.retry_after = std::chrono::seconds(7);
    const auto exchange = make(account, StatusChange{"Active"});
    const Played played = play(*exchange, [&](const Call&) { return throttled; });
    EXPECT_EQ(std::get<NotSent>(played.outcome).retry_after, std::chrono::seconds(7));
}

TEST(JasperEdit, further_throttle_codes_are_a_setting) {
    const Account account = model_account({{"throttleErrorCodes", {"70000007"}}});
    const auto exchange = make(account, StatusChange{"Active"});
    const Played played =
        play(*exchange, [](const Call&) { return error(403, "70000007", "Not now"); });
    EXPECT_EQ(kind_of(played.outcome), "not_sent");
}

TEST(JasperEdit, the_refusal_repeats_jaspers_words_and_code) {
    const Account account = model_account();
    const auto exchange = make(account, StatusChange{"Active"});
    const Played played =
        play(*exchange, [](const Call&) { return error(404, "20000001", "Invalid ICCID."); });
    EXPECT_EQ(reason_of(played.outcome), "Jasper answered HTTP 404: Invalid ICCID. (20000001)");
}

TEST(JasperEdit, words_in_latin_1_arrive_in_utf_8) {
    const Account account = model_account();
    const std::string latin =
        "{\"errorMessage\":\"plan inconnu \xE0 l'op\xE9rateur\","
        "\"errorCode\":\"10000013\"}";
    for (const std::string type : {"", "application/json;charset=ISO-8859-1"}) {
        const auto exchange = make(account, StatusChange{"Active"});
        http::ClientResponse response = answered(400, latin);
        response.content_type = type;
        const Played played = play(*exchange, [&](const Call&) { return response; });
        EXPECT_EQ(reason_of(played.outcome),
                  "Jasper answered HTTP 400: plan inconnu à l'opérateur (10000013)");
    }
    http::ClientResponse plain = answered(400, R"({"errorMessage":"à bientôt"})");
    plain.content_type = "application/json;charset=UTF-8";
    const auto exchange = make(account, StatusChange{"Active"});
    const Played played = play(*exchange, [&](const Call&) { return plain; });
    EXPECT_EQ(reason_of(played.outcome), "Jasper answered HTTP 400: à bientôt");
}

TEST(JasperEdit, an_unknown_outcome_is_read_back_before_anything_is_sent) {
    struct Row {
        http::ClientResponse reading;
        bool settled;
        std::string_view outcome;
        std::size_t calls;
    };
    const auto shows = [](std::string_view status, std::string_view iccid = kModelIccid) {
        return answered(200, json::serialize(json::object{{"iccid", iccid}, {"status", status}}));
    };
    const Row rows[] = {
        {shows("DEACTIVATED"), false, "applied", 1},
        {shows("DEACTIVATED"), true, "applied", 1},
        {shows("ACTIVATED"), false, "unknown", 1},
        {shows("ACTIVATED"), true, "applied", 2},
        {shows("TRIAL"), true, "applied", 2},
        {shows("DEACTIVATED", "89010000000000000025"), true, "unknown", 1},
        {shows(""), true, "unknown", 1},
        {answered(200, "{}"), true, "unknown", 1},
        {answered(200, "<html>"), true, "unknown", 1},
        {answered(204), true, "unknown", 1},
        {error(404, "20000001", "no such ICCID"), true, "unknown", 1},
        {answered(401), true, "unknown", 1},
        {answered(429), true, "unknown", 1},
        {answered(500), true, "unknown", 1},
        {failed(http::Transport::not_sent), true, "unknown", 1},
        {failed(http::Transport::timeout), true, "unknown", 1},
    };
    const Account account = model_account();
    for (const Row& row : rows) {
        const auto exchange = make(account, StatusChange{"Suspended"}, true, row.settled);
        const Played played = play(*exchange, [&](const Call& call) {
            return call.changes_state ? answered(200, kDone) : row.reading;
        });
        EXPECT_EQ(kind_of(played.outcome), row.outcome) << row.reading.body << row.settled;
        ASSERT_EQ(played.calls.size(), row.calls) << row.reading.body << row.settled;
        EXPECT_EQ(played.calls[0].method, http::Method::get);
        EXPECT_FALSE(played.calls[0].changes_state);
    }
}

TEST(JasperEdit, what_cannot_be_asked_is_refused_without_a_call) {
    Account account = model_account();
    const auto never = [](const Call&) -> std::optional<http::ClientResponse> {
        ADD_FAILURE() << "a call was made";
        return std::nullopt;
    };
    EXPECT_EQ(kind_of(play(*make(account, StatusChange{"Actve"}), never).outcome), "refused");
    EXPECT_EQ(kind_of(play(*make(account, RatePlanChange{"", "", 7}), never).outcome), "refused");
    EXPECT_EQ(kind_of(play(*make(account, FeatureChange{{"A"}, {}}), never).outcome), "refused");
    const Outcome purge = play(*make(account, StatusChange{"Purged"}), never).outcome;
    EXPECT_EQ(std::get<Refused>(purge).failure, FailureClass::business);
    for (const std::string iccid : {"", "89010000000000001", "8901000000000000001x",
                                    "89010000000000000017123", "8901000000000000/../"}) {
        const auto exchange =
            carrier().exchange(account, {iccid, "", "", ""}, StatusChange{"Active"}, attempt());
        const Outcome outcome = play(*exchange, never).outcome;
        ASSERT_EQ(kind_of(outcome), "refused") << iccid;
        EXPECT_EQ(std::get<Refused>(outcome).failure, FailureClass::validation);
    }
    account.write_is_enabled = false;
    EXPECT_EQ(reason_of(play(*make(account, StatusChange{"Active"}), never).outcome),
              kWritesDisabled);
}

TEST(JasperEdit, a_purge_is_sent_where_the_account_allows_it) {
    const Account account = model_account({{"allowPurge", true}});
    JasperModel model;
    const auto exchange = make(account, StatusChange{"Purged"});
    play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
    EXPECT_EQ(model.status, "PURGED");
}

TEST(JasperDeactivation, the_communication_plan_is_checked_first_where_the_account_asks_for_it) {
    const Account account =
        model_account({{"communicationPlansForDeactivation", {"NO DATA", "DATA SMS"}}});
    for (const std::string target : {"Suspended", "Deactivated", "Retired"}) {
        for (const std::string plan : {"DATA SMS", "DATA ONLY", ""}) {
            JasperModel model;
            model.communication_plan = plan;
            const auto exchange = make(account, StatusChange{target});
            const Played played =
                play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
            EXPECT_EQ(played.calls.front().operation, "Get Device");
            if (plan == "DATA SMS") {
                EXPECT_EQ(kind_of(played.outcome), "applied");
                continue;
            }
            ASSERT_EQ(kind_of(played.outcome), "refused") << target << plan;
            EXPECT_EQ(std::get<Refused>(played.outcome).failure, FailureClass::business);
            EXPECT_NE(reason_of(played.outcome).find("NO DATA, DATA SMS"), std::string::npos);
            EXPECT_EQ(model.writes_done, 0);
        }
    }
    JasperModel model;
    const auto exchange = make(account, StatusChange{"Active"});
    const Played played =
        play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
    EXPECT_EQ(played.calls.size(), 1u);
}

TEST(JasperDeactivation, a_check_that_fails_is_no_verdict_on_the_line) {
    const Account account = model_account({{"communicationPlansForDeactivation", {"NO DATA"}}});
    struct Row {
        http::ClientResponse response;
        std::string_view outcome;
    };
    const Row rows[] = {
        {answered(500), "not_sent"},
        {answered(429), "not_sent"},
        {failed(http::Transport::timeout), "not_sent"},
        {answered(200, "<html>"), "not_sent"},
        {answered(200, R"({"iccid":"89010000000000000025","status":"X"})"), "not_sent"},
        {error(404, "20000001", "no such ICCID"), "refused"},
        {answered(401), "refused"}};
    for (const Row& row : rows) {
        const auto exchange = make(account, StatusChange{"Retired"});
        const Played played = play(*exchange, [&](const Call&) { return row.response; });
        EXPECT_EQ(kind_of(played.outcome), row.outcome) << row.response.body;
        EXPECT_EQ(played.calls.size(), 1u);
    }
}

TEST(JasperWire, dates_come_in_more_than_one_form) {
    const auto at = [](const char* iso) { return base::parse_iso8601(iso).value(); };
    EXPECT_EQ(parse_date("2025-06-29 00:21:33.339+0000"), at("2025-06-29T00:21:33.339Z"));
    EXPECT_EQ(parse_date("2025-06-28 18:21:33.000-0600"), at("2025-06-29T00:21:33Z"));
    EXPECT_EQ(parse_date("2025-06-29T00:21:33+00:00"), at("2025-06-29T00:21:33Z"));
    EXPECT_EQ(parse_date("2025-07-01Z"), at("2025-07-01T00:00:00Z"));
    EXPECT_EQ(parse_date("soon"), std::nullopt);
    EXPECT_EQ(parse_date(""), std::nullopt);
    EXPECT_EQ(wire_time(at("2025-04-18T17:31:34.250Z")), "2025-04-18T17:31:34%2B00:00");
}

}  // namespace
}  // namespace carryall::carriers::jasper
