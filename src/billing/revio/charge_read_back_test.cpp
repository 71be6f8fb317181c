// A charge whose outcome is unknown: what a reading decides about it, and the whole life of a
// charge cut at every call by every kind of failure, twice.
#include <gtest/gtest.h>

#include "billing/revio/charge_model_test.hpp"
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
using carriers::Outcome;
using carriers::play;
using carriers::Played;
using carriers::reason_of;
using carriers::Story;
using carriers::Unknown;
using std::chrono::seconds;

TEST(RevioChargeReadBack, an_unclear_charge_is_read_back_and_adopted) {
    for (const Charge& charge : {model_charge(), unmarked()}) {
        ChargeModel model;
        const std::int64_t id = model.add(model_record(charge));
        const Played played = play_with(model, charge, resolving(false));
        ASSERT_EQ(kind_of(played.outcome), "applied") << reason_of(played.outcome);
        EXPECT_EQ(details_of(played.outcome),
                  base::json::object({{"chargeId", id},
                                      {"adopted", true},
                                      {"createdDate", "2026-03-01T10:00:00.123"},
                                      {"amount", "6.50"}}));
        ASSERT_EQ(played.calls.size(), 1u);
        EXPECT_EQ(played.calls[0].path,
                  "/v1/Charges?search.customer_id=4102&search.service_id=99120"
                  "&search.page_size=500&search.page=1");
        EXPECT_FALSE(played.calls[0].changes_state);
        EXPECT_TRUE(played.calls[0].shared) << "others may ask for the same";
        EXPECT_EQ(model.writes_done, 0);
    }
}

TEST(RevioChargeReadBack, charges_of_one_service_are_read_back_by_the_same_reading) {
    ChargeModel model;
    model.page_size = 2;
    std::vector<Charge> wanted(5, model_charge());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        wanted[i].marker = "cry-" + std::to_string(i);
        model.add(model_record(wanted[i]));
    }
    const carriers::Account account = model_account();
    EXPECT_GE(account.devices_per_request, 5);
    std::vector<std::unique_ptr<carriers::Exchange>> exchanges;
    std::vector<carriers::Step> steps;
    for (const Charge& charge : wanted) {
        exchanges.push_back(create_charge(account, charge, resolving(true)));
        steps.push_back(exchanges.back()->begin());
    }
    int requests = 0;
    while (const auto* first = std::get_if<Call>(&steps[0])) {
        const auto answer = *model.answer(*first, Fault::none);
        const std::string path = first->path;
        ++requests;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const Call& call = std::get<Call>(steps[i]);
            ASSERT_TRUE(call.shared && call.shared->item.empty());
            ASSERT_EQ(call.path, path);
            exchanges[i]->shared_by(steps.size(), i);
            steps[i] = exchanges[i]->proceed(answer);
        }
    }
    EXPECT_EQ(requests, 3);
    for (std::size_t i = 0; i < steps.size(); ++i) {
        EXPECT_EQ(details_of(std::get<Outcome>(steps[i])).at("chargeId"),
                  8'800'001 + static_cast<std::int64_t>(i));
    }
    EXPECT_EQ(model.writes_done, 0);
}

