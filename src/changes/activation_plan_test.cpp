// Plans of activations on real PostgreSQL: what they show of SIMs that nobody knows yet, that they
// leave no trace until they are applied, and that no SIM is activated by two of them.
#include <gtest/gtest.h>
#include <thread>

#include "changes/control.hpp"
#include "changes/plan_store.hpp"
#include "support/plans.hpp"

namespace carryall::changes {
namespace {

using base::ErrorKind;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

constexpr const char* kTarget =
    R"({"imei":"35000000000001","status":"Active","carrierRatePlan":"PLAN1GB"})";

class ActivationPlanTest : public PlanTest {
  protected:
    void SetUp() override {
        PlanTest::SetUp();
        const std::string tenant = base::to_string(ours_.caller.tenant_id);
        provider_ = std::stoll(
            sql("INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) "
                "VALUES (" +
                tenant + ", 'AT&T', 'telegence', true) RETURNING service_provider_id"));
        sql("INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name, "
            "monthly_price, currency) VALUES (" +
            tenant + ", " + std::to_string(provider_) +
            ", 'PLAN1GB', '1 GB', 2.50, 'USD') RETURNING 1");
    }
    static std::string one(const std::string& iccid, const std::string& more = "") {
        return R"({"iccid":")" + iccid + R"(","imei":"35000000000001")" +
               (more.empty() ? "" : "," + more) + '}';
    }
    std::string body(const std::string& devices, std::int64_t customer = 0,
                     const std::string& more = R"(,"dryRun":true)") const {
        return request(provider_, "newserviceactivation", devices,
                       R"("newServiceActivation":{"carrierRatePlan":"PLAN1GB",)"
                       R"("billingAccount":"287000000001","zipCode":"75001"})" +
                           (customer == 0 ? std::string()
                                          : R"(,"customerAssignment":{"customerId":)" +
                                                std::to_string(customer) + '}') +
                           more);
    }
    std::string add_line(int serial, const std::string& line_status) {
        return add_device(ours_, serial, "service_provider_id, portal, status",
                          std::to_string(provider_) + ", 'mobility', '" + line_status + "'");
    }
    std::string records() {
        return sql("SELECT count(*) FROM device WHERE tenant_id = " +
                   base::to_string(ours_.caller.tenant_id));
    }
    // What stops it, one line a device; empty: it was started.
    Lines moved(const SubmitResult& plan) {
        const auto applied = apply(ours_, plan);
        if (!applied) return {applied.error().message};
        Lines lines;
        for (const RefusedDevice& device : applied->moved) lines.push_back(device.reason);
        return lines;
    }
    std::string without_record(BulkChangeId id) {
        return sql(
            "SELECT count(*) FROM device_change WHERE device_id IS NULL AND state = 'new' "
            "AND device_change_id >> 20 = " +
            base::to_string(id));
    }

