#include "http/router.hpp"

#include <gtest/gtest.h>

namespace carryall::http {
namespace {

Handler named(std::string name) {
    return [name](Request&) { return Response::text(200, name); };
}

TEST(Router, a_literal_wins_over_a_parameter_and_a_parameter_over_the_rest) {
    Router router;
    router.add(Method::get, "/devices/import", named("import"));
    router.add(Method::get, "/devices/{id}", named("one"));
    router.add(Method::get, "/devices/{id}/history", named("history"));
    router.add(Method::get, "/{file*}", named("file"));
    const auto pattern = [&](std::string_view path) {
        const auto match = router.match(Method::get, path);
        return match.route == nullptr ? std::string() : match.route->pattern;
    };
    EXPECT_EQ(pattern("/devices/import"), "/devices/import");
    EXPECT_EQ(pattern("/devices/7"), "/devices/{id}");
    EXPECT_EQ(pattern("/devices/import/history"), "/devices/{id}/history");
    EXPECT_EQ(pattern("/"), "/{file*}");
    EXPECT_EQ(router.match(Method::get, "/a/b%20c").params.at("file"), "a/b c");
    EXPECT_EQ(pattern("devices"), "");
}

TEST(Router, parameters_are_named_by_the_pattern_of_their_method) {
    Router router;
    router.add(Method::get, "/a/{x}", named("get"));
    router.add(Method::put, "/a/{y}", named("put"));
    EXPECT_EQ(router.match(Method::get, "/a/1").params.at("x"), "1");
    EXPECT_EQ(router.match(Method::put, "/a/1").params.at("y"), "1");
    EXPECT_EQ(router.match(Method::del, "/a/1").allow, "GET, HEAD, PUT, OPTIONS");
    EXPECT_EQ(router.match(Method::head, "/a/1").route->pattern, "/a/{x}");
}

TEST(Router, empty_segments_match_no_parameter) {
    Router router;
    router.add(Method::get, "/a/{x}", named("get"));
    EXPECT_FALSE(router.match(Method::get, "/a/").path_exists());
    EXPECT_FALSE(router.match(Method::get, "/a").path_exists());
    EXPECT_FALSE(router.match(Method::get, "/a/b/").path_exists());
    EXPECT_FALSE(router.match(Method::get, "//b").path_exists());
}

TEST(Router, escapes_are_decoded_once_or_refused) {
    EXPECT_EQ(percent_decode("a%2Fb%20+"), "a/b +");
    EXPECT_EQ(percent_decode("%2541"), "%41");
    EXPECT_EQ(percent_decode("a+b", true), "a b");
    for (const std::string_view bad : {"%", "%4", "%4g", "%00", "a%"}) {
        EXPECT_FALSE(percent_decode(bad)) << bad;
    }
    const auto query = parse_query("a=1&&b&a=2=3&%3D=x");
    ASSERT_TRUE(query);
    EXPECT_EQ(query->all("a"), (std::vector<std::string_view>{"1", "2=3"}));
    EXPECT_EQ(query->get("b"), "");
    EXPECT_EQ(query->get("="), "x");
    EXPECT_FALSE(query->has("c"));
}

}  // namespace
}  // namespace carryall::http
