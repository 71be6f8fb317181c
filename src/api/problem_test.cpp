#include "api/problem.hpp"

#include <gtest/gtest.h>

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Error;
using base::ErrorKind;

json::object document(const http::Response& response) {
    return base::parse_json(std::get<std::string>(response.body)).value().as_object();
}

TEST(Problem, places_are_told_by_their_own_names) {
    EXPECT_EQ(json::serialize(place_of("/devices/3")), R"({"pointer":"/devices/3"})");
    EXPECT_EQ(json::serialize(place_of("row 12, column iccid")), R"({"row":12,"column":"iccid"})");
    EXPECT_EQ(json::serialize(place_of("row 12")), R"({"row":12})");
    EXPECT_EQ(json::serialize(place_of("row of trees")), R"({"where":"row of trees"})");
    EXPECT_EQ(json::serialize(place_of("parameter limit")), R"({"parameter":"limit"})");
    EXPECT_EQ(json::serialize(place_of("byte 17")), R"({"where":"byte 17"})");
    EXPECT_TRUE(place_of("").empty());
}

TEST(Problem, every_mistake_is_listed_up_to_the_limit_and_the_rest_is_counted) {
    std::vector<Error> errors;
    for (std::size_t i = 0; i < kMaxProblemItems + 5; ++i) {
        errors.push_back(base::invalid_input("is required", "/" + std::to_string(i)));
    }
    const json::object problem = document(problem_response(errors, "id"));
    EXPECT_EQ(problem.at("status"), 400);
    EXPECT_EQ(problem.at("detail"), "0 is required") << "a sentence needs its subject";
    EXPECT_EQ(problem.at("errors").as_array().size(), kMaxProblemItems);
    EXPECT_EQ(problem.at("moreErrors"), 5);
    EXPECT_EQ(problem.at("instance"), "id");
}

TEST(Problem, nothing_of_our_inside_leaves) {
    for (const ErrorKind kind : {ErrorKind::internal, ErrorKind::unavailable, ErrorKind::timeout}) {
        const http::Response response =
            problem_response(Error{kind, "SELECT on db-7.internal failed", "query x"}, "id");
        const std::string& text = std::get<std::string>(response.body);
        EXPECT_EQ(text.find("SELECT"), std::string::npos) << text;
        EXPECT_EQ(text.find("query x"), std::string::npos) << text;
        EXPECT_GE(response.status, 500);
    }
}

TEST(Problem, a_part_that_is_down_says_when_to_come_again) {
    const http::Response response = problem_response(base::unavailable("down"), "id");
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.headers.get("Retry-After"), std::to_string(kUnavailableRetrySeconds));
}

TEST(Problem, the_servers_own_refusals_get_the_same_shape) {
    http::Response response = http::Response::json(
        413, R"({"type":"about:blank","title":"Content Too Large","status":413,"detail":"d"})");
    response.headers.set("Content-Type", kProblemType);
    complete_problem(response, "id");
    const json::object problem = document(response);
    EXPECT_EQ(problem.at("type"), "urn:carryall:problem:too_large");
    EXPECT_EQ(problem.at("instance"), "id");
    EXPECT_EQ(problem.at("detail"), "d");
}

TEST(Problem, answers_that_are_no_problems_stay_as_they_are) {
    http::Response response = http::Response::json(200, R"({"type":"x"})");
    complete_problem(response, "id");
    EXPECT_EQ(std::get<std::string>(response.body), R"({"type":"x"})");
}

}  // namespace
}  // namespace carryall::api
