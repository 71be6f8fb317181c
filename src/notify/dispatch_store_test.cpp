// Events, their deliveries and what becomes of them, on real PostgreSQL.
#include "support/notify.hpp"

namespace carryall::notify {
namespace {

using namespace std::chrono_literals;

class DispatchTest : public NotifyTest {
  protected:
    std::vector<ClaimedWebhook> claim(int limit = kWebhooksAtOnce) {
        auto claimed = claim_webhooks(*connection_, 1, limit, 60s);
        EXPECT_TRUE(claimed) << (claimed ? "" : claimed.error().message);
        return std::move(claimed).value();
    }
    void complete(const ClaimedWebhook& webhook, int status) {
        http::ClientResponse response;
        response.transport = http::Transport::ok;
        response.status = status;
        complete_as(webhook, judge(response, webhook.failed, 0));
    }
    void complete_as(const ClaimedWebhook& webhook, Verdict verdict) {
        const auto done =
            complete_deliveries(*connection_, 1,
                                {{webhook.id, webhook.attempt, webhook.webhook_id,
                                  std::move(verdict), base::system_clock().now(), 12ms}});
        EXPECT_TRUE(done) << (done ? "" : done.error().message);
    }
};

TEST_F(DispatchTest, an_event_becomes_one_delivery_to_each_that_listens_and_only_once) {
    make_webhook("http://127.0.0.1/all");
    make_webhook("http://127.0.0.1/some", {"bulk_change.finished"});
    make_webhook("http://127.0.0.1/others", {"bulk_change.paused"});
    make_recipient("a@example.com", {"bulk_change.finished"});
    make_recipient("b@example.com", {"device_change.parked"});
    emit();
    EXPECT_EQ(route(), 1);
    EXPECT_EQ(route(), 0);
    EXPECT_EQ(sql("SELECT string_agg(coalesce(w.url, d.address), ' ' ORDER BY delivery_id) FROM "
                  "delivery d LEFT JOIN webhook w USING (webhook_id)"),
              "http://127.0.0.1/all http://127.0.0.1/some a@example.com");
    database().run("UPDATE event SET routed_at = NULL");
    EXPECT_EQ(route(), 1);
    EXPECT_EQ(sql("SELECT count(*) FROM delivery"), "3");
}

TEST_F(DispatchTest, an_event_that_commits_late_is_not_missed) {
    make_webhook("http://127.0.0.1/");
    support::Connection slow(database().admin_conninfo());
    slow.run("BEGIN");
    slow.run("SELECT emit_event(1, 'bulk_change.paused', 'bulk_change/1', '{}')");
    emit();
    EXPECT_EQ(route(), 1);
    slow.run("COMMIT");
    EXPECT_EQ(route(), 1);
    EXPECT_EQ(sql("SELECT count(*) FROM delivery"), "2");
}

TEST_F(DispatchTest, an_event_of_a_transaction_that_failed_never_was) {
    support::Connection other(database().admin_conninfo());
    other.run("BEGIN");
    other.run("SELECT emit_event(1, 'bulk_change.paused', 'bulk_change/1', '{}')");
    other.run("ROLLBACK");
    EXPECT_EQ(route(), 0);
}

TEST_F(DispatchTest, nobody_hears_of_what_happened_before_they_listened_or_in_another_tenant) {
    emit();
    make_webhook("http://127.0.0.1/");
    make_recipient("a@example.com");
    emit("bulk_change.finished", 2);
    EXPECT_EQ(route(), 1);
    EXPECT_EQ(sql("SELECT count(*) FROM delivery"), "0");
    EXPECT_EQ(sql("SELECT count(*) FROM event WHERE routed_at IS NULL"), "1");
}

TEST_F(DispatchTest, without_a_mail_server_messages_wait_for_a_person) {
    make_recipient("a@example.com");
    emit();
    route("no mail server is configured");
    EXPECT_EQ(sql("SELECT state || ': ' || reason FROM delivery"),
              "parked: no mail server is configured");
}

TEST_F(DispatchTest, only_tenants_with_something_to_do_are_due) {
    EXPECT_TRUE(due_tenants(*connection_)->empty());
    make_webhook("http://127.0.0.1/");
    make_recipient("a@example.com");
    emit();
    const auto due = due_tenants(*connection_);
    ASSERT_TRUE(due && due->size() == 1U);
    EXPECT_EQ((*due)[0].id, 1);
    EXPECT_TRUE((*due)[0].has_events);
    EXPECT_FALSE((*due)[0].has_webhooks);
    route();
    const auto routed = due_tenants(*connection_);
    ASSERT_TRUE(routed && routed->size() == 1U);
    EXPECT_FALSE((*routed)[0].has_events);
    EXPECT_TRUE((*routed)[0].has_webhooks && (*routed)[0].has_mail);
}

TEST_F(DispatchTest, a_delivery_is_claimed_by_one_and_again_when_its_lease_is_over) {
    make_webhook("http://127.0.0.1/");
    emit();
    route();
    const auto first = claim();
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first[0].attempt, 1);
    EXPECT_TRUE(claim().empty());
    let_time_come();
    const auto second = claim();
    ASSERT_EQ(second.size(), 1U);
    EXPECT_EQ(second[0].attempt, 2);
    EXPECT_EQ(second[0].event.id, first[0].event.id);
    complete(first[0], 500);  // of the one that was slow
    EXPECT_EQ(states(), "sending");
    EXPECT_EQ(sql("SELECT count(*) FROM delivery_attempt"), "0");
    complete(second[0], 200);
    EXPECT_EQ(states(), "sent");
    EXPECT_TRUE(claim().empty());
}

TEST_F(DispatchTest, a_receiver_gets_few_at_once_and_others_are_not_held_up) {
    make_webhook("http://127.0.0.1/slow");
    for (int i = 0; i < 10; ++i) emit();
    make_webhook("http://127.0.0.1/quick");
    emit();
    route();
    const auto claimed = claim();
    EXPECT_EQ(claimed.size(), static_cast<std::size_t>(kInFlightPerWebhook) + 1);
    EXPECT_TRUE(claim().empty());
    complete(claimed[0], 200);
    EXPECT_EQ(claim().size(), 1U);
}

TEST_F(DispatchTest, a_failure_is_tried_again_with_its_attempts_kept_and_then_parked) {
    make_webhook("http://127.0.0.1/");
    emit();
    route();
    for (int tries = 1; tries <= 10; ++tries) {
        const auto claimed = claim();
        ASSERT_EQ(claimed.size(), 1U) << tries;
        EXPECT_EQ(claimed[0].failed, tries - 1);
        complete(claimed[0], 500);
        EXPECT_TRUE(claim().empty()) << "not before its time";
        EXPECT_EQ(states(), tries < 10 ? "queued" : "parked");
        let_time_come();
    }
    EXPECT_EQ(sql("SELECT count(*) FROM delivery_attempt WHERE status = 500 AND took_ms = 12"),
              "10");
    EXPECT_EQ(sql("SELECT reason FROM delivery"), "it answered 500");
}

TEST_F(DispatchTest, a_webhook_whose_receiver_is_gone_is_switched_off_and_tells_so) {
    make_recipient("admin@example.com", {"webhook.disabled"});
    make_webhook("http://127.0.0.1/");
    emit();
    emit();
    route();
    const auto claimed = claim(1);
    complete(claimed.at(0), 410);
    EXPECT_EQ(states(), "parked parked");
    EXPECT_EQ(sql("SELECT is_active::text FROM webhook"), "false");
    EXPECT_EQ(sql("SELECT type || ' ' || subject FROM event ORDER BY event_id DESC LIMIT 1"),
              "webhook.disabled webhook/1");
    route();
    EXPECT_EQ(sql("SELECT address || ' ' || subject FROM delivery WHERE address IS NOT NULL"),
              "admin@example.com Webhook 1 was switched off");
}

TEST_F(DispatchTest, a_webhook_that_fails_for_days_is_switched_off_and_one_success_heals_it) {
    make_webhook("http://127.0.0.1/");
    for (int i = 0; i < 3; ++i) emit();
    route();
    complete(claim(1).at(0), 500);
    EXPECT_EQ(sql("SELECT (failing_since IS NOT NULL)::text FROM webhook"), "true");
    complete(claim(1).at(0), 200);
    EXPECT_EQ(sql("SELECT (failing_since IS NULL)::text FROM webhook"), "true");
    let_time_come();
    complete(claim(1).at(0), 500);
    database().run("UPDATE webhook SET failing_since = now() - interval '119 hours'");
    let_time_come();
    complete(claim(1).at(0), 500);
    EXPECT_EQ(sql("SELECT is_active::text FROM webhook"), "true");
    database().run("UPDATE webhook SET failing_since = now() - interval '121 hours'");
    let_time_come();
    complete(claim(1).at(0), 500);
    EXPECT_EQ(sql("SELECT is_active::text || ' ' || disabled_reason FROM webhook"),
              "false every attempt failed for 5 days");
}

TEST_F(DispatchTest, a_mail_whose_worker_died_is_unknown_and_not_sent_again) {
    make_recipient("a@example.com");
    emit();
    route();
    const auto claimed = claim_mail(*connection_, 1, {60s, 60s});
    ASSERT_TRUE(claimed && claimed->has_value());
    EXPECT_EQ((*claimed)->address, "a@example.com");
    EXPECT_EQ((*claimed)->mail.subject, "Bulk change 17 finished: PARTIAL");
    let_time_come();
    const auto again = claim_mail(*connection_, 1, {60s, 60s});
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->has_value());
    EXPECT_EQ(states(), "unknown");
    // The worker was only slow: what it knows is news.
    Verdict sent;
    sent.state = "sent";
    ASSERT_TRUE(complete_deliveries(*connection_, 1,
                                    {{(*claimed)->id, (*claimed)->attempt, WebhookId{}, sent,
                                      base::system_clock().now(), 5ms}}));
    EXPECT_EQ(states(), "sent");
}

