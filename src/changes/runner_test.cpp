// Runners on real PostgreSQL against a carrier of the test's own making, which keeps the lines'
// states and counts what it was told, so that "done, how often" has an answer of its own.
#include "changes/runner.hpp"

#include <thread>

#include "changes/fake_outside_test.hpp"
#include "changes/submit.hpp"
#include "support/database.hpp"

namespace carryall::changes {
namespace {

using std::chrono::seconds;

// POND's status calls of many lines.
class Lines {
  public:
    std::optional<http::ClientResponse> answer(const http::ClientRequest& request) {
        const std::lock_guard lock(mutex_);
        Line& line = lines_[request.url];
        if (request.method == http::Method::post) {
            ++line.writes;
            line.is_enabled = request.body.find("DISABLED") == std::string::npos;
            return FakeClient::ok("", 204);
        }
        ++line.reads;
        const std::string flag = line.is_enabled ? "\"ENABLED\"" : "\"DISABLED\"";
        return FakeClient::ok("{\"simDataServiceStatus\":" + flag + ",\"simVoiceServiceStatus\":" +
                              flag + ",\"simSmsServiceStatus\":" + flag + "}");
    }
    int writes() const {
        int all = 0;
        for (const auto& [url, line] : lines_) all += line.writes;
        return all;
    }
    int reads() const {
        int all = 0;
        for (const auto& [url, line] : lines_) all += line.reads;
        return all;
    }
    int most_writes_of_a_line() const {
        int most = 0;
        for (const auto& [url, line] : lines_) most = std::max(most, line.writes);
        return most;
    }

  private:
    struct Line {
        bool is_enabled = true;
        int writes = 0;
        int reads = 0;
    };
    std::mutex mutex_;
    std::map<std::string, Line> lines_;
};

// A runner with its own connection and client, as a worker's thread has them.
struct Machine {
    Machine(const WorkerSettings& settings, const base::MasterKey& key, Lines& lines,
            const std::string& name) {
        auto connection = db::Connection::open(settings.database);
        CHECK(connection.has_value() && Runner::prepare_connection(**connection));
        client.answer = [&lines](const http::ClientRequest& request) {
            return lines.answer(request);
        };
        runner = std::make_unique<Runner>(settings, key, std::move(connection).value(), client,
                                          name, stopping);
    }
    // Works messages until none is visible.
    void work() {
        for (int i = 0; i < 100; ++i) {
            const auto worked = runner->work_one();
            EXPECT_TRUE(worked) << (worked ? "" : worked.error().message);
            if (!worked || !*worked) return;
        }
        ADD_FAILURE() << "the queue does not become empty";
    }

