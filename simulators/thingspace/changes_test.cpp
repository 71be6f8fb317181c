// Changes of lines: the transition table, the limits, and what a request as a whole is refused for.
#include <chrono>

#include "thingspace/test_listener.hpp"

namespace carryall::simulators {
namespace {

class ChangesTest : public ThingspaceTest {
  protected:
    static std::string pair(int line, std::string_view imei) {
        return R"({"deviceIds":[{"kind":"IMEI","id":")" + std::string(imei) +
               R"("},{"kind":"Iccid","id":")" + iccid(line) + R"("}]})";
    }
    Answer activate_pairs(const std::string& list, std::string_view more = "") {
        return call("POST", "devices/actions/activate",
                    R"({"accountName":")" + std::string(kAccount) +
                        R"(","servicePlan":"M2M-5MB","mdnZipCode":"98801","devices":[)" + list +
                        "]" + std::string(more) + "}");
    }
    Answer swap(std::string_view option, const std::string& from, const std::string& to) {
        return call("PUT", "devices/4G/actions/deviceId",
                    R"({"change4gOption":")" + std::string(option) + R"(","deviceIds":[)" + from +
                        R"(],"deviceIdsTo":[)" + to + "]}");
    }
    // Limits count by days and months: no test may run across the end of one.
    void go_to_the_middle_of_a_month() {
        using namespace std::chrono;
        const auto now = system_clock::now();
        const year_month_day today{floor<days>(now)};
        const auto next = today.year() / today.month() / 1 + months{1};
        const auto noon = sys_days{next} + days{9} + hours{12};
        advance_millis(duration_cast<milliseconds>(noon - now).count());
    }
    static std::string iccid_id(int line) {
        return R"({"kind":"iccid","id":")" + iccid(line) + R"("})";
    }
};

TEST_F(ChangesTest, an_activation_is_pending_until_it_is_carried_out) {
    const std::string request = accepted(activate_pairs(
        pair(1, "990000000000011"), R"(,"customFields":[{"key":"CustomField3","value":"x"}])"));
    EXPECT_EQ(request.size(), 36U);
    EXPECT_EQ(state(1), "pendingactivation");
    EXPECT_EQ(status_of(request), "Pending");
    EXPECT_EQ(text(line(1).at("mdn")), "");
    finish();
    EXPECT_EQ(state(1), "active");
    EXPECT_EQ(status_of(request), "Success");
    EXPECT_EQ(text(line(1).at("servicePlan")), "M2M-5MB");
    EXPECT_EQ(text(line(1).at("customFields").at(0).at("key")), "CustomField3");
}

TEST_F(ChangesTest, every_activation_gets_a_new_number) {
    load_lines(1);
    const std::string before = text(line(0).at("mdn"));
    deactivate(0);
    finish();
    EXPECT_EQ(state(0), "deactive");
    EXPECT_EQ(text(line(0).at("mdn")), "");
    EXPECT_EQ(text(line(0).at("servicePlan")), "");
    activate(0);
    finish();
    EXPECT_NE(text(line(0).at("mdn")), before);
}

TEST_F(ChangesTest, the_transition_table_is_kept) {
    load_lines(1, R"("state":"active")");
    knobs(R"("actionsPerDay":0)");
    activate(0);
    finish();
    EXPECT_EQ(last_fault(), "UnifiedWebService.REQUEST_FAILED.DeviceAlreadyActive");
    restore(0);
    finish();
    EXPECT_EQ(last_fault(), "UnifiedWebService.REQUEST_FAILED.DeviceState.Invalid");
    suspend(0);
    finish();
    EXPECT_EQ(state(0), "suspend");
    set_plan(0, "M2M-10MB");
    finish();
    EXPECT_EQ(last_fault(), "UnifiedWebService.REQUEST_FAILED.DeviceState.Invalid");
    deactivate(0);
    finish();
    EXPECT_EQ(state(0), "suspend") << "not listed, so off by default";
    knobs(R"("deactivateFromSuspend":true)");
    deactivate(0);
    finish();
    EXPECT_EQ(state(0), "deactive");
    suspend(0);
    finish();
    EXPECT_EQ(last_fault(), "UnifiedWebService.REQUEST_FAILED.DeviceState.Invalid");
}

