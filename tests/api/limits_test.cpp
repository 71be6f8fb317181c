// Budgets: for each token and kind of request, for bad tokens by source, and what they count.
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

using support::http_request;
using tenants::Role;

// So low that a test reaches them, in windows so long that none is refilled meanwhile.
api::Settings low_limits() {
    api::Settings settings;
    settings.reads_per_minute = 3;
    settings.writes_per_minute = 1;
    settings.bad_tokens_per_minute = 2;
    settings.open_per_minute = 100;
    settings.metrics_token = base::Secret("scrape");
    return settings;
}

class Limits : public support::DatabaseTest {
  protected:
    RunningApi api_{database(), low_limits()};
    const std::string name_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    const std::string iccid_ =
        "89445" +
        base::to_string(tenants::TenantId{
            std::stoll(database().value("SELECT count(*) FROM tenant")) + 10'000'000'000'000});
    const Tenant tenant_ = make_tenant(database(), api_.pool, name_, iccid_);

    support::HttpReply get(const std::string& path, const std::string& token) {
        return http_request(api_.port(), "GET", path, {{"Authorization", "Bearer " + token}});
    }
};

TEST_F(Limits, every_answer_says_what_is_left_and_the_last_one_when_to_come_again) {
    const std::string& token = tenant_.tokens.at(Role::viewer);
    for (const char* remaining : {"2", "1", "0"}) {
        const auto reply = get("/v1/me", token);
        EXPECT_EQ(reply.status, 200) << reply.body;
        EXPECT_EQ(reply.header("ratelimit-limit"), "3");
        EXPECT_EQ(reply.header("ratelimit-remaining"), remaining);
        EXPECT_FALSE(reply.header("ratelimit-reset").empty());
    }
    const auto refused = get("/v1/me", token);
    problem_of(refused, 429, "rate_limited");
    EXPECT_GE(std::stoi(refused.header("retry-after")), 1);
    EXPECT_LE(std::stoi(refused.header("retry-after")), 20);
    EXPECT_EQ(refused.header("ratelimit-remaining"), "0");
}

TEST_F(Limits, tokens_and_kinds_of_request_have_budgets_of_their_own) {
    const std::string& admin = tenant_.tokens.at(Role::admin);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(get("/v1/me", admin).status, 200);
    EXPECT_EQ(get("/v1/me", admin).status, 429);
    const auto write = http_request(api_.port(), "DELETE",
                                    "/v1/tokens/" + std::to_string(tenant_.ids.at("tokenId")),
                                    {{"Authorization", "Bearer " + admin}});
    EXPECT_EQ(write.status, 200) << write.body;
    EXPECT_EQ(get("/v1/me", tenant_.tokens.at(Role::operator_)).status, 200);
}

TEST_F(Limits, a_source_that_guesses_is_stopped_and_known_tokens_go_on_from_there) {
    const std::string& known = tenant_.tokens.at(Role::viewer);
    const std::string& fresh = tenant_.tokens.at(Role::billing);
    EXPECT_EQ(get("/v1/me", known).status, 200);
    const std::string guess = "cry_" + base::to_string(tenant_.id) + '_' + std::string(43, 'a');
    EXPECT_EQ(get("/v1/me", guess).status, 401);
    EXPECT_EQ(get("/v1/me", guess).status, 401);
    const auto stopped = get("/v1/me", guess);
    problem_of(stopped, 429, "rate_limited");
    EXPECT_GE(std::stoi(stopped.header("retry-after")), 1);
    // Not even a right guess is told apart any more.
    EXPECT_EQ(get("/v1/me", fresh).status, 429);
    EXPECT_EQ(get("/v1/me", known).status, 200);
}

TEST_F(Limits, metrics_need_the_scrape_token_if_one_is_set_and_count_by_pattern) {
    problem_of(http_request(api_.port(), "GET", "/metrics"), 401, "unauthenticated");
    EXPECT_EQ(get("/v1/bulk-changes/17", tenant_.tokens.at(Role::viewer)).status, 404);
    const auto reply = get("/metrics", "scrape");
    ASSERT_EQ(reply.status, 200);
    EXPECT_TRUE(reply.header("content-type").starts_with("text/plain"));
    EXPECT_NE(
        reply.body.find("carryall_http_requests_total{method=\"GET\",route=\"/v1/bulk-changes/"
                        "{bulkChangeId}\",status=\"404\"}"),
        std::string::npos)
        << reply.body;
    EXPECT_NE(reply.body.find("carryall_http_request_duration_seconds_bucket"), std::string::npos);
    EXPECT_EQ(reply.body.find("bulk-changes/17"), std::string::npos);
}

TEST_F(Limits, health_readiness_and_description_are_open) {
    for (const char* path : {"/healthz", "/readyz"}) {
        const auto reply = http_request(api_.port(), "GET", path);
        EXPECT_EQ(reply.status, 200) << reply.body;
    }
    const auto description = http_request(api_.port(), "GET", "/v1/openapi.yaml");
    EXPECT_EQ(description.status, 200);
    EXPECT_TRUE(description.body.starts_with("openapi: 3.1.0"));
}

}  // namespace
}  // namespace carryall::api_tests
