// Roles, tokens and page tokens. Two tenants in every test that touches the database.
#include <gtest/gtest.h>

#include "support/database.hpp"
#include "tenants/page_token.hpp"
#include "tenants/token.hpp"

namespace carryall::tenants {
namespace {

using base::ErrorKind;

TEST(Roles, viewers_only_read_and_only_admins_manage_tokens_and_providers) {
    EXPECT_TRUE(may(Role::viewer, Permission::read));
    EXPECT_FALSE(may(Role::viewer, Permission::change_submit));
    EXPECT_FALSE(may(Role::viewer, Permission::inventory_write));
    EXPECT_TRUE(may(Role::operator_, Permission::change_submit));
    EXPECT_FALSE(may(Role::operator_, Permission::token_manage));
    EXPECT_FALSE(may(Role::operator_, Permission::notify_manage));
    EXPECT_FALSE(may(Role::operator_, Permission::provider_write));
    EXPECT_FALSE(may(Role::operator_, Permission::billing_read));
    EXPECT_TRUE(may(Role::billing, Permission::billing_run));
    EXPECT_FALSE(may(Role::billing, Permission::change_submit));
    EXPECT_TRUE(may(Role::admin, Permission::token_manage));
    EXPECT_TRUE(may(Role::admin, Permission::notify_manage));
    EXPECT_TRUE(may(Role::admin, Permission::billing_run));
}

TEST(Roles, a_refusal_says_which_role_would_do) {
    const auto refused = require(Role::viewer, Permission::inventory_write);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::forbidden);
    EXPECT_NE(refused.error().message.find("operator or admin"), std::string::npos);
    EXPECT_TRUE(require(Role::operator_, Permission::inventory_write));
}

TEST(Roles, every_role_is_spelled_as_it_is_read) {
    for (const Role role : {Role::viewer, Role::operator_, Role::billing, Role::admin}) {
        EXPECT_EQ(parse_role(to_string(role)), role);
    }
    EXPECT_EQ(parse_role("root"), std::nullopt);
}

TEST(TokenText, names_its_tenant_only_in_the_exact_form) {
    const std::string random(43, 'a');
    EXPECT_EQ(tenant_of_token_text("cry_17_" + random), TenantId{17});
    for (const std::string& bad :
         {std::string(), std::string("cry_"), "cry_17_" + random + "a", "cry_0_" + random,
          "cry_-1_" + random, "cry_17" + random, "xry_17_" + random,
          "cry_17_" + std::string(43, '!'), "cry_99999999999999999999_" + random}) {
        EXPECT_EQ(tenant_of_token_text(bad), std::nullopt) << bad;
    }
}

TEST(PageToken, opens_only_for_its_tenant_and_question) {
    const PageTokens tokens(base::MasterKey::generate());
    const std::string token = tokens.make({1}, "devices?status=ACTIVE", "42");
    ASSERT_TRUE(tokens.open({1}, "devices?status=ACTIVE", token));
    EXPECT_EQ(*tokens.open({1}, "devices?status=ACTIVE", token), "42");
    EXPECT_FALSE(tokens.open({2}, "devices?status=ACTIVE", token));
    EXPECT_FALSE(tokens.open({1}, "devices?status=READY", token));
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string altered = token;
        altered[i] = altered[i] == '0' ? '1' : '0';
        EXPECT_FALSE(tokens.open({1}, "devices?status=ACTIVE", altered)) << i;
    }
    EXPECT_EQ(tokens.open({1}, "x", "rubbish").error().kind, ErrorKind::invalid_input);
    EXPECT_FALSE(tokens.open({1}, "x", ""));
    EXPECT_FALSE(PageTokens(base::MasterKey::generate()).open({1}, "devices?status=ACTIVE", token));
}

TEST(PageToken, limits_are_between_one_and_the_greatest_page) {
    EXPECT_TRUE(check_limit(1));
    EXPECT_TRUE(check_limit(kMaxPageLimit));
    EXPECT_FALSE(check_limit(0));
    EXPECT_FALSE(check_limit(kMaxPageLimit + 1));
}

