// Dates of whole changes, lists of what is still to come, moving and cancelling it, on PostgreSQL.
// Time passes by the `now` that queries take.
#include "changes/schedule.hpp"

#include <thread>

#include "changes/run_store.hpp"
#include "support/changes.hpp"

namespace carryall::changes {
namespace {

class ScheduleTest : public ChangesTest {
  protected:
    static base::Instant in_days(int days) {
        return std::chrono::floor<std::chrono::hours>(base::system_clock().now()) +
               std::chrono::hours(24 * days);
    }
    static std::string iso(base::Instant at) { return base::to_iso8601(at); }

    // A status update of so many new devices, at a date.
    SubmitResult submit_status(int first_serial, int count, const std::string& more,
                               int page_size = kDefaultPageSize) {
        std::vector<std::string> iccids;
        for (int i = 0; i < count; ++i) iccids.push_back(add_device(ours_, first_serial + i));
        SubmitOptions options;
        options.page_size = page_size;
        const auto result = submit_json(
            ours_,
            request(ours_.pond, "statusupdate", quoted(iccids),
                    R"("updateStatus": "suspended")" + (more.empty() ? "" : ", " + more)),
            options);
        EXPECT_TRUE(result) << result.error().where << ' ' << result.error().message;
        return result ? *result : SubmitResult{};
    }
    std::string of(BulkChangeId id, const std::string& expression) {
        return sql("SELECT " + expression +
                   " FROM bulk_change WHERE bulk_change_id = " + base::to_string(id));
    }
    std::string devices(BulkChangeId id, const std::string& expression) {
        return sql("SELECT " + expression +
                   " FROM device_change WHERE device_change_id >> 20 = " + base::to_string(id));
    }
    Page<Schedule> schedules(const ScheduleFilter& filter = {}, const PageRequest& page = {}) {
        const auto found =
            list_schedules(*connection_, tokens_, ours_.caller.tenant_id, filter, page);
        EXPECT_TRUE(found) << found.error().message;
        return found ? *found : Page<Schedule>{};
    }
    // Claims a page as of now: how many devices it would send, and how many are held back.
    std::pair<std::size_t, int> claim(BulkChangeId id) {
        const auto page = claim_page(*connection_, ours_.caller.tenant_id.value, id, "worker",
                                     std::chrono::seconds(60));
        EXPECT_TRUE(page) << page.error().message;
        if (!page || !*page) return {0, 0};
        return {(*page)->devices.size(), (*page)->held_back};
    }
    // As if the date had come.
    void let_come(BulkChangeId id) {
        const std::string change = base::to_string(id);
        database().run(
            "UPDATE device_change SET due_at = now() - interval '1 second' WHERE "
            "device_change_id >> 20 = " +
            change +
            " AND due_at > now();"
            "UPDATE change_page SET available_at = now() - interval '1 second' WHERE "
            "bulk_change_id = " +
            change +
            ";"
            "UPDATE bulk_change SET first_due_at = now() - interval '1 second', "
            "last_due_at = now() - interval '1 second' WHERE bulk_change_id = " +
            change);
    }
};

TEST_F(ScheduleTest, a_status_update_with_a_date_is_due_at_it) {
    const base::Instant date = in_days(30);
    const auto result = submit_status(1, 3, R"("effectiveDate": ")" + iso(date) + '"');
    ASSERT_TRUE(result.dates);
    EXPECT_EQ(base::parse_iso8601(result.dates->first).value(), date);
    EXPECT_EQ(result.dates->last, result.dates->first);
    EXPECT_EQ(devices(result.id, "count(*) FILTER (WHERE due_at > now() + interval '29 days')"),
              "3");
    EXPECT_EQ(sql("SELECT count(*) FROM change_page WHERE available_at > now() + interval "
                  "'29 days' AND bulk_change_id = " +
                  base::to_string(result.id)),
              "1");
    EXPECT_EQ(sql("SELECT count(*) FROM queue_message WHERE visible_at < now() + interval "
                  "'11 hours' AND attributes ->> 'BulkChangeId' = '" +
                  base::to_string(result.id) + "'"),
              "0")
        << "the message waits too";
    ASSERT_TRUE(sweep(*connection_));
    EXPECT_EQ(sql("SELECT count(*) FROM queue_message WHERE attributes ->> 'BulkChangeId' = '" +
                  base::to_string(result.id) + "'"),
              "1")
        << "the sweep adds none";
    EXPECT_EQ(claim(result.id), (std::pair<std::size_t, int>{0, 0}));
}

TEST_F(ScheduleTest, any_type_begins_at_its_start) {
    const base::Instant start = in_days(10);
    const std::string when = R"("startAt": ")" + iso(start) + '"';
    const std::string iccid = quoted({add_device(ours_, 11)});
    const std::pair<const char*, std::string> kTypes[] = {
        {"customerrateplanchange", R"("customerRatePlanId": )" + std::to_string(ours_.gold)},
        {"customerassignment", R"("revCustomerId": "R-100")"},
        {"carrierrateplanchange", R"("carrierRatePlan": "P1")"},
        {"statusupdate", R"("updateStatus": "suspended")"},
    };
    for (const auto& [type, parameters] : kTypes) {
        const auto result =
            submit_json(ours_, request(ours_.pond, type, iccid, parameters + ", " + when));
        ASSERT_TRUE(result) << type << ' ' << result.error().message;
        ASSERT_TRUE(result->dates) << type;
        EXPECT_EQ(base::parse_iso8601(result->dates->first).value(), start) << type;
        EXPECT_EQ(devices(result->id, "count(*) FILTER (WHERE due_at > now())"), "1") << type;
    }
    EXPECT_EQ(schedules().items.size(), 4u);
}

TEST_F(ScheduleTest, the_later_of_start_and_own_date_counts) {
    const auto result = submit_status(
        21, 1,
        R"("startAt": ")" + iso(in_days(5)) + R"(", "effectiveDate": ")" + iso(in_days(7)) + '"');
    EXPECT_EQ(base::parse_iso8601(result.dates->first).value(), in_days(7));
}

TEST_F(ScheduleTest, local_times_become_instants_and_odd_ones_are_told) {
    const std::string next_year = iso(in_days(300)).substr(0, 4);
    const auto at = [&](const std::string& local, const std::string& zone) {
        const auto result = submit_json(
            ours_, request(ours_.pond, "statusupdate", quoted({iccid_of_serial(900)}),
                           R"("updateStatus": "suspended", "dryRun": true, "startAt": ")" + local +
                               R"(", "timeZone": ")" + zone + '"'));
        return result;
    };
    add_device(ours_, 900);
    // The last Sunday of March, 02:30, at which Berlin's clocks skip an hour.
    const std::string sunday = sql("SELECT to_char(d, 'YYYY-MM-DD') FROM generate_series(date '" +
                                   next_year + "-03-25', date '" + next_year +
                                   "-03-31', interval '1 day') d WHERE extract(isodow FROM d) = 7");
    if (base::parse_iso8601(sunday).value() > in_days(1)) {
        const auto skipped = at(sunday + "T02:30", "Europe/Berlin");
        ASSERT_TRUE(skipped) << skipped.error().message;
        EXPECT_EQ(base::parse_iso8601(skipped->dates->first).value(),
                  base::parse_iso8601(sunday + "T01:00:00Z").value());
        EXPECT_EQ(skipped->dates->time_zone, "Europe/Berlin");
        ASSERT_EQ(skipped->warnings.size(), 1u);
        EXPECT_NE(skipped->warnings[0].find("does not exist in Europe/Berlin"), std::string::npos)
            << skipped->warnings[0];
        EXPECT_NE(skipped->warnings[0].find("T03:00:00+02:00"), std::string::npos);
    }
    const auto unknown = at("2027-06-01T10:00", "Europe/Atlantis");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().where, "/timeZone");
    const auto past = at("2020-06-01T10:00", "Europe/Berlin");
    ASSERT_FALSE(past);
    EXPECT_EQ(past.error().where, "/startAt");
    const auto far = at("2099-06-01T10:00", "Europe/Berlin");
    ASSERT_FALSE(far);
    EXPECT_NE(far.error().message.find("days ahead"), std::string::npos) << far.error().message;
    EXPECT_FALSE(at("some day", "Europe/Berlin"));
}

