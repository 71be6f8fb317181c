// One change: what is sent, every answer, the callbacks, the list, and a sweep that cuts it at
// every call with every kind of failure, twice, and then lets it finish.
#include <gtest/gtest.h>

#include "carriers/thingspace/thingspace.hpp"
#include "carriers/thingspace/thingspace_model_test.hpp"

namespace carryall::carriers::thingspace {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds kNow{1'767'225'600};

StatusChange activation() {
    return {"Active", "", "M2M-5MB", ""};
}
std::unique_ptr<Exchange> make(const Account& account, const Line& line, const Action& action,
                               const Attempt& attempt = {}) {
    return carrier().exchange(account, line, action, attempt);
}
Played play_with(Exchange& exchange, const http::ClientResponse& response) {
    return play(exchange, [&](const Call&) { return response; });
}
std::optional<http::ClientResponse> never(const Call& call) {
    ADD_FAILURE() << "a call was made: " << call.path;
    return std::nullopt;
}
http::ClientResponse taken() {
    return answered(200, R"({"requestId":"11111111-2222-4333-8444-55555555555A"})");
}
constexpr const char* kRequest = "11111111-2222-4333-8444-55555555555a";

std::string listed(std::string_view state, std::string_view plan = "", std::string_view mdn = "",
                   std::string_view iccid = kIccid) {
    base::json::array ids = {{{"id", iccid}, {"kind", "iccId"}}};
    if (!mdn.empty()) ids.push_back({{"id", mdn}, {"kind", "MDN"}});
    const base::json::value row = {
        {"deviceIds", ids},
        {"carrierInformations", {{{"state", state}, {"servicePlan", plan}}}},
        {"ipAddress", "0.0.0.0"}};
    return serialize(base::json::value{{"devices", base::json::array{row}}});
}

Attempt waiting(seconds ago, base::json::array notices = {}, std::string_view action = "suspend") {
    Attempt attempt;
    attempt.waiting = true;
    attempt.progress = {{"action", action}, {"requestId", kRequest}, {"requests", 1}};
    attempt.sent_ago = ago;
    attempt.now = base::Instant(kNow);
    attempt.notices = std::move(notices);
    return attempt;
}

base::json::value callback(std::string_view status, base::json::value response = nullptr,
                           base::json::value fault = nullptr) {
    return {{"requestId", "11111111-2222-4333-8444-55555555555A"},
            {"deviceIds", {{"id", kIccid}, {"kind", "Iccid"}}},
            {"status", status},
            {"deviceResponse", std::move(response)},
            {"faultResponse", std::move(fault)}};
}
base::json::value fault(std::string_view code, std::string_view text = "No.") {
    return {{"faultcode", "UnifiedWebService." + std::string(code)}, {"faultstring", text}};
}

// --- what is sent ---

TEST(ThingSpaceChange, each_action_is_one_request_that_lines_can_share) {
    struct Row {
        std::string status;
        Action action;
        std::string_view verb;
        const char* path;
        std::string_view head;
    };
    const Row rows[] = {
        {"Inventory", activation(), "POST", "activate",
         R"({"accountName":"0000123456-00001","servicePlan":"M2M-5MB","mdnZipCode":"98801",)"},
        {"Deactivated", StatusChange{"Active", "", "P", "10001"}, "POST", "activate",
         R"({"accountName":"0000123456-00001","servicePlan":"P","mdnZipCode":"10001",)"},
        {"Suspended", StatusChange{"Restored"}, "POST", "restore",
         R"({"accountName":"0000123456-00001",)"},
        {"Active", StatusChange{"Suspended"}, "POST", "suspend",
         R"({"accountName":"0000123456-00001",)"},
        {"Active", StatusChange{"deactive"}, "POST", "deactivate",
         R"({"accountName":"0000123456-00001","reasonCode":"FF",)"},
        {"Active", StatusChange{"Deactivated", "ZZ"}, "POST", "deactivate",
         R"({"accountName":"0000123456-00001","reasonCode":"ZZ",)"},
        {"Active", RatePlanChange{"M2M-10MB", "", std::nullopt}, "PUT", "plan",
         R"({"accountName":"0000123456-00001","servicePlan":"M2M-10MB",)"},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        const auto exchange = make(account, test_line(row.status), row.action);
        const Played played = play_with(*exchange, taken());
        ASSERT_EQ(played.calls.size(), 1u) << row.path;
        const Call& call = played.calls.front();
        EXPECT_EQ(to_string(call.method), row.verb);
        EXPECT_EQ(call.path, "/m2m/v1/devices/actions/" + std::string(row.path));
        EXPECT_EQ(call.body, std::string(row.head) + R"("devices":[)");
        ASSERT_TRUE(call.shared.has_value());
        EXPECT_EQ(call.shared->after, "]}");
        EXPECT_TRUE(call.changes_state);
        const std::string iccid = R"({"kind":"iccid","id":"89148000000000000011"})";
        const std::string both = R"({"kind":"imei","id":"990000000000011"},)" + iccid;
        const std::string& ids = std::string(row.path) == "activate" ? both : iccid;
        EXPECT_EQ(call.shared->item, R"({"deviceIds":[)" + ids + "]}");
        ASSERT_EQ(kind_of(played.outcome), "pending");
        EXPECT_EQ(std::get<Pending>(played.outcome).reference, kRequest);
        EXPECT_EQ(std::get<Pending>(played.outcome).ask_again_after, minutes(30));
        EXPECT_EQ(exchange->progress().at("requestId"), kRequest);
        EXPECT_EQ(exchange->progress().at("action"), row.path);
    }
}

TEST(ThingSpaceChange, settings_of_the_account_go_into_the_request) {
    const Account account = test_account({{"carrierIpPoolName", "pool"},
                                          {"leadId", 17},
                                          {"publicIpRestriction", "restricted"},
                                          {"primaryPlaceOfUse", {{"address", {{"zip", "1"}}}}},
                                          {"etfWaiver", "TRUE"},
                                          {"withBilling", false},
                                          {"planChangeIpPoolName", "p2"}});
    const auto body_of = [&](std::string status, const Action& action) {
        const auto exchange = make(account, test_line(std::move(status)), action);
        const Played played = play_with(*exchange, taken());
        const Call& call = played.calls.at(0);
        return *base::parse_json(call.body + call.shared->item + call.shared->after);
    };
    const base::json::value activate = body_of("Inventory", activation());
    EXPECT_EQ(activate.at("carrierIpPoolName"), "pool");
    EXPECT_EQ(activate.at("leadId"), "17");
    EXPECT_EQ(activate.at("publicIpRestriction"), "restricted");
    EXPECT_EQ(activate.at("primaryPlaceOfUse").at("address").at("zip"), "1");
    EXPECT_EQ(body_of("Active", StatusChange{"Deactivated"}).at("etfWaiver"), true);
    EXPECT_EQ(body_of("Active", StatusChange{"Suspended"}).at("withBilling"), false);
    EXPECT_EQ(body_of("Active", RatePlanChange{"P", "", {}}).at("carrierIpPoolName"), "p2");
}

TEST(ThingSpaceChange, what_cannot_be_asked_is_refused_by_a_sentence_that_says_what_to_give) {
    struct Row {
        Line line;
        Action action;
        std::string_view says;
    };
    const Line active = test_line("Active");
    const Row rows[] = {
        {active, StatusChange{"Actve"}, "no such status"},
        {active, StatusChange{""}, "no such status"},
        {active, StatusChange{"Inventory"}, "no such status"},
        {{"12", "", "", "Active"}, StatusChange{"Suspended"}, "ICCID"},
        {{"89148000000000000011\"", "", "", "Active"}, StatusChange{"Suspended"}, "ICCID"},
        {test_line("Inventory"), StatusChange{"Active"}, "rate plan"},
        {{std::string(kIccid), "", "", "Inventory"}, activation(), "IMEI"},
        {{"", "", std::string(kImei), "Inventory"}, activation(), "ICCID"},
        {test_line("Suspended"), StatusChange{"Deactivated"}, "restore it first"},
        {active, RatePlanChange{"", "", {}}, "plan's code"},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        const auto exchange = make(account, row.line, row.action);
        const Outcome outcome = play(*exchange, never).outcome;
        ASSERT_EQ(kind_of(outcome), "refused") << row.says;
        EXPECT_EQ(std::get<Refused>(outcome).failure, FailureClass::validation);
        EXPECT_NE(reason_of(outcome).find(row.says), std::string::npos) << reason_of(outcome);
        EXPECT_TRUE(exchange->progress().is_null());
    }
    const Account no_zip = test_account({{"defaultZipCode", ""}});
    const auto exchange = make(no_zip, test_line("Inventory"), activation());
    EXPECT_NE(reason_of(play(*exchange, never).outcome).find("ZIP"), std::string::npos);
}

TEST(ThingSpaceChange, a_switch_of_the_account_allows_what_its_contract_allows) {
    const Account account =
        test_account({{"allowDeactivateSuspended", true}, {"skuNumber", "SKU1"}});
    const auto off = make(account, test_line("Suspended"), StatusChange{"Deactivated"});
    EXPECT_EQ(kind_of(play_with(*off, taken()).outcome), "pending");
    const auto on = make(account, {std::string(kIccid), "", "", "Inventory"}, activation());
    EXPECT_EQ(kind_of(play_with(*on, taken()).outcome), "pending");
}

TEST(ThingSpaceChange, features_and_equipment_are_refused) {
    const Account account = test_account();
    for (const Action& action : {Action(FeatureChange{{"F1"}, {}}), Action(EquipmentChange{})}) {
        const auto exchange = make(account, test_line("Active"), action);
        EXPECT_EQ(kind_of(play(*exchange, never).outcome), "refused");
    }
}

TEST(ThingSpaceChange, with_writes_disabled_nothing_is_sent) {
    Account account = test_account();
    account.write_is_enabled = false;
    const auto exchange = make(account, test_line("Active"), StatusChange{"Suspended"});
    EXPECT_EQ(reason_of(play(*exchange, never).outcome), kWritesDisabled);
}

// --- the answer to the request ---

TEST(ThingSpaceChange, every_answer_to_the_request_has_one_outcome) {
    struct Row {
        http::ClientResponse response;
        std::string_view outcome;
    };
    const auto error = [](const std::string& code) { return ThingSpaceModel::error(code); };
    const Row rows[] = {
        {taken(), "pending"},
        {answered(201, taken().body), "pending"},
        {answered(202, taken().body), "pending"},
        {answered(200, R"({"REQUESTID":"A-1"})"), "pending"},
        {answered(200, "{}"), "unknown"},
        {answered(200, R"({"requestId":""})"), "unknown"},
        {answered(200, R"({"requestId":null})"), "unknown"},
        {answered(200, R"({"requestId":{"a":1}})"), "unknown"},
        {answered(200, R"({"requestId":"a/../b"})"), "unknown"},
        {answered(200, R"({"requestId":"a)"), "unknown"},
        {answered(200, "[]"), "unknown"},
        {answered(200, "<html>login</html>"), "unknown"},
        {answered(200), "unknown"},
        {answered(204), "unknown"},
        {answered(200, std::string(10'000, '[')), "unknown"},
        {answered(200, R"({"errorCode":"X","requestId":"a"})"), "unknown"},
        {answered(302), "unknown"},
        {error("INPUT_INVALID.Request.InvalidCharacter"), "refused"},
        {error("INPUT_INVALID.MaxRequestsExceeded"), "refused"},
        {error("REQUEST_FAILED.M2M-5MB.NotFound"), "refused"},
        {error("REQUEST_FAILED.AccountNotFound"), "refused"},
        {error("REQUEST_FAILED"), "refused"},
        {error("REQUEST_CANCELLED"), "refused"},
        {error("REQUEST_FAILED.DeviceNotFound"), "refused"},
        {error("REQUEST_FAILED.UnexpectedError"), "unknown"},
        {error("REQUEST_ONHOLD"), "unknown"},
        {error("REQUEST_FAILED.SessionToken.Expired"), "not_sent"},
        {error("INPUT_INVALID.SessionToken.Invalid"), "not_sent"},
        {error("REQUEST_FAILED.SessionToken.Format"), "refused"},
        {answered(400, R"({"fault":{"code":900906,"message":"No matching resource"}})"), "refused"},
        {answered(400, "<html>"), "refused"},
        {answered(401, R"({"fault":{"code":"900901","message":"Invalid"}})"), "not_sent"},
        {answered(401, R"({"fault":{"code":900901}})"), "not_sent"},
        {answered(401, R"({"fault":{"code":"900902"}})"), "refused"},
        {answered(403, "<fault><code>900908</code></fault>"), "refused"},
        {answered(404, "<html>not here</html>"), "refused"},
        {answered(429), "not_sent"},
        {answered(408), "unknown"},
        {answered(500, R"({"errorCode":"INPUT_INVALID.X"})"), "unknown"},
        {answered(502, "<html>Bad Gateway</html>"), "unknown"},
        {answered(503), "unknown"},
        {failed(http::Transport::not_sent), "not_sent"},
        {failed(http::Transport::timeout), "unknown"},
        {failed(http::Transport::lost), "unknown"},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        const auto exchange = make(account, test_line("Active"), StatusChange{"Suspended"});
        const Played played = play_with(*exchange, row.response);
        EXPECT_EQ(kind_of(played.outcome), row.outcome)
            << row.response.status << ' ' << row.response.body.substr(0, 80);
        const bool leaves_nothing = row.outcome == "refused" || row.outcome == "not_sent";
        EXPECT_EQ(exchange->progress().is_null(), leaves_nothing) << row.response.body;
        EXPECT_EQ(reason_of(played.outcome).empty(), row.outcome == "pending");
    }
}

TEST(ThingSpaceChange, a_refusal_repeats_the_carriers_words_and_has_its_class) {
    struct Row {
        std::string_view code;
        FailureClass failure;
    };
    const Row rows[] = {
        {"INPUT_INVALID.CustomField.TooLong", FailureClass::validation},
        {"REQUEST_FAILED.Plan.NotFound", FailureClass::validation},
        {"REQUEST_FAILED.MultipleAccounts", FailureClass::system},
        {"INPUT_INVALID.Device.Identifier.Invalid", FailureClass::business},
        {"REQUEST_FAILED", FailureClass::business},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        const auto exchange = make(account, test_line("Active"), StatusChange{"Suspended"});
        const Outcome outcome =
            play_with(*exchange, ThingSpaceModel::error(std::string(row.code))).outcome;
        ASSERT_EQ(kind_of(outcome), "refused") << row.code;
        EXPECT_EQ(std::get<Refused>(outcome).failure, row.failure) << row.code;
        EXPECT_EQ(reason_of(outcome),
                  "ThingSpace answered HTTP 400: said no (" + std::string(row.code) + ")");
    }
}

TEST(ThingSpaceChange, the_status_of_a_throttled_call_is_a_setting) {
    const Account account = test_account({{"throttleStatus", 503}});
    const auto exchange = make(account, test_line("Active"), StatusChange{"Suspended"});
    http::ClientResponse response = answered(503);
    response.retry_after = seconds(7);
    const Outcome outcome = play_with(*exchange, response).outcome;
    ASSERT_EQ(kind_of(outcome), "not_sent");
    EXPECT_TRUE(std::get<NotSent>(outcome).whole_account);
    EXPECT_EQ(std::get<NotSent>(outcome).retry_after, seconds(7));
}

TEST(ThingSpaceChange, a_fault_that_names_one_line_of_a_shared_request_does_not_refuse_the_others) {
    const Account account = test_account();
    const auto exchange = make(account, test_line("Active"), StatusChange{"Suspended"});
    const Played played = play(*exchange, [&](const Call& call) {
        return call.shared ? ThingSpaceModel::error("REQUEST_FAILED.DeviceNotFound") : taken();
    });
    EXPECT_EQ(kind_of(played.outcome), "pending");
    ASSERT_EQ(played.calls.size(), 2u);
    EXPECT_EQ(played.calls[1].body, R"({"accountName":"0000123456-00001","devices":[{"deviceIds":)"
                                    R"([{"kind":"iccid","id":"89148000000000000011"}]}]})");
}

TEST(ThingSpaceChange, already_active_is_done_only_if_the_list_shows_the_plan) {
    struct Row {
        http::ClientResponse reading;
        std::string_view outcome;
    };
    const Row rows[] = {
        {answered(200, listed("Active", "m2m-5mb", "5550100123")), "applied"},
        {answered(200, listed("active", "M2M-50MB")), "refused"},
        {answered(200, listed("deactive")), "refused"},
        {answered(200, R"({"devices":[]})"), "refused"},
        {answered(403), "refused"},
        {answered(503), "not_sent"},
        {failed(http::Transport::timeout), "not_sent"},
        {answered(200, "<html>"), "not_sent"},
    };
    const Account account = test_account({{"devicesPerRequest", 1}});
    for (const Row& row : rows) {
        const auto exchange = make(account, test_line("Inventory"), activation());
        const Played played = play(*exchange, [&](const Call& call) {
            return call.changes_state ? ThingSpaceModel::error("REQUEST_FAILED.DeviceAlreadyActive")
                                      : row.reading;
        });
        ASSERT_EQ(kind_of(played.outcome), row.outcome) << row.reading.body;
        EXPECT_EQ(played.calls.size(), 2u);
        EXPECT_TRUE(exchange->progress().is_null() || row.outcome == "applied");
        if (row.outcome != "applied") continue;
        const auto& details = std::get<Applied>(played.outcome).details;
        EXPECT_EQ(details.at("alreadyInPlace"), true);
        EXPECT_EQ(details.at("msisdn"), "5550100123");
    }
}

// --- callbacks ---

TEST(ThingSpaceCallbacks, a_result_ends_the_waiting_without_a_call) {
    struct Row {
        base::json::array notices;
        std::string_view outcome;
    };
    const base::json::value ok = callback("Success", {{"suspendResponse", {{"x", 1}}}});
    const base::json::value no = callback("failed", nullptr, fault("REQUEST_FAILED", "Barred"));
    const Row rows[] = {
        {{ok}, "applied"},
        {{ok, ok, ok}, "applied"},
        {{callback("SUCCESS")}, "applied"},
        {{callback("success", base::json::object{}, base::json::object{})}, "applied"},
        {{callback("Success", {{"somethingNew", true}})}, "applied"},
        {{no}, "refused"},
        {{no, no}, "refused"},
        {{callback("Failure")}, "refused"},
        {{callback("", nullptr, fault("REQUEST_FAILED"))}, "refused"},
        {{callback("Success", nullptr, fault("INPUT_INVALID.X"))}, "refused"},
        {{callback("Failed", nullptr, fault("REQUEST_FAILED.DeviceNotFound"))}, "refused"},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        const auto exchange = make(account, test_line("Active"), StatusChange{"Suspended"},
                                   waiting(seconds(5), row.notices));
        const Outcome outcome = play(*exchange, never).outcome;
        EXPECT_EQ(kind_of(outcome), row.outcome) << serialize(row.notices);
        if (row.outcome != "refused") continue;
        EXPECT_TRUE(exchange->progress().is_null());
    }
    const auto exchange =
        make(account, test_line("Active"), StatusChange{"Suspended"}, waiting(seconds(5), {no}));
    EXPECT_EQ(reason_of(play(*exchange, never).outcome),
              "ThingSpace reported a failure: Barred (REQUEST_FAILED)");
}

TEST(ThingSpaceCallbacks, what_does_not_tell_the_end_leads_to_the_list) {
    const base::json::value ok = callback("Success", {{"suspendResponse", base::json::object{}}});
    base::json::value other_request = ok;
    other_request.at("requestId") = "another";
    base::json::value other_line = ok;
    other_line.at("deviceIds").at("id") = "89148000000000000029";
    const base::json::array all[] = {
        {},
        {other_request},
        {other_line},
        {callback("")},
        {callback("Pending")},
        {base::json::value("text"), nullptr, 7},
        {ok, callback("Failed", nullptr, fault("REQUEST_FAILED"))},
        {callback("Failed", nullptr, fault("DeviceState.Invalid"))},
        {callback("Failed", nullptr, fault("REQUEST_FAILED.UnexpectedError"))},
    };
    const Account account = test_account();
    for (const base::json::array& notices : all) {
        const auto done = make(account, test_line("Active"), StatusChange{"Suspended"},
                               waiting(seconds(2'000), notices));
        const Played seen = play_with(*done, answered(200, listed("Suspend")));
        EXPECT_EQ(kind_of(seen.outcome), "applied") << serialize(notices);
        ASSERT_EQ(seen.calls.size(), 1u);
        EXPECT_EQ(seen.calls[0].path, "/m2m/v1/devices/actions/list");
        EXPECT_EQ(seen.calls[0].body,
                  R"({"deviceId":{"kind":"iccid","id":"89148000000000000011"}})");
        EXPECT_FALSE(seen.calls[0].changes_state);
    }
}

TEST(ThingSpaceCallbacks, a_failure_of_the_carriers_own_is_unknown_until_the_list_has_settled) {
    const base::json::array notices = {
        callback("Failed", nullptr, fault("REQUEST_FAILED.UnexpectedError"))};
    const Account account = test_account();
    Attempt told = waiting(minutes(60), notices);
    told.settled = true;  // long ago, and yet a waiting exchange sends nothing
    const auto exchange = make(account, test_line("Active"), StatusChange{"Suspended"}, told);
    const Played played = play_with(*exchange, answered(200, listed("active")));
    EXPECT_EQ(kind_of(played.outcome), "unknown");

    Attempt attempt;
    attempt.resolving = attempt.settled = true;
    attempt.progress = exchange->progress();
    attempt.notices = notices;  // still there
    EXPECT_EQ(attempt.progress, base::json::value({{"action", "suspend"}, {"requests", 1}}));
    const auto again = make(account, test_line("Active"), StatusChange{"Suspended"}, attempt);
    const Played second = play(*again, [](const Call& call) {
        return call.changes_state ? taken() : answered(200, listed("active"));
    });
    EXPECT_EQ(kind_of(second.outcome), "pending");
    EXPECT_EQ(again->progress().at("requests"), 2);

    attempt.progress = {{"action", "suspend"}, {"requests", 3}};
    const auto last = make(account, test_line("Active"), StatusChange{"Suspended"}, attempt);
    EXPECT_EQ(kind_of(play_with(*last, answered(200, listed("active"))).outcome), "refused");
}

TEST(ThingSpaceCallbacks, an_activation_takes_over_number_and_address) {
    const base::json::value response = {
        {"activateResponse",
         {{"deviceIds",
           {{{"id", "5550100123"}, {"kind", "Mdn"}}, {{"id", "15550100123"}, {"kind", "msisdn"}}}},
          {"ipAddress", "10.20.30.40"}}}};
    for (const std::string form : {"mdn", "msisdn"}) {
        const Account account = test_account({{"phoneNumberForm", form}});
        const auto exchange =
            make(account, test_line("Inventory"), activation(),
                 waiting(seconds(5), {callback("Success", response)}, "activate"));
        const Outcome outcome = play(*exchange, never).outcome;
        ASSERT_EQ(kind_of(outcome), "applied");
        EXPECT_EQ(std::get<Applied>(outcome).details.at("msisdn"),
                  form == "mdn" ? "5550100123" : "15550100123");
        EXPECT_EQ(std::get<Applied>(outcome).details.at("ipAddress"), "10.20.30.40");
    }
}

TEST(ThingSpaceCallbacks, an_activation_without_a_number_asks_the_list_for_it) {
    struct Row {
        base::json::value notice;
        http::ClientResponse reading;
        std::string_view outcome;
        bool has_number;
    };
    const base::json::value proof =
        callback("Success", {{"activateResponse", {{"state", "active"}}}});
    const http::ClientResponse there = answered(200, listed("active", "M2M-5MB", "5550100777"));
    const Row rows[] = {
        {proof, there, "applied", true},
        {proof, answered(200, listed("pending activation")), "applied", false},
        {proof, answered(503), "applied", false},
        {callback("Success"), there, "applied", true},
        {callback("Success"), answered(200, listed("pending activation")), "pending", false},
        {callback("Success"), answered(503), "pending", false},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        const auto exchange = make(account, test_line("Inventory"), activation(),
                                   waiting(seconds(5), {row.notice}, "activate"));
        const Played played = play_with(*exchange, row.reading);
        ASSERT_EQ(kind_of(played.outcome), row.outcome) << row.reading.body;
        ASSERT_EQ(played.calls.size(), 1u);
        if (row.outcome != "applied") continue;
        EXPECT_EQ(std::get<Applied>(played.outcome).details.contains("msisdn"), row.has_number);
    }
}

// --- the deadline ---

TEST(ThingSpaceWaiting, the_list_tells_how_it_ended_once_the_deadline_has_passed) {
    struct Row {
        std::string status;
        std::string_view action;
        Action change;
        std::string body;
        std::string_view outcome;
    };
    const RatePlanChange plan{"M2M-10MB", "", {}};
    const Row rows[] = {
        {"Active", "suspend", StatusChange{"Suspended"}, listed("suspend"), "applied"},
        {"Active", "suspend", StatusChange{"Suspended"}, listed("active"), "pending"},
        {"Suspended", "restore", StatusChange{"Active"}, listed("ACTIVE", "any"), "applied"},
        {"Suspended", "restore", StatusChange{"Active"}, listed("suspend"), "pending"},
        // Our record may say otherwise by now; what was asked for stays.
        {"Active", "restore", StatusChange{"Active"}, listed("active", "any"), "applied"},
        {"Active", "deactivate", StatusChange{"Deactivated"}, listed("Deactive"), "applied"},
        {"Active", "deactivate", StatusChange{"Deactivated"}, R"({"devices":[]})", "pending"},
        {"Inventory", "activate", activation(), listed("active", "M2M-5MB"), "applied"},
        {"Inventory", "activate", activation(), listed("active", "OTHER"), "pending"},
        {"Inventory", "activate", activation(), listed("Pending Activation", "P"), "pending"},
        {"Inventory", "activate", activation(), listed("Pre-active"), "pending"},
        {"Active", "plan", plan, listed("active", "m2m-10mb"), "applied"},
        {"Active", "plan", plan, listed("active", "M2M-5MB"), "pending"},
        {"Active", "suspend", StatusChange{"Suspended"}, R"({"devices":7})", "pending"},
        {"Active", "suspend", StatusChange{"Suspended"}, R"({"devices":{}})", "pending"},
        {"Active", "suspend", StatusChange{"Suspended"},
         listed("suspend", "", "", "89148000000000000029"), "pending"},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        const auto exchange =
            make(account, test_line(row.status), row.change, waiting(minutes(30), {}, row.action));
        const Played played = play_with(*exchange, answered(200, row.body));
        EXPECT_EQ(kind_of(played.outcome), row.outcome) << row.body;
        EXPECT_EQ(played.calls.size(), 1u);
        if (row.outcome != "pending") continue;
        EXPECT_EQ(std::get<Pending>(played.outcome).reference, kRequest);
        EXPECT_EQ(exchange->progress().at("requestId"), kRequest);
    }
}

TEST(ThingSpaceWaiting, another_accounts_line_is_not_ours) {
    const Account account = test_account();
    base::json::value body = *base::parse_json(listed("suspend"));
    body.at("devices").at(0).as_object()["accountName"] = "0000999999-00001";
    const auto exchange =
        make(account, test_line("Active"), StatusChange{"Suspended"}, waiting(minutes(30)));
    EXPECT_EQ(kind_of(play_with(*exchange, answered(200, serialize(body))).outcome), "pending");
}

TEST(ThingSpaceWaiting, waits_grow_until_it_is_given_up_and_never_sent_again) {
    const Account account = test_account();
    seconds before{0};
    for (const seconds ago : {seconds(minutes(30)), seconds(hours(1)), seconds(hours(6))}) {
        const auto exchange =
            make(account, test_line("Active"), StatusChange{"Suspended"}, waiting(ago));
        const Outcome outcome = play_with(*exchange, answered(200, listed("active"))).outcome;
        ASSERT_EQ(kind_of(outcome), "pending");
        EXPECT_GT(std::get<Pending>(outcome).ask_again_after, before);
        before = std::get<Pending>(outcome).ask_again_after;
    }
    for (const bool resolving : {false, true}) {
        Attempt attempt = waiting(hours(24));
        attempt.waiting = !resolving;
        attempt.resolving = attempt.settled = resolving;
        const auto exchange =
            make(account, test_line("Active"), StatusChange{"Suspended"}, attempt);
        const Played played = play_with(*exchange, answered(200, listed("active")));
        EXPECT_EQ(kind_of(played.outcome), "unknown");
        EXPECT_EQ(played.calls.size(), 1u);
        EXPECT_NE(reason_of(played.outcome).find("listed as active"), std::string::npos);
    }
}

TEST(ThingSpaceWaiting, without_the_age_of_the_request_the_time_of_its_acceptance_counts) {
    const Account account = test_account();
    Attempt attempt = waiting(seconds(0));
    attempt.sent_ago.reset();
    attempt.progress.as_object()["acceptedAt"] = base::to_iso8601(attempt.now - hours(25));
    const auto exchange = make(account, test_line("Active"), StatusChange{"Suspended"}, attempt);
    EXPECT_EQ(kind_of(play_with(*exchange, answered(200, listed("active"))).outcome), "unknown");
}

TEST(ThingSpaceWaiting, a_reading_that_fails_leaves_the_device_waiting) {
    const http::ClientResponse all[] = {answered(401),
                                        answered(403, "<fault/>"),
                                        answered(500),
                                        answered(502, "<html>"),
                                        answered(200, R"({"devices":)"),
                                        answered(200, "<html>"),
                                        ThingSpaceModel::error("REQUEST_FAILED.UnexpectedError"),
                                        failed(http::Transport::not_sent),
                                        failed(http::Transport::timeout),
                                        failed(http::Transport::lost)};
    const Account account = test_account();
    for (const http::ClientResponse& response : all) {
        const auto exchange =
            make(account, test_line("Active"), StatusChange{"Suspended"}, waiting(minutes(30)));
        EXPECT_EQ(kind_of(play_with(*exchange, response).outcome), "pending") << response.status;
        EXPECT_FALSE(exchange->progress().is_null());
    }
    http::ClientResponse throttled = answered(429);
    throttled.retry_after = hours(2);
    const auto exchange =
        make(account, test_line("Active"), StatusChange{"Suspended"}, waiting(minutes(30)));
    const Outcome outcome = play_with(*exchange, throttled).outcome;
    ASSERT_EQ(kind_of(outcome), "not_sent");
    EXPECT_TRUE(std::get<NotSent>(outcome).whole_account);
    EXPECT_EQ(exchange->progress().at("requestId"), kRequest);
}

TEST(ThingSpaceWaiting, a_request_of_one_line_is_asked_for_its_status_first) {
    struct Row {
        std::string_view action;
        Action change;
        std::string_view status;
        std::string_view state;
        std::string_view outcome;
        std::size_t calls;
    };
    const Row rows[] = {
        {"suspend", StatusChange{"Suspended"}, "Success", "active", "applied", 1},
        {"suspend", StatusChange{"Suspended"}, "PENDING", "active", "pending", 1},
        {"suspend", StatusChange{"Suspended"}, "Failed", "active", "refused", 2},
        {"suspend", StatusChange{"Suspended"}, "Failure", "suspend", "applied", 2},
        {"suspend", StatusChange{"Suspended"}, "", "active", "pending", 2},
        {"activate", activation(), "Success", "active", "applied", 2},
        {"activate", activation(), "Success", "preactive", "applied", 2},
        {"plan", RatePlanChange{"P", "", {}}, "Success", "active", "pending", 1},
    };
    const Account account = test_account({{"devicesPerRequest", 1}});
    for (const Row& row : rows) {
        const auto exchange =
            make(account, test_line("Active"), row.change, waiting(minutes(30), {}, row.action));
        const Played played = play(*exchange, [&](const Call& call) {
            if (call.operation == "Look Up Line") return answered(200, listed(row.state));
            EXPECT_EQ(call.path, "/m2m/v1/accounts/0000123456-00001/requests/" +
                                     std::string(kRequest) + "/status");
            return answered(200, R"({"status":")" + std::string(row.status) + "\"}");
        });
        EXPECT_EQ(kind_of(played.outcome), row.outcome) << row.action << row.status;
        EXPECT_EQ(played.calls.size(), row.calls) << row.action << row.status;
    }
}

// --- a lost answer ---

TEST(ThingSpaceResolving, the_list_is_read_before_anything_is_sent) {
    struct Row {
        http::ClientResponse reading;
        bool settled;
        std::string_view outcome;
        std::size_t calls;
    };
    const Row rows[] = {
        {answered(200, listed("suspend")), false, "applied", 1},
        {answered(200, listed("suspend")), true, "applied", 1},
        {answered(200, listed("active")), false, "unknown", 1},
        {answered(200, listed("active")), true, "pending", 2},
        {answered(200, listed("pending activation")), true, "unknown", 1},
        {answered(200, R"({"devices":[]})"), false, "unknown", 1},
        {answered(200, R"({"devices":[]})"), true, "pending", 2},
        {ThingSpaceModel::error("REQUEST_FAILED.DeviceNotFound"), true, "pending", 2},
        {answered(200, "<html>"), true, "unknown", 1},
        {answered(401), true, "unknown", 1},
        {answered(429), true, "unknown", 1},
        {answered(500), true, "unknown", 1},
        {failed(http::Transport::not_sent), true, "unknown", 1},
        {failed(http::Transport::timeout), true, "unknown", 1},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        Attempt attempt;
        attempt.resolving = true;
        attempt.settled = row.settled;
        const auto exchange =
            make(account, test_line("Active"), StatusChange{"Suspended"}, attempt);
        const Played played = play(*exchange, [&](const Call& call) {
            return call.changes_state ? taken() : row.reading;
        });
        EXPECT_EQ(kind_of(played.outcome), row.outcome) << row.reading.body << row.settled;
        ASSERT_EQ(played.calls.size(), row.calls);
        EXPECT_FALSE(played.calls[0].changes_state);
    }
}

// --- the sweep ---

struct Plan {
    int first_call;
    Cut first;
    int second_call;  // counted over all attempts; -1: none
    Cut second;
    bool callbacks_come;
    std::string name() const {
        return "call " + std::to_string(first_call) + " fault " +
               std::to_string(static_cast<int>(first)) + ", call " + std::to_string(second_call) +
               " fault " + std::to_string(static_cast<int>(second)) +
               (callbacks_come ? " with" : " without") + " callbacks";
    }
};

struct Story {
    Outcome outcome = Unknown{"not finished"};
    int calls = 0;
    bool sent_too_early = false;
};

struct Scenario {
    std::string_view name;
    ThingSpaceModel model;
    Line line;
    Action action;
};

constexpr int kMaxAttempts = 14;

// What the engine does: wait for the result, try again, read back first when the outcome is
// unknown, before the settling time and after it; after a crash without what the dead attempt
// learned.
Story live_through(const Scenario& scenario, ThingSpaceModel& model, const Plan& plan) {
    Story story;
    const Account account = test_account();
    Attempt attempt;
    attempt.now = base::Instant(kNow);
    for (int i = 0; i < kMaxAttempts; ++i) {
        const auto exchange = make(account, scenario.line, scenario.action, attempt);
        const int before = model.requests_taken;
        bool crashed = false;
        const Played played =
            play(*exchange, [&](const Call& call) -> std::optional<http::ClientResponse> {
                Cut cut = Cut::none;
                if (story.calls == plan.first_call) cut = plan.first;
                if (story.calls == plan.second_call) cut = plan.second;
                ++story.calls;
                auto response = model.answer(call, cut);
                crashed = !response;
                return response;
            });
        const bool may_send = !attempt.waiting && (!attempt.resolving || attempt.settled);
        if (!may_send && model.requests_taken != before) story.sent_too_early = true;
        story.outcome = played.outcome;
        const std::string_view kind = kind_of(played.outcome);
        if (kind == "applied" || kind == "refused") return story;
        if (!crashed) attempt.progress = exchange->progress();
        if (crashed && !attempt.waiting) attempt.progress = nullptr;
        // Throttled while it asked for the result: it goes on waiting.
        if (attempt.waiting && kind == "not_sent") continue;
        const bool is_unknown = kind == "unknown" || (kind == "not_sent" && attempt.resolving);
        attempt.settled = is_unknown && attempt.resolving && !attempt.settled && !crashed;
        attempt.resolving = is_unknown;
        attempt.waiting = kind == "pending";
        // The carrier works at its own pace; by the settling time it has done what it took.
        if (attempt.waiting || attempt.settled) model.let_time_pass();
        if (attempt.waiting && plan.callbacks_come) attempt.notices = model.callbacks;
    }
    return story;
}

std::vector<Scenario> scenarios() {
    ThingSpaceModel off;
    ThingSpaceModel on;
    on.state = "active", on.plan = "M2M-5MB", on.mdn = "5550100001";
    ThingSpaceModel held = on;
    held.state = "suspend";
    ThingSpaceModel barred = on;
    barred.fails_with = "REQUEST_FAILED", barred.fails_left = 100;
    ThingSpaceModel shaky = on;
    shaky.fails_with = "REQUEST_FAILED.UnexpectedError", shaky.fails_left = 1;
    return {
        {"activate", off, test_line("Inventory"), activation()},
        {"activate what is active", on, test_line("Inventory"), activation()},
        {"restore", held, test_line("Suspended"), StatusChange{"Active"}},
        {"suspend", on, test_line("Active"), StatusChange{"Suspended"}},
        {"deactivate", on, test_line("Active"), StatusChange{"Deactivated"}},
        {"change the plan", on, test_line("Active"), RatePlanChange{"M2M-10MB", "", {}}},
        {"suspend, barred", barred, test_line("Active"), StatusChange{"Suspended"}},
        {"suspend, failing once", shaky, test_line("Active"), StatusChange{"Suspended"}},
    };
}

bool is_done(const Scenario& scenario, const ThingSpaceModel& model) {
    if (std::holds_alternative<RatePlanChange>(scenario.action)) return model.plan == "M2M-10MB";
    const std::string& target = std::get<StatusChange>(scenario.action).target;
    if (target == "Suspended") return model.state == "suspend";
    if (target == "Deactivated") return model.state == "deactive";
    return model.state == "active";
}

void check_end(const Scenario& scenario, const ThingSpaceModel& model, const Story& story,
               const Plan& plan) {
    EXPECT_LE(model.carried_out, 1);
    EXPECT_FALSE(story.sent_too_early);
    const std::string_view kind = kind_of(story.outcome);
    if (kind == "applied") {
        EXPECT_TRUE(is_done(scenario, model));
    } else if (kind == "refused") {
        EXPECT_EQ(model.carried_out, 0) << reason_of(story.outcome);
    } else {
        // Without a callback a failure is never told: it waits, and is given up as unknown.
        EXPECT_TRUE(!plan.callbacks_come && model.fails_with != "")
            << kind << reason_of(story.outcome);
    }
    const auto* applied = std::get_if<Applied>(&story.outcome);
    if (applied != nullptr && scenario.name == "activate") {
        ASSERT_TRUE(applied->details.contains("msisdn"));
        EXPECT_EQ(applied->details.at("msisdn"), model.mdn.c_str());
    }
}

TEST(ThingSpaceSweep, undisturbed_each_change_ends_as_it_should) {
    for (const Scenario& scenario : scenarios()) {
        ThingSpaceModel model = scenario.model;
        const Plan plan{-1, Cut::none, -1, Cut::none, true};
        const Story story = live_through(scenario, model, plan);
        SCOPED_TRACE(scenario.name);
        EXPECT_EQ(kind_of(story.outcome),
                  scenario.name == "suspend, barred" ? "refused" : "applied");
        check_end(scenario, model, story, plan);
    }
}

TEST(ThingSpaceSweep, cut_twice_at_any_call_by_anything_it_ends_well) {
    int stories = 0;
    for (const Scenario& scenario : scenarios()) {
        for (const bool callbacks_come : {true, false}) {
            for (int first = 0; first < 4; ++first) {
                for (int cut = 1; cut < kFaults; ++cut) {
                    for (int second = first + 1; second < first + 6; ++second) {
                        for (int again = 0; again < kFaults; ++again) {
                            const Plan plan{first, static_cast<Cut>(cut), second,
                                            static_cast<Cut>(again), callbacks_come};
                            SCOPED_TRACE(std::string(scenario.name) + ": " + plan.name());
                            ThingSpaceModel model = scenario.model;
                            const Story story = live_through(scenario, model, plan);
                            check_end(scenario, model, story, plan);
                            ++stories;
                            if (HasFailure()) return;
                        }
                    }
                }
            }
        }
    }
    EXPECT_GT(stories, 50'000);
}

}  // namespace
}  // namespace carryall::carriers::thingspace
