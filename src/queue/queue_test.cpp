// The queue on real PostgreSQL. Leases and delays run out by moving visible_at, never by waiting.
#include "queue/queue.hpp"

#include <atomic>
#include <map>
#include <thread>

#include "queue/queue_gauges.hpp"
#include "support/database.hpp"

namespace carryall::queue {
namespace {

using std::chrono::seconds;

class QueueTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run("TRUNCATE queue_message, queue_group RESTART IDENTITY");
        first_ = open();
        second_ = open();
        queue_ = postgres_queue(*first_, kBulkChangeQueue);
        other_ = postgres_queue(*second_, kBulkChangeQueue);
    }

    static std::unique_ptr<db::Connection> open() {
        auto connection = db::Connection::open(base::Secret(database().app_conninfo()));
        CHECK(connection.has_value());
        return std::move(connection).value();
    }

    static Attributes attributes(std::int64_t change) {
        Attributes result;
        result.tenant_id = 7;
        result.bulk_change_id = change;
        result.request_id = "r-1";
        return result;
    }

    void send(std::int64_t change, std::chrono::milliseconds delay = {}) {
        const auto sent = queue_->send("body", attributes(change), delay);
        ASSERT_TRUE(sent) << (sent ? "" : sent.error().message);
    }

    static std::optional<Message> receive(Queue& queue) {
        auto message = queue.receive(seconds(60));
        EXPECT_TRUE(message) << (message ? "" : message.error().message);
        return message ? std::move(*message) : std::nullopt;
    }

    void send_to_group(std::int64_t change, const std::string& group) {
        send(change);
        database().run("INSERT INTO queue_group (queue, group_key) VALUES ('bulk_change', '" +
                       group + "') ON CONFLICT DO NOTHING; UPDATE queue_message SET group_key = '" +
                       group + "' WHERE attributes ->> 'BulkChangeId' = '" +
                       std::to_string(change) + "'");
    }
    static std::int64_t change_of(const std::optional<Message>& message) {
        return message ? message->attributes.bulk_change_id : 0;
    }

    static void let_leases_run_out() {
        database().run("UPDATE queue_message SET visible_at = now() - interval '1 second'");
    }

    std::unique_ptr<db::Connection> first_, second_;
    std::unique_ptr<Queue> queue_, other_;
};

TEST_F(QueueTest, attributes_keep_the_names_and_forms_of_the_original_system) {
    Attributes all = attributes(42);
    all.device_change_id = 9;
    all.retry_number = 3;
    all.is_retry_new_activate_thing_space_device = true;
    all.is_from_automated_update_device_status_lambda = true;
    all.is_retry_update_identifier = true;
    ASSERT_TRUE(queue_->send("b", all, {}));
    EXPECT_EQ(database().value("SELECT attributes::text FROM queue_message"),
              R"({"TenantId": "7", "RequestId": "r-1", "RetryNumber": "3", "BulkChangeId": "42", )"
              R"("DeviceChangeId": "9", "IsRetryUpdateIdentifier": "true", )"
              R"("IsRetryNewActivateThingSpaceDevice": "true", )"
              R"("IsFromAutomatedUpdateDeviceStatusLambda": "true"})");
    const auto message = receive(*queue_);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->attributes.tenant_id, 7);
    EXPECT_EQ(message->attributes.bulk_change_id, 42);
    EXPECT_EQ(message->attributes.device_change_id, 9);
    EXPECT_EQ(message->attributes.retry_number, 3);
    EXPECT_EQ(message->attributes.request_id, "r-1");
    EXPECT_TRUE(message->attributes.is_retry_new_activate_thing_space_device);
    EXPECT_TRUE(message->attributes.is_from_automated_update_device_status_lambda);
    EXPECT_TRUE(message->attributes.is_retry_update_identifier);
}

TEST_F(QueueTest, default_attributes_are_left_out_and_read_back_as_defaults) {
    const base::json::object object = to_json(attributes(1));
    EXPECT_FALSE(object.contains("DeviceChangeId"));
    EXPECT_FALSE(object.contains("IsRetryUpdateIdentifier"));
    const auto back = parse_attributes(object);
    ASSERT_TRUE(back);
    EXPECT_FALSE(back->device_change_id);
    EXPECT_FALSE(back->is_retry_update_identifier);
}