    std::atomic<bool> stopping{false};
    FakeClient client;
    std::unique_ptr<Runner> runner;
};

class RunnerTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(R"(
            TRUNCATE tenant RESTART IDENTITY CASCADE;
            TRUNCATE account_pace, account_turn, queue_group, device_change, device_change_log,
                queue_message, device_event RESTART IDENTITY CASCADE;
            INSERT INTO tenant (name) VALUES ('one'), ('two');
            INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled,
                is_unpaced, settings)
                SELECT i, 'pond', 'pond', true, true,
                       '{"baseUrl": "https://pond.test", "distributorId": 71}'
                FROM generate_series(1, 2) i;
            INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status)
                SELECT 1, 1, 'm2m', '891030000000000' || lpad(i::text, 4, '0'), 'Active'
                FROM generate_series(1, 25) i;)");
        for (int provider = 1; provider <= 2; ++provider) give_credentials(provider);
        settings_.database = base::Secret(database().app_conninfo());
        settings_.settling_time = seconds(0);
        connection_ = std::move(db::Connection::open(settings_.database)).value();
        queue_ = queue::postgres_queue(*connection_, queue::kBulkChangeQueue);
    }

    void give_credentials(int provider) {
        const std::string sealed =
            key_.seal(base::Secret(R"({"apiKey":"k","username":"u","password":"p"})"),
                      "service_provider/" + std::to_string(provider));
        constexpr db::Query kSet{"set",
                                 "UPDATE service_provider SET credentials = $2 WHERE"
                                 " service_provider_id = $1"};
        auto admin = db::Connection::open(base::Secret(database().admin_conninfo()));
        ASSERT_TRUE((*admin)->exec(kSet, db::Params().add(provider).add_bytes(sealed)));
    }

    // A change of all 25 lines in three pages, with a message.
    BulkChangeId make_change(const std::string& target = "Suspended", bool with_message = true) {
        database().run(
            "INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status,"
            " request, source, correlation_id, created_by, device_count, new_count, error_count,"
            " open_page_count) VALUES (1, 1, 'statusupdate', 'm2m', 'PENDING',"
            " '{\"statusUpdate\":{\"updateStatus\":\"" +
            target + "\"}}', 'json', 'c-1', 'test', 25, 25, 0, 3)");
        const std::int64_t id =
            std::stoll(database().value("SELECT max(bulk_change_id) FROM bulk_change"));
        const std::string base = std::to_string(id << kOrdinalBits);
        database().run(
            "INSERT INTO device_change (device_change_id, tenant_id, device_id, row_number,"
            " identifier, state) SELECT " +
            base +
            " + device_id, 1, device_id, device_id, iccid, 'new' FROM device;"
            " INSERT INTO change_page (bulk_change_id, page_number, tenant_id,"
            " first_device_change_id, last_device_change_id) SELECT " +
            std::to_string(id) + ", p, 1, " + base + " + (p - 1) * 10 + 1, " + base +
            " + p * 10 FROM generate_series(1, 3) p");
        if (with_message) send({id});
        return {id};
    }
    void send(BulkChangeId id, std::int64_t tenant = 1) {
        queue::Attributes attributes;
        attributes.tenant_id = tenant;
        attributes.bulk_change_id = id.value;
        ASSERT_TRUE(queue_->send("b", attributes, {}));
    }

    std::unique_ptr<Machine> machine(const std::string& name = "w") {
        return std::make_unique<Machine>(settings_, key_, lines_, name);
    }
    // Somebody claims the change's next page and is never heard of again.
    void die_on_a_page(BulkChangeId id) {
        const auto page = claim_page(*connection_, 1, id, "dead", seconds(60));
        ASSERT_TRUE(page && page->has_value());
        let_leases_run_out();
    }
    static void let_leases_run_out() {
        database().run(
            "UPDATE change_page SET available_at = now() - interval '1 second' WHERE"
            " state = 'sending'");
    }
    static void let_time_come() {
        database().run(
            "UPDATE change_page SET available_at = now() WHERE state = 'ready';"
            " UPDATE device_change SET due_at = least(due_at, now());"
            " UPDATE queue_message SET visible_at = now()");
    }

    static std::string value(const std::string& sql) { return database().value(sql); }
    static std::string counts(BulkChangeId id) {
        return value(
            "SELECT status || ' n' || new_count || ' u' || unknown_count || ' p' ||"
            " processed_count || ' e' || error_count || ' k' || parked_count"
            " FROM bulk_change WHERE bulk_change_id = " +
            base::to_string(id));
    }
    static void expect_counts_are_true() {
        EXPECT_EQ(value("SELECT count(*) FROM bulk_change b WHERE (new_count, unknown_count,"
                        " processed_count, error_count, parked_count) <> (SELECT count(*) FILTER"
                        " (WHERE state = 'new'), count(*) FILTER (WHERE state = 'unknown'),"
                        " count(*) FILTER (WHERE state = 'processed'), count(*) FILTER (WHERE"
                        " state = 'error'), count(*) FILTER (WHERE state = 'parked') FROM"
                        " device_change c WHERE c.device_change_id >> 20 = b.bulk_change_id)"),
                  "0");
    }

    base::MasterKey key_ = base::MasterKey::generate();
    WorkerSettings settings_;
    Lines lines_;
    std::unique_ptr<db::Connection> connection_;
    std::unique_ptr<queue::Queue> queue_;
};

