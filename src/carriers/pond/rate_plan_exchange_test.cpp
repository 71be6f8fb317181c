// Rate plan change: the order of calls, each branch, and a sweep that cuts the exchange at every
// call with every kind of failure, twice, and then lets it finish.
#include <gtest/gtest.h>

#include "carriers/pond/pond.hpp"
#include "carriers/pond/pond_model_test.hpp"
#include "carriers/sweep_test.hpp"

namespace carryall::carriers::pond {
namespace {

constexpr std::int64_t kOldType = 100;
constexpr std::int64_t kNewType = 200;
constexpr std::int64_t kLongAgo = kModelNow - 1'000'000;

Account test_account() {
    const base::json::object settings = {{"baseUrl", "https://pond.example"},
                                         {"distributorId", 71}};
    const base::json::object credentials = {{"apiKey", "k"}, {"username", "u"}, {"password", "p"}};
    Account account = *carrier().account(5, settings, credentials);
    account.write_is_enabled = true;
    return account;
}

std::unique_ptr<Exchange> make(const Account& account, const Attempt& attempt = {}) {
    return carrier().exchange(account, {std::string(kModelIccid) + "8", "", "", "Active"},
                              RatePlanChange{"PLAN", "", kNewType}, attempt);
}

std::vector<std::string> operations(const Played& played) {
    std::vector<std::string> out;
    for (const Call& call : played.calls) out.push_back(call.operation);
    return out;
}

Played play_without_faults(PondModel& model, const Attempt& attempt = {}) {
    const Account account = test_account();
    const auto exchange = make(account, attempt);
    return play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
}

TEST(PondRatePlan, adds_and_activates_the_new_package_before_it_ends_the_old) {
    PondModel model;
    model.packages["old"] = {kOldType, "ACTIVE", kLongAgo};
    const Played played = play_without_faults(model);
    ASSERT_EQ(kind_of(played.outcome), "applied") << reason_of(played.outcome);
    const std::vector<std::string> expected = {"Get Packages", "Add Package", "Activate Package",
                                               "Terminate Package"};
    EXPECT_EQ(operations(played), expected);
    EXPECT_EQ(played.calls[0].path,
              "/71/sim/8910300000001234567/package/infos?packageStatuses=ACTIVE"
              "&packageStatuses=NOT_ACTIVE&offset=0&count=100");
    EXPECT_EQ(played.calls[1].path, "/71/sim/8910300000001234567/addPackage");
    EXPECT_EQ(played.calls[1].body, R"({"packageTypeId":200})");
    EXPECT_EQ(played.calls[2].path, "/71/package/new-1/status");
    EXPECT_EQ(played.calls[2].body, R"({"packageStatus":"ACTIVE"})");
    EXPECT_EQ(played.calls[3].path, "/71/package/old/status");
    EXPECT_EQ(played.calls[3].body, R"({"packageStatus":"TERMINATED"})");
    const auto& details = std::get<Applied>(played.outcome).details;
    EXPECT_EQ(details.at("packageId"), "new-1");
    EXPECT_EQ(details.at("terminatedPackageIds"), base::json::value({"old"}));
}

TEST(PondRatePlan, a_sim_without_an_old_package_gets_its_plan) {
    PondModel model;
    EXPECT_EQ(kind_of(play_without_faults(model).outcome), "applied");
    EXPECT_EQ(model.active_of(kNewType), 1);
}

TEST(PondRatePlan, nothing_is_written_when_the_plan_is_the_only_active_one_already) {
    PondModel model;
    model.packages["there"] = {kNewType, "ACTIVE", kLongAgo};
    const Played played = play_without_faults(model);
    ASSERT_EQ(kind_of(played.outcome), "applied");
    EXPECT_EQ(played.calls.size(), 1u);
    EXPECT_EQ(std::get<Applied>(played.outcome).details.at("alreadyActive"), true);
}

TEST(PondRatePlan, an_active_package_of_the_plan_is_kept_and_the_others_end) {
    PondModel model;
    model.packages["a-old"] = {kOldType, "ACTIVE", kLongAgo};
    model.packages["b-there"] = {kNewType, "ACTIVE", kLongAgo};
    model.packages["c-double"] = {kNewType, "ACTIVE", kLongAgo - 5};
    EXPECT_EQ(kind_of(play_without_faults(model).outcome), "applied");
    EXPECT_EQ(model.adds_done, 0);
    EXPECT_EQ(model.active(), 1);
    EXPECT_EQ(model.packages["b-there"].status, "ACTIVE");
}

TEST(PondRatePlan, a_package_that_waits_for_somebody_else_is_left_alone) {
    PondModel model;
    model.packages["reserve"] = {kNewType, "NOT_ACTIVE", kLongAgo};
    EXPECT_EQ(kind_of(play_without_faults(model).outcome), "applied");
    EXPECT_EQ(model.adds_done, 1);
    EXPECT_EQ(model.packages["reserve"].status, "NOT_ACTIVE");
}

TEST(PondRatePlan, all_pages_of_packages_are_read) {
    PondModel model;
    model.page_size = 2;
    for (char c = 'a'; c < 'f'; ++c) model.packages[std::string(1, c)] = {kOldType, "ACTIVE", 1};
    const Played played = play_without_faults(model);
    EXPECT_EQ(kind_of(played.outcome), "applied");
    EXPECT_EQ(operations(played)[2], "Get Packages");
    EXPECT_EQ(model.active(), 1);
}

TEST(PondRatePlan, pages_without_an_end_are_not_believed) {
    const Account account = test_account();
    const auto exchange = make(account);
    const Played played = play(*exchange, [](const Call&) {
        return answered(200, R"({"total":10,"offset":0,"count":0,"elements":[]})");
    });
    EXPECT_EQ(kind_of(played.outcome), "not_sent");
    EXPECT_EQ(played.calls.size(), 1u);
}

TEST(PondRatePlan, an_old_package_that_refuses_to_end_takes_the_new_one_back) {
    PondModel model;
    model.packages["old"] = {kOldType, "ACTIVE", kLongAgo};
    model.cannot_end.insert("old");
    const Account account = test_account();
    const auto exchange = make(account);
    const Played played =
        play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
    ASSERT_EQ(kind_of(played.outcome), "refused");
    EXPECT_EQ(operations(played).back(), "Compensate: Terminate New Package");
    EXPECT_EQ(model.packages["new-1"].status, "TERMINATED");
    EXPECT_EQ(model.packages["old"].status, "ACTIVE");
    EXPECT_NE(reason_of(played.outcome).find("new-1 is terminated again"), std::string::npos);
    EXPECT_TRUE(exchange->progress().is_null());
}

TEST(PondRatePlan, an_old_package_that_has_ended_meanwhile_is_no_reason_to_compensate) {
    PondModel model;
    model.packages["old"] = {kOldType, "ACTIVE", kLongAgo};
    const Account account = test_account();
    const auto exchange = make(account);
    const Played played = play(*exchange, [&](const Call& call) {
        if (call.operation == "Terminate Package") model.packages["old"].status = "TERMINATED";
        return model.answer(call, Fault::none);
    });
    EXPECT_EQ(kind_of(played.outcome), "applied") << reason_of(played.outcome);
    EXPECT_EQ(model.packages["new-1"].status, "ACTIVE");
}

TEST(PondRatePlan, a_package_that_refuses_to_be_activated_is_taken_back) {
    PondModel model;
    model.packages["old"] = {kOldType, "ACTIVE", kLongAgo};
    model.cannot_activate.insert(kNewType);
    const Played played = play_without_faults(model);
    EXPECT_EQ(kind_of(played.outcome), "refused");
    EXPECT_EQ(model.packages["new-1"].status, "TERMINATED");
    EXPECT_EQ(model.packages["old"].status, "ACTIVE");
}

TEST(PondRatePlan, while_pond_has_not_settled_nothing_is_sent) {
    for (const bool with_progress : {false, true}) {
        PondModel model;
        model.packages["old"] = {kOldType, "ACTIVE", kLongAgo};
        Attempt attempt;
        attempt.resolving = true;
        if (with_progress) {
            attempt.progress = {{"adding", true}, {"before", base::json::array()}};
        }
        const Played played = play_without_faults(model, attempt);
        EXPECT_EQ(kind_of(played.outcome), "unknown");
        EXPECT_EQ(model.writes_done, 0);
    }
}

TEST(PondRatePlan, what_cannot_be_asked_is_refused_without_a_call) {
    Account account = test_account();
    const auto never = [](const Call&) -> std::optional<http::ClientResponse> {
        ADD_FAILURE() << "a call was made";
        return std::nullopt;
    };
    const auto no_plan_id = carrier().exchange(account, {std::string(kModelIccid), "", "", ""},
                                               RatePlanChange{"PLAN", "uuid", std::nullopt}, {});
    EXPECT_EQ(kind_of(play(*no_plan_id, never).outcome), "refused");
    const auto no_iccid =
        carrier().exchange(account, {"12", "", "", ""}, RatePlanChange{"PLAN", "", kNewType}, {});
    EXPECT_EQ(kind_of(play(*no_iccid, never).outcome), "refused");
}

TEST(PondRatePlan, with_writes_disabled_it_reads_and_refuses) {
    PondModel model;
    model.packages["old"] = {kOldType, "ACTIVE", kLongAgo};
    Account account = test_account();
    account.write_is_enabled = false;
    const auto exchange = make(account);
    const Played played =
        play(*exchange, [&](const Call& call) { return model.answer(call, Fault::none); });
    EXPECT_EQ(reason_of(played.outcome), kWritesDisabled);
    EXPECT_EQ(model.writes_done, 0);
    EXPECT_TRUE(exchange->progress().is_null());
}

// --- the sweep ---

Story live(PondModel& model, const Cuts<Fault>& cuts) {
    const Account account = test_account();
    Life life;
    life.exchange = [&](const Attempt& attempt) { return make(account, attempt); };
    life.between = [](const Outcome&, Attempt& attempt) {
        attempt.unclear_since = base::Instant(std::chrono::seconds(kModelNow));
    };
    return live_through(model, cuts, std::move(life));
}

struct Scenario {
    std::string_view name;
    PondModel model;
};

std::vector<Scenario> scenarios() {
    std::vector<Scenario> all;
    all.push_back({"no old package", {}});
    PondModel one;
    one.packages["old"] = {kOldType, "ACTIVE", kLongAgo};
    all.push_back({"one old package", one});
    PondModel two = one;
    two.packages["older"] = {kOldType + 1, "ACTIVE", kLongAgo};
    two.packages["history"] = {kNewType, "TERMINATED", kLongAgo};
    all.push_back({"two old packages", two});
    PondModel reserve = one;
    reserve.packages["reserve"] = {kNewType, "NOT_ACTIVE", kLongAgo};
    all.push_back({"a foreign package in reserve", reserve});
    PondModel there = one;
    there.packages["there"] = {kNewType, "ACTIVE", kLongAgo};
    all.push_back({"the plan is active beside another", there});
    PondModel stuck = two;
    stuck.cannot_end.insert("old");
    all.push_back({"an old package cannot end", stuck});
    PondModel inert = one;
    inert.cannot_activate.insert(kNewType);
    all.push_back({"the new package cannot be activated", inert});
    return all;
}

void check_end(const Scenario& scenario, const PondModel& model, const Story& story) {
    EXPECT_LE(model.adds_done, 1);
    EXPECT_LE(model.active_of(kNewType), 1);
    EXPECT_FALSE(model.lost_service);
    EXPECT_FALSE(story.wrote_while_unsettled);
    const std::string_view kind = kind_of(story.outcome);
    ASSERT_TRUE(kind == "applied" || kind == "refused") << reason_of(story.outcome);
    for (const auto& [id, row] : model.packages) {
        const bool is_ours = id.starts_with("new-");
        const auto before = scenario.model.packages.find(id);
        if (kind == "applied") {
            // One active package, of the plan; what was not active before is untouched.
            if (!is_ours && before->second.status != "ACTIVE") {
                EXPECT_EQ(row.status, before->second.status) << id;
            }
        } else if (is_ours) {
            EXPECT_EQ(row.status, "TERMINATED") << id;  // nothing is left behind
        }
    }
    if (kind == "applied") {
        EXPECT_EQ(model.active(), 1);
        EXPECT_EQ(model.active_of(kNewType), 1);
    }
}

TEST(PondRatePlanSweep, cut_twice_at_any_call_by_anything_it_ends_well) {
    int stories = 0;
    for (const Scenario& scenario : scenarios()) {
        SCOPED_TRACE(scenario.name);
        PondModel undisturbed = scenario.model;
        const int calls = live(undisturbed, Cuts<Fault>()).calls;
        stories += cut_twice<Fault>(calls, 7, kFaults, [&](const Cuts<Fault>& cuts) {
            PondModel model = scenario.model;
            check_end(scenario, model, live(model, cuts));
        });
    }
    EXPECT_GT(stories, 20'000);
}

}  // namespace
}  // namespace carryall::carriers::pond
