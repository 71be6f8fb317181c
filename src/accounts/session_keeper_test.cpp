// One session for all workers: bought once, renewed once, never tried again with refused
// credentials.
#include "accounts/session_keeper.hpp"

#include <atomic>
#include <condition_variable>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>

#include "support/database.hpp"

namespace carryall::accounts {
namespace {

using carriers::Call;
using carriers::HeaderFields;
using carriers::SignInStep;

// The carrier's login: counts, answers with a number that grows, or refuses.
struct Login {
    std::atomic<int> logins{0};
    std::atomic<int> status{200};
    std::atomic<int> waiting{0};
    std::mutex mutex;
    std::condition_variable changed;
    bool is_held = false;

    void hold(bool held) {
        const std::lock_guard lock(mutex);
        is_held = held;
        changed.notify_all();
    }
    void pass() {
        std::unique_lock lock(mutex);
        ++waiting;
        changed.notify_all();
        changed.wait(lock, [&] { return !is_held; });
    }
    void wait_for_one() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return waiting > 0; });
    }
};

class LoginClient : public http::Client {
  public:
    explicit LoginClient(Login& login) : login_(login) {}
    void start(http::ClientRequest request) override { request_ = std::move(request); }
    void wait(std::chrono::milliseconds, std::vector<http::ClientResponse>& out) override {
        login_.pass();
        http::ClientResponse answer;
        answer.transport = http::Transport::ok;
        answer.status = login_.status;
        answer.body = std::to_string(++login_.logins);
        out.push_back(answer);
    }
    std::size_t in_flight() const override { return 0; }
    void wake() override {}
    void cancel_all() override {}

  private:
    Login& login_;
    http::ClientRequest request_;
};

class OneCall : public carriers::SignIn {
  public:
    SignInStep begin() override { return Call{}; }
    SignInStep proceed(const http::ClientResponse& response) override {
        if (response.status == 200) return carriers::SignedIn{base::json::value(response.body), {}};
        return carriers::SignInFailed{"the login was refused", response.status == 401, {}};
    }
};

class SessionCarrier : public carriers::Carrier {
  public:
    carriers::Integration integration() const override { return carriers::Integration::thingspace; }
    carriers::Capabilities capabilities() const override { return {}; }
    const std::vector<std::string>& statuses() const override {
        static const std::vector<std::string> kNone;
        return kNone;
    }
    std::vector<std::string> allowed_transitions(std::string_view,
                                                 const base::json::object&) const override {
        return {};
    }
    base::Result<carriers::Account> account(std::int64_t,
                                            carriers::SettingsReader&) const override {
        return carriers::Account{};
    }
    std::unique_ptr<carriers::Exchange> exchange(const carriers::Account&, const carriers::Line&,
                                                 const carriers::Action&,
                                                 const carriers::Attempt&) const override {
        return nullptr;
    }
    bool has_sessions() const override { return true; }
    std::unique_ptr<carriers::SignIn> sign_in(const carriers::Account&, const base::json::value&,
                                              std::string_view) const override {
        return std::make_unique<OneCall>();
    }
    HeaderFields session_headers(const base::json::value& session) const override {
        return {{"Session", std::string(session.as_string())}};
    }
};

class SessionKeeperTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant RESTART IDENTITY CASCADE;
            INSERT INTO tenant (name) VALUES ('one');
            INSERT INTO service_provider (tenant_id, name, integration)
                VALUES (1, 'ts', 'thingspace');)");
        account_.service_provider_id = 1;
    }
    struct Worker {
        std::unique_ptr<db::Connection> connection;
        std::unique_ptr<SessionKeeper> keeper;
    };
    Worker worker(const std::string& name, const std::string& fingerprint = "f1") {
        Worker made;
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        CHECK(opened.has_value());
        made.connection = std::move(opened).value();
        made.keeper = std::make_unique<SessionKeeper>(
            *made.connection, key_, [this] { return std::make_unique<LoginClient>(login_); }, name);
        made.keeper->use({1, &carrier_, &account_, fingerprint});
        return made;
    }
    static std::string session_of(const SessionHeaders& headers) {
        const auto* fields = std::get_if<HeaderFields>(&headers);
        return fields != nullptr ? fields->at(0).second : std::get<NoSession>(headers).reason;
    }

    base::MasterKey key_ = base::MasterKey::generate();
    SessionCarrier carrier_;
    carriers::Account account_;
    Login login_;
};