TEST_F(RunnerTest, a_message_is_worked_to_the_end_and_removed) {
    const BulkChangeId id = make_change();
    machine()->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(lines_.writes(), 25);
    EXPECT_EQ(value("SELECT count(*) FROM queue_message"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM device WHERE status = 'Suspended'"), "25");
    EXPECT_EQ(value("SELECT count(*) FROM device_change_log"), "25");
    EXPECT_EQ(value("SELECT count(*) FROM change_page WHERE state = 'done'"), "3");
}

TEST_F(RunnerTest, several_runners_on_one_change_send_every_device_once) {
    const BulkChangeId id = make_change();
    for (int i = 0; i < 3; ++i) send(id);
    std::vector<std::unique_ptr<Machine>> machines;
    for (int i = 0; i < 4; ++i) machines.push_back(machine("w" + std::to_string(i)));
    std::vector<std::thread> threads;
    for (const auto& each : machines) threads.emplace_back([&each] { each->work(); });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(lines_.writes(), 25);
    EXPECT_EQ(lines_.most_writes_of_a_line(), 1);
}

TEST_F(RunnerTest, duplicate_messages_cause_no_extra_work) {
    const BulkChangeId id = make_change();
    for (int i = 0; i < 5; ++i) send(id);
    machine()->work();
    EXPECT_EQ(lines_.writes(), 25);
    EXPECT_EQ(value("SELECT max(attempt) FROM change_page"), "1");
    EXPECT_EQ(value("SELECT count(*) FROM queue_message"), "0");
}

TEST_F(RunnerTest, a_message_that_names_another_tenants_change_is_removed_and_touches_nothing) {
    const BulkChangeId id = make_change("Suspended", false);
    send(id, 2);
    machine()->work();
    EXPECT_EQ(counts(id), "PENDING n25 u0 p0 e0 k0");
    EXPECT_EQ(lines_.writes(), 0);
    EXPECT_EQ(value("SELECT count(*) FROM queue_message"), "0");
    EXPECT_EQ(value("SELECT max(attempt) FROM change_page"), "0");
}

TEST_F(RunnerTest, a_change_type_of_a_newer_version_waits_for_a_newer_worker) {
    const BulkChangeId id = make_change();
    database().run(
        "ALTER TABLE bulk_change DROP CONSTRAINT bulk_change_change_type_check;"
        " UPDATE bulk_change SET change_type = 'telepathy'");
    const auto old = machine();
    for (int i = 0; i < queue::kMaxReceives; ++i) {
        EXPECT_FALSE(old->runner->work_one());
        database().run("UPDATE queue_message SET visible_at = now()");
    }
    EXPECT_EQ(old->runner->work_one().value_or(true), false);
    EXPECT_EQ(value("SELECT count(*) FROM queue_message WHERE dead_at IS NOT NULL"), "1");
    EXPECT_EQ(sweep(*connection_).value_or(-1), 0) << "the sweep must not run hot";
    database().run("UPDATE queue_message SET dead_at = now() - interval '61 minutes'");
    EXPECT_EQ(sweep(*connection_).value_or(-1), 1) << "a newer worker may be there now";
    EXPECT_EQ(counts(id), "PENDING n25 u0 p0 e0 k0");
    database().run("UPDATE bulk_change SET change_type = 'statusupdate'");
    machine("newer")->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
}

TEST_F(RunnerTest, an_emptied_queue_is_rebuilt_and_the_change_goes_on) {
    const BulkChangeId id = make_change();
    const auto first = machine();
    first->client.on_wait = [&] {
        first->stopping = true;
        database().run("TRUNCATE queue_message");
    };
    ASSERT_TRUE(first->runner->work_one());
    EXPECT_EQ(counts(id), "PROCESSING n15 u0 p10 e0 k0");
    EXPECT_EQ(sweep(*connection_).value_or(-1), 1);
    machine("second")->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(lines_.writes(), 25);
}

TEST_F(RunnerTest, a_runner_asked_to_end_gives_the_message_back_at_once) {
    const BulkChangeId id = make_change();
    const auto first = machine();
    first->client.on_wait = [&] { first->stopping = true; };
    ASSERT_TRUE(first->runner->work_one());
    EXPECT_EQ(value("SELECT visible_at <= now() FROM queue_message"), "t");
    machine("second")->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
}

TEST_F(RunnerTest, the_write_switch_turned_off_on_the_way_refuses_the_rest) {
    const BulkChangeId id = make_change();
    const auto first = machine();
    first->client.on_wait = [&] { first->stopping = true; };
    ASSERT_TRUE(first->runner->work_one());
    database().run("UPDATE service_provider SET write_is_enabled = false");
    machine("second")->work();
    EXPECT_EQ(lines_.writes(), 10);
    EXPECT_EQ(counts(id), "PARTIAL n0 u0 p10 e15 k0");
    EXPECT_EQ(value("SELECT DISTINCT reason FROM device_change WHERE state = 'error'"),
              "Writes disabled for this service provider");
}

TEST_F(RunnerTest, a_change_is_cancelled_although_the_credentials_cannot_be_opened) {
    make_change();
    database().run("UPDATE service_provider SET credentials = '\\x00'");
    auto worker = machine();
    EXPECT_FALSE(worker->runner->work_one()) << "what cannot run is a failure";
    database().run(
        "UPDATE bulk_change SET control = 'cancelling', control_cause = 'person', control_by = 'me'"
        ", control_at = now(); UPDATE queue_message SET visible_at = now()");
    worker->work();
    EXPECT_EQ(database().value("SELECT status || ' ' || control || ' ' || cancelled_count FROM "
                               "bulk_change"),
              "CANCELLED cancelled 25");
    EXPECT_EQ(database().value("SELECT count(*) FROM queue_message"), "0");
    EXPECT_EQ(database().value("SELECT min(reason) FROM device_change"), "Cancelled by me");
    EXPECT_EQ(lines_.writes() + lines_.reads(), 0);
}

TEST_F(RunnerTest, an_account_without_credentials_refuses_every_device_and_says_why) {
    const BulkChangeId id = make_change();
    database().run("UPDATE service_provider SET credentials = NULL");
    machine()->work();
    EXPECT_EQ(counts(id), "ERROR n0 u0 p0 e25 k0");
    EXPECT_EQ(value("SELECT count(DISTINCT reason) FROM device_change"), "1");
    EXPECT_NE(value("SELECT min(reason) FROM device_change").find("apiKey"), std::string::npos);
    EXPECT_EQ(value("SELECT DISTINCT error_class FROM device_change"), "system");
}

TEST_F(RunnerTest, devices_of_a_dead_worker_are_read_back_before_anything_is_sent_again) {
    const BulkChangeId id = make_change();
    die_on_a_page(id);
    machine()->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(lines_.reads(), 10) << "the ten of the lost page";
    EXPECT_EQ(lines_.most_writes_of_a_line(), 1);
}

TEST_F(RunnerTest, a_page_lost_twice_is_worked_device_by_device) {
    const BulkChangeId id = make_change();
    die_on_a_page(id);
    die_on_a_page(id);
    const auto careful = machine();
    careful->client.on_wait = [&] { careful->stopping = true; };
    ASSERT_TRUE(careful->runner->work_one());
    EXPECT_EQ(counts(id), "PROCESSING n15 u9 p1 e0 k0");
    EXPECT_EQ(value("SELECT lost_count FROM change_page WHERE page_number = 1"), "2");
    machine("next")->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(lines_.most_writes_of_a_line(), 1);
    expect_counts_are_true();
}

TEST_F(RunnerTest, only_the_device_that_workers_die_of_is_parked) {
    const BulkChangeId id = make_change();
    for (int i = 0; i < 3; ++i) die_on_a_page(id);
    machine()->work();
    EXPECT_EQ(counts(id), "PARTIAL n0 u0 p24 e0 k1");
    EXPECT_EQ(value("SELECT row_number FROM device_change WHERE state = 'parked'"), "1");
    EXPECT_NE(value("SELECT reason FROM device_change WHERE state = 'parked'").find("3 workers"),
              std::string::npos);
    EXPECT_EQ(value("SELECT has_errors FROM device_change_log WHERE log_entry_description LIKE"
                    " '%Park'"),
              "t");
    EXPECT_EQ(lines_.most_writes_of_a_line(), 1);
    expect_counts_are_true();
}

TEST_F(RunnerTest, a_parked_device_that_is_retried_is_read_back_before_anything_is_sent) {
    const BulkChangeId id = make_change();
    for (int i = 0; i < 3; ++i) die_on_a_page(id);
    machine()->work();
    database().run(
        "UPDATE device_change SET progress = '{\"packageId\": \"p-1\"}',"
        " read_back_count = 7 WHERE state = 'parked'");
    const int reads = lines_.reads();
    tenants::Caller caller;
    caller.tenant_id = {1};
    caller.role = tenants::Role::operator_;
    const auto filtered = retry_failed(*connection_, caller, id, {{"transient"}});
    ASSERT_TRUE(filtered) << filtered.error().message;
    EXPECT_EQ(filtered->retried_count, 0);
    const auto retried = retry_failed(*connection_, caller, id, {});
    ASSERT_TRUE(retried) << retried.error().message;
    EXPECT_EQ(retried->retried_count, 1);
    EXPECT_EQ(retried->status, "PROCESSING");
    EXPECT_EQ(counts(id), "PROCESSING n0 u1 p24 e0 k0");
    EXPECT_EQ(value("SELECT progress ->> 'packageId' FROM device_change WHERE state = 'unknown' AND"
                    " read_back_count = 0"),
              "p-1");
    const auto again = retry_failed(*connection_, caller, id, {});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->retried_count, 0);
    machine()->work();
    EXPECT_EQ(lines_.reads(), reads + 1);
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(lines_.most_writes_of_a_line(), 1);
    expect_counts_are_true();
}

// W-03: a worker is paused beyond its lease while it waits for the carrier.
TEST_F(RunnerTest, a_worker_that_was_paused_changes_nothing_when_it_wakes) {
    const BulkChangeId id = make_change();
    const auto paused = machine("paused");
    const auto successor = machine("successor");
    bool was_paused = false;
    paused->client.on_wait = [&] {
        if (std::exchange(was_paused, true)) return;
        let_leases_run_out();
        send(id);
        successor->work();
    };
    paused->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(value("SELECT count(*) FROM device_change_log l JOIN change_page p ON"
                    " l.device_change_id BETWEEN p.first_device_change_id AND"
                    " p.last_device_change_id WHERE p.page_number = 1 AND l.attempt = 1"),
              "0");
    EXPECT_EQ(value("SELECT attempt FROM change_page WHERE page_number = 1"), "2");
    expect_counts_are_true();
}

TEST_F(RunnerTest, a_message_that_was_received_again_meanwhile_is_left_to_its_receiver) {
    const BulkChangeId id = make_change();
    const auto slow = machine();
    slow->client.on_wait = [&] {
        slow->client.on_wait = nullptr;
        database().run("UPDATE queue_message SET receipt = receipt + 1");
    };
    ASSERT_TRUE(slow->runner->work_one());
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(value("SELECT count(*) FROM queue_message"), "1");
}

TEST_F(RunnerTest, a_message_that_gets_somewhere_does_not_become_a_dead_letter) {
    make_change();
    database().run("UPDATE queue_message SET receive_count = 4");
    const auto runner = machine();
    runner->client.on_wait = [&] {
        EXPECT_EQ(value("SELECT receive_count FROM queue_message"),
                  lines_.writes() < 10 ? "5" : "1");
    };
    runner->client.answer = [&](const http::ClientRequest& request) {
        if (lines_.writes() == 12) runner->stopping = true;
        return lines_.answer(request);
    };
    ASSERT_TRUE(runner->runner->work_one());
    EXPECT_EQ(value("SELECT receive_count FROM queue_message"), "0");
}

// D-02: the connection breaks while answers are in our hands.
TEST_F(RunnerTest, a_completion_survives_a_lost_connection_and_is_applied_once) {
    const BulkChangeId id = make_change();
    const auto runner = machine();
    runner->client.on_wait = [&] {
        runner->client.on_wait = nullptr;
        database().run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE"
            " application_name = 'carryall work' AND datname = current_database()");
    };
    runner->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(lines_.writes(), 25);
    EXPECT_EQ(value("SELECT max(attempt) FROM change_page"), "1");
    expect_counts_are_true();
}

