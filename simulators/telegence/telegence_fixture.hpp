// What the tests of Telegence share: credentials, lines, and reading pairs of names and values.
#pragma once

#include <string>
#include <string_view>

#include "test_client.hpp"

namespace carryall::simulators {

inline constexpr std::string_view kLinePath = "/sp/mobility/lineconfig/api/v1/service/";
inline constexpr std::string_view kBatchPath = "/sp/mobilityactivations/api/v1/serviceactivation";
inline constexpr std::string_view kListPath = "/sp/mobility/api/v1/account";
inline constexpr std::string_view kBanPath = "/sp/mobility/billingmgmt/api/v1/billingaccount/";

inline std::string plan_change(std::string_view plan, std::string_view date) {
    return R"({"effectiveDate":")" + std::string(date) +
           R"(","serviceCharacteristic":[{"name":"singleUserCode","value":")" + std::string(plan) +
           "\"}]}";
}

inline std::string status_change(std::string_view mode) {
    return R"({"mode":")" + std::string(mode) + R"(","reasonCode":"CR"})";
}

inline std::string equipment_change(std::string_view sim, std::string_view imei) {
    return R"({"serviceCharacteristic":[{"name":"reasonCode","value":"CUST_OWN_EQU"},)"
           R"({"name":"serviceZipCode","value":"75002"},{"name":"technologyType","value":"LTE"},)"
           R"({"name":"IMEI","value":")" +
           std::string(imei) + R"("},{"name":"sim","value":")" + std::string(sim) + "\"}]}";
}

class TelegenceTest : public SimulatorTest {
  protected:
    TelegenceTest() { options_.telegence.requests_per_second = 0; }

    static std::string credentials() {
        return "app-id: telegence-sim-app\r\napp-secret: telegence-sim-secret\r\n";
    }
    Answer call(std::string_view method, std::string_view path, std::string_view body = {},
                std::string_view headers = {}) {
        return client().request(method, "/telegence" + std::string(path), body,
                                credentials() + std::string(headers));
    }
    // Subscriber numbers from 2145550100, SIMs from 89010300000000000010.
    void load_lines(int count, std::string_view more = "") {
        const Answer answer =
            admin("POST", "telegence/fleet",
                  R"({"firstIccid":"89010300000000000010","firstSubscriberNumber":"2145550100",)"
                  R"("firstImei":"350000000000010","count":)" +
                      std::to_string(count) + (more.empty() ? "" : ",") + std::string(more) + "}");
        ASSERT_EQ(answer.status, 200) << answer.body;
        ASSERT_EQ(answer.json().at("loaded"), count) << answer.body;
    }
    void set_knobs(std::string_view knobs) {
        const Answer answer = admin("POST", "telegence/knobs", knobs);
        ASSERT_EQ(answer.status, 200) << answer.body;
    }
    Answer details(std::string_view number = "2145550100") {
        return call("GET", std::string(kLinePath) + std::string(number));
    }
    Answer change(std::string_view body, std::string_view number = "2145550100") {
        return call("PATCH", std::string(kLinePath) + std::string(number), body);
    }
    boost::json::object truth(std::string_view line = "2145550100") {
        return admin("GET", "telegence/line/" + std::string(line)).json().as_object();
    }
    std::string truth_of(std::string_view member, std::string_view line = "2145550100") {
        return text(truth(line).at({member.data(), member.size()}));
    }
    // The value of a pair, or "-" when there is none.
    static std::string pair(const boost::json::value& holder, std::string_view name) {
        for (const auto& item : holder.at("serviceCharacteristic").as_array()) {
            if (item.at("name").as_string() == name) return text(item.at("value"));
        }
        return "-";
    }
    static void expect_description(const Answer& answer, int status, std::string_view words) {
        EXPECT_EQ(answer.status, status);
        const auto body = answer.json().as_object();
        const std::string found =
            text(body.at(body.contains("description") ? "description" : "errorDescription"));
        EXPECT_NE(found.find(words), std::string::npos) << found;
    }
    // As the simulator's clock tells it.
    std::string today() {
        const std::string stamp = call("GET", kListPath).header("refresh-timestamp");
        return stamp.substr(0, 10) + "Z";
    }
};

}  // namespace carryall::simulators
