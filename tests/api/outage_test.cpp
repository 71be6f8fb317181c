// The database goes away while the API serves, and comes back: 503 with a time to come again,
// nothing of our inside in the answer, and no restart needed.
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

using support::http_request;
using tenants::Role;

class Outage : public support::DatabaseTest {
  protected:
    void SetUp() override {
        tenant_ = make_tenant(database(), api_.pool, "outage tenant", kOwnIccid);
    }
    void TearDown() override { bring_back(database()); }

    support::HttpReply get(const std::string& path) {
        return http_request(api_.port(), "GET", path,
                            {{"Authorization", "Bearer " + tenant_.tokens.at(Role::viewer)}});
    }

    RunningApi api_{database()};
    Tenant tenant_;
};

TEST_F(Outage, requests_answer_503_while_it_lasts_and_work_again_afterwards) {
    const std::string list = "/v1/bulk-changes";
    ASSERT_EQ(get(list).status, 200);
    support::HttpConnection stream(api_.port());
    stream.send_request("GET", list + '/' + std::to_string(tenant_.stored_change) + "/events",
                        {{"Authorization", "Bearer " + tenant_.tokens.at(Role::viewer)}});
    stream.read_until("event: snapshot");

    take_away(database());
    for (int i = 0; i < 2; ++i) {
        const auto reply = get(list);
        problem_of(reply, 503, "unavailable");
        EXPECT_FALSE(reply.header("retry-after").empty());
        for (const char* inside : {"FATAL", "libpq", "socket", "SELECT", "postgres"}) {
            EXPECT_EQ(reply.body.find(inside), std::string::npos) << reply.body;
        }
    }
    EXPECT_EQ(http_request(api_.port(), "GET", "/healthz").status, 200);
    problem_of(http_request(api_.port(), "GET", "/readyz"), 503, "unavailable");

    bring_back(database());
    EXPECT_EQ(get(list).status, 200);
    database().run(
        "UPDATE bulk_change SET status = 'PROCESSED', new_count = 0, processed_count = 1, "
        "finished_at = now() WHERE bulk_change_id = " +
        std::to_string(tenant_.stored_change));
    stream.read_until("event: finished");
}

}  // namespace
}  // namespace carryall::api_tests
