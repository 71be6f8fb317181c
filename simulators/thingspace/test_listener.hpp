// What the tests of ThingSpace share: a listener for callbacks on a real socket, and a client that
// has both credentials.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base64.hpp"
#include "clock.hpp"
#include "server.hpp"
#include "test_client.hpp"

namespace carryall::simulators {

// Takes every POST and keeps its body. The first `refusals` get status 503, or no answer at all.
class CallbackListener : public RequestHandler {
  public:
    CallbackListener() : server_(*this, clock_, 0, 1) {}
    ~CallbackListener() override { server_.stop(); }

    std::string url() const {
        return "http://127.0.0.1:" + std::to_string(server_.port()) + "/callbacks?from=carrier";
    }
    void handle(const Request& request, Reply& reply, bool) override {
        const std::lock_guard lock(mutex_);
        targets_.emplace_back(request.target);
        bodies_.emplace_back(request.body);
        reply.clear();
        reply.body = "ok";
        if (refusals > 0) {
            --refusals;
            reply.status = 503;
        }
        reply.close = closes;
    }
    void tick() override {}

    std::size_t count() {
        const std::lock_guard lock(mutex_);
        return bodies_.size();
    }
    boost::json::object body(std::size_t place) {
        const std::lock_guard lock(mutex_);
        return boost::json::parse(bodies_.at(place)).as_object();
    }
    std::string target(std::size_t place) {
        const std::lock_guard lock(mutex_);
        return targets_.at(place);
    }

    std::atomic<int> refusals{0};
    std::atomic<bool> closes{false};

  private:
    Clock clock_;
    std::mutex mutex_;
    std::vector<std::string> bodies_;
    std::vector<std::string> targets_;
    Server server_;
};

class ThingspaceTest : public SimulatorTest {
  protected:
    static constexpr std::string_view kAccount = "0000123456-00001";
    static constexpr std::string_view kApi = "/thingspace/api/m2m/v1/";

    Answer token(std::string_view body = "grant_type=client_credentials",
                 std::string_view pair = "thingspace-sim-key:thingspace-sim-secret") {
        return client().request("POST", "/thingspace/api/ts/v1/oauth2/token", body,
                                "Authorization: Basic " + base64(pair) + "\r\n");
    }
    std::string bearer() {
        return "Authorization: Bearer " + text(token().json().at("access_token")) + "\r\n";
    }
    Answer log_in(std::string_view password = "thingspace-sim-password",
                  std::string_view user = "carryall") {
        return client().request("POST", std::string(kApi) + "session/login",
                                R"({"username":")" + std::string(user) + R"(","password":")" +
                                    std::string(password) + "\"}",
                                bearer());
    }
    void open_session() {
        headers_ = bearer() + "VZ-M2M-Token: " + text(log_in().json().at("sessionToken")) + "\r\n";
    }
    Answer call(std::string_view method, std::string_view path, std::string_view body = {}) {
        if (headers_.empty()) open_session();
        return client().request(method, std::string(kApi) + std::string(path), body, headers_);
    }
    void knobs(std::string_view members) {
        const Answer answer = admin("POST", "thingspace/knobs", "{" + std::string(members) + "}");
        ASSERT_EQ(answer.status, 200) << answer.body;
    }
    void load_lines(int count, std::string_view more = "") {
        const Answer answer =
            admin("POST", "thingspace/fleet",
                  R"({"firstIccid":"89148000000000000000","count":)" + std::to_string(count) +
                      (more.empty() ? "" : ",") + std::string(more) + "}");
        ASSERT_EQ(answer.status, 200) << answer.body;
        ASSERT_EQ(answer.json().at("loaded"), count);
    }
    void listen(CallbackListener& listener, std::string_view service = "CarrierService") {
        const Answer answer =
            call("POST", "callbacks/" + std::string(kAccount),
                 R"({"name":")" + std::string(service) + R"(","url":")" + listener.url() +
                     R"(","username":"cbuser","password":"cbpass"})");
        ASSERT_EQ(answer.status, 200) << answer.body;
    }
    static std::string iccid(int line) {
        return "8914800000000000" + std::to_string(10000 + line).substr(1);
    }
    static std::string devices(std::initializer_list<int> lines) {
        std::string list = R"("devices":[)";
        for (const int line : lines) {
            if (list.back() == '}') list += ',';
            list += R"({"deviceIds":[{"kind":"iccid","id":")" + iccid(line) + R"("}]})";
        }
        return list + "]";
    }
    // A change of these lines; the request id.
    Answer change(std::string_view method, std::string_view action, std::string_view members,
                  std::initializer_list<int> lines) {
        return call(method, "devices/actions/" + std::string(action),
                    R"({"accountName":")" + std::string(kAccount) + R"(",)" + std::string(members) +
                        (members.empty() ? "" : ",") + devices(lines) + "}");
    }
    std::string accepted(const Answer& answer) {
        EXPECT_EQ(answer.status, 200) << answer.body;
        return answer.status == 200 ? text(answer.json().at("requestId")) : "";
    }
    std::string deactivate(int line) {
        return accepted(change("POST", "deactivate", R"("reasonCode":"FF")", {line}));
    }
    std::string suspend(int line) { return accepted(change("POST", "suspend", "", {line})); }
    std::string restore(int line) { return accepted(change("POST", "restore", "", {line})); }
    std::string activate(int line) {
        return accepted(
            change("POST", "activate", R"("servicePlan":"M2M-5MB","mdnZipCode":"98801")", {line}));
    }
    std::string set_plan(int line, std::string_view code) {
        return accepted(
            change("PUT", "plan", R"("servicePlan":")" + std::string(code) + "\"", {line}));
    }
    // Lets everything that was asked for be done.
    void finish() {
        advance_millis(10'000);
        until([this] { return counts().at("devicesWaiting") == 0; });
    }
    // Longer than any token or session lives.
    void pass_days(int days) {
        advance_millis(days * std::int64_t{86'400'000});
        open_session();
    }
    boost::json::object counts() { return admin("GET", "thingspace/callbacks").json().as_object(); }
    boost::json::object line(int number) {
        return admin("GET", "thingspace/line/" + iccid(number)).json().as_object();
    }
    std::string state(int number) { return text(line(number).at("state")); }
    std::string status_of(const std::string& request) {
        return text(
            call("GET", "accounts/" + std::string(kAccount) + "/requests/" + request + "/status")
                .json()
                .at("status"));
    }
    // The last result of a line as the ledger has it; empty when it was done.
    std::string last_fault() {
        const auto fields = last_entry_of("CLOCK").at("fields").as_object();
        return fields.contains("faultcode") ? text(fields.at("faultcode")) : "";
    }
    boost::json::object last_entry_of(std::string_view method) {
        boost::json::object last;
        for (const auto& entry : ledger("system=thingspace")) {
            if (text(entry.at("method")) == method) last = entry;
        }
        return last;
    }
    static void expect_code(const Answer& answer, int status, std::string_view code) {
        EXPECT_EQ(answer.status, status) << answer.body;
        const auto body = answer.json().as_object();
        ASSERT_TRUE(body.contains("errorCode")) << answer.body;
        EXPECT_EQ(text(body.at("errorCode")), "UnifiedWebService." + std::string(code));
    }
    static void expect_fault(const Answer& answer, int status, std::string_view code) {
        EXPECT_EQ(answer.status, status) << answer.body;
        EXPECT_EQ(text(answer.json().at("fault").at("code")), code);
    }

    std::string headers_;
};

}  // namespace carryall::simulators
