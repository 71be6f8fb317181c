// Edits: what is checked, what happens now, what happens on its day, and what the ledger says.
#include <ctime>

#include "jasper/jasper_fixture.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::int64_t kDayMillis = 86'400'000;

class JasperEditTest : public JasperFixture {
  protected:
    // "2026-03-01", so many days from now.
    std::string day(int ahead) const {
        const std::time_t then = started_ + ahead * 86'400;
        std::tm parts{};
        gmtime_r(&then, &parts);
        char date[16];
        std::strftime(date, sizeof date, "%Y-%m-%d", &parts);
        return date;
    }
    std::string rate_plan() { return text(truth().at("device").at("ratePlan")); }
    boost::json::value audit(std::string_view more = "") {
        return jasper("GET", "devices/" + kIccid + "/auditTrails" + std::string(more)).json();
    }
    const std::time_t started_ = std::time(nullptr);  // a test may run over midnight

    Answer edit_status(std::string_view to) {
        return edit(R"({"status":")" + std::string(to) + "\"}");
    }
};

TEST_F(JasperEditTest, an_edit_answers_the_iccid_and_leaves_its_traces) {
    load();
    const Answer answer =
        edit(R"({"status":"DEACTIVATED","ratePlan":"FLEET 10MB","accountCustom3":"7"})");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, R"({"iccid":")" + kIccid + R"("})");
    const auto device = details();
    EXPECT_EQ(text(device.at("status")), "DEACTIVATED");
    EXPECT_EQ(text(device.at("ratePlan")), "FLEET 10MB");
    EXPECT_EQ(text(device.at("accountCustom3")), "7");
    const auto rows = audit().at("deviceAuditTrails").as_array();
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(text(rows[2].at("field")), "status");
    EXPECT_EQ(text(rows[2].at("priorValue")), "ACTIVATED");
    EXPECT_EQ(text(rows[2].at("value")), "DEACTIVATED");
    EXPECT_EQ(text(rows[2].at("userName")), "carryall");
    EXPECT_EQ(text(rows[2].at("status")), "Completed");
    const auto entry = ledger("system=jasper").front();
    EXPECT_EQ(text(entry.at("action")), "edit_device");
    EXPECT_EQ(text(entry.at("key")), kIccid);
    EXPECT_EQ(entry.at("performed"), true);
    EXPECT_EQ(entry.at("changed"), true);
    EXPECT_EQ(text(entry.at("fields").at("ratePlan")), "FLEET 10MB");
}

TEST_F(JasperEditTest, the_same_value_again_is_fine_and_changes_nothing) {
    load();
    EXPECT_EQ(edit(R"({"status":"ACTIVATED"})").status, 200);
    EXPECT_EQ(last_entry()["performed"], true);
    EXPECT_EQ(last_entry()["changed"], false);
    EXPECT_EQ(edit(R"({"overageLimitOverride":"DEFAULT"})").status, 200);
    EXPECT_EQ(last_entry()["changed"], false);
    EXPECT_EQ(truth().at("auditRows"), 0);
    make("PURGED");
    EXPECT_EQ(edit_status("PURGED").status, 200);
}

TEST_F(JasperEditTest, bodies_are_checked) {
    load();
    expect_error(edit(""), 400, "10000011");
    expect_error(edit("{}"), 400, "10000011");
    expect_error(edit(R"({"effectiveDate":")" + day(5) + R"(Z"})"), 400, "10000011");
    for (const std::string_view body : {"{", "[]", "\"x\"", R"({"status":"RETIRED",})"}) {
        expect_error(edit(body), 400, "10000023");
    }
    expect_error(edit(R"({"status":"RETIRED","colour":"red"})"), 400, "10000028");
    expect_error(edit(R"({"msisdn":"15551234567"})"), 400, "10000028");
    expect_error(edit(R"({"status":7})"), 400, "50001233");
    expect_error(edit(R"({"simNotes":null})"), 400, "50001233");
    expect_error(edit(R"({"status":"ON"})"), 400, "10000005");
    expect_error(edit(R"({"ratePlan":"FLEET 7MB"})"), 400, "10000013");
    expect_error(edit(R"({"ratePlan":"METER 1MB"})"), 400, "10000013");
    expect_error(edit(R"({"communicationPlan":"VOICE"})"), 400, "10000014");
    expect_error(edit(R"({"communicationPlan":"METER DATA"})"), 400, "50001234");
    expect_error(edit(R"({"customer":"Nobody"})"), 400, "10000015");
    expect_error(edit(R"({"overageLimitOverride":"YES"})"), 400, "10000016");
    expect_error(edit(R"({"ipv4Address":"10.0.0.300"})"), 400, "50001233");
    expect_error(jasper("PUT", "devices/89010000000000000099", R"({"status":"RETIRED"})"), 404,
                 "20000001");
    EXPECT_EQ(status(), "ACTIVATED") << "a bad member refuses the whole edit";
    EXPECT_EQ(last_entry()["performed"], false);
}

