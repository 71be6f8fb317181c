// ThingSpace over sockets: each action, what the carrier refuses, and results by callback and by
// the list.
#include "conformance/thingspace_fixture.hpp"

namespace carryall::conformance {
namespace {

// --- each action ---

TEST_F(ThingSpaceConformance, an_activation_gives_number_and_address) {
    listen();
    load(1, "preactive");
    const carriers::Outcome outcome = run(line(0, "Inventory"), activation());
    expect_applied(outcome);
    EXPECT_EQ(state(), "active");
    const auto& details = std::get<carriers::Applied>(outcome).details;
    EXPECT_EQ(details.at("msisdn"), truth().at("mdn"));
    EXPECT_TRUE(details.contains("ipAddress"));
    EXPECT_EQ(done("device_activate"), 1);
}

TEST_F(ThingSpaceConformance, a_deactivated_line_is_activated_with_another_number) {
    listen();
    load(1);
    const std::string before(truth().at("mdn").as_string());
    expect_applied(run(line(0), StatusChange{"Deactivated"}));
    EXPECT_EQ(state(), "deactive");
    const carriers::Outcome outcome = run(line(0, "Deactivated"), activation());
    expect_applied(outcome);
    EXPECT_NE(std::get<carriers::Applied>(outcome).details.at("msisdn"), before.c_str());
}

TEST_F(ThingSpaceConformance, a_line_is_suspended_and_restored) {
    listen();
    load(1);
    expect_applied(run(line(0), StatusChange{"Suspended"}));
    EXPECT_EQ(state(), "suspend");
    expect_applied(run(line(0, "Suspended"), StatusChange{"Active"}));
    EXPECT_EQ(state(), "active");
    EXPECT_EQ(done("restore"), 1);
    EXPECT_EQ(done("activate"), 0);
}

TEST_F(ThingSpaceConformance, a_plan_change_is_known_by_its_code) {
    listen();
    load(1);
    expect_applied(run(line(0), RatePlanChange{"M2M-10MB", "", {}}));
    EXPECT_EQ(plan(), "M2M-10MB");
}

TEST_F(ThingSpaceConformance, many_lines_share_a_request_and_each_has_its_own_result) {
    listen({{"devicesPerRequest", 100}});
    load(250);
    auto all = devices(250, StatusChange{"Suspended"});
    run(all);
    for (const SmallDevice& device : all) expect_applied(device.outcome, device.line.iccid);
    EXPECT_EQ(done("suspend"), 3);
    EXPECT_EQ(done("device_suspend"), 250);
}

// --- what the carrier refuses ---

TEST_F(ThingSpaceConformance, a_line_that_the_network_refuses_does_not_hold_up_the_others) {
    listen();
    load(10);
    knobs({{"failSuffix", iccid(3).substr(15)}});
    auto all = devices(10, StatusChange{"Suspended"});
    run(all);
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i].kind(), i == 3 ? "refused" : "applied") << i;
    }
    EXPECT_FALSE(carriers::reason_of(all[3].outcome).empty());
    EXPECT_EQ(state(3), "active");
}

TEST_F(ThingSpaceConformance, an_unknown_line_is_refused_alone) {
    listen();
    load(3);
    auto all = devices(5, StatusChange{"Suspended"});  // 3 and 4 do not exist
    run(all);
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i].kind(), i < 3 ? "applied" : "refused") << i;
    }
}

TEST_F(ThingSpaceConformance, an_identifier_that_spoils_the_request_is_refused_alone) {
    listen();
    load(3);
    auto all = devices(4, StatusChange{"Suspended"});
    all[3].line.iccid = "7714800000000000123";  // no ICCID begins so
    run(all);
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i].kind(), i < 3 ? "applied" : "refused")
            << i << carriers::reason_of(all[i].outcome);
    }
    for (int i = 0; i < 3; ++i) EXPECT_EQ(state(i), "suspend");
}

TEST_F(ThingSpaceConformance, an_unknown_plan_is_refused_for_all) {
    listen();
    load(2);
    auto all = devices(2, RatePlanChange{"NO-SUCH-PLAN", "", {}});
    run(all);
    for (const SmallDevice& device : all) EXPECT_EQ(device.kind(), "refused");
    EXPECT_EQ(plan(), "M2M-5MB");
}

TEST_F(ThingSpaceConformance, already_active_is_done_only_with_the_same_plan) {
    listen();
    load(1);
    expect_applied(run(line(0, "Inventory"), activation("M2M-5MB")));
    const carriers::Outcome other = run(line(0, "Inventory"), activation("M2M-50MB"));
    EXPECT_EQ(carriers::kind_of(other), "refused");
    EXPECT_NE(carriers::reason_of(other).find("M2M-5MB"), std::string::npos)
        << carriers::reason_of(other);
    EXPECT_EQ(plan(), "M2M-5MB");
}

TEST_F(ThingSpaceConformance, a_state_that_somebody_else_has_set_already_counts_as_done) {
    listen();
    load(1);
    simulator_->post("thingspace/line/" + iccid(0), {{"state", "suspend"}});
    const carriers::Outcome outcome = run(line(0), StatusChange{"Suspended"});
    expect_applied(outcome);
    EXPECT_EQ(std::get<carriers::Applied>(outcome).details.at("alreadyInPlace"), true);
    EXPECT_EQ(done("device_suspend"), 0);
}

