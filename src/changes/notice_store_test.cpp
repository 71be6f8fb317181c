// Carriers' messages and the device changes they are about, on real PostgreSQL: early, late, twice,
// in any order, for nobody, for somebody else.
#include "accounts/callbacks.hpp"
#include "changes/notices.hpp"
#include "support/database.hpp"

namespace carryall::changes {
namespace {

constexpr std::int64_t kOurs = 1;
constexpr std::int64_t kTheirs = 2;

// Two tenants with an account each and the same lines; each has a change of four devices in two
// pages. Ours waits for the request "r-1", of which the first page is known.
class NoticeStoreTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant RESTART IDENTITY CASCADE;
            TRUNCATE carrier_callback, device_change, queue_message RESTART IDENTITY CASCADE;
            INSERT INTO tenant (name) VALUES ('one'), ('two');
            INSERT INTO service_provider (tenant_id, name, integration)
                VALUES (1, 'verizon', 'thingspace'), (2, 'verizon', 'thingspace');
            INSERT INTO device (tenant_id, service_provider_id, portal, iccid, imei, msisdn, status)
                SELECT t, t, 'm2m', '891480000000000' || lpad(i::text, 4, '0') || '7',
                       '99000000000001' || i,
                       '155501001' || lpad(i::text, 2, '0'), 'Active'
                FROM generate_series(1, 2) t, generate_series(1, 4) i
                ORDER BY t, i;)");
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened);
        connection_ = std::move(opened).value();
        ours_ = make_change(kOurs);
        theirs_ = make_change(kTheirs);
        know_request(kOurs, ours_, "r-1", 1);
        database().run("UPDATE change_page SET available_at = now() + interval '30 minutes'");
    }

    BulkChangeId make_change(std::int64_t tenant) {
        const std::string t = std::to_string(tenant);
        const std::int64_t id = std::stoll(value(
            "INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status,"
            " request, source, correlation_id, created_by, device_count, new_count, waiting_count,"
            " error_count, open_page_count) VALUES (" +
            t + ", " + t +
            ", 'statusupdate', 'm2m', 'PROCESSING', '{}', 'json', 'c', 'test', 4, 0, 4, 0, 2)"
            " RETURNING bulk_change_id"));
        const std::string base = std::to_string(id << kOrdinalBits);
        database().run(
            "INSERT INTO device_change (device_change_id, tenant_id, device_id, row_number,"
            " identifier, state, due_at, sent_at) SELECT " +
            base + " + row_number() OVER (ORDER BY device_id), " + t +
            ", device_id, row_number() OVER (ORDER BY device_id), iccid, 'waiting',"
            " now() + interval '30 minutes', now() FROM device WHERE tenant_id = " +
            t +
            ";"
            " INSERT INTO change_page (bulk_change_id, page_number, tenant_id,"
            " first_device_change_id, last_device_change_id) SELECT " +
            std::to_string(id) + ", p, " + t + ", " + base + " + 2 * p - 1, " + base +
            " + 2 * p FROM generate_series(1, 2) p");
        return {id};
    }

    void know_request(std::int64_t tenant, BulkChangeId change, const std::string& reference,
                      int page) {
        database().run(
            "INSERT INTO carrier_request (tenant_id, service_provider_id, reference,"
            " bulk_change_id, page_number) VALUES (" +
            std::to_string(tenant) + ", " + std::to_string(tenant) + ", '" + reference + "', " +
            base::to_string(change) + ", " + std::to_string(page) + ")");
    }

    static std::string iccid(int number) {
        return "891480000000000000" + std::to_string(number) + '7';
    }

    // One that names the line by its ICCID, unless said otherwise.
    static accounts::ReceivedCallback callback(const std::string& reference, int line,
                                               const std::string& status = "Success",
                                               int count = 1) {
        accounts::ReceivedCallback received;
        received.tenant_id = kOurs;
        received.service_provider_id = kOurs;
        received.remote_address = "3.87.163.45";
        received.body = {{"username", "cbuser"}, {"password", "cbpass"}, {"requestId", reference},
                         {"line", iccid(line)},  {"status", status},     {"callbackCount", count}};
        received.notice.reference = reference;
        received.notice.iccids = {iccid(line)};
        return received;
    }

    void receive(const std::vector<accounts::ReceivedCallback>& callbacks) {
        std::vector<const accounts::ReceivedCallback*> all;
        for (const auto& one : callbacks) all.push_back(&one);
        const auto stored =
            accounts::store_callbacks(*connection_, callbacks.front().tenant_id, all);
        ASSERT_TRUE(stored) << stored.error().message;
    }

    MatchedNotices match(std::int64_t tenant = kOurs) {
        const auto matched = match_notices(*connection_, tenant);
        EXPECT_TRUE(matched) << matched.error().message;
        return matched ? *matched : MatchedNotices{};
    }
    // As if the time for another look had come.
    void let_time_pass(const std::string& interval = "1 second") {
        database().run("UPDATE carrier_callback SET received_at = received_at - interval '" +
                       interval + "', look_at = least(look_at, now())");
    }

    std::string value(const std::string& sql) { return database().value(sql); }
    std::string states() {
        return value(
            "SELECT string_agg(state, ',' ORDER BY carrier_callback_id) FROM carrier_callback");
    }
    // The statuses that our device change was told, in their order.
    std::string told(int ordinal) {
        return value(
            "SELECT coalesce((SELECT string_agg(n ->> 'status', ',' ORDER BY at) FROM"
            " jsonb_array_elements(notices) WITH ORDINALITY AS x(n, at)), '') FROM device_change"
            " WHERE device_change_id = " +
            std::to_string((ours_.value << kOrdinalBits) + ordinal));
    }
    std::string told_in_all() {
        return value("SELECT coalesce(sum(jsonb_array_length(notices)), 0) FROM device_change");
    }

    std::unique_ptr<db::Connection> connection_;
    BulkChangeId ours_;
    BulkChangeId theirs_;
};