class Tokens : public support::DatabaseTest {
  protected:
    void SetUp() override {
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened) << opened.error().message;
        connection_ = std::move(*opened);
        static int count = 0;
        ++count;
        ours_ = create_tenant(*connection_, "ours " + std::to_string(count)).value().id;
        theirs_ = create_tenant(*connection_, "theirs " + std::to_string(count)).value().id;
    }
    CreatedToken make(TenantId tenant, Role role, const std::string& name = "a token") {
        auto created = create_token(*connection_, tenant, {name, role, {}}, "the operator");
        EXPECT_TRUE(created) << created.error().message;
        return std::move(created).value();
    }
    std::string hash_column(TokenId id, const std::string& column) {
        return database().value(
            "SELECT coalesce(" + column +
            "::text, '') FROM api_token WHERE api_token_id = " + base::to_string(id));
    }

    std::unique_ptr<db::Connection> connection_;
    db::Pool pool_{base::Secret(database().app_conninfo()), 2};
    base::ManualClock clock_{base::Instant{}};
    Authenticator authenticator_{pool_, clock_};
    TenantId ours_;
    TenantId theirs_;
};

TEST_F(Tokens, a_new_token_opens_its_tenant_and_only_its_hash_is_stored) {
    const CreatedToken created = make(ours_, Role::operator_, "  nightly import ");
    const auto caller = authenticator_.authenticate(created.text.reveal());
    ASSERT_TRUE(caller) << caller.error().message;
    EXPECT_EQ(caller->tenant_id, ours_);
    EXPECT_EQ(caller->token_id, created.token.id);
    EXPECT_EQ(caller->name, "nightly import");
    EXPECT_EQ(caller->role, Role::operator_);
    EXPECT_EQ(hash_column(created.token.id, "token_hash"), base::sha256_hex(created.text.reveal()));
}

TEST_F(Tokens, unknown_expired_revoked_and_malformed_answer_alike) {
    make(ours_, Role::admin);
    const CreatedToken revoked = make(ours_, Role::viewer);
    ASSERT_TRUE(revoke_token(*connection_, ours_, revoked.token.id));
    const CreatedToken expired = make(ours_, Role::viewer);
    database().run(
        "UPDATE api_token SET expires_at = now() - interval '1 second' WHERE "
        "api_token_id = " +
        base::to_string(expired.token.id));
    const CreatedToken foreign = make(theirs_, Role::viewer);
    // The same random part in another tenant's name is another token.
    std::string moved = foreign.text.reveal();
    moved.replace(4, moved.find('_', 4) - 4, base::to_string(ours_));

    std::vector<base::Error> errors;
    for (const std::string& text :
         {std::string("nonsense"), "cry_" + base::to_string(ours_) + "_" + std::string(43, 'x'),
          revoked.text.reveal(), expired.text.reveal(), moved, std::string()}) {
        const auto caller = authenticator_.authenticate(text);
        ASSERT_FALSE(caller) << text;
        errors.push_back(caller.error());
    }
    for (const base::Error& error : errors) {
        EXPECT_EQ(error.kind, ErrorKind::unauthenticated);
        EXPECT_EQ(error.message, errors.front().message);
        EXPECT_EQ(error.where, errors.front().where);
    }
}

TEST_F(Tokens, tokens_of_an_inactive_tenant_do_not_work) {
    const CreatedToken created = make(ours_, Role::admin);
    database().run("UPDATE tenant SET is_active = false WHERE id = " + base::to_string(ours_));
    EXPECT_FALSE(authenticator_.authenticate(created.text.reveal()));
}

TEST_F(Tokens, a_revocation_works_within_the_cache_time) {
    make(ours_, Role::admin);
    const CreatedToken created = make(ours_, Role::viewer);
    ASSERT_TRUE(authenticator_.authenticate(created.text.reveal()));
    ASSERT_TRUE(revoke_token(*connection_, ours_, created.token.id));
    clock_.advance(kTokenCacheTime - std::chrono::microseconds(1));
    EXPECT_TRUE(authenticator_.authenticate(created.text.reveal()));  // remembered
    clock_.advance(std::chrono::microseconds(1));
    EXPECT_FALSE(authenticator_.authenticate(created.text.reveal()));
}

