// Devices that share a request, sessions that end in the middle of a page, results that come later.
#include <array>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

#include "changes/fake_outside_test.hpp"
#include "changes/page_run.hpp"

namespace carryall::changes {
namespace {

using carriers::Applied;
using carriers::Call;
using carriers::NotSent;
using carriers::Outcome;
using carriers::Pending;
using carriers::Refused;
using carriers::Step;
using std::chrono::seconds;
using std::chrono::steady_clock;

class FreePace : public Pace {
  public:
    std::chrono::milliseconds next_call() override {
        ++asked;
        return std::chrono::milliseconds(0);
    }
    void pause(seconds) override {}
    int asked = 0;
};

// Hands out "s1", "s2", … as the session, or none.
class FakeSession : public accounts::Session {
  public:
    accounts::SessionHeaders headers() override { return answer(); }
    std::string ended_part(const http::ClientResponse& answer) const override {
        return answer.status == 401 ? "token" : "";
    }
    accounts::SessionHeaders renew(std::string_view part) override {
        renewed.emplace_back(part);
        ++number;
        return answer();
    }
    std::optional<accounts::NoSession> none;
    std::vector<std::string> renewed;
    int number = 1;

  private:
    accounts::SessionHeaders answer() const {
        if (none) return *none;
        return carriers::HeaderFields{{"Session", "s" + std::to_string(number)}};
    }
};

class SharedRunTest : public ::testing::Test {
  protected:
    void SetUp() override {
        account_.base_url = "https://carrier.test";
        account_.devices_per_request = 3;
        settings_.lease = {steady_clock::now() + seconds(600), steady_clock::now() + seconds(900)};
        settings_.integration_name = "ThingSpace";
        settings_.description = "Update Device Status";
    }
    ClaimedDevice& add(std::vector<Step> steps) {
        ClaimedDevice device;
        device.id = {static_cast<std::int64_t>(page_.devices.size()) + 1};
        device.device_id = device.id.value + 100;
        page_.devices.push_back(device);
        told_.push_back(std::make_unique<Told>());
        DevicePlan plan;
        plan.effect = "Suspended";
        plan.line_action = "suspend";
        plan.exchange = std::make_unique<ScriptedExchange>(std::move(steps), *told_.back());
        plans_.push_back(std::move(plan));
        return page_.devices.back();
    }
    static Call shared(const std::string& path, const std::string& item) {
        Call made = call(path);
        made.body = R"({"devices":[)";
        made.shared = carriers::Shared{item, "]}"};
        return made;
    }
    PageRunOutput run() {
        page_.claimed_at = base::system_clock().now();
        return run_page(
            page_, std::move(plans_), account_, "c-1", settings_, client_, pace_,
            [](const DevicePlan& plan, const Applied&) { return plan.effect; }, hooks_);
    }
    std::vector<std::string> bodies() const {
        std::vector<std::string> all;
        for (const auto& request : client_.started) all.push_back(request.body);
        return all;
    }
    static const DeviceResult& result_of(const PageRunOutput& output, std::int64_t id) {
        const auto found =
            std::find_if(output.results.begin(), output.results.end(),
                         [&](const DeviceResult& result) { return result.id.value == id; });
        CHECK(found != output.results.end());
        return *found;
    }
    static http::ClientResponse token_is_over() { return FakeClient::ok("{}", 401); }