TEST_F(NoticeStoreTest, a_message_reaches_the_one_device_change_it_is_about_and_makes_it_due) {
    receive({callback("r-1", 2)});
    const MatchedNotices matched = match();
    EXPECT_EQ(matched.looked_at, 1);
    EXPECT_EQ(matched.matched, 1);
    EXPECT_EQ(told(2), "Success");
    EXPECT_EQ(told_in_all(), "1");
    EXPECT_EQ(value("SELECT string_agg(page_number::text, ',') FROM change_page"
                    " WHERE available_at <= now()"),
              "1");
    EXPECT_EQ(value("SELECT string_agg((device_change_id & 1048575)::text, ',') FROM device_change"
                    " WHERE due_at <= now()"),
              "2");
    EXPECT_EQ(value("SELECT state || (device_change_id & 1048575) || (matched_at IS NOT NULL)"
                    " FROM carrier_callback"),
              "matched2true");
    EXPECT_EQ(match().looked_at, 0) << "what is matched is looked at no more";
}

TEST_F(NoticeStoreTest, nothing_of_the_credentials_reaches_the_database) {
    accounts::ReceivedCallback with_line_password = callback("r-1", 1);
    with_line_password.body["deviceResponse"] = base::json::object{
        {"activateResponse",
         base::json::object{{"deviceCredential", base::json::object{{"username", "line-user"},
                                                                    {"password", "line-pass"}}}}}};
    receive({with_line_password});
    match();
    for (const char* secret : {"cbuser", "cbpass", "line-pass"}) {
        EXPECT_EQ(value("SELECT count(*) FROM carrier_callback, device_change WHERE body LIKE '%" +
                        std::string(secret) + "%' OR notices::text LIKE '%" + secret + "%'"),
                  "0")
            << secret;
    }
    EXPECT_EQ(value("SELECT count(*) FROM carrier_callback WHERE body LIKE '%line-user%'"), "1");
}

TEST_F(NoticeStoreTest, any_identifier_of_the_line_will_do) {
    std::vector<accounts::ReceivedCallback> callbacks;
    for (const int line : {1, 2}) {
        callbacks.push_back(callback("r-1", line));
        callbacks.back().notice.iccids.clear();
    }
    callbacks[0].notice.imeis = {"990000000000011"};
    callbacks[1].notice.msisdns = {"5550100102", "15550100102"};
    receive(callbacks);
    EXPECT_EQ(match().matched, 2);
    EXPECT_EQ(told(1), "Success");
    EXPECT_EQ(told(2), "Success");
}

TEST_F(NoticeStoreTest,
       a_message_from_before_the_row_of_its_request_is_matched_once_that_is_there) {
    receive({callback("r-early", 3)});
    EXPECT_EQ(match().matched, 0);
    EXPECT_EQ(states(), "new");
    know_request(kOurs, ours_, "r-early", 2);
    EXPECT_EQ(match().looked_at, 0) << "it has been looked at a moment ago";
    let_time_pass();
    EXPECT_EQ(match().matched, 1);
    EXPECT_EQ(told(3), "Success");
}

