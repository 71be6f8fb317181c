// The pace of an account on real PostgreSQL, as several workers keep it. Time passes by moving what
// is stored, never by waiting.
#include "accounts/pace.hpp"

#include "accounts/pace_store.hpp"
#include "support/database.hpp"

namespace carryall::accounts {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kAccount = "a";

http::ClientResponse answer(int status) {
    http::ClientResponse response;
    response.transport = http::Transport::ok;
    response.status = status;
    response.body = "{}";
    return response;
}

class PaceTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run("TRUNCATE account_pace, account_turn, account_minute");
        limits_.rate_per_second = 10;
        limits_.max_concurrency = 8;
    }
    // A worker's thread.
    struct Worker {
        explicit Worker(const std::string& name)
            : connection(
                  std::move(db::Connection::open(base::Secret(database().app_conninfo())).value())),
              pace(*connection, name) {}
        milliseconds begin(const Limits& limits, int wanted = 8) {
            const auto blocked = pace.begin_turn(kAccount, limits, wanted, seconds(60));
            EXPECT_TRUE(blocked) << (blocked ? "" : blocked.error().message);
            return blocked ? *blocked : milliseconds(-1);
        }
        std::unique_ptr<db::Connection> connection;
        AccountPace pace;
    };
    Reserved reserve(Worker& worker, double rate, int calls,
                     std::optional<std::int64_t> quota = {}) {
        const auto reserved = reserve_calls(*worker.connection, kAccount, "x", rate, calls, quota);
        EXPECT_TRUE(reserved) << (reserved ? "" : reserved.error().message);
        return reserved.value_or({});
    }
    static std::string value(const std::string& sql) { return database().value(sql); }
    void fail(Worker& worker, int times) {
        for (int i = 0; i < times; ++i) worker.pace.answered(answer(503));
    }

    Limits limits_;
    Worker one_{"one"};
    Worker two_{"two"};
};

TEST_F(PaceTest, reserved_calls_of_all_workers_together_keep_the_rate) {
    one_.begin(limits_);
    EXPECT_EQ(reserve(one_, 10, 20).wait.count(), 0);
    const Reserved second = reserve(two_, 10, 10);
    EXPECT_EQ(second.calls, 10);
    EXPECT_GT(second.wait, seconds(1)) << "the first twenty calls take two seconds";
    EXPECT_LE(second.wait, seconds(2));
    const Reserved far = reserve(one_, 1, 10);
    EXPECT_EQ(far.calls, 10);
    EXPECT_EQ(reserve(two_, 10, 1).calls, 0) << "the queue is too long";
}

TEST_F(PaceTest, a_call_may_start_at_once_and_the_next_one_a_slot_later) {
    ASSERT_EQ(one_.begin(limits_), milliseconds(0));
    EXPECT_EQ(one_.pace.next_call(), milliseconds(0));
    const milliseconds wait = one_.pace.next_call();
    EXPECT_GT(wait, milliseconds(0));
    EXPECT_LE(wait, milliseconds(104));
}

TEST_F(PaceTest, what_was_reserved_and_not_used_is_given_back) {
    limits_.rate_per_second = 40;
    limits_.day_quota = 1'000;
    one_.begin(limits_);
    ASSERT_EQ(one_.pace.next_call(), milliseconds(0));
    EXPECT_EQ(value("SELECT quota_used FROM account_pace"), "10");
    one_.pace.end_turn();
    EXPECT_EQ(value("SELECT quota_used FROM account_pace"), "1");
    EXPECT_EQ(value("SELECT next_free_at < now() + interval '30 milliseconds' FROM account_pace"),
              "t");
    EXPECT_EQ(value("SELECT count(*) FROM account_turn"), "0");
}

TEST_F(PaceTest, no_more_is_reserved_than_will_be_asked_for) {
    limits_.rate_per_second = 40;
    one_.begin(limits_);
    one_.pace.expect(3);
    ASSERT_EQ(one_.pace.next_call(), milliseconds(0));
    EXPECT_EQ(value("SELECT quota_used FROM account_pace"), "3");
}

TEST_F(PaceTest, calls_in_flight_are_shared_out_and_come_back) {
    EXPECT_EQ(one_.begin(limits_, 5), milliseconds(0));
    EXPECT_EQ(one_.pace.most_in_flight(), 5);
    EXPECT_EQ(two_.begin(limits_, 8), milliseconds(0));
    EXPECT_EQ(two_.pace.most_in_flight(), 3);
    one_.pace.end_turn();
    two_.pace.prolong_turn(seconds(60));
    EXPECT_EQ(two_.pace.most_in_flight(), 8);
}