// Against an implementation of its own: every change of clocks in two years.
TEST_F(ScheduleTest, zones_agree_with_the_database) {
    const char* kZones[] = {
        "Europe/Berlin",       "Europe/London",     "Europe/Lisbon",     "Europe/Athens",
        "Europe/Helsinki",     "America/New_York",  "America/Chicago",   "America/Denver",
        "America/Los_Angeles", "America/Anchorage", "America/Halifax",   "America/St_Johns",
        "America/Santiago",    "America/Sao_Paulo", "Australia/Sydney",  "Australia/Lord_Howe",
        "Pacific/Auckland",    "Pacific/Chatham",   "Asia/Jerusalem",    "Asia/Tokyo",
        "Asia/Kolkata",        "Africa/Cairo",      "Africa/Casablanca", "Antarctica/Troll"};
    for (const char* name : kZones) {
        const auto zone = base::TimeZone::find(name).value();
        const auto rows = database().rows(
            "SELECT to_char(h AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), to_char(h AT "
            "TIME ZONE '" +
            std::string(name) +
            "', 'YYYY-MM-DD\"T\"HH24:MI:SS') FROM (SELECT h, "
            "(h AT TIME ZONE '" +
            name + "') - lag(h AT TIME ZONE '" + name +
            "') OVER (ORDER BY "
            "h) AS step FROM generate_series(timestamptz '2026-12-01', '2028-12-01', '30 minutes')"
            " h) s WHERE step <> interval '30 minutes' OR extract(day FROM h AT TIME ZONE 'UTC') ="
            " 1 ORDER BY 1");
        ASSERT_FALSE(rows.empty());
        for (const auto& row : rows) {
            EXPECT_EQ(base::to_text(zone.local(base::parse_iso8601(row[0]).value())), row[1])
                << name << ' ' << row[0];
        }
    }
}