TEST_F(NoticeStoreTest, the_same_message_again_is_repeated_and_tells_nothing_new) {
    receive({callback("r-1", 1, "Success", 1)});
    match();
    receive({callback("r-1", 1, "Success", 2), callback("r-1", 1, "Success", 3)});
    EXPECT_EQ(match().matched, 0);
    EXPECT_EQ(states(), "matched,repeated,repeated");
    EXPECT_EQ(told(1), "Success");
}

TEST_F(NoticeStoreTest, two_of_the_same_at_once_are_one) {
    receive({callback("r-1", 1, "Success", 1), callback("r-1", 1, "Success", 2)});
    EXPECT_EQ(match().matched, 1);
    EXPECT_EQ(states(), "matched,repeated");
    EXPECT_EQ(told(1), "Success");
}

TEST_F(NoticeStoreTest, messages_of_one_request_come_in_any_order_and_those_of_a_line_keep_theirs) {
    receive({callback("r-1", 2, "Failed"), callback("r-1", 1), callback("r-1", 2)});
    EXPECT_EQ(match().matched, 3);
    EXPECT_EQ(told(1), "Success");
    EXPECT_EQ(told(2), "Failed,Success");
    receive({callback("r-1", 2, "Failure")});
    EXPECT_EQ(match().matched, 1);
    EXPECT_EQ(told(2), "Failed,Success,Failure");
}

TEST_F(NoticeStoreTest, a_page_that_a_worker_holds_is_left_alone_until_it_is_given_back) {
    database().run("UPDATE change_page SET state = 'sending', worker = 'w' WHERE page_number = 1");
    receive({callback("r-1", 1)});
    EXPECT_EQ(match().matched, 0);
    EXPECT_EQ(told_in_all(), "0");
    EXPECT_EQ(states(), "new");
    database().run(
        "UPDATE change_page SET state = 'ready', worker = NULL, available_at = now()"
        " + interval '30 minutes' WHERE page_number = 1");
    let_time_pass();
    EXPECT_EQ(match().matched, 1);
    EXPECT_EQ(told(1), "Success");
}

TEST_F(NoticeStoreTest, a_page_that_is_just_being_claimed_is_not_waited_for) {
    support::Connection worker(database().admin_conninfo());
    worker.run("BEGIN");
    worker.run("SELECT FROM change_page WHERE page_number = 1 FOR UPDATE");
    receive({callback("r-1", 1)});
    EXPECT_EQ(match().matched, 0);
    worker.run("COMMIT");
    let_time_pass();
    EXPECT_EQ(match().matched, 1);
}

TEST_F(NoticeStoreTest, a_message_about_an_unknown_request_is_an_orphan_after_two_minutes) {
    receive({callback("r-unknown", 1)});
    match();
    EXPECT_EQ(states(), "new");
    let_time_pass("2 minutes");
    EXPECT_EQ(match().matched, 0);
    EXPECT_EQ(states(), "orphan");
    // It finds its request even then.
    know_request(kOurs, ours_, "r-unknown", 1);
    let_time_pass();
    EXPECT_EQ(match().matched, 1);
    EXPECT_EQ(states(), "matched");
    EXPECT_EQ(told(1), "Success");
}

TEST_F(NoticeStoreTest, after_a_week_an_orphan_is_looked_at_no_more) {
    receive({callback("r-unknown", 1)});
    let_time_pass("8 days");
    EXPECT_EQ(match().looked_at, 1);
    EXPECT_EQ(states(), "orphan");
    EXPECT_EQ(value("SELECT look_at FROM carrier_callback"), "infinity");
}

TEST_F(NoticeStoreTest, a_line_that_is_not_of_this_request_gets_nothing) {
    // The first is nobody's line; the third belongs to the change, but to another page's request.
    receive({callback("r-1", 9), callback("r-1", 3)});
    EXPECT_EQ(match().matched, 0);
    let_time_pass("3 minutes");
    match();
    EXPECT_EQ(states(), "orphan,orphan");
    EXPECT_EQ(told_in_all(), "0");
}

