// Migrating real databases: empty, current, edited and newer ones.
#include "db/migrate.hpp"

#include <thread>

#include "support/database.hpp"

namespace carryall::db {
namespace {

class MigrateTest : public ::testing::Test {
  protected:
    // As the administrator: roles are created on the way, if they are missing.
    base::Result<MigrationReport> run() { return migrate(base::Secret(empty_.admin_conninfo())); }
    int newest() const { return built_in_migrations().back().version; }
    void sql(const std::string& text) { support::Connection(empty_.admin_conninfo()).run(text); }

    support::EmptyDatabase empty_;
};

TEST_F(MigrateTest, an_empty_database_becomes_current_and_stays_so_the_second_time) {
    const auto first = run();
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->before, 0);
    EXPECT_EQ(first->after, newest());
    const auto second = run();
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(second->before, newest());
    EXPECT_EQ(second->after, newest());
    EXPECT_TRUE(check_schema_is_current(base::Secret(empty_.app_conninfo())));
}

TEST_F(MigrateTest, programs_that_start_at_once_do_the_work_once) {
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            const auto report = run();
            if (report && report->after == newest()) ++good;
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, 4);
}

TEST_F(MigrateTest, a_database_that_was_not_migrated_is_told_what_to_do) {
    const auto checked = check_schema_is_current(base::Secret(empty_.admin_conninfo()));
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().kind, base::ErrorKind::unavailable);
    EXPECT_NE(checked.error().message.find("carryall migrate"), std::string::npos);
}

TEST_F(MigrateTest, an_edited_migration_is_refused) {
    ASSERT_TRUE(run());
    sql("UPDATE schema_migration SET sha256 = 'edited' WHERE version = 2");
    const auto refused = run();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("never edited"), std::string::npos);
}

TEST_F(MigrateTest, a_newer_database_is_refused_by_the_check_and_by_migrating) {
    ASSERT_TRUE(run());
    sql("INSERT INTO schema_migration (version, name, sha256) VALUES (" +
        std::to_string(newest() + 1) + ", 'x', 'x')");
    const auto checked = check_schema_is_current(base::Secret(empty_.app_conninfo()));
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().message.find("newer"), std::string::npos);
    const auto refused = run();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("newer"), std::string::npos);
}

}  // namespace
}  // namespace carryall::db