    ClaimedPage page_;
    std::vector<DevicePlan> plans_;
    std::vector<std::unique_ptr<Told>> told_;
    carriers::Account account_;
    PageRunSettings settings_;
    FakeClient client_;
    FreePace pace_;
    FakeSession session_;
    PageRunHooks hooks_{[] { return false; }, [] { return std::optional<LeaseTimes>(); }, nullptr};
};

TEST_F(SharedRunTest, devices_with_the_same_call_share_requests_up_to_the_limit) {
    for (const char* item : {"1", "2", "3", "4"}) {
        add({shared("/suspend", item), Outcome(Pending{"r-1", seconds(60)})});
    }
    add({shared("/restore", "5"), Outcome(Pending{"r-2", seconds(60)})});
    const PageRunOutput output = run();
    EXPECT_EQ(bodies(), (std::vector<std::string>{R"({"devices":[1,2,3]})", R"({"devices":[4]})",
                                                  R"({"devices":[5]})"}));
    EXPECT_EQ(pace_.asked, 3) << "a request is one call, however many devices it is for";
    ASSERT_EQ(output.results.size(), 5U);
    for (const DeviceResult& result : output.results) {
        EXPECT_EQ(result.verdict.state, DeviceState::waiting);
        EXPECT_EQ(result.reference, result.id.value == 5 ? "r-2" : "r-1");
        EXPECT_EQ(result.line_action, "suspend");
        EXPECT_TRUE(result.sent_ago.has_value());
    }
}

// An exchange whose calls are counted instead of listed, and that remembers its place.
class CountedExchange : public carriers::Exchange {
  public:
    CountedExchange(Outcome end, std::vector<std::string>& places)
        : end_(std::move(end)), places_(places) {}
    Step begin() override {
        Call made = call("/addresses");
        made.body = R"({"quantity":)";
        made.description = "Addresses: Get";
        made.shared = carriers::Shared{"", "}", 2, true};
        return made;
    }
    Step proceed(const http::ClientResponse&) override { return end_; }
    base::json::value progress() const override { return {{"step", 1}}; }
    void shared_by(std::size_t devices, std::size_t place) override {
        places_.push_back(std::to_string(place) + " of " + std::to_string(devices));
    }
    base::json::object achieved() const override { return {{"status", "Active"}}; }

  private:
    const Outcome end_;
    std::vector<std::string>& places_;
};

TEST_F(SharedRunTest, a_call_may_have_a_limit_of_its_own_and_ask_for_as_many_as_share_it) {
    std::vector<std::string> places;
    for (int i = 0; i < 3; ++i) {
        add({});
        plans_.back().exchange = std::make_unique<CountedExchange>(Outcome(Applied{}), places);
    }
    run();
    EXPECT_EQ(bodies(), (std::vector<std::string>{R"({"quantity":2})", R"({"quantity":1})"}));
    std::sort(places.begin(), places.end());
    EXPECT_EQ(places, (std::vector<std::string>{"0 of 1", "0 of 2", "1 of 2"}));
}

TEST_F(SharedRunTest, a_step_that_is_done_is_remembered_and_the_next_begins_afresh) {
    std::vector<std::string> places;
    add({}).state = DeviceState::waiting;
    plans_.back().exchange = std::make_unique<CountedExchange>(
        Outcome(carriers::Advanced{seconds(0), "half way"}), places);
    const PageRunOutput output = run();
    const DeviceResult& result = output.results.front();
    EXPECT_EQ(result.verdict.state, DeviceState::fresh);
    EXPECT_EQ(result.verdict.reason, "half way");
    EXPECT_EQ(result.verdict.retry_number, 0);
    EXPECT_EQ(result.progress, R"({"step":1})");
    EXPECT_EQ(output.log.front().description, "Addresses: Get");
}

TEST_F(SharedRunTest, what_is_in_place_is_recorded_also_of_a_device_that_failed) {
    std::vector<std::string> places;
    add({});
    plans_.back().exchange = std::make_unique<CountedExchange>(
        Outcome(Refused{carriers::FailureClass::business, "no"}), places);
    const PageRunOutput output = run();
    EXPECT_EQ(output.results.front().verdict.state, DeviceState::error);
    EXPECT_EQ(output.results.front().effect, "Suspended");
}

TEST_F(SharedRunTest, a_success_may_close_with_a_remark_and_keep_what_it_knows) {
    std::vector<std::string> places;
    Applied applied;
    applied.summary = "All done";
    applied.remark = carriers::Remark{"Line: Complete", "asked", "told"};
    applied.keeps_progress = true;
    add({});
    plans_.back().exchange = std::make_unique<CountedExchange>(Outcome(applied), places);
    const PageRunOutput output = run();
    EXPECT_EQ(output.results.front().verdict.reason, "All done");
    EXPECT_EQ(output.results.front().progress, R"({"step":1})");
    ASSERT_EQ(output.log.size(), 2u);
    EXPECT_EQ(output.log.back().description, "Line: Complete");
    EXPECT_EQ(output.log.back().response, "told");
    EXPECT_NE(output.log.front().step, output.log.back().step);
}

TEST_F(SharedRunTest, the_log_shows_each_devices_own_part_and_how_many_shared_the_request) {
    add({shared("/suspend", "\"one\""), Outcome(Applied{})});
    add({shared("/suspend", "\"two\""), Outcome(Applied{})});
    const PageRunOutput output = run();
    ASSERT_EQ(output.log.size(), 2U);
    for (const LogEntry& entry : output.log) {
        const bool first = entry.device_change.value == 1;
        EXPECT_NE(entry.request.find(first ? R"({"devices":["one"]})" : R"({"devices":["two"]})"),
                  std::string::npos);
        EXPECT_NE(entry.request.find("(2 devices shared this request)"), std::string::npos);
    }
}

TEST_F(SharedRunTest, the_same_question_about_a_batch_is_asked_once) {
    for (int i = 0; i < 3; ++i) {
        Call question = call("/status/r-1", false);
        question.shared = carriers::Shared{};
        add({question, Outcome(Applied{})});
    }
    EXPECT_EQ(run().results.size(), 3U);
    ASSERT_EQ(client_.started.size(), 1U);
    EXPECT_EQ(client_.started[0].body, "");
}

// Asks again in quarters until the request is its own, as ThingSpace's does.
class SplittingExchange : public carriers::Exchange {
  public:
    SplittingExchange(Call call, bool& was_accepted)
        : call_(std::move(call)), was_accepted_(was_accepted) {}
    Step begin() override { return call_; }
    void shared_by(std::size_t devices, std::size_t) override { shared_by_ = devices; }
    Step proceed(const http::ClientResponse& response) override {
        was_accepted_ = response.status == 200;
        if (was_accepted_) return Outcome(Applied{});
        if (shared_by_ == 1) {
            return Outcome(Refused{carriers::FailureClass::business, "no such line"});
        }
        call_.shared->most = (shared_by_ + 3) / 4;
        return call_;
    }

