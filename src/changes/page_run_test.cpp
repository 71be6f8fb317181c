// The engine's inner loop against answers of the test's own making: order, limits, leases, and what
// is believed when things end early.
#include "changes/page_run.hpp"

#include <gtest/gtest.h>

#include "changes/fake_outside_test.hpp"

namespace carryall::changes {
namespace {

using carriers::Applied;
using carriers::NotSent;
using carriers::Outcome;
using carriers::Refused;
using carriers::Step;
using carriers::Unknown;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

class FreePace : public Pace {
  public:
    milliseconds next_call() override {
        ++asked;
        return waits.empty() ? milliseconds(0) : take();
    }
    void pause(seconds pause) override { pauses.push_back(pause); }
    void answered(const http::ClientResponse&) override { ++answers; }
    bool is_down() const override { return down; }

    int asked = 0;
    int answers = 0;
    bool down = false;
    std::deque<milliseconds> waits;  // answers, in order; then zero
    std::vector<seconds> pauses;

  private:
    milliseconds take() {
        const milliseconds wait = waits.front();
        waits.pop_front();
        return wait;
    }
};

class PageRunTest : public ::testing::Test {
  protected:
    void SetUp() override {
        account_.base_url = "https://carrier.test";
        settings_.lease = lease(seconds(600));
        settings_.integration_name = "POND";
        settings_.description = "Update Device Status";
    }

    static LeaseTimes lease(steady_clock::duration left) {
        return {steady_clock::now() + left, steady_clock::now() + left * 2};
    }
    static LeaseTimes over() { return {steady_clock::now(), steady_clock::now() + seconds(60)}; }

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
    void add_simple(int count) {
        for (int i = 0; i < count; ++i) {
            add({call("/" + std::to_string(page_.devices.size() + 1)), Outcome(Applied{})});
        }
    }

    PageRunOutput run() {
        page_.claimed_at = base::system_clock().now();
        return run_page(
            page_, std::move(plans_), account_, "c-1", settings_, client_, pace_,
            [](const DevicePlan& plan, const Applied&) { return plan.effect; }, hooks_);
    }

    static bool has_result(const PageRunOutput& output, std::int64_t id) {
        return std::any_of(output.results.begin(), output.results.end(),
                           [&](const DeviceResult& result) { return result.id.value == id; });
    }
    static const DeviceResult& result_of(const PageRunOutput& output, std::int64_t id) {
        const auto found =
            std::find_if(output.results.begin(), output.results.end(),
                         [&](const DeviceResult& result) { return result.id.value == id; });
        CHECK(found != output.results.end());
        return *found;
    }

