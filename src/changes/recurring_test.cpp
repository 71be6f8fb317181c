// Requests that come again, on PostgreSQL, with time that passes by the `now` that queries take.
#include "changes/recurring.hpp"

#include <atomic>
#include <thread>

#include "support/changes.hpp"

namespace carryall::changes {
namespace {

class RecurringTest : public ChangesTest {
  protected:
    void SetUp() override {
        ChangesTest::SetUp();
        // Runs are over all tenants; those of earlier tests are none of this one's.
        database().run("UPDATE recurring_change SET state = 'deleted'");
    }
    static base::Instant at(std::string_view text) { return base::parse_iso8601(text).value(); }

    // Suspends these devices every day at 03:00 UTC from 2027-01-02 on, five times.
    NewRecurringChange daily(const std::string& devices, const std::string& more = "") {
        NewRecurringChange wanted;
        wanted.name = "nightly suspension";
        wanted.request = base::parse_json(request(ours_.pond, "statusupdate", devices,
                                                  R"("updateStatus": "suspended")" +
                                                      (more.empty() ? "" : ", " + more)))
                             .value()
                             .get_object();
        wanted.rule.text = "FREQ=DAILY;COUNT=5";
        wanted.rule.time_zone = "UTC";
        wanted.rule.starts_at = base::parse_local_time("2027-01-02T03:00").value();
        return wanted;
    }
    base::Result<RecurringChange> create(const NewRecurringChange& wanted,
                                         std::string_view now = "2027-01-01T12:00:00Z") {
        errors_.clear();
        return create_recurring(*connection_, ours_.caller, wanted, errors_, at(now));
    }
    std::int64_t run(std::string_view now) {
        const auto ran = run_due_recurring(*connection_, at(now));
        EXPECT_TRUE(ran) << ran.error().message;
        return ran ? *ran : -1;
    }
    RecurringChange read(RecurringChangeId id, std::string_view now = "2027-01-01T12:00:00Z") {
        const auto found = get_recurring(*connection_, ours_.caller.tenant_id, id, at(now));
        EXPECT_TRUE(found) << found.error().message;
        return found ? *found : RecurringChange{};
    }
    std::string changes_of_tenant() {
        return sql("SELECT count(*) FROM bulk_change WHERE tenant_id = " +
                   std::to_string(ours_.caller.tenant_id.value));
    }
};

TEST_F(RecurringTest, each_date_makes_one_change_and_the_last_one_ends_it) {
    const auto made = create(daily(quoted({add_device(ours_, 1), add_device(ours_, 2)})));
    ASSERT_TRUE(made) << errors_.front().where << ' ' << errors_.front().message;
    EXPECT_EQ(made->state, "active");
    EXPECT_EQ(made->device_count, 2);
    ASSERT_EQ(made->next_runs.size(), 5u);
    EXPECT_EQ(made->next_runs.front(), at("2027-01-02T03:00:00Z"));
    EXPECT_EQ(changes_of_tenant(), "0") << "the trial left something behind";
    EXPECT_EQ(sql("SELECT count(*) FROM queue_message"),
              sql("SELECT count(*) FROM queue_message "
                  "WHERE attributes ->> 'TenantId' <> '" +
                  std::to_string(ours_.caller.tenant_id.value) + "'"));

    EXPECT_EQ(run("2027-01-02T02:59:59Z"), 0);
    EXPECT_EQ(run("2027-01-02T03:00:00Z"), 1);
    EXPECT_EQ(run("2027-01-02T03:00:01Z"), 0);
    EXPECT_EQ(changes_of_tenant(), "1");
    const auto change = read(made->id);
    ASSERT_EQ(change.past_runs.size(), 1u);
    EXPECT_EQ(change.past_runs[0].outcome, "made");
    const std::string bulk = std::to_string(change.past_runs[0].bulk_change_id.value_or(0));
    EXPECT_EQ(sql("SELECT status || ' ' || device_count || ' ' || created_by FROM bulk_change "
                  "WHERE bulk_change_id = " +
                  bulk),
              "PENDING 2 operator of ours");
    for (const char* day : {"03", "04", "05", "06"}) {
        EXPECT_EQ(run("2027-01-" + std::string(day) + "T03:00:10Z"), 1);
    }
    EXPECT_EQ(read(made->id).state, "ended");
    EXPECT_EQ(run("2027-01-07T03:00:10Z"), 0);
    EXPECT_EQ(changes_of_tenant(), "5");
}

TEST_F(RecurringTest, after_a_standstill_only_the_latest_date_is_carried_out) {
    const auto made = create(daily(quoted({add_device(ours_, 11)})));
    ASSERT_TRUE(made) << errors_.front().message;
    EXPECT_EQ(run("2027-01-04T12:00:00Z"), 1);
    EXPECT_EQ(changes_of_tenant(), "1");
    const auto change = read(made->id, "2027-01-04T12:00:00Z");
    ASSERT_EQ(change.past_runs.size(), 3u);
    EXPECT_EQ(change.past_runs[0].outcome, "made");
    EXPECT_EQ(at(change.past_runs[0].run_at), at("2027-01-04T03:00:00Z"));
    EXPECT_EQ(change.past_runs[1].outcome, "missed");
    EXPECT_EQ(at(*change.next_run_at), at("2027-01-05T03:00:00Z"));
}

TEST_F(RecurringTest, two_schedulers_make_one_change_of_each_date) {
    std::vector<std::string> iccids;
    for (int i = 0; i < 50; ++i) iccids.push_back(add_device(ours_, 100 + i));
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(create(daily(quoted(iccids))));
    std::atomic<std::int64_t> recorded{0};
    const auto scheduler = [&] {
        auto connection = db::Connection::open(base::Secret(database().app_conninfo())).value();
        for (const char* day : {"02", "03", "04"}) {
            for (int i = 0; i < 3; ++i) {
                const auto ran = run_due_recurring(
                    *connection, at("2027-01-" + std::string(day) + "T03:00:00Z"));
                ASSERT_TRUE(ran) << ran.error().message;
                recorded += *ran;
            }
        }
    };
    std::thread one(scheduler);
    std::thread two(scheduler);
    one.join();
    two.join();
    EXPECT_EQ(run("2027-01-04T03:00:00Z"), 0);
    EXPECT_EQ(sql("SELECT count(*) || ' ' || count(DISTINCT (recurring_change_id, run_at)) || ' ' "
                  "|| count(DISTINCT bulk_change_id) FROM recurring_run WHERE outcome = 'made' AND "
                  "tenant_id = " +
                  std::to_string(ours_.caller.tenant_id.value)),
              std::to_string(recorded.load()) + " " + std::to_string(recorded.load()) + " " +
                  std::to_string(recorded.load()));
    EXPECT_EQ(changes_of_tenant(), std::to_string(recorded.load()));
    EXPECT_GE(recorded.load(), 8);
}

TEST_F(RecurringTest, paused_ones_rest_and_catch_nothing_up) {
    const auto made = create(daily(quoted({add_device(ours_, 21)})));
    ASSERT_TRUE(made) << errors_.front().message;
    const auto step = [&](RecurringStep what, std::string_view now) {
        return step_recurring(*connection_, ours_.caller, made->id, what, at(now));
    };
    ASSERT_TRUE(step(RecurringStep::pause, "2027-01-01T12:00:00Z"));
    ASSERT_TRUE(step(RecurringStep::pause, "2027-01-01T12:00:00Z"));
    EXPECT_EQ(read(made->id).state, "paused");
    EXPECT_EQ(run("2027-01-03T12:00:00Z"), 0);
    ASSERT_TRUE(step(RecurringStep::resume, "2027-01-03T12:00:00Z"));
    EXPECT_EQ(run("2027-01-03T12:00:01Z"), 0);
    EXPECT_EQ(run("2027-01-04T03:00:00Z"), 1);
    ASSERT_TRUE(step(RecurringStep::remove, "2027-01-04T12:00:00Z"));
    EXPECT_EQ(run("2027-01-05T03:00:00Z"), 0);
    EXPECT_FALSE(get_recurring(*connection_, ours_.caller.tenant_id, made->id));
    EXPECT_FALSE(step(RecurringStep::resume, "2027-01-05T03:00:00Z"));
    EXPECT_EQ(changes_of_tenant(), "1");
}

TEST_F(RecurringTest, a_filter_is_asked_at_each_run) {
    add_device(ours_, 31, "customer_id", std::to_string(ours_.amop_customer));
    add_device(ours_, 32);
    NewRecurringChange wanted = daily("");
    wanted.device_filter =
        base::json::object{{"status", "ACTIVE"}, {"customerId", ours_.amop_customer}};
    const auto made = create(wanted);
    ASSERT_TRUE(made) << errors_.front().where << ' ' << errors_.front().message;
    EXPECT_EQ(run("2027-01-02T03:00:00Z"), 1);
    add_device(ours_, 33, "customer_id", std::to_string(ours_.amop_customer));
    EXPECT_EQ(run("2027-01-03T03:00:00Z"), 1);
    EXPECT_EQ(sql("SELECT string_agg(device_count::text, ' ' ORDER BY bulk_change_id) FROM "
                  "bulk_change WHERE tenant_id = " +
                  std::to_string(ours_.caller.tenant_id.value)),
              "1 2");
    database().run("UPDATE device SET status = 'Suspended' WHERE tenant_id = " +
                   std::to_string(ours_.caller.tenant_id.value));
    EXPECT_EQ(run("2027-01-04T03:00:00Z"), 1);
    EXPECT_EQ(read(made->id).past_runs[0].outcome, "empty");
}

TEST_F(RecurringTest, a_run_that_is_refused_is_recorded_and_the_next_one_comes) {
    const auto made = create(daily(quoted({add_device(ours_, 41)})));
    ASSERT_TRUE(made) << errors_.front().message;
    database().run(
        "UPDATE service_provider SET write_is_enabled = false WHERE "
        "service_provider_id = " +
        std::to_string(ours_.pond));
    EXPECT_EQ(run("2027-01-02T03:00:00Z"), 1);
    auto change = read(made->id);
    EXPECT_EQ(change.past_runs[0].outcome, "refused");
    EXPECT_EQ(*change.past_runs[0].reason, "Writes disabled for this service provider");
    EXPECT_EQ(change.state, "active");
    database().run(
        "UPDATE service_provider SET write_is_enabled = true WHERE "
        "service_provider_id = " +
        std::to_string(ours_.pond));
    EXPECT_EQ(run("2027-01-03T03:00:00Z"), 1);
    EXPECT_EQ(read(made->id).past_runs[0].outcome, "made");
}

TEST_F(RecurringTest, what_cannot_come_again_is_refused_when_it_is_stored) {
    const std::string devices = quoted({add_device(ours_, 51)});
    const auto refused = [&](const char* where, const NewRecurringChange& wanted) {
        const auto made = create(wanted);
        EXPECT_FALSE(made) << where;
        ASSERT_FALSE(errors_.empty()) << where;
        EXPECT_EQ(errors_.front().where, where) << errors_.front().message;
    };
    const auto with = [&](auto change) {
        NewRecurringChange wanted = daily(devices);
        change(wanted);
        return wanted;
    };
    refused("/name", with([](auto& wanted) { wanted.name = ""; }));
    refused("/rrule", with([](auto& wanted) { wanted.rule.text = "FREQ=DAILY"; }));
    refused("/rrule", with([](auto& wanted) { wanted.rule.time_zone = "Nowhere"; }));
    refused("/rrule", with([](auto& wanted) {
                wanted.rule.starts_at = base::parse_local_time("2026-01-02T03:00").value();
            }));
    refused("/request", daily(devices, R"("startAt": "2027-02-01")"));
    refused("/request", daily(devices, R"("effectiveDate": "2027-02-01")"));
    refused("/request/dryRun", daily(devices, R"("dryRun": true)"));
    refused("/request/devices", daily(""));
    refused("/request/devices",
            with([](auto& wanted) { wanted.device_filter = base::json::object{}; }));
    NewRecurringChange misspelt = daily("");
    misspelt.device_filter = base::json::object{{"satus", "active"}};
    refused("/deviceFilter/satus", misspelt);
    refused("/serviceProviderId",
            with([&](auto& wanted) { wanted.request["serviceProviderId"] = theirs_.pond; }));
    EXPECT_EQ(sql("SELECT count(*) FROM recurring_change WHERE tenant_id = " +
                  std::to_string(ours_.caller.tenant_id.value)),
              "0");
}

TEST_F(RecurringTest, another_tenants_are_missing_ones_and_lists_go_on) {
    std::vector<RecurringChangeId> made;
    for (int i = 0; i < 3; ++i) {
        const auto one = create(daily(quoted({add_device(ours_, 61 + i)})));
        ASSERT_TRUE(one) << errors_.front().message;
        made.push_back(one->id);
    }
    const auto theirs = theirs_.caller;
    EXPECT_FALSE(get_recurring(*connection_, theirs.tenant_id, made[0]));
    EXPECT_FALSE(step_recurring(*connection_, theirs, made[0], RecurringStep::remove));
    EXPECT_TRUE(
        list_recurring(*connection_, tokens_, theirs.tenant_id, PageRequest{})->items.empty());
    const auto first = list_recurring(*connection_, tokens_, ours_.caller.tenant_id, {2, {}});
    ASSERT_TRUE(first) << first.error().message;
    ASSERT_EQ(first->items.size(), 2u);
    const auto second =
        list_recurring(*connection_, tokens_, ours_.caller.tenant_id, {2, first->next_token});
    ASSERT_EQ(second->items.size(), 1u);
    EXPECT_EQ(second->items[0].id, made[2]);
}

}  // namespace
}  // namespace carryall::changes
