// What is forgotten, what is kept, and in which bites.
#include "accounts/retention.hpp"

#include "support/database.hpp"

namespace carryall::accounts {
namespace {

using std::chrono::days;

class Retention : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant RESTART IDENTITY CASCADE;
            TRUNCATE account_minute;
            INSERT INTO tenant (name) VALUES ('one'), ('two');
            INSERT INTO service_provider (tenant_id, name, integration)
                VALUES (1, 'a', 'thingspace'), (2, 'b', 'thingspace');)");
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened);
        connection_ = std::move(opened).value();
    }

    static void add_callbacks(int tenant, const std::string& state, const std::string& received,
                              int count = 1) {
        const std::string number = std::to_string(tenant);
        database().run(
            "INSERT INTO carrier_callback (tenant_id, service_provider_id, received_at, "
            "remote_address, body, body_hash, state) SELECT " +
            number + ", " + number + ", '" + received + "', '10.0.0.1', '{}', 'h', '" + state +
            "' FROM generate_series(1, " + std::to_string(count) + ")");
    }
    static std::string kept() {
        return database().value(
            "SELECT coalesce(string_agg(tenant_id || state, ' ' ORDER BY tenant_id, state), '') "
            "FROM carrier_callback");
    }

    base::Instant now_ = base::parse_iso8601("2026-06-30T12:00:00Z").value();
    std::unique_ptr<db::Connection> connection_;
};

TEST_F(Retention, callbacks_go_when_their_days_are_over_whatever_became_of_them) {
    for (const char* state : {"matched", "repeated", "orphan", "unasked", "new"}) {
        add_callbacks(1, state, "2026-04-01T11:59:59Z");
    }
    add_callbacks(2, "matched", "2026-04-01T11:59:59Z");
    add_callbacks(2, "orphan", "2026-04-01T12:00:01Z");
    const auto forgotten = forget_old(*connection_, days(90), now_);
    ASSERT_TRUE(forgotten) << forgotten.error().message;
    EXPECT_EQ(forgotten->callbacks, 5);
    EXPECT_FALSE(forgotten->is_more);
    EXPECT_EQ(kept(), "1new 2orphan") << "one that was never looked at is a fault to be seen";
    EXPECT_EQ(forget_old(*connection_, days(91), now_)->callbacks, 0);
}

TEST_F(Retention, figures_go_after_a_week) {
    database().run(R"(
        INSERT INTO account_minute (pacing_key, minute) VALUES
            ('a', '2026-06-23T11:59:00Z'), ('a', '2026-06-23T12:00:00Z'),
            ('b', '2026-01-01T00:00:00Z'))");
    const auto forgotten = forget_old(*connection_, days(90), now_);
    ASSERT_TRUE(forgotten) << forgotten.error().message;
    EXPECT_EQ(forgotten->figures, 2);
    EXPECT_EQ(database().value("SELECT count(*) FROM account_minute"), "1");
}

TEST_F(Retention, a_great_backlog_goes_in_bites_oldest_first) {
    add_callbacks(1, "matched", "2026-02-01T00:00:00Z", kForgetBatch);
    add_callbacks(1, "orphan", "2026-01-01T00:00:00Z");
    auto forgotten = forget_old(*connection_, days(90), now_);
    ASSERT_TRUE(forgotten) << forgotten.error().message;
    EXPECT_EQ(forgotten->callbacks, kForgetBatch);
    EXPECT_TRUE(forgotten->is_more);
    EXPECT_EQ(kept(), "1matched");
    forgotten = forget_old(*connection_, days(90), now_);
    EXPECT_FALSE(forgotten->is_more);
    EXPECT_EQ(kept(), "");
}

}  // namespace
}  // namespace carryall::accounts
