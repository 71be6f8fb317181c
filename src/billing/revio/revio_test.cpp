// The account, what Rev.io's answers mean, and the assignment of a service: branch by branch, and
// cut at every call by every kind of failure, twice.
#include "billing/revio/revio.hpp"

#include <gtest/gtest.h>

#include "billing/revio/revio_model_test.hpp"
#include "billing/revio/wire.hpp"
#include "carriers/sweep_test.hpp"

namespace carryall::billing::revio {
namespace {

using carriers::answered;
using carriers::Applied;
using carriers::Attempt;
using carriers::Call;
using carriers::cut_twice;
using carriers::Cuts;
using carriers::failed;
using carriers::kind_of;
using carriers::Life;
using carriers::Meaning;
using carriers::NotSent;
using carriers::Outcome;
using carriers::play;
using carriers::Played;
using carriers::reason_of;
using carriers::Refused;
using carriers::Story;
using carriers::Unknown;

const base::json::object kCredentials = {
    {"username", "ops@acme"}, {"password", "pw"}, {"subscriptionKey", "key"}};

carriers::Account test_account() {
    carriers::Account made = *account(9, {{"baseUrl", "https://rev.example/v1/"}}, kCredentials);
    made.write_is_enabled = true;
    return made;
}

AssignService request() {
    AssignService wanted;
    wanted.rev_customer_id = kModelCustomer;
    wanted.number = kModelNumber;
    wanted.number2 = kModelIccid;
    wanted.provider_id = 12;
    wanted.service_type_id = 3;
    wanted.product_ids = {501, 502};
    wanted.activated_date = "2026-03-01T00:00:00Z";
    wanted.description = "SIM";
    wanted.token = "cry-77";
    return wanted;
}

Played play_without_faults(RevioModel& model, const AssignService& wanted = request(),
                           const Attempt& attempt = {}) {
    const carriers::Account account = test_account();
    const auto exchange = assign_service(account, wanted, attempt);
    return play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
}

std::vector<std::string> operations(const Played& played) {
    std::vector<std::string> out;
    for (const Call& call : played.calls) out.push_back(call.operation);
    return out;
}

TEST(RevioAccount, prepares_address_and_headers) {
    const auto made = test_account();
    EXPECT_EQ(made.base_url, "https://rev.example");
    EXPECT_EQ(made.path_prefix, "/v1");
    EXPECT_EQ(made.headers[0].second, "Basic b3BzQGFjbWU6cHc=");
    EXPECT_EQ(made.headers[1].first, "Ocp-Apim-Subscription-Key");
    EXPECT_EQ(account(9, {}, kCredentials)->base_url, "https://api.revioapi.com");
}

TEST(RevioAccount, every_wrong_credential_is_named) {
    for (const char* name : {"username", "password", "subscriptionKey"}) {
        base::json::object credentials = kCredentials;
        credentials.erase(name);
        const auto made = account(9, {}, credentials);
        ASSERT_FALSE(made.has_value()) << name;
        EXPECT_EQ(made.error().where, name);
    }
    for (const char* user : {"ops", "ops@mail.com@acme", "@acme", "ops@", "o:ps@acme"}) {
        base::json::object credentials = kCredentials;
        credentials["username"] = user;
        EXPECT_FALSE(account(9, {}, credentials).has_value()) << user;
    }
}

TEST(RevioWire, answers_of_the_gateway_are_told_from_those_of_revio) {
    struct Row {
        int status;
        std::string body;
        Meaning meaning;
        std::int64_t retry_after;  // 0: none
    };
    const Row rows[] = {
        {200, R"({"ok":true})", Meaning::accepted, 0},
        {201, R"({"ok":true,"id":7})", Meaning::accepted, 0},
        {200, R"([{"ok":false,"message":"bad"}])", Meaning::refused, 0},
        {200, R"({"ok":false,"message":"bad"})", Meaning::refused, 0},
        {200, "<html>", Meaning::unclear, 0},
        {200, "", Meaning::unclear, 0},
        {201, R"({"ok":tr)", Meaning::unclear, 0},
        {400, R"([{"ok":false,"message":"The description field is required."}])", Meaning::refused,
         0},
        {401, R"({"statusCode":401,"message":"Access denied"})", Meaning::unauthorized, 0},
        {403, R"([{"ok":false,"message":"no permission"}])", Meaning::unauthorized, 0},
        {403,
         R"({"statusCode":403,"message":"Out of call volume quota. Quota will be )"
         R"(replenished in 05:12:44."})",
         Meaning::throttled, 5 * 3600 + 12 * 60 + 44 + 1},
        {429, R"({"statusCode":429,"message":"Rate limit is exceeded. Try again in 17 seconds."})",
         Meaning::throttled, 18},
        {429, "", Meaning::throttled, 0},
        {429, R"({"statusCode":429,"message":"in 99999999999999999999 seconds"})",
         Meaning::throttled, 0},
        {500, R"([{"ok":false,"message":"error"}])", Meaning::unclear, 0},
        {502, "<html>", Meaning::unclear, 0},
    };
    for (const Row& row : rows) {
        const auto verdict = judge(answered(row.status, row.body)).verdict;
        EXPECT_EQ(verdict.meaning, row.meaning) << row.status << row.body;
        EXPECT_EQ(verdict.retry_after.value_or(std::chrono::seconds(0)).count(), row.retry_after)
            << row.body;
        EXPECT_EQ(verdict.whole_account, row.meaning == Meaning::throttled);
    }
}

