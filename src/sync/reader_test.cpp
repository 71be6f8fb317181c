// A reader at work: pages, failures, restarts, against PostgreSQL and a carrier of the test's.
#include "support/sync.hpp"
#include "sync/reading.hpp"
#include "sync/sync_worker.hpp"

namespace carryall::sync {
namespace {

using carriers::InventoryFailed;
using carriers::InventoryPage;
using http::FakeClient;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Readers : public SyncTest {
  protected:
    void SetUp() override {
        SyncTest::SetUp();
        settings_.find = find();
        settings_.retry.backoff_base = milliseconds(0);
        settings_.max_in_flight = 3;
        reader_ = make_reader("one");
    }
    std::unique_ptr<Reader> make_reader(const std::string& name) {
        auto connection = db::Connection::open(base::Secret(database().app_conninfo())).value();
        EXPECT_TRUE(Reader::prepare_connection(*connection));
        return std::make_unique<Reader>(settings_, key_, std::move(connection), client_, name,
                                        stopping_);
    }
    static InventoryPage page_of(int from, int count) {
        InventoryPage page;
        for (int i = 0; i < count; ++i) page.lines.push_back(test_line(from + i));
        return page;
    }
    std::string state() {
        return sql(
            "SELECT state || ' ' || page_count || ' ' || line_count || ' ' || attempt || ' "
            "' || retry_number || ' ' || coalesce(reason, '-') FROM inventory_sync WHERE "
            "tenant_id = " +
            tenant() + " ORDER BY inventory_sync_id DESC LIMIT 1");
    }

    SyncWorkerSettings settings_;
    base::MasterKey key_ = base::MasterKey::generate();
    FakeClient client_;
    std::atomic<bool> stopping_{false};
    std::unique_ptr<Reader> reader_;
};

TEST_F(Readers, read_page_by_page_to_the_end) {
    add_device(1);
    carrier_.pages = {page_of(1, 2), page_of(3, 2), page_of(5, 1)};
    ask();
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state(), "done 3 5 1 0 -");
    EXPECT_FALSE(reader_->work_one().value());
    EXPECT_EQ(client_.started.front().url, "https://carrier.test/lines?page=0&part=0");
    EXPECT_EQ(client_.started.front().answer_headers, std::vector<std::string>{"page-total"});
}

TEST_F(Readers, make_several_calls_at_once_within_the_accounts_concurrency) {
    carrier_.pages = {page_of(1, 2)};
    carrier_.calls_per_page = 10;
    ask();
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(client_.started.size(), 10U);
    EXPECT_EQ(client_.most_in_flight, 3U);
}

TEST_F(Readers, go_on_from_the_last_page_after_a_transient_failure) {
    carrier_.pages = {page_of(1, 2), page_of(3, 2)};
    client_.answer = [](const http::ClientRequest& request) {
        const bool second = request.url.find("page=1") != std::string::npos;
        return std::optional(FakeClient::ok("", second ? 503 : 200));
    };
    ask();
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state(), "queued 1 2 1 1 the carrier answered 503");
    client_.answer = [](const http::ClientRequest&) { return std::optional(FakeClient::ok()); };
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state(), "done 2 4 2 0 -");
    ASSERT_EQ(carrier_.scopes.size(), 2U);
    EXPECT_EQ(carrier_.scopes[1].resume, base::json::value(1));
}

TEST_F(Readers, give_up_after_so_many_failures_in_a_row) {
    settings_.retry.max_retries = 2;
    carrier_.pages = {page_of(1, 2)};
    client_.answer = [](const http::ClientRequest&) {
        return std::optional(FakeClient::ok("", 500));
    };
    ask();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state(), "failed 0 0 3 2 the carrier answered 500");
}

TEST_F(Readers, end_at_once_on_what_stays_wrong) {
    carrier_.pages = {
        InventoryFailed{"the account is closed", carriers::FailureClass::system, {}, false}};
    ask();
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state(), "failed 0 0 1 0 the account is closed");
}