    std::int64_t provider_ = 0;
};

TEST_F(ActivationPlanTest, a_plan_shows_every_sim_and_leaves_no_trace_in_the_inventory) {
    const std::string known = add_line(1, "Inventory");
    const std::string active = add_line(2, "Active");
    const auto plan = planned(
        ours_, body(one(known) + ',' +
                    one(iccid_of_serial(3),
                        R"("staticIp":true,"ipPool":"P","removeOfferingCodes":"FEATA;FEATB")") +
                    ',' + one(active) + ',' + one("123")));
    EXPECT_EQ(plan.accepted_count, 2);
    ASSERT_EQ(plan.devices.size(), 2U);
    EXPECT_EQ(plan.devices[0].reason, "Line is already active");
    EXPECT_EQ(records(), "2");
    EXPECT_EQ(messages(plan.id), "0");
    const Lines lines = told(plan.id);
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_EQ(
        lines[0],
        std::string(R"(1 change {"imei":null,"status":"Inventory","carrierRatePlan":null} )") +
            "-> " + kTarget);
    EXPECT_EQ(lines[1], std::string("2 change null -> ") + kTarget);
    EXPECT_TRUE(lines[2].ends_with("-> null (Line is already active)")) << lines[2];
    EXPECT_TRUE(lines[3].starts_with("4 refused null -> null (Invalid ICCID")) << lines[3];

    const PlanDetail detail = plan_of(plan.id);
    const auto& calls = detail.sums.at("carrierCalls");
    EXPECT_EQ(calls.at("system"), "Telegence");
    EXPECT_EQ(calls.at("devicesPerRequest"), 200);
    // A batch and its status, one line's codes, and of one address three.
    EXPECT_EQ(calls.at("calls"), 2 + 1 + 3);
    const auto& after = detail.sums.at("monthlyCost").at("carrier").at("after").at("sums").at(0);
    EXPECT_EQ(after.at("amount"), "5.00");
    EXPECT_EQ(after.at("deviceCount"), 2);
    EXPECT_TRUE(detail.finishes_in_seconds.has_value());
}

TEST_F(ActivationPlanTest, a_plan_that_is_applied_makes_the_records_and_starts_what_follows_too) {
    const std::string known = add_line(1, "Inventory");
    const std::string unknown = iccid_of_serial(2);
    const auto plan = planned(ours_, body(one(known) + ',' + one(unknown), ours_.amop_customer));
    ASSERT_TRUE(plan.additional_id);
    EXPECT_EQ(status_of(plan.additional_id), "PLANNED");
    EXPECT_EQ(told(plan.additional_id).size(), 2U);
    EXPECT_EQ(moved(plan), Lines());
    EXPECT_EQ(device(unknown, "status, imei"), "Inventory 35000000000001");
    for (const BulkChangeId id : {plan.id, plan.additional_id}) {
        EXPECT_EQ(without_record(id), "0");
        EXPECT_EQ(status_of(id), "PENDING");
        EXPECT_EQ(messages(id), "1");
        expect_counts_add_up(id);
    }
    EXPECT_EQ(sql("SELECT attributes ->> 'AdditionBulkChangeId' FROM queue_message WHERE "
                  "attributes ->> 'BulkChangeId' = '" +
                  base::to_string(plan.id) + "'"),
              base::to_string(plan.additional_id));
    const auto page = claim_page(*connection_, ours_.caller.tenant_id.value, plan.additional_id,
                                 "w", seconds(60));
    ASSERT_TRUE(page && page->has_value());
    EXPECT_EQ((*page)->held_back, 2);
    EXPECT_EQ(plan_of(plan.id).applied_by, "operator of ours");
    const auto again = apply(ours_, plan);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->replayed);
    EXPECT_EQ(records(), "2");
}

TEST_F(ActivationPlanTest, a_plan_is_refused_when_anything_is_not_what_it_showed) {
    const std::string active = add_line(1, "Inventory");
    const std::string appeared = iccid_of_serial(2);
    const std::string sold = add_line(3, "Inventory");
    const auto plan = [&](const std::string& iccid) {
        return planned(ours_, body(one(iccid), ours_.amop_customer));
    };
    const auto of_active = plan(active);
    set(active, "status = 'Active'");
    EXPECT_EQ(moved(of_active), Lines{"Line is already active"});
    const auto of_appeared = plan(appeared);
    add_line(2, "Inventory");
    EXPECT_EQ(moved(of_appeared),
              Lines{"The SIM has a device record by now; the plan was made without one"});
    const auto of_sold = plan(sold);
    set(sold, "customer_id = " + std::to_string(ours_.rev_customer));
    EXPECT_EQ(moved(of_sold), Lines{"customerId is " + std::to_string(ours_.rev_customer) +
                                    ", the plan was made for empty"});
    const auto of_customer = plan(iccid_of_serial(5));
    sql("UPDATE customer SET is_active = false WHERE customer_id = " +
        std::to_string(ours_.amop_customer) + " RETURNING 1");
    EXPECT_EQ(moved(of_customer), Lines{"Customer not found"});
    sql("UPDATE customer SET is_active = true WHERE customer_id = " +
        std::to_string(ours_.amop_customer) + " RETURNING 1");
    const auto of_plan = plan(iccid_of_serial(4));
    sql("UPDATE carrier_rate_plan SET is_active = false WHERE code = 'PLAN1GB' RETURNING 1");
    EXPECT_EQ(moved(of_plan), Lines{"Carrier rate plan is inactive"});
    for (const SubmitResult& one_plan : {of_active, of_appeared, of_sold, of_customer, of_plan}) {
        for (const BulkChangeId id : {one_plan.id, one_plan.additional_id}) {
            EXPECT_EQ(status_of(id), "PLANNED");
            EXPECT_EQ(messages(id), "0");
        }
    }
    EXPECT_EQ(records(), "3");
}

TEST_F(ActivationPlanTest, what_follows_is_neither_applied_nor_started_nor_retried_alone) {
    const auto plan = planned(ours_, body(one(iccid_of_serial(1)), ours_.amop_customer));
    const std::string hash = plan_of(plan.additional_id).plan_hash;
    const auto alone = apply_plan(*connection_, ours_.caller, plan.additional_id, hash);
    ASSERT_FALSE(alone);
    EXPECT_EQ(alone.error().message, "this plan follows bulk change " + base::to_string(plan.id) +
                                         " and is applied with it");
    EXPECT_EQ(process_change(*connection_, ours_.caller, plan.additional_id).error().kind,
              ErrorKind::conflict);
    EXPECT_EQ(retry_failed(*connection_, ours_.caller, plan.additional_id, {}).error().kind,
              ErrorKind::conflict);
    // Who agrees to the one agrees to the other: the hash tells them apart by both.
    EXPECT_EQ(planned(ours_, body(one(iccid_of_serial(1)), ours_.amop_customer)).plan_hash,
              plan.plan_hash);
    EXPECT_NE(planned(ours_, body(one(iccid_of_serial(1)))).plan_hash, plan.plan_hash);
}

TEST_F(ActivationPlanTest, what_a_second_person_agrees_to_covers_what_follows) {
    database().run("UPDATE tenant SET approval_threshold_devices = 1");
    const std::string sims = one(add_line(1, "Inventory")) + ',' + one(add_line(2, "Inventory"));
    const std::string hash = planned(ours_, body(sims, ours_.amop_customer)).plan_hash;
    const auto stored =
        submit_json(ours_, body(sims, ours_.amop_customer, R"(,"processChanges":false)"));
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_FALSE(stored->waits_for_approval);
    const auto alone = process_change(*connection_, ours_.caller, stored->additional_id);
    ASSERT_FALSE(alone);
    EXPECT_EQ(alone.error().message, "this bulk change follows bulk change " +
                                         base::to_string(stored->id) + " and is started with it");
    ASSERT_TRUE(process_change(*connection_, ours_.caller, stored->id));
    const PlanDetail shown = plan_of(stored->id);
    EXPECT_EQ(shown.plan_hash, hash) << "as of the dry run, customer included";
    ASSERT_EQ(shown.additional, stored->additional_id);
    EXPECT_EQ(plan_of(stored->additional_id).plan_hash.size(), 64U);
    EXPECT_EQ(status_of(stored->id) + status_of(stored->additional_id), "PENDINGPENDING");
    EXPECT_EQ(shown.sums.at("carrierCalls").at("devicesPerRequest"), 200);
    EXPECT_TRUE(shown.finishes_in_seconds.has_value()) << "for whoever is to agree";
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, stored->id, std::nullopt));

    const auto others = one(iccid_of_serial(3)) + ',' + one(iccid_of_serial(4));
    const auto submitted = submit_json(ours_, body(others, ours_.amop_customer, ""));
    ASSERT_TRUE(submitted) << submitted.error().message;
    EXPECT_TRUE(submitted->waits_for_approval);
    EXPECT_EQ(plan_of(submitted->additional_id).plan_hash.size(), 64U);
    EXPECT_EQ(status_of(submitted->id) + status_of(submitted->additional_id), "PENDINGPENDING");
}

