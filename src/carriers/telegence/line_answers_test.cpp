// Changes of a line: every answer for every call has one outcome.
#include <gtest/gtest.h>

#include "carriers/telegence/telegence.hpp"
#include "carriers/telegence/telegence_model_test.hpp"

namespace carryall::carriers::telegence {
namespace {

std::vector<Action> every_action() {
    return {StatusChange{"Suspended"}, RatePlanChange{"NEW", "", std::nullopt},
            FeatureChange{{"F3"}, {"F1"}}, EquipmentChange{kNewSim, kNewImei}};
}

TEST(TelegenceLine, every_answer_to_the_change_has_one_outcome) {
    struct Row {
        http::ClientResponse response;
        std::string_view outcome;
        std::size_t calls = 1;
    };
    const std::string no = R"({"id":"c1","description":"said no"})";
    const Row rows[] = {
        {answered(200, line_as_wanted()), "applied"},
        {answered(200, line_as_before()), "applied"},  // 2xx is what counts
        {answered(200, "{}"), "applied"},
        {answered(200, "[]"), "applied"},
        {answered(200), "applied"},
        {answered(200, "  \n"), "applied"},
        {answered(201, "{}"), "applied"},
        {answered(204), "applied"},
        {answered(200, R"({"responseMessage":"Success","errorDescription":""})"), "applied"},
        // Doubtful: the line is read, and does not show it.
        {answered(202, "{}"), "unknown", 2},
        {answered(206), "unknown", 2},
        {answered(200, "Request accepted"), "unknown", 2},
        {answered(200, "<html>login</html>"), "unknown", 2},
        {answered(200, R"({"subscriberNumber":)"), "unknown", 2},
        {answered(200, std::string(10'000, '[')), "unknown", 2},
        {answered(200, "7"), "unknown", 2},
        {answered(200, R"({"errorDescription":"said no"})"), "unknown", 2},
        {answered(200, R"({"error":"said no"})"), "unknown", 2},
        {answered(200, R"({"subscriberNumber":"2145550199"})"), "unknown", 2},
        {answered(200, "A Resource Required By Service Is Not Available"), "unknown", 2},
        {answered(302), "unknown"},
        {answered(400, no), "refused"},
        {answered(400), "refused"},
        {answered(404, "<html>not here</html>"), "refused"},
        {answered(409, R"({"responseMessage":"no","errorDescription":"said no"})"), "refused"},
        {answered(400, "A Resource Required By Service Is Not Available"), "unknown"},
        {answered(401, no), "refused"},
        {answered(403), "refused"},
        {answered(429, no), "not_sent"},
        {answered(408), "unknown"},
        {answered(500, no), "unknown"},
        {answered(502), "unknown"},
        {answered(503, "A Resource Required By Service Is Not Available"), "unknown"},
        {answered(504), "unknown"},
        {failed(http::Transport::not_sent), "not_sent"},
        {failed(http::Transport::timeout), "unknown"},
        {failed(http::Transport::lost), "unknown"},
    };
    const Account account = model_account();
    for (const Action& action : every_action()) {
        for (const Row& row : rows) {
            const auto exchange = carrier().exchange(account, model_line(), action, fresh());
            const Played played = play(*exchange, [&](const Call& call) {
                return call.changes_state ? row.response : answered(200, line_as_before());
            });
            EXPECT_EQ(kind_of(played.outcome), row.outcome)
                << row.response.status << ' ' << row.response.body.substr(0, 60);
            EXPECT_EQ(played.calls.size(), row.calls) << row.response.body.substr(0, 60);
            EXPECT_EQ(reason_of(played.outcome).empty(), row.outcome == "applied");
            EXPECT_TRUE(exchange->progress().is_null());
        }
    }
}

TEST(TelegenceLine, a_throttled_account_pauses_as_long_as_it_was_told) {
    http::ClientResponse throttled = answered(429);
    throttled.retry_after = std::chrono::seconds(17);
    const Played played =
        ask(model_account(), StatusChange{"Suspended"}, [&](const Call&) { return throttled; });
    const auto& not_sent = std::get<NotSent>(played.outcome);
    EXPECT_EQ(not_sent.retry_after, std::chrono::seconds(17));
    EXPECT_TRUE(not_sent.whole_account);
}

TEST(TelegenceLine, a_success_that_cannot_be_read_is_confirmed_by_reading_the_line) {
    struct Row {
        http::ClientResponse reading;
        std::string_view outcome;
    };
    const Row rows[] = {
        {answered(200, line_as_wanted()), "applied"},
        {answered(200, line_as_before()), "unknown"},
        {answered(200, "{}"), "unknown"},
        {answered(404), "unknown"},
        {answered(401), "unknown"},
        {answered(429), "unknown"},
        {answered(500), "unknown"},
        {failed(http::Transport::not_sent), "unknown"},
    };
    const Account account = model_account();
    for (const Action& action : every_action()) {
        for (const Row& row : rows) {
            const Played played = ask(account, action, [&](const Call& call) {
                return call.changes_state ? answered(200, "OK") : row.reading;
            });
            EXPECT_EQ(kind_of(played.outcome), row.outcome) << row.reading.status;
            ASSERT_EQ(played.calls.size(), 2u);
            EXPECT_EQ(played.calls[1].method, http::Method::get);
            EXPECT_EQ(played.calls[1].path, kLinePath);
            EXPECT_FALSE(played.calls[1].changes_state);
        }
    }
}

TEST(TelegenceLine, an_unknown_outcome_is_read_back_before_anything_is_sent) {
    struct Row {
        http::ClientResponse reading;
        bool settled;
        std::string_view outcome;
        std::size_t calls;
    };
    const std::string other =
        R"({"subscriberNumber":"2145550199","serviceCharacteristic":[)"
        R"({"name":"subscriberStatus","value":"S"},{"name":"singleUserCode","value":"NEW"}]})";
    const std::string cancelled = line_json("C", "OLD", "", "1", "1");
    const Row rows[] = {
        {answered(200, line_as_wanted()), false, "applied", 1},
        {answered(200, line_as_wanted()), true, "applied", 1},
        {answered(200, line_as_before()), false, "unknown", 1},
        {answered(200, line_as_before()), true, "applied", 2},
        {answered(200, cancelled), false, "unknown", 1},
        {answered(200, cancelled), true, "refused", 1},
        {answered(200, other), true, "unknown", 1},
        {answered(200, "{}"), true, "unknown", 1},
        {answered(200, R"({"errorDescription":"said no"})"), true, "unknown", 1},
        {answered(200, "<html>"), true, "unknown", 1},
        {answered(204), true, "unknown", 1},
        {answered(404), true, "unknown", 1},
        {answered(401), true, "unknown", 1},
        {answered(429), true, "unknown", 1},
        {answered(500), true, "unknown", 1},
        {failed(http::Transport::not_sent), true, "unknown", 1},
        {failed(http::Transport::timeout), true, "unknown", 1},
    };
    const Account account = model_account();
    for (const Action& action : every_action()) {
        for (const Row& row : rows) {
            const Played played = ask(
                account, action,
                [&](const Call& call) {
                    return call.changes_state ? answered(200, "{}") : row.reading;
                },
                resolving(row.settled));
            EXPECT_EQ(kind_of(played.outcome), row.outcome) << row.reading.body << row.settled;
            ASSERT_EQ(played.calls.size(), row.calls) << row.reading.body << row.settled;
            EXPECT_EQ(played.calls[0].method, http::Method::get);
            EXPECT_EQ(played.calls[0].path, kLinePath);
        }
    }
}

TEST(TelegenceLine, a_refusal_after_a_lost_attempt_may_be_that_attempts_success) {
    const Account account = model_account();
    for (const Action& action : every_action()) {
        const auto run = [&](const http::ClientResponse& second_reading) {
            int readings = 0;
            return ask(
                       account, action,
                       [&](const Call& call) {
                           if (call.changes_state) return answered(400, R"({"description":"no"})");
                           return ++readings == 1 ? answered(200, line_as_before())
                                                  : second_reading;
                       },
                       resolving(true))
                .outcome;
        };
        EXPECT_EQ(kind_of(run(answered(200, line_as_wanted()))), "applied");
        EXPECT_EQ(reason_of(run(answered(200, line_as_before()))),
                  "Telegence answered HTTP 400: no");
        EXPECT_EQ(kind_of(run(answered(200, line_as_before()))), "refused");
        EXPECT_EQ(kind_of(run(answered(500))), "unknown");
    }
}

TEST(TelegenceStatus, a_status_that_is_not_known_is_no_proof_of_anything) {
    const Action restore = StatusChange{"Active"};
    TelegenceModel model;
    model.status = "Q";
    EXPECT_EQ(kind_of(ask_model(model, restore, resolving(false)).outcome), "unknown");
    EXPECT_EQ(model.writes_done, 0);
    EXPECT_EQ(kind_of(ask_model(model, restore, resolving(true)).outcome), "applied");
    EXPECT_EQ(model.status, "A");
}

TEST(TelegenceFeatures, after_a_reading_only_what_is_missing_is_sent) {
    TelegenceModel model;
    model.features = {"F2", "F3"};
    const Played played =
        ask_model(model, FeatureChange{{"F3", "F4"}, {"F1", "F2"}}, resolving(true));
    ASSERT_EQ(kind_of(played.outcome), "applied");
    EXPECT_EQ(played.calls.back().body,
              R"({"effectiveDate":"2026-03-01Z",)" +
                  pairs({{"addOfferingCode", "F4"}, {"removeOfferingCode", "F2"}}) + '}');
    EXPECT_EQ(model.features, (std::set<std::string>{"F3", "F4"}));
}

TEST(TelegenceFeatures, a_feature_that_is_listed_with_a_past_last_day_has_ended) {
    const auto reading = [](std::string_view last_day) {
        return answered(200, R"({"subscriberNumber":"2145550100","serviceCharacteristic":[)"
                             R"({"name":"offeringCode1","value":"F1"},)"
                             R"({"name":"offeringExpirationDate1","value":")" +
                                 std::string(last_day) + R"("}]})");
    };
    const Account account = model_account();
    const auto outcome = [&](const FeatureChange& change, std::string_view last_day) {
        return std::string(kind_of(
            ask(
                account, change, [&](const Call&) { return reading(last_day); }, resolving(false))
                .outcome));
    };
    for (const std::string_view ended : {"2026-02-28Z", "2026-03-01Z"}) {
        EXPECT_EQ(outcome({{}, {"F1"}}, ended), "applied") << ended;
        EXPECT_EQ(outcome({{"F1"}, {}}, ended), "unknown") << ended;
    }
    for (const std::string_view lives : {"", "2026-03-02Z", "9999-12-31Z", "never"}) {
        EXPECT_EQ(outcome({{}, {"F1"}}, lives), "unknown") << lives;
        EXPECT_EQ(outcome({{"F1"}, {}}, lives), "applied") << lives;
    }
}

TEST(TelegenceEquipment, a_device_that_needs_an_esim_is_named) {
    const auto answer = [](const Call&) {
        return answered(404, R"({"id":"c1f0a2b0-aaaa-11ef-9c00-000000000001",)"
                             R"("description":"/service/"})");
    };
    const Account account = model_account();
    const Outcome outcome = ask(account, EquipmentChange{kNewSim, kNewImei}, answer).outcome;
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_EQ(std::get<Refused>(outcome).failure, FailureClass::business);
    EXPECT_NE(reason_of(outcome).find("device requires an eSIM profile"), std::string::npos);
    // Only there: a plan change that is answered so is a line that is not known.
    EXPECT_EQ(reason_of(ask(account, RatePlanChange{"NEW", "", std::nullopt}, answer).outcome),
              "Telegence answered HTTP 404: /service/");
}

TEST(TelegenceEquipment, what_the_network_has_seen_is_no_proof) {
    const auto reading = [](std::string_view billing, std::string_view network) {
        return answered(200, R"({"subscriberNumber":"2145550100","serviceCharacteristic":[)"
                             R"({"name":"BLIMEI","value":")" +
                                 std::string(billing) + R"("},{"name":"NWIMEI","value":")" +
                                 std::string(network) + R"("}]})");
    };
    const Account account = model_account();
    const auto outcome = [&](const http::ClientResponse& response) {
        return std::string(kind_of(ask(
                                       account, EquipmentChange{"", kNewImei},
                                       [&](const Call&) { return response; }, resolving(false))
                                       .outcome));
    };
    EXPECT_EQ(outcome(reading("350000000000017", kNewImei)), "unknown");
    EXPECT_EQ(outcome(reading(kNewImei, "350000000000017")), "applied");
    // The last digits are check digit or software version.
    EXPECT_EQ(outcome(reading("3500000000000201", "")), "applied");
    EXPECT_EQ(outcome(reading("35000000000002", "")), "applied");
    EXPECT_EQ(outcome(reading("3500000000000", "")), "unknown");
}

}  // namespace
}  // namespace carryall::carriers::telegence