TEST_F(ChangesTest, actions_of_one_line_stay_in_order) {
    load_lines(1);
    suspend(0);
    restore(0);
    set_plan(0, "M2M-10MB");
    finish();
    EXPECT_EQ(state(0), "active");
    EXPECT_EQ(text(line(0).at("servicePlan")), "M2M-10MB");
}

TEST_F(ChangesTest, a_line_has_five_actions_a_day) {
    go_to_the_middle_of_a_month();
    load_lines(1);
    for (int i = 0; i < 2; ++i) {
        suspend(0);
        restore(0);
    }
    suspend(0);
    finish();
    restore(0);
    finish();
    EXPECT_EQ(last_fault(), "UnifiedWebService.REQUEST_FAILED");
    EXPECT_EQ(state(0), "suspend");
    pass_days(1);
    restore(0);
    finish();
    EXPECT_EQ(state(0), "active");
}

TEST_F(ChangesTest, a_line_has_four_plan_changes_a_month) {
    go_to_the_middle_of_a_month();
    load_lines(1);
    knobs(R"("actionsPerDay":0)");
    for (const char* code : {"M2M-10MB", "M2M-5MB", "M2M-5MB", "M2M-10MB", "M2M-5MB"}) {
        set_plan(0, code);
    }
    finish();
    EXPECT_EQ(last_fault(), "") << "the same plan again is no change";
    set_plan(0, "M2M-10MB");
    finish();
    EXPECT_EQ(last_fault(), "UnifiedWebService.REQUEST_FAILED");
    EXPECT_EQ(text(line(0).at("servicePlan")), "M2M-5MB");
    pass_days(31);
    set_plan(0, "M2M-10MB");
    finish();
    EXPECT_EQ(text(line(0).at("servicePlan")), "M2M-10MB");
}

TEST_F(ChangesTest, a_suspension_ends_by_itself_and_days_run_out) {
    load_lines(1);
    for (int i = 0; i < 2; ++i) {
        suspend(0);
        finish();
        EXPECT_EQ(state(0), "suspend");
        pass_days(84);
        EXPECT_EQ(state(0), "suspend");
        pass_days(6);
        until([this] { return state(0) == "active"; });
    }
    EXPECT_GE(line(0).at("suspendedDays").as_int64(), 180);
    suspend(0);
    finish();
    EXPECT_EQ(state(0), "active") << "180 days in twelve months are used up";
    EXPECT_EQ(last_fault(), "UnifiedWebService.REQUEST_FAILED");
    EXPECT_EQ(summary_of("thingspace", "device_auto_restore").at("performed"), 2);
}

TEST_F(ChangesTest, a_suspension_that_uses_up_the_year_ends_when_it_began_to) {
    load_lines(1);
    knobs(R"("suspendDaysAYear":30,"actionsPerDay":0)");
    suspend(0);
    finish();
    pass_days(20);
    restore(0);
    finish();
    suspend(0);
    finish();
    EXPECT_EQ(state(0), "suspend");
    pass_days(6);
    accepted(call("POST", "devices/suspension/status",
                  R"({"accountName":"0000123456-00001",)" + devices({0}) + "}"));
    finish();
    EXPECT_EQ(state(0), "suspend") << "what was left when it began decides";
    pass_days(4);
    until([this] { return state(0) == "active"; });
}

TEST_F(ChangesTest, a_failed_activation_leaves_the_line_deactive) {
    knobs(R"("failSuffix":"11")");
    const std::string request = accepted(activate_pairs(pair(11, "990000000000011")));
    finish();
    EXPECT_EQ(state(11), "deactive");
    EXPECT_EQ(status_of(request), "Failed");
    knobs(R"("failedActivationIsDeactive":false,"failedWord":"Failure")");
    const std::string other = accepted(activate_pairs(pair(111, "990000000000012")));
    finish();
    EXPECT_EQ(state(111), "preactive");
    EXPECT_EQ(status_of(other), "Failure");
}

TEST_F(ChangesTest, a_pair_in_use_cannot_be_activated_elsewhere) {
    load_lines(1, R"("firstImei":"990000000000011")");
    accepted(activate_pairs(pair(1, "990000000000011")));
    finish();
    EXPECT_EQ(last_fault(), "UnifiedWebService.REQUEST_FAILED");
    EXPECT_EQ(admin("GET", "thingspace/line/" + iccid(1)).status, 404);
}

