// Jasper's exchanges and inventory against the simulator, undisturbed and with each fault at each
// kind of call.
#include <gtest/gtest.h>

#include "conformance/small_engine.hpp"

namespace carryall::conformance {
namespace {

namespace json = base::json;
using carriers::Attempt;
using carriers::InventoryScope;
using carriers::kind_of;
using carriers::Outcome;
using carriers::RatePlanChange;
using carriers::reason_of;
using carriers::StatusChange;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kIccid = "89010000000000000017";
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

const carriers::Carrier& jasper() {
    return *carriers::find_carrier(carriers::Integration::jasper);
}

class JasperConformance : public testing::Test {
  protected:
    static void SetUpTestSuite() { simulator_ = std::make_unique<Simulator>(); }
    static void TearDownTestSuite() { simulator_.reset(); }

    void SetUp() override {
        simulator_->post("reset", json::object{});
        simulator_->post("jasper/fleet", {{"firstIccid", kIccid}, {"count", 1}});
        account_ = make_account();
    }

    static carriers::Account make_account(const json::object& more = {},
                                          const char* user = "jasper",
                                          const char* key = "jasper-key") {
        json::object settings = {{"baseUrl", simulator_->url() + "/jasper/rws/api/v1"},
                                 {"timeoutSeconds", 1}};
        for (const auto& member : more) settings[member.key()] = member.value();
        carriers::Account account =
            *jasper().account(1, settings, {{"username", user}, {"apiKey", key}});
        account.write_is_enabled = true;
        return account;
    }

    MakeExchange maker(const carriers::Action& action, const char* iccid = kIccid) {
        return [this, action, iccid](const Attempt& attempt) {
            return jasper().exchange(account_, {iccid, "", "", ""}, action, attempt);
        };
    }
    Outcome run(const carriers::Action& action, const char* iccid = kIccid) {
        return run_to_end(*simulator_, account_, maker(action, iccid));
    }
    Outcome once(const carriers::Action& action, Attempt attempt = {}) {
        return run_once(*simulator_, account_, maker(action), std::move(attempt));
    }

    static std::string truth(std::string_view field) {
        const json::value shown = simulator_->get("jasper/device/" + std::string(kIccid));
        return std::string(shown.at("device").at(field).as_string());
    }
    static void set(const json::object& values) {
        simulator_->post("jasper/device/" + std::string(kIccid), values);
    }
    static void knobs(const json::object& values) { simulator_->post("jasper/knobs", values); }
    static std::int64_t edits() { return simulator_->performed("jasper", "edit_device"); }

    static RatePlanChange plan(const char* name, const char* communication_plan = "") {
        RatePlanChange change{name, "", std::nullopt};
        change.communication_plan = communication_plan;
        return change;
    }
    static RatePlanChange plan_in(const char* name, hours time) {
        RatePlanChange change = plan(name);
        change.effective_date = simulator_->now() + time;
        return change;
    }

