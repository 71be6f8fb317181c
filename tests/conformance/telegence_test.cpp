// Telegence's exchanges and inventory against the simulator, undisturbed, with each fault at each
// kind of call, and with every answer that AT&T leaves to guess.
#include <gtest/gtest.h>

#include "conformance/small_engine.hpp"

namespace carryall::conformance {
namespace {

namespace json = base::json;
using carriers::Attempt;
using carriers::EquipmentChange;
using carriers::FeatureChange;
using carriers::InventoryScope;
using carriers::kind_of;
using carriers::Line;
using carriers::Outcome;
using carriers::RatePlanChange;
using carriers::reason_of;
using carriers::StatusChange;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;

constexpr const char* kNumber = "2145550100";
constexpr const char* kSim = "89010300000000000017";
constexpr const char* kImei = "350000000000017";
constexpr const char* kNewSim = "89010300000000000999";
constexpr const char* kNewImei = "350000000000999";
constexpr const char* kSecret = "telegence-sim-secret";
// After which a change was carried out, or was not, once for all.
constexpr std::string_view kFaults[] = {"reset_before",
                                        "execute_then_reset",
                                        "execute_then_500",
                                        "execute_then_hang",
                                        "500",
                                        "503",
                                        "429",
                                        "429_without_retry_after",
                                        "html_200",
                                        "html_502",
                                        "malformed_json",
                                        "truncated",
                                        "wrong_type",
                                        "error_in_200"};

const carriers::Carrier& telegence() {
    return *carriers::find_carrier(carriers::Integration::telegence);
}

class TelegenceConformance : public testing::Test {
  protected:
    static void SetUpTestSuite() { simulator_ = std::make_unique<Simulator>(); }
    static void TearDownTestSuite() { simulator_.reset(); }

    void SetUp() override {
        simulator_->post("reset", json::object{});
        knobs({{"requestsPerSecond", 0}});
        fleet(kSim, 1, {{"firstImei", kImei}, {"firstSubscriberNumber", kNumber}});
        account_ = make_account();
    }

    static carriers::Account make_account(const json::object& more = {},
                                          const char* secret = kSecret) {
        json::object settings = {{"baseUrl", simulator_->url() + "/telegence"},
                                 {"timeoutSeconds", 1}};
        for (const auto& member : more) settings[member.key()] = member.value();
        carriers::Account account = *telegence().account(
            1, settings, {{"clientId", "telegence-sim-app"}, {"clientSecret", secret}});
        account.write_is_enabled = true;
        return account;
    }

    static void fleet(const char* first_sim, int count, const json::object& more = {}) {
        json::object body = {{"firstIccid", first_sim},
                             {"count", count},
                             {"plan", "PLAN1GB"},
                             {"features", {"FEATA", "FEATB"}}};
        for (const auto& member : more) body[member.key()] = member.value();
        simulator_->post("telegence/fleet", body);
    }

    MakeExchange maker(const carriers::Action& action, const Line& line) {
        return [this, action, line](const Attempt& attempt) {
            return telegence().exchange(account_, line, action, attempt);
        };
    }
    static Line line(const char* number = kNumber, const char* status = "") {
        return {kSim, number, kImei, status};
    }
    Outcome run(const carriers::Action& action, const Line& of = line()) {
        return run_to_end(*simulator_, account_, maker(action, of));
    }
    Outcome once(const carriers::Action& action, Attempt attempt = {}) {
        return run_once(*simulator_, account_, maker(action, line()), std::move(attempt));
    }
    static Attempt resolving(bool settled) {
        Attempt attempt;
        attempt.resolving = true;
        attempt.settled = settled;
        return attempt;
    }

    static json::value truth(const char* number = kNumber) {
        return simulator_->get("telegence/line/" + std::string(number));
    }
    static std::string truth_of(std::string_view field) {
        return std::string(truth().at(field).as_string());
    }
    static void drift(const json::object& values) {
        simulator_->post("telegence/line/" + std::string(kNumber), values);
    }
    static void knobs(const json::object& values) { simulator_->post("telegence/knobs", values); }
    static void fail_once(std::string_view action, std::string_view fault) {
        simulator_->fail_once("telegence", action, fault);
    }
    static void fail_always(const json::object& rule) {
        simulator_->post("faults",
                         {{"system", "telegence"}, {"seed", 1}, {"rules", json::array{rule}}});
    }
    static std::int64_t changes() { return simulator_->performed("telegence", "line_change"); }

