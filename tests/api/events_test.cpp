// Live progress as a client reads it.
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

using support::HttpConnection;
using tenants::Role;

class Events : public ApiTest {
  protected:
    static std::string path(std::int64_t change) {
        return "/v1/bulk-changes/" + std::to_string(change) + "/events";
    }
    static void subscribe(HttpConnection& connection, std::int64_t change) {
        connection.send_request("GET", path(change), as(own(), Role::viewer));
        const std::string head = connection.read_until("\r\n\r\n");
        EXPECT_NE(head.find(" 200 "), std::string::npos) << head;
        EXPECT_NE(head.find("text/event-stream"), std::string::npos) << head;
        EXPECT_NE(connection.read_until("event: snapshot").size(), 0u);
    }
    static void set(std::int64_t change, const std::string& assignments, bool notify = true) {
        const std::string id = std::to_string(change);
        database().run("UPDATE bulk_change SET " + assignments + " WHERE bulk_change_id = " + id);
        if (notify) {
            database().run("SELECT pg_notify('carryall_bulk_change', '" +
                           base::to_string(own().id) + ':' + id + "')");
        }
    }
    // A change with one device, not started.
    static std::int64_t new_change() {
        const auto reply =
            ask("POST", "/v1/bulk-changes",
                R"({"serviceProviderId":)" + std::to_string(own().ids.at("serviceProviderId")) +
                    R"(,"changeType":"statusupdate","statusUpdate":{"updateStatus":"suspended"},)"
                    R"("processChanges":false,"devices":[")" +
                    kOwnIccid + "\"]}");
        EXPECT_EQ(reply.status, 202) << reply.body;
        return json_of(reply).at("bulkChangeId").as_int64();
    }
    static constexpr const char* kFinished =
        "status = 'PROCESSED', new_count = 0, processed_count = 1, finished_at = now()";
};

TEST_F(Events, a_stream_begins_with_the_present_and_ends_with_the_change) {
    const std::int64_t change = new_change();
    HttpConnection connection(running().port());
    subscribe(connection, change);
    set(change, "status = 'PROCESSING'");
    connection.read_until("event: progress");
    EXPECT_NE(connection.read_until("\n\n").find("\"status\":\"PROCESSING\""), std::string::npos);
    set(change, kFinished);
    connection.read_until("event: finished");
    EXPECT_NE(connection.read_until("\n\n").find("\"processed\":1"), std::string::npos);
    EXPECT_TRUE(connection.closed_by_peer());
}

TEST_F(Events, a_finished_change_is_told_at_once) {
    const auto reply = ask("GET", path(own().finished_change));
    EXPECT_EQ(reply.status, 200);
    EXPECT_LT(reply.body.find("event: snapshot"), reply.body.find("event: finished"));
    EXPECT_NE(reply.body.find("\"finished\":true"), std::string::npos);
}

TEST_F(Events, a_lost_notification_costs_one_poll) {
    const std::int64_t change = new_change();
    HttpConnection connection(running().port());
    subscribe(connection, change);
    set(change, kFinished, /*notify=*/false);
    connection.read_until("event: finished");
}

TEST_F(Events, a_client_that_does_not_read_holds_up_nobody) {
    const std::int64_t change = new_change();
    HttpConnection idle(running().port());
    idle.send_request("GET", path(change), as(own(), Role::viewer));
    HttpConnection reader(running().port());
    subscribe(reader, change);
    set(change, kFinished);
    reader.read_until("event: finished");
    EXPECT_EQ(ask("GET", "/v1/me").status, 200);
}

TEST_F(Events, a_client_that_went_away_is_forgotten) {
    const std::int64_t change = new_change();
    {
        HttpConnection gone(running().port());
        subscribe(gone, change);
    }
    HttpConnection reader(running().port());
    subscribe(reader, change);
    set(change, "status = 'PROCESSING'");
    reader.read_until("event: progress");
}

}  // namespace
}  // namespace carryall::api_tests