TEST_F(RunnerTest, a_rate_limit_is_obeyed_by_every_runner_and_the_message_comes_back_later) {
    const BulkChangeId id = make_change();
    send(id);
    settings_.max_in_flight = 1;
    const auto first = machine();
    first->client.answer = [](const http::ClientRequest&) {
        auto response = FakeClient::ok("{}", 429);
        response.retry_after = seconds(120);
        return response;
    };
    ASSERT_TRUE(first->runner->work_one());
    EXPECT_EQ(first->client.started.size(), 1U) << "the other pages are not tried";
    machine("second")->work();
    EXPECT_EQ(lines_.writes(), 0);
    EXPECT_EQ(counts(id), "PROCESSING n25 u0 p0 e0 k0");
    EXPECT_EQ(value("SELECT count(*) FROM queue_message WHERE visible_at > now() +"
                    " interval '50 seconds'"),
              "2");
    database().run(
        "UPDATE account_pace SET paused_until = now(), learned_rate = NULL,"
        " learned_from = NULL, learned_at = NULL");
    let_time_come();
    machine("third")->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
}

TEST_F(RunnerTest, a_rated_account_is_left_alone_while_its_queue_is_long) {
    const BulkChangeId id = make_change();
    const auto account = accounts::load_account(*connection_, 1, 1, key_);
    ASSERT_TRUE(account);
    database().run(
        "UPDATE service_provider SET rate_per_second = 100, is_unpaced = false;"
        " INSERT INTO account_pace (pacing_key, next_free_at)"
        " VALUES ('" +
        account->pacing_key + "', now() + interval '10 minutes')");
    machine()->work();
    EXPECT_EQ(lines_.writes(), 0);
    EXPECT_EQ(value("SELECT pacing_key FROM service_provider WHERE service_provider_id = 1"),
              account->pacing_key)
        << "a service provider from before gets its key when it is opened";
    EXPECT_EQ(counts(id), "PROCESSING n25 u0 p0 e0 k0");
    EXPECT_EQ(value("SELECT next_free_at < now() + interval '10 minutes 1 second' FROM"
                    " account_pace"),
              "t")
        << "nothing is reserved that will not be used";
}