TEST_F(PaceTest, who_waits_for_calls_in_flight_gets_them_before_those_who_come_later) {
    Worker three("three");
    EXPECT_EQ(one_.begin(limits_), milliseconds(0));
    EXPECT_GT(two_.begin(limits_, 1), milliseconds(0)) << "none is free";
    one_.pace.end_turn();
    EXPECT_EQ(three.begin(limits_), milliseconds(0));
    EXPECT_EQ(three.pace.most_in_flight(), 7) << "one is left for the one who waits";
    EXPECT_EQ(two_.begin(limits_, 1), milliseconds(0));
}

TEST_F(PaceTest, a_lost_workers_calls_in_flight_come_back_when_its_lease_runs_out) {
    EXPECT_EQ(one_.begin(limits_), milliseconds(0));
    EXPECT_GT(two_.begin(limits_), milliseconds(0));
    database().run("UPDATE account_turn SET lease_ends = now() WHERE holder = 'one'");
    EXPECT_EQ(two_.begin(limits_), milliseconds(0));
    EXPECT_EQ(two_.pace.most_in_flight(), 8);
}

TEST_F(PaceTest, a_turn_that_needs_fewer_calls_in_flight_lets_the_next_begin) {
    EXPECT_EQ(one_.begin(limits_), milliseconds(0));
    one_.pace.shrink_turn(2);
    EXPECT_EQ(two_.begin(limits_), milliseconds(0));
    EXPECT_EQ(two_.pace.most_in_flight(), 6);
}

