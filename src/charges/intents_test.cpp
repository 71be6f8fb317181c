// What results come to, on real PostgreSQL.
#include <thread>

#include "charges/preview.hpp"
#include "support/charges.hpp"

namespace carryall::charges {
namespace {

class IntentsTest : public LedgerTest {
  protected:
    std::string refused(const std::vector<std::int64_t>& instances) {
        const auto ordered = try_order(instances);
        return ordered ? "taken" : ordered.error().where + ' ' + ordered.error().message;
    }
    void result(const std::string& values) {
        database().run(
            "INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal, "
            "device_id, rate_charge_amount, overage_charge_amount, sms_charge_amount, "
            "rev_product_id, sms_rev_product_type_id) VALUES (1, 7101, 'm2m', " +
            values + ")");
    }
    // Instance 72: device 1 costs ten times what February cost, device 2 as much as then.
    void optimize_a_dear_march() {
        database().run(R"(
            INSERT INTO optimization_instance (tenant_id, optimization_instance_id, portal_type,
                customer_id, integration_authentication_id, billing_period_start,
                billing_period_end, run_end_time, imported_by)
                VALUES (1, 72, 'm2m', 1, 1, '2026-03-01', '2026-03-31', now(), 'test');
            INSERT INTO optimization_comm_group VALUES (1, 721, 72);
            INSERT INTO optimization_queue VALUES (1, 7201, 721, 20, now());
            INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal,
                device_id, rate_charge_amount, rev_product_id)
                VALUES (1, 7201, 'm2m', 1, 80, 12), (1, 7201, 'm2m', 2, 7, 12);)");
    }
};

TEST_F(IntentsTest, an_order_that_cannot_be_is_refused_with_its_place) {
    EXPECT_EQ(refused({}), "/instanceIds name at least one instance");
    EXPECT_EQ(refused({71, 71}), "/instanceIds/1 instance 71 is in the list twice");
    EXPECT_EQ(refused({71, 99}), "/instanceIds/1 there is no optimization instance 99");
    caller_.tenant_id = {2};
    EXPECT_EQ(refused({71}), "/instanceIds/0 there is no optimization instance 71");
    caller_.tenant_id = {1};
    database().run("UPDATE optimization_instance SET run_end_time = NULL");
    EXPECT_NE(refused({71}).find("has not finished"), std::string::npos);
    database().run(
        "UPDATE optimization_instance SET run_end_time = now();"
        "UPDATE customer SET rev_customer_id = 'ACME' WHERE customer_id = 1");
    EXPECT_NE(refused({71}).find("customer Acme has no Rev.io id"), std::string::npos);
    database().run(
        "UPDATE customer SET rev_customer_id = '4102' WHERE customer_id = 1;"
        "UPDATE service_provider SET write_is_enabled = false WHERE name = 'rev'");
    EXPECT_NE(refused({71}).find("no active Rev.io account"), std::string::npos);
    database().run(
        "DELETE FROM optimization_device_result; DELETE FROM optimization_queue;"
        "DELETE FROM optimization_comm_group");
    EXPECT_NE(refused({71}).find("has no comm groups"), std::string::npos);
    EXPECT_EQ(sql("SELECT count(*) FROM charge_run"), "0");
    EXPECT_EQ(sql("SELECT count(*) FROM queue_message"), "0");
}

TEST_F(IntentsTest, the_same_order_again_is_the_same_run) {
    const ChargeRunId run = order({71});
    const auto again = try_order({71});
    ASSERT_TRUE(again);
    EXPECT_EQ(again->id, run);
    EXPECT_FALSE(again->is_new);
    EXPECT_EQ(sql("SELECT count(*) FROM queue_message"), "1");
    EXPECT_EQ(sql("SELECT (attributes ->> 'InstanceId') || (attributes ->> 'InstanceIds') || "
                  "(attributes ->> 'IsLastInstanceId') FROM queue_message"),
              "71711");
}

TEST_F(IntentsTest, rate_and_overage_are_apart_and_add_up_to_the_rounded_total) {
    make();
    EXPECT_EQ(charges("device_id || kind || amount", "WHERE device_id = 1"),
              "1rate6.5000 1overage1.0100");
    EXPECT_EQ(sql("SELECT description FROM charge WHERE device_id = 1 AND kind = 'rate'"),
              "IoT 1GB - 912.4");
    EXPECT_EQ(sql("SELECT description FROM charge WHERE device_id = 1 AND kind = 'overage'"),
              "Data Usage - 912.4 - Overage - 1.01");
    EXPECT_EQ(charges("marker", "WHERE device_id = 1"), "amop:Q7101-D1-RATE amop:Q7101-D1-OVERAGE");
    EXPECT_EQ(sql("SELECT concat_ws(' ', rev_customer_id, revio_service_id, product_type_id, "
                  "state) FROM charge WHERE device_id = 1 AND kind = 'rate'"),
              "4102 99120 311 new");
}

TEST_F(IntentsTest, the_old_process_makes_one_combined_charge) {
    database().run(
        "INSERT INTO charge_setting (tenant_id, splits_rate_and_overage) "
        "VALUES (1, false)");
    make();
    EXPECT_EQ(charges("device_id || kind || amount"), "1usage7.5100 2usage7.5100 3usage7.5100");
}

TEST_F(IntentsTest, periods_are_shifted_as_each_carrier_wants_it) {
    make();
    const std::string dates = "start_date || '/' || end_date";
    EXPECT_EQ(charges(dates, "WHERE kind = 'rate'"),
              "2026-02-01/2026-02-28 2026-02-01/2026-02-27 2026-02-02/2026-02-28");
}

TEST_F(IntentsTest, a_bill_in_advance_is_a_month_later) {
    database().run(
        "INSERT INTO charge_setting (tenant_id, bills_in_advance) VALUES (1, true);"
        "UPDATE optimization_instance SET billing_period_start = '2026-01-31', "
        "billing_period_end = '2026-02-27'");
    make();
    EXPECT_EQ(charges("start_date || '/' || end_date", "WHERE kind = 'rate' AND device_id = 1"),
              "2026-02-28/2026-03-27");
}

TEST_F(IntentsTest, every_device_has_a_row_whatever_it_costs) {
    result("4, 0, 0, 2.5, 12, NULL");
    result("5, -3, 0, 1.5, NULL, 77");
    make();
    EXPECT_EQ(charges("kind || ':' || state || ':' || coalesce(reason, '')", "WHERE device_id = 4"),
              "rate:skipped:the amount is zero sms:skipped:the SMS charge has neither a product "
              "nor a product type");
    EXPECT_EQ(charges("kind || ':' || state", "WHERE device_id = 5"), "rate:parked sms:new");
    EXPECT_EQ(sql("SELECT concat_ws(' ', charge_count, new_count, skipped_count, parked_count, "
                  "total_amount) FROM charge_run_part"),
              "10 7 2 1 23.5300");
}

TEST_F(IntentsTest, what_looks_wrong_is_parked_and_the_rest_goes_on) {
    result("4, 10000.01, 0, 0, 12, NULL");
    result("5, 5, 0, 0, NULL, NULL");
    database().run("UPDATE device SET rev_service_id = 2 WHERE device_id = 2");
    make();
    EXPECT_EQ(charges("reason", "WHERE device_id = 4"),
              "the amount 10000.01 is above the limit 10000");
    EXPECT_EQ(charges("reason", "WHERE device_id = 5"),
              "neither a product nor a product type is set");
    EXPECT_EQ(charges("reason", "WHERE device_id = 2 AND kind = 'rate'"),
              "the device's service at Rev.io belongs to another customer");
    EXPECT_EQ(sql("SELECT new_count FROM charge_run_part"), "4");
}

TEST_F(IntentsTest, another_instance_of_the_same_period_does_not_charge_a_device_twice) {
    make();
    database().run(R"(
        INSERT INTO optimization_instance (tenant_id, optimization_instance_id, portal_type,
            customer_id, integration_authentication_id, billing_period_start,
            billing_period_end, run_end_time, imported_by)
            VALUES (1, 72, 'cross_provider', 1, 1, '2026-02-15', '2026-03-14', now(), 'test');
        INSERT INTO optimization_comm_group VALUES (1, 721, 72);
        INSERT INTO optimization_queue VALUES (1, 7201, 721, 20, now());
        INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal,
            device_id, rate_charge_amount, rev_product_id)
            VALUES (1, 7201, 'm2m', 1, 8, 12), (1, 7201, 'm2m', 4, 8, 12);)");
    make({72});
    EXPECT_EQ(charges("device_id || state", "WHERE source_id = 72"), "1parked 4new");
}

