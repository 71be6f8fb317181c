// What the tests of deliveries share: two tenants in a real database, events written as others
// write them, and looks at the rows.
#pragma once

#include <gtest/gtest.h>

#include "notify/delivery.hpp"
#include "notify/dispatch_store.hpp"
#include "notify/event_mail.hpp"
#include "notify/recipient.hpp"
#include "support/database.hpp"

namespace carryall::notify {

class NotifyTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(
            "TRUNCATE tenant RESTART IDENTITY CASCADE;"
            "INSERT INTO tenant (name) VALUES ('Acme'), ('Other')");
        connection_ = open();
        caller_.tenant_id = {1};
        caller_.name = "test";
        caller_.role = tenants::Role::admin;
        other_ = caller_;
        other_.tenant_id = {2};
    }

    static std::unique_ptr<db::Connection> open() {
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        EXPECT_TRUE(opened.has_value());
        return std::move(opened).value();
    }
    static std::string sql(const std::string& text) { return database().value(text); }

    // As another part of the product emits one.
    static EventId emit(
        const std::string& type = "bulk_change.finished", int tenant = 1,
        const std::string& payload = R"({"bulkChangeId": 17, "status": "PARTIAL"})") {
        return {std::stoll(sql("SELECT emit_event(" + std::to_string(tenant) + ", '" + type +
                               "', 'bulk_change/17', '" + payload + "')"))};
    }
    WebhookWithSecret make_webhook(const std::string& url,
                                   const std::vector<std::string>& types = {}) {
        auto made = create_webhook(*connection_, caller_, {url, {}, types, {}}, rules_, key_);
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        return std::move(made).value();
    }
    void make_recipient(const std::string& address, const std::vector<std::string>& types = {}) {
        const auto made = create_recipient(*connection_, caller_, {address, types, {}});
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
    }
    int route(const std::string& no_mail = "") {
        const auto routed = route_events(*connection_, 1, mail_of, no_mail);
        EXPECT_TRUE(routed) << (routed ? "" : routed.error().message);
        return routed.value_or(-1);
    }
    // "sent", "queued", … of all deliveries, by id.
    static std::string states() {
        return sql(
            "SELECT coalesce(string_agg(state, ' ' ORDER BY delivery_id), '') FROM delivery");
    }
    static void let_time_come() {
        database().run(
            "UPDATE delivery SET available_at = now() WHERE state IN ('queued', 'sending')");
    }

    std::unique_ptr<db::Connection> connection_;
    tenants::Caller caller_;
    tenants::Caller other_;
    base::MasterKey key_ = base::MasterKey::generate();
    tenants::PageTokens tokens_{key_};
    WebhookRules rules_{true, {http::Cidr::parse("127.0.0.0/8").value()}};
};

}  // namespace carryall::notify