TEST_F(JasperEditTest, every_attribute_can_be_set) {
    load();
    EXPECT_EQ(edit(R"({"customer":"Harbour Meters","deviceID":"d-1","modemID":"m-1",
        "overageLimitOverride":"PERMANENT_OVERRIDE","ipv4Address":"10.9.8.7",
        "ipv6Address":"2001:db8::1","simNotes":"büro","customerCustom5":"c",
        "communicationPlan":"DATA ONLY"})")
                  .status,
              200);
    const auto device = details();
    EXPECT_EQ(text(device.at("customer")), "Harbour Meters");
    EXPECT_EQ(text(device.at("deviceID")), "d-1");
    EXPECT_EQ(text(device.at("modemID")), "m-1");
    EXPECT_EQ(text(device.at("fixedIPAddress")), "10.9.8.7");
    EXPECT_EQ(text(device.at("fixedIpv6Address")), "2001:db8::1");
    EXPECT_EQ(text(device.at("simNotes")), "büro");
    EXPECT_EQ(text(device.at("customerCustom5")), "c");
    EXPECT_EQ(text(device.at("communicationPlan")), "DATA ONLY");
    EXPECT_EQ(edit(R"({"customer":"","overageLimitOverride":"DEFAULT"})").status, 200);
    EXPECT_TRUE(details().at("customer").is_null());
    const auto rows = audit().at("deviceAuditTrails");
    EXPECT_EQ(text(rows.at(0).at("priorValue")), "PERMANENT_OVERRIDE");
    EXPECT_EQ(text(rows.at(0).at("value")), "DEFAULT");
}

TEST_F(JasperEditTest, custom_fields_need_the_role) {
    load();
    post("users", R"([{"user":"op","key":"k","role":"operator"},
                      {"user":"shop","key":"k","role":"customer"},
                      {"user":"eye","key":"k","role":"readonly"}])");
    expect_error(edit(R"({"operatorCustom1":"x"})"), 400, "10000008");
    headers_ = as_user("op", "k");
    EXPECT_EQ(edit(R"({"operatorCustom1":"x"})").status, 200);
    headers_ = as_user("shop", "k");
    expect_error(edit(R"({"accountCustom1":"x"})"), 400, "10000009");
    expect_error(edit(R"({"customer":"Harbour Meters"})"), 400, "10000030");
    EXPECT_EQ(edit(R"({"customerCustom1":"x"})").status, 200);
    headers_ = as_user("eye", "k");
    expect_error(edit(R"({"status":"RETIRED"})"), 400, "10000030");
    EXPECT_EQ(jasper("GET", "devices/" + kIccid).status, 200);
}

TEST_F(JasperEditTest, an_activated_device_never_goes_back_to_a_pre_activation_status) {
    load();
    for (const std::string_view from : {"ACTIVATED", "DEACTIVATED"}) {
        make(from);
        for (const std::string_view to : {"TEST_READY", "INVENTORY", "ACTIVATION_READY"}) {
            expect_error(edit_status(to), 400, "10000029");
        }
    }
    make("RETIRED");
    expect_error(edit_status("ACTIVATED"), 400, "50001231");
    make("PURGED");
    expect_error(edit_status("ACTIVATED"), 400, "50001231");
    expect_error(edit(R"({"ratePlan":"FLEET 10MB"})"), 400, "50001231");
}

TEST_F(JasperEditTest, before_its_activation_a_device_moves_freely) {
    load(1, R"(,"status":"INVENTORY")");
    EXPECT_TRUE(details().at("dateActivated").is_null());
    for (const std::string_view to :
         {"TEST_READY", "ACTIVATION_READY", "INVENTORY", "DEACTIVATED", "INVENTORY", "ACTIVATED"}) {
        EXPECT_EQ(edit_status(to).status, 200) << to;
    }
    EXPECT_FALSE(details().at("dateActivated").is_null());
    expect_error(edit_status("INVENTORY"), 400, "10000029");
}