TEST_F(NoticeStoreTest, another_tenants_request_of_the_same_id_is_not_touched) {
    know_request(kTheirs, theirs_, "r-1", 1);
    know_request(kTheirs, theirs_, "r-theirs", 1);
    receive({callback("r-1", 1), callback("r-theirs", 1)});
    EXPECT_EQ(match(kTheirs).looked_at, 0);
    EXPECT_EQ(match(kOurs).matched, 1);
    EXPECT_EQ(told(1), "Success");
    EXPECT_EQ(states(), "matched,new");
    EXPECT_EQ(value("SELECT count(notices) FROM device_change WHERE tenant_id = 2"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM change_page WHERE tenant_id = 2 AND available_at <="
                    " now()"),
              "0");
}

TEST_F(NoticeStoreTest, another_accounts_request_of_the_same_id_is_not_touched) {
    database().run(
        "INSERT INTO service_provider (tenant_id, name, integration)"
        " VALUES (1, 'second', 'thingspace')");
    accounts::ReceivedCallback from_the_second = callback("r-1", 1);
    from_the_second.service_provider_id = 3;
    receive({from_the_second});
    EXPECT_EQ(match().matched, 0);
    EXPECT_EQ(told_in_all(), "0");
}

TEST_F(NoticeStoreTest, a_device_change_that_has_ended_is_matched_and_not_changed) {
    const std::string first = std::to_string((ours_.value << kOrdinalBits) + 1);
    database().run(
        "UPDATE device_change SET state = 'processed', finished_at = now() WHERE"
        " device_change_id = " +
        first);
    const std::string before = value(
        "SELECT c::text FROM device_change c WHERE device_change_id"
        " = " +
        first);
    receive({callback("r-1", 1)});
    EXPECT_EQ(match().matched, 1);
    EXPECT_EQ(states(), "matched");
    EXPECT_EQ(value("SELECT c::text FROM device_change c WHERE device_change_id = " + first),
              before);
    EXPECT_EQ(value("SELECT count(*) FROM change_page WHERE available_at <= now()"), "0");
}

TEST_F(NoticeStoreTest, a_message_about_no_request_of_ours_is_kept_and_not_looked_at) {
    receive({callback("", 1)});
    EXPECT_EQ(states(), "unasked");
    EXPECT_EQ(match().looked_at, 0);
}

TEST_F(NoticeStoreTest,
       the_delayed_message_of_the_change_is_received_at_once_and_workers_hear_of_it) {
    const auto add_message = [&](std::int64_t tenant, BulkChangeId change) {
        database().run(
            "INSERT INTO queue_message (queue, body, attributes, visible_at) VALUES"
            " ('bulk_change', '{}', '{\"TenantId\": \"" +
            std::to_string(tenant) + "\", \"BulkChangeId\": \"" + base::to_string(change) +
            "\"}', now() + interval '30 minutes')");
    };
    add_message(kOurs, ours_);
    add_message(kTheirs, theirs_);
    auto ear = db::Connection::open(base::Secret(database().app_conninfo()));
    ASSERT_TRUE(ear);
    ASSERT_TRUE((*ear)->listen("carryall_queue"));
    receive({callback("r-1", 1)});
    match();
    EXPECT_EQ(value("SELECT string_agg(message_id::text, ',') FROM queue_message WHERE visible_at"
                    " <= now()"),
              "1");
    const auto heard = (*ear)->wait_for_notifications(std::chrono::seconds(10));
    ASSERT_TRUE(heard);
    ASSERT_EQ(heard->size(), 1U);
    EXPECT_EQ(heard->front().second, "bulk_change");
}

TEST_F(NoticeStoreTest, storing_tells_workers_whose_messages_came) {
    auto ear = db::Connection::open(base::Secret(database().app_conninfo()));
    ASSERT_TRUE(ear);
    ASSERT_TRUE((*ear)->listen("carryall_callback"));
    receive({callback("r-1", 1), callback("r-1", 2)});
    const auto heard = (*ear)->wait_for_notifications(std::chrono::seconds(10));
    ASSERT_TRUE(heard);
    ASSERT_EQ(heard->size(), 1U) << "once for all that came together";
    EXPECT_EQ(heard->front().second, "1");
}

TEST_F(NoticeStoreTest, a_large_number_of_messages_is_taken_in_bounded_passes) {
    receive({callback("r-1", 1), callback("r-1", 2), callback("r-1", 1, "Failed")});
    const auto first = match_notices(*connection_, kOurs, 2);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->looked_at, 2);
    const auto rest = match_notices(*connection_, kOurs, 2);
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->looked_at, 1);
    EXPECT_EQ(states(), "matched,matched,matched");
}

}  // namespace
}  // namespace carryall::changes