TEST_F(ScheduleTest, what_is_to_come_is_listed_soonest_first_and_by_filter) {
    const auto late = submit_status(31, 2, R"("startAt": ")" + iso(in_days(20)) + '"');
    const auto soon = submit_status(41, 3, R"("startAt": ")" + iso(in_days(2)) + '"');
    submit_status(51, 1, "");
    const auto all = schedules();
    ASSERT_EQ(all.items.size(), 2u);
    EXPECT_EQ(all.items[0].id, soon.id);
    EXPECT_EQ(all.items[0].change_count, 3);
    EXPECT_EQ(all.items[1].id, late.id);
    const auto first = schedules({}, {1, {}});
    ASSERT_EQ(first.items.size(), 1u);
    const auto second = schedules({}, {1, first.next_token});
    ASSERT_EQ(second.items.size(), 1u);
    EXPECT_EQ(second.items[0].id, late.id);
    EXPECT_TRUE(second.next_token.empty());

    ScheduleFilter filter;
    filter.device_id =
        std::stoll(sql("SELECT device_id FROM device WHERE iccid = '" + iccid_of_serial(32) +
                       "' AND tenant_id = " + std::to_string(ours_.caller.tenant_id.value)));
    ASSERT_EQ(schedules(filter).items.size(), 1u);
    EXPECT_EQ(schedules(filter).items[0].change_count, 1);
    filter = {};
    filter.due_before = in_days(3);
    ASSERT_EQ(schedules(filter).items.size(), 1u);
    EXPECT_EQ(schedules(filter).items[0].id, soon.id);
    filter = {};
    filter.service_provider_id = ours_.other_pond;
    EXPECT_TRUE(schedules(filter).items.empty());
    const auto theirs =
        list_schedules(*connection_, tokens_, theirs_.caller.tenant_id, {}, PageRequest{});
    EXPECT_TRUE(theirs->items.empty());

    const auto rows =
        list_scheduled_rows(*connection_, tokens_, ours_.caller.tenant_id, soon.id, {}, {2, {}});
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->items.size(), 2u);
    EXPECT_EQ(rows->items[0].iccid, iccid_of_serial(41));
    const auto rest = list_scheduled_rows(*connection_, tokens_, ours_.caller.tenant_id, soon.id,
                                          {}, {2, rows->next_token});
    EXPECT_EQ(rest->items.size(), 1u);
    EXPECT_FALSE(list_scheduled_rows(*connection_, tokens_, theirs_.caller.tenant_id, soon.id, {},
                                     PageRequest{}));
}

