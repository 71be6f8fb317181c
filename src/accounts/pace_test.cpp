// The pace of an account on real PostgreSQL.
#include "accounts/pace.hpp"

#include "support/database.hpp"

namespace carryall::accounts {
namespace {

using std::chrono::seconds;

class PaceTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run("TRUNCATE account_pace");
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened);
        connection_ = std::move(opened).value();
    }
    std::unique_ptr<db::Connection> connection_;
};

TEST_F(PaceTest, reserved_calls_of_all_workers_together_keep_the_rate) {
    EXPECT_LE(reserve_calls(*connection_, "a", 10, 20)->count(), 0);
    const auto second = reserve_calls(*connection_, "a", 10, 10);
    ASSERT_TRUE(second);
    EXPECT_GT(second->count(), 1000) << "the first twenty calls take two seconds";
    EXPECT_LE(second->count(), 2000);
    EXPECT_LE(reserve_calls(*connection_, "b", 10, 1)->count(), 0) << "another account";
    ASSERT_TRUE(pause_account(*connection_, "a", seconds(100)));
    EXPECT_GT(reserve_calls(*connection_, "a", 10, 1)->count(), 90'000);
}

}  // namespace
}  // namespace carryall::accounts
