// Activations on real PostgreSQL: what is accepted, the device records that it makes, the change
// that follows, what the record learns while and after the steps, all or none, retries, the report.
#include <gtest/gtest.h>

#include "changes/activation.hpp"
#include "changes/activation_report.hpp"
#include "changes/run_store.hpp"
#include "support/activations.hpp"

namespace carryall::changes {
namespace {

using std::chrono::seconds;

TEST_F(NewServiceActivationTest, a_sim_that_nobody_knew_gets_a_record_and_a_known_one_keeps_its) {
    const std::string known = add_line(1, "Inventory");
    const std::string unknown = iccid_of_serial(2);
    const auto result = submit_activation(one(known) + "," + one(unknown));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->accepted_count, 2);
    EXPECT_EQ(device_of(unknown), "Inventory 35000000000001");
    EXPECT_EQ(sql("SELECT count(*) FROM device WHERE tenant_id = " + tenant()), "2");
    EXPECT_EQ(sql("SELECT count(*) FROM device_change WHERE device_id IS NULL"), "0");
    EXPECT_EQ(
        sql("SELECT portal FROM bulk_change WHERE bulk_change_id = " + base::to_string(result->id)),
        "mobility");
    expect_counts_add_up(result->id);
}

TEST_F(NewServiceActivationTest, what_is_wrong_is_told_device_by_device) {
    const std::string sim = iccid_of_serial(1);
    EXPECT_EQ(only_reason(one(add_line(2, "Active"))), "Line is already active");
    EXPECT_EQ(only_reason(one(add_line(3, "Suspended"))),
              "Line is suspended; restore it by a status update");
    EXPECT_EQ(only_reason(one(add_device(ours_, 4))), "Device belongs to another service provider");
    EXPECT_EQ(only_reason(R"({"iccid":")" + sim + "\"}"), "Missing required parameters: imei");
    EXPECT_TRUE(
        only_reason(R"({"iccid":")" + sim + R"(","imei":"35000"})").starts_with("Invalid IMEI ("));
    EXPECT_EQ(only_reason(one(sim, R"("carrierRatePlan":"NONE")")), "Carrier rate plan not found");
    EXPECT_EQ(only_reason(one(sim, R"("carrierRatePlan":"GONE")")),
              "Carrier rate plan is inactive");
    EXPECT_EQ(only_reason(R"({"msisdn":"2145550100","imei":"35000000000001"})"),
              "Invalid ICCID (an activation names the SIM by its ICCID)");
    EXPECT_EQ(only_reason(one(sim, R"("staticIp":true)")),
              "Missing required parameters: ipPool (staticIp is true)");
    EXPECT_EQ(only_reason(one(sim, R"("staticIp":true,"ipPool":"P","customerIpRange":"10")")),
              "The customer's IP range is no network; write it as 10.20.0.0/16");
    EXPECT_EQ(only_reason(one(sim, R"("ipPool":"P")")),
              "Missing required parameters: staticIp (true or false, beside ipPool or "
              "customerIpRange)");
    const auto nobodys = submit_activation(one(sim), R"(},"customerAssignment":{"customerId":99)");
    ASSERT_FALSE(nobodys);
    EXPECT_EQ(nobodys.error().where, "/customerAssignment/customerId");
    const auto twice = submit_activation(one(sim) + "," + one(sim));
    ASSERT_TRUE(twice);
    EXPECT_EQ(reason(twice->id, 2), "Duplicate of row 1");
    EXPECT_EQ(only_reason(one(sim)), "Another activation of this SIM is open (bulk change " +
                                         base::to_string(twice->id) + ')');
}

TEST_F(NewServiceActivationTest, a_line_that_the_carriers_inventory_shows_is_not_activated_again) {
    const std::string sim = iccid_of_serial(1);
    sql("INSERT INTO carrier_line (tenant_id, service_provider_id, line_key, iccid, msisdn, status,"
        " seen_at, seen_in) VALUES (" +
        tenant() + ", " + std::to_string(provider_) + ", left('" + sim + "', 19), '" + sim +
        "', '2145550100', 'Active', now(), 1) RETURNING 1");
    EXPECT_EQ(only_reason(one(sim)),
              "Line is already active (by the carrier's inventory, as 2145550100)");
}

