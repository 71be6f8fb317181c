// A simulator with a client of Jasper, without limits unless a test sets some.
#pragma once

#include <string>
#include <string_view>

#include "base64.hpp"
#include "test_client.hpp"

namespace carryall::simulators::jasper {

inline const std::string kIccid = "89010000000000000017";
inline constexpr std::string_view kBase = "/jasper/rws/api/v1/";

class JasperFixture : public SimulatorTest {
  protected:
    JasperFixture() { options_.jasper.calls_per_second = 0; }

    static std::string as_user(std::string_view name, std::string_view key) {
        return "Authorization: Basic " + base64(std::string(name) + ":" + std::string(key)) +
               "\r\n";
    }
    static std::string credentials() { return as_user("carryall", "jasper-sim-key"); }

    Answer jasper(std::string_view method, std::string_view path, std::string_view body = {}) {
        return client().request(method, std::string(kBase) + std::string(path), body,
                                headers_.empty() ? credentials() : headers_);
    }
    Answer edit(std::string_view body) { return jasper("PUT", "devices/" + kIccid, body); }
    boost::json::value details() { return jasper("GET", "devices/" + kIccid).json(); }
    boost::json::value truth() { return admin("GET", "jasper/device/" + kIccid).json(); }
    std::string status() { return text(truth().at("device").at("status")); }

    void load(int count = 1, std::string_view more = "") {
        const Answer answer = admin("POST", "jasper/fleet",
                                    R"({"firstIccid":")" + kIccid + R"(","count":)" +
                                        std::to_string(count) + std::string(more) + "}");
        ASSERT_EQ(answer.status, 200) << answer.body;
    }
    void post(std::string_view path, std::string_view body) {
        const Answer answer = admin("POST", "jasper/" + std::string(path), body);
        ASSERT_EQ(answer.status, 200) << answer.body;
    }
    void set_knobs(std::string_view body) { post("knobs", body); }
    // The device is that from now on, without any rule or trace.
    void make(std::string_view status) {
        post("device/" + kIccid, R"({"silent":true,"status":")" + std::string(status) + "\"}");
    }
    // Sends without waiting for the answer.
    void send_edit(TestClient& to, std::string_view body) {
        to.send("PUT " + std::string(kBase) + "devices/" + kIccid + " HTTP/1.1\r\nHost: x\r\n" +
                credentials() + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                std::string(body));
    }
    static void expect_error(const Answer& answer, int status, std::string_view code) {
        EXPECT_EQ(answer.status, status) << answer.body;
        const auto body = answer.json();
        EXPECT_EQ(text(body.at("errorCode")), code) << answer.body;
        EXPECT_FALSE(text(body.at("errorMessage")).empty());
    }

    std::string headers_;  // of another user
};

}  // namespace carryall::simulators::jasper
