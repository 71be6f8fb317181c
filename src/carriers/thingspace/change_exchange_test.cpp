// One change: what is sent, and every answer to it.
#include "carriers/thingspace/change_tools_test.hpp"

namespace carryall::carriers::thingspace {
namespace {

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
    std::vector<std::optional<std::size_t>> most;
    const Played played = play(*exchange, [&](const Call& call) {
        most.push_back(call.shared->most);
        exchange->shared_by(call.shared->most.value_or(21), 0);
        return most.size() < 3 ? ThingSpaceModel::error("REQUEST_FAILED.DeviceNotFound") : taken();
    });
    EXPECT_EQ(kind_of(played.outcome), "pending");
    using Most = std::optional<std::size_t>;
    EXPECT_EQ(most, (std::vector<Most>{{}, 6U, 2U})) << "a quarter each time";
}

TEST(ThingSpaceChange, a_line_whose_request_was_for_it_only_is_refused) {
    const Account account = test_account();
    const auto exchange = make(account, test_line("Active"), StatusChange{"Suspended"});
    const Played played = play(*exchange, [&](const Call& call) {
        exchange->shared_by(call.shared->most.value_or(2), 0);
        return ThingSpaceModel::error("REQUEST_FAILED.DeviceNotFound");
    });
    EXPECT_EQ(kind_of(played.outcome), "refused");
    EXPECT_EQ(played.calls.size(), 2U);
}

TEST(ThingSpaceChange, only_what_proves_that_nothing_was_done_is_sent_again_in_parts) {
    const Account account = test_account();
    for (const http::ClientResponse& answer :
         {ThingSpaceModel::error("REQUEST_FAILED.UnexpectedError"), answered(502),
          answered(200, "{}"), failed(http::Transport::timeout)}) {
        const auto exchange = make(account, test_line("Active"), StatusChange{"Suspended"});
        const Played played = play(*exchange, [&](const Call&) {
            exchange->shared_by(8, 0);
            return answer;
        });
        EXPECT_EQ(kind_of(played.outcome), "unknown");
        EXPECT_EQ(played.calls.size(), 1U);
    }
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

}  // namespace
}  // namespace carryall::carriers::thingspace