TEST_F(Tokens, use_is_recorded_at_most_once_a_minute) {
    const CreatedToken created = make(ours_, Role::admin);
    EXPECT_EQ(hash_column(created.token.id, "last_used_at"), "");
    ASSERT_TRUE(authenticator_.authenticate(created.text.reveal()));
    const std::string first = hash_column(created.token.id, "last_used_at");
    EXPECT_NE(first, "");
    clock_.advance(kTokenCacheTime);
    ASSERT_TRUE(authenticator_.authenticate(created.text.reveal()));
    EXPECT_EQ(hash_column(created.token.id, "last_used_at"), first);
    database().run("UPDATE api_token SET last_used_at = last_used_at - interval '61 seconds'");
    clock_.advance(kTokenCacheTime);
    ASSERT_TRUE(authenticator_.authenticate(created.text.reveal()));
    EXPECT_GE(hash_column(created.token.id, "last_used_at"), first);
}

TEST_F(Tokens, the_last_admin_token_cannot_be_revoked) {
    const CreatedToken first = make(ours_, Role::admin);
    make(theirs_, Role::admin);  // another tenant's admin is no way back in
    base::Instant tomorrow = base::system_clock().now() + std::chrono::hours(24);
    ASSERT_TRUE(create_token(*connection_, ours_, {"for a day", Role::admin, tomorrow}, "x"));
    const auto refused = revoke_token(*connection_, ours_, first.token.id);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_NE(refused.error().message.find("make another admin token"), std::string::npos);
    const CreatedToken second = make(ours_, Role::admin);
    const auto revoked = revoke_token(*connection_, ours_, first.token.id);
    ASSERT_TRUE(revoked);
    EXPECT_TRUE(revoked->revoked_at);
    EXPECT_TRUE(revoke_token(*connection_, ours_, first.token.id));  // again: nothing changes
    EXPECT_FALSE(revoke_token(*connection_, ours_, second.token.id));
}

TEST_F(Tokens, another_tenants_token_is_as_absent_as_a_missing_one) {
    make(ours_, Role::admin, "ours");
    make(theirs_, Role::admin);
    const CreatedToken foreign = make(theirs_, Role::viewer, "theirs");
    const auto missing = revoke_token(*connection_, ours_, {987654321});
    const auto hidden = revoke_token(*connection_, ours_, foreign.token.id);
    ASSERT_FALSE(missing);
    ASSERT_FALSE(hidden);
    EXPECT_EQ(hidden.error().kind, ErrorKind::not_found);
    EXPECT_EQ(hidden.error().message, missing.error().message);
    EXPECT_TRUE(authenticator_.authenticate(foreign.text.reveal()));
    const auto listed = list_tokens(*connection_, ours_);
    ASSERT_TRUE(listed);
    ASSERT_EQ(listed->size(), 1U);
    EXPECT_EQ(listed->front().name, "ours");
}

TEST_F(Tokens, row_security_hides_tokens_even_from_a_query_without_a_tenant) {
    make(ours_, Role::admin);
    make(theirs_, Role::admin);
    support::Connection app(database().app_conninfo());
    EXPECT_EQ(app.value("SELECT count(*) FROM api_token"), "0");
    app.run("SET carryall.tenant_id = '" + base::to_string(ours_) + "'");
    EXPECT_EQ(app.value("SELECT count(*) FROM api_token"), "1");
    EXPECT_EQ(
        app.value("SELECT count(*) FROM api_token WHERE tenant_id = " + base::to_string(theirs_)),
        "0");
}

TEST_F(Tokens, names_are_required_and_limited_and_expiry_lies_ahead) {
    EXPECT_FALSE(create_token(*connection_, ours_, {"  ", Role::viewer, {}}, "x"));
    EXPECT_FALSE(create_token(*connection_, ours_,
                              {std::string(kMaxNameBytes + 1, 'n'), Role::viewer, {}}, "x"));
    const auto past =
        create_token(*connection_, ours_, {"late", Role::viewer, base::Instant{}}, "x");
    ASSERT_FALSE(past);
    EXPECT_EQ(past.error().kind, ErrorKind::invalid_input);
}

TEST_F(Tokens, a_tenants_name_is_taken_once) {
    const std::string name = "twice " + base::to_string(ours_);
    ASSERT_TRUE(create_tenant(*connection_, name));
    const auto again = create_tenant(*connection_, name);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, ErrorKind::conflict);
    EXPECT_EQ(find_tenant(*connection_, name)->name, name);
    EXPECT_FALSE(find_tenant(*connection_, name + "x"));
    EXPECT_GE(list_tenants(*connection_)->size(), 3U);
}

}  // namespace
}  // namespace carryall::tenants
