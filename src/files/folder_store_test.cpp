#include "files/folder_store.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "files/store_verified.hpp"
#include "support/temp_dir.hpp"

namespace carryall::files {
namespace {

namespace fs = std::filesystem;

class FolderStoreTest : public ::testing::Test {
  protected:
    fs::path file_of(const std::string& content) {
        const fs::path path = scratch_.path() / "list.txt";
        std::ofstream(path, std::ios::binary) << content;
        return path;
    }
    static std::string content_of(const fs::path& file) {
        std::ostringstream content;
        content << std::ifstream(file, std::ios::binary).rdbuf();
        return content.str();
    }
    fs::path root() const { return folder_.path() / "files"; }

    support::TempDir folder_;
    support::TempDir scratch_;
    FolderStore store_{FolderSettings{root()}};
};

TEST_F(FolderStoreTest, gives_back_what_it_was_given_and_replaces_it) {
    for (const char* content : {"rows", "other rows", ""}) {
        const auto put = store_.put("charges/7/Größe +1.txt", file_of(content), "text/plain");
        ASSERT_TRUE(put) << put.error().message;
        EXPECT_EQ(store_.size_of("charges/7/Größe +1.txt").value(),
                  std::optional<std::uint64_t>(std::string(content).size()));
        EXPECT_TRUE(store_.get("charges/7/Größe +1.txt", scratch_.path() / "fetched").value());
        EXPECT_EQ(content_of(scratch_.path() / "fetched"), content);
    }
    // Nothing is left of what arrived.
    EXPECT_TRUE(fs::is_empty(root() / ".incoming"));
}

TEST_F(FolderStoreTest, says_that_a_file_is_absent_without_an_error) {
    ASSERT_TRUE(store_.put("a/b.txt", file_of("rows"), "text/plain"));
    for (const char* key : {"b.txt", "a/b.txt/c", "a"}) {
        EXPECT_EQ(store_.size_of(key).value(), std::nullopt) << key;
        EXPECT_FALSE(store_.get(key, scratch_.path() / "fetched").value()) << key;
    }
    EXPECT_FALSE(fs::exists(scratch_.path() / "fetched"));
}

TEST_F(FolderStoreTest, leaves_its_folder_for_no_key) {
    std::ofstream(folder_.path() / "outside.txt") << "secret";
    const std::string long_part(kMaxKeyPartBytes + 1, 'x');
    for (const std::string& key :
         {std::string("../outside.txt"), std::string("a/../../outside.txt"), std::string("/etc/x"),
          std::string("a//b"), std::string("a/"), std::string(""), std::string("."),
          std::string(".incoming/x"), std::string("a\\b"), std::string("a\nb"),
          std::string("a\0b", 3), std::string("\xff"), long_part}) {
        EXPECT_FALSE(store_.put(key, file_of("rows"), "text/plain")) << key;
        EXPECT_FALSE(store_.size_of(key)) << key;
        EXPECT_FALSE(store_.get(key, scratch_.path() / "fetched")) << key;
    }
    EXPECT_EQ(content_of(folder_.path() / "outside.txt"), "secret");
    EXPECT_FALSE(fs::exists(root()));
}

TEST_F(FolderStoreTest, keeps_the_old_file_when_the_new_one_cannot_be_read) {
    ASSERT_TRUE(store_.put("a.txt", file_of("rows"), "text/plain"));
    EXPECT_FALSE(store_.put("a.txt", scratch_.path() / "missing", "text/plain"));
    EXPECT_TRUE(store_.get("a.txt", scratch_.path() / "fetched").value());
    EXPECT_EQ(content_of(scratch_.path() / "fetched"), "rows");
    EXPECT_TRUE(fs::is_empty(root() / ".incoming"));
}

TEST_F(FolderStoreTest, says_which_folder_cannot_be_used) {
    EXPECT_TRUE(store_.check());
    std::ofstream(folder_.path() / "file") << "no folder";
    FolderStore wrong(FolderSettings{folder_.path() / "file" / "files"});
    const auto checked = wrong.check();
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().message.find((folder_.path() / "file").string()), std::string::npos)
        << checked.error().message;
    EXPECT_FALSE(wrong.put("a.txt", file_of("rows"), "text/plain"));
}

TEST_F(FolderStoreTest, is_a_store_whose_uploads_can_be_verified) {
    VerifyPace pace;
    pace.wait = [](std::chrono::milliseconds) { return false; };
    EXPECT_TRUE(store_verified(store_, "a.txt", file_of("rows"), "text/plain", pace));
}

S3Settings good_s3() {
    S3Settings settings;
    settings.endpoint = "https://s3.eu-central-1.amazonaws.com";
    settings.region = "eu-central-1";
    settings.bucket = "carryall-lists";
    settings.access_key = "AKID";
    settings.secret_key = base::Secret("secret");
    return settings;
}

TEST(FileStoreSettings, that_are_wrong_name_the_setting_and_what_it_must_be) {
    EXPECT_TRUE(mistakes_of(good_s3()).empty());
    EXPECT_TRUE(mistakes_of(FolderSettings{"/srv/files"}).empty());
    EXPECT_EQ(mistakes_of(FolderSettings{"files"}).at(0).where, "files.directory");
    EXPECT_EQ(mistakes_of(S3Settings{}).size(), 5U);

    const auto mistake_with = [](std::string S3Settings::*member, const std::string& value) {
        S3Settings settings = good_s3();
        settings.*member = value;
        const auto mistakes = mistakes_of(settings);
        return mistakes.size() == 1 ? mistakes.front().where : std::string("none or several");
    };
    for (const char* endpoint :
         {"s3.amazonaws.com", "ftp://s3.amazonaws.com", "https://", "https://host/path",
          "https://host:", "https://host:90x", "https://user@host", "https://host:1:2"}) {
        EXPECT_EQ(mistake_with(&S3Settings::endpoint, endpoint), "files.s3_endpoint") << endpoint;
    }
    EXPECT_EQ(mistake_with(&S3Settings::bucket, "Big"), "files.s3_bucket");
    EXPECT_EQ(mistake_with(&S3Settings::bucket, "a/b"), "files.s3_bucket");
    EXPECT_EQ(mistake_with(&S3Settings::region, "EU"), "files.s3_region");
    EXPECT_EQ(mistake_with(&S3Settings::endpoint, "http://10.0.0.9:9000"), "files.s3_path_style");
}

}  // namespace
}  // namespace carryall::files
