// The results of changes, as a listener gets them.
#include <algorithm>
#include <set>

#include "thingspace/callback_sender.hpp"
#include "thingspace/test_listener.hpp"

namespace carryall::simulators {
namespace {

constexpr std::int64_t kFiveMinutesMillis = 300'000;

class CallbacksTest : public ThingspaceTest {
  protected:
    void await(CallbackListener& listener, std::size_t count) {
        until([&] {
            counts();  // a round trip to the simulator, so that it gets its turn
            return listener.count() >= count;
        });
    }
    void await_settled() {
        until([this] { return counts().at("waiting") == 0; });
    }
    static std::string iccid_in(const boost::json::object& body) {
        const auto& ids = body.at("deviceIds");
        if (ids.is_object()) return text(ids.at("id"));
        for (const auto& id : ids.as_array()) {
            std::string kind = text(id.at("kind"));
            for (char& c : kind) c = static_cast<char>(std::tolower(c));
            if (kind == "iccid") return text(id.at("id"));
        }
        return "";
    }
    CallbackListener listener_;
};

TEST_F(CallbacksTest, each_device_gets_its_own_message) {
    load_lines(3, R"("state":"deactive")");
    listen(listener_);
    const std::string request = accepted(
        change("POST", "activate", R"("servicePlan":"M2M-5MB","mdnZipCode":"98801")", {0, 1, 2}));
    finish();
    await(listener_, 3);
    await_settled();
    std::set<std::string> seen;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto body = listener_.body(i);
        EXPECT_EQ(text(body.at("requestId")), request);
        EXPECT_EQ(text(body.at("username")), "cbuser");
        EXPECT_EQ(text(body.at("password")), "cbpass");
        EXPECT_EQ(text(body.at("status")), "Success");
        EXPECT_EQ(body.at("callbackCount"), 1);
        EXPECT_EQ(body.at("maxCallbackThreshold"), 4);
        const auto& response = body.at("deviceResponse").at("activateResponse");
        EXPECT_EQ(text(response.at("servicePlan")), "M2M-5MB");
        EXPECT_EQ(text(response.at("state")), "active");
        EXPECT_EQ(text(response.at("deviceIds").at(0).at("kind")), "mdn");
        EXPECT_EQ(text(response.at("deviceIds").at(1).at("id")),
                  "1" + text(response.at("deviceIds").at(0).at("id")));
        seen.insert(iccid_in(body));
    }
    EXPECT_EQ(seen, (std::set<std::string>{iccid(0), iccid(1), iccid(2)}));
    EXPECT_EQ(listener_.target(0), "/callbacks?from=carrier");
    EXPECT_EQ(counts().at("acknowledged"), 3);
}

TEST_F(CallbacksTest, a_failure_names_its_fault) {
    listen(listener_);
    suspend(7);
    finish();
    await(listener_, 1);
    const auto body = listener_.body(0);
    EXPECT_EQ(text(body.at("status")), "Failed");
    EXPECT_TRUE(body.at("deviceResponse").is_null());
    EXPECT_EQ(text(body.at("faultResponse").at("faultcode")),
              "UnifiedWebService.REQUEST_FAILED.DeviceNotFound");
    EXPECT_TRUE(body.at("faultResponse").at("faultactor").is_null());
    EXPECT_EQ(iccid_in(body), iccid(7)) << "the ids that were sent";
}

TEST_F(CallbacksTest, every_action_has_its_own_response) {
    load_lines(1);
    listen(listener_);
    const auto response = [&](std::size_t place) {
        finish();
        await(listener_, place + 1);
        return listener_.body(place).at("deviceResponse").as_object();
    };
    suspend(0);
    auto member = response(0).at("suspendResponse");
    EXPECT_EQ(member.at("maxSuspendDaysAllowed"), 90);
    EXPECT_FALSE(text(member.at("expectedResumeDate")).empty());
    restore(0);
    EXPECT_EQ(response(1).at("restoreResponse").at("restored"), true);
    set_plan(0, "M2M-10MB");
    EXPECT_TRUE(response(2).empty());
    accepted(call("PUT", "devices/4G/actions/deviceId",
                  R"({"change4gOption":"ChangeIMEI","deviceIds":[{"kind":"iccid","id":")" +
                      iccid(0) + R"("}],"deviceIdsTo":[{"kind":"imei","id":"990000000000077"}]})"));
    member = response(3).at("changeIdentifierResponse");
    EXPECT_EQ(text(member.at("servicePlan")), "M2M-10MB");
    EXPECT_EQ(text(member.at("deviceIds").at(4).at("id")), "990000000000077");
    deactivate(0);
    EXPECT_EQ(response(4).at("deactivateResponse").at("deactivated"), true);
}

