// Dates in the spellings that clients send.
#include "revio/dates.hpp"

#include <gtest/gtest.h>

namespace carryall::simulators {
namespace {

TEST(RevioDatesTest, every_spelling_is_read_and_printed_without_zone) {
    for (const std::string_view spelling : {"2026-3-1", "2026-03-01", "2026-03-01Z",
                                            "2026-03-01T00:00:00", "2026-03-01T00:00:00.123Z"}) {
        const auto seconds = revio::parse_date(spelling);
        ASSERT_TRUE(seconds) << spelling;
        std::string text;
        revio::append_date(text, *seconds);
        EXPECT_EQ(text, "2026-03-01T00:00:00");
    }
    for (const std::string_view wrong : {"", "2026", "2026-02-29", "2026-13-01", "2026-03-01x",
                                         "2026-03-01T25:00:00", "1-1-1", "2026-03-01T10"}) {
        EXPECT_FALSE(revio::parse_date(wrong)) << wrong;
    }
}

TEST(RevioDatesTest, the_fraction_of_a_timestamp_is_kept) {
    for (const std::string_view spelling :
         {"2026-03-01T10:20:30.007", "2026-03-01T10:20:30.007Z"}) {
        std::string text;
        revio::append_date_micros(text, revio::parse_date_micros(spelling).value());
        EXPECT_EQ(text, "2026-03-01T10:20:30.007");
    }
    EXPECT_EQ(revio::parse_date_micros("1970-01-02").value(), 86'400'000'000);
    EXPECT_FALSE(revio::parse_date_micros("soon"));
}

}  // namespace
}  // namespace carryall::simulators