TEST_F(ScheduleTest, a_date_is_moved_for_all_or_for_single_rows) {
    const auto result = submit_status(61, 5, R"("effectiveDate": ")" + iso(in_days(20)) + '"', 2);
    ScheduleScope scope{result.id, {}};
    const auto moved =
        move_schedule(*connection_, ours_.caller, scope, in_days(3), "Europe/Berlin");
    ASSERT_TRUE(moved) << moved.error().message;
    EXPECT_EQ(moved->change_count, 5);
    EXPECT_EQ(moved->left_count, 0);
    EXPECT_EQ(devices(result.id, "count(DISTINCT due_at)"), "1");
    EXPECT_EQ(of(result.id,
                 "first_due_at < now() + interval '4 days' AND time_zone = "
                 "'Europe/Berlin' AND (request #>> '{statusUpdate,effectiveDate}')"
                 "::timestamptz = first_due_at"),
              "t");
    EXPECT_EQ(sql("SELECT count(*) FROM change_page p WHERE bulk_change_id = " +
                  base::to_string(result.id) + " AND available_at < now() + interval '4 days'"),
              "3");
    scope.rows = {first_device_change(result.id)};
    const auto single = move_schedule(*connection_, ours_.caller, scope, in_days(9), "");
    ASSERT_TRUE(single) << single.error().message;
    EXPECT_EQ(single->change_count, 1);
    EXPECT_EQ(of(result.id, "last_due_at > first_due_at"), "t");
    EXPECT_EQ(sql("SELECT available_at < now() + interval '4 days' FROM change_page WHERE "
                  "page_number = 1 AND bulk_change_id = " +
                  base::to_string(result.id)),
              "t")
        << "the page's other device keeps its date";

    EXPECT_FALSE(move_schedule(*connection_, ours_.caller, scope, in_days(-1), ""));
    EXPECT_FALSE(move_schedule(*connection_, ours_.caller, scope, in_days(2000), ""));
    const auto foreign = move_schedule(*connection_, theirs_.caller, scope, in_days(4), "");
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().kind, base::ErrorKind::not_found);
    scope.rows = {DeviceChangeId{77}};
    EXPECT_FALSE(move_schedule(*connection_, ours_.caller, scope, in_days(4), ""));
}

TEST_F(ScheduleTest, what_is_cancelled_never_runs_and_the_counters_add_up) {
    const auto result = submit_status(71, 5, R"("startAt": ")" + iso(in_days(2)) + '"', 2);
    ScheduleScope scope{result.id, {first_device_change(result.id)}};
    const auto one = cancel_schedule(*connection_, ours_.caller, scope, "a mistake");
    ASSERT_TRUE(one) << one.error().message;
    EXPECT_EQ(one->change_count, 1);
    EXPECT_EQ(one->status, "PENDING");
    expect_counts_add_up(result.id);
    EXPECT_EQ(devices(result.id, "max(reason) FILTER (WHERE state = 'cancelled')"),
              "Cancelled by operator of ours: a mistake");
    EXPECT_EQ(sql("SELECT count(*) FROM device_change_log WHERE log_entry_description = "
                  "'Cancelled before its date' AND device_change_id >> 20 = " +
                  base::to_string(result.id)),
              "1");

    scope.rows.clear();
    const auto rest = cancel_schedule(*connection_, ours_.caller, scope, "");
    ASSERT_TRUE(rest) << rest.error().message;
    EXPECT_EQ(rest->change_count, 4);
    EXPECT_EQ(rest->status, "CANCELLED");
    expect_counts_add_up(result.id);
    EXPECT_EQ(of(result.id, "finished_at IS NOT NULL AND cancelled_count = 5"), "t");
    EXPECT_TRUE(schedules().items.empty());
    const auto again = cancel_schedule(*connection_, ours_.caller, scope, "");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, base::ErrorKind::conflict);
    let_come(result.id);
    EXPECT_EQ(claim(result.id), (std::pair<std::size_t, int>{0, 0}));
}

TEST_F(ScheduleTest, a_change_in_waves_is_cancelled_as_a_whole_only) {
    const auto result =
        submit_status(121, 4, R"("startAt": ")" + iso(in_days(2)) + R"(", "waves": [50, 100])", 1);
    const ScheduleScope scope{result.id, {first_device_change(result.id)}};
    EXPECT_EQ(cancel_schedule(*connection_, ours_.caller, scope, "").error().kind,
              base::ErrorKind::conflict);
    EXPECT_TRUE(move_schedule(*connection_, ours_.caller, scope, in_days(3), ""));
}

