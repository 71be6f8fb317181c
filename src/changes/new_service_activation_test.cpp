// Activations on real PostgreSQL: what is accepted, the device records that it makes, the change
// that follows, what the record learns while and after the steps, all or none, retries, the report.
#include <gtest/gtest.h>

#include "changes/activation.hpp"
#include "changes/activation_report.hpp"
#include "changes/control.hpp"
#include "changes/control_store.hpp"
#include "changes/run_store.hpp"
#include "support/changes.hpp"

namespace carryall::changes {
namespace {

using std::chrono::seconds;

class NewServiceActivationTest : public ChangesTest {
  protected:
    void SetUp() override {
        ChangesTest::SetUp();
        provider_ = std::stoll(
            sql("INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) "
                "VALUES (" +
                tenant() + ", 'AT&T', 'telegence', true) RETURNING service_provider_id"));
        sql("INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name, is_active) "
            "SELECT " +
            tenant() + ", " + std::to_string(provider_) +
            ", code, code, code <> 'GONE' FROM unnest(ARRAY['PLAN1GB', 'GONE']) code "
            "RETURNING 1");
    }

    std::string tenant() const { return std::to_string(ours_.caller.tenant_id.value); }

    static std::string one(const std::string& iccid, const std::string& more = "") {
        return R"({"iccid":")" + iccid + R"(","imei":"35000000000001")" +
               (more.empty() ? "" : "," + more) + '}';
    }
    Result<SubmitResult> submit_activation(const std::string& devices,
                                           const std::string& more = "") {
        return submit_json(ours_, request(provider_, "newserviceactivation", devices,
                                          R"("newServiceActivation":{"carrierRatePlan":"PLAN1GB",)"
                                          R"("billingAccount":"287000000001","zipCode":"75001")" +
                                              more + "}"));
    }
    std::string add_line(int serial, const std::string& status) {
        return add_device(ours_, serial, "service_provider_id, portal, status",
                          std::to_string(provider_) + ", 'mobility', '" + status + "'");
    }
    std::string only_reason(const std::string& device, const std::string& more = "") {
        const auto result = submit_activation(device, more);
        if (!result) return result.error().message;
        return reason(result->id, 1);
    }

    // As a worker writes the first page down: each device with this result.
    struct Told {
        DeviceState state = DeviceState::processed;
        std::string effect;
        std::string progress;
        std::string reason;
    };
    void write_down(BulkChangeId id, const std::vector<Told>& told) {
        const auto change = load_change(*connection_, ours_.caller.tenant_id.value, id, key_);
        ASSERT_TRUE(change) << change.error().message;
        const auto page =
            claim_page(*connection_, ours_.caller.tenant_id.value, id, "w", seconds(60));
        ASSERT_TRUE(page && page->has_value());
        std::vector<DeviceResult> results;
        for (std::size_t i = 0; i < (*page)->devices.size(); ++i) {
            const ClaimedDevice& device = (*page)->devices[i];
            const Told& one = told.at(i);
            DeviceResult result;
            result.id = device.id;
            result.device_id = device.device_id;
            result.before = device.state;
            result.verdict.state = one.state;
            result.verdict.reason = one.reason;
            if (one.state == DeviceState::error) {
                result.verdict.error_class = carriers::FailureClass::business;
            }
            if (!is_final(one.state)) result.verdict.due_in = seconds(0);
            result.effect = one.effect;
            result.progress = one.progress;
            results.push_back(std::move(result));
        }
        const auto done = complete_page(*connection_, *change, **page, results, {}, false);
        ASSERT_TRUE(done && done->accepted) << (done ? "fenced" : done.error().message);
    }
    static Told active(const std::string& number, DeviceState state = DeviceState::processed) {
        return {state,
                R"({"status":"Active","msisdn":")" + number +
                    R"(","ratePlan":"PLAN1GB","imei":"35000000000001","ipAddress":"10.20.0.5"})",
                R"({"step":2,"subscriberNumber":")" + number +
                    R"(","ipAddress":"10.20.0.5","ipAssigned":true})",
                "Service activation complete. Assigned IP: 10.20.0.5"};
    }
    static Told rejected() {
        return {DeviceState::error, R"({"status":"Inventory"})", "", "Telegence rejected it"};
    }
    std::string device_of(const std::string& iccid) {
        return sql(
            "SELECT concat_ws(' ', status, msisdn, imei, host(ip_address)) FROM device "
            "WHERE tenant_id = " +
            tenant() + " AND iccid = '" + iccid + "'");
    }

    std::int64_t provider_ = 0;
    base::MasterKey key_ = base::MasterKey::generate();
};

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
              "The customer's IP range is none such as 10.20.0.0/16");
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

