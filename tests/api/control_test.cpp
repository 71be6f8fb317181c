// Pausing, resuming, cancelling and limiting a bulk change over HTTP: what is answered, what is
// refused, what lists and events then show.
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;
using tenants::Role;

class Control : public ApiTest {
  protected:
    // No worker runs here: a submitted change stays as it is.
    static std::string submitted(const json::object& more = {}) {
        json::object body{{"serviceProviderId", own().ids.at("serviceProviderId")},
                          {"changeType", "statusupdate"},
                          {"statusUpdate", json::object{{"updateStatus", "suspended"}}},
                          {"devices", json::array{kOwnIccid}}};
        for (const auto& [key, value] : more) body[key] = value;
        const auto reply =
            ask("POST", "/v1/bulk-changes", json::serialize(body), "application/json");
        EXPECT_EQ(reply.status, 202) << reply.body;
        return reply.header("location");
    }
    static support::HttpReply act(const std::string& path, const json::object& body = {},
                                  const char* method = "POST") {
        return ask(method, path, json::serialize(body), "application/json");
    }
};

TEST_F(Control, a_pause_says_since_when_by_whom_and_why_and_is_shown_in_the_list) {
    const std::string change = submitted();
    const auto reply = act(change + "/pause", {{"reason", "wrong plan"}});
    ASSERT_EQ(reply.status, 202) << reply.body;
    const json::value paused = json_of(reply);
    EXPECT_EQ(paused.at("control"), "paused");
    EXPECT_EQ(paused.at("controlBy"), "own tenant admin");
    EXPECT_EQ(paused.at("controlReason"), "wrong plan");
    EXPECT_EQ(paused.at("controlCause"), "person");
    EXPECT_TRUE(paused.at("controlSince").is_string());
    const json::value first = json_of(ask("GET", "/v1/bulk-changes?limit=1")).at("items").at(0);
    EXPECT_EQ(first.at("control"), "paused");
    const auto again = ask("POST", change + "/resume");
    ASSERT_EQ(again.status, 202) << again.body;
    EXPECT_EQ(json_of(again).at("control"), "running");
    EXPECT_TRUE(json_of(again).at("controlReason").is_null());
}

TEST_F(Control, a_cancellation_is_acknowledged_at_once_and_asking_again_changes_nothing) {
    const std::string change = submitted();
    for (int i = 0; i < 2; ++i) {
        const auto reply = ask("POST", change + "/cancel");
        ASSERT_EQ(reply.status, 202) << reply.body;
        EXPECT_EQ(json_of(reply).at("control"), "cancelling");
    }
    problem_of(ask("POST", change + "/pause"), 409, "conflict");
    problem_of(ask("POST", change + "/resume"), 409, "conflict");
    problem_of(ask("POST", change + "/retry"), 409, "conflict");
}

TEST_F(Control, what_was_asked_for_at_the_submission_is_shown) {
    const std::string change =
        submitted({{"waves", json::array{10, 100}},
                   {"waveApproval", "manual"},
                   {"failureThreshold", json::object{{"percent", 5}, {"afterDevices", 20}}},
                   {"maxConcurrency", 4}});
    const json::value shown = json_of(ask("GET", change));
    EXPECT_EQ(shown.at("wave").at("current"), 1);
    EXPECT_EQ(shown.at("wave").at("of"), 1) << "both waves end with the only device";
    EXPECT_EQ(shown.at("failureThreshold").at("percent"), 5);
    EXPECT_EQ(shown.at("failureThreshold").at("afterDevices"), 20);
    EXPECT_EQ(shown.at("maxConcurrency"), 4);
    const auto set = act(change, {{"maxConcurrency", nullptr}}, "PATCH");
    ASSERT_EQ(set.status, 200) << set.body;
    EXPECT_TRUE(json_of(set).at("maxConcurrency").is_null());
}

TEST_F(Control, an_upload_takes_the_same_wishes_as_parameters) {
    std::string file = "ICCID\n";
    file.append(kOwnIccid).append("\n");
    std::string path = "/v1/bulk-changes/upload?changeType=statusupdate&updateStatus=suspended";
    path += "&waves=50,100&failureThresholdCount=7&maxConcurrency=2&serviceProviderId=";
    path += std::to_string(own().ids.at("serviceProviderId"));
    const auto reply = ask("POST", path, file, "text/csv");
    ASSERT_EQ(reply.status, 202) << reply.body;
    const json::value shown = json_of(ask("GET", reply.header("location")));
    EXPECT_EQ(shown.at("failureThreshold").at("count"), 7);
    EXPECT_EQ(shown.at("maxConcurrency"), 2);
    EXPECT_TRUE(shown.at("wave").is_object());
}

TEST_F(Control, wishes_that_make_no_sense_are_refused_with_their_place) {
    const std::string change = submitted();
    const auto pointer = [](const support::HttpReply& reply) {
        return std::string(
            problem_of(reply, 400, "invalid_input").at("errors").at(0).at("pointer").as_string());
    };
    EXPECT_EQ(pointer(act(change, {{"maxConcurrency", 0}}, "PATCH")), "/maxConcurrency");
    EXPECT_EQ(pointer(act(change, {{"maxConcurrency", 1.5}}, "PATCH")), "/maxConcurrency");
    EXPECT_EQ(pointer(act(change, {{"speed", 1}}, "PATCH")), "/speed");
    EXPECT_EQ(pointer(act(change + "/resume", {{"ignoreThreshold", "yes"}})), "/ignoreThreshold");
    EXPECT_EQ(
        pointer(act(change + "/resume", {{"failureThreshold", json::object{{"count", "many"}}}})),
        "/failureThreshold/count");
    EXPECT_EQ(pointer(act(change + "/pause", {{"reason", std::string(501, 'x')}})), "/reason");
    const auto submission = [](const char* key, json::value value) {
        return ask("POST", "/v1/bulk-changes",
                   json::serialize(
                       json::object{{"serviceProviderId", own().ids.at("serviceProviderId")},
                                    {"changeType", "statusupdate"},
                                    {"statusUpdate", json::object{{"updateStatus", "suspended"}}},
                                    {"devices", json::array{kOwnIccid}},
                                    {key, std::move(value)}}),
                   "application/json");
    };
    EXPECT_EQ(pointer(submission("waves", json::array{50, 10, 100})), "/waves");
    EXPECT_EQ(pointer(submission("waves", json::array())), "/waves");
    EXPECT_EQ(pointer(submission("waveApproval", "maybe")), "/waveApproval");
    EXPECT_EQ(pointer(submission("failureThreshold", json::object{{"percent", 5}})),
              "/failureThreshold/afterDevices");
    EXPECT_EQ(pointer(submission("maxConcurrency", 1'001)), "/maxConcurrency");
}

}  // namespace
}  // namespace carryall::api_tests
