#include "base/text.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace carryall::base {
namespace {

std::vector<std::string_view> parts_of(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    while (!text.empty()) parts.push_back(take_part(text, separators));
    return parts;
}

using Parts = std::vector<std::string_view>;

TEST(TakePart, divides_at_each_of_the_separators) {
    EXPECT_EQ(parts_of("12;13, 14", ";, "), (Parts{"12", "13", "", "14"}));
    EXPECT_EQ(parts_of("one", ","), (Parts{"one"}));
}

TEST(TakePart, has_no_part_behind_the_last_separator_and_none_of_nothing) {
    EXPECT_EQ(parts_of("a\nb\n", "\n"), (Parts{"a", "b"}));
    EXPECT_EQ(parts_of(",", ","), (Parts{""}));
    EXPECT_EQ(parts_of("", ","), Parts());
}

TEST(HasWord, finds_whole_words_only) {
    EXPECT_TRUE(has_word("missing extra wrong_amount", "extra"));
    EXPECT_TRUE(has_word("missing extra", "missing"));
    EXPECT_FALSE(has_word("wrong_amount", "wrong"));
    EXPECT_FALSE(has_word("missing extra", "missing extra"));
    EXPECT_FALSE(has_word("", "extra"));
}

}  // namespace
}  // namespace carryall::base
