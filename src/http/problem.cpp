// Problem documents as JSON, and the table from kinds of errors to HTTP statuses.
#include "http/problem.hpp"

#include <boost/json.hpp>

#include "base/check.hpp"

namespace carryall::http {

base::ErrorKind kind_of(int status) {
    using base::ErrorKind;
    switch (status) {
        case 401:
            return ErrorKind::unauthenticated;
        case 403:
            return ErrorKind::forbidden;
        case 404:
            return ErrorKind::not_found;
        case 409:
            return ErrorKind::conflict;
        case 413:
        case 431:
            return ErrorKind::too_large;
        case 429:
            return ErrorKind::rate_limited;
        case 502:
        case 503:
            return ErrorKind::unavailable;
        case 408:
        case 504:
            return ErrorKind::timeout;
        default:
            return status >= 400 && status < 500 ? ErrorKind::invalid_input : ErrorKind::internal;
    }
}

int status_of(base::ErrorKind kind) {
    using enum base::ErrorKind;
    switch (kind) {
        case invalid_input:
            return 400;
        case unauthenticated:
            return 401;
        case forbidden:
            return 403;
        case not_found:
            return 404;
        case conflict:
            return 409;
        case too_large:
            return 413;
        case rate_limited:
            return 429;
        case unavailable:
            return 503;
        case timeout:
            return 504;
        case internal:
            return 500;
    }
    return 500;
}

std::string_view reason_phrase(int status) {
    static constexpr std::pair<int, std::string_view> kPhrases[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (const auto& [number, phrase] : kPhrases) {
        if (number == status) return phrase;
    }
    return status < 400 ? "Answer" : "Error";
}

Problem to_problem(const base::Error& error) {
    Problem problem;
    problem.status = status_of(error.kind);
    if (error.kind == base::ErrorKind::internal) {
        problem.detail = "The request could not be completed because of a fault on our side.";
        return problem;
    }
    problem.detail = error.message;
    if (!error.where.empty()) problem.errors.push_back({error.where, error.message});
    return problem;
}

Problem to_problem(const std::vector<base::Error>& errors) {
    CHECK(!errors.empty());
    if (errors.size() == 1) return to_problem(errors.front());
    Problem problem = to_problem(errors.front());
    if (errors.front().kind == base::ErrorKind::internal) return problem;
    problem.detail = std::to_string(errors.size()) + " mistakes were found; see errors.";
    problem.errors.clear();
    for (const base::Error& error : errors) problem.errors.push_back({error.where, error.message});
    return problem;
}

Response to_response(const Problem& problem) {
    boost::json::object body;
    body["type"] = problem.type.empty() ? "about:blank" : problem.type;
    body["title"] = problem.title.empty() ? reason_phrase(problem.status) : problem.title;
    body["status"] = problem.status;
    if (!problem.detail.empty()) body["detail"] = problem.detail;
    if (!problem.errors.empty()) {
        boost::json::array& list = body["errors"].emplace_array();
        for (const Problem::Item& item : problem.errors) {
            list.push_back({{"pointer", item.pointer}, {"detail", item.detail}});
        }
    }
    if (!problem.request_id.empty()) body["requestId"] = problem.request_id;
    return Response::text(problem.status, boost::json::serialize(body), "application/problem+json");
}

Response to_response(const base::Error& error) {
    return to_response(to_problem(error));
}

}  // namespace carryall::http