TEST_F(RunnerTest, an_account_with_limits_is_called_by_one_runner_after_the_other) {
    const BulkChangeId id = make_change();
    send(id);
    database().run(
        "UPDATE service_provider SET is_unpaced = false, rate_per_second = 1000,"
        " max_concurrency = 3");
    const auto first = machine("first");
    const auto second = machine("second");
    first->client.on_wait = [&] {
        first->client.on_wait = nullptr;
        // Sorts its message into the account's group, and finds the group at work.
        second->work();
        EXPECT_EQ(second->client.started.size(), 0U);
        EXPECT_EQ(value("SELECT string_agg(slots::text, ',') FROM account_turn"), "3");
    };
    first->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_LE(first->client.most_in_flight, 3U);
    EXPECT_EQ(value("SELECT count(*) FROM queue_message"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM account_turn"), "0");
    EXPECT_EQ(value("SELECT quota_used FROM account_pace"), "25") << "unused calls went back";
}

TEST_F(RunnerTest, towards_the_end_of_a_page_the_next_runner_may_make_the_calls_that_are_free) {
    const BulkChangeId id = make_change();
    database().run(
        "UPDATE service_provider SET is_unpaced = false, rate_per_second = 1000,"
        " max_concurrency = 3");
    const auto first = machine("first");
    const auto second = machine("second");
    first->client.on_wait = [&] {
        if (first->client.started.size() <= 3) return;  // its first calls
        first->client.on_wait = nullptr;
        EXPECT_EQ(value("SELECT slots FROM account_turn"), "1");
        second->work();
    };
    first->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_GT(second->client.started.size(), 0U);
    EXPECT_LE(second->client.most_in_flight, 2U) << "the first one has a call in flight";
}

TEST_F(RunnerTest, a_small_change_gets_its_turn_although_a_large_one_came_before) {
    const BulkChangeId large = make_change();
    database().run(
        "UPDATE service_provider SET is_unpaced = false, rate_per_second = 1000,"
        " max_concurrency = 1");
    const auto runner = machine();
    runner->client.on_wait = [&] { runner->stopping = true; };
    ASSERT_TRUE(runner->runner->work_one()) << "puts the message into the group";
    ASSERT_TRUE(runner->runner->work_one());
    runner->client.on_wait = nullptr;
    runner->stopping = false;
    const std::string so_far = counts(large);
    EXPECT_EQ(so_far, "PROCESSING n24 u0 p1 e0 k0");
    database().run("UPDATE queue_message SET visible_at = now() - interval '1 second'");
    const BulkChangeId small = make_change("Suspended", false);
    send(small);
    database().run(
        "UPDATE queue_message SET visible_at = now() - interval '1 minute', group_key = (SELECT"
        " min(group_key) FROM queue_message) WHERE attributes ->> 'BulkChangeId' = '" +
        base::to_string(small) + "'");
    ASSERT_TRUE(runner->runner->work_one());
    EXPECT_NE(counts(small), "PENDING n25 u0 p0 e0 k0");
    EXPECT_EQ(counts(large), so_far);
}

// C-07: the runner is free for others while a carrier is down.
TEST_F(RunnerTest, a_carrier_that_is_down_is_left_alone_and_its_devices_keep_their_tries) {
    const BulkChangeId id = make_change();
    settings_.max_in_flight = 1;
    const auto runner = machine();
    runner->client.answer = [](const http::ClientRequest&) {
        return FakeClient::failed(http::Transport::not_sent);
    };
    runner->work();
    EXPECT_EQ(runner->client.started.size(), 8U) << "then the breaker is open";
    EXPECT_EQ(value("SELECT count(*) FROM device_change WHERE retry_number = 0"), "17");
    EXPECT_EQ(value("SELECT visible_at > now() + interval '10 seconds' FROM queue_message"), "t");
    let_time_come();
    runner->work();
    EXPECT_EQ(runner->client.started.size(), 8U) << "nobody asks before the time has come";
    database().run("UPDATE account_pace SET breaker_probe_at = now()");
    let_time_come();
    runner->work();
    EXPECT_EQ(runner->client.started.size(), 9U) << "one probe";
    database().run("UPDATE account_pace SET breaker_probe_at = now()");
    let_time_come();
    runner->client.answer = [&](const http::ClientRequest& request) {
        return lines_.answer(request);
    };
    runner->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(value("SELECT breaker_opened_at IS NULL FROM account_pace"), "t");
}

TEST_F(RunnerTest, when_the_days_quota_is_used_up_the_pages_wait_for_the_next_day) {
    const BulkChangeId id = make_change();
    database().run(
        "UPDATE service_provider SET is_unpaced = false, rate_per_second = 1000,"
        " max_concurrency = 4, day_quota = 12");
    machine()->work();
    EXPECT_EQ(lines_.writes(), 12);
    EXPECT_EQ(counts(id), "PROCESSING n13 u0 p12 e0 k0");
    EXPECT_EQ(value("SELECT count(*) FROM device_change WHERE retry_number > 0"), "0");
    EXPECT_EQ(value("SELECT not_before > now() FROM queue_group"), "t");
    database().run(
        "UPDATE account_pace SET quota_day = quota_day - 1;"
        " UPDATE service_provider SET day_quota = 100;"
        " UPDATE queue_group SET not_before = now()");
    let_time_come();
    machine()->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
}

// A carrier's answer that PostgreSQL cannot hold must not lose the page.
TEST_F(RunnerTest, answers_that_are_no_text_are_written_down_all_the_same) {
    const BulkChangeId id = make_change();
    const auto runner = machine();
    runner->client.answer = [](const http::ClientRequest&) {
        return FakeClient::ok(std::string("{\"message\": \"\xFF\xC3 \0 \"}", 18), 400);
    };
    runner->work();
    EXPECT_EQ(counts(id), "ERROR n0 u0 p0 e25 k0");
    EXPECT_EQ(value("SELECT max(attempt) FROM change_page"), "1");
}

// C-11: the later accepted change of a device waits for the earlier one.
TEST_F(RunnerTest, changes_of_the_same_device_are_carried_out_in_the_order_they_were_accepted) {
    const BulkChangeId first = make_change("Suspended", false);
    const BulkChangeId second = make_change("Active");
    const auto runner = machine();
    runner->work();
    EXPECT_EQ(lines_.writes(), 0);
    EXPECT_EQ(counts(second), "PROCESSING n25 u0 p0 e0 k0");
    send(first);
    runner->work();
    EXPECT_EQ(counts(first), "PROCESSED n0 u0 p25 e0 k0");
    let_time_come();
    runner->work();
    EXPECT_EQ(counts(second), "PROCESSED n0 u0 p25 e0 k0");
    EXPECT_EQ(value("SELECT DISTINCT status FROM device"), "Active");
}

TEST_F(RunnerTest, a_change_that_was_not_started_holds_nothing_back) {
    make_change("Suspended", false);
    database().run("UPDATE bulk_change SET status = 'NEW'");
    const BulkChangeId second = make_change("Inactive");
    machine()->work();
    EXPECT_EQ(counts(second), "PROCESSED n0 u0 p25 e0 k0");
}

TEST_F(RunnerTest, nothing_is_begun_at_an_account_in_a_blackout) {
    const BulkChangeId id = make_change();
    database().run(
        "INSERT INTO account_blackout (tenant_id, service_provider_id, name, time_zone, starts_at,"
        " ends_at, created_by) VALUES (1, 1, 'freeze', 'UTC', now() - interval '1 hour',"
        " now() + interval '1 hour', 'test')");
    const auto runner = machine();
    runner->work();
    EXPECT_EQ(lines_.writes() + lines_.reads(), 0);
    EXPECT_EQ(counts(id), "PENDING n25 u0 p0 e0 k0");
    EXPECT_EQ(value("SELECT count(*) FROM change_page WHERE attempt > 0"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM queue_message WHERE visible_at > now()"), "1")
        << "the message waits for the end";
    database().run("DELETE FROM account_blackout");
    let_time_come();
    runner->work();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
}

TEST_F(RunnerTest, two_runners_share_one_account_within_its_rate) {
    const BulkChangeId id = make_change();
    send(id);
    database().run("UPDATE service_provider SET rate_per_second = 40, is_unpaced = false");
    const auto a = machine("a");
    const auto b = machine("b");
    const auto before = std::stod(value("SELECT extract(epoch FROM clock_timestamp())"));
    std::thread other([&] { b->work(); });
    a->work();
    other.join();
    EXPECT_EQ(counts(id), "PROCESSED n0 u0 p25 e0 k0");
    // However the calls were dealt out, the account's next free slot lies behind all of them.
    const auto next =
        std::stod(value("SELECT extract(epoch FROM next_free_at) FROM"
                        " account_pace"));
    EXPECT_GE(next - before, 25.0 / 40);
}

}  // namespace
}  // namespace carryall::changes
