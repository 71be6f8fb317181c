// The group commit on real PostgreSQL: fewer statements than callbacks, nothing lost, nothing
// answered too early. How many statements there were is told by the rows' transactions.
#include "api/callback_inbox.hpp"

#include <atomic>
#include <functional>
#include <thread>

#include "support/database.hpp"

namespace carryall::api {
namespace {

using accounts::ReceivedCallback;
using base::ErrorKind;
using base::Result;

class CallbackInboxTest : public support::DatabaseTest {
  protected:
    static constexpr int kThreads = 16;

    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant RESTART IDENTITY CASCADE;
            TRUNCATE carrier_callback RESTART IDENTITY CASCADE;
            INSERT INTO tenant (name) VALUES ('one'), ('two');
            INSERT INTO service_provider (tenant_id, name, integration)
                VALUES (1, 'verizon', 'thingspace'), (2, 'verizon', 'thingspace');)");
    }

    static ReceivedCallback callback(const std::string& reference, std::int64_t tenant = 1) {
        ReceivedCallback received;
        received.tenant_id = received.service_provider_id = tenant;
        received.remote_address = "3.87.163.45";
        received.body = {{"requestId", reference}};
        received.notice.reference = reference;
        return received;
    }

    static std::string value(const std::string& sql) { return database().value(sql); }

    // So many threads run `work`; ended by join().
    std::vector<std::thread> start(int threads, std::function<void(int)> work) {
        std::vector<std::thread> all;
        for (int i = 0; i < threads; ++i) all.emplace_back(work, i);
        return all;
    }
    static void join(std::vector<std::thread>& threads) {
        for (std::thread& thread : threads) thread.join();
    }
    void until_waiting(std::size_t count) {
        while (inbox_.waiting() < count) std::this_thread::yield();
    }

    db::Pool pool_{base::Secret(database().app_conninfo()), 4};
    CallbackInbox inbox_;
};

TEST_F(CallbackInboxTest, what_comes_while_one_is_written_is_one_statement_and_answered_after_it) {
    support::Connection blocker(database().admin_conninfo());
    blocker.run("BEGIN");
    blocker.run("LOCK TABLE carrier_callback IN EXCLUSIVE MODE");
    std::atomic<int> answered = 0;
    auto threads = start(kThreads, [&](int number) {
        EXPECT_TRUE(inbox_.put(pool_, callback("r-" + std::to_string(number))));
        ++answered;
    });
    until_waiting(kThreads - 1);
    EXPECT_EQ(answered, 0);
    blocker.run("COMMIT");
    join(threads);
    EXPECT_EQ(value("SELECT count(DISTINCT reference) || '/' || count(*) FROM carrier_callback"),
              "16/16");
    EXPECT_EQ(value("SELECT count(DISTINCT xmin::text) FROM carrier_callback"), "2");
    EXPECT_EQ(inbox_.waiting(), 0U);
}

TEST_F(CallbackInboxTest, whoever_is_answered_finds_the_callback_committed) {
    constexpr int kEach = 25;
    auto threads = start(kThreads, [&](int number) {
        support::Connection reader(database().admin_conninfo());
        for (int i = 0; i < kEach; ++i) {
            const std::string reference = std::to_string(number) + "-" + std::to_string(i);
            ASSERT_TRUE(inbox_.put(pool_, callback(reference)));
            EXPECT_EQ(reader.value("SELECT count(*) FROM carrier_callback WHERE reference = '" +
                                   reference + "'"),
                      "1");
        }
    });
    join(threads);
    EXPECT_EQ(value("SELECT count(*) FROM carrier_callback"), std::to_string(kThreads * kEach));
}

TEST_F(CallbackInboxTest, tenants_do_not_wait_for_each_other_and_keep_their_own) {
    support::Connection blocker(database().admin_conninfo());
    blocker.run("BEGIN");
    // The foreign key of tenant one's callbacks waits for this row.
    blocker.run("SELECT FROM service_provider WHERE tenant_id = 1 FOR UPDATE");
    auto threads = start(kThreads, [&](int number) {
        EXPECT_TRUE(inbox_.put(pool_, callback("r-" + std::to_string(number))));
    });
    until_waiting(kThreads - 1);
    EXPECT_TRUE(inbox_.put(pool_, callback("r-two", 2)));
    EXPECT_EQ(value("SELECT string_agg(reference, ',') FROM carrier_callback"), "r-two");
    blocker.run("COMMIT");
    join(threads);
    EXPECT_EQ(value("SELECT count(*) FILTER (WHERE tenant_id = 1) || '/' ||"
                    " count(*) FILTER (WHERE tenant_id = 2) FROM carrier_callback"),
              "16/1");
}

TEST_F(CallbackInboxTest, without_a_database_everybody_is_told_to_come_again) {
    db::Pool nowhere(base::Secret("host=/nonexistent dbname=none"), 4);
    std::atomic<int> unavailable = 0;
    auto threads = start(kThreads, [&](int number) {
        const Result<void> put = inbox_.put(nowhere, callback("r-" + std::to_string(number)));
        if (!put && put.error().kind == ErrorKind::unavailable) ++unavailable;
    });
    join(threads);
    EXPECT_EQ(unavailable, kThreads);
    EXPECT_EQ(value("SELECT count(*) FROM carrier_callback"), "0");
    EXPECT_TRUE(inbox_.put(pool_, callback("later"))) << "and the next one works again";
}

TEST_F(CallbackInboxTest, one_that_cannot_be_stored_does_not_take_the_others_with_it) {
    support::Connection blocker(database().admin_conninfo());
    blocker.run("BEGIN");
    blocker.run("LOCK TABLE carrier_callback IN EXCLUSIVE MODE");
    std::atomic<int> refused = 0;
    auto threads = start(kThreads, [&](int number) {
        ReceivedCallback received = callback("r-" + std::to_string(number));
        // Its account is gone.
        if (number == 3) received.service_provider_id = 99;
        if (!inbox_.put(pool_, received)) ++refused;
    });
    until_waiting(kThreads - 1);
    blocker.run("COMMIT");
    join(threads);
    EXPECT_EQ(refused, 1);
    EXPECT_EQ(value("SELECT count(*) FROM carrier_callback"), std::to_string(kThreads - 1));
}

}  // namespace
}  // namespace carryall::api
