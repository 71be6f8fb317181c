// What the tests of Rev.io share: records made by the wire, and errors taken apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "test_client.hpp"

namespace carryall::simulators {

class RevioTest : public SimulatorTest {
  protected:
    std::int64_t create(std::string_view path, std::string_view body) {
        const Answer answer = revio("POST", path, body);
        EXPECT_EQ(answer.status, 201) << answer.body;
        if (answer.status != 201) return 0;
        EXPECT_EQ(answer.json().at("ok"), true);
        return answer.json().at("id").as_int64();
    }
    std::int64_t create_service(int customer = 4102, std::string_view number = "n1") {
        return create("Services", R"({"customer_id":)" + std::to_string(customer) +
                                      R"(,"provider_id":21,"number":")" + std::string(number) +
                                      "\"}");
    }
    static std::string charge(std::string_view more) {
        return R"({"customer_id":4102,"is_tax_included":false,"description":"d","cost":0,)"
               R"("rate":6.5,"quantity":1,"is_commission_exempted":false,"is_prorated":false,)"
               R"("start_date":"2026-02-01","end_date":"2026-2-28",)" +
               std::string(more) + "}";
    }
    // The messages of an array-shaped error.
    static std::vector<std::string> faults(const Answer& answer, int status = 400) {
        EXPECT_EQ(answer.status, status) << answer.body;
        std::vector<std::string> messages;
        const auto body = answer.json();
        for (const auto& fault : body.as_array()) {
            EXPECT_EQ(fault.at("ok"), false);
            messages.push_back(text(fault.at("message")));
        }
        return messages;
    }
    std::int64_t records(std::string_view query) {
        return revio("GET", query).json().at("record_count").as_int64();
    }
};

}  // namespace carryall::simulators