TEST(RevioWire, the_header_counts_more_than_the_sentence) {
    auto response = answered(429, R"({"statusCode":429,"message":"Try again in 17 seconds."})");
    response.retry_after = std::chrono::seconds(40);
    EXPECT_EQ(judge(response).verdict.retry_after, std::chrono::seconds(40));
}

TEST(RevioWire, dates_and_queries_are_written_as_revio_reads_them) {
    EXPECT_EQ(wire_date("2026-03-01"), "2026-03-01Z");
    EXPECT_EQ(wire_date("2026-03-01T10:00:00Z"), "2026-03-01Z");
    EXPECT_EQ(wire_date("2026-02-30"), std::nullopt);
    EXPECT_EQ(wire_date("2026-03-011"), std::nullopt);
    EXPECT_EQ(wire_date("tomorrow"), std::nullopt);
    EXPECT_EQ(percent_encoded("+1 555&x=\xC3\xA9"), "%2B1%20555%26x%3D%C3%A9");
}

TEST(RevioAssign, looks_up_creates_the_service_and_each_product) {
    RevioModel model;
    const Played played = play_without_faults(model);
    ASSERT_EQ(kind_of(played.outcome), "applied") << reason_of(played.outcome);
    const std::vector<std::string> expected = {
        "Find Rev Service",         "Find Rev Service",           "Create Rev Service",
        "Get Rev Service Products", "Create Rev Service Product", "Create Rev Service Product"};
    EXPECT_EQ(operations(played), expected);
    EXPECT_EQ(played.calls[0].path,
              "/v1/Services?search.number=15550001&search.page_size=500&search.page=1");
    EXPECT_EQ(base::parse_json(played.calls[2].body).value(),
              base::json::value({{"customer_id", kModelCustomer},
                                 {"number", kModelNumber},
                                 {"number2", kModelIccid},
                                 {"provider_id", 12},
                                 {"service_type_id", 3},
                                 {"activated_date", "2026-03-01Z"},
                                 {"description", "SIM [cry-77]"}}));
    const auto& details = std::get<Applied>(played.outcome).details;
    EXPECT_EQ(details.at("revioServiceId"), 1001);
    EXPECT_EQ(details.at("activatedDate"), "2026-03-01");
    EXPECT_EQ(details.at("number"), kModelNumber);
    EXPECT_EQ(details.at("revioServiceProductIds").as_array().size(), 2u);
    EXPECT_EQ(details.at("revioServiceProducts").at(1).at("productId"), 502);
}