TEST_F(QueueTest, a_delayed_message_is_invisible_until_its_time_has_come) {
    send(1, seconds(3600));
    EXPECT_FALSE(receive(*queue_));
    let_leases_run_out();
    EXPECT_TRUE(receive(*queue_));
}

TEST_F(QueueTest, a_wait_ends_when_the_next_message_of_any_group_becomes_visible) {
    const auto wait = [&](std::chrono::milliseconds at_most) {
        const auto next = queue_->next_visible_in(at_most);
        EXPECT_TRUE(next);
        return next ? *next : std::chrono::milliseconds(0);
    };
    EXPECT_EQ(wait(seconds(5)), seconds(5)) << "there is none";
    send(1, std::chrono::milliseconds(3'600'400));
    EXPECT_EQ(wait(seconds(5)), seconds(5));
    EXPECT_GT(wait(seconds(7200)), seconds(3590));
    EXPECT_LE(wait(seconds(7200)), std::chrono::milliseconds(3'600'400));
    send_to_group(2, "account");
    database().run(
        "UPDATE queue_message SET visible_at = now() + interval '1 hour' / 2"
        " WHERE group_key IS NOT NULL");
    EXPECT_LE(wait(seconds(7200)), seconds(1800));
    EXPECT_GT(wait(seconds(7200)), seconds(1790));
    let_leases_run_out();
    EXPECT_EQ(wait(seconds(5)), seconds(5)) << "what is visible is received, not waited for";
}

TEST_F(QueueTest, a_delay_is_cut_to_the_longest_that_is_offered) {
    send(1, kMaxDelay * 10);
    EXPECT_EQ(database().value("SELECT visible_at - enqueued_at = interval '12 hours'"
                               " FROM queue_message"),
              "t");
}

TEST_F(QueueTest, a_leased_message_is_seen_by_nobody_else_until_its_lease_runs_out) {
    send(1);
    ASSERT_TRUE(receive(*queue_));
    EXPECT_FALSE(receive(*other_));
    let_leases_run_out();
    const auto again = receive(*other_);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->receive_count, 2);
}

TEST_F(QueueTest, whoever_lost_the_lease_can_neither_remove_nor_prolong) {
    send(1);
    const auto late = receive(*queue_);
    let_leases_run_out();
    const auto current = receive(*other_);
    ASSERT_TRUE(late && current);
    const auto removed = queue_->remove(*late);
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().kind, base::ErrorKind::conflict);
    const auto extended = queue_->extend(*late, seconds(600));
    ASSERT_FALSE(extended);
    EXPECT_EQ(extended.error().kind, base::ErrorKind::conflict);
    EXPECT_EQ(database().value("SELECT visible_at < now() + interval '2 minutes'"
                               " FROM queue_message"),
              "t");
    EXPECT_TRUE(other_->remove(*current));
    EXPECT_EQ(database().value("SELECT count(*) FROM queue_message"), "0");
}

TEST_F(QueueTest, a_message_nobody_gets_anywhere_with_becomes_a_dead_letter) {
    send(1);
    for (int i = 1; i <= kMaxReceives; ++i) {
        const auto message = receive(*queue_);
        ASSERT_TRUE(message) << i;
        EXPECT_EQ(message->receive_count, i);
        let_leases_run_out();
    }
    EXPECT_FALSE(receive(*queue_));
    const auto dead = dead_letters(*first_, kBulkChangeQueue, 10);
    ASSERT_TRUE(dead);
    ASSERT_EQ(dead->size(), 1U);
    EXPECT_EQ((*dead)[0].reason, "received 5 times without being finished");
    EXPECT_EQ((*dead)[0].attributes.at("BulkChangeId").as_string(), "1");
}

