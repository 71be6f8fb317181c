// A table of cells as users send them, and what must be said about each; sound values must pass.
#include "sheets/spreadsheet_damage.hpp"

#include <gtest/gtest.h>

#include "sheets/date_cell.hpp"

namespace carryall::sheets {
namespace {

struct DamageCase {
    std::string text;
    CellKind kind;
    std::string expected;  // empty: no damage
};

constexpr CellKind kText = CellKind::text;
constexpr CellKind kNumber = CellKind::number;

const std::vector<DamageCase> kDamageCases = {
    // What is whole.
    {"89014103211118510720", kText, ""},
    {"8901410321111851072", kText, ""},
    {"8901410321111851072F", kText, ""},
    {"356938035643809", kText, ""},
    {"356938035643809", kNumber, ""},
    {"15551230001", kNumber, ""},
    {"+15551230001", kText, ""},
    {"A10000009296F2", kText, ""},
    {"A1E15", kText, ""},
    {"99000012E34567", kText, ""},
    {"1234E5", kText, ""},
    {"", CellKind::empty, ""},
    {"0", kText, ""},
    {"007", kText, ""},
    {"a-b_c", kText, ""},
    // Turned into numbers.
    {"8.9E+18", kText, "scientific_notation"},
    {"8,9E+18", kText, "scientific_notation"},
    {"8.90141E+19", kText, "scientific_notation"},
    {"8.90141E19", kText, "scientific_notation"},
    {"8.90141032111185E+019", kText, "scientific_notation"},
    {"8.901410321111851e+19", kNumber, "scientific_notation"},
    {"8E+19", kText, "scientific_notation"},
    {"3,57E+14", kText, "scientific_notation"},
    {"1.5551E10", kNumber, "scientific_notation"},
    {"-8.9E+18", kText, "scientific_notation"},
    {" 8.9E+18 ", kText, "scientific_notation"},
    {"89014103211118510720", kNumber, "digits_lost"},
    {"89014103211118510000", kNumber, "digits_lost"},
    {"8901410321111851072", kNumber, "digits_lost"},
    {"1234567890123456", kNumber, "digits_lost"},
    {"89014103211118510720.0", kText, "decimal_suffix"},
    {"356938035643809.0", kText, "decimal_suffix"},
    {"356938035643809.00", kText, "decimal_suffix"},
    {"356938035643809,00", kText, "decimal_suffix"},
    {"356938035643809.", kText, "decimal_suffix"},
    {"89,014,103,211,118,510,720", kText, "thousands_separators"},
    {"89.014.103.211.118.510.720", kText, "thousands_separators"},
    {"89'014'103'211'118'510'720", kText, "thousands_separators"},
    {"15,551,230,001", kText, "thousands_separators"},
    {"89 014 103 211", kText, "inner_blanks"},
    {"89\xC2\xA0"
     "014\xC2\xA0"
     "103",
     kText, "inner_blanks"},
    {"89\xE2\x80\xAF"
     "014",
     kText, "inner_blanks"},
    // Marks of other programs.
    {"'89014103211118510720", kText, "leading_apostrophe"},
    {"'89014103211118510720'", kText, "quotes"},
    {"\"89014103211118510720\"", kText, "quotes"},
    {"\u201C89014103211118510720\u201D", kText, "quotes"},
    {"\u201E89014103211118510720\u201C", kText, "quotes"},
    {"\u2018"
     "89014103211118510720",
     kText, "quotes"},
    {"\u00AB"
     "89\u00BB",
     kText, "quotes"},
    {"`89014103211118510720", kText, "quotes"},
    {"=\"89014103211118510720\"", kText, "formula_text"},
    {"=A2", kText, "formula_text"},
    // Blanks and invisible characters.
    {"89014103211118510720 ", kText, "surrounding_blanks"},
    {" 89014103211118510720", kText, "surrounding_blanks"},
    {"89014103211118510720\t", kText, "surrounding_blanks"},
    {"89014103211118510720\xC2\xA0", kText, "surrounding_blanks"},
    {"89014103211118510720\r\n", kText, "surrounding_blanks"},
    {"8901 4103 2111 1851 0720", kText, "inner_blanks"},
    {"89014103211118510720\xE2\x80\x8B", kText, "invisible_characters"},
    {"\xEF\xBB\xBF"
     "89014103211118510720",
     kText, "invisible_characters"},
    {"\xE2\x80\xAD"
     "15551230001\xE2\x80\xAC",
     kText, "invisible_characters"},
    {"8901\xC2\xAD"
     "4103",
     kText, "invisible_characters"},
    {"8901\x01", kText, "invisible_characters"},
    {"89014103211118510720\n89014103211118510738", kText, "line_break"},
    {"\xEF\xBC\x98\xEF\xBC\x99", kText, "foreign_digits"},
    {"\xD9\xA8\xD9\xA9", kText, "foreign_digits"},
    // Errors of the spreadsheet.
    {"########", kText, "overflow_marks"},
    {"#N/A", CellKind::error, "formula_error"},
    {"#N/A", kText, "formula_error"},
    {"#REF!", kText, "formula_error"},
    {"formula without a result", CellKind::error, "formula_error"},
    {"TRUE", CellKind::boolean, "not_text"},
};

TEST(SpreadsheetDamage, every_known_damage_is_named_and_sound_values_pass) {
    EXPECT_GE(kDamageCases.size(), 60u);
    for (const DamageCase& sample : kDamageCases) {
        const auto found = explain_damage({sample.text, sample.kind});
        EXPECT_EQ(found ? to_string(found->kind) : "", sample.expected) << sample.text;
    }
}

TEST(SpreadsheetDamage, the_explanation_shows_the_value_and_what_to_do) {
    EXPECT_EQ(explain_damage({"8.9E+18", kText})->explanation,
              "\"8.9E+18\" is a number in scientific notation: the spreadsheet has dropped digits "
              "that cannot be restored. Format the column as Text, enter the original values again "
              "and export once more.");
}

TEST(SpreadsheetDamage, a_long_value_is_cut_between_characters) {
    std::string text = "'" + std::string(58, 'x');
    for (int i = 0; i < 50; ++i) text += "é";
    const std::string explanation = explain_damage({text, kText})->explanation;
    EXPECT_TRUE(explanation.starts_with("\"'" + std::string(58, 'x') + "…\"")) << explanation;
}

TEST(DateCell, day_numbers_follow_the_workbooks_system) {
    using namespace std::chrono;
    const auto day = [](std::string_view text, DateSystem system) {
        const auto date = date_of({text, kNumber}, system);
        return date ? std::optional(*date) : std::nullopt;
    };
    EXPECT_EQ(day("46112", DateSystem::from_1900), sys_days{2026y / 3 / 31});
    EXPECT_EQ(day("44650", DateSystem::from_1904), sys_days{2026y / 3 / 31});
    EXPECT_EQ(day("46112.75", DateSystem::from_1900), sys_days{2026y / 3 / 31});
    EXPECT_EQ(day("1", DateSystem::from_1900), sys_days{1900y / 1 / 1});
    EXPECT_EQ(day("59", DateSystem::from_1900), sys_days{1900y / 2 / 28});
    EXPECT_EQ(day("60", DateSystem::from_1900), std::nullopt);
    EXPECT_EQ(day("61", DateSystem::from_1900), sys_days{1900y / 3 / 1});
    for (const std::string_view bad : {"0", "-1", "4.6E+4", "9999999", "x", ""}) {
        EXPECT_EQ(day(bad, DateSystem::from_1900), std::nullopt) << bad;
    }
}

TEST(DateCell, text_must_be_unmistakable) {
    using namespace std::chrono;
    EXPECT_EQ(*date_of({" 2026-03-31 ", kText}, DateSystem::from_1900), sys_days{2026y / 3 / 31});
    EXPECT_EQ(*date_of({"2026-03-31T10:00:00", kText}, DateSystem::from_1900),
              sys_days{2026y / 3 / 31});
    for (const std::string_view bad : {"03/04/2026", "31.03.2026", "2026-02-30", "2026-13-01",
                                       "46112", "2026-3-1", "", "tomorrow"}) {
        const auto date = date_of({bad, kText}, DateSystem::from_1900);
        ASSERT_FALSE(date) << bad;
        EXPECT_NE(date.error().message.find("YYYY-MM-DD"), std::string::npos);
    }
    EXPECT_FALSE(date_of({"TRUE", CellKind::boolean}, DateSystem::from_1900));
}

}  // namespace
}  // namespace carryall::sheets