TEST(RevioAssign, an_active_line_is_refused_in_the_seeds_words) {
    struct Row {
        std::int64_t customer;
        bool is_active;
        std::string number;
        std::string_view reason;  // empty: applied
    };
    const Row rows[] = {
        {kModelCustomer, true, kModelNumber, "Active service line. New Service line not created"},
        {kModelCustomer, true, kModelIccid, "Active service line. New Service line not created"},
        {kModelCustomer + 1, true, kModelNumber, "Active service line. Cannot change customers"},
        {kModelCustomer + 1, false, kModelNumber, ""},
        {kModelCustomer, false, kModelNumber, ""},
        {kModelCustomer, true, std::string(kModelNumber) + "9", ""},  // a longer number
    };
    for (const Row& row : rows) {
        RevioModel model;
        model.services.push_back({500, row.customer, row.number, "", row.is_active});
        const Played played = play_without_faults(model);
        EXPECT_EQ(reason_of(played.outcome), row.reason);
        EXPECT_EQ(kind_of(played.outcome), row.reason.empty() ? "applied" : "refused");
        if (!row.reason.empty()) {
            EXPECT_EQ(std::get<Refused>(played.outcome).failure, carriers::FailureClass::business);
            EXPECT_EQ(model.writes_done, 0);
        }
    }
}

TEST(RevioAssign, all_pages_of_services_are_read) {
    RevioModel model;
    model.page_size = 1;
    for (int i = 0; i < 3; ++i) {
        model.services.push_back({500 + i, kModelCustomer, kModelNumber, "", false});
    }
    model.services.push_back({600, kModelCustomer + 1, kModelNumber, "", true});
    EXPECT_EQ(reason_of(play_without_faults(model).outcome),
              "Active service line. Cannot change customers");
}

TEST(RevioAssign, a_product_that_the_package_brought_is_not_added_again) {
    RevioModel model;
    model.product_of_new_service = 502;
    const Played played = play_without_faults(model);
    ASSERT_EQ(kind_of(played.outcome), "applied");
    EXPECT_EQ(model.count_of_product(501), 1);
    EXPECT_EQ(model.count_of_product(502), 1);
}

TEST(RevioAssign, after_a_refused_product_the_next_attempt_keeps_the_service) {
    RevioModel model;
    model.refused_product = 502;
    const carriers::Account account = test_account();
    const auto answer = [&](const Call& call) { return model.answer(call, Fault::none); };
    const auto first = assign_service(account, request(), {});
    const Outcome outcome = play(*first, answer).outcome;
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_NE(reason_of(outcome).find("service 1001 is active"), std::string::npos);
    model.refused_product = 0;
    Attempt again;
    again.progress = first->progress();
    EXPECT_EQ(kind_of(play(*assign_service(account, request(), again), answer).outcome), "applied");
    EXPECT_EQ(model.services.size(), 1u);
    EXPECT_EQ(model.count_of_product(501), 1);
}

TEST(RevioAssign, what_cannot_be_asked_is_refused_without_a_call) {
    const carriers::Account account = test_account();
    std::vector<AssignService> bad(7, request());
    bad[0].rev_customer_id = 0;
    bad[1].number = "";
    bad[2].provider_id = 0;
    bad[3].activated_date = "soon";
    bad[4].effective_date = "2026-13-01";
    bad[5].product_ids = {0};
    bad[6].number2 = std::string(300, '1');
    for (const AssignService& wanted : bad) {
        const auto exchange = assign_service(account, wanted, {});
        const Played played = play(*exchange, [](const Call&) { return answered(500); });
        EXPECT_EQ(kind_of(played.outcome), "refused");
        EXPECT_TRUE(played.calls.empty());
    }
}