TEST_F(Readers, leave_an_account_alone_that_asks_for_it) {
    carrier_.pages = {page_of(1, 2)};
    client_.answer = [](const http::ClientRequest&) {
        auto answer = FakeClient::ok("", 429);
        answer.retry_after = seconds(120);
        return std::optional(answer);
    };
    ask();
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state(), "queued 0 0 1 0 the carrier answered 429");
    EXPECT_FALSE(reader_->work_one().value());
    EXPECT_EQ(sql("SELECT available_at > now() + interval '1 minute' FROM inventory_sync WHERE "
                  "tenant_id = " +
                  tenant()),
              "t");
}

TEST_F(Readers, go_on_after_a_worker_that_died_in_the_middle) {
    carrier_.pages = {page_of(1, 2), page_of(3, 2)};
    ClaimedSync dead = claim(ask());
    InventoryPage first = page_of(1, 2);
    first.resume = 1;
    ASSERT_TRUE(apply_page(*connection_, dead, first, settings()).value());
    sql("UPDATE inventory_sync SET available_at = now() WHERE tenant_id = " + tenant() +
        " RETURNING 1");
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state(), "done 2 4 2 0 -");
    EXPECT_EQ(client_.started.size(), 1U);
}

TEST_F(Readers, go_on_with_the_comparison_that_was_begun) {
    add_device(1);
    ClaimedSync dead = claim(ask());
    ASSERT_TRUE(apply(dead, {test_line(1)}, true));
    sql("UPDATE inventory_sync SET available_at = now() WHERE tenant_id = " + tenant() +
        " RETURNING 1");
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state(), "done 1 1 2 0 -");
    EXPECT_TRUE(client_.started.empty());
}

TEST_F(Readers, give_up_a_sync_that_worker_after_worker_dies_of) {
    ask();
    sql("UPDATE inventory_sync SET lost_count = 6 WHERE tenant_id = " + tenant() + " RETURNING 1");
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state().substr(0, 6), "failed");
}

TEST_F(Readers, give_the_sync_back_when_the_process_ends) {
    carrier_.pages = {page_of(1, 2)};
    client_.answer = [](const http::ClientRequest&) {
        return std::optional<http::ClientResponse>();
    };
    client_.on_wait = [this] { stopping_ = true; };
    ask();
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state(), "queued 0 0 1 0 -");
    EXPECT_EQ(client_.in_flight(), 0U);
}

TEST_F(Readers, leave_the_sync_to_the_one_that_took_it_over) {
    settings_.lease = seconds(0);  // prolonged at every look
    carrier_.pages = {page_of(1, 2)};
    client_.answer = [](const http::ClientRequest&) {
        return std::optional<http::ClientResponse>();
    };
    bool is_taken = false;
    client_.on_wait = [&] {
        if (std::exchange(is_taken, true)) return;
        sql("UPDATE inventory_sync SET attempt = attempt + 1, worker = 'other' WHERE tenant_id = " +
            tenant() + " RETURNING 1");
    };
    ask();
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state(), "running 0 0 2 0 -");
    EXPECT_EQ(client_.in_flight(), 0U);
}

TEST_F(Readers, take_turns_between_accounts) {
    settings_.turn = seconds(0);
    carrier_.pages = {page_of(1, 2), page_of(3, 2)};
    ask();
    const ServiceProviderId other = make_provider("POND 2");
    ASSERT_TRUE(request_sync(*connection_, caller_, other, SyncKind::full, find()));
    const std::string pages =
        "SELECT string_agg(page_count::text, ' ' ORDER BY "
        "inventory_sync_id) FROM inventory_sync WHERE tenant_id = " +
        tenant();
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(sql(pages), "1 0");
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(sql(pages), "1 1");
    while (reader_->work_one().value()) {
    }
    EXPECT_EQ(sql(pages), "2 2");
}

TEST_F(Readers, do_not_follow_a_reading_that_goes_in_circles) {
    carrier_.pages = {InventoryPage{}, InventoryPage{}};
    carrier_.goes_in_circles = true;
    ask();
    EXPECT_TRUE(reader_->work_one().value());
    EXPECT_EQ(state().substr(0, 10), "failed 1 0");
}

}  // namespace
}  // namespace carryall::sync
