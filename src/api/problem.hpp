// The API's error answers after RFC 9457, one shape for every refusal: type (a URN by kind), title,
// status, detail, instance (the request id) and, for mistakes in the input, `errors` with the exact
// place. What must stay true: nothing of our inside leaves in them (no SQL, no address, no stack),
// and a foreign id reads exactly as a missing one, because both are the same Error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "http/message.hpp"

namespace carryall::api {

inline constexpr const char* kProblemType = "application/problem+json";
inline constexpr std::size_t kMaxProblemItems = 100;  // of `errors`; the rest is counted
inline constexpr int kUnavailableRetrySeconds = 5;

// "urn:carryall:problem:not_found"
std::string problem_urn(base::ErrorKind kind);

// The place of a mistake as members: "/a/b" is a JSON pointer, "row 12, column iccid" row and
// column, "parameter limit" a query parameter, "header Idempotency-Key" a header, anything else
// `where`.
base::json::object place_of(std::string_view where);

// `errors` holds at least one; the first one's kind decides the status.
http::Response problem_response(const std::vector<base::Error>& errors,
                                std::string_view request_id);
http::Response problem_response(const base::Error& error, std::string_view request_id);

// The server's own refusals (too large, too slow, no such path) brought into the same shape.
void complete_problem(http::Response& response, std::string_view request_id);

}  // namespace carryall::api