    ClaimedPage page_;
    std::vector<DevicePlan> plans_;
    std::vector<std::unique_ptr<Told>> told_;
    carriers::Account account_;
    PageRunSettings settings_;
    FakeClient client_;
    FreePace pace_;
    PageRunHooks hooks_{[] { return false; }, [] { return std::optional<LeaseTimes>(); }};
};

TEST_F(PageRunTest, what_is_believed_by_readings_only_is_unknown_until_it_was_read_back) {
    settings_.believes_readings_only = true;
    add({call("/1"), Outcome(Applied{})});
    add({call("/2", false), Outcome(Applied{})}).state = DeviceState::unknown;
    add({call("/3"), Outcome(Refused{carriers::FailureClass::business, "no"})});
    const PageRunOutput output = run();
    const DeviceResult& sent = result_of(output, 1);
    EXPECT_EQ(sent.verdict.state, DeviceState::unknown);
    EXPECT_TRUE(sent.verdict.due_in && sent.unclear_since && sent.sent_ago);
    EXPECT_EQ(sent.effect, "");
    EXPECT_EQ(result_of(output, 2).verdict.state, DeviceState::processed);
    EXPECT_EQ(result_of(output, 2).effect, "Suspended");
    EXPECT_EQ(result_of(output, 3).verdict.state, DeviceState::error);
}

TEST_F(PageRunTest, every_device_of_a_large_page_has_exactly_one_result_and_its_effect) {
    add_simple(3'000);
    settings_.max_in_flight = 500;
    const PageRunOutput output = run();
    ASSERT_EQ(output.results.size(), 3'000U);
    std::set<std::int64_t> ids;
    for (const DeviceResult& result : output.results) {
        ids.insert(result.id.value);
        EXPECT_EQ(result.verdict.state, DeviceState::processed);
        EXPECT_EQ(result.effect, "Suspended");
        EXPECT_EQ(result.device_id, result.id.value + 100);
        EXPECT_TRUE(result.progress.empty());
    }
    EXPECT_EQ(ids.size(), 3'000U);
    EXPECT_EQ(client_.most_in_flight, 500U);
    EXPECT_EQ(output.resume_in.count(), 0);
}

TEST_F(PageRunTest, no_more_calls_than_allowed_are_in_flight) {
    add_simple(20);
    settings_.max_in_flight = 3;
    EXPECT_EQ(run().results.size(), 20U);
    EXPECT_EQ(client_.most_in_flight, 3U);
}

TEST_F(PageRunTest, a_nonsensical_limit_still_lets_one_call_through) {
    add_simple(2);
    settings_.max_in_flight = 0;
    EXPECT_EQ(run().results.size(), 2U);
}

TEST_F(PageRunTest, the_steps_of_a_conversation_are_logged_in_order_with_their_words) {
    add({call("/read", false), call("/add"), Outcome(Applied{})});
    account_.base_url = "https://carrier.test/api";
    const PageRunOutput output = run();
    ASSERT_EQ(output.log.size(), 2U);
    EXPECT_EQ(client_.started[0].url, "https://carrier.test/api/read");
    EXPECT_EQ(output.log[0].step, 1);
    EXPECT_EQ(output.log[0].description, "Update Device Status: POND Try");
    EXPECT_EQ(output.log[0].action, "GET /read");
    EXPECT_EQ(output.log[1].step, 2);
    EXPECT_EQ(output.log[1].action, "POST /add");
    EXPECT_EQ(output.log[1].status, "PROCESSED");
    EXPECT_EQ(output.log[1].response, "HTTP 200\n{}");
}

TEST_F(PageRunTest, a_conversation_under_way_goes_before_devices_that_wait) {
    settings_.max_in_flight = 1;
    add({call("/a1"), call("/a2"), Outcome(Applied{})});
    add({call("/b1"), Outcome(Applied{})});
    EXPECT_EQ(run().results.size(), 2U);
    ASSERT_EQ(client_.started.size(), 3U);
    EXPECT_TRUE(client_.started[1].url.ends_with("/a2"));
}

TEST_F(PageRunTest, refusals_without_a_conversation_cost_no_call_and_no_waiting) {
    add({});
    plans_[0].refused = Refused{carriers::FailureClass::system, "no credentials"};
    add({});
    plans_[1].exchange.reset();
    const PageRunOutput output = run();
    EXPECT_EQ(result_of(output, 1).verdict.state, DeviceState::error);
    EXPECT_EQ(result_of(output, 1).verdict.reason, "no credentials");
    EXPECT_EQ(result_of(output, 2).verdict.state, DeviceState::processed);
    EXPECT_TRUE(client_.started.empty());
    EXPECT_TRUE(client_.waits.empty()) << "nothing was in flight";
    ASSERT_EQ(output.log.size(), 2U);
    EXPECT_EQ(output.log[0].status, "ERROR");
    EXPECT_EQ(output.log[0].error, "no credentials");
    EXPECT_EQ(told_[0]->begun, 0);
}

TEST_F(PageRunTest, a_refusal_by_configuration_does_not_turn_an_unknown_outcome_into_a_failure) {
    add({}).state = DeviceState::unknown;
    add({}).lost = true;
    add({}).state = DeviceState::waiting;
    for (std::size_t i = 0; i < 3; ++i) {
        plans_[i].exchange.reset();
        plans_[i].refused = Refused{carriers::FailureClass::system, "no credentials"};
        page_.devices[i].progress = R"({"packageId":"p"})";
    }
    const PageRunOutput output = run();
    for (const std::int64_t id : {1, 2}) {
        const DeviceResult& result = result_of(output, id);
        EXPECT_EQ(result.verdict.state, DeviceState::unknown);
        EXPECT_EQ(result.progress, R"({"packageId":"p"})");
        EXPECT_TRUE(result.sent_ago.has_value());
        EXPECT_TRUE(result.unclear_since.has_value());
    }
    EXPECT_EQ(result_of(output, 3).verdict.state, DeviceState::waiting);
    EXPECT_EQ(result_of(output, 3).progress, R"({"packageId":"p"})");
}

TEST_F(PageRunTest, a_lease_that_is_over_leaves_devices_untouched_and_lost_ones_unknown) {
    add_simple(3);
    page_.devices[1].lost = true;
    page_.devices[1].read_back_count = 2;
    page_.devices[1].progress = "{}";
    settings_.lease = over();
    const PageRunOutput output = run();
    EXPECT_TRUE(client_.started.empty());
    EXPECT_EQ(told_[0]->begun, 0);
    ASSERT_EQ(output.results.size(), 1U) << "only what must be written down";
    EXPECT_EQ(output.results[0].id.value, 2);
    EXPECT_EQ(output.results[0].verdict.state, DeviceState::unknown);
    EXPECT_EQ(output.results[0].verdict.read_back_count, 2);
    EXPECT_EQ(output.results[0].verdict.due_in, milliseconds(0));
    EXPECT_EQ(output.results[0].progress, "{}");
    EXPECT_TRUE(output.log.empty());
}

TEST_F(PageRunTest, a_lease_that_ends_between_two_calls_tells_the_exchange_and_keeps_its_progress) {
    add({call("/1"), call("/2"), Outcome(Applied{})}, {{"packageId", "p-1"}});
    hooks_.heartbeat = [&]() -> std::optional<LeaseTimes> { return over(); };
    const PageRunOutput output = run();
    EXPECT_EQ(client_.started.size(), 1U);
    ASSERT_EQ(told_[0]->transports.size(), 2U);
    EXPECT_EQ(told_[0]->transports[1], http::Transport::not_sent);
    ASSERT_EQ(output.results.size(), 1U);
    EXPECT_EQ(output.results[0].verdict.state, DeviceState::fresh);
    EXPECT_EQ(output.results[0].progress, R"({"packageId":"p-1"})");
}

// Wants to look after every answer, whatever it was.
class AlwaysReadingOn : public carriers::Exchange {
  public:
    explicit AlwaysReadingOn(bool changes) : changes_(changes) {}
    Step begin() override { return call("/", changes_); }
    Step proceed(const http::ClientResponse&) override { return call("/", false); }

  private:
    bool changes_;
};

TEST_F(PageRunTest, a_broken_off_conversation_that_has_sent_a_change_is_unknown) {
    for (const bool changes : {true, false}) {
        add({});
        plans_.back().exchange = std::make_unique<AlwaysReadingOn>(changes);
    }
    hooks_.heartbeat = [&]() -> std::optional<LeaseTimes> {
        return client_.in_flight() == 0 ? std::optional(over()) : std::nullopt;
    };
    settings_.max_in_flight = 2;
    client_.answer = [&](const http::ClientRequest&) { return FakeClient::ok(); };
    hooks_.heartbeat = [&]() -> std::optional<LeaseTimes> {
        return client_.started.size() >= 2 ? std::optional(over()) : std::nullopt;
    };
    const PageRunOutput output = run();
    EXPECT_EQ(result_of(output, 1).verdict.state, DeviceState::unknown);
    EXPECT_EQ(result_of(output, 2).verdict.state, DeviceState::fresh);
}

TEST_F(PageRunTest, a_conversation_without_end_is_ended) {
    add({});
    plans_.back().exchange = std::make_unique<AlwaysReadingOn>(true);
    const PageRunOutput output = run();
    EXPECT_EQ(client_.started.size(), 200U);
    EXPECT_EQ(result_of(output, 1).verdict.state, DeviceState::unknown);
}

TEST_F(PageRunTest, what_is_in_flight_when_the_lease_is_given_up_is_unknown) {
    add({call("/1"), Outcome(Applied{})}, {{"packageId", "p-1"}});
    add_simple(1);
    settings_.max_in_flight = 1;
    client_.answer = [](const http::ClientRequest&) { return std::nullopt; };
    hooks_.heartbeat = [&]() -> std::optional<LeaseTimes> {
        return LeaseTimes{steady_clock::now(), steady_clock::now()};
    };
    const PageRunOutput output = run();
    EXPECT_EQ(client_.started.size(), 1U);
    const DeviceResult& result = result_of(output, 1);
    EXPECT_EQ(result.verdict.state, DeviceState::unknown);
    EXPECT_EQ(result.unclear_since, page_.claimed_at);
    ASSERT_TRUE(result.sent_ago.has_value());
    EXPECT_LT(*result.sent_ago, seconds(60));
    EXPECT_EQ(result.progress, R"({"packageId":"p-1"})");
    EXPECT_FALSE(has_result(output, 2)) << "never begun";
}

TEST_F(PageRunTest, a_prolonged_lease_lets_the_page_go_on) {
    add_simple(5);
    settings_.max_in_flight = 1;
    settings_.lease = lease(seconds(600));
    int beats = 0;
    hooks_.heartbeat = [&]() -> std::optional<LeaseTimes> {
        ++beats;
        return lease(seconds(600));
    };
    EXPECT_EQ(run().results.size(), 5U);
    EXPECT_GE(beats, 5);
}

TEST_F(PageRunTest, a_request_to_stop_begins_no_further_device_but_ends_conversations) {
    settings_.max_in_flight = 1;
    add({call("/a1"), call("/a2"), Outcome(Applied{})});
    add_simple(2);
    bool stop = false;
    hooks_.should_stop = [&] { return stop; };
    client_.on_wait = [&] { stop = true; };
    const PageRunOutput output = run();
    EXPECT_EQ(client_.started.size(), 2U);
    ASSERT_EQ(output.results.size(), 1U);
    EXPECT_EQ(output.results[0].verdict.state, DeviceState::processed);
}

TEST_F(PageRunTest, a_rate_limit_pauses_the_account_and_leaves_the_rest_of_the_page) {
    settings_.max_in_flight = 1;
    add({call("/1"), Outcome(NotSent{"429", seconds(120), true})});
    add_simple(3);
    const PageRunOutput output = run();
    EXPECT_EQ(client_.started.size(), 1U);
    EXPECT_EQ(pace_.pauses, std::vector<seconds>{seconds(120)});
    EXPECT_EQ(output.resume_in, seconds(120));
    ASSERT_EQ(output.results.size(), 1U);
    EXPECT_EQ(output.results[0].verdict.state, DeviceState::fresh);
    EXPECT_EQ(output.results[0].verdict.retry_number, 0) << "it is not the device's fault";
    EXPECT_GE(*output.results[0].verdict.due_in, seconds(120));
}

TEST_F(PageRunTest, a_read_back_that_is_throttled_pauses_the_account_and_proves_nothing) {
    page_.devices.clear();
    add({call("/1", false), Outcome(carriers::Unknown{"429", seconds(90), true})});
    page_.devices[0].state = DeviceState::unknown;
    page_.devices[0].read_back_count = 2;
    const PageRunOutput output = run();
    EXPECT_EQ(pace_.pauses, std::vector<seconds>{seconds(90)});
    ASSERT_EQ(output.results.size(), 1U);
    EXPECT_EQ(output.results[0].verdict.state, DeviceState::unknown);
    EXPECT_EQ(output.results[0].verdict.read_back_count, 2);
    EXPECT_GE(*output.results[0].verdict.due_in, seconds(90));
}

TEST_F(PageRunTest, conversations_under_way_are_broken_off_when_the_carrier_is_down) {
    add({call("/1"), call("/2"), Outcome(Applied{})});
    add_simple(1);
    settings_.max_in_flight = 1;
    client_.answer = [&](const http::ClientRequest&) {
        pace_.down = true;
        pace_.waits = {seconds(15), seconds(15), seconds(15)};
        return std::optional(FakeClient::ok());
    };
    const PageRunOutput output = run();
    EXPECT_EQ(client_.started.size(), 1U);
    EXPECT_EQ(pace_.answers, 1);
    ASSERT_EQ(output.results.size(), 1U) << "the second device was not begun";
    EXPECT_EQ(output.results[0].verdict.state, DeviceState::fresh);
    EXPECT_EQ(output.results[0].verdict.retry_number, 0);
    EXPECT_TRUE(pace_.pauses.empty()) << "nobody asked for a pause";
    EXPECT_EQ(output.resume_in, seconds(15));
}

TEST_F(PageRunTest, a_refusal_of_one_device_leaves_the_others_alone) {
    add({call("/1"), Outcome(Refused{carriers::FailureClass::business, "locked"})});
    add({call("/2"), Outcome(NotSent{"busy", {}, false})});
    add_simple(1);
    const PageRunOutput output = run();
    EXPECT_EQ(result_of(output, 1).verdict.state, DeviceState::error);
    EXPECT_EQ(result_of(output, 2).verdict.state, DeviceState::fresh);
    EXPECT_EQ(result_of(output, 3).verdict.state, DeviceState::processed);
    EXPECT_TRUE(pace_.pauses.empty());
}

TEST_F(PageRunTest, an_account_that_is_refused_line_after_line_is_not_tried_for_all) {
    settings_.max_in_flight = 1;
    const auto refuse = [&](const char* path) {
        add({call(path), Outcome(Refused{carriers::FailureClass::system, "wrong key"})});
    };
    refuse("/1");
    refuse("/2");
    add_simple(1);
    for (const char* path : {"/4", "/5", "/6"}) refuse(path);
    add_simple(3);
    page_.devices[8].state = DeviceState::unknown;
    const PageRunOutput output = run();
    EXPECT_EQ(client_.started.size(), 6U) << "a success in between tells that the account works";
    EXPECT_EQ(result_of(output, 6).verdict.reason, "wrong key");
    EXPECT_EQ(result_of(output, 7).verdict.state, DeviceState::error);
    EXPECT_EQ(result_of(output, 7).verdict.reason,
              "wrong key (so for several lines in a row; this one was not tried)");
    EXPECT_EQ(result_of(output, 9).verdict.state, DeviceState::unknown);
}

TEST_F(PageRunTest, calls_start_when_the_pace_allows_and_not_before) {
    add_simple(1);
    pace_.waits = {milliseconds(150), milliseconds(70)};
    EXPECT_EQ(run().results.size(), 1U);
    ASSERT_GE(client_.waits.size(), 2U);
    EXPECT_EQ(client_.waits[0], milliseconds(150));
    EXPECT_EQ(client_.waits[1], milliseconds(70));
    EXPECT_EQ(pace_.asked, 3);
}

TEST_F(PageRunTest, a_long_wait_leaves_the_page_instead_of_holding_the_runner) {
    add_simple(3);
    page_.devices[2].lost = true;
    pace_.waits = {seconds(300)};
    const PageRunOutput output = run();
    EXPECT_TRUE(client_.started.empty());
    EXPECT_EQ(output.resume_in, seconds(300));
    ASSERT_EQ(output.results.size(), 1U);
    EXPECT_EQ(output.results[0].verdict.state, DeviceState::unknown);
}

TEST_F(PageRunTest, a_conversation_under_way_waits_for_its_pace_but_not_for_a_long_pause) {
    add({call("/1"), call("/2"), Outcome(Applied{})});
    pace_.waits = {milliseconds(0), seconds(20)};
    EXPECT_EQ(run().results[0].verdict.state, DeviceState::processed);
    page_.devices.clear();
    plans_.clear();
    add({call("/1"), call("/2"), Outcome(Applied{})});
    pace_.waits = {milliseconds(0), seconds(3'600)};
    const PageRunOutput output = run();
    EXPECT_EQ(output.results[0].verdict.state, DeviceState::fresh);
    EXPECT_EQ(told_.back()->transports.back(), http::Transport::not_sent);
}

TEST_F(PageRunTest, an_unknown_outcome_carries_since_when_and_how_long_ago_it_was_sent) {
    add({call("/1"), Outcome(Unknown{"reset"})});
    add({Outcome(Unknown{"said so without a call"})});
    ClaimedDevice& third = add({Outcome(Unknown{"not shown yet"})});
    third.state = DeviceState::unknown;
    third.unclear_since = base::system_clock().now() - std::chrono::hours(1);
    third.sent_ago = seconds(500);
    const auto since = third.unclear_since;
    const PageRunOutput output = run();
    for (const std::int64_t id : {1, 2}) {
        EXPECT_EQ(result_of(output, id).unclear_since, page_.claimed_at);
        ASSERT_TRUE(result_of(output, id).sent_ago.has_value()) << "else it never settles";
        EXPECT_LT(*result_of(output, id).sent_ago, seconds(60));
        EXPECT_GT(*result_of(output, id).verdict.due_in, seconds(0)) << "the settling time";
    }
    EXPECT_EQ(result_of(output, 3).unclear_since, since);
    EXPECT_EQ(result_of(output, 3).sent_ago, seconds(500));
}

TEST_F(PageRunTest, a_conversation_that_ends_without_a_call_is_logged_as_a_check) {
    add({Outcome(Refused{carriers::FailureClass::validation, "no plan id"})});
    const PageRunOutput output = run();
    ASSERT_EQ(output.log.size(), 1U);
    EXPECT_EQ(output.log[0].description, "Update Device Status: POND Check");
    EXPECT_EQ(output.log[0].step, 1);
    EXPECT_EQ(output.log[0].error, "no plan id");
}

TEST_F(PageRunTest, logged_texts_are_cut_at_a_character_and_hold_no_secret) {
    add({call("/1"), Outcome(Applied{})});
    client_.answer = [](const http::ClientRequest&) {
        // The secret begins before the cut and ends behind it; the filling is of two-byte letters.
        std::string filling;
        while (filling.size() < 4'070) filling += "é";
        return FakeClient::ok(filling + R"( "token": "abcdefghijklmnopqrstuvwxyz0123456789")" +
                              std::string(10'000, 'x'));
    };
    const PageRunOutput output = run();
    const std::string& text = output.log[0].response;
    EXPECT_LT(text.size(), 4'200U);
    EXPECT_EQ(text.find("abcdef"), std::string::npos);
    EXPECT_TRUE(text.ends_with("… (cut)"));
    page_.devices.clear();
    plans_.clear();
    add({call("/1"), Outcome(Applied{})});
    client_.answer = [](const http::ClientRequest&) {
        std::string letters = "x";
        while (letters.size() < 9'000) letters += "é";
        return FakeClient::ok(letters);
    };
    const std::string cut = run().log[0].response;
    const std::size_t end = cut.find("…");
    ASSERT_NE(end, std::string::npos);
    EXPECT_EQ(cut.substr(end - 2, 2), "é") << "no half letter before the cut";
}

}  // namespace
}  // namespace carryall::changes