TEST_F(ChangesTest, some_accounts_want_lines_to_be_added_first) {
    admin("POST", "thingspace/accounts",
          R"({"accountName":"0000123456-00001","isProvisioningAllowed":false})");
    accepted(activate_pairs(pair(1, "990000000000011")));
    finish();
    EXPECT_EQ(last_fault(), "UnifiedWebService.REQUEST_FAILED.DeviceNotFound");
    const Answer added =
        call("POST", "devices/actions/add",
             R"({"state":"preactive","devicesToAdd":[)" + pair(1, "990000000000011") + "]}");
    EXPECT_EQ(text(added.json().at(0).at("response")), "Success") << added.body;
    EXPECT_EQ(state(1), "preactive");
    EXPECT_EQ(last_entry_of("CLOCK").at("action"), "device_add");
    accepted(activate_pairs(pair(1, "990000000000011")));
    finish();
    EXPECT_EQ(state(1), "active");
}

TEST_F(ChangesTest, only_deactive_lines_are_deleted) {
    load_lines(2, R"("state":"deactive")");
    admin("POST", "thingspace/line/" + iccid(1), R"({"state":"active"})");
    const Answer answer = call("POST", "devices/actions/delete",
                               R"({"devicesToDelete":[{"deviceIds":[)" + iccid_id(0) +
                                   R"(]},{"deviceIds":[)" + iccid_id(1) + "]}]}");
    EXPECT_EQ(text(answer.json().at(0).at("status")), "Success");
    EXPECT_EQ(text(answer.json().at(1).at("status")), "Failed");
    EXPECT_EQ(text(answer.json().at(1).at("message")), "The device is not in deactive state.");
    EXPECT_EQ(admin("GET", "thingspace/line/" + iccid(0)).status, 404);
    knobs(R"("devicesPerDelete":1)");
    expect_code(call("POST", "devices/actions/delete",
                     R"({"devicesToDelete":[{"deviceIds":[)" + iccid_id(0) +
                         R"(]},{"deviceIds":[)" + iccid_id(1) + "]}]}"),
                400, "INPUT_INVALID.MaxRequestsExceeded");
}

TEST_F(ChangesTest, a_line_can_be_deleted_with_its_deactivation_and_come_back) {
    load_lines(1, R"("firstImei":"990000000000011")");
    accepted(
        change("POST", "deactivate", R"("reasonCode":"FF","deleteAfterDeactivation":true)", {0}));
    finish();
    EXPECT_EQ(admin("GET", "thingspace/line/" + iccid(0)).status, 404);
    accepted(activate_pairs(pair(0, "990000000000011")));
    finish();
    EXPECT_EQ(state(0), "active");
    EXPECT_EQ(line(0).at("deviceId"), 2) << "device ids are not given out twice";
}

TEST_F(ChangesTest, custom_fields_are_set_one_by_one) {
    load_lines(1, R"("customFields":{"CustomField1":"north"})");
    const auto set = [this](std::string_view fields) {
        return change("PUT", "customFields",
                      R"("customFieldsToUpdate":[)" + std::string(fields) + "]", {0});
    };
    accepted(set(R"({"key":"CustomField2","value":"south"})"));
    finish();
    EXPECT_EQ(line(0).at("customFields").as_array().size(), 2U);
    EXPECT_EQ(last_entry_of("CLOCK").at("changed"), true);
    accepted(set(R"({"key":"CustomField2","value":"south"})"));
    finish();
    EXPECT_EQ(last_entry_of("CLOCK").at("performed"), true);
    EXPECT_EQ(last_entry_of("CLOCK").at("changed"), false);
    expect_code(set(R"({"key":"CustomField6","value":"x"})"), 400,
                "INPUT_INVALID.CustomField.InvalidName");
    expect_code(set(R"({"key":"CustomField1","value":")" + std::string(51, 'x') + "\"}"), 400,
                "INPUT_INVALID.CustomField.TooLong");
}