TEST_F(PaceTest, the_quota_of_a_day_is_used_to_the_last_call_and_no_further) {
    limits_.day_quota = 12;
    limits_.rate_per_second = 40'000;
    one_.begin(limits_);
    EXPECT_EQ(reserve(one_, 40'000, 10, 12).calls, 10);
    EXPECT_EQ(reserve(two_, 40'000, 10, 12).calls, 2);
    const Reserved none = reserve(one_, 40'000, 10, 12);
    EXPECT_EQ(none.calls, 0);
    EXPECT_TRUE(none.is_blocked);
    EXPECT_LE(none.wait, seconds(86'400));
    one_.pace.end_turn();
    EXPECT_GT(two_.begin(limits_), milliseconds(100)) << "until midnight";
    database().run("UPDATE account_pace SET quota_day = quota_day - 1");
    EXPECT_EQ(two_.begin(limits_), milliseconds(0));
    EXPECT_EQ(reserve(one_, 40'000, 10, 12).calls, 10) << "a new day";
}

TEST_F(PaceTest, a_pause_stops_every_worker_and_is_remembered) {
    one_.begin(limits_);
    auto throttled = answer(429);
    throttled.retry_after = seconds(120);
    one_.pace.answered(throttled);
    EXPECT_GT(one_.pace.next_call(), seconds(110));
    EXPECT_GT(two_.begin(limits_), seconds(110));
    EXPECT_EQ(value("SELECT pause_reason IS NOT NULL FROM account_pace"), "t");
    EXPECT_FALSE(one_.pace.is_down()) << "it answers";
}

TEST_F(PaceTest, calls_that_are_throttled_together_are_one_lesson_for_all) {
    one_.begin(limits_);
    for (int i = 0; i < 8; ++i) one_.pace.answered(answer(429));
    EXPECT_EQ(value("SELECT learned_rate FROM account_pace"), "7");
    two_.begin(limits_);
    two_.pace.answered(answer(429));
    EXPECT_EQ(value("SELECT learned_rate FROM account_pace"), "7") << "of about the same time";
    database().run(
        "UPDATE account_pace SET paused_until = now(), learned_at = now() - interval"
        " '20 seconds'");
    two_.begin(limits_);
    ASSERT_TRUE(two_.pace.rate());
    EXPECT_NEAR(*two_.pace.rate(), 8, 0.1);
    two_.pace.answered(answer(429));
    EXPECT_NEAR(std::stod(value("SELECT learned_rate FROM account_pace")), 5.6, 0.1);
}

TEST_F(PaceTest, an_unpaced_account_is_slowed_only_by_what_it_learned) {
    const Limits none;
    ASSERT_EQ(one_.begin(none), milliseconds(0));
    for (int i = 0; i < 50; ++i) EXPECT_EQ(one_.pace.next_call(), milliseconds(0));
    EXPECT_EQ(one_.pace.rate(), std::nullopt);
    one_.pace.answered(answer(429));
    database().run("UPDATE account_pace SET paused_until = now()");
    ASSERT_EQ(two_.begin(none), milliseconds(0));
    ASSERT_TRUE(two_.pace.rate());
    EXPECT_LT(*two_.pace.rate(), 50);
    EXPECT_EQ(two_.pace.next_call(), milliseconds(0));
    EXPECT_GT(two_.pace.next_call(), milliseconds(0));
}

TEST_F(PaceTest, failures_in_a_row_open_the_breaker_for_everybody) {
    one_.begin(limits_);
    fail(one_, kFailuresToOpen - 1);
    one_.pace.answered(answer(404));
    fail(one_, kFailuresToOpen - 1);
    EXPECT_FALSE(one_.pace.is_down()) << "not in a row";
    one_.pace.end_turn();
    two_.begin(limits_);
    fail(two_, 1);
    EXPECT_TRUE(two_.pace.is_down()) << "the row goes on over turns";
    EXPECT_GT(two_.pace.next_call(), seconds(14));
    EXPECT_GT(one_.begin(limits_), seconds(14));
    EXPECT_EQ(value("SELECT breaker_reason FROM account_pace"), "HTTP 503");
    fail(two_, 20);
    EXPECT_EQ(value("SELECT breaker_times FROM account_pace"), "1") << "stragglers change nothing";
}

TEST_F(PaceTest, exactly_one_worker_probes_and_its_success_closes_the_breaker) {
    one_.begin(limits_);
    fail(one_, kFailuresToOpen);
    one_.pace.end_turn();
    database().run("UPDATE account_pace SET breaker_probe_at = now()");
    EXPECT_EQ(two_.begin(limits_), milliseconds(0));
    EXPECT_EQ(two_.pace.most_in_flight(), 1);
    EXPECT_GT(one_.begin(limits_), milliseconds(0));
    EXPECT_EQ(two_.pace.next_call(), milliseconds(0));
    two_.pace.answered(answer(200));
    EXPECT_EQ(two_.pace.most_in_flight(), 8);
    EXPECT_EQ(value("SELECT breaker_opened_at IS NULL AND breaker_times = 0 FROM account_pace"),
              "t");
    two_.pace.end_turn();
    EXPECT_EQ(one_.begin(limits_), milliseconds(0));
}

TEST_F(PaceTest, a_probe_that_fails_opens_the_breaker_for_twice_as_long) {
    one_.begin(limits_);
    fail(one_, kFailuresToOpen);
    one_.pace.end_turn();
    database().run("UPDATE account_pace SET breaker_probe_at = now()");
    two_.begin(limits_);
    fail(two_, 1);
    EXPECT_TRUE(two_.pace.is_down());
    EXPECT_GT(one_.begin(limits_), seconds(28));
    EXPECT_EQ(value("SELECT breaker_times FROM account_pace"), "2");
}

TEST_F(PaceTest, a_probe_that_was_not_made_is_anothers_at_once) {
    one_.begin(limits_);
    fail(one_, kFailuresToOpen);
    one_.pace.end_turn();
    database().run("UPDATE account_pace SET breaker_probe_at = now()");
    EXPECT_EQ(one_.begin(limits_), milliseconds(0));
    one_.pace.end_turn();
    EXPECT_EQ(two_.begin(limits_), milliseconds(0));
    EXPECT_EQ(two_.pace.most_in_flight(), 1);
}

TEST_F(PaceTest, an_unpaced_account_has_a_breaker_too) {
    const Limits none;
    one_.begin(none);
    fail(one_, kFailuresToOpen);
    EXPECT_GT(two_.begin(none), seconds(14));
    database().run("UPDATE account_pace SET breaker_probe_at = now()");
    EXPECT_EQ(two_.begin(none), milliseconds(0));
    EXPECT_EQ(two_.pace.most_in_flight(), 1);
    EXPECT_GT(one_.begin(none), milliseconds(0));
}

TEST_F(PaceTest, figures_of_all_workers_add_up) {
    for (Worker* worker : {&one_, &two_}) {
        worker->begin({});
        for (int i = 0; i < 5; ++i) EXPECT_EQ(worker->pace.next_call(), milliseconds(0));
        fail(*worker, 2);
        worker->pace.count_devices(4);
        worker->pace.end_turn();
        worker->pace.flush_figures(true);
        worker->pace.flush_figures(true);
    }
    EXPECT_EQ(value("SELECT sum(calls) || '/' || sum(devices) || '/' || sum(failures)"
                    " FROM account_minute"),
              "10/8/4");
}

}  // namespace
}  // namespace carryall::accounts
