// What answers mean for an account.
#include "accounts/pace_rules.hpp"

#include <gtest/gtest.h>

namespace carryall::accounts {
namespace {

using std::chrono::seconds;

http::ClientResponse answer(int status, std::string body = "{}") {
    http::ClientResponse response;
    response.transport = http::Transport::ok;
    response.status = status;
    response.body = std::move(body);
    return response;
}

TEST(Sign, a_refusal_shows_that_the_system_is_there) {
    for (const int status : {200, 204, 302, 400, 401, 404, 409}) {
        EXPECT_EQ(sign_of(answer(status)), Sign::answered) << status;
    }
    EXPECT_EQ(sign_of(answer(429)), Sign::throttled);
}

TEST(Sign, silence_server_errors_and_gateway_pages_are_failures) {
    for (const int status : {500, 502, 503, 504}) {
        EXPECT_EQ(sign_of(answer(status)), Sign::failed) << status;
    }
    EXPECT_EQ(sign_of(answer(404, "\n<!DOCTYPE HTML><html>Not here")), Sign::failed);
    EXPECT_EQ(sign_of(answer(200, "<html><body>Maintenance")), Sign::failed);
    for (const auto transport :
         {http::Transport::lost, http::Transport::timeout, http::Transport::not_sent}) {
        http::ClientResponse response;
        response.transport = transport;
        EXPECT_EQ(sign_of(response), Sign::failed);
    }
}

TEST(Learning, a_lesson_is_forgotten_slowly_up_to_the_limit) {
    Learned learned = slow_down(10);
    EXPECT_DOUBLE_EQ(*rate_now(10, learned), 7);
    learned.age = seconds(20);
    EXPECT_DOUBLE_EQ(*rate_now(10, learned), 8);
    learned.age = seconds(60);
    EXPECT_DOUBLE_EQ(*rate_now(10, learned), 10);
    learned.age = seconds(3'600);
    EXPECT_DOUBLE_EQ(*rate_now(10, learned), 10) << "never above the limit";
    EXPECT_EQ(rate_now(10, std::nullopt), 10);
}

TEST(Learning, an_account_without_a_limit_is_slowed_from_the_rate_that_was_too_much) {
    Learned learned = slow_down(100);
    EXPECT_DOUBLE_EQ(*rate_now(std::nullopt, learned), 70);
    learned.age = seconds(100);
    EXPECT_DOUBLE_EQ(*rate_now(std::nullopt, learned), 120);
    learned.age = seconds(300);
    EXPECT_EQ(rate_now(std::nullopt, learned), std::nullopt) << "free again";
    EXPECT_EQ(rate_now(std::nullopt, std::nullopt), std::nullopt);
}

TEST(Learning, never_stops_an_account) {
    EXPECT_GT(slow_down(0).rate, 0);
    EXPECT_GT(slow_down(0.01).from, 0);
}

TEST(Breaker, opens_for_twice_as_long_each_time_up_to_five_minutes) {
    EXPECT_EQ(breaker_opens_for(0), seconds(15));
    EXPECT_EQ(breaker_opens_for(1), seconds(30));
    EXPECT_EQ(breaker_opens_for(4), seconds(240));
    EXPECT_EQ(breaker_opens_for(5), seconds(300));
    EXPECT_EQ(breaker_opens_for(1'000), seconds(300));
}

TEST(Estimate, is_none_while_nothing_moves) {
    EXPECT_EQ(time_to_finish(0, 0, seconds(0)), seconds(0));
    EXPECT_EQ(time_to_finish(10, 0, seconds(0)), std::nullopt);
    EXPECT_EQ(time_to_finish(100, 3, seconds(0)), seconds(34));
    EXPECT_EQ(time_to_finish(100, 3, seconds(60)), seconds(94));
    EXPECT_EQ(time_to_finish(1'000'000, 1e-9, seconds(0)), std::nullopt);
}

}  // namespace
}  // namespace carryall::accounts
