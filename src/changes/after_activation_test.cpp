// The change that follows an activation, on real PostgreSQL: when it starts, and what a retry of
// the activation means for it.
#include <gtest/gtest.h>

#include "changes/change_kind.hpp"
#include "changes/control.hpp"
#include "changes/control_store.hpp"
#include "support/activations.hpp"

namespace carryall::changes {
namespace {

using std::chrono::seconds;

// An activation of these devices, followed by the assignment of the new lines' customer.
class ActivationWithCustomerTest : public NewServiceActivationTest {
  protected:
    void submit_with_customer(const std::string& devices) {
        const auto result = submit_activation(devices, "},\"customerAssignment\":{\"customerId\":" +
                                                           std::to_string(ours_.amop_customer));
        ASSERT_TRUE(result) << result.error().message;
        ASSERT_TRUE(result->additional_id);
        activation_ = result->id;
        following_ = result->additional_id;
    }
    std::int64_t tenant_id() const { return ours_.caller.tenant_id.value; }
    // A page of the following change in hand: all its devices wait.
    ClaimedPage claim_following(std::int64_t held_back) {
        auto page = claim_page(*connection_, tenant_id(), following_, "w", seconds(60));
        EXPECT_TRUE(page && page->has_value());
        EXPECT_EQ((*page)->held_back, held_back);
        return std::move(**page);
    }
    void put_back(const ClaimedPage& page) {
        const auto change = load_change(*connection_, tenant_id(), following_, key_);
        ASSERT_TRUE(change);
        PageEnd end;
        end.resume_in = std::chrono::milliseconds(30'000);
        ASSERT_TRUE(complete_page(*connection_, *change, page, {}, {}, false, end));
    }
    bool following_is_due() {
        const auto next = next_page_due_in(*connection_, tenant_id(), following_);
        return next && next->due_in && next->due_in->count() <= 0;
    }
    std::string following(const std::string& column) {
        return sql("SELECT " + column +
                   " FROM bulk_change WHERE bulk_change_id = " + base::to_string(following_));
    }
    std::string messages() {
        return sql("SELECT count(*) FROM queue_message WHERE attributes ->> 'BulkChangeId' = '" +
                   base::to_string(following_) + "'");
    }
    static Told not_activated() {
        return {DeviceState::error, "", "", "activation failed: Telegence rejected it"};
    }
    RetryResult retried(const RetryFilter& filter = {}) {
        const auto result = retry_failed(*connection_, ours_.caller, activation_, filter);
        EXPECT_TRUE(result) << (result ? "" : result.error().message);
        return result.value_or(RetryResult{});
    }

    BulkChangeId activation_;
    BulkChangeId following_;
};

TEST_F(ActivationWithCustomerTest, what_follows_is_due_in_the_moment_in_which_the_activation_ends) {
    submit_with_customer(one(iccid_of_serial(1)) + "," + one(iccid_of_serial(2)));
    put_back(claim_following(2));
    EXPECT_FALSE(following_is_due());
    const std::string before = messages();
    write_down(activation_, {active("2145550100"), active("2145550101", DeviceState::fresh)});
    EXPECT_FALSE(following_is_due());
    EXPECT_EQ(messages(), before);
    write_down(activation_, {rejected()});
    EXPECT_TRUE(following_is_due());
    EXPECT_EQ(std::stoi(messages()), std::stoi(before) + 1);
    EXPECT_EQ(sql("SELECT attributes ->> 'TenantId' FROM queue_message ORDER BY message_id DESC "
                  "LIMIT 1"),
              tenant());
}

TEST_F(ActivationWithCustomerTest, a_page_in_hand_when_the_activation_ends_is_due_at_once) {
    submit_with_customer(one(iccid_of_serial(1)));
    const ClaimedPage page = claim_following(1);
    write_down(activation_, {active("2145550100")});
    put_back(page);
    EXPECT_TRUE(following_is_due());
}

TEST_F(ActivationWithCustomerTest,
       a_worker_that_dies_with_a_page_that_waits_leaves_nothing_in_doubt) {
    submit_with_customer(one(iccid_of_serial(1)) + "," + one(iccid_of_serial(2)));
    ASSERT_TRUE(claim_page(*connection_, tenant_id(), following_, "dies", seconds(0)));
    const auto page = claim_page(*connection_, tenant_id(), following_, "w", seconds(60));
    ASSERT_TRUE(page && page->has_value());
    ASSERT_EQ((*page)->devices.size(), 2u);
    ASSERT_TRUE((*page)->devices[0].lost);
    const auto change = load_change(*connection_, tenant_id(), following_, key_);
    ASSERT_TRUE(change);
    const auto kind = make_change_kind(*change);
    ASSERT_TRUE(kind->look_around(*connection_, **page));
    carriers::Attempt attempt;
    attempt.resolving = true;
    const DevicePlan plan = kind->plan((*page)->devices[0], attempt);
    ASSERT_TRUE(plan.exchange && !plan.refused);
    const carriers::Step step = plan.exchange->begin();
    const auto& outcome = std::get<carriers::Outcome>(step);
    EXPECT_EQ(judge(outcome, {.was_unknown = true, .read_back_count = 7}, {}).state,
              DeviceState::fresh);
    EXPECT_TRUE(kind->plan((*page)->devices[0], {}).refused);
}

TEST_F(ActivationWithCustomerTest, an_activation_that_ends_starts_nothing_that_has_ended) {
    submit_with_customer(one(iccid_of_serial(1)));
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, following_, std::nullopt));
    for (int piece = 0; piece < 3; ++piece) {
        ASSERT_TRUE(cancel_some(*connection_, tenant_id(), following_, "no"));
    }
    ASSERT_EQ(following("status"), "CANCELLED");
    const std::string before = messages();
    write_down(activation_, {rejected()});
    EXPECT_EQ(messages(), before);
    EXPECT_EQ(following("status"), "CANCELLED");

