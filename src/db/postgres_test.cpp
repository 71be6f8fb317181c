// The wrapper on real PostgreSQL: what goes in comes out, and every failure has its kind.
#include "db/postgres.hpp"

#include <thread>

#include "support/database.hpp"

namespace carryall::db {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;

std::unique_ptr<Connection> open(const std::string& conninfo) {
    auto connection = Connection::open(base::Secret(conninfo));
    CHECK(connection.has_value());
    return std::move(connection).value();
}

class PostgresTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(
            "DROP TABLE IF EXISTS thing; CREATE TABLE thing (id bigint CONSTRAINT thing_is_unique"
            " PRIMARY KEY, name text, more bytea); GRANT ALL ON thing TO carryall_app");
        connection_ = open(database().app_conninfo());
    }

    std::int64_t count() { return std::stoll(database().value("SELECT count(*) FROM thing")); }
    static void kill(Connection& connection) {
        constexpr Query kPid{"pid", "SELECT pg_backend_pid()"};
        const auto pid = connection.exec(kPid);
        CHECK(pid.has_value());
        database().run("SELECT pg_terminate_backend(" + pid->string(0, 0) + ", 5000)");
    }

    std::unique_ptr<Connection> connection_;
};

const std::vector<std::string> kTexts = {"",
                                         "plain",
                                         "NULL",
                                         "\\N",
                                         "quote \" and '",
                                         "back\\slash \\\\ \\n",
                                         "{a,b}",
                                         "tab\tend",
                                         "line\nfeed\r\n",
                                         "Zürich 日本 🚚",
                                         " blanks ",
                                         "$1 %s",
                                         "\x01\x7F"};

TEST_F(PostgresTest, a_statement_over_its_time_is_a_timeout_and_the_connection_lives_on) {
    constexpr Query kEndless{"endless", "SELECT count(*) FROM generate_series(1, 1000000000000)"};
    constexpr Query kOne{"one", "SELECT 1"};
    ASSERT_TRUE(connection_->exec_text("SET statement_timeout = '5ms'"));
    const auto cut = connection_->exec(kEndless);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().kind, base::ErrorKind::timeout);
    EXPECT_TRUE(connection_->exec(kOne));
}

TEST_F(PostgresTest, texts_survive_as_parameters_in_arrays_and_in_copy) {
    constexpr Query kEcho{"echo", "SELECT $1::text"};
    constexpr Query kUnnest{"unnest", "SELECT * FROM unnest($1::text[])"};
    Array array;
    for (const std::string& text : kTexts) {
        const auto rows = connection_->exec(kEcho, Params().add(text));
        ASSERT_TRUE(rows) << rows.error().message;
        EXPECT_EQ(rows->text(0, 0), text);
        array.add(std::string_view(text));
    }
    const auto rows = connection_->exec(kUnnest, Params().add(array.take()));
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->size(), kTexts.size());
    auto transaction = Transaction::begin(*connection_, 0);
    ASSERT_TRUE(transaction);
    auto copy = CopyIn::start(*transaction, "thing", {"id", "name"});
    ASSERT_TRUE(copy);
    for (std::size_t i = 0; i < kTexts.size(); ++i) {
        EXPECT_EQ(rows->text(i, 0), kTexts[i]);
        ASSERT_TRUE(
            copy->field(static_cast<std::int64_t>(i)).field(std::string_view(kTexts[i])).end_row());
    }
    ASSERT_TRUE(copy->finish());
    constexpr Query kAll{"all", "SELECT name FROM thing ORDER BY id"};
    const auto stored = transaction->exec(kAll);
    ASSERT_TRUE(stored) << stored.error().message;
    ASSERT_EQ(stored->size(), kTexts.size());
    for (std::size_t i = 0; i < kTexts.size(); ++i) EXPECT_EQ(stored->text(i, 0), kTexts[i]);
}

