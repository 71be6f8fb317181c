// The tests' own tools, tested: a helper that always says yes would hide every fault it should
// show.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "support/database.hpp"
#include "support/http_client.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace carryall::support {
namespace {

// Answers one connection with fixed bytes, after reading the head of one request.
class OneReplyServer {
  public:
    explicit OneReplyServer(std::string reply) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener_, 1), 0);
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this, reply = std::move(reply)] {
            const int peer = ::accept(listener_, nullptr, nullptr);
            char byte = 0;
            while (!received_.ends_with("\r\n\r\n") && ::read(peer, &byte, 1) == 1) {
                received_ += byte;
            }
            EXPECT_EQ(::write(peer, reply.data(), reply.size()),
                      static_cast<ssize_t>(reply.size()));
            ::close(peer);
        });
    }
    ~OneReplyServer() {
        if (thread_.joinable()) thread_.join();
        ::close(listener_);
    }
    OneReplyServer(const OneReplyServer&) = delete;
    OneReplyServer& operator=(const OneReplyServer&) = delete;

    int port() const { return port_; }
    std::string received() {
        thread_.join();
        return received_;
    }

  private:
    int listener_;
    int port_ = 0;
    std::string received_;
    std::thread thread_;
};

TEST(TempDirTest, a_folder_is_new_and_goes_with_its_object) {
    std::filesystem::path path;
    {
        const TempDir first;
        const TempDir second;
        EXPECT_NE(first.path(), second.path());
        path = first.path();
        std::filesystem::create_directories(path / "a" / "b");
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ProcessTest, output_and_status_of_a_program_are_seen_whole) {
    const Finished finished = run_to_end({"sh", "-c", "echo to out; echo to err >&2; exit 3"});
    EXPECT_EQ(finished.status, 3);
    EXPECT_EQ(finished.out, "to out\n");
    EXPECT_EQ(finished.err, "to err\n");
}

TEST(ProcessTest, a_program_that_writes_more_than_a_pipe_holds_is_not_blocked) {
    EXPECT_EQ(run_to_end({"head", "-c", "3000000", "/dev/zero"}).out.size(), 3000000U);
}

TEST(ProcessTest, lines_are_waited_for_in_order) {
    Process process({"sh", "-c", "echo one; echo ready on 1; echo ready on 2; exec cat /dev/zero"});
    EXPECT_EQ(process.wait_for_line("ready"), "ready on 1");
    EXPECT_EQ(process.wait_for_line("ready"), "ready on 2");
}

TEST(ProcessTest, a_line_that_never_comes_is_an_error_and_shows_what_was_written) {
    Process process({"sh", "-c", "echo something else"});
    try {
        process.wait_for_line("ready");
        FAIL() << "found a line that was not there";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("something else"), std::string::npos);
    }
}

TEST(ProcessTest, a_killed_program_reports_its_signal) {
    Process crashing({"sh", "-c", "echo up; exec tail -f /dev/null"});
    crashing.wait_for_line("up");
    crashing.kill9();
    EXPECT_EQ(crashing.wait(), -SIGKILL);
    Process polite({"sh", "-c", "trap 'echo bye; exit 0' TERM; echo up; while :; do read x; done"});
    polite.wait_for_line("up");
    polite.terminate();
    EXPECT_EQ(polite.wait(), 0);
    EXPECT_NE(polite.output().find("bye"), std::string::npos);
}

TEST(ProcessTest, the_environment_is_changed_for_the_child_only) {
    EXPECT_EQ(run_to_end({"sh", "-c", "echo $CARRYALL_X"}, {{"CARRYALL_X", "1"}}).out, "1\n");
    EXPECT_EQ(run_to_end({"sh", "-c", "echo $CARRYALL_X"}).out, "\n");
    EXPECT_EQ(run_to_end({"no-such-program-anywhere"}).status, 127);
}

TEST(HttpClientTest, a_reply_with_a_length_is_read_and_the_request_is_well_formed) {
    OneReplyServer server("HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-A:  b \r\n\r\nok");
    const HttpReply reply = http_request(server.port(), "GET", "/a?b=c", {{"X-Key", "k"}});
    EXPECT_EQ(reply.status, 201);
    EXPECT_EQ(reply.header("x-a"), "b");
    EXPECT_EQ(reply.body, "ok");
    EXPECT_EQ(server.received(),
              "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Key: k\r\nConnection: close\r\n\r\n");
}

TEST(HttpClientTest, chunks_are_joined) {
    OneReplyServer server(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    EXPECT_EQ(http_request(server.port(), "GET", "/").body, "abcde");
}

TEST(HttpClientTest, a_reply_cut_short_is_an_error) {
    OneReplyServer server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    EXPECT_THROW(http_request(server.port(), "GET", "/"), std::runtime_error);
}

TEST(HttpClientTest, events_of_a_stream_are_read_one_by_one) {
    OneReplyServer server("HTTP/1.1 200 OK\r\n\r\ndata: 1\n\ndata: 2\n\n");
    HttpConnection connection(server.port());
    connection.send_request("GET", "/events");
    connection.read_until("\r\n\r\n");
    EXPECT_EQ(connection.read_until("\n\n"), "data: 1\n\n");
    EXPECT_EQ(connection.read_until("\n\n"), "data: 2\n\n");
    EXPECT_TRUE(connection.closed_by_peer());
}

class TestDatabaseTest : public DatabaseTest {};

TEST_F(TestDatabaseTest, roles_are_who_they_should_be) {
    EXPECT_EQ(Connection(database().owner_conninfo()).value("SELECT current_user"),
              "carryall_owner");
    EXPECT_EQ(Connection(database().app_conninfo()).value("SELECT current_user"), "carryall_app");
    EXPECT_EQ(database().value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"), "t");
}

TEST_F(TestDatabaseTest, two_databases_do_not_see_each_other) {
    TestDatabase other;
    ASSERT_NE(other.name(), database().name());
    Connection(database().owner_conninfo()).run("CREATE TABLE only_here (a text)");
    database().run("INSERT INTO only_here VALUES ('x'), (NULL)");
    EXPECT_EQ(database().rows("SELECT a FROM only_here ORDER BY a"),
              (std::vector<std::vector<std::string>>{{"x"}, {"<null>"}}));
    EXPECT_THROW(other.value("SELECT count(*) FROM only_here"), std::runtime_error);
}

TEST_F(TestDatabaseTest, a_database_is_dropped_with_its_object) {
    std::string name;
    {
        TestDatabase short_lived;
        name = short_lived.name();
    }
    EXPECT_EQ(database().value("SELECT count(*) FROM pg_database WHERE datname = '" + name + "'"),
              "0");
}

TEST_F(TestDatabaseTest, a_failed_statement_is_an_error_that_shows_it) {
    try {
        database().run("SELECT nonsense");
        FAIL() << "nonsense was accepted";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("nonsense"), std::string::npos);
    }
}

TEST_F(TestDatabaseTest, an_empty_database_is_empty_and_the_owners) {
    EmptyDatabase empty;
    Connection owner(empty.owner_conninfo());
    EXPECT_EQ(owner.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    owner.run("CREATE TABLE mine (a int)");
}

}  // namespace
}  // namespace carryall::support
