// Webhooks and recipients as their tenant's admins handle them.
#include "notify/webhook_store.hpp"

#include "notify/signature.hpp"
#include "support/notify.hpp"

namespace carryall::notify {
namespace {

class WebhookTest : public NotifyTest {};

TEST_F(WebhookTest, a_secret_is_shown_once_and_sealed_for_its_row) {
    const WebhookWithSecret made = make_webhook("http://127.0.0.1/");
    EXPECT_TRUE(made.secret.reveal().starts_with("whsec_"));
    const auto rows = database().rows("SELECT encode(secret, 'escape') FROM webhook");
    EXPECT_EQ(rows[0][0].find(made.secret.reveal().substr(6)), std::string::npos);
    auto admin = db::Connection::open(base::Secret(database().admin_conninfo()));
    const auto sealed = (*admin)->exec({"sealed", "SELECT secret FROM webhook"});
    ASSERT_TRUE(sealed);
    const auto opened = key_.open(sealed->bytes(0, 0), secret_context(made.webhook.id));
    ASSERT_TRUE(opened);
    EXPECT_EQ(webhook_secret_text(*opened).reveal(), made.secret.reveal());
    EXPECT_FALSE(key_.open(sealed->bytes(0, 0), "webhook/2"));
}

TEST_F(WebhookTest, a_new_secret_leaves_the_old_one_for_a_day) {
    const WebhookWithSecret made = make_webhook("http://127.0.0.1/");
    const auto rotated = rotate_secret(*connection_, {1}, made.webhook.id, key_);
    ASSERT_TRUE(rotated) << rotated.error().message;
    EXPECT_NE(rotated->secret.reveal(), made.secret.reveal());
    EXPECT_TRUE(rotated->webhook.previous_secret_until.has_value());
    emit();
    route();
    const auto claimed = claim_webhooks(*connection_, 1, 1, std::chrono::seconds(60));
    ASSERT_TRUE(claimed && claimed->size() == 1U);
    const auto old = key_.open((*claimed)[0].sealed_previous_key, secret_context({1}));
    ASSERT_TRUE(old);
    EXPECT_EQ(webhook_secret_text(*old).reveal(), made.secret.reveal());
    database().run(
        "UPDATE webhook SET previous_until = now() - interval '1 second';"
        "UPDATE delivery SET available_at = now()");
    const auto later = claim_webhooks(*connection_, 1, 1, std::chrono::seconds(60));
    ASSERT_TRUE(later && later->size() == 1U);
    EXPECT_TRUE((*later)[0].sealed_previous_key.empty());
}

TEST_F(WebhookTest, what_is_not_named_stays_and_what_is_wrong_is_refused) {
    const auto made = make_webhook("http://127.0.0.1/", {"bulk_change.paused"}).webhook;
    const auto changed = update_webhook(*connection_, {1}, made.id, {{}, "for us", {}, {}}, rules_);
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->description, "for us");
    EXPECT_EQ(changed->url, "http://127.0.0.1/");
    EXPECT_EQ(changed->event_types, std::vector<std::string>{"bulk_change.paused"});
    const auto wrong = [&](const WebhookWishes& wishes) {
        return update_webhook(*connection_, {1}, made.id, wishes, rules_).error().where;
    };
    EXPECT_EQ(wrong({"http://10.0.0.1/", {}, {}, {}}), "/url");
    EXPECT_EQ(wrong({{}, {}, std::vector<std::string>{"bulk_change.finishd"}, {}}),
              "/eventTypes/0");
    EXPECT_EQ(wrong({{}, std::string(501, 'x'), {}, {}}), "/description");
    EXPECT_EQ(update_webhook(*connection_, {2}, made.id, {}, rules_).error().kind,
              base::ErrorKind::not_found);
    EXPECT_EQ(rotate_secret(*connection_, {2}, made.id, key_).error().kind,
              base::ErrorKind::not_found);
}

TEST_F(WebhookTest, switched_off_it_gets_nothing_and_what_waits_is_parked) {
    const auto made = make_webhook("http://127.0.0.1/").webhook;
    emit();
    route();
    ASSERT_TRUE(update_webhook(*connection_, {1}, made.id, {{}, {}, {}, false}, rules_));
    EXPECT_EQ(states(), "parked");
    emit();
    route();
    EXPECT_EQ(states(), "parked");
    database().run("UPDATE webhook SET disabled_reason = 'x', failing_since = now()");
    const auto back = update_webhook(*connection_, {1}, made.id, {{}, {}, {}, true}, rules_);
    ASSERT_TRUE(back);
    EXPECT_FALSE(back->disabled_reason || back->failing_since);
}

TEST_F(WebhookTest, there_are_not_more_than_the_limit) {
    database().run(
        "INSERT INTO webhook (tenant_id, url, created_by) SELECT 1, 'https://example.com', 'x' "
        "FROM generate_series(1, 49)");
    const auto last = make_webhook("http://127.0.0.1/").webhook;
    const auto more =
        create_webhook(*connection_, caller_, {"http://127.0.0.1/", {}, {}, {}}, rules_, key_);
    EXPECT_EQ(more.error().kind, base::ErrorKind::conflict);
    ASSERT_TRUE(update_webhook(*connection_, {1}, last.id, {{}, {}, {}, false}, rules_));
    make_webhook("http://127.0.0.1/");
    EXPECT_EQ(update_webhook(*connection_, {1}, last.id, {{}, {}, {}, true}, rules_).error().kind,
              base::ErrorKind::conflict);
}

TEST_F(WebhookTest, an_address_is_a_recipient_once) {
    make_recipient("a@example.com");
    const auto twice = create_recipient(*connection_, caller_, {"a@example.com", {}, {}});
    EXPECT_EQ(twice.error().kind, base::ErrorKind::conflict);
    EXPECT_EQ(create_recipient(*connection_, caller_, {"a b", {}, {}}).error().where, "/address");
    EXPECT_TRUE(create_recipient(*connection_, other_, {"a@example.com", {}, {}}));
    const auto listed = list_recipients(*connection_, {1});
    ASSERT_TRUE(listed && listed->size() == 1U);
    const auto changed = update_recipient(
        *connection_, {1}, (*listed)[0].id,
        {{}, std::vector<std::string>{"bulk_change.paused", "bulk_change.paused"}, false});
    ASSERT_TRUE(changed);
    EXPECT_FALSE(changed->is_active);
    EXPECT_EQ(changed->event_types.size(), 1U);
}

}  // namespace
}  // namespace carryall::notify
