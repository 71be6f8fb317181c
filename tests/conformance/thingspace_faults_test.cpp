// ThingSpace over sockets: faults at every call, sessions that end in mid-run, and the inventory.
#include <map>
#include <set>

#include "conformance/thingspace_fixture.hpp"

namespace carryall::conformance {
namespace {

constexpr std::string_view kFaults[] = {"reset_before",
                                        "execute_then_reset",
                                        "execute_then_500",
                                        "execute_then_hang",
                                        "500",
                                        "503",
                                        "429",
                                        "malformed_json",
                                        "html_200",
                                        "html_502",
                                        "xml_403",
                                        "truncated",
                                        "wrong_type",
                                        "error_in_200"};

// --- faults ---

TEST_F(ThingSpaceConformance, nothing_is_done_twice_by_any_fault_at_the_request) {
    for (const std::string_view fault : kFaults) {
        SetUp();
        listen();
        load(3);
        simulator_->fail_once("thingspace", "suspend", fault);
        auto all = devices(3, StatusChange{"Suspended"});
        run(all);
        const bool is_final = fault == "xml_403";
        for (int i = 0; i < 3; ++i) {
            const SmallDevice& device = all[static_cast<std::size_t>(i)];
            EXPECT_EQ(device.kind(), is_final ? "refused" : "applied")
                << fault << ' ' << carriers::reason_of(device.outcome);
            EXPECT_EQ(state(i), is_final ? "active" : "suspend") << fault;
        }
        EXPECT_EQ(done("device_suspend"), is_final ? 0 : 3) << fault;
    }
}

TEST_F(ThingSpaceConformance, an_activation_survives_every_fault) {
    for (const std::string_view fault : kFaults) {
        if (fault == "xml_403") continue;  // refuses, see above
        SetUp();
        listen();
        load(1, "preactive");
        simulator_->fail_once("thingspace", "activate", fault);
        const carriers::Outcome outcome = run(line(0, "Inventory"), activation());
        expect_applied(outcome, fault);
        EXPECT_EQ(done("device_activate"), 1) << fault;
        if (carriers::kind_of(outcome) != "applied") continue;
        EXPECT_EQ(std::get<carriers::Applied>(outcome).details.at("msisdn"), truth().at("mdn"));
    }
}

TEST_F(ThingSpaceConformance, a_reading_that_goes_wrong_is_made_again) {
    for (const std::string_view fault : kFaults) {
        SetUp();
        load(1);  // no callbacks
        simulator_->fail_once("thingspace", "list", fault);
        expect_applied(run(line(0), RatePlanChange{"M2M-10MB", "", {}}), fault);
        EXPECT_EQ(done("device_plan"), 1) << fault;
    }
}

TEST_F(ThingSpaceConformance, a_stale_list_never_leads_to_a_second_request) {
    load(1);
    simulator_->post("faults", {{"system", "thingspace"},
                                {"seed", 1},
                                {"rules",
                                 {{{"fault", "stale_read"},
                                   {"match", {{"action", "list"}}},
                                   {"milliseconds", 3'600'000}}}}});
    const carriers::Outcome waiting = run(line(0), StatusChange{"Suspended"});
    EXPECT_EQ(carriers::kind_of(waiting), "pending");
    EXPECT_EQ(done("suspend"), 1);
    // An answer that was lost, and a carrier that has not settled: read, and nothing more.
    auto all = devices(1, StatusChange{"Suspended"});
    all[0].attempt.resolving = true;
    engine_->attempt(all);
    EXPECT_EQ(all[0].kind(), "unknown");
    EXPECT_EQ(done("suspend"), 1);
}

TEST_F(ThingSpaceConformance, a_dead_list_leaves_everything_open) {
    load(1);
    simulator_->post("faults", {{"system", "thingspace"},
                                {"seed", 1},
                                {"rules", {{{"fault", "503"}, {"match", {{"action", "list"}}}}}}});
    EXPECT_EQ(carriers::kind_of(run(line(0), StatusChange{"Suspended"})), "pending");
    auto all = devices(1, StatusChange{"Suspended"});
    all[0].attempt.resolving = all[0].attempt.settled = true;
    engine_->attempt(all);
    EXPECT_EQ(all[0].kind(), "unknown");
    EXPECT_EQ(done("suspend"), 1);
}

TEST_F(ThingSpaceConformance, a_throttled_request_pauses_the_account_for_as_long_as_it_is_told) {
    for (const int hint : {0, 7}) {
        SetUp();
        load(1);
        knobs({{"requestsPerSecond", 1}, {"retryAfterSeconds", hint}});
        auto all = devices(1, StatusChange{"Suspended"});
        // The login used up the second; the clock stands still.
        for (int i = 0; i < 4 && all[0].kind() != "not_sent"; ++i) {
            all = devices(1, StatusChange{"Suspended"});
            engine_->attempt(all);
        }
        ASSERT_EQ(all[0].kind(), "not_sent") << engine_->last_problem();
        const auto& not_sent = std::get<carriers::NotSent>(all[0].outcome);
        EXPECT_EQ(not_sent.retry_after,
                  hint == 0 ? std::nullopt : std::optional(std::chrono::seconds(hint)));
    }
}

// --- sessions ---

TEST_F(ThingSpaceConformance, a_session_that_ends_in_mid_run_is_renewed_unseen) {
    load(3);
    open({{"devicesPerRequest", 1}});
    ASSERT_TRUE(std::holds_alternative<carriers::SignedIn>(engine_->sign_in("")));
    const std::int64_t logins = asked("login");
    const std::int64_t tokens = asked("token");
    simulator_->post("thingspace/expire", {{"sessions", true}});
    auto all = devices(3, StatusChange{"Suspended"});
    run(all);
    for (const SmallDevice& device : all) expect_applied(device.outcome);
    EXPECT_EQ(asked("login"), logins + 1);
    EXPECT_EQ(asked("token"), tokens);
    EXPECT_EQ(done("device_suspend"), 3);
}

TEST_F(ThingSpaceConformance, a_token_that_ends_in_mid_run_is_renewed_and_the_session_stays) {
    load(3);
    ASSERT_TRUE(std::holds_alternative<carriers::SignedIn>(engine_->sign_in("")));
    const std::int64_t logins = asked("login");
    simulator_->post("thingspace/expire", {{"tokens", true}});
    auto all = devices(3, StatusChange{"Suspended"});
    run(all);
    for (const SmallDevice& device : all) expect_applied(device.outcome);
    EXPECT_EQ(asked("login"), logins);
}

TEST_F(ThingSpaceConformance, a_session_and_its_token_that_end_together_are_both_renewed) {
    load(1);
    ASSERT_TRUE(std::holds_alternative<carriers::SignedIn>(engine_->sign_in("")));
    simulator_->post("thingspace/expire", {{"sessions", true}, {"tokens", true}});
    auto all = devices(1, StatusChange{"Suspended"});
    run(all);
    expect_applied(all[0].outcome);
    EXPECT_EQ(done("device_suspend"), 1);
}

TEST_F(ThingSpaceConformance, a_wrong_password_is_put_forward_once) {
    open({}, {{"password", "wrong"}});
    const std::int64_t logins = asked("login");
    const auto end = engine_->sign_in("");
    ASSERT_TRUE(std::holds_alternative<carriers::SignInFailed>(end));
    EXPECT_TRUE(std::get<carriers::SignInFailed>(end).wrong_credentials);
    EXPECT_EQ(asked("login"), logins + 1);
}

TEST_F(ThingSpaceConformance, a_wrong_app_secret_is_told_before_any_login) {
    open({}, {{"appSecret", "wrong"}});
    const std::int64_t logins = asked("login");
    const auto end = engine_->sign_in("");
    ASSERT_TRUE(std::holds_alternative<carriers::SignInFailed>(end));
    EXPECT_TRUE(std::get<carriers::SignInFailed>(end).wrong_credentials) << engine_->last_problem();
    EXPECT_EQ(asked("login"), logins);
}

TEST_F(ThingSpaceConformance, a_sign_in_that_is_disturbed_is_no_reason_to_give_up_the_credentials) {
    for (const std::string_view action : {"token", "login"}) {
        for (const std::string_view fault :
             {"500", "429", "html_502", "xml_403", "reset_before", "truncated"}) {
            open({});
            simulator_->fail_once("thingspace", action, fault);
            const auto end = engine_->sign_in("");
            ASSERT_TRUE(std::holds_alternative<carriers::SignInFailed>(end)) << action << fault;
            EXPECT_FALSE(std::get<carriers::SignInFailed>(end).wrong_credentials)
                << action << fault << engine_->last_problem();
            EXPECT_TRUE(std::holds_alternative<carriers::SignedIn>(engine_->sign_in("")));
        }
    }
}

// --- inventory ---

struct Inventory {
    std::set<std::string> iccids;
    std::size_t lines = 0;
    std::vector<std::string> plans;
    std::map<std::string, int> by_status;
    int pages = 0;
    int failures = 0;
};

// As a sync does: a transient failure is followed by a reading from where the last page ended.
Inventory read_all(SmallEngine& engine, const carriers::Account& account) {
    Inventory all;
    carriers::InventoryScope scope;
    for (int tries = 0; tries < 5; ++tries) {
        const auto reading = thingspace().read_inventory(account, scope);
        carriers::InventoryStep step = reading->next();
        while (!std::holds_alternative<carriers::InventoryFailed>(step)) {
            if (const auto* calls = std::get_if<std::vector<carriers::Call>>(&step)) {
                std::vector<http::ClientResponse> answers;
                for (const carriers::Call& call : *calls) answers.push_back(engine.send(call));
                step = reading->proceed(answers);
                continue;
            }
            const auto& page = std::get<carriers::InventoryPage>(step);
            ++all.pages;
            for (const auto& one : page.lines) {
                all.iccids.insert(one.iccid.value_or(""));
                ++all.by_status[one.status.value_or("")];
                ++all.lines;
            }
            for (const auto& one : page.plans) all.plans.push_back(one.code);
            if (page.is_last) return all;
            scope.resume = page.resume;
            step = reading->next();
        }
        ++all.failures;
        const auto& failed = std::get<carriers::InventoryFailed>(step);
        EXPECT_EQ(failed.failure, carriers::FailureClass::transient) << failed.reason;
    }
    return all;
}

TEST_F(ThingSpaceConformance, the_whole_inventory_is_read_page_by_page) {
    for (const bool with_ids : {true, false}) {
        SetUp();
        load(53);
        knobs({{"pageCap", 10}, {"deviceIdAttribute", with_ids}, {"kindCase", "vary"}});
        simulator_->post("thingspace/line/" + iccid(7), {{"state", "suspend"}});
        simulator_->post("thingspace/line/" + iccid(8), {{"state", "deactive"}});
        simulator_->post("thingspace/line/" + iccid(9), {{"state", "preactive"}});
        const Inventory all = read_all(*engine_, account_);
        EXPECT_EQ(all.iccids.size(), 53u) << with_ids;
        EXPECT_EQ(all.lines, 53u) << with_ids;
        EXPECT_GE(all.pages, 6);
        EXPECT_EQ(all.by_status.at("Active"), 50);
        EXPECT_EQ(all.by_status.at("Suspended"), 1);
        EXPECT_EQ(all.by_status.at("Deactivated"), 1);
        EXPECT_EQ(all.by_status.at("Inventory"), 1);
        EXPECT_EQ(std::count(all.plans.begin(), all.plans.end(), "M2M-5MB"), 1);
    }
}

TEST_F(ThingSpaceConformance, a_reading_that_is_disturbed_goes_on_after_the_last_page) {
    for (const std::string_view fault :
         {"reset_before", "503", "429", "malformed_json", "html_200", "truncated"}) {
        SetUp();
        load(25);
        knobs({{"pageCap", 10}});
        const base::json::object rule = {
            {"fault", fault}, {"match", {{"action", "list"}, {"everyNth", 2}}}, {"limit", 1}};
        simulator_->post(
            "faults", {{"system", "thingspace"}, {"seed", 1}, {"rules", base::json::array{rule}}});
        const Inventory all = read_all(*engine_, account_);
        EXPECT_EQ(all.iccids.size(), 25u) << fault;
        EXPECT_EQ(all.lines, 25u) << fault;
        EXPECT_EQ(all.failures, 1) << fault;
    }
}

}  // namespace
}  // namespace carryall::conformance
