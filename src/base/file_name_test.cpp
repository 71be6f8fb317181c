#include "base/file_name.hpp"

#include <gtest/gtest.h>

namespace carryall::base {
namespace {

TEST(FileName, is_one_name_without_a_way_out_of_its_header) {
    for (const char* name : {"list.txt", "März 2026.txt", "a \"b\" 100%.txt"}) {
        EXPECT_TRUE(check_file_name(name)) << name;
    }
    for (const std::string& name :
         {std::string(), std::string("a/b.txt"), std::string("a\\b"), std::string("a\r\nb"),
          std::string("\xff"), std::string(kMaxFileNameBytes + 1, 'a')}) {
        EXPECT_FALSE(check_file_name(name)) << name;
    }
}

TEST(FileName, that_is_not_plain_ascii_is_written_as_rfc_2231_says) {
    EXPECT_EQ(attachment_disposition("list 1.txt"), "attachment; filename=\"list 1.txt\"");
    EXPECT_EQ(attachment_disposition("März.txt"), "attachment; filename*=UTF-8''M%C3%A4rz.txt");
    EXPECT_EQ(attachment_disposition("\"1\"%"), "attachment; filename*=UTF-8''%221%22%25");
}

}  // namespace
}  // namespace carryall::base