TEST_F(ChangesTest, identifiers_are_swapped) {
    load_lines(2);
    const std::string number = text(line(0).at("mdn"));
    accepted(swap("ChangeICCID", iccid_id(0), iccid_id(9)));
    finish();
    EXPECT_EQ(admin("GET", "thingspace/line/" + iccid(0)).status, 404);
    EXPECT_EQ(text(line(9).at("mdn")), number);
    accepted(swap("ChangeICCID", iccid_id(9), iccid_id(1)));
    finish();
    EXPECT_EQ(last_fault(), "UnifiedWebService.REQUEST_FAILED") << "in use";
    accepted(swap("ChangeIMEI", iccid_id(9), R"({"kind":"imei","id":"990000000000077"})"));
    accepted(swap("ChangeMSISDN", iccid_id(9), ""));
    finish();
    EXPECT_EQ(text(line(9).at("imei")), "990000000000077");
    EXPECT_NE(text(line(9).at("mdn")), number);
    EXPECT_EQ(swap("ChangeNothing", iccid_id(9), "").status, 400);
    EXPECT_EQ(swap("ChangeICCID", iccid_id(9), "").status, 400);
}

TEST_F(ChangesTest, lines_can_be_chosen_by_a_filter) {
    load_lines(3, R"("groupName":"vans")");
    admin("POST", "thingspace/fleet", R"({"firstIccid":"89148000000000000500","count":2})");
    accepted(call("POST", "devices/actions/suspend",
                  R"({"accountName":"0000123456-00001","groupName":"vans"})"));
    finish();
    EXPECT_EQ(summary_of("thingspace", "device_suspend").at("performed"), 3);
    EXPECT_EQ(state(500), "active");
    expect_code(call("POST", "devices/actions/suspend",
                     R"({"accountName":"0000123456-00001","groupName":"none such"})"),
                400, "REQUEST_FAILED.DeviceNotFound");
}

TEST_F(ChangesTest, shared_fields_fail_the_request_as_a_whole) {
    load_lines(2);
    const auto ask = [this](std::string_view method, std::string_view action,
                            const std::string& body) {
        return call(method, "devices/actions/" + std::string(action), body);
    };
    const std::string account = R"({"accountName":"0000123456-00001",)";
    expect_code(ask("POST", "suspend", "{broken"), 400,
                "INPUT_INVALID.Request.DeserializationFailed");
    expect_code(ask("POST", "suspend", ""), 400, "INPUT_INVALID.Request.RequestUndefined");
    expect_code(ask("POST", "suspend", account + R"("groupName":"a<b"})"), 400,
                "INPUT_INVALID.Request.InvalidCharacter");
    expect_code(ask("POST", "suspend", account + R"("devices":[]})"), 400,
                "INPUT_INVALID.Device.Identifier.Invalid");
    expect_code(
        ask("POST", "suspend", account + R"("devices":[{"deviceIds":[{"kind":"sim","id":"1"}]}]})"),
        400, "INPUT_INVALID.Device.Kind.Invalid");
    expect_code(ask("POST", "suspend",
                    account + R"("devices":[{"deviceIds":[{"kind":"iccid","id":"x"}]}]})"),
                400, "INPUT_INVALID.Device.Identifier.Invalid");
    expect_code(ask("PUT", "plan", account + R"("servicePlan":"none such",)" + devices({0}) + "}"),
                400, "REQUEST_FAILED.ServicePlan.NotFound");
    expect_code(
        ask("POST", "activate", account + R"("servicePlan":"M2M-5MB",)" + devices({0}) + "}"), 400,
        "INPUT_INVALID.MdnZipCode.Invalid");
    expect_code(ask("POST", "deactivate", account + R"("reasonCode":"XX",)" + devices({0}) + "}"),
                400, "INPUT_INVALID.ReasonCode.Invalid");
    expect_code(ask("POST", "deactivate", R"({"reasonCode":"FF",)" + devices({0}) + "}"), 400,
                "INPUT_INVALID.Account.NotDefined");
    expect_code(ask("POST", "suspend", R"({"accountName":"none",)" + devices({0}) + "}"), 400,
                "REQUEST_FAILED.AccountNotFound");
    knobs(R"("devicesPerRequest":1)");
    expect_code(change("POST", "suspend", "", {0, 1}), 400, "INPUT_INVALID.MaxRequestsExceeded");
    EXPECT_EQ(counts().at("devicesWaiting"), 0);
    EXPECT_TRUE(summary_of("thingspace", "device_suspend").empty());
}

