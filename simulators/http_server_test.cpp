// The HTTP server against clients that are slow, fast, wrong and hostile.
#include "test_client.hpp"

namespace carryall::simulators {
namespace {

constexpr std::string_view kHealth = "GET /_sim/health HTTP/1.1\r\nHost: x\r\n\r\n";

class HttpServerTest : public SimulatorTest {
  protected:
    int status_of(std::string_view bytes) {
        client();
        TestClient own(simulator_->port());
        own.send(bytes);
        return own.read().status;
    }
    static std::string post(std::string_view headers, std::string_view body) {
        return "POST /_sim/clock HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n" +
               std::string(body);
    }
};

TEST_F(HttpServerTest, many_requests_share_one_connection) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(client().request("GET", "/_sim/health").status, 200);
}

TEST_F(HttpServerTest, pipelined_requests_are_answered_in_order) {
    load_fleet(3, "");
    std::string requests;
    for (const int sim : {2, 0, 1}) {
        requests += "GET " + std::string(kPondBase) + "/9001/sim/891030000000000000" +
                    std::to_string(sim) + " HTTP/1.1\r\nHost: x\r\n" + pond_headers() + "\r\n";
    }
    client().send(requests);
    for (const int sim : {2, 0, 1}) {
        EXPECT_EQ(text(client().read().json().at("iccid")),
                  "891030000000000000" + std::to_string(sim));
    }
}

TEST_F(HttpServerTest, thousands_of_pipelined_requests_are_all_answered) {
    constexpr int kRequests = 5000;
    std::string requests;
    for (int i = 0; i < kRequests; ++i) requests += kHealth;
    client().send(requests);
    for (int i = 0; i < kRequests; ++i) ASSERT_EQ(client().read().status, 200) << i;
}

TEST_F(HttpServerTest, a_request_may_arrive_byte_by_byte) {
    const std::string request = post("Content-Length: 15\r\n", R"({"advanceMs":1})");
    for (const char c : request) client().send({&c, 1});
    EXPECT_EQ(client().read().status, 200);
}

TEST_F(HttpServerTest, a_chunked_body_is_joined) {
    client().send(post("Transfer-Encoding: chunked\r\n",
                       "5\r\n{\"adv\r\n9;x=y\r\nanceMs\":1\r\n1\r\n}\r\n0\r\nTrailer: 1\r\n\r\n"));
    EXPECT_EQ(client().read().status, 200);
    client().send(kHealth);
    EXPECT_EQ(client().read().status, 200) << "the next request starts right behind the trailer";
}

TEST_F(HttpServerTest, a_chunked_body_may_arrive_byte_by_byte) {
    const std::string request =
        post("Transfer-Encoding: chunked\r\n", "a\r\n{\"advanceM\r\n5\r\ns\":1}\r\n0\r\n\r\n");
    for (const char c : request) client().send({&c, 1});
    EXPECT_EQ(client().read().status, 200);
}

TEST_F(HttpServerTest, expect_100_continue_is_granted) {
    client().send(post("Content-Length: 15\r\nExpect: 100-continue\r\n", ""));
    EXPECT_EQ(client().read().status, 100);
    client().send(R"({"advanceMs":1})");
    EXPECT_EQ(client().read().status, 200);
}

TEST_F(HttpServerTest, connection_close_is_obeyed_and_http_1_0_closes) {
    client();
    for (const std::string_view request :
         {"GET /_sim/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
          "GET /_sim/health HTTP/1.0\r\n\r\n"}) {
        TestClient own(simulator_->port());
        own.send(request);
        EXPECT_EQ(own.read().status, 200);
        EXPECT_TRUE(own.ended_by_peer());
    }
}

TEST_F(HttpServerTest, a_fleet_of_megabytes_is_taken) {
    std::string csv = "iccid\n";
    for (int i = 0; i < 100'000; ++i) csv += std::to_string(8910300000000000000ULL + i) + "\n";
    EXPECT_EQ(admin("POST", "pond/fleet", csv).json().at("loaded"), 100'000);
}

TEST_F(HttpServerTest, garbage_is_400) {
    for (const std::string_view bytes :
         {"\x16\x03\x01\x02", "GET\r\n\r\n", "GET /_sim/health\r\n\r\n", "GET  HTTP/1.1\r\n\r\n",
          "GET /_sim/health HTTP/1.1\n\n", "GET /_sim/health HTTP/1.1\r\nHost : x\r\n\r\n",
          "GET /_sim/health HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
          "GET /_sim/health HTTP/1.1\r\nHost: x\r\nBad\r\n\r\n",
          "GET /_sim/health HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n",
          "G@T /_sim/health HTTP/1.1\r\nHost: x\r\n\r\n",
          "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
          "GET /_sim/health HTTP/1.1\r\n\r\n",
          "GET /_sim/health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"}) {
        EXPECT_EQ(status_of(bytes), 400) << bytes;
    }
}

TEST_F(HttpServerTest, ambiguous_lengths_are_refused) {
    EXPECT_EQ(status_of(post("Content-Length: 1\r\nContent-Length: 2\r\n", "x")), 400);
    EXPECT_EQ(status_of(post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "x")), 400);
    EXPECT_EQ(status_of(post("Content-Length: -1\r\n", "x")), 400);
    EXPECT_EQ(status_of(post("Content-Length: 1x\r\n", "x")), 400);
    EXPECT_EQ(status_of(post("Transfer-Encoding: gzip\r\n", "x")), 501);
    EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\n", "z\r\n")), 400);
    EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\n", "2\r\nabc\r\n")), 400);
    EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\n", "fffffffff\r\n")), 413);
}

TEST_F(HttpServerTest, limits_have_their_own_statuses) {
    const std::string long_line = "GET /" + std::string(kMaxRequestLineBytes, 'a');
    EXPECT_EQ(status_of(long_line), 414);
    const std::string long_head =
        "GET /_sim/health HTTP/1.1\r\nHost: x\r\nA: " + std::string(kMaxHeadBytes, 'a');
    EXPECT_EQ(status_of(long_head), 431);
    std::string many = "GET /_sim/health HTTP/1.1\r\nHost: x\r\n";
    for (std::size_t i = 0; i < kMaxHeaders; ++i) many += "A: b\r\n";
    EXPECT_EQ(status_of(many + "\r\n"), 431);
    EXPECT_EQ(status_of(post("Content-Length: 99999999999\r\n", "")), 413);
    EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
}

TEST_F(HttpServerTest, a_client_that_vanishes_in_a_request_harms_nobody) {
    client();
    {
        TestClient own(simulator_->port());
        own.send("POST /_sim/clock HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    }
    EXPECT_EQ(client().request("GET", "/_sim/health").status, 200);
}

TEST_F(HttpServerTest, unknown_paths_are_404_and_wrong_methods_405) {
    EXPECT_EQ(client().request("GET", "/").status, 404);
    EXPECT_EQ(client().request("GET", "/_sim/nothing").status, 404);
    const Answer answer = pond("DELETE", "sim/8910300000000000000/status");
    EXPECT_EQ(answer.status, 405);
    EXPECT_EQ(answer.header("Allow"), "POST, GET");
    EXPECT_EQ(pond("GET", "nothing/here").status, 404);
    EXPECT_EQ(revio("GET", "a/b/c/d/e/f/g/h/i/j").status, 404);
}

TEST_F(HttpServerTest, several_threads_serve_one_state) {
    options_.threads = 3;
    load_fleet(30);
    std::vector<std::unique_ptr<TestClient>> clients;
    for (int i = 0; i < 30; ++i) {
        clients.push_back(std::make_unique<TestClient>(simulator_->port()));
        const std::string body = R"({"simDataServiceStatus":"DISABLED"})";
        clients.back()->send("POST " + std::string(kPondBase) + "/9001/sim/" +
                             std::to_string(8910300000000000000ULL + i) +
                             "/status HTTP/1.1\r\nHost: x\r\n" + pond_headers() +
                             "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    for (auto& each : clients) EXPECT_EQ(each->read().status, 204);
    EXPECT_EQ(summary_of("pond", "sim_status").at("performed"), 30);
}

}  // namespace
}  // namespace carryall::simulators
