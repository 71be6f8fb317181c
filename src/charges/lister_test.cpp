#include "charges/lister.hpp"

#include "support/charge_lists.hpp"

namespace carryall::charges {
namespace {

class ListerTest : public ChargeListTest {
  protected:
    void SetUp() override {
        ChargeListTest::SetUp();
        database().run("DELETE FROM queue_message");
        add_instance(12, 1, "acme@example.com");
        run_ = add_run(1);
        add_simple_part(run_, 1, 12);
        lister_ = std::make_unique<Lister>(settings_, key_, open(), stopping_);
    }
    void send(std::int64_t run) {
        queue::Attributes attributes;
        attributes.tenant_id = 1;
        attributes.charge.emplace();
        attributes.charge->charge_run_id = run;
        attributes.charge->part_number = 1;
        const auto queue = queue::postgres_queue(*connection_, queue::kChargeCheckQueue);
        ASSERT_TRUE(queue->send("Queue to check is 501", attributes, std::chrono::seconds(0)));
    }
    bool work_one() {
        const auto worked = lister_->work_one();
        EXPECT_TRUE(worked) << worked.error().message;
        return worked && *worked;
    }

    std::int64_t run_ = 0;
    std::atomic<bool> stopping_{false};
    std::unique_ptr<Lister> lister_;
};

TEST_F(ListerTest, a_message_of_a_settled_part_lists_it_and_is_done_with) {
    EXPECT_FALSE(work_one());
    send(run_);
    EXPECT_TRUE(work_one());
    EXPECT_EQ(run_value(run_, "state"), "finished");
    EXPECT_EQ(mails().size(), 1U);
    EXPECT_EQ(sql("SELECT count(*) FROM queue_message"), "0");
    send(run_);
    EXPECT_TRUE(work_one());
    EXPECT_EQ(mails().size(), 1U);
    EXPECT_EQ(sql("SELECT count(*) FROM queue_message"), "0");
}

TEST_F(ListerTest, while_the_store_refuses_the_message_waits) {
    store_->refusal = base::invalid_input("the bucket is gone");
    send(run_);
    EXPECT_TRUE(work_one());
    EXPECT_EQ(sql("SELECT count(*) FROM queue_message WHERE dead_at IS NULL AND visible_at > now() "
                  "+ interval '20 seconds'"),
              "1");
    EXPECT_FALSE(work_one());
    EXPECT_EQ(run_value(run_, "state"), "sending");
}

TEST_F(ListerTest, a_message_of_no_run_is_done_with) {
    send(4'711);
    EXPECT_TRUE(work_one());
    EXPECT_EQ(sql("SELECT count(*) FROM queue_message"), "0");
}

}  // namespace
}  // namespace carryall::charges