// An activation of these devices, followed by the assignment of the new lines' customer.
class ActivationWithCustomerTest : public NewServiceActivationTest {
  protected:
    void submit_with_customer(const std::string& devices) {
        const auto result = submit_activation(devices, "},\"customerAssignment\":{\"customerId\":" +
                                                           std::to_string(ours_.amop_customer));
        ASSERT_TRUE(result) << result.error().message;
        ASSERT_TRUE(result->additional_id);
        activation_ = result->id;
        following_ = result->additional_id;
    }
    std::int64_t tenant_id() const { return ours_.caller.tenant_id.value; }
    // A page of the following change in hand: all its devices wait.
    ClaimedPage claim_following(std::int64_t held_back) {
        auto page = claim_page(*connection_, tenant_id(), following_, "w", seconds(60));
        EXPECT_TRUE(page && page->has_value());
        EXPECT_EQ((*page)->held_back, held_back);
        return std::move(**page);
    }
    void put_back(const ClaimedPage& page) {
        const auto change = load_change(*connection_, tenant_id(), following_, key_);
        ASSERT_TRUE(change);
        PageEnd end;
        end.resume_in = std::chrono::milliseconds(30'000);
        ASSERT_TRUE(complete_page(*connection_, *change, page, {}, {}, false, end));
    }
    bool following_is_due() {
        const auto next = next_page_due_in(*connection_, tenant_id(), following_);
        return next && next->due_in && next->due_in->count() <= 0;
    }
    std::string following(const std::string& column) {
        return sql("SELECT " + column +
                   " FROM bulk_change WHERE bulk_change_id = " + base::to_string(following_));
    }
    std::string messages() {
        return sql("SELECT count(*) FROM queue_message WHERE attributes ->> 'BulkChangeId' = '" +
                   base::to_string(following_) + "'");
    }
    static Told not_activated() {
        return {DeviceState::error, "", "", "activation failed: Telegence rejected it"};
    }
    RetryResult retried(const RetryFilter& filter = {}) {
        const auto result = retry_failed(*connection_, ours_.caller, activation_, filter);
        EXPECT_TRUE(result) << (result ? "" : result.error().message);
        return result.value_or(RetryResult{});
    }

    BulkChangeId activation_;
    BulkChangeId following_;
};

TEST_F(ActivationWithCustomerTest, what_follows_is_due_in_the_moment_in_which_the_activation_ends) {
    submit_with_customer(one(iccid_of_serial(1)) + "," + one(iccid_of_serial(2)));
    put_back(claim_following(2));
    EXPECT_FALSE(following_is_due());
    const std::string before = messages();
    write_down(activation_, {active("2145550100"), active("2145550101", DeviceState::fresh)});
    EXPECT_FALSE(following_is_due());
    EXPECT_EQ(messages(), before);
    write_down(activation_, {rejected()});
    EXPECT_TRUE(following_is_due());
    EXPECT_EQ(std::stoi(messages()), std::stoi(before) + 1);
    EXPECT_EQ(sql("SELECT attributes ->> 'TenantId' FROM queue_message ORDER BY message_id DESC "
                  "LIMIT 1"),
              tenant());
}

TEST_F(ActivationWithCustomerTest, a_page_in_hand_when_the_activation_ends_is_due_at_once) {
    submit_with_customer(one(iccid_of_serial(1)));
    const ClaimedPage page = claim_following(1);
    write_down(activation_, {active("2145550100")});
    put_back(page);
    EXPECT_TRUE(following_is_due());
}

TEST_F(ActivationWithCustomerTest, an_activation_that_ends_starts_nothing_that_has_ended) {
    submit_with_customer(one(iccid_of_serial(1)));
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, following_, std::nullopt));
    for (int piece = 0; piece < 3; ++piece) {
        ASSERT_TRUE(cancel_some(*connection_, tenant_id(), following_, "no"));
    }
    ASSERT_EQ(following("status"), "CANCELLED");
    const std::string before = messages();
    write_down(activation_, {rejected()});
    EXPECT_EQ(messages(), before);
    EXPECT_EQ(following("status"), "CANCELLED");

    // Nor does a retry of the activation take back what a person decided.
    EXPECT_EQ(retried().retried_count, 1);
    EXPECT_EQ(following("status"), "CANCELLED");
}

