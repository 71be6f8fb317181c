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

StoredAccount jasper_account(std::int64_t id, const std::string& key) {
    StoredAccount account;
    account.service_provider_id = id;
    account.integration = "jasper";
    account.settings = {{"baseUrl", "https://jasper.test"}};
    account.credentials = {{"username", "user"}, {"apiKey", key}};
    return account;
}

TEST(PacingKey, is_one_for_one_login_whoever_holds_it) {
    const base::MasterKey key = base::MasterKey::generate();
    StoredAccount one = jasper_account(1, "secret");
    StoredAccount other = jasper_account(2, "secret");
    other.tenant_id = 2;
    other.settings["timeoutSeconds"] = 5;
    EXPECT_EQ(pacing_key_of(one, key), pacing_key_of(other, key));
    other.settings["baseUrl"] = "https://elsewhere.test";
    EXPECT_NE(pacing_key_of(one, key), pacing_key_of(other, key));
}

TEST(PacingKey, of_somebody_who_knows_only_the_user_name_is_another) {
    const base::MasterKey key = base::MasterKey::generate();
    const std::string owner = pacing_key_of(jasper_account(1, "secret"), key);
    EXPECT_NE(pacing_key_of(jasper_account(2, "guess"), key), owner);
    EXPECT_NE(pacing_key_of(jasper_account(1, "secret"), base::MasterKey::generate()), owner);
    EXPECT_EQ(owner.find("secret"), std::string::npos);
    EXPECT_EQ(owner.find("user"), std::string::npos);
    StoredAccount unfinished = jasper_account(3, "secret");
    unfinished.credentials.erase("apiKey");
    EXPECT_EQ(pacing_key_of(unfinished, key), "provider-3");
}

TEST(PacingKey, rev_io_accounts_with_one_login_share_theirs) {
    const base::MasterKey key = base::MasterKey::generate();
    StoredAccount one;
    one.service_provider_id = 1;
    one.integration = "revio";
    one.credentials = {{"username", "u@client"}, {"password", "p"}, {"subscriptionKey", "k"}};
    StoredAccount other = one;
    other.service_provider_id = 2;
    EXPECT_EQ(pacing_key_of(one, key), pacing_key_of(other, key));
    other.credentials["password"] = "q";
    EXPECT_NE(pacing_key_of(one, key), pacing_key_of(other, key));
}