    // Nor does a retry of the activation take back what a person decided.
    EXPECT_EQ(retried().retried_count, 1);
    EXPECT_EQ(following("status"), "CANCELLED");
}

TEST_F(ActivationWithCustomerTest, a_retry_of_the_activation_retries_what_follows) {
    const std::string refused = iccid_of_serial(3);
    submit_with_customer(one(iccid_of_serial(1)) + "," + one(iccid_of_serial(2)) + "," +
                         one(refused, R"("carrierRatePlan":"GONE")"));
    write_down(activation_, {active("2145550100"), rejected()});
    Told unable{DeviceState::error, "", "", "The customer has no account"};
    write_down(following_, {unable, not_activated()});
    ASSERT_EQ(following("status"), "ERROR");

    // The plan is sold again; one SIM is still not valid in the eyes of the filter.
    sql("UPDATE carrier_rate_plan SET is_active = true WHERE code = 'GONE' RETURNING 1");
    RetryResult result = retried(RetryFilter{{"validation"}});
    EXPECT_EQ(result.retried_count, 1);
    EXPECT_EQ(result.additional_retried_count, 1);
    result = retried();
    EXPECT_EQ(result.retried_count, 1);
    EXPECT_EQ(result.additional_retried_count, 1);
    EXPECT_EQ(following("status || new_count || error_count || open_page_count"), "PROCESSING211");
    EXPECT_EQ(reason(following_, 1), "The customer has no account");
    EXPECT_EQ(sql("SELECT d.iccid FROM device_change c JOIN device d USING (device_id) WHERE "
                  "c.row_number = 3 AND c.device_change_id >> 20 = " +
                  base::to_string(following_)),
              refused);
    expect_counts_add_up(following_);
    expect_counts_add_up(activation_);
    put_back(claim_following(2));

    write_down(activation_, {active("2145550101"), rejected()});
    EXPECT_TRUE(following_is_due());
    const auto page = claim_page(*connection_, tenant_id(), following_, "w", seconds(60));
    ASSERT_TRUE(page && page->has_value());
    EXPECT_EQ((*page)->devices.size(), 2u);
}

TEST_F(ActivationWithCustomerTest,
       an_activation_that_is_tried_again_does_not_wait_for_what_follows) {
    submit_with_customer(one(iccid_of_serial(1)));
    write_down(activation_, {rejected()});
    write_down(following_, {not_activated()});
    EXPECT_EQ(retried().additional_retried_count, 1);
    const ClaimedPage in_hand = claim_following(1);
    const auto page = claim_page(*connection_, tenant_id(), activation_, "w", seconds(60));
    ASSERT_TRUE(page && page->has_value());
    EXPECT_EQ((*page)->held_back, 0);
    EXPECT_EQ((*page)->devices.size(), 1U);
    put_back(in_hand);
}

TEST_F(ActivationWithCustomerTest, a_page_that_is_being_sent_is_busy_and_can_be_retried_later) {
    submit_with_customer(one(iccid_of_serial(1)) + "," + one(iccid_of_serial(2)));
    write_down(activation_, {rejected(), rejected()});
    write_down(following_, {not_activated(), {DeviceState::fresh, "", "", "later"}});
    const auto page = claim_page(*connection_, tenant_id(), following_, "w", seconds(60));
    ASSERT_TRUE(page && page->has_value());
    RetryResult result = retried();
    EXPECT_EQ(result.retried_count, 2);
    EXPECT_EQ(result.additional_retried_count, 0);
    EXPECT_EQ(result.busy_count, 1);
    put_back(**page);
    result = retried();
    EXPECT_EQ(result.retried_count, 0);
    EXPECT_EQ(result.additional_retried_count, 1);
    expect_counts_add_up(following_);
}

TEST_F(ActivationWithCustomerTest,
       a_parked_activation_that_is_tried_again_brings_what_follows_along) {
    submit_with_customer(one(iccid_of_serial(1)));
    write_down(activation_, {{DeviceState::parked, "", R"({"step":0,"batchId":"b"})", "look"}});
    write_down(following_, {{DeviceState::error, "", "", "activation failed: look"}});
    const RetryResult result = retried();
    EXPECT_EQ(result.retried_count, 1);
    EXPECT_EQ(result.additional_retried_count, 1);
    put_back(claim_following(1));
    expect_counts_add_up(following_);
}

}  // namespace
}  // namespace carryall::changes