TEST(RevioChargeReadBack, what_is_not_shown_is_posted_again_only_after_the_settling_time) {
    for (const Charge& charge : {model_charge(), unmarked()}) {
        ChargeModel model;
        model.add(model_record(charge, {{"description", "another"}}));
        Attempt early = resolving(false);
        early.sent_ago = std::chrono::milliseconds(20'500);
        const Played too_early = play_with(model, charge, early);
        ASSERT_EQ(kind_of(too_early.outcome), "unknown");
        EXPECT_EQ(std::get<Unknown>(too_early.outcome).retry_after, seconds(40));
        EXPECT_FALSE(std::get<Unknown>(too_early.outcome).needs_person);
        EXPECT_EQ(model.writes_done, 0);
        const Played again = play_with(model, charge, resolving(true));
        ASSERT_EQ(kind_of(again.outcome), "applied");
        EXPECT_EQ(details_of(again.outcome).at("adopted"), false);
        EXPECT_EQ(model.writes_done, 1);
    }
}

TEST(RevioChargeReadBack, all_pages_are_read_before_anything_is_concluded) {
    ChargeModel model;
    model.page_size = 2;
    for (int i = 0; i < 6; ++i) {
        model.add(model_record(model_charge(), {{"description", "other"}}));
    }
    const std::int64_t id = model.add(model_record(model_charge()));
    const Played played = play_with(model, model_charge(), resolving(true));
    EXPECT_EQ(details_of(played.outcome).at("chargeId"), id);
    EXPECT_EQ(played.calls.size(), 4u);
    EXPECT_EQ(model.writes_done, 0);
}

TEST(RevioChargeReadBack, a_marker_counts_alone_and_as_a_whole) {
    ChargeModel model;
    model.add(model_record(model_charge(), {{"description", "IoT 1GB - 912.4 [cry-7-RATE2]"}}));
    model.add(model_record(model_charge(), {{"description", "IoT 1GB - 912.4 cry-7-RATE"}}));
    // A person has changed everything else.
    const std::int64_t id =
        model.add(model_record(model_charge(), {{"description", "credit [cry-7-RATE] agreed"},
                                                {"amount", 1.25},
                                                {"service_id", kModelService},
                                                {"start_date", "2026-03-01T00:00:00"},
                                                {"created_date", "2020-01-01T00:00:00"}}));
    const Played played = play_with(model, model_charge(), resolving(true));
    ASSERT_EQ(kind_of(played.outcome), "applied");
    EXPECT_EQ(details_of(played.outcome).at("chargeId"), id);
    EXPECT_EQ(details_of(played.outcome).at("amount"), "1.25");
}

TEST(RevioChargeReadBack, of_doubles_with_the_marker_the_lowest_is_ours_and_the_rest_are_told) {
    ChargeModel model;
    model.add(model_record(model_charge(), {{"charge_id", 8'800'500}}));
    model.charges.push_back(model_record(model_charge(), {{"charge_id", "8800400"}}));
    model.add(model_record(model_charge(), {{"charge_id", 8'800'600}}));
    const Played played = play_with(model, model_charge(), resolving(true));
    ASSERT_EQ(kind_of(played.outcome), "applied");
    EXPECT_EQ(details_of(played.outcome).at("chargeId"), 8'800'400);
    EXPECT_EQ(details_of(played.outcome).at("doubles"), base::json::array({8'800'500, 8'800'600}));
    EXPECT_NE(std::get<Applied>(played.outcome).summary.find("8800500, 8800600"),
              std::string::npos);
    EXPECT_EQ(model.writes_done, 0);
}

TEST(RevioChargeReadBack, a_record_that_comes_on_two_pages_is_one) {
    ChargeModel model;
    model.page_size = 1;
    model.add(model_record(model_charge(), {{"charge_id", 8'800'500}}));
    model.add(model_record(model_charge(), {{"charge_id", 8'800'500}}));
    const Played played = play_with(model, model_charge(), resolving(true));
    EXPECT_EQ(details_of(played.outcome).if_contains("doubles"), nullptr);
}

TEST(RevioChargeReadBack, without_a_marker_everything_that_was_sent_must_be_the_same) {
    struct Row {
        base::json::object changed;
        bool is_ours;
    };
    const Row rows[] = {
        {{}, true},
        {{{"product_type_id", 312}}, false},
        {{{"product_id", 5001}}, true},  // of that type, as Rev.io knows
        {{{"service_id", nullptr}}, false},
        {{{"start_date", "2026-01-01T00:00:00"}}, false},
        {{{"end_date", "2026-03-31T00:00:00"}}, false},
        {{{"amount", 6.51}}, false},
        {{{"amount", 6.496}}, true},  // to the cent
        {{{"amount", "6.50"}}, true},
        {{{"amount", nullptr}}, true},
        {{{"amount", -6.5}}, false},
        {{{"description", "IoT 1GB - 912.5"}}, false},
        {{{"description", " IoT 1GB - 912.4 "}}, true},
        {{{"description", "IoT 1GB - 912.4 [cry-8-RATE]"}}, false},
        {{{"created_date", "2026-02-28T10:00:01"}}, true},  // an unknown zone, another clock
        {{{"created_date", "2026-02-28T09:59:59"}}, false},
        {{{"created_date", nullptr}}, true},
        {{{"charge_id", 77}}, false},  // known to be another
    };
    for (const Row& row : rows) {
        ChargeModel model;
        Charge charge = unmarked();
        charge.known_ids = {77, 78};
        model.add(model_record(charge, row.changed));
        const Played played = play_with(model, charge, resolving(false));
        EXPECT_EQ(kind_of(played.outcome), row.is_ours ? "applied" : "unknown")
            << base::json::serialize(row.changed);
    }
}

TEST(RevioChargeReadBack, a_charge_by_product_is_found_by_its_product) {
    Charge charge = unmarked();
    charge.product_type_id.reset();
    charge.product_id = 5001;
    charge.service_id.reset();
    ChargeModel model;
    model.add(model_record(charge, {{"product_id", 5002}}));
    EXPECT_EQ(kind_of(play_with(model, charge, resolving(false)).outcome), "unknown");
    const std::int64_t id = model.add(
        model_record(charge, {{"product_id", 5001}, {"product_type_id", 312}, {"service_id", 0}}));
    const Played played = play_with(model, charge, resolving(false));
    EXPECT_EQ(details_of(played.outcome).at("chargeId"), id);
    EXPECT_EQ(played.calls[0].path,
              "/v1/Charges?search.customer_id=4102&search.page_size=500&search.page=1");
}

TEST(RevioChargeReadBack, several_that_may_be_ours_wait_for_a_person) {
    ChargeModel model;
    model.add(model_record(unmarked()));
    model.add(model_record(unmarked()));
    const Played played = play_with(model, unmarked(), resolving(true));
    ASSERT_EQ(kind_of(played.outcome), "unknown");
    EXPECT_TRUE(std::get<Unknown>(played.outcome).needs_person);
    EXPECT_NE(reason_of(played.outcome).find("8800001, 8800002"), std::string::npos);
    Charge charge = unmarked();
    charge.known_ids = {8'800'002};
    EXPECT_EQ(details_of(play_with(model, charge, resolving(true)).outcome).at("chargeId"),
              8'800'001);
}

TEST(RevioChargeReadBack, a_reading_that_cannot_tell_leaves_the_charge_unknown) {
    const std::string whole = R"({"ok":true,"has_more":false,"record_count":1,"records":[)";
    struct Row {
        http::ClientResponse answer;
        bool needs_person;
    };
    const Row rows[] = {
        {answered(500, "[]"), false},
        {answered(503, ""), false},
        {answered(401, R"([{"ok":false,"message":"no"}])"), false},
        {answered(400, R"([{"ok":false,"message":"no such search field"}])"), false},
        {answered(200, R"([{"ok":false,"message":"no"}])"), false},
        {answered(200, "<html>"), false},
        {answered(200, ""), false},
        {answered(200, whole), false},
        {answered(200, whole + "]}"), false},  // one record less than it says
        {answered(200, whole + R"({"customer_id":4102}]})"), false},
        {answered(200, R"({"ok":true,"records":[]})"), false},
        {answered(200, R"({"ok":true,"has_more":true,"records":[]})"), false},
        {answered(200, whole + R"({"charge_id":5,"customer_id":4103}]})"), true},
        {failed(http::Transport::timeout), false},
        {failed(http::Transport::lost), false},
        {failed(http::Transport::not_sent), false},
    };
    for (const Row& row : rows) {
        const carriers::Account account = model_account();
        const auto exchange = create_charge(account, model_charge(), resolving(true));
        const Played played = play(*exchange, [&](const Call&) { return row.answer; });
        ASSERT_EQ(kind_of(played.outcome), "unknown") << row.answer.body;
        EXPECT_EQ(std::get<Unknown>(played.outcome).needs_person, row.needs_person)
            << row.answer.body;
        EXPECT_EQ(played.calls.size(), 1u);
    }
    const auto limited = [](const Call&) {
        return answered(429, R"({"statusCode":429,"message":"in 17 seconds"})");
    };
    const carriers::Account account = model_account();
    const auto held =
        play(*create_charge(account, model_charge(), resolving(true)), limited).outcome;
    EXPECT_TRUE(std::get<Unknown>(held).whole_account);
    // Credentials that are refused are nothing that this charge could find out more about.
    const auto locked_out = [](const Call&) { return answered(401, "[]"); };
    const auto refused =
        play(*create_charge(account, model_charge(), resolving(true)), locked_out).outcome;
    EXPECT_TRUE(std::get<Unknown>(refused).whole_account);
    EXPECT_EQ(std::get<Unknown>(refused).retry_after, seconds(300));
    EXPECT_EQ(std::get<Unknown>(held).retry_after, seconds(18));
}

TEST(RevioChargeReadBack, a_filter_that_is_ignored_bills_nothing) {
    ChargeModel model;
    model.ignores_filters = true;
    Charge other = model_charge();
    other.rev_customer_id = 4'103;
    model.add(model_record(other));
    EXPECT_TRUE(
        std::get<Unknown>(play_with(model, model_charge(), resolving(true)).outcome).needs_person);
    EXPECT_EQ(model.writes_done, 0);
    // Charges of other services of the same customer do no harm.
    ChargeModel same_customer;
    same_customer.ignores_filters = true;
    same_customer.add(model_record(model_charge(), {{"service_id", 5}, {"description", "x"}}));
    EXPECT_EQ(kind_of(play_with(same_customer, model_charge(), resolving(true)).outcome),
              "applied");
}

TEST(RevioChargeReadBack, more_charges_than_are_read_wait_for_a_person) {
    const carriers::Account account = model_account();
    const auto exchange = create_charge(account, model_charge(), resolving(true));
    const auto endless = [](const Call&) {
        return answered(200, R"({"ok":true,"has_more":true,"record_count":1,)"
                             R"("records":[{"charge_id":1,"customer_id":4102}]})");
    };
    const Played played = play(*exchange, endless);
    ASSERT_EQ(kind_of(played.outcome), "unknown");
    EXPECT_TRUE(std::get<Unknown>(played.outcome).needs_person);
    EXPECT_EQ(played.calls.size(), 200u);
}

// --- the sweep ---

// Six charges of others stand there on three pages, then ours.
ChargeModel busy_model() {
    ChargeModel model;
    model.page_size = 2;
    for (int i = 0; i < 6; ++i) {
        model.add(model_record(model_charge(), {{"description", "other"}}));
    }
    return model;
}

void check_end(const ChargeModel& model, const Story& story) {
    EXPECT_FALSE(story.wrote_while_unsettled);
    const std::string_view kind = kind_of(story.outcome);
    ASSERT_TRUE(kind == "applied" || kind == "refused") << reason_of(story.outcome);
    const std::size_t ours = model.charges.size() - 6;
    EXPECT_EQ(ours, kind == "applied" ? 1u : 0u) << reason_of(story.outcome);
    if (kind == "applied" && ours == 1) {
        EXPECT_EQ(details_of(story.outcome).at("chargeId"), model.charges.back().at("charge_id"));
    }
}

TEST(RevioChargeReadBackSweep, cut_twice_no_charge_is_billed_twice_or_lost) {
    const carriers::Account account = model_account();
    for (const Charge& charge : {model_charge(), unmarked()}) {
        const int stories = cut_twice<Fault>(1, 12, kFaults, [&](const Cuts<Fault>& cuts) {
            ChargeModel model = busy_model();
            Life life;
            life.exchange = [&](const Attempt& attempt) {
                return create_charge(account, charge, attempt);
            };
            life.attempt.unclear_since = *base::parse_iso8601("2026-03-01T10:00:00Z");
            check_end(model, live_through(model, cuts, std::move(life)));
        });
        EXPECT_EQ(stories, 14 * 12 * 15);
    }
}

}  // namespace
}  // namespace carryall::billing::revio