TEST_F(NewServiceActivationTest, a_file_gives_each_sim_its_own_device_and_address) {
    const auto result = submit_file(
        ours_,
        request(provider_, "newserviceactivation", "",
                R"("carrierRatePlan":"PLAN1GB","billingAccount":"287000000001","zipCode":"75001")"),
        "ICCID,IMEI,Offering Codes,Static IP,IP Pool\n" + iccid_of_serial(1) +
            ",35000000000001,FEATA;FEATB,yes,PDP01\n" + iccid_of_serial(2) + ",,,,\n");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(reason(result->id, 3), "Missing required parameters: imei");
    const std::string own =
        sql("SELECT request -> 'newServiceActivation' FROM device_change WHERE "
            "device_change_id >> 20 = " +
            base::to_string(result->id) + " AND row_number = 2");
    ClaimedDevice device;
    device.own_request = R"({"newServiceActivation":)" + own + '}';
    const carriers::Activation wanted = activation_of(parameters_for(RunnableChange{}, device));
    EXPECT_EQ(wanted.add_features, (std::vector<std::string>{"FEATA", "FEATB"}));
    ASSERT_TRUE(wanted.static_address);
    EXPECT_EQ(wanted.static_address->pool, "PDP01");
}

TEST_F(NewServiceActivationTest, the_record_learns_what_is_in_place_also_when_a_step_failed) {
    const std::string first = iccid_of_serial(1);
    const std::string second = iccid_of_serial(2);
    const auto result = submit_activation(one(first) + "," + one(second));
    ASSERT_TRUE(result);
    Told failed = active("2145550101", DeviceState::error);
    failed.effect = R"({"status":"Active","msisdn":"2145550101"})";
    failed.progress = R"({"step":1,"subscriberNumber":"2145550101"})";
    failed.reason = "Static IP provisioning failed: no address";
    write_down(result->id, {active("2145550100"), failed});
    EXPECT_EQ(device_of(first), "Active 2145550100 35000000000001 10.20.0.5");
    EXPECT_EQ(device_of(second), "Active 2145550101 35000000000001");
    const auto steps = activation_steps(*connection_, ours_.caller.tenant_id, result->id);
    ASSERT_TRUE(steps);
    EXPECT_EQ((*steps)[1].failed, 1);
    EXPECT_EQ((*steps)[0].failed + (*steps)[2].failed + (*steps)[2].open, 0);

    // It may be tried again, although the line is active: what it has achieved is its own.
    const auto retried = retry_failed(*connection_, ours_.caller, result->id, {});
    ASSERT_TRUE(retried) << retried.error().message;
    EXPECT_EQ(retried->retried_count, 1);
    EXPECT_EQ(sql("SELECT progress ->> 'step' FROM device_change WHERE state = 'new' AND tenant_id "
                  "= " +
                  tenant()),
              "1");
}

TEST_F(NewServiceActivationTest, the_customers_assignment_waits_and_learns_what_failed) {
    const std::string good = iccid_of_serial(1);
    const std::string bad = iccid_of_serial(2);
    const auto result = submit_json(
        ours_, request(provider_, "newserviceactivation",
                       one(good) + "," + one(bad) + R"(,{"iccid":"123","imei":"35000000000001"})",
                       R"("carrierRatePlan":"PLAN1GB","billingAccount":"1","zipCode":"75001",)"
                       R"("customerAssignment":{"customerId":)" +
                           std::to_string(ours_.amop_customer) + "}"));
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_TRUE(result->additional_id);
    const BulkChangeId following = result->additional_id;
    expect_counts_add_up(following);
    EXPECT_TRUE(reason(following, 3).starts_with("activation failed: Invalid ICCID"));

    const std::int64_t tenant_id = ours_.caller.tenant_id.value;
    const auto early = claim_page(*connection_, tenant_id, following, "w", seconds(60));
    ASSERT_TRUE(early && early->has_value());
    EXPECT_EQ((*early)->held_back, 2);
    const auto change = load_change(*connection_, tenant_id, following, key_);
    ASSERT_TRUE(change);
    EXPECT_EQ(change->follows, result->id);
    ASSERT_TRUE(complete_page(*connection_, *change, **early, {}, {}, false));

    write_down(result->id, {active("2145550100"), rejected()});
    const auto page = claim_page(*connection_, tenant_id, following, "w", seconds(60));
    ASSERT_TRUE(page && page->has_value());
    ASSERT_EQ((*page)->devices.size(), 2u);
    const auto kind = make_change_kind(*change);
    ASSERT_TRUE(kind->look_around(*connection_, **page));
    EXPECT_FALSE(kind->plan((*page)->devices[0], {}).refused);
    const auto refused = kind->plan((*page)->devices[1], {}).refused;
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->reason, "activation failed: Telegence rejected it");
    const auto detail = get_change(*connection_, ours_.caller.tenant_id, result->id);
    ASSERT_TRUE(detail);
    EXPECT_EQ(detail->additional, following);
}

