#include "notify/delivery_rules.hpp"

#include <gtest/gtest.h>

namespace carryall::notify {
namespace {

using namespace std::chrono_literals;
using http::Transport;

http::ClientResponse answered(int status, const std::string& body = "") {
    http::ClientResponse response;
    response.transport = Transport::ok;
    response.status = status;
    response.body = body;
    return response;
}

http::ClientResponse failed_with(Transport transport, const std::string& reason, int status = 0) {
    http::ClientResponse response;
    response.transport = transport;
    response.reason = reason;
    response.status = status;
    return response;
}

mail::SmtpReport report(mail::Fate fate, int code, const std::string& error) {
    return {fate, code, std::to_string(code) + " reply", error};
}

TEST(Schedule, waits_longer_each_time_for_three_days_and_ends) {
    EXPECT_EQ(next_try_in(1, 0), 5s);
    EXPECT_EQ(next_try_in(2, 0), 5min);
    EXPECT_EQ(next_try_in(9, 0), 24h);
    EXPECT_EQ(next_try_in(10, 0), std::nullopt);
    std::chrono::milliseconds all{0};
    for (int failed = 1; failed <= 9; ++failed) all += *next_try_in(failed, 0);
    EXPECT_EQ(all, 75h + 35min + 5s);
}

TEST(Schedule, is_spread_by_chance_and_never_shorter) {
    EXPECT_EQ(next_try_in(2, 999), 5min + 59'940ms);
    EXPECT_LT(*next_try_in(9, 0), *next_try_in(9, 500));
}

TEST(Judge, every_2xx_is_success_whatever_comes_after_the_status) {
    for (const int status : {200, 201, 204, 299}) {
        EXPECT_EQ(judge(answered(status), 0, 0).state, "sent") << status;
    }
    const Verdict verdict =
        judge(failed_with(Transport::lost, "the answer is larger than 1 bytes", 200), 0, 0);
    EXPECT_EQ(verdict.state, "sent");
    EXPECT_EQ(verdict.status, 200);
}

TEST(Judge, everything_else_is_tried_again_until_the_schedule_is_used_up) {
    for (const auto& response :
         {answered(500), answered(404), answered(302), answered(429),
          failed_with(Transport::not_sent, "refused"), failed_with(Transport::timeout, "late"),
          failed_with(Transport::lost, "reset")}) {
        const Verdict first = judge(response, 0, 0);
        EXPECT_EQ(first.state, "queued") << response.status;
        EXPECT_EQ(first.due_in, 5s);
        EXPECT_FALSE(first.reason.empty());
        const Verdict last = judge(response, 9, 0);
        EXPECT_EQ(last.state, "parked");
        EXPECT_FALSE(last.due_in.has_value());
    }
}

TEST(Judge, a_redirect_says_that_it_is_not_followed) {
    EXPECT_NE(judge(answered(301), 0, 0).reason.find("not followed"), std::string::npos);
}

TEST(Judge, gone_ends_the_delivery_and_the_webhook) {
    const Verdict verdict = judge(answered(410), 0, 0);
    EXPECT_EQ(verdict.state, "parked");
    EXPECT_TRUE(verdict.is_gone);
}

TEST(Judge, a_receiver_that_asks_for_time_gets_it) {
    auto busy = answered(503);
    busy.retry_after = 600s;
    EXPECT_EQ(judge(busy, 0, 0).due_in, 600s);
    EXPECT_EQ(judge(busy, 2, 0).due_in, 30min);
}

TEST(Judge, keeps_the_beginning_of_an_answer_whole_characters_and_no_credentials) {
    const std::string start(499, 'a');
    std::string body = start;
    const Verdict verdict = judge(answered(500, body.append("ümore")), 0, 0);
    EXPECT_EQ(verdict.answer, start);
    EXPECT_EQ(judge(answered(500, "Authorization: Bearer abcdef0123456789"), 0, 0)
                  .answer.find("abcdef0123456789"),
              std::string::npos);
    EXPECT_EQ(judge(answered(500, "\xff\xfe"), 0, 0).answer, "");
}

TEST(JudgeMail, the_second_server_is_asked_only_if_the_first_surely_has_not_taken_it) {
    EXPECT_TRUE(may_try_another(report(mail::Fate::refused, 550, "no")));
    EXPECT_TRUE(may_try_another(report(mail::Fate::not_taken, 0, "away")));
    EXPECT_FALSE(may_try_another(report(mail::Fate::taken, 250, "")));
    EXPECT_FALSE(may_try_another(report(mail::Fate::unclear, 354, "lost")));
}

TEST(JudgeMail, what_a_server_may_have_taken_is_unknown_and_not_sent_again) {
    const Verdict verdict = judge(report(mail::Fate::unclear, 354, "lost"), std::nullopt, 0, 0);
    EXPECT_EQ(verdict.state, "unknown");
    EXPECT_FALSE(verdict.due_in.has_value());
    EXPECT_EQ(judge(report(mail::Fate::refused, 550, "no"),
                    report(mail::Fate::unclear, 354, "lost"), 0, 0)
                  .state,
              "unknown");
}

TEST(JudgeMail, a_refusal_by_all_servers_is_for_a_person) {
    const auto no = report(mail::Fate::refused, 550, "no");
    const auto away = report(mail::Fate::not_taken, 0, "away");
    EXPECT_EQ(judge(no, std::nullopt, 0, 0).state, "parked");
    EXPECT_EQ(judge(no, no, 0, 0).state, "parked");
    EXPECT_EQ(judge(no, away, 0, 0).state, "queued");
    EXPECT_EQ(judge(away, no, 0, 0).state, "queued");
    EXPECT_EQ(judge(no, away, 0, 0).reason, "no; away");
    EXPECT_EQ(judge(away, std::nullopt, 9, 0).state, "parked");
}

TEST(JudgeMail, a_server_that_took_it_ends_it) {
    EXPECT_EQ(
        judge(report(mail::Fate::not_taken, 0, "away"), report(mail::Fate::taken, 250, ""), 0, 0)
            .state,
        "sent");
}

}  // namespace
}  // namespace carryall::notify