TEST_F(ActivationWithCustomerTest, a_retry_of_the_activation_retries_what_follows) {
    const std::string refused = iccid_of_serial(3);
    submit_with_customer(one(iccid_of_serial(1)) + "," + one(iccid_of_serial(2)) + "," +
                         one(refused, R"("carrierRatePlan":"GONE")"));
    write_down(activation_, {active("2145550100"), rejected()});
    Told unable{DeviceState::error, "", "", "The customer has no account"};
    write_down(following_, {unable, not_activated()});
    ASSERT_EQ(following("status"), "ERROR");

    // The plan is sold again; one SIM is still not valid in the eyes of the filter.
    sql("UPDATE carrier_rate_plan SET is_active = true WHERE code = 'GONE' RETURNING 1");
    RetryResult result = retried(RetryFilter{{"validation"}});
    EXPECT_EQ(result.retried_count, 1);
    EXPECT_EQ(result.additional_retried_count, 1);
    result = retried();
    EXPECT_EQ(result.retried_count, 1);
    EXPECT_EQ(result.additional_retried_count, 1);
    EXPECT_EQ(following("status || new_count || error_count || open_page_count"), "PROCESSING211");
    EXPECT_EQ(reason(following_, 1), "The customer has no account");
    EXPECT_EQ(sql("SELECT d.iccid FROM device_change c JOIN device d USING (device_id) WHERE "
                  "c.row_number = 3 AND c.device_change_id >> 20 = " +
                  base::to_string(following_)),
              refused);
    expect_counts_add_up(following_);
    expect_counts_add_up(activation_);
    put_back(claim_following(2));

    write_down(activation_, {active("2145550101"), rejected()});
    EXPECT_TRUE(following_is_due());
    const auto page = claim_page(*connection_, tenant_id(), following_, "w", seconds(60));
    ASSERT_TRUE(page && page->has_value());
    EXPECT_EQ((*page)->devices.size(), 2u);
}

TEST_F(ActivationWithCustomerTest, a_page_that_is_being_sent_is_busy_and_can_be_retried_later) {
    submit_with_customer(one(iccid_of_serial(1)) + "," + one(iccid_of_serial(2)));
    write_down(activation_, {rejected(), rejected()});
    write_down(following_, {not_activated(), {DeviceState::fresh, "", "", "later"}});
    const auto page = claim_page(*connection_, tenant_id(), following_, "w", seconds(60));
    ASSERT_TRUE(page && page->has_value());
    RetryResult result = retried();
    EXPECT_EQ(result.retried_count, 2);
    EXPECT_EQ(result.additional_retried_count, 0);
    EXPECT_EQ(result.busy_count, 1);
    put_back(**page);
    result = retried();
    EXPECT_EQ(result.retried_count, 0);
    EXPECT_EQ(result.additional_retried_count, 1);
    expect_counts_add_up(following_);
}

TEST_F(ActivationWithCustomerTest,
       a_parked_activation_that_is_tried_again_brings_what_follows_along) {
    submit_with_customer(one(iccid_of_serial(1)));
    write_down(activation_, {{DeviceState::parked, "", R"({"step":0,"batchId":"b"})", "look"}});
    write_down(following_, {{DeviceState::error, "", "", "activation failed: look"}});
    const RetryResult result = retried();
    EXPECT_EQ(result.retried_count, 1);
    EXPECT_EQ(result.additional_retried_count, 1);
    put_back(claim_following(1));
    expect_counts_add_up(following_);
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
