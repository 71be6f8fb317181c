// What Telegence does in its own time: activations and static IP addresses.
#include "telegence/telegence_fixture.hpp"

namespace carryall::simulators {
namespace {

constexpr std::string_view kAddresses = "/sp/mobility/ipmgmt/api/v1/ipaddresses";
constexpr std::string_view kProvisioning = "/sp/mobility/ipmgmt/api/v1/ipprovisioning";
constexpr std::string_view kStatus = "/sp/mobility/ipmgmt/api/v1/ipprovisioning/status";

std::string pair_text(std::string_view name, std::string_view value) {
    return R"({"name":")" + std::string(name) + R"(","value":")" + std::string(value) + "\"}";
}

// One entry of an activation request, with more pairs.
std::string service(std::string_view sim, std::string_view more = "",
                    std::string_view plan = "PLAN1GB") {
    return R"({"billingAccount":{"id":"287000000001"},"relatedParty":[{"id":"",)"
           R"("role":"subscriber","firstName":"Ada","lastName":"Field"}],"service":{"name":"",)"
           R"("category":{"id":"","name":""},)"
           R"("serviceSpecification":{"id":"12","href":"Mobility Services"},)"
           R"("serviceQualification":{"id":""},"serviceCharacteristic":[)" +
           pair_text("singleUserCode", plan) + "," + pair_text("serviceZipCode", "75001") + "," +
           pair_text("equipmentType", "G") + "," + pair_text("deviceTechnologyType", "UMTS") + "," +
           pair_text("IMEI", "350000000000017") + "," + pair_text("sim", sim) + "," +
           pair_text("offeringCode1", "FEATA") + std::string(more) + "]}}";
}

class TelegenceActivationTest : public TelegenceTest {
  protected:
    Answer submit(const std::string& entries) { return call("POST", kBatchPath, entries); }
    boost::json::array status(const std::string& id) {
        return call("GET", std::string(kBatchPath) + "/" + id).json().as_array();
    }
    static std::string status_of(const boost::json::value& entry) {
        return text(entry.at("service").at("status"));
    }
    void expect_refused(const std::string& body, std::string_view words) {
        const Answer answer = submit(body);
        EXPECT_EQ(answer.status, 400);
        const std::string found = text(answer.json().at("errorDescription"));
        EXPECT_NE(found.find(words), std::string::npos) << found;
    }
};

TEST_F(TelegenceActivationTest, a_batch_goes_from_pending_to_active_as_time_passes) {
    start();
    const Answer answer =
        submit("[" + service("89010300000000000001") + "," + service("89010300000000000002") + "]");
    EXPECT_EQ(answer.status, 200);
    const auto entries = answer.json().as_array();
    ASSERT_EQ(entries.size(), 2U);
    const std::string id = text(entries[0].at("id"));
    EXPECT_EQ(id.size(), 36U);
    EXPECT_EQ(text(entries[1].at("id")), id) << "one id for the whole batch";
    EXPECT_EQ(status_of(entries[0]), "Pending");
    EXPECT_EQ(text(entries[0].at("interactionStatus")), "In Progress");
    EXPECT_EQ(text(entries[0].at("service").at("subscriberNumber")), "");
    auto entry = last_entry();
    EXPECT_EQ(text(entry["action"]), "activation");
    EXPECT_EQ(text(entry["key"]), id);
    EXPECT_EQ(entry["fields"].at("sims").as_array().size(), 2U);
    advance_millis(61'000);
    EXPECT_EQ(status_of(status(id)[0]), "Reserved");
    advance_millis(60'000);
    const auto done = status(id);
    EXPECT_EQ(status_of(done[1]), "Active");
    EXPECT_EQ(text(done[1].at("interactionStatus")), "Completed");
    EXPECT_EQ(text(done[1].at("interactionDateComplete")).size(), 20U);
    const std::string number = text(done[1].at("service").at("subscriberNumber"));
    EXPECT_EQ(number.size(), 10U);
    EXPECT_EQ(pair(done[1].at("service"), "sim"), "89010300000000000002");
    EXPECT_EQ(pair(done[1].at("service"), "singleUserCode"), "PLAN1GB");
    EXPECT_EQ(pair(done[1].at("service"), "offeringCode1"), "FEATA");
    const auto line = details(number).json();
    EXPECT_EQ(pair(line, "sim"), "89010300000000000002");
    EXPECT_EQ(pair(line, "BLIMEI"), "350000000000017");
    EXPECT_EQ(pair(line, "offeringCode1"), "FEATA");
}

TEST_F(TelegenceActivationTest, the_ledger_tells_of_each_service_that_became_active) {
    start();
    submit("[" + service("89010300000000000001") + "," + service("89010300000000000002") + "]");
    EXPECT_EQ(summary_of("telegence", "activate_service").size(), 0U);
    advance_millis(120'000);
    const auto entries = ledger("system=telegence");
    ASSERT_EQ(entries.size(), 3U) << "nobody has to ask for it";
    EXPECT_EQ(text(entries[2].at("method")), "CLOCK");
    EXPECT_EQ(text(entries[2].at("action")), "activate_service");
    EXPECT_EQ(text(entries[2].at("key")), "89010300000000000002");
    EXPECT_EQ(entries[2].at("performed"), true);
    EXPECT_EQ(text(entries[2].at("fields").at("requestId")), text(entries[0].at("key")));
    EXPECT_EQ(entries[2].at("us").as_int64() - entries[0].at("us").as_int64(), 120'000'000);
}

TEST_F(TelegenceActivationTest, a_sim_in_use_or_twice_is_rejected_and_the_others_go_on) {
    load_lines(1);
    const auto entries =
        submit("[" + service("89010300000000000010") + "," + service("89010300000000000002") + "," +
               service("89010300000000000002") + "]")
            .json()
            .as_array();
    EXPECT_EQ(status_of(entries[0]), "Pending") << "nothing is told yet";
    const std::string id = text(entries[0].at("id"));
    const auto again = submit("[" + service("89010300000000000002") + "]").json();
    advance_millis(121'000);
    const auto done = status(id);
    EXPECT_EQ(status_of(done[0]), "Rejected");
    EXPECT_EQ(text(done[0].at("interactionStatus")), "Rejected");
    EXPECT_EQ(text(done[0].at("service").at("error")), "SIM is in use by another line");
    EXPECT_EQ(status_of(done[1]), "Active");
    EXPECT_EQ(status_of(done[2]), "Rejected");
    EXPECT_EQ(status_of(status(text(again.at(0).at("id")))[0]), "Rejected");
    EXPECT_EQ(summary_of("telegence", "activate_service").at("performed"), 1);
}

TEST_F(TelegenceActivationTest, the_sim_of_a_cancelled_line_may_be_activated_again) {
    load_lines(1);
    change(R"({"mode":"C","reasonCode":"CR"})");
    const auto entries = submit("[" + service("89010300000000000010") + "]").json();
    advance_millis(121'000);
    const auto done = status(text(entries.at(0).at("id")));
    EXPECT_EQ(status_of(done[0]), "Active");
    const std::string number = text(done[0].at("service").at("subscriberNumber"));
    EXPECT_NE(number, "2145550100");
    EXPECT_EQ(truth_of("subscriberNumber", "89010300000000000010"), number);
    EXPECT_EQ(truth_of("status", "2145550100"), "C");
}

TEST_F(TelegenceActivationTest, sims_are_rejected_by_script) {
    start();
    set_knobs(R"({"rejectSimSuffixes":["9"],"statusCasing":"lowercase","reservedAfterSeconds":1,)"
              R"("activeAfterSeconds":2,"activationHttpStatus":202})");
    const Answer answer = submit("[" + service("89010300000000000009") + "]");
    EXPECT_EQ(answer.status, 202);
    const std::string id = text(answer.json().at(0).at("id"));
    EXPECT_EQ(status_of(answer.json().at(0)), "pending");
    advance_millis(1000);
    EXPECT_EQ(status_of(status(id)[0]), "rejected") << "at once, not only at the end";
    EXPECT_NE(text(status(id)[0].at("service").at("error")), "");
}

TEST_F(TelegenceActivationTest, a_batch_that_needs_an_esim_says_so_in_every_entry) {
    start();
    set_knobs(R"({"esimOnlyPrefix":"8903"})");
    const auto entries =
        submit("[" + service("89010300000000000001") + "," + service("89030300000000000002") + "]")
            .json();
    advance_millis(121'000);
    for (const auto& entry : status(text(entries.at(0).at("id")))) {
        EXPECT_EQ(text(entry.at("service").at("name")), "/service/");
        EXPECT_EQ(status_of(entry), "Rejected");
    }
    EXPECT_EQ(summary_of("telegence", "activate_service").size(), 0U);
}

TEST_F(TelegenceActivationTest, a_wrong_batch_is_refused_as_a_whole) {
    start();
    const std::string good = service("89010300000000000001");
    expect_refused("{}", "array");
    expect_refused("[]", "1 to 200");
    expect_refused("[" + good + "," + service("8901") + "]", "Entry 1: invalid or unknown sim");
    expect_refused("[" + service("89010300000000000001", "", "NOPLAN") + "]", "Entry 0");
    expect_refused(
        "[" + service("89010300000000000001", "," + pair_text("removeOfferingCode", "FEATA")) + "]",
        "removeOfferingCode");
    expect_refused(R"([{"billingAccount":{"id":"1"},"service":{}}])", "billingAccount.id");
    expect_refused(R"([{"billingAccount":{"id":"287000000001"},"service":)"
                   R"({"serviceCharacteristic":[{"name":"sim","value":"89010300000000000001"}]}}])",
                   "singleUserCode is required");
    std::string many = "[" + good;
    for (int i = 0; i < 200; ++i) many += "," + good;
    expect_refused(many + "]", "1 to 200");
    advance_millis(121'000);
    EXPECT_EQ(summary_of("telegence", "activation").at("performed"), 0);
    EXPECT_EQ(summary_of("telegence", "activate_service").size(), 0U);
}

TEST_F(TelegenceActivationTest, an_unknown_plan_may_reject_its_entry_only) {
    start();
    set_knobs(R"({"rejectUnknownCodes":true})");
    const auto entries = submit("[" + service("89010300000000000001", "", "NOPLAN") + "," +
                                service("89010300000000000002") + "]")
                             .json();
    advance_millis(121'000);
    const auto done = status(text(entries.at(0).at("id")));
    EXPECT_EQ(status_of(done[0]), "Rejected");
    EXPECT_EQ(pair(done[0].at("service"), "singleUserCode"), "NOPLAN");
    EXPECT_EQ(status_of(done[1]), "Active");
}

TEST_F(TelegenceActivationTest, a_status_may_be_stale) {
    start();
    set_faults("telegence", R"([{"match":{"action":"activation_status"},"fault":"stale_read",)"
                            R"("milliseconds":60000}])");
    const auto entries = submit("[" + service("89010300000000000001") + "]").json();
    const std::string id = text(entries.at(0).at("id"));
    advance_millis(119'000);
    EXPECT_EQ(status_of(status(id)[0]), "Pending");
    advance_millis(2'000);
    EXPECT_EQ(status_of(status(id)[0]), "Reserved");
    advance_millis(60'000);
    EXPECT_EQ(status_of(status(id)[0]), "Active");
}

TEST_F(TelegenceActivationTest, thousands_of_services_become_active_at_once) {
    start();
    for (int batch = 0; batch < 15; ++batch) {
        std::string entries;
        for (int i = 0; i < 200; ++i) {
            entries += (i == 0 ? "[" : ",") +
                       service("8901030000000000" + std::to_string(1000 + batch * 200 + i));
        }
        ASSERT_EQ(submit(entries + "]").status, 200);
    }
    advance_millis(121'000);
    const auto summary = summary_of("telegence", "activate_service");
    EXPECT_EQ(summary.at("performed"), 3000);
    EXPECT_EQ(summary.at("maxPerformedPerKey"), 1);
    EXPECT_EQ(call("GET", kListPath, "", "page-size: 1000\r\n").header("page-total"), "3");
}

TEST_F(TelegenceActivationTest, a_billing_account_that_is_not_active_takes_no_lines) {
    start();
    ASSERT_EQ(admin("POST", "telegence/accounts",
                    R"({"appId":"telegence-sim-app","appSecret":"telegence-sim-secret",)"
                    R"("bans":["287000000001"],"status":"Suspended"})")
                  .status,
              200);
    const auto entries = submit("[" + service("89010300000000000001") + "]").json();
    advance_millis(61'000);
    const auto done = status(text(entries.at(0).at("id")));
    EXPECT_EQ(text(done[0].at("service").at("error")), "Billing account is not active");
}

TEST_F(TelegenceActivationTest, an_unknown_request_id_is_not_found) {
    start();
    const Answer answer =
        call("GET", std::string(kBatchPath) + "/c1f0a2b0-aaaa-11ef-9c00-000000000000");
    EXPECT_EQ(answer.status, 404);
    EXPECT_TRUE(answer.json().as_object().contains("description"));
    EXPECT_EQ(call("GET", std::string(kBatchPath) + "/1").status, 404);
}

TEST_F(TelegenceActivationTest, the_same_seed_gives_the_same_ids) {
    start();
    const std::string entries = "[" + service("89010300000000000001") + "]";
    const std::string first = text(submit(entries).json().at(0).at("id"));
    admin("POST", "reset");
    EXPECT_EQ(text(submit(entries).json().at(0).at("id")), first);
    options_.seed = 2;
    start();
    EXPECT_NE(text(submit(entries).json().at(0).at("id")), first);
}

class TelegenceIpTest : public TelegenceTest {
  protected:
    std::string reserve() {
        const auto body = call("POST", kAddresses, R"({"pdpName":"PDP01","ipQuantity":1})").json();
        return text(body.at("ipAddressRecords").at(0).at("ipAddress"));
    }
    static std::string member(std::string_view number, std::string_view address) {
        return R"({"subscriberNumber":")" + std::string(number) +
               R"(","ipAddressRecord":{"ipAddress":")" + std::string(address) +
               R"("},"lteIndicator":"Y","defaultAPNIndicator":"Y","accessPointName":"apn.test",)"
               R"("effectiveDate":"2026-03-01Z"})";
    }
    Answer provision(const std::string& members, std::string_view pdp = "PDP01") {
        return call("POST", kProvisioning,
                    R"({"pdpName":")" + std::string(pdp) +
                        R"(","billingAccountNumber":"287000000001","subscriber":[)" + members +
                        "]}");
    }
    static std::string last_word(const Answer& answer) {
        const std::string message = text(answer.json().at("message"));
        return message.substr(message.rfind(' ') + 1);
    }
    boost::json::value entry(const std::string& batch, std::string_view more = "") {
        return call("GET", kStatus, "", "batch-id: " + batch + "\r\n" + std::string(more))
            .json()
            .at(0);
    }
};

TEST_F(TelegenceIpTest, a_batch_goes_through_three_steps_and_gives_the_line_its_address) {
    load_lines(2);
    const std::string address = reserve();
    const Answer answer = provision(member("2145550101", address));
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.json().as_object().contains("id"));
    const std::string batch = last_word(answer);
    EXPECT_EQ(batch.size(), 36U);
    auto step = entry(batch);
    EXPECT_EQ(text(step.at("batchId")), batch);
    EXPECT_EQ(text(step.at("profileCheck")), "Pending");
    EXPECT_EQ(text(step.at("ipReservation")), "Pending");
    EXPECT_EQ(text(step.at("profileUpdate")), "Pending");
    advance_millis(11'000);
    step = entry(batch, "subscriber-number: 2145550101\r\n");
    EXPECT_EQ(text(step.at("profileCheck")), "Success");
    EXPECT_EQ(text(step.at("ipReservation")), "Reserved");
    EXPECT_EQ(text(step.at("profileUpdate")), "In Progress");
    EXPECT_EQ(pair(details("2145550101").json(), "ipAddress"), "-");
    advance_millis(10'000);
    step = call("GET", kStatus, "", "subscriber-number: 2145550101\r\n").json().at(0);
    EXPECT_EQ(text(step.at("profileUpdate")), "Complete");
    EXPECT_EQ(text(step.at("ipAddressRecord").at("ipAddress")), address);
    EXPECT_EQ(pair(details("2145550101").json(), "ipAddress"), address);
    EXPECT_EQ(summary_of("telegence", "assign_ip").at("performed"), 1);
}

TEST_F(TelegenceIpTest, a_line_that_is_not_in_the_batch_has_no_batch_id) {
    load_lines(2);
    const std::string batch = last_word(provision(member("2145550100", reserve())));
    const auto missing = entry(batch, "subscriber-number: 2145550101\r\n");
    EXPECT_EQ(text(missing.at("batchId")), "");
    EXPECT_NE(text(missing.at("message")), "");
    EXPECT_EQ(text(entry("5d1c0a44-0000-11ef-8000-000000000002").at("batchId")), "");
    const Answer none = call("GET", kStatus);
    EXPECT_EQ(none.status, 400);
    EXPECT_NE(text(none.json().at("message")), "");
    EXPECT_EQ(call("GET", kStatus, "", "batch-id: 7\r\n").status, 400);
}

TEST_F(TelegenceIpTest, a_pool_runs_dry_and_reservations_lapse) {
    load_lines(1);
    const auto ask = [this] {
        return call("POST", kAddresses, R"({"pdpName":"PDP02","ipQuantity":4})").json();
    };
    EXPECT_EQ(ask().at("ipAddressRecords").as_array().size(), 4U);
    EXPECT_EQ(ask().at("ipAddressRecords").as_array().size(), 2U) << "six in all";
    const auto dry = ask();
    EXPECT_EQ(dry.at("ipAddressRecords").as_array().size(), 0U);
    EXPECT_NE(text(dry.at("message")), "");
    advance_millis(901'000);
    const auto records = ask().at("ipAddressRecords").as_array();
    ASSERT_EQ(records.size(), 4U);
    advance_millis(901'000);
    EXPECT_EQ(provision(member("2145550100", text(records[0].at("ipAddress"))), "PDP02").status,
              400)
        << "it has lapsed again";
}

TEST_F(TelegenceIpTest, wrong_requests_are_refused_with_a_message) {
    load_lines(1);
    EXPECT_EQ(call("POST", kAddresses, R"({"pdpName":"NONE","ipQuantity":1})").status, 400);
    EXPECT_EQ(call("POST", kAddresses, R"({"pdpName":"PDP01","ipQuantity":11})").status, 400);
    const std::string address = reserve();
    const auto expect_refused = [](const Answer& answer, std::string_view words) {
        EXPECT_EQ(answer.status, 400);
        const std::string found = text(answer.json().at("message"));
        EXPECT_NE(found.find(words), std::string::npos) << found;
    };
    expect_refused(provision(member("2145550100", "10.20.0.200")), "not reserved");
    expect_refused(provision(member("2145550100", address), "PDP02"), "not reserved");
    expect_refused(provision(member("2145550199", address)), "unknown");
    std::string many = member("2145550100", address);
    for (int i = 0; i < 10; ++i) many += "," + member("2145550100", address);
    expect_refused(provision(many), "1 to 10");
    change(R"({"mode":"S","reasonCode":"CR"})");
    expect_refused(provision(member("2145550100", address)), "not active");
}

TEST_F(TelegenceIpTest, a_step_fails_by_script_and_the_address_is_free_again) {
    load_lines(1);
    set_knobs(R"({"failIpSuffixes":["0100"],"failIpStep":"ipReservation"})");
    const std::string address = reserve();
    const std::string batch = last_word(provision(member("2145550100", address)));
    advance_millis(21'000);
    const auto step = entry(batch);
    EXPECT_EQ(text(step.at("profileCheck")), "Success");
    EXPECT_EQ(text(step.at("ipReservation")), "Failed");
    EXPECT_EQ(text(step.at("profileUpdate")), "Pending");
    EXPECT_NE(text(step.at("message")), "");
    EXPECT_EQ(truth_of("ipAddress"), "0.0.0.0");
    EXPECT_EQ(summary_of("telegence", "assign_ip").size(), 0U);
}

}  // namespace
}  // namespace carryall::simulators
