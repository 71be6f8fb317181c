// The rules of ICCID, IMEI and MSISDN, and the sentences of their refusals.
#include "devices/identifiers.hpp"

#include <gtest/gtest.h>

namespace carryall::devices {
namespace {

using sheets::Cell;
using sheets::CellKind;

template <class T>
std::string refusal(const base::Result<T>& result) {
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
}

bool says(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST(Luhn, gives_the_digit_of_published_examples) {
    EXPECT_EQ(luhn_check_digit("7992739871"), '3');
    EXPECT_EQ(luhn_check_digit("49015420323751"), '8');  // the example of 3GPP TS 23.003
    EXPECT_EQ(luhn_check_digit(""), '0');
}

TEST(IccidRules, nineteen_digits_are_taken_as_they_are) {
    const auto iccid = Iccid::parse("8910300000001234567");
    ASSERT_TRUE(iccid);
    EXPECT_EQ(iccid->text(), "8910300000001234567");
    EXPECT_EQ(iccid->key(), iccid->text());
}

TEST(IccidRules, the_twentieth_digit_is_checked) {
    const std::string first = "8910300000001234567";
    const char check = luhn_check_digit(first);
    const auto iccid = Iccid::parse(first + check);
    ASSERT_TRUE(iccid);
    EXPECT_EQ(iccid->text(), first + check);
    EXPECT_EQ(iccid->key(), first);
    EXPECT_EQ(*iccid, *Iccid::parse(first));  // both forms name one SIM
    for (char digit = '0'; digit <= '9'; ++digit) {
        if (digit == check) continue;
        const std::string text = refusal(Iccid::parse(first + digit));
        EXPECT_TRUE(says(text, "wrong check digit")) << text;
        EXPECT_TRUE(says(text, std::string("should be ") + check)) << text;
    }
}

TEST(IccidRules, refusals_say_what_is_wrong) {
    EXPECT_TRUE(says(refusal(Iccid::parse("")), "missing"));
    EXPECT_TRUE(says(refusal(Iccid::parse("891030000000123456")), "has 18"));
    EXPECT_TRUE(says(refusal(Iccid::parse("891030000000123456789")), "has 21"));
    EXPECT_TRUE(says(refusal(Iccid::parse("8810300000001234567")), "starts with 89"));
    EXPECT_TRUE(says(refusal(Iccid::parse("89103000000012345AB")), "digits only"));
    EXPECT_FALSE(Iccid::parse("8.9103E+18"));
    EXPECT_FALSE(Iccid::parse(" 8910300000001234567"));
}

TEST(IccidRules, a_number_cell_is_refused_because_its_last_digits_are_gone) {
    EXPECT_TRUE(iccid_of(Cell{"8910300000001234567", CellKind::text}));
    const std::string text = refusal(iccid_of(Cell{"8910300000001230000", CellKind::number}));
    EXPECT_TRUE(says(text, "Text")) << text;
}

TEST(ImeiRules, fifteen_digits_end_with_their_check_digit) {
    EXPECT_TRUE(Imei::parse("490154203237518"));
    EXPECT_TRUE(says(refusal(Imei::parse("490154203237517")), "should be 8"));
    EXPECT_TRUE(Imei::parse("49015420323751"));    // without
    EXPECT_TRUE(Imei::parse("4901542032375101"));  // IMEISV has none
    EXPECT_TRUE(says(refusal(Imei::parse("4901542032375")), "has 13"));
    EXPECT_TRUE(imei_of(Cell{"490154203237518", CellKind::number}));  // 15 digits survive
}

TEST(MsisdnRules, a_leading_plus_is_dropped_and_nothing_else) {
    EXPECT_EQ(Msisdn::parse("+12125550100")->text(), "12125550100");
    EXPECT_NE(*Msisdn::parse("2125550100"), *Msisdn::parse("12125550100"));
    EXPECT_TRUE(says(refusal(Msisdn::parse("(212) 555-0100")), "without spaces"));
    EXPECT_TRUE(says(refusal(Msisdn::parse("123456")), "7 to 15"));
    EXPECT_FALSE(Msisdn::parse("+"));
    EXPECT_FALSE(Msisdn::parse(""));
}

}  // namespace
}  // namespace carryall::devices