TEST_F(ScheduleTest, what_has_begun_is_neither_moved_nor_cancelled) {
    const auto result = submit_status(81, 2, R"("startAt": ")" + iso(in_days(2)) + '"');
    let_come(result.id);
    EXPECT_EQ(claim(result.id).first, 2u);
    const ScheduleScope scope{result.id, {}};
    EXPECT_EQ(cancel_schedule(*connection_, ours_.caller, scope, "").error().kind,
              base::ErrorKind::conflict);
    EXPECT_EQ(move_schedule(*connection_, ours_.caller, scope, in_days(2), "").error().kind,
              base::ErrorKind::conflict);
    EXPECT_EQ(devices(result.id, "count(*) FILTER (WHERE state = 'new')"), "2");
}

TEST_F(ScheduleTest, scheduled_customer_rate_plans_are_listed_moved_and_withdrawn) {
    const auto result =
        submit_json(ours_, request(ours_.pond, "customerrateplanchange",
                                   quoted({add_device(ours_, 91), add_device(ours_, 92)}),
                                   R"("customerRatePlanId": )" + std::to_string(ours_.gold)));
    ASSERT_TRUE(result) << result.error().message;
    database().run(
        "INSERT INTO customer_rate_plan_device_queue (tenant_id, device_id, device_change_id, "
        "customer_rate_plan_id, effective_date, portal_type, created_by) SELECT tenant_id, "
        "device_id, device_change_id, " +
        std::to_string(ours_.gold) +
        ", now() + interval '5 days', 'm2m', 'x' FROM device_change WHERE device_change_id >> 20 "
        "= " +
        base::to_string(result->id) +
        "; UPDATE device_change SET state = 'processed', finished_at = now() WHERE "
        "device_change_id >> 20 = " +
        base::to_string(result->id) +
        "; UPDATE change_page SET state = 'done' WHERE bulk_change_id = " +
        base::to_string(result->id) +
        "; UPDATE bulk_change SET status = 'PROCESSED', finished_at = now(), new_count = 0, "
        "processed_count = 2, open_page_count = 0 WHERE bulk_change_id = " +
        base::to_string(result->id));
    ASSERT_EQ(schedules().items.size(), 1u);
    EXPECT_EQ(schedules().items[0].plan_count, 2);
    EXPECT_EQ(schedules().items[0].change_count, 0);
    const auto rows = list_scheduled_rows(*connection_, tokens_, ours_.caller.tenant_id, result->id,
                                          {}, PageRequest{});
    ASSERT_EQ(rows->items.size(), 2u);
    EXPECT_TRUE(rows->items[0].is_rate_plan);

    ScheduleScope scope{result->id, {rows->items[0].id}};
    const auto moved = move_schedule(*connection_, ours_.caller, scope, in_days(8), "");
    ASSERT_TRUE(moved) << moved.error().message;
    EXPECT_EQ(moved->plan_count, 1);
    EXPECT_EQ(moved->left_count, 0);
    scope.rows.clear();
    const auto gone = cancel_schedule(*connection_, ours_.caller, scope, "not wanted");
    ASSERT_TRUE(gone) << gone.error().message;
    EXPECT_EQ(gone->plan_count, 2);
    EXPECT_EQ(sql("SELECT count(*) FROM customer_rate_plan_device_queue WHERE is_active AND "
                  "device_change_id >> 20 = " +
                  base::to_string(result->id)),
              "0");
    EXPECT_EQ(sql("SELECT count(*) FROM device_event WHERE source = 'schedule' AND detail ->> "
                  "'withdrawn' = 'customer rate plan' AND tenant_id = " +
                  std::to_string(ours_.caller.tenant_id.value)),
              "2");
}

