// The store against two services: one that checks every signature and fails on command
// (tests/support/s3_server.py), and s3rver, which knows nothing of us.
#include "files/s3_store.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/resource.h>

#include "base/json.hpp"
#include "files/store_verified.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace carryall::files {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kText = "text/plain; charset=utf-8";
constexpr std::uint64_t kMegabyte = 1u << 20;

std::string content_of(const fs::path& file) {
    std::ostringstream content;
    content << std::ifstream(file, std::ios::binary).rdbuf();
    return content.str();
}

class CheckingService {
  public:
    explicit CheckingService(const std::vector<std::string>& options = {}) {
        std::vector<std::string> command = {
            "/usr/bin/python3", (support::source_dir() / "tests/support/s3_server.py").string(),
            "--folder", folder_.path().string()};
        command.insert(command.end(), options.begin(), options.end());
        process_ = std::make_unique<support::Process>(command);
        port_ = base::json::parse(process_->wait_for_line("listening")).at("listening").as_int64();
    }
    S3Settings settings() const {
        S3Settings settings;
        settings.endpoint = "http://127.0.0.1:" + std::to_string(port_);
        settings.region = "eu-central-1";
        settings.bucket = "lists";
        settings.access_key = "AKIDEXAMPLE";
        settings.secret_key = base::Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        settings.path_style = true;
        return settings;
    }
    // How many requests began so ("PUT /lists/a").
    int count(const std::string& begin) const {
        const std::string all = process_->output();
        int found = 0;
        for (auto at = all.find(begin); at != std::string::npos; at = all.find(begin, at + 1)) {
            ++found;
        }
        return found;
    }

  private:
    support::TempDir folder_;
    std::unique_ptr<support::Process> process_;
    std::int64_t port_ = 0;
};

class S3StoreTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { service_ = std::make_unique<CheckingService>(); }
    static void TearDownTestSuite() { service_.reset(); }

    fs::path file_of(const std::string& content) {
        const fs::path path = folder_.path() / "list.txt";
        std::ofstream(path, std::ios::binary) << content;
        return path;
    }
    fs::path target() const { return folder_.path() / "fetched"; }
    // That a file of so many bytes comes back as it went.
    void expect_round_trip(FileStore& store, const std::string& key, const std::string& content) {
        const auto put = store.put(key, file_of(content), kText);
        ASSERT_TRUE(put) << key << ": " << put.error().message;
        const auto size = store.size_of(key);
        ASSERT_TRUE(size) << key << ": " << size.error().message;
        EXPECT_EQ(*size, std::optional<std::uint64_t>(content.size())) << key;
        const auto got = store.get(key, target());
        ASSERT_TRUE(got) << key << ": " << got.error().message;
        EXPECT_TRUE(*got) << key;
        EXPECT_EQ(content_of(target()), content) << key;
    }
    static void expect_failure(const S3Settings& settings, base::ErrorKind kind,
                               const std::string& advice) {
        support::TempDir folder;
        const fs::path file = folder.path() / "list.txt";
        std::ofstream(file) << "rows";
        S3Store store(settings);
        for (const Result<void>& done :
             {store.check(), store.put("a.txt", file, kText),
              [&store]() -> Result<void> {
                  CARRYALL_TRY(store.size_of("a.txt"));
                  return {};
              }(),
              [&]() -> Result<void> {
                  CARRYALL_TRY(store.get("a.txt", folder.path() / "fetched"));
                  return {};
              }()}) {
            ASSERT_FALSE(done);
            EXPECT_EQ(done.error().kind, kind) << done.error().message;
            EXPECT_NE(done.error().message.find(advice), std::string::npos) << done.error().message;
            EXPECT_EQ(done.error().message.find("EXAMPLEKEY"), std::string::npos);
        }
        EXPECT_FALSE(fs::exists(folder.path() / "fetched"));
    }

    static std::unique_ptr<CheckingService> service_;
    support::TempDir folder_;
};
std::unique_ptr<CheckingService> S3StoreTest::service_;

TEST_F(S3StoreTest, signs_keys_of_every_kind_as_the_service_expects) {
    S3Store store(service_->settings());
    for (const std::string key :
         {"a.txt", "charges/7/2026-03.txt", "with space.txt", "a+b=c&d.txt", "München/Größe.txt",
          "日本/語.txt", "it's (1)*~.txt", "per%20cent%.txt", "co:lon;semi,comma@at!.txt"}) {
        expect_round_trip(store, key, "rows of " + key);
    }
}