TEST_F(SessionKeeperTest, a_session_is_bought_once_and_serves_every_worker) {
    const Worker a = worker("a");
    const Worker b = worker("b");
    EXPECT_EQ(session_of(a.keeper->headers()), "1");
    EXPECT_EQ(session_of(b.keeper->headers()), "1");
    EXPECT_EQ(session_of(worker("after a restart").keeper->headers()), "1");
    EXPECT_EQ(login_.logins, 1);
    EXPECT_EQ(database().value("SELECT length(session) > 40 FROM account_session"), "t")
        << "sealed";
}

TEST_F(SessionKeeperTest, workers_that_need_it_at_once_wait_for_the_one_that_signs_in) {
    login_.hold(true);
    const Worker a = worker("a");
    const Worker b = worker("b");
    std::string first, second;
    std::thread one([&] { first = session_of(a.keeper->headers()); });
    login_.wait_for_one();
    std::thread two([&] { second = session_of(b.keeper->headers()); });
    login_.hold(false);
    one.join();
    two.join();
    EXPECT_EQ(first, "1");
    EXPECT_EQ(second, "1");
    EXPECT_EQ(login_.logins, 1);
}

TEST_F(SessionKeeperTest, a_session_that_ended_is_renewed_once_however_many_saw_it_end) {
    const Worker a = worker("a");
    const Worker b = worker("b");
    a.keeper->headers();
    b.keeper->headers();
    EXPECT_EQ(session_of(a.keeper->renew("token")), "2");
    EXPECT_EQ(session_of(b.keeper->renew("token")), "2") << "a has renewed it";
    EXPECT_EQ(session_of(b.keeper->renew("token")), "3") << "that one has ended too";
    EXPECT_EQ(login_.logins, 3);
}

TEST_F(SessionKeeperTest, refused_credentials_are_not_tried_again_by_anybody) {
    login_.status = 401;
    const auto refused = worker("a").keeper->headers();
    ASSERT_TRUE(std::holds_alternative<NoSession>(refused));
    EXPECT_TRUE(std::get<NoSession>(refused).wrong_credentials);
    EXPECT_NE(session_of(refused).find("correct the service provider's credentials"),
              std::string::npos);
    for (int i = 0; i < 5; ++i) {
        const auto again = worker("b").keeper->headers();
        EXPECT_TRUE(std::get<NoSession>(again).wrong_credentials);
    }
    EXPECT_EQ(login_.logins, 1) << "the carrier would lock the user";
    login_.status = 200;
    EXPECT_EQ(session_of(worker("c", "f2").keeper->headers()), "2") << "new credentials are";
}

TEST_F(SessionKeeperTest, a_login_that_fails_for_now_is_tried_again_later) {
    login_.status = 503;
    const auto failed = worker("a").keeper->headers();
    ASSERT_TRUE(std::holds_alternative<NoSession>(failed));
    EXPECT_FALSE(std::get<NoSession>(failed).wrong_credentials);
    EXPECT_GT(std::get<NoSession>(failed).retry_after.count(), 0);
    login_.status = 200;
    EXPECT_EQ(session_of(worker("b").keeper->headers()), "2");
}

TEST_F(SessionKeeperTest, a_worker_that_died_while_signing_in_holds_nobody_up_for_ever) {
    database().run(
        "INSERT INTO account_session (service_provider_id, tenant_id, renewing_until, renewing_by)"
        " VALUES (1, 1, now() - interval '1 second', 'dead')");
    EXPECT_EQ(session_of(worker("a").keeper->headers()), "1");
}

TEST_F(SessionKeeperTest, a_session_is_renewed_when_its_time_has_come) {
    const Worker a = worker("a");
    a.keeper->headers();
    database().run("UPDATE account_session SET renew_at = now()");
    EXPECT_EQ(session_of(a.keeper->headers()), "2");
}

}  // namespace
}  // namespace carryall::accounts
