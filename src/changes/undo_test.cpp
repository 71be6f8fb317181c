// Undo on a real database: what goes back, what does not and why, and that an undo is a plan like
// any other.
#include "changes/plan.hpp"
#include "support/plans.hpp"

namespace carryall::changes {
namespace {

using base::ErrorKind;
using Lines = std::vector<std::string>;

class UndoTest : public PlanTest {
  protected:
    BulkChangeId done(const std::string& body, const std::map<std::int64_t, Verdict>& fails = {}) {
        const auto result = submit_json(ours_, body);
        EXPECT_TRUE(result) << (result ? "" : result.error().message);
        if (!result) return {};
        carry_out(result->id, fails);
        return result->id;
    }
    PlanDetail undo(BulkChangeId id) {
        const auto made = plan_undo(*connection_, ours_.caller, id, {});
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        if (!made) return {};
        expect_counts_add_up(*made);
        return plan_of(*made);
    }
    void apply_and_carry_out(const PlanDetail& plan) {
        const auto applied = apply_plan(*connection_, ours_.caller, plan.change.id, plan.plan_hash);
        ASSERT_TRUE(applied) << applied.error().message;
        ASSERT_EQ(applied->moved_count, 0)
            << (applied->moved.empty() ? "" : applied->moved[0].reason);
        carry_out(plan.change.id);
        EXPECT_EQ(sql("SELECT processed_count FROM bulk_change WHERE bulk_change_id = " +
                      base::to_string(plan.change.id)),
                  base::json::serialize(plan.sums.at("acceptedCount")));
    }
    std::string reason_of(const PlanDetail& plan, int row) { return reason(plan.change.id, row); }
    std::string carrier_plan(const std::string& code) {
        return "(SELECT carrier_rate_plan_id FROM carrier_rate_plan WHERE code = '" + code +
               "' AND service_provider_id = " + std::to_string(ours_.pond) + ")";
    }
    std::string make_service_provider(const std::string& integration) {
        return sql(
            "INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) "
            "VALUES (" +
            base::to_string(ours_.caller.tenant_id) + ", '" + integration + "', '" + integration +
            "', true) RETURNING service_provider_id");
    }
    static constexpr const char* kTouched =
        "customer_id, site_id, account_number, customer_rate_plan_id, customer_rate_pool_id, "
        "customer_data_allocation_mb, modified_at > now()";
};

TEST_F(UndoTest, a_status_goes_back_and_the_undo_is_undone_again) {
    const auto active = add_device(ours_, 1);
    const auto shouted = add_device(ours_, 2, "status", "'ACTIVE'");
    const auto change =
        done(request(ours_.pond, "statusupdate", quoted({active, shouted}), status("Suspended")));
    const auto back = undo(change);
    EXPECT_EQ(back.undoes, change);
    EXPECT_EQ(told(back.change.id),
              (Lines{R"(1 change {"status":"Suspended"} -> {"status":"Active"})",
                     R"(2 change {"status":"Suspended"} -> {"status":"Active"})"}));
    EXPECT_EQ(back.sums.at("undo").at("reversibility"), "reversible");
    apply_and_carry_out(back);
    EXPECT_EQ(device(active, "status"), "Active");
    const auto forth = undo(back.change.id);
    apply_and_carry_out(forth);
    EXPECT_EQ(device(active, "status"), "Suspended");
}

TEST_F(UndoTest, only_what_was_changed_goes_back_and_the_rest_is_counted_or_named) {
    Lines lines;
    for (int i = 1; i <= 4; ++i) lines.push_back(add_device(ours_, i));
    Verdict failed;
    failed.state = DeviceState::error;
    failed.error_class = carriers::FailureClass::business;
    failed.reason = "the carrier said no";
    Verdict parked;
    parked.state = DeviceState::parked;
    parked.reason = "no answer for days";
    const auto change =
        done(request(ours_.pond, "statusupdate", quoted(lines), status("Suspended")),
             {{2, failed}, {3, parked}});
    const auto back = undo(change);
    EXPECT_EQ(told(back.change.id),
              (Lines{R"(1 change {"status":"Suspended"} -> {"status":"Active"})",
                     R"(3 refused {"status":"Active"} -> null (Unknown whether it was done: no )"
                     "answer for days)",
                     R"(4 change {"status":"Suspended"} -> {"status":"Active"})"}));
    EXPECT_EQ(back.sums.at("undo").at("neverChangedCount"), 1);
    EXPECT_EQ(back.sums.at("undo").at("unknownCount"), 1);
    EXPECT_EQ(devices_of(back.change.id).at(0).reversibility, "reversible");
    EXPECT_EQ(devices_of(back.change.id).at(1).reversibility, "notReversible");
}

TEST_F(UndoTest, what_somebody_changed_since_is_never_overwritten) {
    Lines lines;
    for (int i = 1; i <= 4; ++i) lines.push_back(add_device(ours_, i));
    const auto change =
        done(request(ours_.pond, "statusupdate", quoted(lines), status("Suspended")));
    set(lines[0], "status = 'Inactive'");
    set(lines[1], "status = 'Active'");
    set(lines[2], "is_active = false");
    const auto back = undo(change);
    EXPECT_EQ(reason_of(back, 1),
              "Moved since: status is Inactive, the change had made it Suspended");
    EXPECT_EQ(reason_of(back, 2), "Has its former value already");
    EXPECT_EQ(reason_of(back, 3), "M2M Device is archived");
    EXPECT_EQ(reason_of(back, 4), "");
    set(lines[3], "status = 'Inactive'");
    const auto applied = apply_plan(*connection_, ours_.caller, back.change.id, back.plan_hash);
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_EQ(applied->moved_count, 1);
}

TEST_F(UndoTest, a_status_that_the_carrier_does_not_take_back_is_not_reversible) {
    const auto line = add_device(ours_, 1);
    const auto change =
        done(request(ours_.pond, "statusupdate", quoted({line}), status("Terminated")));
    EXPECT_EQ(reason_of(undo(change), 1),
              "Status transition from Terminated to Active not allowed");
    const std::string thingspace = make_service_provider("thingspace");
    const auto with = [&](int serial, const std::string& present) {
        return add_device(ours_, serial, "service_provider_id, status",
                          thingspace + ", '" + present + "'");
    };
    const auto suspended = done(request(std::stoll(thingspace), "statusupdate",
                                        quoted({with(11, "Active")}), status("Suspended")));
    const auto back = undo(suspended);
    EXPECT_EQ(reason_of(back, 1), "");
    EXPECT_EQ(back.sums.at("undo").at("reversibility"), "reversibleAtCost");
    EXPECT_EQ(back.sums.at("undo").at("cost"), "it counts as one of the line's actions of the day");
    const auto deactivated = done(request(std::stoll(thingspace), "statusupdate",
                                          quoted({with(12, "Active")}), status("Deactivated")));
    EXPECT_TRUE(reason_of(undo(deactivated), 1).starts_with("Not reversible: a line that was"));
}

TEST_F(UndoTest, where_lines_have_budgets_each_says_what_is_left_or_when_it_has_one_again) {
    const std::string thingspace = make_service_provider("thingspace");
    sql("UPDATE service_provider SET settings = '{\"accountName\": \"0000123456-00001\", "
        "\"planChangesPerMonth\": 2, \"actionsPerDay\": 50}' WHERE service_provider_id = " +
        thingspace + " RETURNING 1");
    for (const char* code : {"small", "large"}) {
        sql("INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name) VALUES (" +
            base::to_string(ours_.caller.tenant_id) + ", " + thingspace + ", '" + code + "', '" +
            code + "') RETURNING 1");
    }
    Lines lines;
    for (int serial = 31; serial <= 32; ++serial) {
        lines.push_back(
            add_device(ours_, serial, "service_provider_id, carrier_rate_plan_id",
                       thingspace +
                           ", (SELECT carrier_rate_plan_id FROM carrier_rate_plan WHERE code = "
                           "'small' AND service_provider_id = " +
                           thingspace + ")"));
    }
    const auto change = done(request(std::stoll(thingspace), "carrierrateplanchange", quoted(lines),
                                     R"("carrierRatePlanUpdate": {"carrierRatePlan": "large"})"));
    const auto acted = [&](const std::string& line, int number) {
        sql("INSERT INTO line_action (device_change_id, tenant_id, device_id, action) SELECT " +
            std::to_string(number) + ", tenant_id, device_id, 'plan' FROM device WHERE iccid = '" +
            line + "' AND tenant_id = " + base::to_string(ours_.caller.tenant_id) + " RETURNING 1");
    };
    acted(lines[0], 1);
    acted(lines[1], 2);
    acted(lines[1], 3);
    const auto forward = planned(
        ours_, request(std::stoll(thingspace), "carrierrateplanchange", quoted(lines),
                       R"("carrierRatePlanUpdate": {"carrierRatePlan": "small"}, "dryRun": true)"));
    ASSERT_EQ(forward.warnings.size(), 1U);
    EXPECT_TRUE(forward.warnings[0].starts_with("1 devices have used up what the carrier lets"));
    const auto shown = devices_of(forward.id);
    ASSERT_EQ(shown.size(), 2U);
    EXPECT_FALSE(shown[0].warning.has_value());
    EXPECT_TRUE(shown[1].warning.value_or("").starts_with("The line has used 2 of 2 plan changes"));
    const auto back = undo(change);
    EXPECT_EQ(back.sums.at("acceptedCount"), 1);
    const auto devices = devices_of(back.change.id);
    ASSERT_EQ(devices.size(), 2U);
    EXPECT_EQ(devices[0].reversibility, "reversibleAtCost");
    EXPECT_EQ(devices[0].warning, "1 of 2 plan changes a month left, 49 of 50 actions a day left");
    EXPECT_EQ(devices[1].reversibility, "notReversible");
    EXPECT_TRUE(devices[1].reason->starts_with(
        "Not reversible now: The line has used 2 of 2 plan changes a month; possible again from "))
        << *devices[1].reason;
    EXPECT_FALSE(devices[1].warning.has_value());
    apply_and_carry_out(back);
}

TEST_F(UndoTest, a_carrier_rate_plan_goes_back_with_the_carriers_present_ids) {
    sql("UPDATE carrier_rate_plan SET is_active = true WHERE carrier_rate_plan_id = " +
        carrier_plan("OLD") + " RETURNING 1");
    const auto line = add_device(ours_, 1, "carrier_rate_plan_id", carrier_plan("OLD"));
    const auto bare = add_device(ours_, 2);
    const auto change = done(request(ours_.pond, "carrierrateplanchange", quoted({line, bare}),
                                     R"("carrierRatePlanUpdate": {"carrierRatePlan": "P1"})"));
    const auto back = undo(change);
    EXPECT_EQ(sql("SELECT request->'carrierRatePlanUpdate' FROM device_change WHERE "
                  "device_change_id = " +
                  base::to_string(first_device_change(back.change.id))),
              R"({"ratePlanId": 72, "carrierRatePlan": "OLD"})");
    EXPECT_EQ(reason_of(back, 2), "Not reversible: no carrier rate plan was known before");
    EXPECT_EQ(back.sums.at("undo").at("reversibility"), "reversibleAtCost");
    apply_and_carry_out(back);
    EXPECT_EQ(device(line, "carrier_rate_plan_id"), sql("SELECT " + carrier_plan("OLD")));
}

TEST_F(UndoTest, a_customer_plan_goes_back_to_what_it_was_also_to_nothing) {
    const auto empty = add_device(ours_, 1);
    const auto full = add_device(
        ours_, 2, "customer_rate_plan_id, customer_rate_pool_id, customer_data_allocation_mb",
        std::to_string(ours_.gold) + ", " + std::to_string(ours_.pool) + ", 10.50");
    const Lines before = {device(empty, kTouched), device(full, kTouched)};
    const std::string silver =
        sql("INSERT INTO customer_rate_plan (tenant_id, code, name) VALUES (" +
            base::to_string(ours_.caller.tenant_id) +
            ", 'SILVER', 'Silver') RETURNING customer_rate_plan_id");
    const auto change = done(request(ours_.pond, "customerrateplanchange", quoted({empty, full}),
                                     R"("customerRatePlanUpdate": {"customerRatePlan": "SILVER",)"
                                     R"( "customerDataAllocationMB": 20})"));
    EXPECT_EQ(device(empty, "customer_rate_plan_id"), silver);
    const auto back = undo(change);
    EXPECT_EQ(back.sums.at("acceptedCount"), 2);
    apply_and_carry_out(back);
    EXPECT_EQ((Lines{device(empty, kTouched), device(full, kTouched)}), before);
    EXPECT_EQ(retry_failed(*connection_, ours_.caller, back.change.id, {}).error().kind,
              ErrorKind::conflict);
    apply_and_carry_out(undo(back.change.id));
    EXPECT_EQ(device(empty, "customer_rate_plan_id"), silver);
    EXPECT_EQ(device(full, "customer_data_allocation_mb, customer_rate_pool_id"),
              "20 " + std::to_string(ours_.pool));
}

TEST_F(UndoTest, an_assignment_goes_back_to_the_customer_before_and_to_none) {
    const auto fresh = add_device(ours_, 1);
    const auto assigned = add_device(
        ours_, 2, "customer_id, site_id, account_number",
        std::to_string(ours_.rev_customer) + ", " + std::to_string(ours_.site) + ", 'A-9'");
    const Lines before = {device(fresh, kTouched), device(assigned, kTouched)};
    const auto change = done(request(ours_.pond, "customerassignment", quoted({fresh, assigned}),
                                     R"("customerAssignment": {"customer": "Local",)"
                                     R"( "accountNumber": "A-2", "customerRatePlan": "GOLD"})"));
    EXPECT_EQ(device(fresh, "customer_id, account_number, customer_rate_plan_id"),
              std::to_string(ours_.amop_customer) + " A-2 " + std::to_string(ours_.gold));
    const auto back = undo(change);
    EXPECT_EQ(back.sums.at("acceptedCount"), 2) << reason_of(back, 1) << reason_of(back, 2);
    apply_and_carry_out(back);
    EXPECT_EQ((Lines{device(fresh, kTouched), device(assigned, kTouched)}), before);
}

TEST_F(UndoTest, a_service_created_at_rev_io_is_not_taken_back) {
    const auto line = add_device(ours_, 1);
    const auto change = done(request(ours_.pond, "customerassignment", quoted({line}),
                                     R"("customerAssignment": {"customer": "Local"})"));
    const std::string service =
        sql("INSERT INTO rev_service (tenant_id, customer_id, revio_service_id, number) VALUES (" +
            base::to_string(ours_.caller.tenant_id) + ", " + std::to_string(ours_.amop_customer) +
            ", 5, '1') RETURNING rev_service_id");
    set(line, "rev_service_id = " + service);
    EXPECT_EQ(reason_of(undo(change), 1),
              "Not reversible: a service was created at Rev.io; disconnect it there first");
}

TEST_F(UndoTest, values_that_another_change_or_an_import_made_meanwhile_are_not_trusted) {
    const auto twice = add_device(ours_, 1);
    const auto imported = add_device(ours_, 2);
    const auto first = submit_json(
        ours_, request(ours_.pond, "statusupdate", quoted({twice}), status("Inactive")));
    const auto second = submit_json(
        ours_, request(ours_.pond, "statusupdate", quoted({twice, imported}), status("Suspended")));
    ASSERT_TRUE(first && second);
    carry_out(first->id);
    sql("INSERT INTO device_event (tenant_id, device_id, source, actor, detail) SELECT tenant_id, "
        "device_id, 'import', 'test', '{}' FROM device WHERE iccid = '" +
        imported + "' RETURNING 1");
    carry_out(second->id);
    const auto back = undo(second->id);
    EXPECT_TRUE(reason_of(back, 1).starts_with("Not reversible: another change of the device"));
    EXPECT_TRUE(reason_of(back, 2).starts_with("Not reversible: the device's record was changed"));
}

TEST_F(UndoTest, what_was_stored_first_and_started_last_does_not_bring_back_what_was_then) {
    const auto line = add_device(ours_, 1);
    const auto stored =
        submit_json(ours_, request(ours_.pond, "statusupdate", quoted({line}),
                                   status("Suspended", R"(, "processChanges": false)")));
    ASSERT_TRUE(stored);
    done(request(ours_.pond, "statusupdate", quoted({line}), status("Inactive")));
    ASSERT_TRUE(process_change(*connection_, ours_.caller, stored->id));
    carry_out(stored->id);
    EXPECT_EQ(device(line, "status"), "Suspended");
    EXPECT_TRUE(reason_of(undo(stored->id), 1).starts_with("Not reversible: another change"));
}

TEST_F(UndoTest, only_what_has_ended_and_is_ours_can_be_undone) {
    const auto running = submit_json(
        ours_,
        request(ours_.pond, "statusupdate", quoted({add_device(ours_, 1)}), status("Suspended")));
    ASSERT_TRUE(running);
    const auto kind = [&](const World& world, BulkChangeId id) {
        return plan_undo(*connection_, world.caller, id, {}).error().kind;
    };
    EXPECT_EQ(kind(ours_, running->id), ErrorKind::conflict);
    carry_out(running->id);
    EXPECT_EQ(kind(theirs_, running->id), ErrorKind::not_found);
    const auto nothing = submit_json(
        ours_,
        request(ours_.pond, "statusupdate", quoted({iccid_of_serial(9)}), status("Suspended")));
    ASSERT_TRUE(nothing);
    EXPECT_EQ(kind(ours_, nothing->id), ErrorKind::conflict);
}

}  // namespace
}  // namespace carryall::changes
