// All charges of a customer are read, page by page and again from any page, or the reading fails.
#include "billing/revio/charge_reading.hpp"

#include <gtest/gtest.h>

#include "billing/revio/charge_model_test.hpp"

namespace carryall::billing::revio {
namespace {

using carriers::answered;
using carriers::Meaning;
using carriers::Verdict;

ChargePage next_page(ChargeReading& reading, ChargeModel& model) {
    auto step = reading.proceed(*model.answer(reading.next(), Fault::none));
    return std::get<ChargePage>(std::move(step));
}

Verdict failure(const http::ClientResponse& answer) {
    const carriers::Account account = model_account();
    ChargeReading reading(account, {kModelCustomer});
    auto step = reading.proceed(answer);
    return std::get<Verdict>(step);
}

ChargeModel model_of(int charges) {
    ChargeModel model;
    model.page_size = 2;
    for (int i = 0; i < charges; ++i) {
        model.add(model_record(model_charge(), {{"amount", i + 0.25}}));
    }
    return model;
}

TEST(RevioChargeReading, gives_every_charge_once_and_knows_the_last_page) {
    for (const int charges : {0, 1, 2, 3, 4, 5}) {
        ChargeModel model = model_of(charges);
        model.add(model_record(model_charge(), {{"customer_id", 4'103}}));
        const carriers::Account account = model_account();
        ChargeReading reading(account, {kModelCustomer});
        std::vector<std::int64_t> ids;
        ChargePage page;
        do {
            page = next_page(reading, model);
            for (const ChargeRecord& record : page.records) ids.push_back(record.charge_id);
            EXPECT_EQ(page.resume.is_null(), page.is_last);
        } while (!page.is_last);
        ASSERT_EQ(ids.size(), static_cast<std::size_t>(charges));
        for (std::size_t i = 0; i < ids.size(); ++i) {
            EXPECT_EQ(ids[i], 8'800'001 + static_cast<std::int64_t>(i));
        }
    }
}

TEST(RevioChargeReading, goes_on_where_an_earlier_one_was_left) {
    ChargeModel model = model_of(5);
    const carriers::Account account = model_account();
    ChargeReading first(account, {kModelCustomer});
    const ChargePage page = next_page(first, model);
    // By way of the database.
    const auto resume = *base::parse_json(base::json::serialize(page.resume));
    ChargeReading second(account, {kModelCustomer, std::nullopt, resume});
    EXPECT_EQ(second.next().path,
              "/v1/Charges?search.customer_id=4102&search.page_size=500&search.page=2");
    EXPECT_EQ(next_page(second, model).records.at(0).charge_id, 8'800'003);
    for (const char* spoiled :
         {"7", "{}", R"({"page":0})", R"({"page":"2"})", R"({"page":4001})", "null"}) {
        ChargeReading from_start(account,
                                 {kModelCustomer, kModelService, *base::parse_json(spoiled)});
        EXPECT_EQ(from_start.next().path,
                  "/v1/Charges?search.customer_id=4102&search.service_id=99120"
                  "&search.page_size=500&search.page=1")
            << spoiled;
    }
}

TEST(RevioChargeReading, ids_and_amounts_are_read_as_numbers_and_as_text) {
    const carriers::Account account = model_account();
    ChargeReading reading(account, {kModelCustomer});
    const auto step = reading.proceed(answered(200, R"({"ok":true,"has_more":false,"records":[
        {"charge_id":"8800001","customer_id":"4102","service_id":"99120","product_id":0,
         "product_type_id":311,"bill_id":"12","amount":"6.5","description":"d",
         "start_date":"2026-02-01T00:00:00","end_date":"2026-02-28","created_date":"x"},
        {"charge_id":8800002,"customer_id":4102,"amount":-0.1234},
        {"charge_id":8800003,"customer_id":4102,"amount":1e300,"service_id":null}]})"));
    const auto& records = std::get<ChargePage>(step).records;
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(records[0].charge_id, 8'800'001);
    EXPECT_EQ(records[0].customer_id, 4'102);
    EXPECT_EQ(records[0].service_id, 99'120);
    EXPECT_EQ(records[0].product_id, std::nullopt);
    EXPECT_EQ(records[0].product_type_id, 311);
    EXPECT_EQ(records[0].bill_id, 12);
    EXPECT_EQ(records[0].amount->text(), "6.50");
    EXPECT_EQ(records[0].description, "d");
    EXPECT_EQ(records[0].start_date, "2026-02-01");
    EXPECT_EQ(records[0].end_date, "2026-02-28");
    EXPECT_EQ(records[0].created_date, "x");
    EXPECT_EQ(records[1].amount->text(), "-0.1234");
    EXPECT_EQ(records[1].service_id, std::nullopt);
    EXPECT_EQ(records[2].amount, std::nullopt);
}

TEST(RevioChargeReading, a_page_that_cannot_be_trusted_is_no_page) {
    const std::string one = R"({"charge_id":1,"customer_id":4102})";
    EXPECT_EQ(failure(answered(200, "<html>")).meaning, Meaning::unclear);
    EXPECT_EQ(failure(answered(429)).meaning, Meaning::throttled);
    EXPECT_EQ(failure(carriers::failed(http::Transport::timeout)).meaning, Meaning::unclear);
    const auto cut = failure(
        answered(200, R"({"ok":true,"has_more":false,"record_count":2,"records":[)" + one + "]}"));
    EXPECT_NE(cut.reason.find("cannot be understood"), std::string::npos);
    const auto endless = failure(answered(200, R"({"ok":true,"has_more":true,"records":[]})"));
    EXPECT_NE(endless.reason.find("without an end"), std::string::npos);
    const auto other = failure(answered(
        200, R"({"ok":true,"has_more":false,"records":[{"charge_id":1,"customer_id":4103}]})"));
    EXPECT_EQ(other.failure, carriers::FailureClass::system);
    EXPECT_NE(other.reason.find("4103"), std::string::npos);
}

TEST(RevioChargeReading, after_a_failure_the_same_page_is_asked_for_again) {
    ChargeModel model = model_of(3);
    const carriers::Account account = model_account();
    ChargeReading reading(account, {kModelCustomer});
    next_page(reading, model);
    const std::string path = reading.next().path;
    EXPECT_TRUE(std::holds_alternative<Verdict>(reading.proceed(answered(503))));
    EXPECT_EQ(reading.next().path, path);
    EXPECT_EQ(next_page(reading, model).records.size(), 1u);
}

TEST(RevioChargeReading, ends_at_its_limit) {
    ChargeModel model = model_of(7);
    const carriers::Account account = model_account();
    ChargeReading reading(account, {kModelCustomer, std::nullopt, nullptr, 3});
    next_page(reading, model);
    next_page(reading, model);
    const auto step = reading.proceed(*model.answer(reading.next(), Fault::none));
    EXPECT_EQ(std::get<Verdict>(step).failure, carriers::FailureClass::system);
}

}  // namespace
}  // namespace carryall::billing::revio
