// What is remembered of those who may call back, and for how long, on real PostgreSQL.
#include "api/callback_accounts.hpp"

#include "support/database.hpp"

namespace carryall::api {
namespace {

constexpr const char* kSource = "3.87.163.45";

class CallbackAccountsTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant RESTART IDENTITY CASCADE;
            INSERT INTO tenant (name) VALUES ('one'), ('two');
            INSERT INTO service_provider (tenant_id, name, integration)
                VALUES (1, 'verizon', 'thingspace'), (2, 'verizon', 'thingspace');)");
        set_credentials("first");
    }

    void set_credentials(const std::string& password, std::int64_t provider = 1) {
        const auto sealed = key_.seal(
            base::Secret(R"({"callbackUsername":"user","callbackPassword":")" + password + "\"}"),
            "service_provider/" + std::to_string(provider));
        auto connection = pool_.acquire();
        ASSERT_TRUE(connection);
        ASSERT_TRUE((*connection)->work_for_tenant(1));
        const auto done = (*connection)
                              ->exec({"test_set_credentials",
                                      "UPDATE service_provider SET credentials = $1::bytea WHERE "
                                      "service_provider_id = $2"},
                                     db::Params().add_bytes(sealed).add(provider));
        ASSERT_TRUE(done) << done.error().message;
    }

    std::string password_of(CallbackAccounts& accounts, std::int64_t tenant = 1,
                            std::int64_t provider = 1, const std::string& source = kSource) {
        const auto found = accounts.find(services_, tenant, provider, source);
        if (!found) return std::string(base::to_string(found.error().kind));
        return *found == nullptr ? "none" : (*found)->password.reveal();
    }

    base::ManualClock clock_{base::Instant{std::chrono::hours(500'000)}};
    base::MasterKey key_ = base::MasterKey::generate();
    tenants::PageTokens page_tokens_{key_};
    db::Pool pool_{base::Secret(database().app_conninfo()), 2};
    Services services_{.pool = pool_,
                       .database = base::Secret(database().app_conninfo()),
                       .clock = clock_,
                       .master_key = key_,
                       .page_tokens = page_tokens_,
                       .settings = {}};
};

TEST_F(CallbackAccountsTest,
       changed_credentials_are_known_after_ten_seconds_and_not_asked_for_before) {
    CallbackAccounts accounts;
    EXPECT_EQ(password_of(accounts), "first");
    set_credentials("second");
    clock_.advance(std::chrono::seconds(9));
    EXPECT_EQ(password_of(accounts), "first");
    clock_.advance(std::chrono::seconds(1));
    EXPECT_EQ(password_of(accounts), "second");
}

TEST_F(CallbackAccountsTest, what_does_not_exist_is_remembered_too) {
    CallbackAccounts accounts;
    EXPECT_EQ(password_of(accounts, 2, 2), "none") << "it has no credentials";
    EXPECT_EQ(password_of(accounts, 2, 1), "none") << "another tenant's";
    EXPECT_EQ(password_of(accounts, 1, 77), "none");
    database().run(
        "INSERT INTO service_provider (service_provider_id, tenant_id, name, integration)"
        " OVERRIDING SYSTEM VALUE VALUES (77, 1, 'new', 'thingspace')");
    set_credentials("of the new one", 77);
    EXPECT_EQ(password_of(accounts, 1, 77), "none") << "still";
    clock_.advance(kCallbackAccountTime);
    EXPECT_EQ(password_of(accounts, 1, 77), "of the new one");
}

TEST_F(CallbackAccountsTest,
       an_inactive_tenants_address_is_none_and_an_inactive_accounts_still_listens) {
    CallbackAccounts accounts;
    database().run("UPDATE service_provider SET is_active = false");
    EXPECT_EQ(password_of(accounts), "first");
    database().run("UPDATE tenant SET is_active = false WHERE id = 1");
    clock_.advance(kCallbackAccountTime);
    EXPECT_EQ(password_of(accounts), "none");
}

TEST_F(CallbackAccountsTest, memory_is_bounded_whatever_is_asked_for) {
    CallbackAccounts accounts(1'000'000, 8);
    for (std::int64_t provider = 100; provider < 150; ++provider) {
        EXPECT_EQ(password_of(accounts, 1, provider), "none");
        EXPECT_LE(accounts.size(), 8U);
    }
    EXPECT_EQ(password_of(accounts), "first");
}

TEST_F(CallbackAccountsTest,
       a_source_that_guesses_addresses_is_stopped_and_known_ones_go_on_from_there) {
    CallbackAccounts accounts(3, 100);
    EXPECT_EQ(password_of(accounts), "first");
    for (std::int64_t provider = 100; provider < 103; ++provider) {
        EXPECT_EQ(password_of(accounts, 1, provider), "none");
    }
    EXPECT_EQ(password_of(accounts, 1, 103), "rate_limited");
    EXPECT_EQ(password_of(accounts, 1, 100), "none") << "this needs no query";
    EXPECT_EQ(password_of(accounts, 1, 103, "198.51.100.7"), "none") << "another source";
    clock_.advance(kCallbackAccountTime);
    EXPECT_EQ(password_of(accounts), "first") << "known once, asked for again";
    clock_.advance(std::chrono::minutes(1));
    EXPECT_EQ(password_of(accounts, 1, 104), "none");
}

TEST_F(CallbackAccountsTest, a_database_that_is_away_is_no_answer_to_remember) {
    CallbackAccounts accounts;
    db::Pool nowhere(base::Secret("host=/nonexistent dbname=none"), 1);
    Services broken{.pool = nowhere,
                    .database = base::Secret(""),
                    .clock = clock_,
                    .master_key = key_,
                    .page_tokens = page_tokens_,
                    .settings = {}};
    const auto found = accounts.find(broken, 1, 1, kSource);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, base::ErrorKind::unavailable);
    EXPECT_EQ(password_of(accounts), "first");
}

}  // namespace
}  // namespace carryall::api