    static RatePlanChange plan(const char* code) { return {code, "", std::nullopt}; }
    static RatePlanChange plan_in(const char* code, days time) {
        RatePlanChange change = plan(code);
        change.effective_date =
            std::chrono::floor<days>(simulator_->now()) + std::chrono::microseconds(0) + time;
        return change;
    }

    // Each fault at the change, and at the reading that follows a lost answer.
    void expect_every_fault_to_be_survived(const carriers::Action& action,
                                           const std::function<bool()>& is_done) {
        for (const std::string_view fault : kFaults) {
            SetUp();
            fail_once("line_change", fault);
            const Outcome outcome = run(action);
            EXPECT_EQ(kind_of(outcome), "applied") << fault << ": " << reason_of(outcome);
            EXPECT_TRUE(is_done()) << fault;
            EXPECT_EQ(changes(), 1) << fault;
            SetUp();
            const json::object lost = {{"fault", "execute_then_reset"},
                                       {"match", {{"action", "line_change"}}},
                                       {"limit", 1}};
            const json::object disturbed = {{"fault", fault},
                                            {"match", {{"action", "line_details"}}},
                                            {"limit", 1},
                                            {"milliseconds", 60'000}};
            simulator_->post(
                "faults",
                {{"system", "telegence"}, {"seed", 1}, {"rules", json::array{lost, disturbed}}});
            const Outcome second = run(action);
            EXPECT_EQ(kind_of(second), "applied") << fault << ": " << reason_of(second);
            EXPECT_EQ(changes(), 1) << fault;
        }
    }

    static std::unique_ptr<Simulator> simulator_;
    carriers::Account account_;
};
std::unique_ptr<Simulator> TelegenceConformance::simulator_;

// --- status ---

TEST_F(TelegenceConformance, a_line_is_suspended_restored_and_cancelled) {
    for (const auto& [ours, theirs] :
         {std::pair("Suspended", "S"), std::pair("Active", "A"), std::pair("Deactivated", "C")}) {
        const Outcome outcome = run(StatusChange{ours});
        ASSERT_EQ(kind_of(outcome), "applied") << ours << reason_of(outcome);
        EXPECT_EQ(truth_of("status"), theirs);
        EXPECT_EQ(truth_of("reasonCode"), "CR");
    }
    EXPECT_EQ(changes(), 3);
}

TEST_F(TelegenceConformance, the_reason_code_is_the_changes_or_the_accounts) {
    EXPECT_EQ(kind_of(run(StatusChange{"Suspended", "LOST"})), "applied");
    EXPECT_EQ(truth_of("reasonCode"), "LOST");
    account_ = make_account({{"reasonCodes", {{"Active", "FOUND"}}}});
    EXPECT_EQ(kind_of(run(StatusChange{"Active"})), "applied");
    EXPECT_EQ(truth_of("reasonCode"), "FOUND");
}

TEST_F(TelegenceConformance, a_status_change_survives_every_fault_and_is_done_once) {
    expect_every_fault_to_be_survived(StatusChange{"Suspended"},
                                      [] { return truth_of("status") == "S"; });
}

TEST_F(TelegenceConformance, nothing_leads_out_of_a_cancelled_line) {
    drift({{"status", "C"}});
    const Outcome refused = run(StatusChange{"Suspended"});
    ASSERT_EQ(kind_of(refused), "refused");
    EXPECT_NE(reason_of(refused).find("Subscriber is cancelled"), std::string::npos);
    const Outcome restored = run(StatusChange{"Active"}, line(kNumber, "Deactivated"));
    ASSERT_EQ(kind_of(restored), "refused");
    EXPECT_NE(reason_of(restored).find("a new activation is needed"), std::string::npos);
    EXPECT_EQ(changes(), 0);
}

TEST_F(TelegenceConformance, a_number_with_the_country_code_is_the_same_line) {
    EXPECT_EQ(kind_of(run(StatusChange{"Suspended"}, line("12145550100"))), "applied");
    EXPECT_EQ(truth_of("status"), "S");
}

TEST_F(TelegenceConformance, a_repeated_status_is_refused_where_the_carrier_is_strict) {
    knobs({{"acceptRepeatedStatus", false}});
    drift({{"status", "S"}});
    const Outcome outcome = run(StatusChange{"Suspended"});
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_NE(reason_of(outcome).find("in that status already"), std::string::npos);
}

TEST_F(TelegenceConformance, a_refusal_that_an_earlier_attempt_caused_is_its_success) {
    knobs({{"acceptRepeatedStatus", false}});
    Attempt attempt = resolving(true);
    attempt.now = simulator_->now();
    const auto exchange =
        telegence().exchange(account_, line(), StatusChange{"Suspended"}, attempt);
    const auto played = carriers::play(*exchange, [&](const carriers::Call& call) {
        // The lost call of the first attempt arrives after the reading, just before this one.
        if (call.changes_state) drift({{"status", "S"}});
        return std::optional(simulator_->send(account_, call));
    });
    EXPECT_EQ(kind_of(played.outcome), "applied") << reason_of(played.outcome);
    EXPECT_EQ(played.calls.size(), 3u);
}

// --- what is unclear ---

TEST_F(TelegenceConformance, after_a_timeout_nothing_is_sent_before_the_settling_time) {
    fail_once("line_change", "execute_then_hang");
    EXPECT_EQ(kind_of(once(StatusChange{"Suspended"})), "unknown");
    EXPECT_EQ(kind_of(once(StatusChange{"Suspended"}, resolving(false))), "applied");
    EXPECT_EQ(changes(), 1);
    fail_once("line_change", "reset_before");
    EXPECT_EQ(kind_of(once(StatusChange{"Active"})), "unknown");
    EXPECT_EQ(kind_of(once(StatusChange{"Active"}, resolving(false))), "unknown");
    EXPECT_EQ(changes(), 1);
    EXPECT_EQ(kind_of(once(StatusChange{"Active"}, resolving(true))), "applied");
    EXPECT_EQ(truth_of("status"), "A");
}

TEST_F(TelegenceConformance, a_stale_reading_is_no_proof_while_the_carrier_settles) {
    fail_always({{"fault", "stale_read"}, {"milliseconds", 60'000}});
    EXPECT_EQ(kind_of(once(StatusChange{"Suspended"})), "applied");
    EXPECT_EQ(kind_of(once(StatusChange{"Suspended"}, resolving(false))), "unknown");
    EXPECT_EQ(changes(), 1);
    simulator_->pass(seconds(120));
    EXPECT_EQ(kind_of(once(StatusChange{"Suspended"}, resolving(false))), "applied");
    EXPECT_EQ(changes(), 1);
}

TEST_F(TelegenceConformance, while_the_line_cannot_be_read_an_unknown_change_stays_unknown) {
    for (const std::string_view fault : {"503", "429", "html_200", "truncated", "reset_before"}) {
        SetUp();
        const json::object lost = {{"fault", "execute_then_500"},
                                   {"match", {{"action", "line_change"}}}};
        const json::object dead = {{"fault", fault}, {"match", {{"action", "line_details"}}}};
        simulator_->post(
            "faults", {{"system", "telegence"}, {"seed", 1}, {"rules", json::array{lost, dead}}});
        EXPECT_EQ(kind_of(run(StatusChange{"Suspended"})), "unknown") << fault;
        EXPECT_EQ(changes(), 1) << fault;
    }
}

TEST_F(TelegenceConformance, every_success_that_tells_little_is_one_or_is_confirmed) {
    for (const char* answer : {"details", "thin", "empty", "text"}) {
        SetUp();
        knobs({{"patchAnswer", answer}});
        const Outcome outcome = once(plan("PLAN5GB"));
        EXPECT_EQ(kind_of(outcome), "applied") << answer << reason_of(outcome);
        EXPECT_EQ(truth_of("plan"), "PLAN5GB") << answer;
        EXPECT_EQ(changes(), 1) << answer;
    }
}

TEST_F(TelegenceConformance, names_may_have_any_case) {
    for (const char* casing : {"lowerCamel", "PascalCase", "lowercase", "UPPERCASE"}) {
        SetUp();
        knobs({{"answerCasing", casing}});
        fail_once("line_change", "execute_then_reset");
        EXPECT_EQ(kind_of(run(plan("PLAN5GB"))), "applied") << casing;
        EXPECT_EQ(changes(), 1) << casing;
        const auto read = read_inventory(*simulator_, telegence(), account_);
        ASSERT_FALSE(read.failed) << casing << read.failed->reason;
        EXPECT_EQ(read.lines.at(kSim).rate_plan, "PLAN5GB") << casing;
    }
}

// --- limits, credentials, outages ---

TEST_F(TelegenceConformance, a_throttled_call_was_not_sent_and_waits_as_it_was_told) {
    fail_always({{"fault", "429"}, {"retryAfterSeconds", 17}});
    const Outcome told = once(StatusChange{"Suspended"});
    ASSERT_EQ(kind_of(told), "not_sent");
    EXPECT_EQ(std::get<carriers::NotSent>(told).retry_after, seconds(17));
    EXPECT_TRUE(std::get<carriers::NotSent>(told).whole_account);
    fail_always({{"fault", "429_without_retry_after"}});
    const Outcome untold = once(StatusChange{"Suspended"});
    ASSERT_EQ(kind_of(untold), "not_sent");
    EXPECT_EQ(std::get<carriers::NotSent>(untold).retry_after, std::nullopt);
    EXPECT_EQ(changes(), 0);
}

TEST_F(TelegenceConformance, the_carriers_own_limit_is_obeyed) {
    knobs({{"requestsPerSecond", 1}});
    EXPECT_EQ(kind_of(once(StatusChange{"Suspended"})), "applied");
    const Outcome throttled = once(StatusChange{"Active"});
    ASSERT_EQ(kind_of(throttled), "not_sent");
    EXPECT_TRUE(std::get<carriers::NotSent>(throttled).retry_after);
    simulator_->pass(seconds(2));
    EXPECT_EQ(kind_of(once(StatusChange{"Active"})), "applied");
}

TEST_F(TelegenceConformance, an_outage_is_waited_out_whatever_its_shape) {
    for (const bool is_plain : {true, false}) {
        SetUp();
        knobs({{"unavailable", true}, {"plainText503", is_plain}});
        const Outcome outcome = once(StatusChange{"Suspended"});
        EXPECT_EQ(kind_of(outcome), "unknown");
        EXPECT_EQ(reason_of(outcome).find("web page"), std::string::npos);
        EXPECT_EQ(kind_of(once(StatusChange{"Suspended"}, resolving(true))), "unknown");
        knobs({{"unavailable", false}});
        EXPECT_EQ(kind_of(once(StatusChange{"Suspended"}, resolving(true))), "applied");
        EXPECT_EQ(changes(), 1);
    }
}

TEST_F(TelegenceConformance, wrong_credentials_are_for_an_operator_and_named_nowhere) {
    account_ = make_account({}, "wr0ng-s3cret");
    const Outcome outcome = run(StatusChange{"Suspended"});
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_EQ(std::get<carriers::Refused>(outcome).failure, carriers::FailureClass::system);
    EXPECT_EQ(reason_of(outcome).find("wr0ng-s3cret"), std::string::npos);
    const auto read = read_inventory(*simulator_, telegence(), account_);
    ASSERT_TRUE(read.failed);
    EXPECT_EQ(read.failed->failure, carriers::FailureClass::system);
}

TEST_F(TelegenceConformance, with_writes_disabled_nothing_changes) {
    account_.write_is_enabled = false;
    EXPECT_EQ(reason_of(run(StatusChange{"Suspended"})), carriers::kWritesDisabled);
    EXPECT_EQ(reason_of(once(plan("PLAN5GB"), resolving(true))), carriers::kWritesDisabled);
    EXPECT_EQ(changes(), 0);
}

TEST_F(TelegenceConformance, a_line_of_somebody_else_is_not_known) {
    const Outcome outcome = run(StatusChange{"Suspended"}, line("2145559999"));
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_EQ(std::get<carriers::Refused>(outcome).failure, carriers::FailureClass::business);
}

// --- rate plans ---

TEST_F(TelegenceConformance, a_plan_change_takes_effect) {
    EXPECT_EQ(kind_of(run(plan("PLAN5GB"))), "applied");
    EXPECT_EQ(truth_of("plan"), "PLAN5GB");
}

TEST_F(TelegenceConformance, a_plan_that_the_carrier_does_not_know_is_refused_in_its_words) {
    const Outcome outcome = run(plan("NOPLAN"));
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_NE(reason_of(outcome).find("NOPLAN"), std::string::npos);
    EXPECT_EQ(truth_of("plan"), "PLAN1GB");
}

TEST_F(TelegenceConformance, a_plan_change_survives_every_fault_and_is_done_once) {
    expect_every_fault_to_be_survived(plan("PLAN5GB"),
                                      [] { return truth_of("plan") == "PLAN5GB"; });
}

TEST_F(TelegenceConformance, a_plan_of_a_later_day_is_kept_by_the_carrier_and_seen_on_its_day) {
    const RatePlanChange change = plan_in("PLAN5GB", days(5));
    EXPECT_EQ(kind_of(once(change)), "pending");
    EXPECT_EQ(truth_of("plan"), "PLAN1GB");
    EXPECT_EQ(truth().at("scheduledChanges"), 1);
    SetUp();
    const Outcome outcome = run(plan_in("PLAN5GB", days(5)));
    EXPECT_EQ(kind_of(outcome), "applied") << reason_of(outcome);
    EXPECT_EQ(truth_of("plan"), "PLAN5GB");
    EXPECT_EQ(changes(), 1);
}

TEST_F(TelegenceConformance, a_lost_answer_about_a_later_day_is_asked_for_again_and_done) {
    for (const std::string_view fault : {"execute_then_hang", "reset_before", "html_200"}) {
        SetUp();
        fail_once("line_change", fault);
        const Outcome outcome = run(plan_in("PLAN5GB", days(3)));
        EXPECT_EQ(kind_of(outcome), "applied") << fault << reason_of(outcome);
        EXPECT_EQ(truth_of("plan"), "PLAN5GB") << fault;
    }
}

TEST_F(TelegenceConformance, a_line_that_is_cancelled_before_the_day_ends_the_waiting) {
    const RatePlanChange change = plan_in("PLAN5GB", days(2));
    EXPECT_EQ(kind_of(once(change)), "pending");
    drift({{"status", "C"}});
    simulator_->pass(hours(60));
    Attempt attempt;
    attempt.waiting = true;
    const Outcome outcome = once(change, attempt);
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_NE(reason_of(outcome).find("cancelled"), std::string::npos);
}

// --- features and equipment ---

TEST_F(TelegenceConformance, features_come_and_go_together) {
    EXPECT_EQ(kind_of(run(FeatureChange{{"FEATC", "FEATD"}, {"FEATA"}})), "applied");
    EXPECT_EQ(truth().at("features"), (json::value{"FEATB", "FEATC", "FEATD"}));
    const Outcome outcome = run(FeatureChange{{"NOFEAT"}, {}});
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_NE(reason_of(outcome).find("NOFEAT"), std::string::npos);
}

TEST_F(TelegenceConformance, a_feature_change_survives_every_fault_and_is_done_once) {
    expect_every_fault_to_be_survived(FeatureChange{{"FEATC"}, {"FEATA"}}, [] {
        return truth().at("features") == json::value{"FEATB", "FEATC"};
    });
}

TEST_F(TelegenceConformance, a_line_gets_another_sim_and_device) {
    const Outcome outcome = run(EquipmentChange{kNewSim, kNewImei, "UMTS", "", "75001"});
    ASSERT_EQ(kind_of(outcome), "applied") << reason_of(outcome);
    EXPECT_EQ(truth_of("iccid"), kNewSim);
    EXPECT_EQ(truth_of("imei"), kNewImei);
    EXPECT_EQ(truth_of("zip"), "75001");
    const auto& details = std::get<carriers::Applied>(outcome).details;
    EXPECT_EQ(details.at("iccid"), kNewSim);
}

TEST_F(TelegenceConformance, an_equipment_change_survives_every_fault_and_is_done_once) {
    expect_every_fault_to_be_survived(EquipmentChange{kNewSim, kNewImei},
                                      [] { return truth_of("iccid") == kNewSim; });
}

TEST_F(TelegenceConformance, a_device_that_needs_an_esim_is_named) {
    knobs({{"esimOnlyPrefix", "8904"}});
    const Outcome outcome = run(EquipmentChange{"89040000000000000017", ""});
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_NE(reason_of(outcome).find("device requires an eSIM profile"), std::string::npos);
    EXPECT_EQ(truth_of("iccid"), kSim);
}

TEST_F(TelegenceConformance, a_sim_in_use_is_refused_in_the_carriers_words) {
    fleet(kNewSim, 1);
    const Outcome outcome = run(EquipmentChange{kNewSim, ""});
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_NE(reason_of(outcome).find("in use"), std::string::npos);
}

// --- inventory ---

TEST_F(TelegenceConformance, the_inventory_is_read_over_all_pages_with_plans_and_groups) {
    fleet("89010300000000001000", 120, {{"plan", "PLAN5GB"}, {"status", "S"}});
    account_ = make_account({{"pageSize", 50}});
    const auto read = read_inventory(*simulator_, telegence(), account_);
    ASSERT_FALSE(read.failed) << read.failed->reason;
    ASSERT_EQ(read.lines.size(), 121u);
    const carriers::CarrierLine& first = read.lines.at(kSim);
    EXPECT_EQ(first.msisdn, kNumber);
    EXPECT_EQ(first.imei, kImei);
    EXPECT_EQ(first.status, "Active");
    EXPECT_EQ(first.carrier_status, "A");
    EXPECT_EQ(first.rate_plan, "PLAN1GB");
    EXPECT_EQ(first.group, "287000000001/000055500001");
    EXPECT_EQ(first.details.at("features").as_array().size(), 2u);
    EXPECT_EQ(read.lines.at("89010300000000001042").status, "Suspended");
    std::set<std::string> plans;
    for (const carriers::CarrierPlan& one : read.plans) plans.insert(one.code);
    EXPECT_EQ(plans, (std::set<std::string>{"PLAN1GB", "PLAN5GB"}));
    EXPECT_EQ(read.resumes.size(), 2u);
}

TEST_F(TelegenceConformance, cancelled_lines_are_absent_and_an_empty_account_is_empty) {
    drift({{"status", "C"}});
    const auto read = read_inventory(*simulator_, telegence(), account_);
    ASSERT_FALSE(read.failed) << read.failed->reason;
    EXPECT_TRUE(read.lines.empty());
}

TEST_F(TelegenceConformance, without_details_the_list_alone_is_read) {
    account_ = make_account({{"syncDetails", false}});
    fail_always({{"fault", "500"}, {"match", {{"action", "line_details"}}}});
    const auto read = read_inventory(*simulator_, telegence(), account_);
    ASSERT_FALSE(read.failed) << read.failed->reason;
    ASSERT_EQ(read.lines.size(), 1u);
    EXPECT_EQ(read.lines.at(kNumber).status, "Active");
    EXPECT_EQ(read.lines.at(kNumber).rate_plan, std::nullopt);
}

TEST_F(TelegenceConformance,
       a_reading_that_fails_says_why_and_another_goes_on_behind_its_last_page) {
    fleet("89010300000000001000", 9);
    account_ = make_account({{"pageSize", 4}});
    for (const std::string_view fault :
         {"503", "429", "html_200", "html_502", "malformed_json", "truncated", "wrong_type",
          "error_in_200", "execute_then_hang", "reset_before"}) {
        fail_always({{"fault", fault},
                     {"match", {{"action", "subscriber_list"}, {"key", "page/2"}}},
                     {"milliseconds", 60'000}});
        const auto first = read_inventory(*simulator_, telegence(), account_);
        ASSERT_TRUE(first.failed) << fault;
        EXPECT_FALSE(first.failed->reason.empty()) << fault;
        EXPECT_EQ(first.failed->failure, carriers::FailureClass::transient) << fault;
        EXPECT_EQ(first.lines.size(), 4u) << fault;
        fail_always({{"fault", "latency"}, {"milliseconds", 0}});
        InventoryScope scope;
        scope.resume = first.resumes.back();
        const auto rest = read_inventory(*simulator_, telegence(), account_, scope);
        ASSERT_FALSE(rest.failed) << fault << rest.failed->reason;
        EXPECT_EQ(rest.lines.size(), 6u) << fault;
    }
}

TEST_F(TelegenceConformance, a_line_that_cannot_be_read_is_told_with_what_the_list_says) {
    fleet("89010300000000001000", 3);
    fail_always({{"fault", "500"}, {"match", {{"action", "line_details"}, {"key", kNumber}}}});
    const auto read = read_inventory(*simulator_, telegence(), account_);
    ASSERT_FALSE(read.failed) << read.failed->reason;
    EXPECT_EQ(read.lines.size(), 4u);
    EXPECT_EQ(read.lines.at(kNumber).iccid, std::nullopt);
    EXPECT_TRUE(read.lines.at(kNumber).details.contains("detailsMissing"));
}

TEST_F(TelegenceConformance, the_carriers_limit_interrupts_a_reading_and_names_the_pause) {
    fleet("89010300000000001000", 9);
    knobs({{"requestsPerSecond", 5}});
    const auto read = read_inventory(*simulator_, telegence(), account_);
    ASSERT_TRUE(read.failed);
    EXPECT_TRUE(read.failed->whole_account);
    EXPECT_TRUE(read.failed->retry_after);
}

}  // namespace
}  // namespace carryall::conformance