TEST_F(QueueTest, progress_forgets_earlier_receipts) {
    send(1);
    for (int i = 0; i < 3 * kMaxReceives; ++i) {
        const auto message = receive(*queue_);
        ASSERT_TRUE(message) << i;
        ASSERT_TRUE(queue_->extend(*message, seconds(60)));
        let_leases_run_out();
    }
}

TEST_F(QueueTest, dead_letters_come_back_one_by_one_or_all) {
    for (int change = 1; change <= 3; ++change) send(change);
    database().run(
        "UPDATE queue_message SET dead_at = now(), dead_reason = 'x', receive_count = 5");
    EXPECT_FALSE(receive(*queue_));
    EXPECT_EQ(redrive(*first_, kBulkChangeQueue, 2).value_or(-1), 1);
    const auto one = receive(*queue_);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->message_id, 2);
    EXPECT_EQ(one->receive_count, 1);
    EXPECT_FALSE(receive(*queue_));
    EXPECT_EQ(redrive(*first_, kBulkChangeQueue, 2).value_or(-1), 0) << "it is alive";
    EXPECT_EQ(redrive(*first_, "another", std::nullopt).value_or(-1), 0);
    EXPECT_EQ(redrive(*first_, kBulkChangeQueue, std::nullopt).value_or(-1), 2);
}

TEST_F(QueueTest,
       messages_nobody_can_ever_read_are_buried_with_the_reason_and_do_not_stand_in_the_way) {
    const std::vector<std::string> malformed = {
        "[]",
        "\"text\"",
        "{}",
        R"({"TenantId":"1"})",
        R"({"TenantId":1,"BulkChangeId":2})",
        R"({"TenantId":"-1","BulkChangeId":"2"})",
        R"({"TenantId":"1","BulkChangeId":"99999999999999999999"})"};
    for (const std::string& text : malformed) {
        database().run(
            "INSERT INTO queue_message (queue, body, attributes, visible_at) VALUES"
            " ('bulk_change', '', '" +
            text + "', now() - interval '1 hour')");
    }
    send(5);
    const auto message = receive(*queue_);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->attributes.bulk_change_id, 5);
    EXPECT_EQ(database().value("SELECT count(*) FROM queue_message WHERE dead_reason LIKE 'the "
                               "message names no%' OR dead_reason LIKE '%must be an object'"),
              std::to_string(malformed.size()));
}

TEST_F(QueueTest, a_message_another_receiver_is_just_taking_is_passed_over) {
    send(1);
    send(2);
    auto transaction = db::Transaction::begin(*second_, 0);
    ASSERT_TRUE(transaction);
    constexpr db::Query kTake{"take",
                              "SELECT 1 FROM queue_message WHERE message_id = 1 FOR UPDATE"};
    ASSERT_TRUE(transaction->exec(kTake));
    const auto message = receive(*queue_);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->message_id, 2);
    EXPECT_FALSE(receive(*queue_));
}

TEST_F(QueueTest, duplicates_are_messages_of_their_own) {
    for (int i = 0; i < 5; ++i) send(1);
    std::set<std::int64_t> ids;
    while (const auto message = receive(ids.size() % 2 == 0 ? *queue_ : *other_)) {
        ids.insert(message->message_id);
        ASSERT_TRUE(queue_->remove(*message));
    }
    EXPECT_EQ(ids.size(), 5U);
}

TEST_F(QueueTest, of_a_group_one_message_at_a_time_is_received_and_the_others_wait_in_order) {
    for (int change = 1; change <= 3; ++change) send_to_group(change, "a");
    send_to_group(4, "b");
    send(5);
    const auto first = receive(*queue_);
    EXPECT_EQ(change_of(first), 1);
    EXPECT_EQ(first->group, "a");
    EXPECT_EQ(first->receive_count, 1);
    EXPECT_EQ(change_of(receive(*other_)), 4) << "another group's";
    EXPECT_EQ(change_of(receive(*other_)), 5) << "one without a group";
    EXPECT_FALSE(receive(*other_));
    ASSERT_TRUE(queue_->put_back(*first, {}));
    const auto second = receive(*other_);
    EXPECT_EQ(change_of(second), 2) << "the one put back is behind the others";
    EXPECT_FALSE(receive(*queue_));
    ASSERT_TRUE(other_->remove(*second));
    EXPECT_EQ(change_of(receive(*queue_)), 3);
}