TEST_F(JasperEditTest, an_operator_has_its_own_transitions) {
    load();
    expect_error(edit_status("PURGED"), 400, "50001231");
    post("transitions", R"({"matrix":{"ACTIVATED":{"PURGED":"yes","RETIRED":"no"},
                                      "DEACTIVATED":{"ACTIVATED":"10000030"}}})");
    expect_error(edit_status("RETIRED"), 400, "50001231");
    EXPECT_EQ(edit_status("DEACTIVATED").status, 200);
    expect_error(edit_status("ACTIVATED"), 400, "10000030");
    post("accounts", R"({"accountId":"100020003","operator":"other"})");
    EXPECT_EQ(edit_status("ACTIVATED").status, 200) << "another operator, another matrix";
    const auto matrix = admin("GET", "jasper/transitions?operator=default").json();
    EXPECT_EQ(text(matrix.at("ACTIVATED").at("PURGED")), "yes");
}

TEST_F(JasperEditTest, a_dated_plan_change_waits_for_its_day) {
    load();
    EXPECT_EQ(edit(R"({"ratePlan":"FLEET 10MB","accountCustom1":"now","effectiveDate":")" + day(3) +
                   R"(Z"})")
                  .status,
              200);
    EXPECT_EQ(rate_plan(), "FLEET 5MB");
    EXPECT_EQ(text(details().at("accountCustom1")), "now") << "only plans obey the date";
    auto row = audit().at("deviceAuditTrails").at(1);
    EXPECT_EQ(text(row.at("field")), "ratePlan");
    EXPECT_EQ(text(row.at("status")), "Scheduled");
    EXPECT_EQ(text(row.at("effectiveDate")), day(3) + " 00:00:00.000+0000");
    EXPECT_EQ(truth().at("scheduled").as_array().size(), 1U);
    advance_millis(kDayMillis);
    EXPECT_EQ(rate_plan(), "FLEET 5MB");
    advance_millis(2 * kDayMillis);
    EXPECT_EQ(rate_plan(), "FLEET 10MB");
    EXPECT_EQ(text(audit().at("deviceAuditTrails").at(1).at("status")), "Completed");
    EXPECT_EQ(text(details().at("dateUpdated")), day(3) + " 00:00:00.000+0000");
    EXPECT_EQ(truth().at("scheduled").as_array().size(), 0U);
    const auto applied = summary_of("jasper", "apply_scheduled");
    EXPECT_EQ(applied.at("performed"), 1);
    EXPECT_EQ(summary_of("jasper", "edit_device").at("performed"), 1);
}

TEST_F(JasperEditTest, dates_are_future_days_within_180) {
    load();
    for (const std::string& date : {day(0) + "Z", day(-1) + "Z", day(182) + "Z", day(3),
                                    day(3) + "T00:00:00", std::string("tomorrow")}) {
        expect_error(edit(R"({"ratePlan":"FLEET 10MB","effectiveDate":")" + date + R"("})"), 400,
                     "10000012");
    }
    for (const std::string& date :
         {day(179) + "+00:00", day(3) + "-0500", day(3) + "T10:00:00+02:00"}) {
        EXPECT_EQ(edit(R"({"ratePlan":"FLEET 10MB","effectiveDate":")" + date + R"("})").status,
                  200)
            << date;
    }
    EXPECT_EQ(truth().at("scheduled").as_array().size(), 3U);
}

TEST_F(JasperEditTest, scheduled_changes_apply_in_the_order_of_their_days) {
    load();
    edit(R"({"ratePlan":"FLEET 50MB","effectiveDate":")" + day(9) + R"(Z"})");
    edit(R"({"ratePlan":"FLEET 10MB","effectiveDate":")" + day(4) + R"(Z"})");
    advance_millis(5 * kDayMillis);
    EXPECT_EQ(rate_plan(), "FLEET 10MB");
    advance_millis(5 * kDayMillis);
    EXPECT_EQ(rate_plan(), "FLEET 50MB");
}

