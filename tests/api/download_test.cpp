// Links to files, as those who have one follow them: without a token, from outside.
#include <fstream>

#include "files/link.hpp"
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

class Download : public ApiTest {
  protected:
    static std::string path_of(const files::Link& link) {
        return "/v1/downloads/" + files::link_token(running().master_key, link);
    }
    static support::HttpReply follow(const std::string& path) {
        return support::http_request(running().port(), "GET", path, {}, "");
    }
    files::Link link_to(const std::string& key, const std::string& content) {
        const auto file = folder_.path() / "list.txt";
        std::ofstream(file, std::ios::binary) << content;
        const auto put = running().files.put(key, file, "text/plain");
        EXPECT_TRUE(put) << (put ? "" : put.error().message);
        return {own().id.value, key, "list 1.txt", "text/plain; charset=utf-8",
                base::system_clock().now() + std::chrono::hours(1)};
    }

    support::TempDir folder_;
};

TEST_F(Download, gives_the_file_to_whoever_has_the_link) {
    const std::string rows(2'000'000, 'r');
    files::Link link = link_to("charges/1/17.txt", rows);
    const auto reply = follow(path_of(link));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, rows);
    EXPECT_EQ(reply.header("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(reply.header("content-disposition"), "attachment; filename=\"list 1.txt\"");
    EXPECT_EQ(reply.header("x-content-type-options"), "nosniff");
    EXPECT_FALSE(reply.header("ratelimit-remaining").empty());

    link.file_name = "März.txt";
    EXPECT_EQ(follow(path_of(link)).header("content-disposition"),
              "attachment; filename*=UTF-8''M%C3%A4rz.txt");
}

TEST_F(Download, is_nothing_for_a_link_that_expired_was_altered_or_whose_file_is_gone) {
    files::Link link = link_to("charges/1/17.txt", "rows");
    link.expires_at = base::system_clock().now() - std::chrono::seconds(1);
    EXPECT_EQ(follow(path_of(link)).status, 404);
    link = link_to("charges/1/17.txt", "rows");
    std::string path = path_of(link);
    ASSERT_EQ(follow(path).status, 200);
    path.back() = path.back() == '0' ? '1' : '0';
    EXPECT_EQ(follow(path).status, 404);
    link.file_key = "charges/1/none.txt";
    const auto gone = follow(path_of(link));
    EXPECT_EQ(gone.status, 404);
    EXPECT_EQ(gone.header("content-type"), "application/problem+json");
    EXPECT_EQ(follow("/v1/downloads/").status, 404);
}

}  // namespace
}  // namespace carryall::api_tests