TEST_F(S3StoreTest, keeps_files_without_a_byte_and_with_every_byte) {
    S3Store store(service_->settings());
    expect_round_trip(store, "empty.txt", "");
    std::string all(300'000, '\0');
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i * 7 % 256);
    expect_round_trip(store, "binary.bin", all);
}

TEST_F(S3StoreTest, names_the_bucket_in_the_host_where_that_is_asked_for) {
    S3Settings settings = service_->settings();
    settings.endpoint.replace(settings.endpoint.find("127.0.0.1"), 9, "localhost");
    settings.path_style = false;
    S3Store store(settings);
    const auto checked = store.check();
    ASSERT_TRUE(checked) << checked.error().message;
    expect_round_trip(store, "virtual host/a+b.txt", "rows");
}

TEST_F(S3StoreTest, tells_what_is_absent_from_what_failed) {
    S3Store store(service_->settings());
    const auto size = store.size_of("nothing/here.txt");
    ASSERT_TRUE(size) << size.error().message;
    EXPECT_EQ(*size, std::nullopt);
    const auto got = store.get("nothing/here.txt", target());
    ASSERT_TRUE(got);
    EXPECT_FALSE(*got);
    EXPECT_FALSE(fs::exists(target()));

    const auto forbidden = store.size_of("forbidden.txt");
    ASSERT_FALSE(forbidden);
    EXPECT_NE(forbidden.error().message.find("s3:ListBucket"), std::string::npos)
        << forbidden.error().message;
}

TEST_F(S3StoreTest, says_what_to_do_about_settings_that_are_wrong) {
    S3Settings settings = service_->settings();
    settings.secret_key = base::Secret("another");
    expect_failure(settings, base::ErrorKind::internal, "files.s3_secret_key is not");
    settings = service_->settings();
    settings.access_key = "SOMEBODY";
    expect_failure(settings, base::ErrorKind::internal, "does not know files.s3_access_key");
    settings = service_->settings();
    settings.bucket = "missing";
    expect_failure(settings, base::ErrorKind::internal, "the bucket does not exist");
    settings = service_->settings();
    settings.region = "us-east-1";
    expect_failure(settings, base::ErrorKind::internal, "files.s3_region");
    settings = service_->settings();
    settings.endpoint = "http://127.0.0.1:1";
    expect_failure(settings, base::ErrorKind::unavailable, "cannot be reached");
}

TEST_F(S3StoreTest, says_when_the_clock_of_this_machine_is_wrong) {
    const CheckingService ahead({"--clock-ahead", "20"});
    expect_failure(ahead.settings(), base::ErrorKind::internal, "clock");
}

TEST_F(S3StoreTest, refuses_keys_that_are_none_before_anything_is_sent) {
    S3Store store(service_->settings());
    EXPECT_FALSE(store.put("../list.txt", file_of("rows"), kText));
    EXPECT_FALSE(store.put("a.txt", file_of("rows"), "text/plain\r\nx: y"));
    EXPECT_FALSE(store.size_of("a//b"));
    EXPECT_FALSE(store.get("", target()));
}

class Verified : public S3StoreTest {
  protected:
    // Waits are written down and take no time.
    VerifyPace pace() {
        VerifyPace pace;
        pace.wait = [this](std::chrono::milliseconds time) {
            waits_.push_back(time);
            return true;
        };
        return pace;
    }
    std::vector<std::chrono::milliseconds> waits_;
};

TEST_F(Verified, is_what_the_store_shows_at_its_full_size) {
    S3Store store(service_->settings());
    const auto stored = store_verified(store, "good.txt", file_of("rows"), kText, pace());
    EXPECT_TRUE(stored) << stored.error().message;
    EXPECT_TRUE(waits_.empty());
}

TEST_F(Verified, takes_its_time_with_a_store_that_shows_a_file_late) {
    S3Store store(service_->settings());
    EXPECT_TRUE(store_verified(store, "late.txt", file_of("rows"), kText, pace()));
    EXPECT_EQ(waits_, (std::vector<std::chrono::milliseconds>{5s, 10s}));
    EXPECT_EQ(service_->count("PUT /lists/late.txt"), 1);
}

