// Plans on a real database: what a dry run stores and shows, that nothing runs before it is
// applied, that only exactly what was shown is applied, and once.
#include "changes/plan.hpp"

#include <thread>

#include "base/metrics.hpp"
#include "changes/plan_rules.hpp"
#include "support/plans.hpp"

namespace carryall::changes {
namespace {

using base::ErrorKind;
using Lines = std::vector<std::string>;

TEST_F(PlanTest, a_dry_run_is_stored_as_a_plan_that_shows_every_device_and_queues_nothing) {
    const auto active = add_device(ours_, 1);
    const auto gone = add_device(ours_, 2, "is_active", "false");
    const auto plan = planned(
        ours_, request(ours_.pond, "statusupdate", quoted({active, gone, iccid_of_serial(9)}),
                       status("Suspended", kDryRun)));
    EXPECT_EQ(plan.accepted_count, 1);
    EXPECT_EQ(plan.devices.size(), 2U);
    EXPECT_EQ(messages(plan.id), "0");
    EXPECT_EQ(told(plan.id),
              (Lines{R"(1 change {"status":"Active"} -> {"status":"Suspended"})",
                     R"(2 refused {"status":"Active"} -> null (M2M Device is archived))",
                     "3 refused null -> null (Invalid ICCID)"}));
    const PlanDetail detail = plan_of(plan.id);
    EXPECT_EQ(detail.plan_hash, plan.plan_hash);
    EXPECT_EQ(detail.sums.at("acceptedCount"), 1);
    EXPECT_EQ(detail.sums.at("refusedCount"), 2);
    EXPECT_EQ(detail.sums.at("carrierCalls").at("calls"), 1);
    EXPECT_EQ(detail.sums.at("carrierCalls").at("system"), "POND");
    EXPECT_TRUE(detail.expires_at.has_value());
    EXPECT_FALSE(detail.applied_at.has_value());
    PlannedDeviceFilter refused;
    refused.verdict = "refused";
    EXPECT_EQ(devices_of(plan.id, refused).size(), 2U);
}

TEST_F(PlanTest, a_plan_is_neither_started_nor_retried_but_only_applied) {
    const auto line = add_device(ours_, 1);
    const auto plan = planned(
        ours_, request(ours_.pond, "statusupdate", quoted({line}), status("Suspended", kDryRun)));
    EXPECT_EQ(process_change(*connection_, ours_.caller, plan.id).error().kind,
              ErrorKind::conflict);
    EXPECT_EQ(retry_failed(*connection_, ours_.caller, plan.id, {}).error().kind,
              ErrorKind::conflict);
    const auto applied = apply(ours_, plan);
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_EQ(applied->moved_count, 0);
    EXPECT_EQ(status_of(plan.id), "PENDING");
    EXPECT_EQ(messages(plan.id), "1");
    carry_out(plan.id);
    EXPECT_EQ(status_of(plan.id), "PROCESSED");
    EXPECT_EQ(device(line, "status"), "Suspended");
    EXPECT_EQ(plan_of(plan.id).applied_by, "operator of ours");
}

TEST_F(PlanTest, an_applied_plan_answers_the_same_again_and_starts_nothing_twice) {
    const auto plan =
        planned(ours_, request(ours_.pond, "statusupdate", quoted({add_device(ours_, 1)}),
                               status("Suspended", kDryRun)));
    std::vector<std::thread> threads;
    std::atomic<int> started{0};
    std::atomic<int> replayed{0};
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            auto connection = db::Connection::open(base::Secret(database().app_conninfo()));
            if (!connection) return;
            const auto result = apply_plan(**connection, ours_.caller, plan.id, plan.plan_hash);
            if (result) ++(result->replayed ? replayed : started);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(started, 1);
    EXPECT_EQ(replayed, 7);
    EXPECT_EQ(messages(plan.id), "1");
}

TEST_F(PlanTest, a_wrong_hash_another_tenant_and_what_is_no_plan_are_refused) {
    const auto line = quoted({add_device(ours_, 1)});
    const auto plan =
        planned(ours_, request(ours_.pond, "statusupdate", line, status("Suspended", kDryRun)));
    const auto refused = [&](const World& world, BulkChangeId id, const std::string& hash) {
        const auto result = apply_plan(*connection_, world.caller, id, hash);
        return result ? ErrorKind::internal : result.error().kind;
    };
    EXPECT_EQ(refused(ours_, plan.id, std::string(64, 'a')), ErrorKind::conflict);
    EXPECT_EQ(refused(ours_, plan.id, ""), ErrorKind::invalid_input);
    EXPECT_EQ(refused(theirs_, plan.id, plan.plan_hash), ErrorKind::not_found);
    const auto plain =
        submit_json(ours_, request(ours_.pond, "statusupdate", line, status("Suspended")));
    ASSERT_TRUE(plain);
    EXPECT_EQ(refused(ours_, plain->id, plan.plan_hash), ErrorKind::conflict);
    EXPECT_EQ(get_plan(*connection_, ours_.caller.tenant_id, plain->id).error().kind,
              ErrorKind::not_found);
    EXPECT_EQ(get_plan(*connection_, theirs_.caller.tenant_id, plan.id).error().kind,
              ErrorKind::not_found);
    EXPECT_EQ(status_of(plan.id), "PLANNED");
}

TEST_F(PlanTest, the_hash_is_of_what_the_plan_does_and_not_of_when_it_was_made) {
    const auto lines = quoted({add_device(ours_, 1), add_device(ours_, 2)});
    const auto body = request(ours_.pond, "statusupdate", lines, status("Suspended", kDryRun));
    const auto first = planned(ours_, body);
    EXPECT_EQ(planned(ours_, body).plan_hash, first.plan_hash);
    EXPECT_NE(
        planned(ours_, request(ours_.pond, "statusupdate", lines, status("Inactive", kDryRun)))
            .plan_hash,
        first.plan_hash);
    set(iccid_of_serial(2), "status = 'Suspended'");
    EXPECT_NE(planned(ours_, body).plan_hash, first.plan_hash);
}

TEST_F(PlanTest, a_plan_whose_devices_moved_starts_nothing_and_names_them) {
    Lines lines;
    for (int i = 1; i <= 5; ++i) lines.push_back(add_device(ours_, i));
    const auto plan = planned(
        ours_, request(ours_.pond, "statusupdate", quoted(lines), status("Inactive", kDryRun)));
    set(lines[1], "status = 'Suspended'");
    set(lines[2], "is_deleted = true");
    const auto other =
        submit_json(ours_, request(ours_.pond, "customerrateplanchange", quoted({lines[3]}),
                                   R"("customerRatePlanUpdate": {"customerRatePlan": "GOLD"})"));
    ASSERT_TRUE(other);
    const auto applied = apply(ours_, plan);
    ASSERT_TRUE(applied) << applied.error().message;
    ASSERT_EQ(applied->moved_count, 3);
    EXPECT_EQ(applied->moved[0].row_number, 2);
    EXPECT_EQ(applied->moved[0].reason, "status is Suspended, the plan was made for Active");
    EXPECT_EQ(applied->moved[1].reason, "M2M Device is archived");
    EXPECT_EQ(applied->moved[2].reason,
              "Bulk change " + base::to_string(other->id) + " of this device has not ended");
    EXPECT_EQ(status_of(plan.id), "PLANNED");
    EXPECT_EQ(messages(plan.id), "0");
}

TEST_F(PlanTest, a_plan_is_not_applied_when_its_account_or_its_rate_plan_is_not_what_it_was) {
    int devices = 0;
    const auto plan_for = [&](const std::string& code) {
        return planned(
            ours_,
            request(ours_.pond, "carrierrateplanchange", quoted({add_device(ours_, ++devices)}),
                    R"("carrierRatePlanUpdate": {"carrierRatePlan": ")" + code + "\"}" + kDryRun));
    };
    const std::string of_plan =
        " WHERE code = 'P1' AND service_provider_id = " + std::to_string(ours_.pond) +
        " RETURNING 1";
    const auto inactive = plan_for("P1");
    sql("UPDATE carrier_rate_plan SET is_active = false" + of_plan);
    auto applied = apply(ours_, inactive);
    ASSERT_TRUE(applied) << applied.error().message;
    ASSERT_EQ(applied->moved_count, 1);
    EXPECT_EQ(applied->moved[0].reason, "Carrier rate plan is inactive");
    sql("UPDATE carrier_rate_plan SET is_active = true, carrier_plan_id = 99" + of_plan);
    applied = apply(ours_, inactive);
    ASSERT_TRUE(applied) << applied.error().message;
    ASSERT_EQ(applied->moved_count, 1);
    EXPECT_EQ(applied->moved[0].reason, "The carrier's id of the carrier rate plan P1 has changed");
    const auto unwritable = plan_for("P1");
    sql("UPDATE service_provider SET write_is_enabled = false WHERE service_provider_id = " +
        std::to_string(ours_.pond) + " RETURNING 1");
    EXPECT_EQ(apply(ours_, unwritable).error().message,
              "Writes disabled for this service provider");
}

TEST_F(PlanTest, a_date_that_has_passed_since_is_named) {
    SubmitOptions options;
    options.now = base::parse_iso8601("2026-03-10T12:00:00Z").value();
    const auto made =
        submit_json(ours_,
                    request(ours_.pond, "carrierrateplanchange", quoted({add_device(ours_, 1)}),
                            std::string(R"("carrierRatePlanUpdate": {"carrierRatePlan": "P1",)"
                                        R"( "effectiveDate": "2026-03-12"})") +
                                kDryRun),
                    options);
    ASSERT_TRUE(made) << made.error().message;
    const auto apply_on = [&](const char* day) {
        return apply_plan(*connection_, ours_.caller, made->id, made->plan_hash,
                          base::parse_iso8601(day).value());
    };
    const auto late = apply_on("2026-03-20T00:00:00Z");
    ASSERT_TRUE(late) << late.error().message;
    ASSERT_EQ(late->moved_count, 1);
    EXPECT_EQ(late->moved[0].reason, "Invalid effective date (past dates for scheduling)");
    const auto in_time = apply_on("2026-03-11T00:00:00Z");
    ASSERT_TRUE(in_time) << in_time.error().message;
    EXPECT_EQ(in_time->moved_count, 0);
}

TEST_F(PlanTest, a_plan_of_refused_devices_only_cannot_be_applied) {
    const auto plan =
        planned(ours_, request(ours_.pond, "statusupdate", quoted({iccid_of_serial(7)}),
                               status("Suspended", kDryRun)));
    EXPECT_EQ(apply(ours_, plan).error().kind, ErrorKind::conflict);
    EXPECT_EQ(status_of(plan.id), "PLANNED");
}

TEST_F(PlanTest, monthly_cost_is_summed_by_currency_and_what_has_no_price_is_counted) {
    sql("UPDATE carrier_rate_plan SET monthly_price = 2.50, currency = 'USD' WHERE code = 'P1' AND "
        "service_provider_id = " +
        std::to_string(ours_.pond) + " RETURNING 1");
    sql("UPDATE carrier_rate_plan SET monthly_price = 1.10, currency = 'EUR' WHERE code = 'OLD' "
        "AND "
        "service_provider_id = " +
        std::to_string(ours_.pond) + " RETURNING 1");
    // A price without a currency is none.
    sql("UPDATE customer_rate_plan SET monthly_price = 5 WHERE customer_rate_plan_id = " +
        std::to_string(ours_.gold) + " RETURNING 1");
    const std::string old =
        "(SELECT carrier_rate_plan_id FROM carrier_rate_plan WHERE code = "
        "'OLD' AND service_provider_id = " +
        std::to_string(ours_.pond) + ")";
    const auto lines =
        quoted({add_device(ours_, 1, "carrier_rate_plan_id", old),
                add_device(ours_, 2, "carrier_rate_plan_id", old),
                add_device(ours_, 3, "customer_rate_plan_id", std::to_string(ours_.gold))});
    const auto plan = planned(ours_, request(ours_.pond, "carrierrateplanchange", lines,
                                             std::string(R"("carrierRatePlanUpdate": )"
                                                         R"({"carrierRatePlan": "P1"})") +
                                                 kDryRun));
    const PlanDetail detail = plan_of(plan.id);
    EXPECT_EQ(detail.sums.at("carrierCalls").at("calls"), 12);
    EXPECT_EQ(base::json::serialize(detail.sums.at("monthlyCost").at("carrier").at("before")),
              R"({"sums":[{"amount":"2.20","currency":"EUR","deviceCount":2}],"unknownCount":1})");
    EXPECT_EQ(base::json::serialize(detail.sums.at("monthlyCost").at("carrier").at("after")),
              R"({"sums":[{"amount":"7.50","currency":"USD","deviceCount":3}],"unknownCount":0})");
    EXPECT_EQ(base::json::serialize(detail.sums.at("monthlyCost").at("customer").at("after")),
              R"({"sums":[],"unknownCount":3})");
}

TEST_F(PlanTest, a_device_that_has_the_target_already_is_shown_as_unchanged) {
    const auto has = add_device(ours_, 1, "customer_rate_plan_id", std::to_string(ours_.gold));
    const auto has_not = add_device(ours_, 2);
    const auto plan = planned(
        ours_, request(ours_.pond, "customerrateplanchange", quoted({has, has_not}),
                       std::string(R"("customerRatePlanUpdate": {"customerRatePlan": "GOLD"})") +
                           kDryRun));
    const auto devices = devices_of(plan.id);
    ASSERT_EQ(devices.size(), 2U);
    EXPECT_EQ(devices[0].verdict, "unchanged");
    EXPECT_EQ(devices[1].verdict, "change");
    EXPECT_EQ(plan_of(plan.id).sums.at("unchangedCount"), 1);
    EXPECT_TRUE(plan_of(plan.id).sums.at("carrierCalls").at("system").is_null());
}

TEST_F(PlanTest, the_plan_as_a_file_has_a_row_for_each_device_with_both_values) {
    const auto line = add_device(ours_, 1);
    const auto plan =
        planned(ours_, request(ours_.pond, "statusupdate", quoted({line, iccid_of_serial(9)}),
                               status("Suspended", kDryRun)));
    std::string file;
    sheets::CsvWriter writer([&file](std::string_view piece) -> base::Result<void> {
        file += piece;
        return {};
    });
    ASSERT_TRUE(write_plan_rows(*connection_, ours_.caller.tenant_id, plan.id, writer));
    ASSERT_TRUE(writer.finish());
    EXPECT_NE(
        file.find("Row,Identifier,ICCID,Verdict,Reversibility,Reason,Warning,DueAt,before.status,"
                  "after.status"),
        std::string::npos)
        << file;
    EXPECT_NE(file.find("1," + line + ',' + line + ",change,,,,,Active,Suspended"),
              std::string::npos)
        << file;
    EXPECT_NE(file.find(",refused,,Invalid ICCID,"), std::string::npos) << file;
}

TEST_F(PlanTest, planning_and_applying_cost_the_same_statements_for_few_and_many_devices) {
    auto& statements = base::metrics::counter("carryall_db_statements_total", "");
    const auto cost = [&](int count, int first) {
        Lines lines;
        for (int i = 0; i < count; ++i) lines.push_back(add_device(ours_, first + i));
        const double before = statements.Value();
        const auto plan = planned(ours_, request(ours_.pond, "statusupdate", quoted(lines),
                                                 status("Suspended", kDryRun)));
        const auto applied = apply(ours_, plan);
        EXPECT_TRUE(applied && applied->moved_count == 0);
        return statements.Value() - before;
    };
    const double few = cost(2, 1);
    EXPECT_EQ(few, cost(60, 1'000));
}

TEST_F(PlanTest, old_plans_are_deleted_and_nothing_else_can_be) {
    SubmitOptions options;
    options.now = base::parse_iso8601("2026-01-01T00:00:00Z").value();
    const auto line = quoted({add_device(ours_, 1), iccid_of_serial(9)});
    const auto old = submit_json(
        ours_, request(ours_.pond, "statusupdate", line, status("Suspended", kDryRun)), options);
    const auto ran =
        submit_json(ours_, request(ours_.pond, "statusupdate", line, status("Suspended")), options);
    ASSERT_TRUE(old && ran);
    const auto deleted_on = [&](const char* day) {
        const auto count =
            delete_old_plans(*connection_, kPlanRetention, base::parse_iso8601(day).value());
        EXPECT_TRUE(count) << count.error().message;
        return count.value_or(-1);
    };
    EXPECT_EQ(deleted_on("2026-01-30T00:00:00Z"), 0);
    EXPECT_EQ(deleted_on("2026-02-01T00:00:00Z"), 1);
    EXPECT_EQ(get_plan(*connection_, ours_.caller.tenant_id, old->id).error().kind,
              ErrorKind::not_found);
    for (const std::string table : {"device_change", "device_change_log"}) {
        EXPECT_EQ(sql("SELECT count(*) FROM " + table +
                      " WHERE device_change_id >> 20 = " + base::to_string(old->id)),
                  "0");
    }
    // The database itself keeps the application from deleting what was not a plan.
    ASSERT_TRUE(connection_->work_for_tenant(ours_.caller.tenant_id.value));
    for (const char* table : {"bulk_change", "device_change", "change_page", "device_change_log"}) {
        ASSERT_TRUE(connection_->exec_text(std::string("DELETE FROM ") + table)) << table;
        EXPECT_NE(sql(std::string("SELECT count(*) FROM ") + table), "0") << table;
    }
}

TEST(PlanRules, an_estimate_goes_by_the_present_pace_else_by_the_limit_else_it_is_unknown) {
    AccountPace pace;
    EXPECT_EQ(seconds_to_finish(100, 100, pace), std::nullopt);
    pace.calls_per_second = 5;
    EXPECT_EQ(seconds_to_finish(100, 100, pace), 20);
    EXPECT_EQ(seconds_to_finish(100, 400, pace), 80);
    EXPECT_EQ(seconds_to_finish(0, 0, pace), 0);
    pace.backlog = 100;
    EXPECT_EQ(seconds_to_finish(100, 100, pace), 40);
    pace.blocked = std::chrono::seconds(7);
    EXPECT_EQ(seconds_to_finish(100, 100, pace), 47);
    pace.devices_per_second = 100;
    EXPECT_EQ(seconds_to_finish(100, 100, pace), 9);
    pace = {};
    pace.calls_per_second = 5;
    pace.quota = 100;
    pace.quota_used = 90;
    EXPECT_EQ(seconds_to_finish(200, 200, pace), 2 * 86'400);
}

TEST(PlanRules, calls_follow_the_carriers_batches_and_steps) {
    PlannedWork work{ChangeType::carrierrateplanchange, "thingspace", 2'000, 100'000, 0, 0};
    EXPECT_EQ(calls_for(work).calls, 50);
    work.integration = "pond";
    work.devices_per_request = 1;
    EXPECT_EQ(calls_for(work).calls, 400'000);
    work.type = ChangeType::customerrateplanchange;
    EXPECT_EQ(calls_for(work).calls, 0);
    work.type = ChangeType::customerassignment;
    EXPECT_EQ(calls_for(work).calls, 0);
    work.rev_services = 10;
    EXPECT_EQ(calls_for(work).calls, 20);
    EXPECT_EQ(calls_for(work).system, "Rev.io");
}

TEST(PlanRules, an_activation_takes_calls_for_its_batches_its_codes_and_its_addresses) {
    PlannedWork work{ChangeType::newserviceactivation, "telegence", 200, 401, 0, 0, 7, 25};
    EXPECT_EQ(calls_for(work).calls, 3 * 2 + 7 + 3 * 3);
    EXPECT_EQ(calls_for(work).system, "Telegence");
    work = {ChangeType::newserviceactivation, "telegence", 0, 0, 0, 0, 0, 0};
    EXPECT_EQ(calls_for(work).calls, 0);
    EXPECT_EQ(calls_for(work).devices_per_request, 1);
}

}  // namespace
}  // namespace carryall::changes
