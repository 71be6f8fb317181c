// The life of differences against PostgreSQL: found, in motion, settled, decided.
#include "support/sync.hpp"

namespace carryall::sync {
namespace {

using carriers::CarrierLine;

class DriftOf : public SyncTest {
  protected:
    std::string device(std::int64_t id, const std::string& column) {
        return sql("SELECT " + column + " FROM device WHERE device_id = " + std::to_string(id));
    }
    std::string event(std::int64_t id, const std::string& member) {
        return sql("SELECT detail -> '" + member + "' FROM device_event WHERE device_id = " +
                   std::to_string(id) + " ORDER BY device_event_id DESC LIMIT 1");
    }
};

TEST_F(DriftOf, our_record_is_never_overwritten_by_a_reading) {
    const auto id = add_device(1);
    const std::string before = device(id, "modified_at");
    CarrierLine told = test_line(1, "Terminated");
    told.imei = "490154203237518";
    told.msisdn = "2125550100";
    read({told});
    EXPECT_EQ(device(id, "status || coalesce(imei, '-') || coalesce(msisdn, '-')"), "Active--");
    EXPECT_EQ(device(id, "modified_at"), before);
    EXPECT_EQ(drift(), "status Active>Terminated; msisdn ->2125550100; imei ->490154203237518");
}

TEST_F(DriftOf, two_words_that_are_one_at_the_carrier_is_none) {
    add_device(1, "Suspended");
    read({test_line(1, "Deactivated")});
    EXPECT_EQ(drift(), "");
}

TEST_F(DriftOf, a_difference_stays_until_both_agree_again) {
    add_device(1);
    read({test_line(1, "Suspended")});
    read({test_line(1, "Suspended")});
    EXPECT_EQ(drift(), "status Active>Suspended");
    read({test_line(1, "Terminated")});
    EXPECT_EQ(drift(), "status Active>Terminated");
    read({test_line(1)});
    EXPECT_EQ(drift(), "");
    EXPECT_EQ(drift("settled"), "status Active>Terminated");
}

TEST_F(DriftOf, a_record_that_was_corrected_settles_without_a_new_reading_of_its_line) {
    const auto id = add_device(1);
    read({test_line(1, "Suspended")});
    sql("UPDATE device SET status = 'Suspended' WHERE device_id = " + std::to_string(id) +
        " RETURNING 1");
    read({}, SyncKind::incremental);
    EXPECT_EQ(drift(), "");
}

TEST_F(DriftOf, a_device_in_motion_is_not_judged_in_what_moves) {
    const auto id = add_device(1);
    add_change(id, "statusupdate", "waiting");
    CarrierLine told = test_line(1, "Suspended");
    told.imei = "490154203237518";
    read({told});
    EXPECT_EQ(drift(), "imei ->490154203237518");
}

TEST_F(DriftOf, a_change_that_was_only_stored_moves_nothing) {
    const auto id = add_device(1);
    add_change(id, "statusupdate", "new", "NEW");
    read({test_line(1, "Suspended")});
    EXPECT_EQ(drift(), "status Active>Suspended");
}

TEST_F(DriftOf, a_change_carried_out_after_the_line_was_read_is_not_judged_by_it) {
    const auto late = add_device(1, "Suspended");
    const auto just_before = add_device(2, "Suspended");
    const auto long_before = add_device(3, "Suspended");
    add_change(late, "statusupdate", "processed", "PROCESSED", "now() + interval '1 second'");
    add_change(just_before, "statusupdate", "processed", "PROCESSED",
               "now() - interval '5 seconds'");
    add_change(long_before, "statusupdate", "processed", "PROCESSED", "now() - interval '1 hour'");
    read({test_line(1), test_line(2), test_line(3)});
    EXPECT_EQ(drift(), "status Suspended>Active");
    EXPECT_EQ(sql("SELECT device_id FROM drift WHERE tenant_id = " + tenant()),
              std::to_string(long_before));
}

TEST_F(DriftOf, what_is_missing_is_told_after_a_full_reading_and_settles_when_it_is_back) {
    add_device(1);
    read({test_line(2)}, SyncKind::full);
    EXPECT_EQ(drift(), "presence absent>present; presence present>absent");
    add_device(2);
    read({test_line(1)}, SyncKind::incremental);
    EXPECT_EQ(drift(), "");
    EXPECT_EQ(drift("settled"), "presence absent>present; presence present>absent");
}

TEST_F(DriftOf, a_foreign_line_that_is_gone_settles) {
    read({test_line(2)});
    read({});
    EXPECT_EQ(drift(), "");
    EXPECT_EQ(drift("settled"), "presence absent>present");
}

TEST_F(DriftOf, ignored_ones_stay_so_while_both_values_stay) {
    add_device(1);
    read({test_line(1, "Suspended")});
    ASSERT_TRUE(decide_one(drift_id(), DecisionKind::ignore, "known to the customer"));
    read({test_line(1, "Suspended")});
    EXPECT_EQ(drift(), "");
    EXPECT_EQ(drift("ignored"), "status Active>Suspended");
    read({test_line(1, "Terminated")});
    EXPECT_EQ(drift(), "status Active>Terminated");
    EXPECT_EQ(drift("settled"), "status Active>Suspended");
}

TEST_F(DriftOf, accepted_values_go_into_our_record_with_a_history) {
    const auto id = add_device(1);
    CarrierLine told = test_line(1, "Suspended");
    told.rate_plan = "NEW PLAN";
    told.communication_plan = "Voice";
    told.msisdn = "2125550100";
    read({told});
    DecisionScope scope;
    scope.filter.service_provider_id = provider_;
    const auto report = decide(*connection_, caller_, scope, {DecisionKind::accept, "as agreed"});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->decided, 4);
    EXPECT_EQ(report->refused_count, 0);
    EXPECT_FALSE(report->next_after);
    EXPECT_EQ(device(id,
                     "status || ' ' || msisdn || ' ' || (SELECT code FROM carrier_rate_plan p "
                     "WHERE p.carrier_rate_plan_id = device.carrier_rate_plan_id)"),
              "Suspended 2125550100 NEW PLAN");
    EXPECT_EQ(event(id, "before"),
              R"({"msisdn": null, "status": "Active", "carrierRatePlan": null, )"
              R"("communicationPlan": null})");
    EXPECT_EQ(event(id, "after"),
              R"({"msisdn": "2125550100", "status": "Suspended", "carrierRatePlan": "NEW PLAN", )"
              R"("communicationPlan": "Voice"})");
    EXPECT_EQ(sql("SELECT source || ' ' || actor FROM device_event WHERE device_id = " +
                  std::to_string(id)),
              "drift a person");
    EXPECT_EQ(sql("SELECT string_agg(DISTINCT state || decided_by || note, ',') FROM drift WHERE "
                  "tenant_id = " +
                  tenant()),
              "accepteda personas agreed");
    read({told});
    EXPECT_EQ(drift(), "");
}

TEST_F(DriftOf, accepting_that_the_line_has_none_takes_it_away) {
    const auto id = add_device(1, "Active", ", msisdn", ", '2125550100'");
    CarrierLine told = test_line(1);
    told.msisdn = "";
    told.rate_plan = "";
    read({told});
    EXPECT_EQ(drift(), "msisdn 2125550100>");
    ASSERT_EQ(decide_one(drift_id("msisdn"), DecisionKind::accept).value().decided, 1);
    EXPECT_EQ(device(id, "msisdn IS NULL"), "t");
    EXPECT_EQ(event(id, "after"), R"({"msisdn": ""})");
    read({told});
    EXPECT_EQ(drift(), "");
}

TEST_F(DriftOf, a_line_that_only_the_carrier_has_becomes_a_device) {
    CarrierLine told = test_line(5, "Active");
    told.imei = "490154203237518";
    told.rate_plan = "A";
    read({told});
    const auto report = decide_one(drift_id("presence"), DecisionKind::accept);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->decided, 1);
    EXPECT_EQ(sql("SELECT portal || ' ' || iccid || ' ' || imei || ' ' || status FROM device WHERE "
                  "tenant_id = " +
                  tenant()),
              "m2m 8910300000000000005 490154203237518 Active");
    const auto id =
        std::stoll(sql("SELECT device_id FROM carrier_line WHERE tenant_id = " + tenant()));
    EXPECT_EQ(event(id, "created"), "true");
    read({told});
    EXPECT_EQ(drift(), "");
}