// One wrong byte of a carrier's answer must not make a whole page impossible to write down.
TEST_F(PostgresTest, text_that_postgresql_cannot_hold_is_made_storable_everywhere) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {std::string("a\0b", 3), "ab"},
        {"\xFF", "\xEF\xBF\xBD"},
        {"cut \xC3", "cut \xEF\xBF\xBD"},
        {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                  // overlong
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},  // surrogate
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xE0\x80\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"ok é \xF0\x9F\x9A\x9A", "ok é \xF0\x9F\x9A\x9A"}};
    constexpr Query kBoth{"both", "SELECT $1::text, ($2::text[])[1]"};
    auto transaction = Transaction::begin(*connection_, 0);
    ASSERT_TRUE(transaction);
    for (std::size_t i = 0; i < cases.size(); ++i) {
        Array array;
        array.add(std::string_view(cases[i].first));
        const auto rows = transaction->exec(kBoth, Params().add(cases[i].first).add(array.take()));
        ASSERT_TRUE(rows) << i << rows.error().message;
        EXPECT_EQ(rows->text(0, 0), cases[i].second) << i;
        EXPECT_EQ(rows->text(0, 1), cases[i].second) << i;
        auto copy = CopyIn::start(*transaction, "thing", {"id", "name"});
        ASSERT_TRUE(copy);
        ASSERT_TRUE(copy->field(static_cast<std::int64_t>(i))
                        .field(std::string_view(cases[i].first))
                        .end_row());
        ASSERT_TRUE(copy->finish());
        constexpr Query kLast{"last", "SELECT name FROM thing ORDER BY id DESC LIMIT 1"};
        EXPECT_EQ(transaction->exec(kLast)->text(0, 0), cases[i].second) << i;
    }
}