// 2,000 rows come due at once; each is applied by exactly one of two.
TEST_F(ScheduleTest, two_schedulers_apply_every_due_plan_exactly_once) {
    const std::string tenant = std::to_string(ours_.caller.tenant_id.value);
    database().run(
        "INSERT INTO device (tenant_id, service_provider_id, iccid, status, portal) SELECT " +
        tenant + ", " + std::to_string(ours_.pond) +
        ", (8910400000000000000 + n)::text, 'Active', 'm2m' FROM generate_series(1, 2000) n;"
        "INSERT INTO customer_rate_plan_device_queue (tenant_id, device_id, device_change_id, "
        "customer_rate_plan_id, effective_date, portal_type, created_by) SELECT tenant_id, "
        "device_id, device_id << 20, " +
        std::to_string(ours_.gold) +
        ", now() - interval '1 second', 'm2m', 'x' FROM device WHERE tenant_id = " + tenant);
    std::atomic<std::int64_t> applied{0};
    const auto scheduler = [&] {
        auto connection = db::Connection::open(base::Secret(database().app_conninfo())).value();
        while (true) {
            const auto done = apply_due_rate_plans(*connection, 150);
            ASSERT_TRUE(done) << done.error().message;
            if (*done == 0) return;
            applied += *done;
        }
    };
    std::thread one(scheduler);
    std::thread two(scheduler);
    one.join();
    two.join();
    ASSERT_TRUE(apply_due_rate_plans(*connection_, 3'000));
    EXPECT_EQ(sql("SELECT count(*) || ' ' || count(DISTINCT device_id) FROM device_event WHERE "
                  "source = 'schedule' AND tenant_id = " +
                  tenant),
              "2000 2000");
    EXPECT_EQ(sql("SELECT count(*) FROM device WHERE customer_rate_plan_id = " +
                  std::to_string(ours_.gold)),
              "2000");
}

TEST_F(ScheduleTest, a_change_of_a_later_date_holds_nothing_back_and_is_warned_of) {
    const std::string iccid = add_device(ours_, 101);
    const auto scheduled = submit_json(
        ours_, request(ours_.pond, "carrierrateplanchange", quoted({iccid}),
                       R"("carrierRatePlan": "P1", "effectiveDate": ")" + iso(in_days(40)) + '"'));
    ASSERT_TRUE(scheduled) << scheduled.error().message;
    EXPECT_EQ(scheduled->warned_count, 0);
    const auto status = submit_json(
        ours_, request(ours_.pond, "statusupdate", quoted({iccid, add_device(ours_, 102)}),
                       R"("updateStatus": "suspended")"));
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_EQ(status->warned_count, 1);
    ASSERT_EQ(status->warnings.size(), 1u);
    EXPECT_EQ(devices(status->id, "max(warning)"),
              "device has a pending carrier rate plan change to P1 on " +
                  iso(in_days(40)).substr(0, 19) + "Z (bulk change " +
                  base::to_string(scheduled->id) + ")");
    const auto plan = submit_json(ours_, request(ours_.pond, "carrierrateplanchange",
                                                 quoted({iccid}), R"("carrierRatePlan": "P1")"));
    EXPECT_EQ(plan->warned_count, 1);
    const auto customer =
        submit_json(ours_, request(ours_.pond, "customerrateplanchange", quoted({iccid}),
                                   R"("customerRatePlanId": )" + std::to_string(ours_.gold)));
    EXPECT_EQ(customer->warned_count, 0) << "the customer's plan is another matter";
    EXPECT_EQ(claim(status->id), (std::pair<std::size_t, int>{2, 0}))
        << "not held back for forty days";

    // Its date comes while the later change is being sent: it waits for that one.
    let_come(scheduled->id);
    EXPECT_EQ(claim(scheduled->id), (std::pair<std::size_t, int>{0, 1}));
}

TEST_F(ScheduleTest, a_retry_before_the_date_begins_nothing_early) {
    const std::string bad = iccid_of_serial(112);
    const auto result = submit_json(
        ours_, request(ours_.pond, "statusupdate", quoted({add_device(ours_, 111), bad}),
                       R"("updateStatus": "suspended", "startAt": ")" + iso(in_days(2)) + '"'));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->refused_count, 1);
    add_device(ours_, 112);
    const auto retried = retry_failed(*connection_, ours_.caller, result->id, {});
    ASSERT_TRUE(retried) << retried.error().message;
    EXPECT_EQ(retried->retried_count, 1);
    EXPECT_EQ(devices(result->id, "count(*) FILTER (WHERE due_at > now() + interval '1 day')"),
              "2");
    EXPECT_EQ(claim(result->id).first, 0u);
}

}  // namespace
}  // namespace carryall::changes
