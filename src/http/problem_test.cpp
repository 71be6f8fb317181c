#include "http/problem.hpp"

#include <gtest/gtest.h>

namespace carryall::http {
namespace {

std::string body_of(const Response& response) {
    return std::get<std::string>(response.body);
}

TEST(Problem, an_error_becomes_a_problem_document_with_its_place) {
    const Response response = to_response(base::invalid_input("must be a number", "/iccid"));
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.headers.get("content-type"), "application/problem+json");
    EXPECT_EQ(body_of(response), R"({"type":"about:blank","title":"Bad Request","status":400,)"
                                 R"("detail":"must be a number",)"
                                 R"("errors":[{"pointer":"/iccid","detail":"must be a number"}]})");
}

TEST(Problem, internal_errors_never_show_their_message) {
    const Response response = to_response(base::internal_error("password of db is x"));
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(body_of(response).find("password"), std::string::npos);
}

TEST(Problem, several_mistakes_are_listed) {
    const Problem problem =
        to_problem(std::vector{base::invalid_input("a", "/1"), base::invalid_input("b", "/2")});
    EXPECT_EQ(problem.status, 400);
    ASSERT_EQ(problem.errors.size(), 2u);
    EXPECT_EQ(problem.errors[1].pointer, "/2");
}

TEST(Problem, every_kind_has_its_status) {
    using enum base::ErrorKind;
    const std::pair<base::ErrorKind, int> table[] = {
        {invalid_input, 400}, {unauthenticated, 401}, {forbidden, 403},    {not_found, 404},
        {conflict, 409},      {too_large, 413},       {rate_limited, 429}, {unavailable, 503},
        {timeout, 504},       {internal, 500}};
    for (const auto& [kind, status] : table) {
        EXPECT_EQ(status_of(kind), status);
        EXPECT_NE(reason_phrase(status), "Error");
    }
}

}  // namespace
}  // namespace carryall::http