TEST_F(DispatchTest, what_has_ended_is_sent_again_by_a_person_and_nothing_else) {
    const auto webhook = make_webhook("http://127.0.0.1/").webhook;
    emit();
    route();
    const DeliveryId id{std::stoll(sql("SELECT delivery_id FROM delivery"))};
    const tenants::TenantId tenant{1};
    EXPECT_EQ(resend(*connection_, tenant, id).error().kind, base::ErrorKind::conflict);
    complete(claim().at(0), 200);
    const auto again = resend(*connection_, tenant, id);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->state, "queued");
    EXPECT_EQ(claim().at(0).attempt, 2);
    EXPECT_EQ(resend(*connection_, {2}, id).error().kind, base::ErrorKind::not_found);
    database().run("UPDATE delivery SET state = 'parked', reason = 'x', ended_at = now()");
    ASSERT_TRUE(update_webhook(*connection_, tenant, webhook.id, {{}, {}, {}, false}, rules_));
    EXPECT_EQ(resend(*connection_, tenant, id).error().kind, base::ErrorKind::conflict);
}

TEST_F(DispatchTest, lists_show_pages_and_filters_of_the_own_tenant) {
    make_webhook("http://127.0.0.1/");
    make_recipient("a@example.com");
    for (int i = 0; i < 3; ++i) emit();
    emit("bulk_change.paused", 2);
    route();
    const auto first = list_deliveries(*connection_, tokens_, {1}, {}, {4, ""});
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->items.size(), 4U);
    const auto rest = list_deliveries(*connection_, tokens_, {1}, {}, {4, first->next_token});
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->items.size(), 2U);
    EXPECT_TRUE(rest->next_token.empty());
    DeliveryFilter mail;
    mail.channel = "mail";
    EXPECT_EQ(list_deliveries(*connection_, tokens_, {1}, mail, {10, ""})->items.size(), 3U);
    EXPECT_EQ(list_deliveries(*connection_, tokens_, {2}, {}, {10, ""})->items.size(), 0U);
    EXPECT_EQ(list_events(*connection_, tokens_, {1}, {}, {2, ""})->items.size(), 2U);
    EXPECT_EQ(
        list_events(*connection_, tokens_, {1}, {"bulk_change.paused", ""}, {2, ""})->items.size(),
        0U);
}