TEST_F(CallbacksTest, a_refused_callback_is_tried_four_times_five_minutes_apart) {
    load_lines(1);
    listen(listener_);
    listener_.refusals = 4;
    suspend(0);
    finish();
    for (std::size_t attempt = 1; attempt <= 4; ++attempt) {
        await(listener_, attempt);
        EXPECT_EQ(listener_.body(attempt - 1).at("callbackCount"), attempt);
        until([&] { return counts().at("refused") == attempt; });
        advance_millis(kFiveMinutesMillis / 2);
        EXPECT_EQ(listener_.count(), attempt) << "not before its time";
        advance_millis(kFiveMinutesMillis / 2);
    }
    await_settled();
    EXPECT_EQ(counts().at("failed"), 1);
    EXPECT_EQ(counts().at("sent"), 4);
}

TEST_F(CallbacksTest, a_listener_that_is_back_gets_the_message) {
    load_lines(1);
    knobs(R"("retryIntervalMs":1000)");
    listen(listener_);
    listener_.refusals = 2;
    suspend(0);
    finish();
    for (int i = 1; i <= 2; ++i) {
        until([&] { return counts().at("refused") == i; });
        advance_millis(1000);
    }
    until([this] { return counts().at("acknowledged") == 1; });
    EXPECT_EQ(listener_.body(2).at("callbackCount"), 3);
}

TEST_F(CallbacksTest, nobody_listening_and_no_listener_are_counted) {
    load_lines(1);
    suspend(0);
    finish();
    EXPECT_EQ(counts().at("unregistered"), 1);
    call("POST", "callbacks/" + std::string(kAccount),
         R"({"name":"CarrierService","url":"http://127.0.0.1:1/"})");
    restore(0);
    finish();
    until([this] { return counts().at("refused") == 1; });
    EXPECT_EQ(counts().at("waiting"), 1);
    call("DELETE", "callbacks/" + std::string(kAccount) + "/name/CarrierService");
    advance_millis(kFiveMinutesMillis);
    until([this] { return counts().at("failed") == 1; });
}

TEST_F(CallbacksTest, callbacks_still_come_after_the_logout) {
    load_lines(1);
    listen(listener_);
    suspend(0);
    call("POST", "session/logout");
    finish();
    await(listener_, 1);
}

TEST_F(CallbacksTest, messages_can_come_twice_or_never) {
    load_lines(6);
    listen(listener_);
    knobs(R"("duplicateEveryNth":2,"dropSuffix":"3")");
    accepted(change("POST", "suspend", "", {0, 1, 2, 3, 4, 5}));
    finish();
    await_settled();
    const auto counted = counts();
    EXPECT_EQ(counted.at("dropped"), 1);
    EXPECT_EQ(counted.at("acknowledged").as_int64(), 5 + counted.at("duplicated").as_int64());
    std::set<std::string> seen;
    for (std::size_t i = 0; i < listener_.count(); ++i) seen.insert(iccid_in(listener_.body(i)));
    EXPECT_EQ(seen.size(), 5U);
    EXPECT_FALSE(seen.contains(iccid(3)));
    EXPECT_EQ(state(3), "suspend") << "the work was done all the same";
    knobs(R"("duplicateEveryNth":0,"dropSuffix":"","dropEveryNth":1)");
    restore(0);
    finish();
    EXPECT_EQ(counts().at("dropped"), 2);
}

TEST_F(CallbacksTest, the_order_is_shuffled_and_the_same_for_the_same_seed) {
    const auto order = [this](bool shuffled) {
        CallbackListener listener;
        headers_.clear();
        admin("POST", "reset");
        load_lines(10);
        listen(listener);
        knobs(shuffled ? R"("callbackConnections":1)"
                       : R"("callbackConnections":1,"shuffle":false)");
        accepted(change("POST", "suspend", "", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
        finish();
        await(listener, 10);
        await_settled();
        std::vector<std::string> seen;
        for (std::size_t i = 0; i < 10; ++i) seen.push_back(iccid_in(listener.body(i)));
        return seen;
    };
    const auto shuffled = order(true);
    EXPECT_EQ(order(true), shuffled);
    EXPECT_FALSE(std::is_sorted(shuffled.begin(), shuffled.end()));
    const auto plain = order(false);
    EXPECT_TRUE(std::is_sorted(plain.begin(), plain.end()));
}

TEST_F(CallbacksTest, a_callback_can_come_before_the_answer_of_its_request) {
    load_lines(1);
    listen(listener_);
    knobs(R"("callbackFirstMs":600000)");
    const std::string body = R"({"accountName":"0000123456-00001",)" + devices({0}) + "}";
    TestClient own(simulator_->port());
    own.send("POST " + std::string(kApi) + "devices/actions/suspend HTTP/1.1\r\nHost: x\r\n" +
             headers_ + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    await(listener_, 1);
    advance_millis(600'000);
    const Answer answer = own.read();
    EXPECT_EQ(answer.json().at("requestId"), listener_.body(0).at("requestId"));
}

TEST_F(CallbacksTest, shapes_vary_as_the_knobs_say) {
    load_lines(40, R"("state":"suspend")");
    listen(listener_);
    knobs(R"("kindCase":"vary","deviceIdsForm":"vary","flagType":"vary","failedWord":"vary")");
    for (int i = 0; i < 40; ++i) restore(i);
    for (int i = 0; i < 40; ++i) restore(i);
    finish();
    await(listener_, 80);
    await_settled();
    std::set<std::string> kinds;
    std::set<std::string> words;
    std::set<bool> objects;
    std::set<bool> texts;
    for (std::size_t i = 0; i < 80; ++i) {
        const auto body = listener_.body(i);
        const auto& ids = body.at("deviceIds");
        objects.insert(ids.is_object());
        const auto& last = ids.is_object() ? ids : ids.as_array().back();
        kinds.insert(text(last.at("kind")));
        words.insert(text(body.at("status")));
        if (!body.at("deviceResponse").is_null()) {
            const auto& flag = body.at("deviceResponse").at("restoreResponse").at("restored");
            texts.insert(flag.is_string());
        }
        EXPECT_FALSE(iccid_in(body).empty());
    }
    EXPECT_EQ(kinds, (std::set<std::string>{"iccid", "ICCID", "Iccid", "iccId"}));
    EXPECT_EQ(words, (std::set<std::string>{"Success", "Failed", "Failure"}));
    EXPECT_EQ(objects.size(), 2U);
    EXPECT_EQ(texts.size(), 2U);
}

TEST_F(CallbacksTest, a_device_named_by_its_number_is_told_by_it_too) {
    load_lines(1);
    listen(listener_);
    const std::string mdn = text(line(0).at("mdn"));
    accepted(call("POST", "devices/actions/deactivate",
                  R"({"accountName":"0000123456-00001","reasonCode":"FF","devices":[)"
                  R"({"deviceIds":[{"kind":"mdn","id":")" +
                      mdn + R"("}]}]})"));
    finish();
    await(listener_, 1);
    const auto body = listener_.body(0);
    EXPECT_EQ(text(body.at("deviceIds").as_array().back().at("id")), mdn);
}

