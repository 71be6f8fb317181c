// The private cluster, really made, stopped like a crash and started again.
#include "app/local_cluster.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "app/config.hpp"
#include "db/migrate.hpp"
#include "support/temp_dir.hpp"

namespace carryall::app {
namespace {

mode_t mode_of(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
}

// A test that fails leaves no server behind.
struct StopAtEnd {
    std::filesystem::path state;
    ~StopAtEnd() {
        if (!local_down(state, StopMode::immediate)) ADD_FAILURE() << "still running";
    }
};

TEST(LocalCluster, is_made_once_survives_a_crash_and_is_private) {
    const support::TempDir folder;
    const auto state = folder.path() / "state";
    const StopAtEnd stop{state};
    // As root the server's user must be able to pass through.
    chmod(folder.path().c_str(), 0711);
    const auto made = local_up(state);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(made->was_made);
    EXPECT_EQ(made->schema_version, db::built_in_migrations().back().version);
    EXPECT_EQ(mode_of(state / "socket"), 0700U);
    EXPECT_EQ(mode_of(state / "master.key"), 0600U);
    EXPECT_EQ(mode_of(state / "carryall.toml"), 0600U);
    std::vector<base::Error> mistakes;
    const auto none = [](const std::string&) { return std::nullopt; };
    const auto config = load_config((state / "carryall.toml").string(), none, mistakes);
    ASSERT_TRUE(config);
    EXPECT_TRUE(load_master_key(*config));
    EXPECT_TRUE(db::check_schema_is_current(config->database_url));

    ASSERT_TRUE(local_down(state, StopMode::immediate));
    EXPECT_FALSE(*local_is_running(state));
    EXPECT_FALSE(db::check_schema_is_current(config->database_url));
    const auto again = local_up(state);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_FALSE(again->was_made);
    EXPECT_TRUE(again->was_started);
    EXPECT_TRUE(db::check_schema_is_current(config->database_url));
    EXPECT_FALSE(local_up(state)->was_started);
    EXPECT_TRUE(local_down(state, StopMode::fast));
    EXPECT_TRUE(local_down(state, StopMode::fast));  // there is nothing to stop
}

TEST(LocalCluster, what_a_crash_left_half_made_is_made_again) {
    const support::TempDir folder;
    const auto state = folder.path() / "state";
    const StopAtEnd stop{state};
    chmod(folder.path().c_str(), 0711);
    std::filesystem::create_directories(state / "postgres" / "base");
    std::ofstream(state / "postgres" / "PG_VERSION") << "15\n";
    const auto made = local_up(state);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(made->was_made);
    EXPECT_TRUE(local_down(state, StopMode::fast));
}

TEST(LocalCluster, folders_that_cannot_hold_a_socket_are_refused_with_a_reason) {
    const std::string longest(100, 'x');
    for (const std::string& name : {"/tmp/" + longest, std::string("/tmp/with space"),
                                    std::string("/tmp/quote'd"), std::string("/proc/carryall")}) {
        const auto made = local_up(name);
        ASSERT_FALSE(made) << name;
        EXPECT_EQ(made.error().kind, base::ErrorKind::invalid_input) << made.error().message;
        EXPECT_FALSE(made.error().message.empty());
    }
}

}  // namespace
}  // namespace carryall::app