TEST_F(DispatchTest, an_event_of_a_webhooks_own_test_goes_to_it_alone) {
    const auto one = make_webhook("http://127.0.0.1/one", {"bulk_change.finished"}).webhook;
    make_webhook("http://127.0.0.1/two");
    make_recipient("a@example.com");
    const auto delivery = send_test(*connection_, caller_, one.id);
    ASSERT_TRUE(delivery) << delivery.error().message;
    EXPECT_EQ(route(), 0);
    const auto claimed = claim();
    ASSERT_EQ(claimed.size(), 1U);
    EXPECT_EQ(claimed[0].event.type, "webhook.test");
    EXPECT_EQ(send_test(*connection_, other_, one.id).error().kind, base::ErrorKind::not_found);
    ASSERT_TRUE(update_webhook(*connection_, {1}, one.id, {{}, {}, {}, false}, rules_));
    EXPECT_EQ(send_test(*connection_, caller_, one.id).error().kind, base::ErrorKind::conflict);
}

TEST_F(DispatchTest, old_events_are_forgotten_but_not_what_waits_for_a_person) {
    make_webhook("http://127.0.0.1/");
    for (int i = 0; i < 4; ++i) emit();
    route();
    complete(claim(1).at(0), 200);
    complete(claim(1).at(0), 410);
    emit();
    route();  // to nobody
    database().run("UPDATE event SET created_at = now() - interval '91 days'");
    EXPECT_EQ(tidy_deliveries(*connection_).value_or(-1), 3);
    EXPECT_EQ(states(), "parked parked parked");
    EXPECT_EQ(sql("SELECT count(*) FROM event WHERE type = 'bulk_change.finished'"), "3");
    EXPECT_EQ(sql("SELECT count(*) FROM delivery_attempt"), "1");
    EXPECT_EQ(tidy_deliveries(*connection_).value_or(-1), 0);
}

TEST_F(DispatchTest, what_was_in_flight_to_a_webhook_that_was_switched_off_is_parked_too) {
    const auto webhook = make_webhook("http://127.0.0.1/").webhook;
    for (int i = 0; i < 3; ++i) emit();
    route();
    const auto claimed = claim(2);
    ASSERT_TRUE(update_webhook(*connection_, {1}, webhook.id, {{}, {}, {}, false}, rules_));
    complete(claimed.at(0), 500);  // to be tried again
    EXPECT_EQ(states(), "queued sending parked");
    let_time_come();  // the other one's worker died
    EXPECT_EQ(tidy_deliveries(*connection_).value_or(-1), 0);
    EXPECT_EQ(states(), "parked parked parked");
}

TEST_F(DispatchTest, open_deliveries_are_counted_over_all_tenants) {
    make_webhook("http://127.0.0.1/");
    emit();
    route();
    const auto open = open_deliveries(*connection_);
    ASSERT_TRUE(open && open->size() == 1U);
    EXPECT_EQ((*open)[0].channel + ' ' + (*open)[0].state, "webhook queued");
    EXPECT_EQ((*open)[0].count, 1);
}

}  // namespace
}  // namespace carryall::notify