TEST_F(CallbacksTest, the_suspension_status_has_its_own_service) {
    load_lines(1);
    listen(listener_, "DeviceSuspensionStatus");
    suspend(0);
    accepted(call("POST", "devices/suspension/status",
                  R"({"accountName":"0000123456-00001",)" + devices({0}) + "}"));
    finish();
    await(listener_, 1);
    EXPECT_TRUE(listener_.body(0).at("deviceResponse").as_object().contains("suspendResponse"));
    EXPECT_EQ(counts().at("unregistered"), 1) << "nobody listens to the suspension itself";
}

TEST_F(CallbacksTest, a_resume_is_announced_seven_days_ahead) {
    load_lines(1);
    listen(listener_, "ResumeTrackingNotification");
    suspend(0);
    finish();
    pass_days(83);
    await(listener_, 1);
    EXPECT_NE(text(listener_.body(0).at("comment")).find("resumed on"), std::string::npos);
    EXPECT_EQ(state(0), "suspend");
}

TEST_F(CallbacksTest, a_listener_that_closes_each_connection_loses_nothing) {
    load_lines(200);
    listen(listener_);
    listener_.closes = true;
    for (int first = 0; first < 200; first += 4) {
        accepted(change("POST", "suspend", "", {first, first + 1, first + 2, first + 3}));
    }
    finish();
    await_settled();
    EXPECT_EQ(counts().at("acknowledged"), 200);
    EXPECT_EQ(counts().at("refused"), 0);
}

TEST_F(CallbacksTest, a_reset_forgets_what_was_on_its_way) {
    load_lines(1);
    listen(listener_);
    suspend(0);
    admin("POST", "reset");
    finish();
    EXPECT_EQ(counts().at("sent"), 0);
    EXPECT_EQ(listener_.count(), 0U);
}

TEST(CallbackResponseTest, a_response_ends_where_its_framing_says) {
    using thingspace::read_response;
    const auto ends = [](std::string_view input, bool at_end = false) {
        return read_response(input, at_end);
    };
    EXPECT_FALSE(ends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no").complete);
    EXPECT_TRUE(ends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").keep);
    EXPECT_TRUE(ends("HTTP/1.1 204 No Content\r\n\r\n").complete);
    EXPECT_FALSE(ends("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").keep);
    EXPECT_EQ(
        ends("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            .status,
        202);
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_FALSE(ends(chunked + "2\r\nok\r\n").complete);
    EXPECT_TRUE(ends(chunked + "2\r\nok\r\n0\r\n\r\n").complete);
    EXPECT_TRUE(ends(chunked + "x\r\n").broken);
    EXPECT_FALSE(ends("HTTP/1.1 200 OK\r\n\r\nsome").complete);
    EXPECT_TRUE(ends("HTTP/1.1 200 OK\r\n\r\nsome", true).complete);
    EXPECT_TRUE(ends("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome", true).broken);
    EXPECT_TRUE(ends("nonsense\r\n\r\n").broken);
}

}  // namespace
}  // namespace carryall::simulators
