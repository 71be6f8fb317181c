// ThingSpace as its wire format says: both credentials, reads, callbacks' registration, errors.
#include "thingspace/test_listener.hpp"

namespace carryall::simulators {
namespace {

constexpr std::int64_t kMinuteMillis = 60'000;

TEST_F(ThingspaceTest, the_same_token_comes_again_with_less_time_left) {
    const auto first = token().json();
    EXPECT_EQ(text(first.at("token_type")), "Bearer");
    EXPECT_EQ(first.at("expires_in"), 3600);
    advance_millis(10 * kMinuteMillis);
    const auto second = token().json();
    EXPECT_EQ(second.at("access_token"), first.at("access_token"));
    EXPECT_LE(second.at("expires_in").as_int64(), 3000);
    advance_millis(50 * kMinuteMillis);
    EXPECT_NE(token().json().at("access_token"), first.at("access_token"));
}

TEST_F(ThingspaceTest, a_wrong_token_request_says_what_is_wrong) {
    Answer answer = token("x=y");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(text(answer.json().at("error")), "invalid_request");
    EXPECT_EQ(text(answer.json().at("error_description")), "Missing grant_type parameter value");
    answer = token("grant_type=client_credentials", "thingspace-sim-key:wrong");
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(text(answer.json().at("error")), "invalid_client");
}

TEST_F(ThingspaceTest, the_bearer_is_asked_for_before_anything_else) {
    const std::string target = std::string(kApi) + "plans/" + std::string(kAccount);
    expect_fault(client().request("GET", target), 401, "900902");
    expect_fault(client().request("GET", target, "", "Authorization: Bearer x\r\n"), 401, "900901");
    expect_fault(client().request("GET", "/thingspace/nonsense"), 401, "900902");
    open_session();
    admin("POST", "thingspace/expire", R"({"tokens":true})");
    expect_fault(call("GET", "plans/" + std::string(kAccount)), 401, "900901");
}

TEST_F(ThingspaceTest, a_session_ends_after_twenty_minutes_without_use) {
    open_session();
    const std::string plans = "plans/" + std::string(kAccount);
    for (int i = 0; i < 2; ++i) {
        advance_millis(19 * kMinuteMillis);
        EXPECT_EQ(call("GET", plans).status, 200) << "each use renews it";
    }
    advance_millis(20 * kMinuteMillis);
    expect_code(call("GET", plans), 400, "REQUEST_FAILED.SessionToken.Expired");
}

TEST_F(ThingspaceTest, sessions_are_refused_by_their_fault) {
    const std::string plans = "plans/" + std::string(kAccount);
    headers_ = bearer();
    expect_code(call("GET", plans), 400, "REQUEST_FAILED.SessionToken.Format");
    headers_ = bearer() + "VZ-M2M-Token: 11111111-2222-4333-8444-555555555555\r\n";
    expect_code(call("GET", plans), 400, "INPUT_INVALID.SessionToken.Invalid");
    open_session();
    const Answer out = call("POST", "session/logout");
    EXPECT_EQ(out.status, 200);
    EXPECT_FALSE(text(out.json().at("sessionToken")).empty());
    expect_code(call("GET", plans), 400, "INPUT_INVALID.SessionToken.Invalid");
    open_session();
    admin("POST", "thingspace/expire", R"({"sessions":true})");
    expect_code(call("GET", plans), 400, "REQUEST_FAILED.SessionToken.Expired");
}

TEST_F(ThingspaceTest, a_session_can_end_after_a_number_of_uses) {
    open_session();
    knobs(R"("sessionUses":2)");
    const std::string plans = "plans/" + std::string(kAccount);
    EXPECT_EQ(call("GET", plans).status, 200);
    EXPECT_EQ(call("GET", plans).status, 200);
    expect_code(call("GET", plans), 400, "REQUEST_FAILED.SessionToken.Expired");
}

TEST_F(ThingspaceTest, five_bad_logins_in_a_row_lock_the_user) {
    for (int i = 0; i < 4; ++i) {
        expect_code(log_in("wrong"), 400, "INPUT_INVALID.Password.Invalid");
    }
    EXPECT_EQ(log_in().status, 200) << "a good login starts the count again";
    for (int i = 0; i < 5; ++i) log_in("wrong");
    expect_code(log_in(), 400, "INPUT_INVALID.Password.Invalid");
    admin("POST", "thingspace/expire", R"({"unlock":"carryall"})");
    EXPECT_EQ(log_in().status, 200);
}

TEST_F(ThingspaceTest, no_password_reaches_the_ledger) {
    log_in("thingspace-sim-password");
    log_in("something-else");
    for (const auto& entry : ledger()) {
        EXPECT_FALSE(entry.contains("bodyDigest"));
        EXPECT_EQ(boost::json::serialize(entry).find("password"), std::string::npos);
    }
}

TEST_F(ThingspaceTest, an_unknown_resource_is_json_or_xml) {
    expect_fault(call("GET", "nonsense"), 404, "900906");
    EXPECT_EQ(call("GET", "devices/actions/activate").status, 405);
    knobs(R"("unknownResourceIsXml":true)");
    const Answer answer = call("GET", "nonsense");
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.header("Content-Type"), "application/xml; charset=UTF-8");
}

TEST_F(ThingspaceTest, the_gateway_can_answer_xml_and_html) {
    load_lines(1);
    for (const auto& [fault, status] :
         std::vector<std::pair<std::string, int>>{{"xml_403", 403}, {"html_502", 502}}) {
        set_faults("thingspace", R"([{"match":{"action":"suspend"},"fault":")" + fault + "\"}]");
        const Answer answer = change("POST", "suspend", "", {0});
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(answer.body.front(), '<');
        EXPECT_EQ(last_entry()["performed"], false);
    }
}

