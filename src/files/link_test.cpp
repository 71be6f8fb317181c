#include "files/link.hpp"

#include <gtest/gtest.h>

namespace carryall::files {
namespace {

const base::Instant kNow = *base::parse_iso8601("2026-03-01T12:00:00Z");

Link some_link() {
    return {7, "charges/7/Größe 1.txt", "Größe \"1\".txt", "text/plain",
            kNow + std::chrono::hours(24)};
}

TEST(Link, names_one_file_of_one_tenant_until_it_expires) {
    const auto key = base::MasterKey::generate();
    const Link made = some_link();
    const auto opened = open_link(key, link_token(key, made), kNow);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->tenant_id, 7);
    EXPECT_EQ(opened->file_key, made.file_key);
    EXPECT_EQ(opened->file_name, made.file_name);
    EXPECT_EQ(opened->content_type, made.content_type);
    EXPECT_EQ(opened->expires_at, made.expires_at);
    EXPECT_TRUE(
        open_link(key, link_token(key, made), made.expires_at - std::chrono::microseconds(1)));
}

TEST(Link, that_expired_was_altered_or_made_elsewhere_opens_nothing) {
    const auto key = base::MasterKey::generate();
    const std::string token = link_token(key, some_link());
    const auto refused = [&](std::string_view one, base::Instant now = kNow) {
        const auto opened = open_link(key, one, now);
        return !opened && opened.error().kind == base::ErrorKind::not_found;
    };
    EXPECT_TRUE(refused(token, some_link().expires_at));
    EXPECT_TRUE(refused(link_token(base::MasterKey::generate(), some_link())));
    EXPECT_TRUE(refused(""));
    EXPECT_TRUE(refused("not hexadecimal"));
    EXPECT_TRUE(refused(token + "00"));
    EXPECT_TRUE(refused(token.substr(2)));
    EXPECT_TRUE(refused(std::string(100'000, 'a')));
    for (std::size_t i = 0; i < token.size(); i += 7) {
        std::string altered = token;
        altered[i] = altered[i] == 'a' ? 'b' : 'a';
        EXPECT_TRUE(refused(altered)) << i;
    }
    // Something else that was sealed with the same key is no link.
    EXPECT_TRUE(refused("01" + token.substr(2, 300)));
}

TEST(Link, stands_in_an_address_as_it_is) {
    const auto key = base::MasterKey::generate();
    const LinkSettings settings{"https://carryall.example.com", std::chrono::days(3)};
    const std::string url = make_link_url(key, settings, some_link(), kNow);
    const std::string begin = "https://carryall.example.com/v1/downloads/";
    ASSERT_TRUE(url.starts_with(begin)) << url;
    const std::string token = url.substr(begin.size());
    EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos);
    const auto opened = open_link(key, token, kNow);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->expires_at, kNow + std::chrono::days(3));
}

}  // namespace
}  // namespace carryall::files
