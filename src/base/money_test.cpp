// What is an amount and what is not, that text and JSON give back exactly what was put in, and that
// nothing overflows.
#include "base/money.hpp"

#include <gtest/gtest.h>
#include <limits>
#include <random>

namespace carryall::base {
namespace {

Money units(std::int64_t ten_thousandths) {
    return *Money::of_units(ten_thousandths);
}

TEST(Money, is_read_and_written_in_its_shortest_form_of_two_to_four_decimals) {
    struct Row {
        std::string_view text;
        std::int64_t units;
        std::string_view written;
    };
    const Row rows[] = {
        {"6.50", 65'000, "6.50"},
        {"6.5", 65'000, "6.50"},
        {"6", 60'000, "6.00"},
        {"0.1234", 1'234, "0.1234"},
        {"0.1230", 1'230, "0.123"},
        {"-0.005", -50, "-0.005"},
        {"-12", -120'000, "-12.00"},
        {"0", 0, "0.00"},
        {"-0.00", 0, "0.00"},
        {"007.10", 71'000, "7.10"},
        {"99999999999.9999", Money::kMaxUnits, "99999999999.9999"},
        {"-99999999999.9999", -Money::kMaxUnits, "-99999999999.9999"},
    };
    for (const Row& row : rows) {
        const auto money = Money::parse(row.text);
        ASSERT_TRUE(money) << row.text;
        EXPECT_EQ(money->units(), row.units) << row.text;
        EXPECT_EQ(money->text(), row.written);
    }
}

TEST(Money, what_is_no_plain_amount_is_refused_with_the_text) {
    for (const char* text : {"",
                             "-",
                             ".",
                             ".5",
                             "5.",
                             "+5",
                             "1e3",
                             "1,50",
                             "1 000.00",
                             " 1",
                             "1 ",
                             "1.2.3",
                             "--1",
                             "0x10",
                             "NaN",
                             "inf",
                             "0.00001",
                             "0.10000",
                             "100000000000",
                             "100000000000.00",
                             "99999999999999999999999999",
                             "\xD9\xA1.50"}) {
        const auto money = Money::parse(text);
        ASSERT_FALSE(money) << text;
        EXPECT_EQ(money.error().kind, ErrorKind::invalid_input);
        EXPECT_NE(money.error().message.find("not an amount"), std::string::npos);
    }
}

TEST(Money, a_number_of_json_is_rounded_to_ten_thousandths) {
    struct Row {
        std::string_view json;
        std::int64_t units;
    };
    const Row rows[] = {{"6.50", 65'000},
                        {"6", 60'000},
                        {"-6", -60'000},
                        {"0.1", 1'000},
                        {"0.30000000000000004", 3'000},
                        {"1.00005", 10'001},
                        {"-1.00005", -10'001},
                        {"1.00004", 10'000},
                        {"-0.0", 0},
                        {"6.5e1", 650'000},
                        {"99999999999", 999'999'999'990'000},
                        {"99999999999.9999", Money::kMaxUnits},
                        {"-99999999999.9999", -Money::kMaxUnits}};
    for (const Row& row : rows) {
        const auto money = Money::from_json(*parse_json(row.json));
        ASSERT_TRUE(money) << row.json;
        EXPECT_EQ(money->units(), row.units) << row.json;
    }
}

TEST(Money, what_json_says_beyond_an_amount_is_none) {
    const double inf = std::numeric_limits<double>::infinity();
    const json::value beyond[] = {json::value(inf),
                                  json::value(-inf),
                                  json::value(std::numeric_limits<double>::quiet_NaN()),
                                  json::value(1e300),
                                  json::value(100'000'000'000.0),
                                  json::value(100'000'000'000),
                                  json::value(std::numeric_limits<std::int64_t>::min()),
                                  json::value(std::numeric_limits<std::uint64_t>::max()),
                                  json::value("6.50"),
                                  json::value(true),
                                  json::value(nullptr)};
    for (const json::value& value : beyond) {
        EXPECT_FALSE(Money::from_json(value)) << json::serialize(value);
    }
}

TEST(Money, goes_through_text_and_json_and_comes_back_the_same) {
    std::mt19937_64 random(7);
    std::uniform_int_distribution<std::int64_t> any(-Money::kMaxUnits, Money::kMaxUnits);
    std::uniform_int_distribution<std::int64_t> small(-1'000'000, 1'000'000);
    for (int i = 0; i < 100'000; ++i) {
        const Money money = units(i % 2 == 0 ? any(random) : small(random));
        ASSERT_EQ(*Money::parse(money.text()), money) << money.text();
        ASSERT_EQ(*Money::from_json(*parse_json(money.text())), money) << money.text();
        // And as another system writes it that keeps doubles.
        const json::value kept(std::stod(money.text()));
        ASSERT_EQ(*Money::from_json(*parse_json(json::serialize(kept))), money) << money.text();
    }
}

TEST(Money, sums_are_exact_and_end_at_the_bounds) {
    EXPECT_EQ(units(1'000).plus(units(2'000)), units(3'000));
    EXPECT_EQ(units(1'000).minus(units(2'000)), units(-1'000));
    EXPECT_EQ(units(Money::kMaxUnits).plus(units(-1)), units(Money::kMaxUnits - 1));
    EXPECT_EQ(units(Money::kMaxUnits).plus(units(1)), std::nullopt);
    EXPECT_EQ(units(-Money::kMaxUnits).minus(units(1)), std::nullopt);
    EXPECT_EQ(-units(5), units(-5));
    EXPECT_LT(units(-5), Money());
    EXPECT_GT(units(5), units(4));
    EXPECT_EQ(Money::of_units(Money::kMaxUnits + 1), std::nullopt);
    EXPECT_EQ(Money::of_units(std::numeric_limits<std::int64_t>::min()), std::nullopt);
}

}  // namespace
}  // namespace carryall::base