TEST_F(ThingspaceTest, a_fault_plan_can_name_a_single_device) {
    load_lines(2);
    set_faults("thingspace", R"([{"match":{"key":")" + iccid(1) + R"("},"fault":"500"}])");
    EXPECT_EQ(change("POST", "suspend", "", {0}).status, 200);
    expect_code(change("POST", "suspend", "", {1}), 500, "REQUEST_FAILED.UnexpectedError");
}

TEST_F(ThingspaceTest, plans_and_account_facts_are_shown) {
    const auto plans = call("GET", "plans/" + std::string(kAccount)).json();
    EXPECT_EQ(text(plans.at(1).at("code")), "M2M-5MB");
    EXPECT_NE(plans.at(1).at("name"), plans.at(1).at("code"));
    EXPECT_EQ(plans.at(1).at("sizeKb"), 5120);
    const auto account = call("GET", "accounts/" + std::string(kAccount)).json();
    EXPECT_EQ(text(account.at("accountName")), kAccount);
    EXPECT_EQ(account.at("isProvisioningAllowed"), true);
    EXPECT_FALSE(account.at("servicePlans").as_array().empty());
    expect_code(call("GET", "plans/9-9"), 400, "REQUEST_FAILED.AccountNotFound");
}

TEST_F(ThingspaceTest, a_service_has_one_listener) {
    CallbackListener first;
    CallbackListener second;
    listen(first);
    listen(second);
    const std::string path = "callbacks/" + std::string(kAccount);
    auto list = call("GET", path).json();
    ASSERT_EQ(list.as_array().size(), 1U);
    EXPECT_EQ(text(list.at(0).at("url")), second.url());
    EXPECT_EQ(text(list.at(0).at("username")), "cbuser");
    const Answer gone = call("DELETE", path + "/name/CarrierService");
    EXPECT_EQ(text(gone.json().at("serviceName")), "CarrierService");
    EXPECT_TRUE(call("GET", path).json().as_array().empty());
    EXPECT_EQ(call("DELETE", path + "/name/CarrierService").status, 400);
    EXPECT_EQ(call("POST", path, R"({"name":"Nonsense","url":"http://127.0.0.1:1/"})").status, 400);
    EXPECT_EQ(
        call("POST", path, R"({"name":"CarrierService","url":"https://127.0.0.1:1/"})").status,
        400);
}

TEST_F(ThingspaceTest, a_list_is_paged_by_the_largest_device_id_seen) {
    load_lines(5);
    const auto list = [this](const std::string& members) {
        return call("POST", "devices/actions/list",
                    R"({"accountName":")" + std::string(kAccount) + R"(","maxNumberOfDevices":2)" +
                        members + "}");
    };
    std::vector<std::string> seen;
    std::string last = "0";
    for (int page = 0; page < 3; ++page) {
        const Answer answer = list(R"(,"largestDeviceIdSeen":)" + last);
        EXPECT_EQ(answer.status, page < 2 ? 202 : 200);
        const auto body = answer.json();
        EXPECT_EQ(body.at("hasMoreData"), page < 2);
        for (const auto& device : body.at("devices").as_array()) {
            seen.push_back(text(device.at("deviceIds").at(2).at("id")));
            EXPECT_EQ(text(device.at("extendedAttributes").at(0).at("key")), "DeviceId");
            last = text(device.at("extendedAttributes").at(0).at("value"));
        }
    }
    EXPECT_EQ(seen, (std::vector<std::string>{iccid(0), iccid(1), iccid(2), iccid(3), iccid(4)}));
}

TEST_F(ThingspaceTest, a_list_can_be_paged_by_creation_time_too) {
    load_lines(3);
    const auto first = call("POST", "devices/actions/list", R"({"maxNumberOfDevices":2})").json();
    const std::string created = text(first.at("devices").at(1).at("createdAt"));
    const auto second = call("POST", "devices/actions/list",
                             R"({"maxNumberOfDevices":2,"earliest":")" + created + "\"}")
                            .json();
    EXPECT_EQ(second.at("hasMoreData"), false);
    EXPECT_EQ(second.at("devices").at(0), first.at("devices").at(1)) << "with an overlap";
    EXPECT_EQ(second.at("devices").as_array().size(), 2U);
}

TEST_F(ThingspaceTest, a_page_has_two_thousand_devices_at_most) {
    load_lines(2001);
    const Answer answer = call("POST", "devices/actions/list", R"({"maxNumberOfDevices":5000})");
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(answer.json().at("devices").as_array().size(), 2000U);
}

TEST_F(ThingspaceTest, a_list_can_be_filtered) {
    load_lines(2, R"("servicePlan":"M2M-10MB","customFields":{"CustomField2":"south"})");
    admin(
        "POST", "thingspace/fleet",
        R"({"firstIccid":"89148000000000000500","count":3,"state":"suspend","groupName":"vans"})");
    const auto count = [this](const std::string& members) {
        const Answer answer = call("POST", "devices/actions/list", "{" + members + "}");
        EXPECT_EQ(answer.status, 200) << answer.body;
        return answer.json().at("devices").as_array().size();
    };
    EXPECT_EQ(count(""), 5U);
    EXPECT_EQ(count(R"("currentState":"Suspend")"), 3U);
    EXPECT_EQ(count(R"("servicePlan":"M2M-10MB")"), 2U);
    EXPECT_EQ(count(R"("servicePlan":"none such")"), 0U);
    EXPECT_EQ(count(R"("groupName":"vans")"), 3U);
    EXPECT_EQ(count(R"("customFields":[{"key":"CustomField2","value":"south"}])"), 2U);
    EXPECT_EQ(count(R"("filter":{"deviceIdentifierFilters":[{"kind":"ICCID","endswith":"1"}]})"),
              2U);
    EXPECT_EQ(count(R"("filter":{"deviceIdentifierFilters":[{"kind":"iccid","contains":"050"}]})"),
              3U);
    EXPECT_EQ(count(R"("latest":"1999-01-01T00:00:00Z")"), 0U);
}

TEST_F(ThingspaceTest, one_device_is_shown_in_full) {
    load_lines(1, R"("customFields":{"CustomField1":"north"})");
    const std::string mdn = text(line(0).at("mdn"));
    for (const std::string& id : {R"({"id":")" + iccid(0) + R"(","kind":"IccId"})",
                                  R"({"id":")" + mdn + R"(","kind":"MDN"})",
                                  R"({"id":"1)" + mdn + R"(","kind":"msisdn"})"}) {
        const Answer answer = call("POST", "devices/actions/list", R"({"deviceId":)" + id + "}");
        ASSERT_EQ(answer.status, 200) << answer.body;
        const auto device = answer.json().at("devices").at(0);
        EXPECT_EQ(text(device.at("carrierInformations").at(0).at("state")), "active");
        EXPECT_EQ(text(device.at("carrierInformations").at(0).at("servicePlan")), "M2M-5MB");
        EXPECT_EQ(text(device.at("customFields").at(0).at("value")), "north");
        EXPECT_GT(device.at("extendedAttributes").as_array().size(), 3U);
        EXPECT_EQ(text(device.at("groupNames").at(0)), "Default: " + std::string(kAccount));
        EXPECT_EQ(text(device.at("createdAt")).substr(19), "-04:00");
    }
    expect_code(call("POST", "devices/actions/list",
                     R"({"deviceId":{"id":"89148000000000009999","kind":"iccid"}})"),
                400, "REQUEST_FAILED.DeviceNotFound");
}

TEST_F(ThingspaceTest, a_list_can_be_stale) {
    load_lines(1);
    set_faults("thingspace",
               R"([{"match":{"action":"list"},"fault":"stale_read","milliseconds":60000}])");
    suspend(0);
    finish();
    const auto shown = [this] {
        const auto body = call("POST", "devices/actions/list",
                               R"({"deviceId":{"id":")" + iccid(0) + R"(","kind":"iccid"}})")
                              .json();
        return text(body.at("devices").at(0).at("carrierInformations").at(0).at("state"));
    };
    EXPECT_EQ(state(0), "suspend");
    EXPECT_EQ(shown(), "active");
    advance_millis(kMinuteMillis);
    EXPECT_EQ(shown(), "suspend");
}

TEST_F(ThingspaceTest, several_accounts_must_be_named) {
    admin("POST", "thingspace/accounts", R"([{"accountName":"0000999999-00001"}])");
    admin("POST", "thingspace/credentials",
          R"({"username":"other","password":"p","accounts":["0000999999-00001"]})");
    load_lines(1, R"("accountName":"0000999999-00001")");
    open_session();
    expect_code(call("POST", "devices/actions/list", "{}"), 400, "REQUEST_FAILED.MultipleAccounts");
    EXPECT_TRUE(
        call("POST", "devices/actions/list", R"({"accountName":")" + std::string(kAccount) + "\"}")
            .json()
            .at("devices")
            .as_array()
            .empty());
    headers_ =
        bearer() + "VZ-M2M-Token: " + text(log_in("p", "other").json().at("sessionToken")) + "\r\n";
    EXPECT_EQ(call("POST", "devices/actions/list", "{}").json().at("devices").as_array().size(),
              1U);
    expect_code(call("GET", "plans/" + std::string(kAccount)), 400,
                "REQUEST_FAILED.AccountNotFound");
}

TEST_F(ThingspaceTest, a_request_that_runs_late_still_belongs_to_its_user) {
    admin("POST", "thingspace/accounts", R"([{"accountName":"0000999999-00001"}])");
    admin("POST", "thingspace/credentials",
          R"({"username":"other","password":"p","accounts":["0000999999-00001"]})");
    load_lines(1, R"("accountName":"0000999999-00001")");
    const std::string others =
        bearer() + "VZ-M2M-Token: " + text(log_in("p", "other").json().at("sessionToken")) + "\r\n";
    open_session();
    set_faults("thingspace", R"([{"match":{"action":"suspend"},"fault":"execute_late",)"
                             R"("milliseconds":600000}])");
    const std::string body = "{" + devices({0}) + "}";
    TestClient own(simulator_->port());
    own.send("POST " + std::string(kApi) + "devices/actions/suspend HTTP/1.1\r\nHost: x\r\n" +
             others + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    EXPECT_EQ(call("GET", "plans/" + std::string(kAccount)).status, 200);
    advance_millis(600'000);
    const Answer answer = own.read();
    EXPECT_EQ(answer.status, 200) << answer.body;
    finish();
    EXPECT_EQ(state(0), "suspend");
}

TEST_F(ThingspaceTest, calls_and_activations_are_limited_as_the_knobs_say) {
    load_lines(1, R"("state":"deactive")");
    open_session();
    knobs(R"("activatesPerMinute":2)");
    const auto ask = [this] {
        return change("POST", "activate", R"("servicePlan":"M2M-5MB","mdnZipCode":"98801")", {0});
    };
    EXPECT_EQ(ask().status, 200);
    EXPECT_EQ(ask().status, 200);
    expect_fault(ask(), 429, "900800");
    EXPECT_EQ(call("GET", "plans/" + std::string(kAccount)).status, 200);
    advance_millis(kMinuteMillis);
    EXPECT_EQ(ask().status, 200);
    knobs(
        R"("requestsPerSecond":1,"throttleStatus":503,"throttleCode":"T1","retryAfterSeconds":4)");
    advance_millis(kMinuteMillis);
    EXPECT_EQ(call("GET", "plans/" + std::string(kAccount)).status, 200);
    Answer answer;
    until([&] {
        answer = call("GET", "plans/" + std::string(kAccount));
        return answer.status != 200;
    });
    expect_fault(answer, 503, "T1");
    EXPECT_EQ(answer.header("Retry-After"), "4");
}

TEST_F(ThingspaceTest, a_fleet_may_be_a_csv_with_a_header) {
    const Answer answer = admin("POST", "thingspace/fleet",
                                "name,ICCID,imei,state,servicePlan\n"
                                "a,89148000000000000001,990000000000011,active,M2M-10MB\n"
                                "b,89148000000000000002,,suspend,\n"
                                "c,nonsense,,,\n");
    EXPECT_EQ(answer.json().at("loaded"), 2) << answer.body;
    EXPECT_EQ(answer.json().at("skipped"), 1);
    EXPECT_EQ(text(line(1).at("servicePlan")), "M2M-10MB");
    EXPECT_EQ(text(line(1).at("imei")), "990000000000011");
    EXPECT_EQ(state(2), "suspend");
}

TEST_F(ThingspaceTest, knobs_are_checked_as_a_whole) {
    EXPECT_EQ(admin("POST", "thingspace/knobs", R"({"nonsense":1})").status, 400);
    EXPECT_EQ(admin("POST", "thingspace/knobs", R"({"pageCap":7,"delayMinMs":-1})").status, 400);
    EXPECT_EQ(admin("POST", "thingspace/knobs", R"({"delayMinMs":9,"delayMaxMs":1})").status, 400);
    EXPECT_EQ(
        admin("POST", "thingspace/knobs", R"({"kindCase":"vary","failedWord":"Failure"})").status,
        200);
}

}  // namespace
}  // namespace carryall::simulators