TEST_F(QueueTest, a_group_whose_receiver_died_goes_on_when_the_lease_runs_out) {
    send_to_group(1, "a");
    send_to_group(2, "a");
    const auto dead = receive(*queue_);
    EXPECT_EQ(change_of(dead), 1);
    EXPECT_FALSE(receive(*other_));
    let_leases_run_out();
    EXPECT_NE(change_of(receive(*other_)), 0);
    EXPECT_FALSE(receive(*queue_)) << "the group is leased again";
}

TEST_F(QueueTest, a_prolonged_lease_keeps_its_group) {
    send_to_group(1, "a");
    send_to_group(2, "a");
    const auto message = receive(*queue_);
    ASSERT_TRUE(message);
    ASSERT_TRUE(queue_->extend(*message, seconds(600)));
    EXPECT_FALSE(receive(*other_));
    ASSERT_TRUE(queue_->free_group(*message));
    EXPECT_EQ(change_of(receive(*other_)), 2) << "freed although the message is still leased";
    EXPECT_FALSE(receive(*other_));
    EXPECT_TRUE(queue_->remove(*message));
}

TEST_F(QueueTest, of_a_held_group_nothing_is_received_until_its_time_has_come) {
    send_to_group(1, "a");
    send_to_group(2, "b");
    ASSERT_TRUE(queue_->hold_group("a", std::chrono::hours(1)));
    EXPECT_EQ(change_of(receive(*queue_)), 2);
    EXPECT_FALSE(receive(*queue_));
    database().run("UPDATE queue_group SET not_before = now() WHERE group_key = 'a'");
    EXPECT_EQ(change_of(receive(*queue_)), 1);
}

TEST_F(QueueTest, a_message_can_change_its_group_and_leave_it) {
    send(1);
    const auto message = receive(*queue_);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->group, "");
    ASSERT_TRUE(queue_->put_into_group(*message, "a"));
    const auto grouped = receive(*queue_);
    ASSERT_TRUE(grouped);
    EXPECT_EQ(grouped->group, "a");
    EXPECT_EQ(grouped->receive_count, 1) << "sorting it was no try";
    ASSERT_TRUE(queue_->put_into_group(*grouped, ""));
    const auto again = receive(*queue_);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->group, "");
    EXPECT_FALSE(queue_->put_into_group(*message, "b")) << "it is another receiver's now";
}

TEST_F(QueueTest, of_one_change_one_message_that_waits_is_enough_in_a_group) {
    const auto send_and_sort = [&](std::int64_t change) {
        database().run("UPDATE queue_message SET visible_at = visible_at + interval '1 day'");
        send(change);
        const auto message = receive(*queue_);
        ASSERT_TRUE(message);
        ASSERT_TRUE(queue_->put_into_group(*message, "a"));
    };
    const auto messages = [](const char* which) {
        return database().value(std::string("SELECT count(*) FROM queue_message WHERE ") + which);
    };
    send_and_sort(1);
    send_and_sort(2);
    send_and_sort(1);
    EXPECT_EQ(messages("true"), "2");
    EXPECT_EQ(messages("visible_at <= now()"), "1") << "the one that comes now counts";
    ASSERT_TRUE(receive(*queue_));
    send_and_sort(1);
    EXPECT_EQ(messages("true"), "3") << "one that is at work says nothing about later";
}

TEST_F(QueueTest, putting_back_forgets_receipts_and_counts_retries) {
    send(1);
    for (int i = 0; i < 2 * kMaxReceives; ++i) {
        const auto message = receive(*queue_);
        ASSERT_TRUE(message) << i;
        EXPECT_EQ(message->attributes.retry_number, i);
        ASSERT_TRUE(queue_->put_back(*message, std::chrono::hours(1)));
        EXPECT_FALSE(receive(*queue_));
        let_leases_run_out();
    }
}

