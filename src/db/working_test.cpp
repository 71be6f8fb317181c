// Threads at work on real PostgreSQL: they outlive its loss, and end when they are told to.
#include "db/working.hpp"

#include <vector>

#include "support/database.hpp"

namespace carryall::db {
namespace {

// Asks for its backend's number at each turn; tells `after_turn` of it.
class Asking {
  public:
    Asking(std::unique_ptr<Connection> connection, std::function<void(std::string)> after_turn)
        : connection_(std::move(connection)), after_turn_(std::move(after_turn)) {}

    Result<bool> work_one() {
        constexpr Query kPid{"pid", "SELECT pg_backend_pid()"};
        const auto pid = connection_->exec(kPid);
        if (!pid) return pid.error();
        after_turn_(pid->string(0, 0));
        return false;
    }
    bool is_usable() const { return connection_->is_usable(); }

  private:
    std::unique_ptr<Connection> connection_;
    std::function<void(std::string)> after_turn_;
};

int g_prepared = 0;

Result<void> prepare(Connection& connection) {
    ++g_prepared;
    return connection.exec_text("SET application_name = 'working test'");
}

class WorkingTest : public support::DatabaseTest {
  protected:
    static void end_session(const std::string& pid) {
        database().run("SELECT pg_terminate_backend(" + pid + ", 5000)");
    }

    base::Secret conninfo_{database().app_conninfo()};
    std::atomic<bool> stopping_{false};
};

TEST_F(WorkingTest, whoever_loses_the_connection_works_on_with_another) {
    g_prepared = 0;
    std::vector<std::string> pids;
    int idle = 0;
    const auto worker = work_until_stopped<Asking>(
        {conninfo_, stopping_, "asking_failed", "test", prepare},
        [&](std::unique_ptr<Connection> connection) {
            return std::make_unique<Asking>(std::move(connection), [&](std::string pid) {
                pids.push_back(std::move(pid));
                if (pids.size() == 2) end_session(pids.back());
                stopping_ = pids.size() == 3;
            });
        },
        [&](Asking&) {
            ++idle;
            return Result<void>();
        });
    ASSERT_EQ(pids.size(), 3U);
    EXPECT_EQ(pids[0], pids[1]);
    EXPECT_NE(pids[1], pids[2]);
    EXPECT_EQ(g_prepared, 2);
    EXPECT_EQ(idle, 3);
    ASSERT_NE(worker, nullptr);
    EXPECT_TRUE(worker->is_usable());
}

TEST_F(WorkingTest, a_round_that_has_more_to_do_is_followed_at_once) {
    int rounds = 0;
    keep_house(conninfo_, stopping_, std::chrono::hours(1), [&](Connection&) {
        stopping_ = ++rounds == 3;
        return true;
    });
    EXPECT_EQ(rounds, 3);
}

TEST_F(WorkingTest, a_round_whose_session_was_ended_is_followed_by_one_with_another) {
    std::vector<std::string> pids;
    keep_house(conninfo_, stopping_, std::chrono::milliseconds(1), [&](Connection& connection) {
        constexpr Query kPid{"pid", "SELECT pg_backend_pid()"};
        const auto pid = connection.exec(kPid);
        if (!pid) return false;
        pids.push_back(pid->string(0, 0));
        if (pids.size() == 1) end_session(pids[0]);
        stopping_ = pids.size() == 2;
        return false;
    });
    ASSERT_EQ(pids.size(), 2U);
    EXPECT_NE(pids[0], pids[1]);
}

}  // namespace
}  // namespace carryall::db