TEST_F(Verified, fails_after_five_minutes_when_the_file_was_lost_or_is_short) {
    S3Store store(service_->settings());
    const auto lost = store_verified(store, "lost.txt", file_of("rows"), kText, pace());
    ASSERT_FALSE(lost);
    EXPECT_NE(lost.error().message.find("does not have it"), std::string::npos)
        << lost.error().message;
    EXPECT_EQ(waits_, (std::vector<std::chrono::milliseconds>{5s, 10s, 20s, 40s, 80s, 145s}));
    const auto cut = store_verified(store, "short.txt", file_of("rows"), kText, pace());
    ASSERT_FALSE(cut);
    EXPECT_NE(cut.error().message.find("3 bytes of short.txt instead of 4"), std::string::npos)
        << cut.error().message;
}

TEST_F(Verified, uploads_again_after_a_failure_that_passes) {
    S3Store store(service_->settings());
    EXPECT_TRUE(store_verified(store, "busy.txt", file_of("rows"), kText, pace()));
    EXPECT_EQ(waits_, (std::vector<std::chrono::milliseconds>{5s}));
    EXPECT_EQ(service_->count("PUT /lists/busy.txt"), 2);
}

TEST_F(Verified, does_not_wait_for_what_only_a_person_can_mend) {
    S3Settings settings = service_->settings();
    settings.secret_key = base::Secret("another");
    S3Store store(settings);
    EXPECT_FALSE(store_verified(store, "a.txt", file_of("rows"), kText, pace()));
    EXPECT_TRUE(waits_.empty());
}

TEST_F(Verified, gives_up_when_the_process_is_to_end) {
    S3Store store(service_->settings());
    VerifyPace stopping;
    stopping.wait = [](std::chrono::milliseconds) { return false; };
    EXPECT_FALSE(store_verified(store, "lost.txt", file_of("rows"), kText, stopping));
    EXPECT_FALSE(real_pace([] { return true; }).wait(24h));
}

std::uint64_t peak_memory_bytes() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::uint64_t>(usage.ru_maxrss) * 1'024;
}

TEST_F(S3StoreTest, moves_a_file_of_200_megabytes_both_ways_in_flat_memory) {
    constexpr std::uint64_t kBytes = 200 * kMegabyte;
    const fs::path big = file_of("the first bytes");
    fs::resize_file(big, kBytes);
    S3Store store(service_->settings());
    const std::uint64_t before = peak_memory_bytes();
    const auto put = store.put("big.bin", big, "application/octet-stream");
    ASSERT_TRUE(put) << put.error().message;
    const auto got = store.get("big.bin", target());
    ASSERT_TRUE(got && *got);
    EXPECT_EQ(fs::file_size(target()), kBytes);
    EXPECT_LT(peak_memory_bytes() - before, 32 * kMegabyte);
}

// Somebody else's service: what it does with what we send. It does not look at signatures.
TEST_F(S3StoreTest, works_with_a_service_of_somebody_else) {
    support::TempDir folder;
    const fs::path program =
        support::source_dir() / "tests/support/s3rver/node_modules/s3rver/bin/s3rver.js";
    ASSERT_TRUE(fs::exists(program)) << "run ./dev setup test";
    support::Process service({"/usr/bin/env", "node", program.string(), "--directory",
                              folder.path().string(), "--address", "127.0.0.1", "--port", "0",
                              "--configure-bucket", "lists"});
    const std::string line = service.wait_for_line("listening on");
    S3Settings settings = service_->settings();
    settings.endpoint = "http://127.0.0.1" + line.substr(line.rfind(':'));
    settings.region = "us-east-1";
    settings.access_key = "S3RVER";
    settings.secret_key = base::Secret("S3RVER");
    S3Store store(settings);
    const auto checked = store.check();
    ASSERT_TRUE(checked) << checked.error().message;
    expect_round_trip(store, "charges/7/list 1+2 é.txt", std::string(3 * kMegabyte, 'x'));
    expect_round_trip(store, "charges/7/empty.txt", "");
    EXPECT_EQ(store.size_of("charges/7/none.txt").value(), std::nullopt);
    settings.bucket = "missing";
    const auto missing = S3Store(settings).size_of("a.txt");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message.find("the bucket does not exist"), std::string::npos)
        << missing.error().message;
    service.terminate();
}

}  // namespace
}  // namespace carryall::files