TEST_F(IntentsTest, a_customer_without_rev_io_is_recorded) {
    database().run(
        "UPDATE optimization_instance SET customer_id = 2, "
        "integration_authentication_id = NULL");
    make();
    EXPECT_EQ(sql("SELECT concat_ws(' ', state, recorded_count, charged_amount, new_count) FROM "
                  "charge_run_part"),
              "settled 6 22.5300 0");
    EXPECT_EQ(sql("SELECT queue FROM queue_message ORDER BY message_id DESC LIMIT 1"),
              "customer_charge_check");
    EXPECT_EQ(sql("SELECT count(*) FROM charge WHERE marker <> '' OR rev_customer_id IS NOT NULL"),
              "0");
}

TEST_F(IntentsTest, a_comm_group_without_a_winning_queue_is_said) {
    database().run("UPDATE optimization_queue SET run_end_time = NULL");
    make();
    EXPECT_EQ(sql("SELECT optimization_queue_id || ' ' || state || ' ' || charge_count FROM "
                  "charge_run_part"),
              "0 settled 0");
    EXPECT_NE(sql("SELECT note FROM charge_run_part"), "");
}

TEST_F(IntentsTest, intents_are_made_once_however_many_make_them) {
    const ChargeRunId run = order({71});
    std::vector<std::thread> makers;
    std::atomic<int> fresh{0};
    for (int i = 0; i < 4; ++i) {
        makers.emplace_back([&] {
            auto connection = db::Connection::open(base::Secret(database().app_conninfo()));
            ASSERT_TRUE(connection);
            const auto made = make_intents(**connection, 1, run, InstanceId{71});
            ASSERT_TRUE(made) << made.error().message;
            if (made->is_new) ++fresh;
        });
    }
    for (std::thread& maker : makers) maker.join();
    EXPECT_EQ(fresh, 1);
    EXPECT_EQ(sql("SELECT count(*) FROM charge"), "6");
    EXPECT_EQ(sql("SELECT concat_ws(' ', state, open_instance_count, open_part_count) FROM "
                  "charge_run"),
              "sending 0 1");
}