struct WrongSetting {
    const char* integration;
    const char* settings;
    const char* where;
};
constexpr WrongSetting kWrongSettings[] = {
    {"pond", R"({"baseUrl": "pond.test", "distributorId": 7})", "/settings/baseUrl"},
    {"pond", R"({"baseUrl": "https://pond.test", "distributorId": -7})", "/settings/distributorId"},
    {"pond", R"({"baseUrl": "https://pond.test"})", "/settings/distributorId"},
    {"pond", R"({"baseUrl": "https://pond.test", "distributorID": 7, "apiKeyHaeder": "X"})",
     "/settings/apiKeyHaeder"},
    {"jasper", R"({"baseUrl": "https://jasper.test", "throttleErrorCodes": "x"})",
     "/settings/throttleErrorCodes"},
    {"jasper", R"({"baseUrl": "https://jasper.test", "callbackSources": []})",
     "/settings/callbackSources"},
    {"thingspace", R"({"accountName": 123})", "/settings/accountName"},
    {"thingspace", R"({"accountName": "0-1", "actionsPerDay": -1})", "/settings/actionsPerDay"},
    {"thingspace", R"({"accountName": "0-1", "callbackSources": ["here"]})",
     "/settings/callbackSources"},
    {"telegence", R"({"baseUrl": "ftp://att.test"})", "/settings/baseUrl"},
    {"telegence", R"({"baseUrl": "https://att.test", "utcOffsetHours": 15})",
     "/settings/utcOffsetHours"},
    {"telegence", R"({"baseUrl": "https://att.test", "scheduleAtCarrier": "maybe"})",
     "/settings/scheduleAtCarrier"},
    {"revio", R"({"syncEveryHours": 24})", "/settings/syncEveryHours"},
    {"revio", R"({"timeoutSeconds": 0})", "/settings/timeoutSeconds"},
    {"revio", R"({"timeout": 10})", "/settings/timeout"},
};

TEST(Settings, a_wrong_or_unknown_one_is_named_before_there_are_credentials) {
    for (const WrongSetting& row : kWrongSettings) {
        const auto result = check_settings(row.integration, base::parse_object(row.settings));
        ASSERT_FALSE(result) << row.settings;
        EXPECT_EQ(result.error().where, row.where) << result.error().message;
        const std::string name = std::string(row.where).substr(std::string("/settings/").size());
        EXPECT_NE(result.error().message.find(name), std::string::npos);
    }
}

TEST(Settings, that_are_right_need_no_credentials_yet) {
    constexpr std::pair<const char*, const char*> kRight[] = {
        {"pond", R"({"BaseURL": "https://pond.test/", "distributorId": "7", "simList": "groups",
                     "syncEveryHours": 24,
                     "syncDetails": true, "apiKeyHeader": "ApiKey", "timeoutSeconds": 5})"},
        {"jasper", R"({"baseUrl": "https://jasper.test", "accountId": "1", "syncDetails": false,
                       "allowPurge": true, "scheduleAtCarrier": true, "throttleErrorCodes": ["1"],
                       "communicationPlansForDeactivation": ["x"], "statusTransitions": {}})"},
        {"thingspace", R"({"accountName": "0-1", "callbackUrl": "https://us.test/x",
                           "callbackSources": ["10.0.0.0/8"], "primaryPlaceOfUse": {},
                           "withBilling": "true", "devicesPerRequest": 10})"},
        {"telegence", R"({"useSandbox": true, "sandboxUrl": "https://a.test",
                          "productionUrl": "https://b.test", "reasonCodes": {"Active": "CR"}})"},
        {"telegence", R"({"baseUrl": "https://a.test", "sandboxUrl": "https://b.test",
                          "useSandbox": false, "scheduleAtCarrier": true})"},
        {"revio", R"({"baseUrl": "https://rev.test/v1", "timeoutSeconds": 5})"},
    };
    for (const auto& [integration, settings] : kRight) {
        const auto result = check_settings(integration, base::parse_object(settings));
        EXPECT_TRUE(result) << integration << ": " << result.error().message;
    }
}

TEST(Credentials, are_checked_by_name_and_form_and_may_come_one_by_one) {
    EXPECT_TRUE(check_credentials("pond", {{"apiKey", "k"}}));
    EXPECT_TRUE(check_credentials("thingspace", {{"callbackUsername", "u"}}));
    EXPECT_TRUE(check_credentials("telegence", {{"clientSecret", "s"}}));
    EXPECT_EQ(check_credentials("pond", {{"apiKye", "k"}}).error().where, "/apiKye");
    const auto colon = check_credentials("jasper", {{"username", "s3cret:x"}});
    EXPECT_EQ(colon.error().where, "/username");
    EXPECT_EQ(colon.error().message.find("s3cret"), std::string::npos);
    EXPECT_EQ(check_credentials("revio", {{"username", "nobody"}}).error().where, "/username");
}

TEST_F(AccountTest, another_pacing_key_than_the_stored_one_is_kept) {
    database().run("UPDATE service_provider SET pacing_key = 'provider-1' WHERE tenant_id = 1");
    const auto stored = load_account(*connection_, 1, 1, key_);
    ASSERT_TRUE(stored);
    EXPECT_FALSE(stored->is_pacing_key_stored);
    ASSERT_TRUE(keep_pacing_key(*connection_, *stored));
    EXPECT_EQ(database().value("SELECT pacing_key FROM service_provider WHERE tenant_id = 1"),
              stored->pacing_key);
    EXPECT_TRUE(load_account(*connection_, 1, 1, key_)->is_pacing_key_stored);
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