TEST_F(ActivationPlanTest, a_plan_keeps_no_sim_from_others_and_comes_too_late_after_them) {
    const std::string sim = add_line(1, "Inventory");
    const auto plan = planned(ours_, body(one(sim)));
    const auto other = submit_json(ours_, body(one(sim), 0, ""));
    ASSERT_TRUE(other);
    EXPECT_EQ(other->accepted_count, 1);
    EXPECT_EQ(moved(plan), Lines{"Another activation of this SIM is open (bulk change " +
                                 base::to_string(other->id) + ')'});
}

// Of several that want one SIM at the same time one gets it, whether it has a record or not.
TEST_F(ActivationPlanTest, one_sim_is_never_taken_by_two_at_once) {
    const Lines sims = {add_line(1, "Inventory"), iccid_of_serial(2)};
    constexpr int kThreads = 6;
    for (const std::string& sim : sims) {
        std::vector<SubmitResult> plans;
        for (int i = 0; i < kThreads; ++i) plans.push_back(planned(ours_, body(one(sim))));
        std::atomic<int> taken{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < kThreads; ++i) {
            threads.emplace_back([&, i] {
                auto connection = db::Connection::open(base::Secret(database().app_conninfo()));
                if (!connection) return;
                if (i % 2 == 0) {
                    const auto applied =
                        apply_plan(**connection, ours_.caller, plans[i].id, plans[i].plan_hash);
                    if (applied && applied->moved_count == 0) ++taken;
                } else {
                    std::vector<base::Error> errors;
                    auto request =
                        parse_request(base::parse_json(body(one(sim), 0, "")).value(), errors);
                    const auto accepted = submit(**connection, ours_.caller, request->request,
                                                 *request->devices, {}, errors);
                    if (accepted && accepted->accepted_count == 1) ++taken;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(taken, 1) << sim;
        EXPECT_EQ(sql("SELECT count(*) FROM device_change c JOIN device d USING (device_id) JOIN "
                      "bulk_change b ON b.bulk_change_id = c.device_change_id >> 20 WHERE "
                      "c.state = 'new' AND b.status <> 'PLANNED' AND d.iccid = '" +
                      sim + "' AND d.tenant_id = " + base::to_string(ours_.caller.tenant_id)),
                  "1");
    }
}

TEST_F(ActivationPlanTest, an_old_plan_is_deleted_with_what_follows_it) {
    SubmitOptions options;
    options.now = base::parse_iso8601("2026-01-01T00:00:00Z").value();
    for (int i = 1; i <= kMaxPlansDeletedAtOnce; ++i) {
        ASSERT_TRUE(
            submit_json(ours_, body(one(iccid_of_serial(i)), ours_.amop_customer), options));
    }
    const auto day = base::parse_iso8601("2026-02-01T00:00:00Z").value();
    for (int i = 0; i < 2; ++i) {
        const auto deleted = delete_old_plans(*connection_, kPlanRetention, day);
        ASSERT_TRUE(deleted) << deleted.error().message;
    }
    for (const std::string table : {"bulk_change", "device_change", "change_page"}) {
        EXPECT_EQ(sql("SELECT count(*) FROM " + table +
                      " WHERE tenant_id = " + base::to_string(ours_.caller.tenant_id)),
                  "0")
            << table;
    }
}

}  // namespace
}  // namespace carryall::changes