TEST_F(QueueTest, receivers_at_once_never_have_two_messages_of_a_group) {
    constexpr int kGroups = 3;
    constexpr int kEach = 20;
    database().run(
        "INSERT INTO queue_group (queue, group_key) SELECT 'bulk_change', 'g' || i"
        " FROM generate_series(1, 3) i;"
        " INSERT INTO queue_message (queue, body, attributes, group_key) SELECT 'bulk_change', '',"
        " '{\"TenantId\": \"1\", \"BulkChangeId\": \"1\"}', 'g' || (i % 3 + 1)"
        " FROM generate_series(1, 60) i");
    std::atomic<int> received{0};
    std::atomic<int> clashes{0};
    std::map<std::string, std::atomic<int>> at_work;
    for (int i = 1; i <= kGroups; ++i) at_work["g" + std::to_string(i)] = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            const auto connection = open();
            const auto queue = postgres_queue(*connection, kBulkChangeQueue);
            while (received < kGroups * kEach) {
                const auto message = receive(*queue);
                if (!message) continue;
                if (++at_work.at(message->group) > 1) ++clashes;
                ++received;
                --at_work.at(message->group);
                EXPECT_TRUE(queue->remove(*message));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(clashes, 0);
    EXPECT_EQ(received, kGroups * kEach);
}

TEST_F(QueueTest, only_groups_that_nobody_needs_are_forgotten) {
    send_to_group(1, "a");
    send_to_group(2, "b");
    const auto message = receive(*queue_);
    ASSERT_TRUE(queue_->remove(*message));
    ASSERT_TRUE(forget_empty_groups(*first_));
    EXPECT_EQ(database().value("SELECT count(*) FROM queue_group"), "2");
    database().run("UPDATE queue_group SET used_at = now() - interval '2 hours'");
    ASSERT_TRUE(forget_empty_groups(*first_));
    EXPECT_EQ(database().value("SELECT string_agg(group_key, '') FROM queue_group"), "b");
}

TEST_F(QueueTest, an_enqueued_message_exists_exactly_if_the_transaction_does) {
    {
        auto rolled_back = db::Transaction::begin(*first_, 0);
        ASSERT_TRUE(rolled_back);
        ASSERT_TRUE(enqueue(*rolled_back, kBulkChangeQueue, "b", attributes(1)));
    }
    EXPECT_FALSE(receive(*other_));
    auto committed = db::Transaction::begin(*first_, 0);
    ASSERT_TRUE(committed);
    ASSERT_TRUE(enqueue(*committed, kBulkChangeQueue, "b", attributes(1)));
    EXPECT_FALSE(receive(*other_));
    ASSERT_TRUE(committed->commit());
    EXPECT_TRUE(receive(*other_));
}

TEST_F(QueueTest, the_status_tells_what_waits_what_is_leased_and_what_is_dead) {
    for (int change = 1; change <= 4; ++change) send(change, seconds(change == 4 ? 60 : 0));
    ASSERT_TRUE(receive(*queue_));
    database().run(
        "UPDATE queue_message SET dead_at = now(), dead_reason = 'x'"
        " WHERE message_id = 2");
    const auto all = status(*first_);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 1U);
    const QueueStatus& queue = (*all)[0];
    EXPECT_EQ(queue.ready, 1);
    EXPECT_EQ(queue.delayed, 1);
    EXPECT_EQ(queue.leased, 1);
    EXPECT_EQ(queue.dead, 1);
    ASSERT_TRUE(queue.oldest_ready_seconds.has_value());
    const auto gauges = read_queue_gauges(*first_);
    ASSERT_TRUE(gauges);
    const std::string text = base::metrics::exposition(*gauges);
    for (const char* state : {"ready", "delayed", "leased", "dead"}) {
        const std::string member = "\ncarryall_queue_messages{queue=\"" +
                                   std::string(kBulkChangeQueue) + "\",state=\"" + state +
                                   "\"} 1\n";
        EXPECT_NE(text.find(member), std::string::npos) << member << text;
    }
}

}  // namespace
}  // namespace carryall::queue
