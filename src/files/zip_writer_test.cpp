// Archives are opened by others: unzip and Python's zipfile.
#include "files/zip_writer.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/json.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace carryall::files {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDescribe =
    "import json, sys, zipfile\n"
    "with zipfile.ZipFile(sys.argv[1]) as archive:\n"
    "    assert archive.testzip() is None\n"
    "    print(json.dumps([[one.filename, one.file_size, archive.read(one)[:40].decode()]\n"
    "                      for one in archive.infolist()]))\n";

class ZipWriterTest : public ::testing::Test {
  protected:
    fs::path file_of(const std::string& name, const std::string& content) {
        const fs::path path = folder_.path() / name;
        std::ofstream(path, std::ios::binary) << content;
        return path;
    }
    fs::path archive() const { return folder_.path() / "lists.zip"; }

    support::TempDir folder_;
};

TEST_F(ZipWriterTest, an_archive_is_whole_for_those_who_open_it) {
    const std::string rows(500'000, 'r');
    const auto written = write_zip(archive(), {{"7.txt", file_of("a", rows)},
                                               {"lists/München 日本.txt", file_of("b", "two")},
                                               {"empty.txt", file_of("c", "")}});
    ASSERT_TRUE(written) << written.error().message;
    const auto tested = support::run_to_end({"/usr/bin/unzip", "-t", archive().string()});
    EXPECT_EQ(tested.status, 0) << tested.out << tested.err;
    const auto described =
        support::run_to_end({"/usr/bin/python3", "-c", kDescribe, archive().string()});
    ASSERT_EQ(described.status, 0) << described.err;
    EXPECT_EQ(
        base::json::parse(described.out),
        base::json::parse(R"([["7.txt", 500000, ")" + std::string(40, 'r') +
                          R"("], ["lists/München 日本.txt", 3, "two"], ["empty.txt", 0, ""]])"));
    EXPECT_LT(fs::file_size(archive()), 5'000U);
}

TEST_F(ZipWriterTest, replaces_an_archive_and_leaves_it_when_it_cannot) {
    ASSERT_TRUE(write_zip(archive(), {{"a.txt", file_of("a", "one")}}));
    const auto size = fs::file_size(archive());
    EXPECT_FALSE(write_zip(archive(), {{"b.txt", folder_.path() / "missing"}}));
    EXPECT_EQ(fs::file_size(archive()), size);
    ASSERT_TRUE(write_zip(archive(), {{"b.txt", file_of("b", "two")}}));
    const auto listed = support::run_to_end({"/usr/bin/unzip", "-l", archive().string()});
    EXPECT_EQ(listed.out.find("a.txt"), std::string::npos) << listed.out;
    EXPECT_NE(listed.out.find("b.txt"), std::string::npos) << listed.out;
}

TEST_F(ZipWriterTest, takes_no_name_that_leads_elsewhere_or_comes_twice) {
    const fs::path file = file_of("a", "one");
    for (const char* name : {"../a.txt", "/a.txt", "a/../../b", "", "a\\b", ".hidden"}) {
        EXPECT_FALSE(write_zip(archive(), {{name, file}})) << name;
    }
    EXPECT_FALSE(write_zip(archive(), {{"a.txt", file}, {"a.txt", file}}));
    EXPECT_FALSE(write_zip(archive(), {}));
    EXPECT_FALSE(write_zip(folder_.path() / "no" / "folder.zip", {{"a.txt", file}}));
    EXPECT_FALSE(fs::exists(archive()));
}

TEST_F(ZipWriterTest, packs_200_megabytes_in_flat_memory) {
    const fs::path big = file_of("big", "rows");
    fs::resize_file(big, 200u << 20);
    rusage before{};
    ::getrusage(RUSAGE_SELF, &before);
    ASSERT_TRUE(write_zip(archive(), {{"big.txt", big}}));
    rusage after{};
    ::getrusage(RUSAGE_SELF, &after);
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 * 1'024);  // KiB
}

}  // namespace
}  // namespace carryall::files
