// How a change that was sent ends: by callbacks, by the list after the deadline, after a lost
// answer.
#include "carriers/thingspace/change_tools_test.hpp"

namespace carryall::carriers::thingspace {
namespace {

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
        EXPECT_EQ(seen.calls[0].operation, "Look Up Lines");
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
        // A line that is not among its group is asked for by itself.
        const bool is_there = row.body.find(kIccid) != std::string::npos;
        EXPECT_EQ(played.calls.size(), is_there ? 1u : 2u) << row.body;
        if (row.outcome != "pending") continue;
        EXPECT_EQ(std::get<Pending>(played.outcome).reference, kRequest);
        EXPECT_EQ(exchange->progress().at("requestId"), kRequest);
    }
}

TEST(ThingSpaceWaiting, lines_with_numbers_near_each_other_are_read_by_one_question) {
    const Account account = test_account();
    Line near = test_line("Active");
    near.iccid.back() = '8';
    Call first;
    for (const Line& line : {test_line("Active"), near}) {
        const auto exchange = make(account, line, StatusChange{"Suspended"}, waiting(minutes(30)));
        base::json::value both = *base::parse_json(listed("active"));
        const base::json::value more = *base::parse_json(listed("suspend", "", "", near.iccid));
        both.at("devices").as_array().push_back(more.at("devices").at(0));
        const Played played = play_with(*exchange, answered(200, serialize(both)));
        EXPECT_EQ(kind_of(played.outcome), line.iccid == near.iccid ? "applied" : "pending");
        ASSERT_EQ(played.calls.size(), 1U);
        const Call& call = played.calls[0];
        ASSERT_TRUE(call.shared.has_value());
        EXPECT_TRUE(call.shared->item.empty());
        EXPECT_FALSE(call.changes_state);
        EXPECT_TRUE(first.body.empty() || call.body == first.body) << call.body;
        first = call;
    }
    EXPECT_EQ(first.body,
              R"({"accountName":"0000123456-00001","filter":{"deviceIdentifierFilters":)"
              R"([{"kind":"iccid","startswith":"89148000000000000"}]}})");
}

TEST(ThingSpaceResolving, only_the_lines_own_list_lets_a_request_be_sent_again) {
    const Account account = test_account();
    Attempt attempt;
    attempt.resolving = attempt.settled = true;
    for (const std::string& group : {listed("active"), std::string(R"({"devices":[]})"),
                                     R"({"hasMoreData":true,)" + listed("suspend").substr(1)}) {
        const auto exchange =
            make(account, test_line("Active"), StatusChange{"Suspended"}, attempt);
        const Played played = play(*exchange, [&](const Call& call) {
            return answered(200, call.shared ? group : listed("suspend"));
        });
        EXPECT_EQ(kind_of(played.outcome), "applied") << group;
        ASSERT_EQ(played.calls.size(), 2U);
        EXPECT_EQ(played.calls[1].body,
                  R"({"deviceId":{"kind":"iccid","id":"89148000000000000011"}})");
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
        {answered(200, listed("active")), false, "unknown", 2},
        {answered(200, listed("active")), true, "pending", 3},
        {answered(200, listed("pending activation")), true, "unknown", 2},
        {answered(200, R"({"devices":[]})"), false, "unknown", 2},
        {answered(200, R"({"devices":[]})"), true, "pending", 3},
        {ThingSpaceModel::error("REQUEST_FAILED.DeviceNotFound"), true, "pending", 3},
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

}  // namespace
}  // namespace carryall::carriers::thingspace