TEST_F(DriftOf, a_device_that_only_we_have_is_archived_and_comes_back) {
    const auto id = add_device(1);
    read({});
    ASSERT_EQ(decide_one(drift_id("presence"), DecisionKind::accept).value().decided, 1);
    EXPECT_EQ(device(id, "is_active"), "f");
    EXPECT_EQ(event(id, "after"), R"({"isArchived": true})");
    read({});
    EXPECT_EQ(drift(), "");
    read({test_line(1)});
    EXPECT_EQ(drift(), "presence archived>present");
    ASSERT_EQ(decide_one(drift_id("presence"), DecisionKind::accept).value().decided, 1);
    EXPECT_EQ(device(id, "is_active"), "t");
}

TEST_F(DriftOf, what_cannot_be_decided_stays_and_says_why) {
    const auto id = add_device(1);
    read({test_line(1, "Suspended")});
    add_change(id, "statusupdate", "unknown");
    const auto moving = decide_one(drift_id(), DecisionKind::accept);
    ASSERT_TRUE(moving);
    EXPECT_EQ(moving->decided, 0);
    ASSERT_EQ(moving->refused.size(), 1U);
    EXPECT_NE(moving->refused[0].reason.find("under way"), std::string::npos);
    EXPECT_EQ(device(id, "status"), "Active");
    EXPECT_EQ(drift(), "status Active>Suspended");
    ASSERT_EQ(decide_one(drift_id(), DecisionKind::ignore, "note").value().decided, 1);
    sql("UPDATE device SET status = 'Suspended' WHERE device_id = " + std::to_string(id) +
        " RETURNING 1");
    read({test_line(1, "Suspended")});
    EXPECT_EQ(decide_one(drift_id(), DecisionKind::accept).value().refused_count, 1);
}