    static std::unique_ptr<Simulator> simulator_;
    carriers::Account account_;
};
std::unique_ptr<Simulator> JasperConformance::simulator_;

// --- status ---

TEST_F(JasperConformance, a_line_is_suspended_restored_and_retired) {
    for (const auto& [ours, theirs] :
         {std::pair("Suspended", "DEACTIVATED"), std::pair("Active", "ACTIVATED"),
          std::pair("Deactivated", "DEACTIVATED"), std::pair("Retired", "RETIRED")}) {
        const Outcome outcome = run(StatusChange{ours});
        ASSERT_EQ(kind_of(outcome), "applied") << ours << reason_of(outcome);
        EXPECT_EQ(truth("status"), theirs);
    }
    EXPECT_EQ(edits(), 4);
}

TEST_F(JasperConformance, a_new_line_goes_through_the_statuses_before_service) {
    constexpr const char* kNew = "89010000000000000025";
    simulator_->post("jasper/fleet", {{"firstIccid", kNew}, {"count", 1}, {"status", "INVENTORY"}});
    for (const char* status : {"Test Ready", "Activation Ready", "Inventory", "Active"}) {
        const Outcome outcome = run(StatusChange{status}, kNew);
        EXPECT_EQ(kind_of(outcome), "applied") << status << reason_of(outcome);
    }
}

TEST_F(JasperConformance, the_same_status_again_is_no_failure) {
    EXPECT_EQ(kind_of(run(StatusChange{"Active"})), "applied");
    EXPECT_EQ(kind_of(run(StatusChange{"Active"})), "applied");
    EXPECT_EQ(truth("status"), "ACTIVATED");
}

TEST_F(JasperConformance, an_activation_brings_its_rate_plan) {
    set({{"status", "DEACTIVATED"}});
    StatusChange change{"Active"};
    change.rate_plan = "FLEET 50MB";
    ASSERT_EQ(kind_of(run(change)), "applied");
    EXPECT_EQ(truth("status"), "ACTIVATED");
    EXPECT_EQ(truth("ratePlan"), "FLEET 50MB");
}

TEST_F(JasperConformance, a_line_that_was_in_service_does_not_go_back) {
    const Outcome outcome = run(StatusChange{"Activation Ready"});
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_EQ(std::get<carriers::Refused>(outcome).failure, carriers::FailureClass::business);
    EXPECT_NE(reason_of(outcome).find("10000029"), std::string::npos) << reason_of(outcome);
}

TEST_F(JasperConformance, an_operator_that_allows_it_purges) {
    simulator_->post("jasper/transitions",
                     {{"operator", "default"}, {"matrix", {{"ACTIVATED", {{"PURGED", "yes"}}}}}});
    EXPECT_EQ(kind_of(run(StatusChange{"Purged"})), "refused");
    EXPECT_EQ(edits(), 0);
    account_ = make_account({{"allowPurge", true}});
    EXPECT_EQ(kind_of(run(StatusChange{"Purged"})), "applied");
    EXPECT_EQ(truth("status"), "PURGED");
}

TEST_F(JasperConformance, a_status_update_survives_every_fault) {
    for (const std::string_view fault : kFaults) {
        SetUp();
        simulator_->fail_once("jasper", "edit_device", fault);
        const Outcome outcome = run(StatusChange{"Suspended"});
        EXPECT_EQ(kind_of(outcome), "applied") << fault << ' ' << reason_of(outcome);
        EXPECT_EQ(truth("status"), "DEACTIVATED") << fault;
    }
}

TEST_F(JasperConformance, what_was_done_and_not_confirmed_is_not_sent_again) {
    for (const std::string_view fault : {"execute_then_reset", "execute_then_500", "truncated",
                                         "execute_then_hang", "malformed_json", "wrong_type"}) {
        SetUp();
        simulator_->fail_once("jasper", "edit_device", fault);
        const auto before = edits();
        EXPECT_EQ(kind_of(run(StatusChange{"Suspended"})), "applied") << fault;
        EXPECT_EQ(edits() - before, 1) << fault;
    }
}

TEST_F(JasperConformance, somebody_elses_page_is_no_refusal_of_jaspers) {
    simulator_->fail_once("jasper", "edit_device", "html_404");
    const Outcome outcome = run(StatusChange{"Suspended"});
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_EQ(std::get<carriers::Refused>(outcome).failure, carriers::FailureClass::system);
    EXPECT_NE(reason_of(outcome).find("baseUrl"), std::string::npos);
}

// --- the communication plan at a deactivation ---

TEST_F(JasperConformance, only_lines_with_a_listed_communication_plan_are_deactivated) {
    account_ = make_account({{"communicationPlansForDeactivation", {"DATA ONLY"}}});
    const Outcome outcome = run(StatusChange{"Deactivated"});
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_NE(reason_of(outcome).find("DATA SMS"), std::string::npos) << reason_of(outcome);
    EXPECT_EQ(edits(), 0);
    set({{"communicationPlan", "DATA ONLY"}});
    EXPECT_EQ(kind_of(run(StatusChange{"Deactivated"})), "applied");
    EXPECT_EQ(truth("status"), "DEACTIVATED");
}

TEST_F(JasperConformance, the_check_survives_every_fault) {
    account_ = make_account({{"communicationPlansForDeactivation", {"DATA SMS"}}});
    for (const std::string_view fault : kFaults) {
        simulator_->post("reset", json::object{});
        simulator_->post("jasper/fleet", {{"firstIccid", kIccid}, {"count", 1}});
        simulator_->fail_once("jasper", "get_device", fault);
        const Outcome outcome = run(StatusChange{"Deactivated"});
        EXPECT_EQ(kind_of(outcome), "applied") << fault << ' ' << reason_of(outcome);
        EXPECT_EQ(truth("status"), "DEACTIVATED") << fault;
    }
}

// --- rate plans ---

TEST_F(JasperConformance, a_plan_change_sets_both_plans) {
    const Outcome outcome = run(plan("FLEET 10MB", "DATA ONLY"));
    ASSERT_EQ(kind_of(outcome), "applied") << reason_of(outcome);
    EXPECT_EQ(truth("ratePlan"), "FLEET 10MB");
    EXPECT_EQ(truth("communicationPlan"), "DATA ONLY");
    EXPECT_EQ(edits(), 1);
}

TEST_F(JasperConformance, a_plan_change_without_a_communication_plan_leaves_it) {
    ASSERT_EQ(kind_of(run(plan("FLEET 1GB"))), "applied");
    EXPECT_EQ(truth("communicationPlan"), "DATA SMS");
}

TEST_F(JasperConformance, a_plan_change_survives_every_fault) {
    for (const std::string_view fault : kFaults) {
        SetUp();
        simulator_->fail_once("jasper", "edit_device", fault);
        const Outcome outcome = run(plan("FLEET 10MB", "DATA ONLY"));
        EXPECT_EQ(kind_of(outcome), "applied") << fault << ' ' << reason_of(outcome);
        EXPECT_EQ(truth("ratePlan"), "FLEET 10MB") << fault;
        EXPECT_EQ(truth("communicationPlan"), "DATA ONLY") << fault;
    }
}

TEST_F(JasperConformance, the_refusals_of_jasper_reach_the_user_by_class) {
    struct Row {
        carriers::Action action;
        const char* iccid;
        std::string_view code;
        carriers::FailureClass failure;
    };
    using enum carriers::FailureClass;
    const Row rows[] = {{plan("NO SUCH PLAN"), kIccid, "10000013", validation},
                        {plan("FLEET 10MB", "NO SUCH PLAN"), kIccid, "10000014", validation},
                        {plan("FLEET 10MB", "METER DATA"), kIccid, "50001234", business},
                        {plan("FLEET 10MB"), "89010000000000000025", "20000001", business}};
    for (const Row& row : rows) {
        const Outcome outcome = run(row.action, row.iccid);
        ASSERT_EQ(kind_of(outcome), "refused") << row.code;
        EXPECT_EQ(std::get<carriers::Refused>(outcome).failure, row.failure) << row.code;
        EXPECT_NE(reason_of(outcome).find(row.code), std::string::npos) << reason_of(outcome);
    }
    EXPECT_EQ(truth("ratePlan"), "FLEET 5MB");
}

// --- readings that are late or gone ---

TEST_F(JasperConformance, a_stale_reading_before_the_settling_time_proves_nothing) {
    const json::object stale = {
        {"fault", "stale_read"}, {"match", {{"action", "get_device"}}}, {"milliseconds", 600'000}};
    simulator_->post("faults", {{"system", "jasper"}, {"seed", 1}, {"rules", json::array{stale}}});
    ASSERT_EQ(kind_of(run(StatusChange{"Suspended"})), "applied");
    Attempt attempt;
    attempt.resolving = true;
    EXPECT_EQ(kind_of(once(StatusChange{"Suspended"}, attempt)), "unknown");
    EXPECT_EQ(edits(), 1);
    simulator_->pass(minutes(11));
    EXPECT_EQ(kind_of(once(StatusChange{"Suspended"}, attempt)), "applied");
    EXPECT_EQ(edits(), 1);
}

TEST_F(JasperConformance, without_an_answer_to_the_reading_nothing_is_concluded) {
    for (const std::string_view fault : {"reset_before", "execute_then_hang", "503", "html_502"}) {
        const json::object dead = {{"fault", fault}, {"milliseconds", 60'000}};
        simulator_->post("faults",
                         {{"system", "jasper"}, {"seed", 1}, {"rules", json::array{dead}}});
        Attempt attempt;
        attempt.resolving = attempt.settled = true;
        EXPECT_EQ(kind_of(once(plan("FLEET 10MB"), attempt)), "unknown") << fault;
    }
    EXPECT_EQ(edits(), 0);
}

TEST_F(JasperConformance, a_line_that_is_gone_stays_unclear_while_its_outcome_is) {
    Attempt attempt;
    attempt.resolving = attempt.settled = true;
    const Outcome outcome = run_once(
        *simulator_, account_, maker(StatusChange{"Active"}, "89010000000000000025"), attempt);
    EXPECT_EQ(kind_of(outcome), "unknown");
    EXPECT_NE(reason_of(outcome).find("20000001"), std::string::npos);
}

// --- limits ---

TEST_F(JasperConformance, a_call_too_many_is_not_sent_and_pauses_the_account) {
    struct Row {
        json::object throttle;
        std::optional<seconds> retry_after;
    };
    const Row rows[] = {
        {{{"status", 429}, {"retryAfter", 3}}, seconds(3)},
        {{{"status", 429}, {"retryAfter", 0}}, std::nullopt},
        {{{"status", 400}, {"errorCode", "40000029"}, {"errorMessage", "Rate Limit Exceeded"}},
         std::nullopt},
        {{{"status", 403}, {"errorCode", ""}, {"errorMessage", "Request throttled"}}, std::nullopt},
    };
    for (const Row& row : rows) {
        SetUp();
        simulator_->post(
            "jasper/users",
            json::array{
                {{"user", "slow"}, {"key", "k"}, {"requestsPerSecond", 1}, {"callsInFlight", 1}}});
        knobs({{"throttle", row.throttle}, {"windowMillis", 600'000}});
        account_ = make_account({}, "slow", "k");
        EXPECT_EQ(kind_of(once(plan("FLEET 10MB"))), "applied");
        const Outcome outcome = once(StatusChange{"Suspended"});
        ASSERT_EQ(kind_of(outcome), "not_sent") << json::serialize(row.throttle);
        EXPECT_TRUE(std::get<carriers::NotSent>(outcome).whole_account);
        EXPECT_EQ(std::get<carriers::NotSent>(outcome).retry_after, row.retry_after);
        EXPECT_EQ(truth("status"), "ACTIVATED");
    }
}

TEST_F(JasperConformance, the_sixth_call_of_a_second_is_not_carried_out) {
    simulator_->post(
        "jasper/users",
        json::array{
            {{"user", "slow"}, {"key", "k"}, {"requestsPerSecond", 5}, {"callsInFlight", 1}}});
    knobs({{"windowMillis", 60'000}});
    account_ = make_account({}, "slow", "k");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(kind_of(once(StatusChange{"Suspended"})), "applied");
    EXPECT_EQ(kind_of(once(StatusChange{"Active"})), "not_sent");
    EXPECT_EQ(edits(), 5);
    EXPECT_EQ(truth("status"), "DEACTIVATED");
}

// --- credentials ---

TEST_F(JasperConformance, wrong_credentials_stop_the_account) {
    account_ = make_account({}, "jasper", "another-key");
    const Outcome outcome = run(StatusChange{"Suspended"});
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_EQ(std::get<carriers::Refused>(outcome).failure, carriers::FailureClass::system);
    EXPECT_NE(reason_of(outcome).find("10000001"), std::string::npos) << reason_of(outcome);
    EXPECT_EQ(reason_of(outcome).find("another-key"), std::string::npos);
}

TEST_F(JasperConformance, a_key_that_is_replaced_in_mid_run_leaves_unclear_what_was_unclear) {
    Attempt attempt;
    attempt.resolving = attempt.settled = true;
    simulator_->post("jasper/users", json::array{{{"user", "jasper"}, {"key", "rotated"}}});
    EXPECT_EQ(kind_of(once(StatusChange{"Suspended"})), "refused");
    EXPECT_EQ(kind_of(once(StatusChange{"Suspended"}, attempt)), "unknown");
    EXPECT_EQ(edits(), 0);
}

TEST_F(JasperConformance, a_role_that_may_only_read_is_refused_as_a_whole) {
    simulator_->post("jasper/users",
                     json::array{{{"user", "reader"}, {"key", "k"}, {"role", "readonly"}}});
    account_ = make_account({}, "reader", "k");
    const Outcome outcome = run(StatusChange{"Suspended"});
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_EQ(std::get<carriers::Refused>(outcome).failure, carriers::FailureClass::system);
}

TEST_F(JasperConformance, nothing_is_sent_while_writes_are_disabled) {
    account_.write_is_enabled = false;
    EXPECT_EQ(reason_of(run(StatusChange{"Suspended"})), carriers::kWritesDisabled);
    EXPECT_EQ(edits(), 0);
}

// --- 202 ---

TEST_F(JasperConformance, an_accepted_change_is_asked_for_until_it_is_done) {
    knobs({{"accepted", "always"}, {"acceptedDelayMillis", 150'000}});
    const Outcome first = once(StatusChange{"Suspended"});
    EXPECT_EQ(kind_of(first), "pending");
    EXPECT_EQ(truth("status"), "ACTIVATED");
    SetUp();
    knobs({{"accepted", "always"}, {"acceptedDelayMillis", 150'000}});
    const Outcome outcome = run(plan("FLEET 10MB", "DATA ONLY"));
    ASSERT_EQ(kind_of(outcome), "applied") << reason_of(outcome);
    EXPECT_EQ(truth("ratePlan"), "FLEET 10MB");
    EXPECT_EQ(edits(), 1);
}

TEST_F(JasperConformance, an_accepted_change_survives_every_fault_of_the_question) {
    for (const std::string_view fault : kFaults) {
        SetUp();
        knobs({{"accepted", "always"}, {"acceptedDelayMillis", 30'000}});
        simulator_->fail_once("jasper", "get_device", fault);
        const auto before = edits();
        const Outcome outcome = run(StatusChange{"Suspended"});
        EXPECT_EQ(kind_of(outcome), "applied") << fault << ' ' << reason_of(outcome);
        EXPECT_EQ(edits() - before, 1) << fault;
    }
}

// --- on a day ---

TEST_F(JasperConformance, a_dated_plan_change_is_applied_on_its_day) {
    const Outcome sent = once(plan_in("FLEET 10MB", hours(72)));
    ASSERT_EQ(kind_of(sent), "pending") << reason_of(sent);
    EXPECT_EQ(truth("ratePlan"), "FLEET 5MB");
    SetUp();
    const Outcome outcome = run(plan_in("FLEET 10MB", hours(72)));
    ASSERT_EQ(kind_of(outcome), "applied") << reason_of(outcome);
    EXPECT_EQ(truth("ratePlan"), "FLEET 10MB");
    EXPECT_EQ(edits(), 1);
}

TEST_F(JasperConformance, a_dated_plan_change_survives_every_fault) {
    for (const std::string_view action : {"edit_device", "get_device", "audit_trails"}) {
        for (const std::string_view fault : kFaults) {
            SetUp();
            simulator_->fail_once("jasper", action, fault);
            const Outcome outcome = run(plan_in("FLEET 10MB", hours(30)));
            EXPECT_EQ(kind_of(outcome), "applied") << action << fault << ' ' << reason_of(outcome);
            EXPECT_EQ(truth("ratePlan"), "FLEET 10MB") << action << fault;
        }
    }
}

TEST_F(JasperConformance, an_unconfirmed_dated_change_is_found_in_the_audit_trail) {
    simulator_->fail_once("jasper", "edit_device", "execute_then_reset");
    const RatePlanChange change = plan_in("FLEET 10MB", hours(72));
    EXPECT_EQ(kind_of(once(change)), "unknown");
    Attempt attempt;
    attempt.resolving = true;
    EXPECT_EQ(kind_of(once(change, attempt)), "pending");
    EXPECT_EQ(edits(), 1);
}

// --- inventory ---

TEST_F(JasperConformance, the_inventory_is_read_in_pages) {
    simulator_->post("jasper/fleet", {{"firstIccid", "89010000000000001000"}, {"count", 260}});
    set({{"status", "OPERATOR_HOLD"}});
    const ReadInventory all = read_inventory(*simulator_, jasper(), account_);
    ASSERT_FALSE(all.failed) << all.failed->reason;
    EXPECT_EQ(all.lines.size(), 261u);
    EXPECT_EQ(all.plans.size(), 5u);
    EXPECT_EQ(all.communication_plans, std::set<std::string>{"DATA SMS"});
    EXPECT_EQ(all.lines.at(kIccid).status, "OPERATOR_HOLD");
    EXPECT_EQ(all.lines.at("89010000000000001000").status, "Active");
    EXPECT_EQ(all.lines.at("89010000000000001000").rate_plan, "FLEET 5MB");
}

TEST_F(JasperConformance, the_inventory_goes_on_from_any_page) {
    simulator_->post("jasper/fleet", {{"firstIccid", "89010000000000001000"}, {"count", 260}});
    const ReadInventory all = read_inventory(*simulator_, jasper(), account_);
    ASSERT_EQ(all.resumes.size(), 6u);
    std::size_t more = all.lines.size();
    for (const json::value& resume : all.resumes) {
        InventoryScope scope;
        scope.resume = resume;
        const ReadInventory rest = read_inventory(*simulator_, jasper(), account_, scope);
        EXPECT_FALSE(rest.failed);
        EXPECT_LE(rest.lines.size(), more);
        more = rest.lines.size();
    }
    EXPECT_EQ(more, 61u);  // the last page and the one before it, once more
}

TEST_F(JasperConformance, a_later_reading_brings_what_changed) {
    simulator_->post("jasper/fleet", {{"firstIccid", "89010000000000001000"}, {"count", 60}});
    simulator_->pass(hours(1));
    InventoryScope scope;
    scope.modified_since = simulator_->now();
    simulator_->pass(minutes(1));
    ASSERT_EQ(kind_of(run(StatusChange{"Suspended"})), "applied");
    const ReadInventory changed = read_inventory(*simulator_, jasper(), account_, scope);
    ASSERT_EQ(changed.lines.size(), 1u);
    EXPECT_EQ(changed.lines.at(kIccid).status, "Deactivated");
}

TEST_F(JasperConformance, details_come_where_the_account_asks_for_them) {
    account_ = make_account({{"syncDetails", true}, {"accountId", "100020003"}});
    set({{"msisdn", "15550100017"}, {"accountCustom1", "north"}});
    const ReadInventory all = read_inventory(*simulator_, jasper(), account_);
    ASSERT_FALSE(all.failed) << all.failed->reason;
    const carriers::CarrierLine& line = all.lines.at(kIccid);
    EXPECT_EQ(line.msisdn, "15550100017");
    EXPECT_EQ(line.details.at("accountCustom1"), "north");
    ASSERT_TRUE(line.modified_at);
    EXPECT_LT(simulator_->now() - *line.modified_at, minutes(5));
}

TEST_F(JasperConformance, lines_come_without_plans_where_the_role_lacks_them) {
    simulator_->post("jasper/users",
                     json::array{{{"user", "reader"}, {"key", "k"}, {"role", "customer"}}});
    account_ = make_account({}, "reader", "k");
    const ReadInventory all = read_inventory(*simulator_, jasper(), account_);
    EXPECT_FALSE(all.failed) << all.failed->reason;
    EXPECT_EQ(all.lines.size(), 1u);
}

TEST_F(JasperConformance, a_fault_ends_the_reading_with_a_reason_and_leaves_a_place) {
    simulator_->post("jasper/fleet", {{"firstIccid", "89010000000000001000"}, {"count", 120}});
    // A connection that is reset is opened again by the client: a reading harms nobody.
    for (const std::string_view fault :
         {"execute_then_hang", "500", "503", "429", "html_200", "html_502", "malformed_json",
          "truncated", "wrong_type", "error_in_200"}) {
        simulator_->fail_once("jasper", "search_devices", fault);
        const ReadInventory cut = read_inventory(*simulator_, jasper(), account_);
        ASSERT_TRUE(cut.failed) << fault;
        EXPECT_EQ(cut.failed->failure, carriers::FailureClass::transient) << fault;
        ASSERT_FALSE(cut.resumes.empty());
        InventoryScope scope;
        scope.resume = cut.resumes.back();
        EXPECT_EQ(read_inventory(*simulator_, jasper(), account_, scope).lines.size(), 121u);
    }
}

TEST_F(JasperConformance, wrong_credentials_end_the_reading_for_good) {
    account_ = make_account({}, "jasper", "another-key");
    const ReadInventory all = read_inventory(*simulator_, jasper(), account_);
    ASSERT_TRUE(all.failed);
    EXPECT_EQ(all.failed->failure, carriers::FailureClass::system);
}

}  // namespace
}  // namespace carryall::conformance
