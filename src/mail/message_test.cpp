#include "mail/message.hpp"

#include <gtest/gtest.h>

namespace carryall::mail {
namespace {

TEST(Address, is_one_plain_address) {
    for (const char* address : {"a@example.com", "night.shift+x@mail.example.co.uk"}) {
        EXPECT_TRUE(check_address(address)) << address;
    }
}

TEST(Address, that_could_break_out_of_a_command_or_a_header_is_refused) {
    for (const std::string address :
         {"", "a", "@example.com", "a@", "a@example", "a b@example.com", "a@exam ple.com",
          "a@example.com\r\nRCPT TO:<b@example.com>", "a@example.com>", "<a@example.com>",
          "a,b@example.com", "Name <a@example.com>", "a@example.com\n", "\"a b\"@example.com",
          ".a@example.com", "a..b@example.com", "ä@example.com", "a@-example.com",
          "a@example.com."}) {
        EXPECT_FALSE(check_address(address)) << address;
    }
    std::string name(65, 'a');
    EXPECT_FALSE(check_address(name.append("@example.com")));
    std::string domain(260, 'b');
    EXPECT_FALSE(check_address(domain.insert(0, "a@").append(".com")));
}

TEST(Subject, in_ascii_stays_as_it_is) {
    EXPECT_EQ(subject_header("Bulk change 17 finished"), "Bulk change 17 finished");
}

TEST(Subject, never_holds_a_line_end_of_its_text) {
    EXPECT_EQ(subject_header("a\r\nBcc: b\x01"), "a  Bcc: b ");
    const std::string encoded = subject_header("ä\r\nBcc: b");
    EXPECT_EQ(encoded.find("\r\nB"), std::string::npos);
}

TEST(Subject, in_other_scripts_is_encoded_in_words_that_fit) {
    EXPECT_EQ(subject_header("Grüße"), "=?UTF-8?B?R3LDvMOfZQ==?=");
    std::string text;
    while (text.size() < 400) text += "日";
    const std::string header = subject_header(text);
    std::size_t longest = 0;
    for (std::size_t at = 0; at < header.size();) {
        const std::size_t end = std::min(header.find("\r\n ", at), header.size());
        longest = std::max(longest, end - at);
        at = end + 3;
    }
    EXPECT_LE(longest, 75U);
}

TEST(Subject, that_looks_encoded_is_encoded_so_that_it_is_read_as_written) {
    EXPECT_TRUE(subject_header("=?UTF-8?B?R3I=?=").starts_with("=?UTF-8?B?PT9VVEY"));
}

TEST(Date, is_written_as_mail_writes_it) {
    EXPECT_EQ(date_header(*base::parse_iso8601("2026-03-01T12:00:05.9Z")),
              "Sun, 01 Mar 2026 12:00:05 +0000");
}

}  // namespace
}  // namespace carryall::mail