TEST_F(ChangesTest, the_history_tells_what_was_done) {
    load_lines(1);
    suspend(0);
    restore(0);
    finish();
    const Answer answer = call("POST", "devices/history/actions/list",
                               R"({"deviceId":)" + iccid_id(0) +
                                   R"(,"earliest":"2020-01-01","latest":"2090-01-01T00:00:00Z"})");
    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto rows = answer.json().at(0).at("provisioningHistory").as_array();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(text(rows.at(0).at("eventType")), "Suspension Confirmed");
    EXPECT_EQ(text(rows.at(1).at("eventType")), "Restore Confirmed");
    EXPECT_EQ(answer.json().at(0).at("hasMoreData"), false);
    EXPECT_EQ(call("POST", "devices/history/actions/list", "{}").status, 400);
}

TEST_F(ChangesTest, the_status_is_told_of_single_devices_only) {
    load_lines(2);
    const auto status = [this](std::string_view version, const std::string& request) {
        return client().request("GET",
                                "/thingspace/api/m2m/" + std::string(version) + "/accounts/" +
                                    std::string(kAccount) + "/requests/" + request + "/status",
                                "", headers_);
    };
    const std::string both = accepted(change("POST", "suspend", "", {0, 1}));
    expect_code(status("v1", both), 400, "REQUEST_FAILED");
    const auto body = status("v2", both).json();
    EXPECT_EQ(body.at("subrequests").as_array().size(), 2U);
    EXPECT_EQ(text(body.at("subrequests").at(0).at("status")), "Pending");
    const std::string plan = set_plan(0, "M2M-10MB");
    expect_code(status("v1", plan), 400, "REQUEST_FAILED");
    knobs(R"("statusErrorStatus":404,"statusErrorCode":"INPUT_INVALID.Request")");
    expect_code(status("v1", plan), 404, "INPUT_INVALID.Request");
    EXPECT_EQ(status("v1", "11111111-2222-4333-8444-555555555555").status, 400);
    finish();
    EXPECT_EQ(text(status("v2", both).json().at("subrequests").at(1).at("status")), "Success");
}

TEST_F(ChangesTest, the_ledger_has_a_line_for_the_request_and_one_for_each_device) {
    load_lines(1);
    const std::string request = accepted(change("POST", "suspend", "", {0, 7}));
    const auto asked = last_entry();
    EXPECT_EQ(text(asked.at("action")), "suspend");
    EXPECT_EQ(asked.at("performed"), true);
    EXPECT_EQ(asked.at("fields").at("devices"), 2);
    EXPECT_EQ(text(asked.at("fields").at("requestId")), request);
    finish();
    std::map<std::string, boost::json::object> done;
    for (const auto& entry : ledger("system=thingspace")) {
        if (text(entry.at("action")) == "device_suspend") done[text(entry.at("key"))] = entry;
    }
    ASSERT_EQ(done.size(), 2U);
    EXPECT_EQ(done[iccid(0)].at("performed"), true);
    EXPECT_EQ(done[iccid(0)].at("changed"), true);
    EXPECT_EQ(text(done[iccid(0)].at("fields").at("requestId")), request);
    EXPECT_EQ(done[iccid(7)].at("performed"), false);
    EXPECT_EQ(text(done[iccid(7)].at("fields").at("faultcode")),
              "UnifiedWebService.REQUEST_FAILED.DeviceNotFound");
}

TEST_F(ChangesTest, lines_can_change_behind_the_clients_back) {
    load_lines(1);
    EXPECT_EQ(admin("POST", "thingspace/line/" + iccid(0),
                    R"({"state":"deactive","customFields":{"CustomField5":"z"}})")
                  .status,
              200);
    EXPECT_EQ(state(0), "deactive");
    EXPECT_EQ(text(line(0).at("customFields").at(0).at("value")), "z");
    EXPECT_EQ(text(last_entry().at("action")), "device_admin");
    EXPECT_EQ(admin("POST", "thingspace/line/" + iccid(0), R"({"servicePlan":"none"})").status,
              400);
    EXPECT_EQ(admin("POST", "thingspace/line/" + iccid(7), R"({"state":"active"})").status, 404);
}

}  // namespace
}  // namespace carryall::simulators