TEST_F(PostgresTest, nulls_numbers_flags_instants_and_bytes_survive) {
    constexpr Query kAll{"kinds",
                         "SELECT $1::text, $2::bigint, $3::boolean, $4::bytea, $5::timestamptz ="
                         " '2026-03-01T10:00:00.25Z', ($6::text[])[1] IS NULL, ($7::bigint[])[2]"};
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    Array nulls;
    nulls.add_null();
    Array numbers;
    numbers.add(std::int64_t{1});
    numbers.add(std::int64_t{-9'000'000'000});
    const auto rows =
        connection_->exec(kAll, Params()
                                    .add_null()
                                    .add(std::int64_t{-5})
                                    .add(true)
                                    .add_bytes(bytes)
                                    .add(*base::parse_iso8601("2026-03-01T10:00:00.25Z"))
                                    .add(nulls.take())
                                    .add(numbers.take()));
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_TRUE(rows->is_null(0, 0));
    EXPECT_EQ(rows->optional_text(0, 0), std::nullopt);
    EXPECT_EQ(rows->integer(0, 1), -5);
    EXPECT_TRUE(rows->boolean(0, 2));
    EXPECT_EQ(rows->bytes(0, 3), bytes);
    EXPECT_TRUE(rows->boolean(0, 4));
    EXPECT_TRUE(rows->boolean(0, 5));
    EXPECT_EQ(rows->integer(0, 6), -9'000'000'000);
    Array empty;
    constexpr Query kNone{"none", "SELECT * FROM unnest($1::text[])"};
    EXPECT_TRUE(connection_->exec(kNone, Params().add(empty.take()))->empty());
}

TEST_F(PostgresTest, a_copy_that_fails_leaves_a_usable_connection) {
    database().run("INSERT INTO thing VALUES (1)");
    {
        auto transaction = Transaction::begin(*connection_, 0);
        ASSERT_TRUE(transaction);
        auto copy = CopyIn::start(*transaction, "thing", {"id", "name"});
        ASSERT_TRUE(copy);
        ASSERT_TRUE(copy->field(std::int64_t{1}).null().end_row());
        const auto finished = copy->finish();
        EXPECT_FALSE(finished);
    }
    constexpr Query kOne{"one", "SELECT 1"};
    EXPECT_TRUE(connection_->exec(kOne));
}

TEST_F(PostgresTest, what_was_not_committed_is_rolled_back) {
    constexpr Query kInsert{"insert_thing", "INSERT INTO thing (id) VALUES ($1)"};
    {
        auto transaction = Transaction::begin(*connection_, 0);
        ASSERT_TRUE(transaction);
        ASSERT_TRUE(transaction->exec(kInsert, Params().add(1)));
    }
    EXPECT_EQ(count(), 0);
    auto transaction = Transaction::begin(*connection_, 0);
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(transaction->exec(kInsert, Params().add(1)));
    ASSERT_TRUE(transaction->commit());
    EXPECT_EQ(count(), 1);
}

TEST_F(PostgresTest, a_violated_uniqueness_is_a_conflict_that_names_the_constraint) {
    database().run("INSERT INTO thing VALUES (1)");
    constexpr Query kInsert{"insert_thing", "INSERT INTO thing (id) VALUES ($1)"};
    const auto rows = connection_->exec(kInsert, Params().add(1));
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().kind, ErrorKind::conflict);
    EXPECT_EQ(rows.error().where, "thing_is_unique");
    EXPECT_FALSE(is_serialization_failure(rows.error()));
}

TEST_F(PostgresTest, our_own_mistakes_are_internal_errors_and_the_connection_goes_on) {
    constexpr Query kWrong{"wrong", "SELECT no_such_column FROM thing"};
    const auto rows = connection_->exec(kWrong);
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().kind, ErrorKind::internal);
    EXPECT_EQ(rows.error().where, "query wrong");
    constexpr Query kOne{"one", "SELECT 1"};
    EXPECT_TRUE(connection_->exec(kOne));
}

TEST_F(PostgresTest, a_refused_connection_is_unavailable) {
    const auto refused = Connection::open(base::Secret("host=127.0.0.1 port=1 dbname=x"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
}

TEST_F(PostgresTest, a_connection_the_server_ended_says_so_and_forgets_everything_on_reconnect) {
    ASSERT_TRUE(connection_->work_for_tenant(5));
    ASSERT_TRUE(connection_->listen("one"));
    kill(*connection_);
    static constexpr Query kTenant{"tenant", "SELECT current_setting('carryall.tenant_id', true)"};
    const auto rows = connection_->exec(kTenant);
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().kind, ErrorKind::unavailable) << rows.error().message;
    EXPECT_FALSE(connection_->is_usable());
    ASSERT_TRUE(connection_->reconnect(base::Secret(database().app_conninfo())));
    EXPECT_TRUE(connection_->is_usable());
    EXPECT_EQ(connection_->exec(kTenant)->text(0, 0), "");
    ASSERT_TRUE(connection_->work_for_tenant(5));
    EXPECT_EQ(connection_->exec(kTenant)->text(0, 0), "5");
    database().run("NOTIFY one");
    const auto heard = connection_->wait_for_notifications(milliseconds(50));
    ASSERT_TRUE(heard);
    EXPECT_TRUE(heard->empty());
}

TEST_F(PostgresTest, a_commit_whose_connection_is_gone_is_unavailable) {
    auto transaction = Transaction::begin(*connection_, 0);
    ASSERT_TRUE(transaction);
    constexpr Query kPid{"pid", "SELECT pg_backend_pid()"};
    const std::string pid = transaction->exec(kPid)->string(0, 0);
    database().run("SELECT pg_terminate_backend(" + pid + ", 5000)");
    const auto committed = transaction->commit();
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().kind, ErrorKind::unavailable) << committed.error().message;
}

TEST_F(PostgresTest, notifications_arrive_with_channel_and_payload) {
    ASSERT_TRUE(connection_->listen("channel"));
    database().run("NOTIFY channel, 'one'; NOTIFY other, 'none'; NOTIFY channel, 'two'");
    std::vector<std::pair<std::string, std::string>> all;
    for (int i = 0; i < 10 && all.size() < 2; ++i) {
        const auto some = connection_->wait_for_notifications(milliseconds(1'000));
        ASSERT_TRUE(some);
        all.insert(all.end(), some->begin(), some->end());
    }
    EXPECT_EQ(all, (std::vector<std::pair<std::string, std::string>>{{"channel", "one"},
                                                                     {"channel", "two"}}));
}

TEST_F(PostgresTest, the_first_wait_for_a_notice_listens_and_ends_at_once) {
    const auto long_time = std::chrono::hours(1);
    ASSERT_TRUE(connection_->wait_for_notice("channel", long_time));
    database().run("NOTIFY channel");
    ASSERT_TRUE(connection_->wait_for_notice("channel", long_time));
    kill(*connection_);
    EXPECT_FALSE(connection_->wait_for_notice("channel", milliseconds(1)));
    ASSERT_TRUE(connection_->reconnect(base::Secret(database().app_conninfo())));
    ASSERT_TRUE(connection_->wait_for_notice("channel", long_time));
    database().run("NOTIFY channel");
    ASSERT_TRUE(connection_->wait_for_notice("channel", long_time));
}

Result<int> fail_to_serialize(Transaction& transaction, int& tries, int successes_after) {
    ++tries;
    if (tries > successes_after) return tries;
    const auto failed = transaction.exec_text(
        "DO $$ BEGIN RAISE EXCEPTION 'forced' USING ERRCODE = '40001'; END $$");
    return failed.error();
}

TEST_F(PostgresTest, a_serialization_failure_is_tried_three_times_and_nothing_else_is) {
    int tries = 0;
    const auto third = in_transaction<int>(*connection_, 0, [&](Transaction& transaction) {
        return fail_to_serialize(transaction, tries, 2);
    });
    ASSERT_TRUE(third) << third.error().message;
    EXPECT_EQ(*third, 3);
    tries = 0;
    const auto never = in_transaction<int>(*connection_, 0, [&](Transaction& transaction) {
        return fail_to_serialize(transaction, tries, 100);
    });
    ASSERT_FALSE(never);
    EXPECT_TRUE(is_serialization_failure(never.error()));
    EXPECT_EQ(tries, kMaxTransactionTries);
    tries = 0;
    const auto other = in_transaction<int>(*connection_, 0, [&](Transaction&) -> Result<int> {
        ++tries;
        return base::not_found("x");
    });
    EXPECT_FALSE(other);
    EXPECT_EQ(tries, 1);
}

TEST_F(PostgresTest, a_session_that_looks_up_by_key_plans_once_and_compiles_nothing) {
    ASSERT_TRUE(look_up_by_key_only(*connection_, "by key"));
    static constexpr Query kSettings{"settings",
                                     "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name)"
                                     " FROM pg_settings WHERE name IN ('jit', 'plan_cache_mode',"
                                     " 'enable_seqscan', 'application_name')"};
    EXPECT_EQ(connection_->exec(kSettings)->text(0, 0),
              "application_name=by key enable_seqscan=off jit=off"
              " plan_cache_mode=force_generic_plan");
}

TEST_F(PostgresTest, an_exhausted_pool_is_unavailable_and_recovers) {
    Pool pool(base::Secret(database().app_conninfo()), 2);
    auto first = pool.acquire();
    ASSERT_TRUE(first);
    {
        auto second = pool.acquire();
        ASSERT_TRUE(second);
        const auto third = pool.acquire(milliseconds(1));
        ASSERT_FALSE(third);
        EXPECT_EQ(third.error().kind, ErrorKind::unavailable);
    }
    EXPECT_TRUE(pool.acquire(milliseconds(1)));
}

TEST_F(PostgresTest, a_pool_replaces_connections_the_server_ended) {
    Pool pool(base::Secret(database().app_conninfo()), 1);
    for (int i = 0; i < 3; ++i) {
        auto lease = pool.acquire();
        ASSERT_TRUE(lease) << lease.error().message;
        kill(**lease);
    }
    auto lease = pool.acquire();
    ASSERT_TRUE(lease);
    constexpr Query kOne{"one", "SELECT 1"};
    const auto first = (*lease)->exec(kOne);
    EXPECT_TRUE(first) << first.error().message;
}

TEST_F(PostgresTest, no_tenant_leaks_through_the_pool) {
    constexpr int kThreads = 8;
    constexpr int kRounds = 150;
    Pool pool(base::Secret(database().app_conninfo()), 5);
    std::atomic<int> wrong{0};
    const auto work = [&](int thread) {
        static constexpr Query kTenant{"tenant",
                                       "SELECT current_setting('carryall.tenant_id', true)"};
        static constexpr Query kFail{"fail", "SELECT 1 / 0"};
        for (int i = 0; i < kRounds; ++i) {
            const std::int64_t tenant = 1 + (thread * kRounds + i * 7) % 50;
            auto lease = pool.acquire(std::chrono::seconds(30));
            if (!lease) {
                ++wrong;
                continue;
            }
            const auto before = (*lease)->exec(kTenant);
            if (!before || !before->text(0, 0).empty()) ++wrong;
            if (i % 3 == 0) {
                if (!(*lease)->work_for_tenant(tenant)) ++wrong;
                if (i % 2 == 0) static_cast<void>((*lease)->exec(kFail));
                const auto inside = (*lease)->exec(kTenant);
                if (!inside || inside->text(0, 0) != std::to_string(tenant)) ++wrong;
                continue;
            }
            auto transaction = Transaction::begin(**lease, tenant);
            if (!transaction) {
                ++wrong;
                continue;
            }
            const auto inside = transaction->exec(kTenant);
            if (!inside || inside->text(0, 0) != std::to_string(tenant)) ++wrong;
            if (i % 4 == 0) static_cast<void>(transaction->exec(kFail));
            if (i % 2 == 0) static_cast<void>(transaction->commit());
        }
    };
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace carryall::db