TEST_F(DriftOf, decisions_name_their_mistakes) {
    add_device(1);
    read({test_line(1, "Suspended")});
    EXPECT_EQ(decide_one(987'654'321, DecisionKind::accept).error().kind,
              base::ErrorKind::not_found);
    EXPECT_EQ(decide_one(drift_id(), DecisionKind::ignore).error().where, "/note");
    tenants::Caller stranger = caller_;
    stranger.tenant_id = {std::stoll(
        sql("INSERT INTO tenant (name) VALUES ('stranger " + tenant() + "') RETURNING id"))};
    DecisionScope scope;
    scope.ids = {drift_id()};
    EXPECT_EQ(decide(*connection_, stranger, scope, {DecisionKind::accept, ""}).error().kind,
              base::ErrorKind::not_found);
    EXPECT_EQ(drift(), "status Active>Suspended");
}

TEST_F(DriftOf, lists_filter_and_go_on_with_their_token) {
    const auto id = add_device(1);
    add_device(2);
    CarrierLine told = test_line(1, "Suspended");
    told.imei = "490154203237518";
    read({told, test_line(2, "Suspended")});
    const tenants::PageTokens tokens(base::MasterKey::generate());
    tenants::PageRequest page;
    page.limit = 1;
    DriftFilter filter;
    filter.field = DriftField::status;
    filter.state = "open";
    const auto first = list_drift(*connection_, tokens, caller_.tenant_id, filter, page);
    ASSERT_TRUE(first);
    ASSERT_EQ(first->items.size(), 1U);
    EXPECT_EQ(first->items[0].device_id.value, id);
    EXPECT_EQ(first->items[0].iccid, test_iccid(1));
    page.token = first->next_token;
    const auto second = list_drift(*connection_, tokens, caller_.tenant_id, filter, page);
    ASSERT_TRUE(second);
    ASSERT_EQ(second->items.size(), 1U);
    EXPECT_NE(second->items[0].device_id.value, id);
    EXPECT_EQ(second->next_token, "");
    DriftFilter of_device;
    of_device.device_id = {id};
    EXPECT_EQ(
        list_drift(*connection_, tokens, caller_.tenant_id, of_device, {}).value().items.size(),
        2U);
}

TEST_F(DriftOf, open_ones_are_counted_by_field) {
    const auto before = open_drift(*connection_).value();
    add_device(1);
    read({test_line(1, "Suspended")});
    const auto count = [](const auto& counts) {
        std::int64_t sum = 0;
        for (const auto& [field, differences] : counts) {
            if (field == "status") sum += differences;
        }
        return sum;
    };
    EXPECT_EQ(count(open_drift(*connection_).value()), count(before) + 1);
}

}  // namespace
}  // namespace carryall::sync