TEST_F(JasperEditTest, a_device_that_is_purged_by_then_keeps_its_plan) {
    load();
    edit(R"({"ratePlan":"FLEET 50MB","effectiveDate":")" + day(4) + R"(Z"})");
    make("PURGED");
    advance_millis(5 * kDayMillis);
    EXPECT_EQ(rate_plan(), "FLEET 5MB");
    EXPECT_EQ(text(audit().at("deviceAuditTrails").at(0).at("status")), "Failed");
}

TEST_F(JasperEditTest, the_date_may_cover_everything) {
    load();
    set_knobs(R"({"effectiveDateCovers":"all"})");
    edit(R"({"status":"DEACTIVATED","effectiveDate":")" + day(2) + R"(Z"})");
    EXPECT_EQ(status(), "ACTIVATED");
    advance_millis(2 * kDayMillis);
    EXPECT_EQ(status(), "DEACTIVATED");
}

TEST_F(JasperEditTest, an_edit_may_be_accepted_instead_of_done) {
    load();
    set_knobs(R"({"accepted":"scheduled"})");
    EXPECT_EQ(edit(R"({"simNotes":"1"})").status, 200);
    EXPECT_EQ(edit(R"({"ratePlan":"FLEET 10MB","effectiveDate":")" + day(2) + R"(Z"})").status,
              202);
    set_knobs(R"({"accepted":"always","acceptedDelayMillis":3600000})");
    const Answer answer = edit(R"({"status":"DEACTIVATED"})");
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(text(answer.json().at("iccid")), kIccid);
    EXPECT_EQ(status(), "ACTIVATED");
    advance_millis(3'600'000);
    EXPECT_EQ(status(), "DEACTIVATED");
}

TEST_F(JasperEditTest, audit_trails_go_back_some_days_and_have_pages) {
    load();
    edit(R"({"simNotes":"old"})");
    advance_millis(40 * kDayMillis);
    for (int i = 0; i < 3; ++i) edit(R"({"simNotes":")" + std::to_string(i) + "\"}");
    auto page = audit("?pageSize=2");
    EXPECT_EQ(text(page.at("deviceAuditTrails").at(0).at("value")), "2") << "newest first";
    EXPECT_EQ(page.at("lastPage"), false);
    page = audit("?pageSize=2&pageNumber=2");
    EXPECT_EQ(page.at("deviceAuditTrails").as_array().size(), 1U) << "30 days by default";
    EXPECT_EQ(page.at("lastPage"), true);
    EXPECT_EQ(audit("?daysOfHistory=365").at("deviceAuditTrails").as_array().size(), 4U);
    for (const std::string_view days : {"0", "366", "x"}) {
        expect_error(
            jasper("GET", "devices/" + kIccid + "/auditTrails?daysOfHistory=" + std::string(days)),
            400, "10000049");
    }
}

TEST_F(JasperEditTest, first_traffic_activates_a_device_that_is_ready) {
    load(1, R"(,"status":"ACTIVATION_READY")");
    post("device/" + kIccid + "/traffic", R"({"sms":1})");
    EXPECT_EQ(status(), "ACTIVATION_READY") << "only a data session does";
    post("device/" + kIccid + "/traffic", R"({"session":"open"})");
    EXPECT_EQ(status(), "ACTIVATED");
    EXPECT_FALSE(details().at("dateActivated").is_null());
    EXPECT_EQ(text(audit().at("deviceAuditTrails").at(0).at("userName")), "SYSTEM");
}

TEST_F(JasperEditTest, a_test_that_uses_up_its_allowance_is_over) {
    load(1, R"(,"status":"TEST_READY")");
    post("device/" + kIccid + "/traffic", R"({"bytes":20480})");
    EXPECT_EQ(status(), "TEST_READY");
    post("device/" + kIccid + "/traffic", R"({"bytes":1})");
    EXPECT_EQ(status(), "ACTIVATION_READY");
    make("TEST_READY");
    set_knobs(R"({"afterTest":"INVENTORY"})");
    post("device/" + kIccid + "/traffic", R"({"sms":3})");
    EXPECT_EQ(status(), "INVENTORY");
    EXPECT_EQ(admin("POST", "jasper/device/" + kIccid + "/traffic", R"({"bytes":1})").status, 409)
        << "a device in stock does not connect";
}

}  // namespace
}  // namespace carryall::simulators::jasper
