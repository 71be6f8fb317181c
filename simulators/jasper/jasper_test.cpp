// Jasper as its wire format says: credentials, shapes of reads, search, admin routes.
#include "jasper/jasper_fixture.hpp"

namespace carryall::simulators::jasper {
namespace {

class JasperTest : public JasperFixture {
  protected:
    boost::json::value search(std::string_view more = "") {
        const Answer answer =
            jasper("GET", "devices?modifiedSince=2020-01-01T00:00:00%2B00:00" + std::string(more));
        EXPECT_EQ(answer.status, 200) << answer.body;
        return answer.json();
    }
    static std::vector<std::string> iccids(const boost::json::value& page) {
        std::vector<std::string> found;
        for (const auto& device : page.at("devices").as_array()) {
            found.push_back(text(device.at("iccid")));
        }
        return found;
    }
    static std::string iccid(int number) {
        return "890100000000000000" + std::to_string(17 + number);
    }
};

TEST_F(JasperTest, the_two_401_answers_differ) {
    load();
    const std::string target = std::string(kBase) + "devices/" + kIccid;
    Answer answer = client().request("GET", target);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.header("WWW-Authenticate"), "Basic realm=\"Jasper\"");
    EXPECT_EQ(answer.body,
              R"({"errorMessage":"Full authentication is required to access this resource"})");
    for (const std::string& headers :
         {as_user("carryall", "wrong"), as_user("nobody", "jasper-sim-key")}) {
        answer = client().request("GET", target, "", headers);
        EXPECT_EQ(answer.header("WWW-Authenticate"), "Basic realm=\"Jasper\"");
        EXPECT_EQ(answer.body, R"({"errorMessage":"Invalid credentials","errorCode":"10000001"})");
        EXPECT_EQ(answer.status, 401);
    }
    EXPECT_EQ(client().request("GET", target, "", credentials()).status, 200);
}

TEST_F(JasperTest, errors_say_iso_8859_1_and_mean_it) {
    load();
    Answer answer = edit(R"({"ratePlan":"Flötte"})");
    EXPECT_EQ(answer.header("Content-Type"), "application/json;charset=ISO-8859-1");
    EXPECT_NE(answer.body.find("Fl\xF6tte"), std::string::npos);
    set_knobs(R"({"errorCharset":"UTF-8"})");
    answer = edit(R"({"ratePlan":"Flötte"})");
    EXPECT_EQ(answer.header("Content-Type"), "application/json;charset=UTF-8");
    EXPECT_NE(answer.body.find("Flötte"), std::string::npos);
}

TEST_F(JasperTest, a_wrong_place_answers_a_page) {
    start();
    for (const std::string_view path : {"/jasper/", "/jasper/devices", "/jasper/rws/x"}) {
        const Answer answer = client().request("GET", path, "", credentials());
        EXPECT_EQ(answer.status, 404);
        EXPECT_EQ(answer.header("Content-Type"), "text/html;charset=UTF-8");
        EXPECT_EQ(answer.body.find("<!DOCTYPE html>"), 0U);
    }
    expect_error(client().request("GET", "/jasper/rws/api/v2/devices", "", credentials()), 400,
                 "10000024");
    const Answer unknown = jasper("GET", "nothing");
    EXPECT_EQ(unknown.status, 404);
    EXPECT_TRUE(unknown.json().as_object().contains("errorMessage"));
    EXPECT_EQ(jasper("DELETE", "devices/" + kIccid).status, 405);
}

TEST_F(JasperTest, echo_gives_its_word_back) {
    EXPECT_EQ(jasper("GET", "echo/hello-world").body, R"({"context":"hello-world"})");
    EXPECT_EQ(text(jasper("GET", "echo/a%20%22b%22+c").json().at("context")), "a \"b\"+c");
    EXPECT_EQ(text(last_entry()["action"]), "echo");
}

TEST_F(JasperTest, a_device_is_shown_as_documented) {
    load(1, R"(,"accountCustom1":"north","imei":"990000000000011")");
    const auto body = details();
    EXPECT_EQ(text(body.at("iccid")), kIccid);
    EXPECT_EQ(text(body.at("status")), "ACTIVATED");
    EXPECT_EQ(text(body.at("ratePlan")), "FLEET 5MB");
    EXPECT_EQ(text(body.at("communicationPlan")), "DATA SMS");
    EXPECT_EQ(text(body.at("imei")), "990000000000011");
    EXPECT_EQ(text(body.at("msisdn")), "15550000000");
    EXPECT_EQ(text(body.at("accountCustom1")), "north");
    EXPECT_EQ(text(body.at("accountCustom10")), "");
    EXPECT_EQ(text(body.at("accountId")), "100020003");
    EXPECT_TRUE(body.at("customer").is_null());
    EXPECT_TRUE(body.at("fixedIPAddress").is_null());
    EXPECT_TRUE(body.at("eid").is_null());
    const std::string date = text(body.at("dateUpdated"));
    ASSERT_EQ(date.size(), 28U) << date;
    EXPECT_EQ(date.substr(10, 1) + date.substr(23), " +0000");
    EXPECT_EQ(text(last_entry()["action"]), "get_device");
    EXPECT_EQ(text(last_entry()["key"]), kIccid);
}

TEST_F(JasperTest, fields_select_members_of_an_answer) {
    load();
    EXPECT_EQ(jasper("GET", "devices/" + kIccid + "?fields=iccid,status").body,
              R"({"iccid":")" + kIccid + R"(","status":"ACTIVATED"})");
    EXPECT_EQ(search("&fields=status").at("devices").at(0).as_object().size(), 1U);
    expect_error(jasper("GET", "devices/" + kIccid + "?x=1"), 400, "10000028");
}

TEST_F(JasperTest, the_esim_id_has_two_names) {
    load(1, R"(,"eid":"89049032")");
    EXPECT_EQ(text(details().at("eid")), "89049032");
    set_knobs(R"({"eidName":"euiccid"})");
    EXPECT_EQ(text(details().at("euiccid")), "89049032");
}

TEST_F(JasperTest, unknown_and_malformed_iccids_are_told_apart) {
    load();
    expect_error(jasper("GET", "devices/89010000000000000018"), 404, "20000001");
    for (const std::string_view wrong : {"8901", "8901000000000000001x", "89010000000000000017000"})
        expect_error(jasper("GET", "devices/" + std::string(wrong)), 400, "10000021");
}

TEST_F(JasperTest, a_device_of_another_account_is_not_there) {
    load(1, R"(,"accountId":"100020004","ratePlan":"METER 1MB")");
    expect_error(jasper("GET", "devices/" + kIccid), 404, "20000001");
    post("users", R"({"user":"meter","key":"k","accountId":"100020004"})");
    headers_ = as_user("meter", "k");
    EXPECT_EQ(text(details().at("accountId")), "100020004");
}

TEST_F(JasperTest, search_wants_a_date_with_a_zone) {
    load();
    expect_error(jasper("GET", "devices"), 400, "10000003");
    for (const std::string_view wrong :
         {"2020-01-01", "2020-01-01T00:00:00", "2020-01-01T00:00:00+00:00", "2020-13-01T00:00:00Z",
          "now"}) {
        expect_error(jasper("GET", "devices?modifiedSince=" + std::string(wrong)), 400, "10000012");
    }
    EXPECT_EQ(jasper("GET", "devices?modifiedSince=2020-01-01T00:00:00-0530").status, 200);
    expect_error(jasper("GET", "devices?modifiedSince=2020-01-01T00:00:00Z&sort=up"), 400,
                 "10000028");
}

TEST_F(JasperTest, search_pages_have_50_rows_at_most) {
    load(120);
    for (const auto& [number, rows] :
         std::vector<std::pair<int, std::size_t>>{{1, 50}, {2, 50}, {3, 20}, {4, 0}}) {
        const auto page = search("&pageNumber=" + std::to_string(number));
        EXPECT_EQ(page.at("pageNumber"), number);
        EXPECT_EQ(page.at("devices").as_array().size(), rows);
        EXPECT_EQ(page.at("lastPage"), number >= 3);
    }
    const std::string since = "devices?modifiedSince=2020-01-01T00:00:00Z";
    for (const std::string_view wrong : {"51", "0", "x"}) {
        expect_error(jasper("GET", since + "&pageSize=" + std::string(wrong)), 400, "10000006");
    }
    expect_error(jasper("GET", since + "&pageNumber=0"), 400, "10000007");
    set_knobs(R"({"largePages":"cut"})");
    EXPECT_EQ(search("&pageSize=1000").at("devices").as_array().size(), 50U);
    EXPECT_EQ(search("&pageSize=50&pageNumber=2").at("lastPage"), false);
}

TEST_F(JasperTest, the_last_full_page_is_the_last_page) {
    load(100);
    EXPECT_EQ(search("&pageNumber=2").at("lastPage"), true);
}

TEST_F(JasperTest, search_goes_from_the_oldest_change_to_the_newest) {
    load(3);
    EXPECT_EQ(iccids(search()), (std::vector{iccid(0), iccid(1), iccid(2)}));
    EXPECT_EQ(edit(R"({"simNotes":"moved"})").status, 200);
    EXPECT_EQ(iccids(search()), (std::vector{iccid(1), iccid(2), iccid(0)}));
    EXPECT_EQ(edit(R"({"simNotes":"moved"})").status, 200);
    post("device/" + iccid(1), R"({"simNotes":"x"})");
    EXPECT_EQ(iccids(search()), (std::vector{iccid(2), iccid(0), iccid(1)}))
        << "an edit that changes nothing moves nothing";
}

TEST_F(JasperTest, modified_since_and_till_bound_the_search) {
    load(2);
    const std::string loaded = text(details().at("dateUpdated"));
    advance_millis(3'600'000);
    edit(R"({"simNotes":"later"})");
    const std::string edited = text(details().at("dateUpdated"));
    const auto moment = [](std::string date) {
        date[10] = 'T';
        return date.substr(0, 19) + "%2B00:00";
    };
    const auto found = [&](const std::string& query) {
        return iccids(jasper("GET", "devices?" + query).json());
    };
    EXPECT_EQ(found("modifiedSince=" + moment(edited)), std::vector{iccid(0)});
    EXPECT_EQ(found("modifiedSince=" + moment(loaded)), (std::vector{iccid(1), iccid(0)}));
    EXPECT_EQ(found("modifiedSince=" + moment(loaded) + "&modifiedTill=" + moment(loaded)),
              std::vector{iccid(1)});
    expect_error(jasper("GET", "devices?modifiedSince=" + moment(edited) +
                                   "&modifiedTill=" + moment(loaded)),
                 400, "10000027");
}

TEST_F(JasperTest, search_filters_by_status_and_custom_fields) {
    load(5);
    post("device/" + iccid(3), R"({"status":"INVENTORY","accountCustom2":"north"})");
    post("device/" + iccid(1), R"({"accountCustom2":"north"})");
    EXPECT_EQ(iccids(search("&status=INVENTORY")), std::vector{iccid(3)});
    EXPECT_EQ(iccids(search("&accountCustom2=north")), (std::vector{iccid(3), iccid(1)}));
    const auto first = search("&accountCustom2=north&pageSize=1");
    EXPECT_EQ(iccids(first), std::vector{iccid(3)});
    EXPECT_EQ(first.at("lastPage"), false);
    const auto second = search("&accountCustom2=north&pageSize=1&pageNumber=2");
    EXPECT_EQ(iccids(second), std::vector{iccid(1)});
    EXPECT_EQ(second.at("lastPage"), true);
    const std::string since = "devices?modifiedSince=2020-01-01T00:00:00Z";
    expect_error(jasper("GET", since + "&status=ON"), 400, "10000005");
    expect_error(jasper("GET", since + "&accountId=1"), 400, "10000004");
    expect_error(jasper("GET", since + "&accountId=100020004"), 403, "10000062");
    EXPECT_EQ(search("&accountId=100020003").at("devices").as_array().size(), 5U);
}

TEST_F(JasperTest, rate_plans_are_listed_for_account_users) {
    const auto list = jasper("GET", "rateplans?pageSize=2&pageNumber=3").json();
    EXPECT_EQ(list.at("lastPage"), true);
    ASSERT_EQ(list.at("ratePlans").as_array().size(), 1U);
    EXPECT_EQ(text(list.at("ratePlans").at(0).at("name")), "FLEET POOL");
    EXPECT_TRUE(list.at("ratePlans").at(0).as_object().contains("type"));
    EXPECT_EQ(text(last_entry()["action"]), "list_rate_plans");
    expect_error(jasper("GET", "rateplans?shared=true"), 400, "10000028");
    post("users", R"({"user":"shop","key":"k","role":"customer"})");
    headers_ = as_user("shop", "k");
    expect_error(jasper("GET", "rateplans"), 400, "10000030");
}

TEST_F(JasperTest, an_account_may_lack_the_api) {
    load();
    post("accounts", R"({"accountId":"100020003","apiAccess":false})");
    expect_error(jasper("GET", "echo/x"), 403, "10000079");
}

TEST_F(JasperTest, usage_and_session_follow_the_traffic) {
    load();
    const std::string base = "devices/" + kIccid;
    auto session = jasper("GET", base + "/sessionInfo").json();
    EXPECT_TRUE(session.at("ipAddress").is_null());
    EXPECT_TRUE(session.at("dateSessionStarted").is_null());
    EXPECT_FALSE(session.as_object().contains("ipv6Address"));
    post("device/" + kIccid + "/traffic", R"({"bytes":2048000,"sms":3,"session":"open"})");
    session = jasper("GET", base + "/sessionInfo").json();
    EXPECT_EQ(text(session.at("ipAddress")), "10.0.0.0");
    EXPECT_EQ(text(session.at("apn")), "iot.example");
    EXPECT_TRUE(session.at("dateSessionEnded").is_null()) << "it is in session";
    post("device/" + kIccid + "/traffic", R"({"bytes":100,"voiceSeconds":7,"session":"close"})");
    session = jasper("GET", base + "/sessionInfo").json();
    EXPECT_FALSE(session.at("dateSessionEnded").is_null());
    const auto usage = jasper("GET", base + "/ctdUsages").json();
    EXPECT_EQ(usage.at("ctdDataUsage"), 2048100);
    EXPECT_EQ(usage.at("ctdSMSUsage"), 3);
    EXPECT_EQ(usage.at("ctdVoiceUsage"), 7);
    EXPECT_EQ(usage.at("ctdSessionCount"), 1);
    EXPECT_EQ(usage.at("overageLimitReached"), false);
    EXPECT_EQ(text(usage.at("overageLimitOverride")), "DEFAULT");
    advance_millis(std::int64_t{32} * 86'400'000);
    EXPECT_EQ(jasper("GET", base + "/ctdUsages").json().at("ctdDataUsage"), 0) << "a new cycle";
    EXPECT_FALSE(jasper("GET", base + "/sessionInfo").json().at("dateSessionStarted").is_null());
}

TEST_F(JasperTest, a_fleet_is_loaded_from_csv_with_named_columns) {
    const Answer answer = admin("POST", "jasper/fleet",
                                "ICCID,Status,ratePlan,note,accountCustom1\r\n"
                                "89010000000000000017,INVENTORY,FLEET 1GB,x,\"south\"\r\n"
                                "8901000000000000018,,,,\r\n"
                                "rubbish,,,,\r\n");
    EXPECT_EQ(answer.json().at("loaded"), 2) << answer.body;
    EXPECT_EQ(answer.json().at("skipped"), 1);
    const auto device = details();
    EXPECT_EQ(text(device.at("status")), "INVENTORY");
    EXPECT_EQ(text(device.at("ratePlan")), "FLEET 1GB");
    EXPECT_EQ(text(device.at("accountCustom1")), "south");
    EXPECT_TRUE(device.at("dateActivated").is_null());
    EXPECT_EQ(text(jasper("GET", "devices/8901000000000000018").json().at("status")), "ACTIVATED");
}

TEST_F(JasperTest, a_line_changes_behind_the_clients_back) {
    load();
    const std::string before = text(details().at("dateUpdated"));
    advance_millis(1000);
    post("device/" + kIccid, R"({"silent":true,"status":"OPERATOR_HOLD","ratePlan":"FLEET 1GB"})");
    EXPECT_EQ(text(details().at("status")), "OPERATOR_HOLD") << "a status nobody has heard of";
    EXPECT_EQ(text(details().at("dateUpdated")), before);
    EXPECT_EQ(truth().at("auditRows"), 0);
    post("device/" + kIccid, R"({"msisdn":"15551234567"})");
    EXPECT_EQ(text(details().at("msisdn")), "15551234567");
    EXPECT_NE(text(details().at("dateUpdated")), before);
    EXPECT_EQ(admin("POST", "jasper/device/" + kIccid, R"({"colour":"red"})").status, 400);
    EXPECT_EQ(admin("DELETE", "jasper/device/" + kIccid).status, 200);
    expect_error(jasper("GET", "devices/" + kIccid), 404, "20000001");
    EXPECT_EQ(search().at("devices").as_array().size(), 0U);
    EXPECT_EQ(truth().at("removed"), true);
}

TEST_F(JasperTest, stale_reads_show_the_past) {
    load();
    set_faults("jasper",
               R"([{"match":{"action":"get_device"},"fault":"stale_read","milliseconds":60000}])");
    edit(R"({"status":"DEACTIVATED","accountCustom1":"new"})");
    EXPECT_EQ(text(details().at("status")), "ACTIVATED");
    EXPECT_EQ(text(details().at("accountCustom1")), "");
    EXPECT_EQ(status(), "DEACTIVATED");
    advance_millis(61'000);
    EXPECT_EQ(text(details().at("status")), "DEACTIVATED");
}

TEST_F(JasperTest, a_reset_forgets_devices_users_and_knobs) {
    load();
    post("users", R"({"user":"b","key":"k"})");
    set_knobs(R"({"pageCap":7})");
    admin("POST", "reset");
    EXPECT_EQ(admin("GET", "jasper/device/" + kIccid).status, 404);
    EXPECT_EQ(admin("GET", "jasper/users").json().as_array().size(), 1U);
    load(10);
    EXPECT_EQ(search().at("devices").as_array().size(), 10U);
}

TEST_F(JasperTest, wrong_admin_requests_are_refused) {
    start();
    for (const auto& [path, body] : std::vector<std::pair<std::string, std::string>>{
             {"knobs", R"({"colour":1})"},
             {"knobs", R"({"callsInFlight":-1})"},
             {"knobs", R"({"accepted":"maybe"})"},
             {"users", R"({"user":"x"})"},
             {"users", R"({"user":"x","key":"k","accountId":"9"})"},
             {"accounts", R"({"ratePlans":["x"]})"},
             {"transitions", R"({"matrix":{"ON":{}}})"},
             {"transitions", R"({"matrix":{"RETIRED":{"ACTIVATED":"maybe"}}})"},
             {"fleet", R"({"firstIccid":"123"})"},
             {"fleet", R"({"firstIccid":"89010000000000000017","accountId":"9"})"}}) {
        EXPECT_EQ(admin("POST", "jasper/" + path, body).status, 400) << body;
    }
    EXPECT_EQ(admin("POST", "jasper/nothing").status, 404);
    EXPECT_EQ(admin("DELETE", "jasper/users/nobody").status, 404);
}

}  // namespace
}  // namespace carryall::simulators::jasper
