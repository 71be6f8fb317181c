// Jasper's wire format: what an answer means, and the parts that we read.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "carriers/carrier.hpp"
#include "carriers/classify.hpp"

namespace carryall::carriers::jasper {

// A list of further error codes that mean "too many requests": Jasper publishes none.
inline constexpr std::string_view kThrottleErrorCodes = "throttleErrorCodes";

struct Answer {
    Verdict verdict;
    base::json::value body;  // an object, if accepted
    std::string code;        // errorCode; empty if there is none
    bool is_queued = false;  // accepted with 202: the effect comes later
};
// Looks into the body too: error codes decide what a refusal means, and a 2xx may be a web page.
Answer judge(const Account& account, const http::ClientResponse& response);
// The verdict for an accepted answer that cannot be understood.
Verdict malformed(std::string_view what);

// It goes into a path: 18 to 22 digits.
bool is_iccid(std::string_view text);
// The answer names this SIM.
bool is_about(const base::json::value& body, std::string_view iccid);
// Text under that name; empty if it is absent, null or none.
std::string_view text_at(const base::json::object& object, std::string_view name);

// A device's details as far as changes need them. Views into the answer.
struct Details {
    std::string_view status;
    std::string_view rate_plan;
    std::string_view communication_plan;
};
// nullopt if it is not about this SIM or says no status.
std::optional<Details> parse_details(const base::json::value& body, std::string_view iccid);

// Pages say themselves whether they are the last. nullopt: this one does not.
std::optional<bool> is_last_page(const base::json::object& body);

// "2025-06-29 00:21:33.339+0000", and whatever base::parse_iso8601 takes.
std::optional<base::Instant> parse_date(std::string_view text);
// "2025-07-01Z"
std::string wire_day(std::chrono::sys_days day);
// "2025-04-18T17:31:34%2B00:00": ready for a query.
std::string wire_time(base::Instant instant);

}  // namespace carryall::carriers::jasper
