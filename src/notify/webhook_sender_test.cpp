// Webhooks over real sockets to receivers that behave and that do not.
#include "notify/webhook_sender.hpp"

#include "support/notify.hpp"
#include "support/receiver.hpp"

namespace carryall::notify {
namespace {

using namespace std::chrono_literals;

class WebhookSenderTest : public NotifyTest {
  protected:
    void SetUp() override {
        NotifyTest::SetUp();
        start(rules_);
    }
    void start(const WebhookRules& rules) {
        sender_.reset();
        client_ = http::make_client(webhook_client_options(rules));
        sender_ = std::make_unique<WebhookSender>(
            WebhookSenderSettings{base::Secret(database().app_conninfo()), 15s, ""}, key_,
            *client_);
    }
    // Until nothing is due and nothing is in flight.
    void work() {
        for (int i = 0; i < 2'000; ++i) {
            const auto worked = sender_->work(10ms);
            ASSERT_TRUE(worked) << worked.error().message;
            const auto due = due_tenants(*connection_);
            ASSERT_TRUE(due);
            if (sender_->in_flight() == 0 && due->empty()) return;
        }
        FAIL() << "it does not come to an end";
    }
    static std::string last_error() {
        return sql(
            "SELECT coalesce(error, '') FROM delivery_attempt ORDER BY delivery_id DESC, "
            "attempt DESC LIMIT 1");
    }

    Receiver receiver_;
    std::unique_ptr<http::Client> client_;
    std::unique_ptr<WebhookSender> sender_;
};

TEST_F(WebhookSenderTest, an_event_arrives_signed_as_the_specification_says) {
    make_webhook(receiver_.url("/hook"));
    const EventId event = emit();
    work();
    const auto received = receiver_.received("/hook");
    ASSERT_EQ(received.size(), 1U);
    const Received& one = received[0];
    EXPECT_EQ(one.headers.at("webhook-id"), "evt_" + base::to_string(event));
    EXPECT_EQ(one.headers.at("content-type"), "application/json");
    EXPECT_TRUE(one.headers.at("webhook-signature").starts_with("v1,"));
    const base::json::value body = base::json::parse(one.body);
    EXPECT_EQ(body.at("type").as_string(), "bulk_change.finished");
    EXPECT_EQ(body.at("data").at("bulkChangeId").as_int64(), 17);
    EXPECT_EQ(states(), "sent");
    EXPECT_EQ(sql("SELECT status::text FROM delivery_attempt"), "204");
}

TEST_F(WebhookSenderTest, a_receiver_that_fails_gets_it_again_with_the_same_id_and_body) {
    make_webhook(receiver_.url("/flaky"));
    receiver_.answers("/flaky", {Receiver::status(500, "", "oh no"), Receiver::status(200)});
    emit();
    work();
    EXPECT_EQ(states(), "queued");
    EXPECT_EQ(sql("SELECT status || answer FROM delivery_attempt"), "500oh no");
    let_time_come();
    work();
    EXPECT_EQ(states(), "sent");
    const auto received = receiver_.received("/flaky");
    ASSERT_EQ(received.size(), 2U);
    EXPECT_EQ(received[0].headers.at("webhook-id"), received[1].headers.at("webhook-id"));
    EXPECT_EQ(received[0].body, received[1].body);
}

TEST_F(WebhookSenderTest, bad_receivers_are_tried_later_and_hold_up_nobody) {
    for (const char* path : {"/closes", "/redirects", "/garbage"})
        make_webhook(receiver_.url(path));
    make_webhook(receiver_.url("/huge"));
    make_webhook(receiver_.url("/hangs"));
    make_webhook(receiver_.url("/good"));
    receiver_.answers("/closes", {""});
    receiver_.answers("/redirects",
                      {Receiver::status(302, "Location: " + receiver_.url("/secret") + "\r\n")});
    receiver_.answers("/garbage", {"this is no HTTP\r\n\r\n"});
    receiver_.answers("/huge", {Receiver::status(200, "", std::string(1U << 20, 'x'))});
    receiver_.answers("/hangs", {"hang"});
    emit();
    for (int i = 0; i < 2'000 && sql("SELECT count(*) FROM delivery_attempt") != "5"; ++i) {
        ASSERT_TRUE(sender_->work(10ms));
    }
    EXPECT_EQ(states(), "queued queued queued sent sending sent");
    EXPECT_TRUE(receiver_.received("/secret").empty());
    client_->cancel_all();
    ASSERT_TRUE(sender_->finish());
    EXPECT_EQ(states(), "queued queued queued sent queued sent");
}

TEST_F(WebhookSenderTest, an_address_inside_the_network_is_refused_when_connected_to) {
    make_webhook(receiver_.url("/inside"));
    emit();
    start({true, {}});
    work();
    EXPECT_TRUE(receiver_.received("/inside").empty());
    EXPECT_NE(last_error().find("127.0.0.1"), std::string::npos) << last_error();
    EXPECT_NE(last_error().find("outbound guard"), std::string::npos) << last_error();
}

// What a name means when the webhook is made and what it means later may differ: the guard judges
// the address that is connected to. `localhost` stands for any such name.
TEST_F(WebhookSenderTest, a_name_that_leads_inside_by_now_is_refused_when_connected_to) {
    make_webhook(receiver_.url("/inside"));
    std::string url = receiver_.url("/inside");
    url.replace(url.find("127.0.0.1"), 9, "localhost");
    database().run("UPDATE webhook SET url = '" + url + "'");
    emit();
    start({true, {}});
    work();
    EXPECT_TRUE(receiver_.received("/inside").empty());
    EXPECT_NE(last_error().find("outbound guard"), std::string::npos) << last_error();
}

TEST_F(WebhookSenderTest, without_tls_nothing_is_sent_unless_allowed) {
    make_webhook(receiver_.url("/plain"));
    emit();
    start({false, rules_.private_networks});
    work();
    EXPECT_TRUE(receiver_.received("/plain").empty());
    EXPECT_EQ(states(), "queued");
}

TEST_F(WebhookSenderTest, a_secret_of_another_master_key_is_a_failure_that_says_so) {
    make_webhook(receiver_.url("/hook"));
    emit();
    key_ = base::MasterKey::generate();
    start(rules_);
    work();
    EXPECT_TRUE(receiver_.received("/hook").empty());
    EXPECT_NE(last_error().find("master key"), std::string::npos) << last_error();
}

TEST_F(WebhookSenderTest, many_events_go_out_and_each_once) {
    make_webhook(receiver_.url("/many"));
    database().run(
        "SELECT emit_event(1, 'bulk_change.paused', 'bulk_change/1', '{}') FROM "
        "generate_series(1, 450)");
    work();
    EXPECT_EQ(sql("SELECT count(*) FROM delivery WHERE state = 'sent'"), "450");
    EXPECT_EQ(receiver_.received("/many").size(), 450U);
}

TEST_F(WebhookSenderTest, a_lost_database_loses_no_answer) {
    make_webhook(receiver_.url("/hook"));
    emit();
    while (receiver_.received("/hook").empty()) ASSERT_TRUE(sender_->work(10ms));
    database().run(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = "
        "'carryall notify' AND datname = current_database()");
    for (int i = 0; i < 1'000 && states() != "sent"; ++i) (void)sender_->work(10ms);
    EXPECT_EQ(states(), "sent");
    EXPECT_EQ(receiver_.received("/hook").size(), 1U);
}

}  // namespace
}  // namespace carryall::notify