TEST(RevioAssign, with_writes_disabled_it_reads_and_refuses) {
    RevioModel model;
    carriers::Account account = test_account();
    account.write_is_enabled = false;
    const auto exchange = assign_service(account, request(), {});
    const Played played =
        play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
    EXPECT_EQ(reason_of(played.outcome), carriers::kWritesDisabled);
    EXPECT_EQ(model.writes_done, 0);
}

TEST(RevioAssign, a_crashed_attempt_does_not_adopt_a_line_that_was_there_before) {
    RevioModel model;
    model.services.push_back({500, kModelCustomer, kModelNumber, "by hand", true});
    Attempt attempt;
    attempt.resolving = attempt.settled = true;
    EXPECT_EQ(reason_of(play_without_faults(model, request(), attempt).outcome),
              "Active service line. New Service line not created");
}

TEST(RevioAssign, a_long_description_keeps_its_token_and_whole_characters) {
    RevioModel model;
    AssignService wanted = request();
    wanted.description.clear();
    for (int i = 0; i < 600; ++i) wanted.description += "\xC3\xA9";
    ASSERT_EQ(kind_of(play_without_faults(model, wanted).outcome), "applied");
    const std::string& text = model.services.front().description;
    EXPECT_LE(text.size(), 1000u);
    EXPECT_TRUE(text.ends_with("\xC3\xA9 [cry-77]"));
}

TEST(RevioFind, tells_the_active_service_of_a_number) {
    RevioModel model;
    const carriers::Account account = test_account();
    const auto answer = [&](const Call& call) { return model.answer(call, Fault::none); };
    const Outcome none = play(*find_service(account, kModelNumber), answer).outcome;
    EXPECT_EQ(std::get<Applied>(none).details.at("found"), false);
    model.services.push_back({500, kModelCustomer, kModelNumber, "", true});
    const Outcome one = play(*find_service(account, kModelNumber), answer).outcome;
    EXPECT_EQ(std::get<Applied>(one).details.at("revioServiceId"), 500);
    EXPECT_EQ(std::get<Applied>(one).details.at("revCustomerId"), kModelCustomer);
    const auto down = [](const Call&) { return failed(http::Transport::timeout); };
    EXPECT_EQ(kind_of(play(*find_service(account, kModelNumber), down).outcome), "not_sent");
}

// --- the sweep ---

Story live(RevioModel& model, const Cuts<Fault>& cuts) {
    const carriers::Account account = test_account();
    Life life;
    life.exchange = [&](const Attempt& attempt) {
        return assign_service(account, request(), attempt);
    };
    life.is_mended = true;
    return live_through(model, cuts, std::move(life));
}

void check_end(const RevioModel& model, const Story& story) {
    EXPECT_LE(model.services.size(), 1u);
    EXPECT_LE(model.count_of_product(501), 1);
    EXPECT_LE(model.count_of_product(502), 1);
    EXPECT_FALSE(story.wrote_while_unsettled);
    const std::string_view kind = kind_of(story.outcome);
    ASSERT_TRUE(kind == "applied" || kind == "refused") << reason_of(story.outcome);
    if (kind == "applied") {
        EXPECT_EQ(model.services.size(), 1u);
        EXPECT_EQ(model.count_of_product(501), 1);
        EXPECT_EQ(model.count_of_product(502), 1);
    } else {
        EXPECT_EQ(model.services.size(), 0u) << reason_of(story.outcome);
    }
}

TEST(RevioAssignSweep, cut_twice_nothing_is_created_twice) {
    constexpr int kCalls = 6;
    const int stories = cut_twice<Fault>(kCalls, 7, kFaults, [](const Cuts<Fault>& cuts) {
        RevioModel model;
        check_end(model, live(model, cuts));
    });
    EXPECT_GT(stories, 5'000);
}

}  // namespace
}  // namespace carryall::billing::revio