TEST_F(IntentsTest, the_database_itself_refuses_a_second_intent) {
    make();
    EXPECT_THROW(database().run("INSERT INTO charge (tenant_id, charge_run_id, part_number, "
                                "position, source, source_id, device_id, customer_id, "
                                "service_provider_id, portal, kind, billing_period_start, "
                                "billing_period_end, amount, description, start_date, end_date, "
                                "state) SELECT tenant_id, charge_run_id, part_number, 99, source, "
                                "source_id, device_id, customer_id, service_provider_id, portal, "
                                "kind, billing_period_start, billing_period_end, amount, "
                                "description, start_date, end_date, 'new' FROM charge LIMIT 1"),
                 std::runtime_error);
}

TEST_F(IntentsTest, history_bounds_park_a_device_and_a_customer) {
    charge_all(part_of(make()));
    optimize_a_dear_march();
    make({72});
    EXPECT_EQ(charges("reason", "WHERE device_id = 1 AND source_id = 72"),
              "more than 10 times what the device usually costs (7.51)");
    EXPECT_EQ(charges("state", "WHERE device_id = 2 AND source_id = 72"), "new");
}

TEST_F(IntentsTest, without_history_bounds_nothing_is_parked_for_its_history) {
    charge_all(part_of(make()));
    optimize_a_dear_march();
    database().run(
        "INSERT INTO charge_setting (tenant_id, device_history_multiple, "
        "customer_history_multiple, history_floor_amount) VALUES (1, NULL, NULL, 1)");
    make({72});
    EXPECT_EQ(charges("state", "WHERE source_id = 72 AND amount > 0 AND kind = 'rate'"), "new new");
}

