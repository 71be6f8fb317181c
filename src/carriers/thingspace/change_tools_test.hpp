// What tests of a change say again and again: exchanges, answers of the list, callbacks, attempts.
#pragma once

#include <gtest/gtest.h>

#include "carriers/thingspace/thingspace_model_test.hpp"

namespace carryall::carriers::thingspace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

inline constexpr seconds kNow{1'767'225'600};

inline StatusChange activation() {
    return {"Active", "", "M2M-5MB", ""};
}
inline std::unique_ptr<Exchange> make(const Account& account, const Line& line,
                                      const Action& action, const Attempt& attempt = {}) {
    return carrier().exchange(account, line, action, attempt);
}
inline Played play_with(Exchange& exchange, const http::ClientResponse& response) {
    return play(exchange, [&](const Call&) { return response; });
}
inline std::optional<http::ClientResponse> never(const Call& call) {
    ADD_FAILURE() << "a call was made: " << call.path;
    return std::nullopt;
}
inline http::ClientResponse taken() {
    return answered(200, R"({"requestId":"11111111-2222-4333-8444-55555555555A"})");
}
inline constexpr const char* kRequest = "11111111-2222-4333-8444-55555555555a";

inline std::string listed(std::string_view state, std::string_view plan = "",
                          std::string_view mdn = "", std::string_view iccid = kIccid) {
    base::json::array ids = {{{"id", iccid}, {"kind", "iccId"}}};
    if (!mdn.empty()) ids.push_back({{"id", mdn}, {"kind", "MDN"}});
    const base::json::value row = {
        {"deviceIds", ids},
        {"carrierInformations", {{{"state", state}, {"servicePlan", plan}}}},
        {"ipAddress", "0.0.0.0"}};
    return serialize(base::json::value{{"devices", base::json::array{row}}});
}

inline Attempt waiting(seconds ago, base::json::array notices = {},
                       std::string_view action = "suspend") {
    Attempt attempt;
    attempt.waiting = true;
    attempt.progress = {{"action", action}, {"requestId", kRequest}, {"requests", 1}};
    attempt.sent_ago = ago;
    attempt.now = base::Instant(kNow);
    attempt.notices = std::move(notices);
    return attempt;
}

inline base::json::value callback(std::string_view status, base::json::value response = nullptr,
                                  base::json::value fault = nullptr) {
    return {{"requestId", "11111111-2222-4333-8444-55555555555A"},
            {"deviceIds", {{"id", kIccid}, {"kind", "Iccid"}}},
            {"status", status},
            {"deviceResponse", std::move(response)},
            {"faultResponse", std::move(fault)}};
}
inline base::json::value fault(std::string_view code, std::string_view text = "No.") {
    return {{"faultcode", "UnifiedWebService." + std::string(code)}, {"faultstring", text}};
}

}  // namespace carryall::carriers::thingspace
