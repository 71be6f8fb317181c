// A page of a change that is held while it runs: what is still sent, what is read, and what becomes
// of conversations that are broken off.
#include <gtest/gtest.h>

#include "changes/fake_outside_test.hpp"
#include "changes/page_run.hpp"

namespace carryall::changes {
namespace {

using carriers::Applied;
using carriers::Outcome;
using carriers::Step;
using std::chrono::seconds;
using std::chrono::steady_clock;

class NoPace : public Pace {
  public:
    std::chrono::milliseconds next_call() override { return std::chrono::milliseconds(0); }
    void pause(seconds) override {}
};

class HeldRunTest : public ::testing::Test {
  protected:
    void SetUp() override {
        account_.base_url = "https://carrier.test";
        settings_.lease = {steady_clock::now() + seconds(600), steady_clock::now() + seconds(900)};
        settings_.max_in_flight = 1;
        hooks_.leave = [this] { return leave_; };
        hooks_.held = [this] { return held_; };
        held_.may_begin = false;
        held_.words = "Cancelled by alice";
    }

    ClaimedDevice& add(std::vector<Step> steps, base::json::value progress = nullptr) {
        ClaimedDevice device;
        device.id = {static_cast<std::int64_t>(page_.devices.size()) + 1};
        device.device_id = device.id.value + 100;
        page_.devices.push_back(device);
        told_.push_back(std::make_unique<Told>());
        DevicePlan plan;
        plan.effect = "Suspended";
        plan.exchange = std::make_unique<ScriptedExchange>(std::move(steps), *told_.back(),
                                                           std::move(progress));
        plans_.push_back(std::move(plan));
        return page_.devices.back();
    }
    // As soon as so many calls were answered the change is held.
    void hold_after(int calls, Control control, Leave leave) {
        client_.answer = [=, this, count = 0](const http::ClientRequest&) mutable {
            if (++count == calls) {
                leave_ = leave;
                held_.control = control;
            }
            return std::optional(FakeClient::ok("", 204));
        };
    }
    PageRunOutput run() {
        page_.claimed_at = base::system_clock().now();
        return run_page(
            page_, std::move(plans_), account_, "c-1", settings_, client_, pace_,
            [](const DevicePlan& plan, const Applied&) { return plan.effect; }, hooks_);
    }
    static std::string states(const PageRunOutput& output) {
        std::string all;
        for (const DeviceResult& result : output.results) {
            all += std::to_string(result.id.value) + ':' +
                   std::string(to_string(result.verdict.state)) + ' ';
        }
        return all;
    }

    Leave leave_ = Leave::begin;
    Held held_;
    ClaimedPage page_;
    std::vector<DevicePlan> plans_;
    std::vector<std::unique_ptr<Told>> told_;
    carriers::Account account_;
    PageRunSettings settings_;
    FakeClient client_;
    NoPace pace_;
    PageRunHooks hooks_{[] { return false; }, [] { return std::optional<LeaseTimes>(); }};
};

TEST_F(HeldRunTest, no_device_is_begun_and_a_conversation_under_way_comes_to_its_end) {
    add({call("/1a"), call("/1b"), Outcome(Applied{})});
    add({call("/2"), Outcome(Applied{})});
    hold_after(1, Control::paused, Leave::finish);
    const PageRunOutput output = run();
    EXPECT_EQ(states(output), "1:processed ");
    EXPECT_EQ(client_.started.size(), 2U) << "the second device is left as it is";
}

TEST_F(HeldRunTest, a_conversation_that_has_only_read_is_taken_back_and_is_new_again) {
    add({call("/read", false), call("/write"), Outcome(Applied{})});
    hold_after(1, Control::paused, Leave::finish);
    const PageRunOutput output = run();
    EXPECT_EQ(states(output), "1:new ");
    EXPECT_EQ(client_.started.size(), 1U);
    EXPECT_EQ(told_[0]->transports.back(), http::Transport::not_sent) << "the exchange is told";
}

TEST_F(HeldRunTest, a_cancelled_conversation_makes_no_further_change_and_says_what_was_done) {
    add({call("/1a"), call("/1b"), Outcome(Applied{})}, {{"newPackage", "7"}});
    add({call("/read", false), call("/2"), Outcome(Applied{})});
    settings_.max_in_flight = 2;
    hold_after(1, Control::cancelling, Leave::read);
    const PageRunOutput output = run();
    EXPECT_EQ(client_.started.size(), 2U);
    ASSERT_EQ(output.results.size(), 2U);
    for (const DeviceResult& result : output.results) {
        const bool is_first = result.id.value == 1;
        EXPECT_EQ(result.verdict.state, is_first ? DeviceState::parked : DeviceState::cancelled);
        if (is_first) {
            EXPECT_EQ(result.verdict.reason,
                      "Cancelled by alice; what was done before stays done at the carrier: "
                      R"({"newPackage":"7"})");
        }
    }
    const auto of_cancellation = std::count_if(
        output.log.begin(), output.log.end(),
        [](const LogEntry& entry) { return entry.action == "Cancel" && entry.step > 1; });
    EXPECT_EQ(of_cancellation, 2);
}

TEST_F(HeldRunTest, no_device_is_begun_once_the_threshold_of_failures_is_reached) {
    for (int i = 1; i <= 5; ++i) {
        add({call("/" + std::to_string(i)),
             Outcome(carriers::Refused{carriers::FailureClass::business, "no"})});
    }
    page_.failures_left = 2;
    EXPECT_EQ(states(run()), "1:error 2:error ");
    EXPECT_EQ(client_.started.size(), 2U);
}

TEST_F(HeldRunTest, an_unknown_outcome_is_read_and_not_sent_again) {
    ClaimedDevice& done = add({call("/read", false), Outcome(Applied{})});
    done.state = DeviceState::unknown;
    ClaimedDevice& not_done = add({call("/read", false), call("/write"), Outcome(Applied{})});
    not_done.state = DeviceState::unknown;
    add({call("/3"), Outcome(Applied{})});
    leave_ = Leave::finish;
    held_.control = Control::paused;
    const PageRunOutput output = run();
    EXPECT_EQ(states(output), "1:processed 2:new ");
    for (const auto& request : client_.started) EXPECT_EQ(request.method, http::Method::get);
}

}  // namespace
}  // namespace carryall::changes