TEST_F(IntentsTest, a_preview_shows_what_would_be_charged_and_leaves_nothing) {
    result("4, 10000.01, 0, 0, 12, NULL");
    const auto preview = preview_run(*connection_, caller_, {71});
    ASSERT_TRUE(preview) << preview.error().message;
    EXPECT_EQ(preview->charges, 7);
    EXPECT_EQ(preview->amount, "22.53");
    ASSERT_EQ(preview->customers.size(), 1U);
    EXPECT_EQ(preview->customers[0].amount, "22.53");
    EXPECT_EQ(preview->customers[0].parked_amount, "10000.01");
    EXPECT_FALSE(preview->customers[0].last_amount);
    ASSERT_EQ(preview->products.size(), 2U);
    EXPECT_EQ(preview->products[0].amount, "3.03");
    ASSERT_EQ(preview->warnings.size(), 1U);
    EXPECT_EQ(preview->warnings[0].device_id, 4);
    EXPECT_EQ(sql("SELECT count(*) FROM charge"), "0");
    make();
    EXPECT_EQ(sql("SELECT total_amount - 10000.01 FROM charge_run_part"), "22.5300");
}

TEST_F(IntentsTest, a_customer_is_charged_under_every_id_that_rev_io_can_have) {
    for (const char* no_id : {"2147483648", "99999999999", "0", "A7"}) {
        database().run(std::string("UPDATE customer SET rev_customer_id = '") + no_id +
                       "' WHERE customer_id = 1");
        EXPECT_NE(refused({71}).find("has no Rev.io id"), std::string::npos) << no_id;
    }
    database().run("UPDATE customer SET rev_customer_id = '2147483647' WHERE customer_id = 1");
    make();
    EXPECT_EQ(sql("SELECT DISTINCT rev_customer_id FROM charge"), "2147483647");
}

TEST_F(IntentsTest, a_line_in_two_winning_queues_of_an_instance_is_refused_by_name) {
    database().run(R"(
        INSERT INTO optimization_comm_group VALUES (1, 712, 71);
        INSERT INTO optimization_queue VALUES (1, 7201, 712, 5, now()), (1, 7202, 712, 9, now());
        INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal, device_id)
            VALUES (1, 7202, 'm2m', 1), (1, 7201, 'm2m', 5))");
    // In a queue that has not won it does no harm.
    ASSERT_TRUE(preview_run(*connection_, caller_, {71}));
    database().run("UPDATE optimization_device_result SET device_id = 2 "
                   "WHERE optimization_queue_id = 7201");
    const auto refused = try_order({71});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::invalid_input);
    EXPECT_EQ(refused.error().where, "/instanceIds/0");
    EXPECT_EQ(refused.error().message,
              "instance 71 would charge the line 8910300000000000002 twice, in the queues 7101 and "
              "7201; take it out of one of them");
    EXPECT_FALSE(preview_run(*connection_, caller_, {71}));
    EXPECT_EQ(sql("SELECT count(*) FROM charge_run"), "0");
}

TEST_F(IntentsTest, a_preview_of_a_session_parks_what_the_run_would_park) {
    database().run(R"(
        INSERT INTO optimization_instance SELECT 1, 72, portal_type, customer_id,
            integration_authentication_id, '2026-02-15', '2026-03-14', run_end_time, '{}', 'test'
            FROM optimization_instance WHERE optimization_instance_id = 71;
        INSERT INTO optimization_comm_group VALUES (1, 721, 72);
        INSERT INTO optimization_queue VALUES (1, 7210, 721, 5, now());
        INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal, device_id,
            rate_charge_amount, rev_product_type_id)
            VALUES (1, 7210, 'm2m', 1, 4, 311), (1, 7210, 'm2m', 5, 4, 311))");
    const auto preview = preview_run(*connection_, caller_, {71, 72});
    ASSERT_TRUE(preview) << preview.error().message;
    EXPECT_EQ(preview->amount, "26.53");
    ASSERT_EQ(preview->warnings.size(), 1U);
    EXPECT_EQ(preview->warnings[0].instance_id, 72);
    EXPECT_EQ(preview->warnings[0].device_id, 1);
    make({71, 72});
    EXPECT_EQ(sql("SELECT trim_scale(sum(amount)) FROM charge WHERE state = 'new'"), "26.53");
    EXPECT_EQ(sql("SELECT reason FROM charge WHERE state = 'parked'"), preview->warnings[0].reason);
}

}  // namespace
}  // namespace carryall::charges