TEST_F(ThingSpaceConformance, the_limits_of_a_line_are_refused_in_the_carriers_words) {
    listen();
    load(1);
    knobs({{"planChangesPerMonth", 1}});
    expect_applied(run(line(0), RatePlanChange{"M2M-10MB", "", {}}));
    const carriers::Outcome second = run(line(0), RatePlanChange{"M2M-25MB", "", {}});
    EXPECT_EQ(carriers::kind_of(second), "refused");
    EXPECT_EQ(plan(), "M2M-10MB");
}

TEST_F(ThingSpaceConformance, a_suspended_line_is_deactivated_only_by_contract) {
    listen();
    load(1, "suspend");
    EXPECT_EQ(carriers::kind_of(run(line(0, "Suspended"), StatusChange{"Deactivated"})), "refused");
    EXPECT_EQ(done("deactivate"), 0);
    listen({{"allowDeactivateSuspended", true}});
    const carriers::Outcome refused = run(line(0, "Suspended"), StatusChange{"Deactivated"});
    EXPECT_EQ(carriers::kind_of(refused), "refused");
    EXPECT_EQ(state(), "suspend");
    knobs({{"deactivateFromSuspend", true}});
    expect_applied(run(line(0, "Suspended"), StatusChange{"Deactivated"}));
    EXPECT_EQ(state(), "deactive");
}

TEST_F(ThingSpaceConformance, with_writes_disabled_nothing_reaches_the_carrier) {
    load(1);
    account_.write_is_enabled = false;
    EXPECT_EQ(carriers::reason_of(run(line(0), StatusChange{"Suspended"})),
              carriers::kWritesDisabled);
    EXPECT_EQ(done("suspend"), 0);
}

// --- results ---

TEST_F(ThingSpaceConformance, callbacks_in_any_form_and_twice_are_understood) {
    for (const std::string_view word : {"Failed", "Failure"}) {
        SetUp();
        listen();
        load(30);
        knobs({{"kindCase", "vary"},
               {"flagType", "vary"},
               {"deviceIdsForm", "vary"},
               {"failedWord", word},
               {"duplicateEveryNth", 2},
               {"failEveryNth", 7}});
        auto all = devices(30, StatusChange{"Deactivated"});
        run(all);
        for (int i = 0; i < 30; ++i) {
            const SmallDevice& device = all[static_cast<std::size_t>(i)];
            EXPECT_EQ(device.kind(), state(i) == "deactive" ? "applied" : "refused") << i;
        }
    }
}

TEST_F(ThingSpaceConformance, a_callback_may_come_before_the_answer) {
    listen();
    load(1);
    knobs({{"callbackFirstMs", 200}});
    expect_applied(run(line(0), StatusChange{"Suspended"}));
    EXPECT_EQ(done("device_suspend"), 1);
}

TEST_F(ThingSpaceConformance, without_callbacks_the_list_tells) {
    load(4);
    simulator_->post("thingspace/line/" + iccid(1), {{"state", "deactive"}});
    std::vector<SmallDevice> all(4);
    all[0].line = line(0), all[0].action = StatusChange{"Suspended"};
    all[1].line = line(1, "Deactivated"), all[1].action = activation();
    all[2].line = line(2), all[2].action = StatusChange{"Deactivated"};
    all[3].line = line(3), all[3].action = RatePlanChange{"M2M-50MB", "", {}};
    run(all);
    for (const SmallDevice& device : all) expect_applied(device.outcome, device.line.iccid);
    EXPECT_EQ(std::get<carriers::Applied>(all[1].outcome).details.at("msisdn"), truth(1).at("mdn"));
}

TEST_F(ThingSpaceConformance, a_failure_that_nobody_told_stays_open_and_is_not_sent_again) {
    load(1);
    knobs({{"failSuffix", iccid(0).substr(15)}});
    const carriers::Outcome outcome = run(line(0), StatusChange{"Suspended"});
    EXPECT_EQ(carriers::kind_of(outcome), "pending");
    EXPECT_EQ(done("suspend"), 1);
}

TEST_F(ThingSpaceConformance, the_status_of_a_request_of_one_line_tells_a_failure) {
    open({{"devicesPerRequest", 1}});
    load(2);
    knobs({{"failSuffix", iccid(0).substr(15)}});
    auto all = devices(2, StatusChange{"Suspended"});
    run(all);
    EXPECT_EQ(all[0].kind(), "refused");
    EXPECT_EQ(all[1].kind(), "applied");
    EXPECT_EQ(done("suspend"), 2);
}

TEST_F(ThingSpaceConformance, an_activation_that_drags_on_is_waited_for) {
    load(1, "preactive");
    knobs({{"delayMinMs", 600'000}, {"delayMaxMs", 600'000}});
    auto all = devices(1, activation(), "Inventory");
    engine_->attempt(all);
    engine_->attempt(all);
    EXPECT_EQ(all[0].kind(), "pending");
    let_carrier_work(700'000);
    engine_->attempt(all);
    expect_applied(all[0].outcome);
    EXPECT_EQ(done("activate"), 1);
}

}  // namespace
}  // namespace carryall::conformance
