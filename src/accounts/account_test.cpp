// Accounts as stored and opened, and the limits that follow.
#include "accounts/account.hpp"

#include "billing/revio/revio.hpp"
#include "support/database.hpp"

namespace carryall::accounts {
namespace {

TEST(Limits, what_is_not_set_is_the_carriers_default) {
    carriers::Capabilities carrier;
    carrier.default_rate_per_second = 5;
    carrier.default_max_concurrency = 3;
    StoredAccount account;
    const Limits defaults = limits_of(account, carrier);
    EXPECT_EQ(defaults.rate_per_second, 5);
    EXPECT_EQ(defaults.max_concurrency, 3);
    EXPECT_FALSE(defaults.day_quota);
    account.rate_per_second = 50;
    account.max_concurrency = 20;
    account.day_quota = 1'000;
    const Limits set = limits_of(account, carrier);
    EXPECT_EQ(set.rate_per_second, 50);
    EXPECT_EQ(set.max_concurrency, 20);
    EXPECT_EQ(set.day_quota, 1'000);
}

TEST(Limits, only_an_account_that_says_so_has_none) {
    StoredAccount account;
    account.rate_per_second = 50;
    account.is_unpaced = true;
    const Limits limits = limits_of(account);
    EXPECT_FALSE(limits.rate_per_second);
    EXPECT_FALSE(limits.max_concurrency);
    EXPECT_FALSE(limits.day_quota);
}

TEST(Limits, rev_io_has_its_published_limits) {
    StoredAccount account;
    account.integration = "revio";
    EXPECT_EQ(limits_of(account).rate_per_second, billing::revio::kDefaultRatePerSecond);
    EXPECT_EQ(limits_of(account).day_quota, billing::revio::kCallsPerDay);
    account.integration = "no such";
    EXPECT_TRUE(limits_of(account).rate_per_second);
}

class AccountTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant RESTART IDENTITY CASCADE;
            INSERT INTO tenant (name) VALUES ('one'), ('two');
            INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled,
                    settings, rate_per_second, max_concurrency, day_quota)
                VALUES (1, 'pond', 'pond', true,
                    '{"baseUrl": "https://pond.test", "distributorId": 71}', 2.5, 4, 1000),
                    (2, 'jasper', 'revio', false, '{}', NULL, NULL, NULL);)");
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened);
        connection_ = std::move(opened).value();
        const std::string sealed = key_.seal(
            base::Secret(R"({"apiKey":"k","username":"u","password":"p"})"), "service_provider/1");
        constexpr db::Query kSet{"set",
                                 "UPDATE service_provider SET credentials = $1 WHERE"
                                 " service_provider_id = 1"};
        auto admin = db::Connection::open(base::Secret(database().admin_conninfo()));
        ASSERT_TRUE((*admin)->exec(kSet, db::Params().add_bytes(sealed)));
    }

    base::MasterKey key_ = base::MasterKey::generate();
    std::unique_ptr<db::Connection> connection_;
};

TEST_F(AccountTest, is_read_as_stored_and_opens) {
    const auto stored = load_account(*connection_, 1, 1, key_);
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(stored->tenant_id, 1);
    EXPECT_EQ(stored->integration, "pond");
    EXPECT_EQ(stored->rate_per_second, 2.5);
    EXPECT_EQ(stored->max_concurrency, 4);
    EXPECT_EQ(stored->day_quota, 1'000);
    EXPECT_FALSE(stored->is_unpaced);
    const auto opened = open_carrier_account(*stored);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->account.base_url, "https://pond.test");
    EXPECT_TRUE(opened->account.write_is_enabled);
}

TEST_F(AccountTest, of_another_tenant_looks_like_none) {
    const auto stored = load_account(*connection_, 2, 1, key_);
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().kind, base::ErrorKind::not_found);
}

TEST_F(AccountTest, that_this_version_cannot_drive_is_refused_by_name) {
    const auto stored = load_account(*connection_, 2, 2, key_);
    ASSERT_TRUE(stored) << stored.error().message;
    const auto opened = open_carrier_account(*stored);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("revio"), std::string::npos);
}

}  // namespace
}  // namespace carryall::accounts