TEST_F(NewServiceActivationTest, all_or_none_is_asked_of_what_is_on_record) {
    const auto result = submit_activation(one(iccid_of_serial(1)) + "," + one(iccid_of_serial(2)),
                                          R"(,"strict":true)");
    ASSERT_TRUE(result);
    using Others = carriers::Activation::Others;
    const auto others = [&] {
        return other_activations(*connection_, ours_.caller.tenant_id.value, result->id)
            .value_or(Others::do_not_matter);
    };
    EXPECT_EQ(others(), Others::under_way);
    write_down(result->id, {active("2145550100", DeviceState::fresh),
                            active("2145550101", DeviceState::fresh)});
    EXPECT_EQ(others(), Others::all_active);
    write_down(result->id, {active("2145550100", DeviceState::fresh), rejected()});
    EXPECT_EQ(others(), Others::some_failed);

    const auto one_bad = submit_activation(
        one(iccid_of_serial(3)) + R"(,{"iccid":"1","imei":"35000000000001"})", R"(,"strict":true)");
    ASSERT_TRUE(one_bad);
    EXPECT_TRUE(one_bad->refused);
}

TEST_F(NewServiceActivationTest, the_report_tells_each_sim_and_nothing_to_another_tenant) {
    const auto result = submit_activation(one(iccid_of_serial(1)) + "," + one(iccid_of_serial(2)));
    ASSERT_TRUE(result);
    Told bad = rejected();
    bad.reason = "<b>no</b>";
    write_down(result->id, {active("2145550100"), bad});
    const auto report = [&](const World& world, ReportFormat format) {
        std::string text;
        const auto done =
            write_activation_report(*connection_, world.caller.tenant_id, result->id, format,
                                    [&](std::string_view piece) -> Result<void> {
                                        text += piece;
                                        return {};
                                    });
        return done ? text : done.error().message;
    };
    EXPECT_EQ(report(ours_, ReportFormat::csv),
              "Row,ICCID,SubscriberNumber,IPAddress,Outcome,Reason\r\n1," + iccid_of_serial(1) +
                  ",2145550100,10.20.0.5,processed,Service activation complete. Assigned IP: "
                  "10.20.0.5\r\n2," +
                  iccid_of_serial(2) + ",,,error,<b>no</b>\r\n");
    const std::string page = report(ours_, ReportFormat::html);
    EXPECT_NE(page.find("<th>Activated</th><td>1</td>"), std::string::npos);
    EXPECT_NE(page.find("&lt;b&gt;no&lt;/b&gt;"), std::string::npos);
    EXPECT_EQ(report(theirs_, ReportFormat::csv), "there is no such activation");
}

TEST_F(NewServiceActivationTest, the_first_message_has_the_attributes_of_the_original) {
    const auto result = submit_activation(one(iccid_of_serial(1)),
                                          R"(,"carrierDataGroup":"DG1","carrierRatePool":"RP1")");
    ASSERT_TRUE(result);
    EXPECT_EQ(sql("SELECT concat_ws(' ', attributes ->> 'TelegenceNewServiceActivationStep', "
                  "attributes ->> 'CarrierDataGroup', attributes ->> 'CarrierRatePool', "
                  "attributes ->> 'AdditionBulkChangeId') FROM queue_message WHERE "
                  "attributes ->> 'BulkChangeId' = '" +
                  base::to_string(result->id) + "'"),
              "0 DG1 RP1 0");
}

}  // namespace
}  // namespace carryall::changes
