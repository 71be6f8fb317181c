// Error answers after RFC 9457: application/problem+json with type, title, status and detail, the
// same for the server's own refusals and for the API's. The status follows from the kind of Error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "http/message.hpp"

namespace carryall::http {

int status_of(base::ErrorKind kind);
// The way back, for clients of our API and for the server's own refusals. Of an error's status
// only.
base::ErrorKind kind_of(int status);
// "Not Found"; "Error" for a number that has no name.
std::string_view reason_phrase(int status);

struct Problem {
    int status = 500;
    std::string type;    // a URI or "about:blank"; empty: the latter
    std::string title;   // empty: the status' reason phrase
    std::string detail;  // a sentence for a person. Never a secret
    struct Item {
        std::string pointer;  // JSON pointer, parameter name or "row 12, column iccid"
        std::string detail;
    };
    std::vector<Item> errors;  // single mistakes in the input; left out if empty
    std::string request_id;    // left out if empty
};

Problem to_problem(const base::Error& error);
// Several mistakes at once, at least one: the first one's kind decides.
Problem to_problem(const std::vector<base::Error>& errors);

// 5xx of kind internal never show their message: it may speak of our inside.
Response to_response(const Problem& problem);
Response to_response(const base::Error& error);

}  // namespace carryall::http
