// A charge as it is sent, and what every answer to it means.
#include "billing/revio/charge.hpp"

#include <gtest/gtest.h>

#include "billing/revio/charge_model_test.hpp"

namespace carryall::billing::revio {
namespace {

using carriers::answered;
using carriers::Attempt;
using carriers::Call;
using carriers::failed;
using carriers::FailureClass;
using carriers::kind_of;
using carriers::NotSent;
using carriers::Outcome;
using carriers::play;
using carriers::Played;
using carriers::reason_of;
using carriers::Refused;
using std::chrono::seconds;

Outcome outcome_of(const http::ClientResponse& answer) {
    const carriers::Account account = model_account();
    return play(*create_charge(account, model_charge(), {}), [&](const Call&) { return answer; })
        .outcome;
}

TEST(RevioCharge, a_fresh_attempt_posts_at_once_what_the_original_sent) {
    ChargeModel model;
    const Played played = play_with(model, model_charge());
    ASSERT_EQ(kind_of(played.outcome), "applied");
    EXPECT_EQ(details_of(played.outcome),
              base::json::object({{"chargeId", 8'800'001}, {"adopted", false}}));
    ASSERT_EQ(played.calls.size(), 1u);
    const Call& call = played.calls[0];
    EXPECT_EQ(call.path, "/v1/Charges");
    EXPECT_EQ(call.method, http::Method::post);
    EXPECT_TRUE(call.changes_state);
    EXPECT_FALSE(call.shared);
    EXPECT_EQ(call.headers, carriers::HeaderFields({{"Content-Type", "text/json"}}));
    EXPECT_EQ(call.body, R"({"customer_id":4102,"service_id":99120,"product_type_id":311,)"
                         R"("is_tax_included":false,"description":"IoT 1GB - 912.4 [cry-7-RATE]",)"
                         R"("amount":6.50,"product_amount":6.50,"rate":6.50,"quantity":1,"cost":0,)"
                         R"("is_commission_exempted":false,"is_prorated":false,)"
                         R"("start_date":"2026-02-01","end_date":"2026-02-28"})");
}

TEST(RevioCharge, amounts_are_sent_to_the_last_digit_and_credits_below_zero) {
    for (const char* text : {"0.1234", "-6.50", "99999999999.9999", "0.00"}) {
        ChargeModel model;
        Charge charge = model_charge();
        charge.service_id.reset();
        charge.product_type_id.reset();
        charge.product_id = 5001;
        charge.amount = *base::Money::parse(text);
        const Played played = play_with(model, charge);
        ASSERT_EQ(kind_of(played.outcome), "applied");
        const std::string& body = played.calls[0].body;
        for (const char* name : {"amount", "product_amount", "rate"}) {
            const std::string member = std::string("\"") + name + "\":" + text + ',';
            EXPECT_NE(body.find(member), std::string::npos) << body;
        }
        EXPECT_NE(body.find(R"("product_id":5001)"), std::string::npos);
        EXPECT_EQ(body.find("service_id"), std::string::npos);
        EXPECT_EQ(body.find("product_type_id"), std::string::npos);
    }
}

TEST(RevioCharge, a_description_is_ascii_and_keeps_its_whole_marker) {
    struct Row {
        std::string description;
        std::string marker;
        std::string sent;
    };
    const std::string long_text(1'600, 'x');
    const Row rows[] = {
        {" Tarif \xC3\xA9\xE2\x82\xAC\xFF \n\x7F\"q\" ", "m-1", "Tarif ???   \"q\" [m-1]"},
        {"plain", "", "plain"},
        {"", "m-1", "[m-1]"},
        {long_text, "", std::string(1'500, 'x')},
        {long_text, "m-1", std::string(1'494, 'x') + " [m-1]"},
        {std::string(1'493, 'x') + " y" + long_text, "m-1", std::string(1'493, 'x') + " [m-1]"},
    };
    for (const Row& row : rows) {
        Charge charge = model_charge();
        charge.description = row.description;
        charge.marker = row.marker;
        EXPECT_EQ(sent_description(charge), row.sent);
        ChargeModel model;
        const Played played = play_with(model, charge);
        ASSERT_EQ(kind_of(played.outcome), "applied") << reason_of(played.outcome);
        EXPECT_EQ(base::parse_json(played.calls[0].body)->at("description").as_string(), row.sent);
    }
}

TEST(RevioCharge, what_cannot_be_charged_is_refused_without_a_call) {
    std::vector<Charge> bad(13, model_charge());
    bad[0].rev_customer_id = 0;
    bad[1].rev_customer_id = 2'147'483'648;
    bad[2].product_id = 5001;  // beside the type
    bad[3].product_type_id = 0;
    bad[4].product_type_id = -1;
    bad[5].service_id = -7;
    bad[6].start_date = "2026-2-1";
    bad[7].end_date = "2026-02-30";
    bad[8].end_date = "2026-01-31";
    bad[9].marker = "with blank";
    bad[10].marker = "br]acket";
    bad[11].marker = std::string(101, 'm');
    bad[12].description = bad[12].marker = "";
    for (std::size_t i = 0; i < bad.size(); ++i) {
        ChargeModel model;
        const Played played = play_with(model, bad[i]);
        ASSERT_EQ(kind_of(played.outcome), "refused") << i;
        EXPECT_EQ(std::get<Refused>(played.outcome).failure, FailureClass::validation) << i;
        EXPECT_TRUE(played.calls.empty()) << i;
    }
}

TEST(RevioCharge, every_answer_to_a_post_has_one_meaning) {
    const std::string error = R"([{"ok":false,"message":"The amount field is wrong."}])";
    const std::string rate =
        R"({"statusCode":429,"message":"Rate limit is exceeded. Try again in 17 seconds."})";
    struct Row {
        int status;
        std::string body;
        std::string_view kind;
    };
    const Row rows[] = {
        {201, R"({"ok":true,"id":8800123})", "applied"},
        {200, R"({"ok":true,"id":"8800123"})", "applied"},
        {202, R"({"ok":true,"id":8800123})", "applied"},
        {201, R"({"ok":true,"id":0})", "unknown"},
        {201, R"({"ok":true,"id":88.5})", "unknown"},
        {201, R"({"ok":true})", "unknown"},
        {201, R"({"id":8800123})", "unknown"},
        {201, R"({"ok":true,"id":88)", "unknown"},
        {201, "", "unknown"},
        {204, "", "unknown"},
        {200, "<html>", "unknown"},
        {200, "[1]", "unknown"},
        {302, R"({"ok":true,"id":8800123})", "unknown"},
        {200, error, "refused"},
        {400, error, "refused"},
        {404, error, "refused"},
        {405, "", "refused"},
        {401, error, "refused"},
        {403, error, "refused"},
        {408, "", "unknown"},
        {429, rate, "not_sent"},
        {429, "", "not_sent"},
        {500, error, "unknown"},
        {500, R"({"ok":true,"id":8800123})", "unknown"},
        {502, "<html>", "unknown"},
        {503, rate, "unknown"},
        {504, "", "unknown"},
    };
    for (const Row& row : rows) {
        const Outcome outcome = outcome_of(answered(row.status, row.body));
        EXPECT_EQ(kind_of(outcome), row.kind) << row.status << ' ' << row.body;
        if (row.kind == "applied") {
            EXPECT_EQ(details_of(outcome).at("chargeId"), 8'800'123);
        }
    }
    EXPECT_EQ(kind_of(outcome_of(failed(http::Transport::not_sent))), "not_sent");
    EXPECT_EQ(kind_of(outcome_of(failed(http::Transport::timeout))), "unknown");
    EXPECT_EQ(kind_of(outcome_of(failed(http::Transport::lost))), "unknown");
}

TEST(RevioCharge, refusals_say_why_and_limits_say_how_long) {
    const auto said_no = std::get<Refused>(
        outcome_of(answered(400, R"([{"ok":false,"message":"The rate is wrong."}])")));
    EXPECT_EQ(said_no.failure, FailureClass::validation);
    EXPECT_NE(said_no.reason.find("The rate is wrong."), std::string::npos);
    const auto no_access = std::get<Refused>(
        outcome_of(answered(401, R"({"statusCode":401,"message":"Access denied"})")));
    EXPECT_EQ(no_access.failure, FailureClass::system);
    const std::string quota =
        R"({"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in )";
    const auto a_day = std::get<NotSent>(outcome_of(answered(403, quota + R"(05:12:44."})")));
    EXPECT_TRUE(a_day.whole_account);
    EXPECT_EQ(a_day.retry_after, seconds(5 * 3600 + 12 * 60 + 44 + 1));
    const auto short_form = std::get<NotSent>(outcome_of(answered(403, quota + R"(5:12:44."})")));
    EXPECT_EQ(short_form.retry_after, a_day.retry_after);
    auto limited = answered(429, R"({"statusCode":429,"message":"Try again in 17 seconds."})");
    EXPECT_EQ(std::get<NotSent>(outcome_of(limited)).retry_after, seconds(18));
    EXPECT_TRUE(std::get<NotSent>(outcome_of(limited)).whole_account);
    limited.retry_after = seconds(40);
    EXPECT_EQ(std::get<NotSent>(outcome_of(limited)).retry_after, seconds(40));
}

TEST(RevioCharge, with_writes_disabled_nothing_is_sent_but_a_reading) {
    ChargeModel model;
    carriers::Account account = model_account();
    account.write_is_enabled = false;
    const auto play_it = [&](const Attempt& attempt) {
        return play(*create_charge(account, model_charge(), attempt),
                    [&](const Call& call) { return model.answer(call, Fault::none); });
    };
    // The account is to blame, no charge is.
    EXPECT_EQ(std::get<Refused>(play_it({}).outcome).failure, FailureClass::system);
    EXPECT_EQ(reason_of(play_it({}).outcome), carriers::kWritesDisabled);
    EXPECT_EQ(reason_of(play_it(resolving(true)).outcome), carriers::kWritesDisabled);
    EXPECT_EQ(model.writes_done, 0);
    model.add(model_record(model_charge()));
    EXPECT_EQ(kind_of(play_it(resolving(false)).outcome), "applied");
}

}  // namespace
}  // namespace carryall::billing::revio