  private:
    Call call_;
    bool& was_accepted_;
    std::size_t shared_by_ = 0;
};

TEST_F(SharedRunTest, one_bad_line_among_two_thousand_costs_tens_of_requests) {
    constexpr int kLines = 2'000;
    account_.devices_per_request = kLines;
    std::array<bool, kLines> accepted{};
    for (int i = 0; i < kLines; ++i) {
        add({});
        plans_.back().exchange = std::make_unique<SplittingExchange>(
            shared("/suspend", i == 1'234 ? "bad" : std::to_string(i)), accepted.at(i));
    }
    client_.answer = [](const http::ClientRequest& request) {
        const bool is_bad = request.body.find("bad") != std::string::npos;
        return FakeClient::ok("{}", is_bad ? 400 : 200);
    };
    const PageRunOutput output = run();
    ASSERT_EQ(output.results.size(), 2'000U);
    EXPECT_EQ(std::count(accepted.begin(), accepted.end(), true), kLines - 1);
    EXPECT_EQ(result_of(output, 1'235).verdict.state, DeviceState::error);
    EXPECT_LE(client_.started.size(), 25U);
    std::set<std::string> sent;
    for (const auto& request : client_.started) {
        if (request.body.find("bad") != std::string::npos) continue;
        const std::string items = request.body.substr(request.body.find('[') + 1);
        std::stringstream all(items.substr(0, items.find(']')));
        for (std::string item; std::getline(all, item, ',');) {
            EXPECT_TRUE(sent.insert(item).second) << item << " was accepted twice";
        }
    }
    EXPECT_EQ(sent.size(), 1'999U);
}

TEST_F(SharedRunTest, a_lost_answer_leaves_every_sharer_unknown) {
    add({shared("/suspend", "1")});
    add({shared("/suspend", "2")});
    client_.answer = [](const http::ClientRequest&) {
        return FakeClient::failed(http::Transport::lost);
    };
    const PageRunOutput output = run();
    for (const std::int64_t id : {1, 2}) {
        EXPECT_EQ(result_of(output, id).verdict.state, DeviceState::unknown);
        EXPECT_EQ(result_of(output, id).line_action, "suspend") << "it may have counted";
    }
}

TEST_F(SharedRunTest, a_session_that_ends_is_renewed_once_and_the_calls_are_made_again) {
    hooks_.session = &session_;
    for (const char* item : {"1", "2", "3", "4"}) {
        add({shared("/suspend", item), Outcome(Applied{})});
    }
    int asked = 0;
    client_.answer = [&](const http::ClientRequest&) {
        return ++asked <= 2 ? token_is_over() : FakeClient::ok();
    };
    const PageRunOutput output = run();
    EXPECT_EQ(session_.renewed, std::vector<std::string>{"token"}) << "not once for each request";
    EXPECT_EQ(client_.started.size(), 4U);
    for (const DeviceResult& result : output.results) {
        EXPECT_EQ(result.verdict.state, DeviceState::processed) << result.verdict.reason;
        EXPECT_EQ(result.verdict.retry_number, 0);
    }
    EXPECT_EQ(output.log.size(), 8U) << "the call that was not carried out is logged too";
}

TEST_F(SharedRunTest, an_answer_that_blames_a_fresh_session_goes_to_the_exchange) {
    hooks_.session = &session_;
    add({shared("/suspend", "1"), Outcome(Refused{carriers::FailureClass::system, "no right"})});
    client_.answer = [](const http::ClientRequest&) { return token_is_over(); };
    const PageRunOutput output = run();
    EXPECT_EQ(client_.started.size(), 2U);
    EXPECT_EQ(result_of(output, 1).verdict.state, DeviceState::error);
    EXPECT_EQ(result_of(output, 1).line_action, "");
}

TEST_F(SharedRunTest, refused_credentials_refuse_what_was_not_sent_and_nothing_else) {
    hooks_.session = &session_;
    session_.none = accounts::NoSession{"ThingSpace refused the login", true, seconds(30)};
    add({shared("/suspend", "1")});
    add({call("/2", false)}).state = DeviceState::unknown;
    add({call("/3", false)}).state = DeviceState::waiting;
    add({Outcome(Applied{})}).state = DeviceState::waiting;
    const PageRunOutput output = run();
    EXPECT_TRUE(client_.started.empty());
    EXPECT_EQ(result_of(output, 1).verdict.state, DeviceState::error);
    EXPECT_EQ(result_of(output, 1).verdict.error_class, carriers::FailureClass::system);
    EXPECT_EQ(result_of(output, 1).verdict.reason, "ThingSpace refused the login");
    EXPECT_EQ(result_of(output, 2).verdict.state, DeviceState::unknown);
    EXPECT_EQ(result_of(output, 3).verdict.state, DeviceState::waiting);
    EXPECT_EQ(result_of(output, 4).verdict.state, DeviceState::processed) << "it needs no call";
}

TEST_F(SharedRunTest, a_login_that_cannot_be_made_now_leaves_the_page_for_later) {
    hooks_.session = &session_;
    session_.none = accounts::NoSession{"the login timed out", false, seconds(45)};
    add({shared("/suspend", "1")});
    const PageRunOutput output = run();
    EXPECT_TRUE(output.results.empty());
    EXPECT_EQ(output.resume_in, seconds(45));
}

TEST_F(SharedRunTest, a_result_that_cannot_be_asked_for_keeps_the_device_waiting) {
    ClaimedDevice& device = add({Outcome(NotSent{"no route", {}, false})});
    device.state = DeviceState::waiting;
    device.retry_number = settings_.retry.max_retries;
    const PageRunOutput output = run();
    EXPECT_EQ(result_of(output, 1).verdict.state, DeviceState::waiting);
    EXPECT_TRUE(result_of(output, 1).verdict.due_in.has_value());
}

TEST_F(SharedRunTest, a_result_that_a_notice_brought_is_logged_with_the_notice) {
    ClaimedDevice& device = add({Outcome(Applied{})});
    device.state = DeviceState::waiting;
    device.notices = R"([{"requestId":"r-1","status":"Success"}])";
    const PageRunOutput output = run();
    ASSERT_EQ(output.log.size(), 1U);
    EXPECT_EQ(output.log[0].description, "Update Device Status: ThingSpace Callback");
    EXPECT_EQ(output.log[0].response, device.notices);
    EXPECT_TRUE(client_.started.empty());
}

}  // namespace
}  // namespace carryall::changes
