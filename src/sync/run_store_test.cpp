// Every statement of a reading against PostgreSQL: requests, claims, pages, comparison.
#include "support/sync.hpp"

namespace carryall::sync {
namespace {

using carriers::CarrierLine;
using std::chrono::seconds;

class Syncs : public SyncTest {
  protected:
    std::string line(int serial, const std::string& column) {
        return sql("SELECT " + column + " FROM carrier_line WHERE tenant_id = " + tenant() +
                   " AND line_key = '" + test_iccid(serial) + "'");
    }
    std::string of_sync(SyncId id, const std::string& column) {
        return sql("SELECT " + column +
                   " FROM inventory_sync WHERE inventory_sync_id = " + base::to_string(id));
    }
    std::string last_event() {
        return sql(
            "SELECT coalesce(before::text, 'new') || ' > ' || coalesce(after::text, 'gone') FROM "
            "carrier_line_event WHERE tenant_id = " +
            tenant() + " ORDER BY carrier_line_event_id DESC LIMIT 1");
    }
};

TEST_F(Syncs, a_second_request_answers_the_open_one) {
    const auto first = request_sync(*connection_, caller_, provider_, SyncKind::full, find());
    const auto second = request_sync(*connection_, caller_, provider_, SyncKind::full, find());
    ASSERT_TRUE(first && second);
    EXPECT_TRUE(first->is_new);
    EXPECT_FALSE(second->is_new);
    EXPECT_EQ(first->sync.id, second->sync.id);
    EXPECT_EQ(second->sync.state, "queued");
}

TEST_F(Syncs, an_incremental_one_goes_on_from_the_start_of_the_last_that_ended) {
    const SyncId first = ask(SyncKind::incremental);
    EXPECT_EQ(of_sync(first, "kind"), "full");
    ClaimedSync sync = claim(first);
    apply(sync, {}, true);
    finish(sync);
    const SyncId second = ask(SyncKind::incremental);
    EXPECT_EQ(of_sync(second, "kind"), "incremental");
    EXPECT_EQ(of_sync(second,
                      "modified_since < (SELECT started_at FROM inventory_sync WHERE "
                      "inventory_sync_id = " +
                          base::to_string(first) + ")"),
              "t");
}

TEST_F(Syncs, what_the_carrier_cannot_do_is_refused_with_its_name) {
    carrier_.tells_changes = false;
    const auto refused =
        request_sync(*connection_, caller_, provider_, SyncKind::incremental, find());
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("POND"), std::string::npos);
    const auto none = request_sync(*connection_, caller_, provider_, SyncKind::full,
                                   [](carriers::Integration) { return nullptr; });
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, base::ErrorKind::invalid_input);
    const auto absent = request_sync(*connection_, caller_, {987'654}, SyncKind::full, find());
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().kind, base::ErrorKind::not_found);
}

TEST_F(Syncs, a_claimed_one_is_due_again_when_its_lease_is_over) {
    const SyncId id = ask();
    const ClaimedSync sync = claim(id);
    EXPECT_EQ(sync.attempt, 1);
    const auto again =
        claim_sync(*connection_, {caller_.tenant_id.value, id}, "other", seconds(60));
    ASSERT_TRUE(again);
    EXPECT_FALSE(*again);
    sql("UPDATE inventory_sync SET available_at = now() - interval '1 second' WHERE "
        "inventory_sync_id = " +
        base::to_string(id) + " RETURNING 1");
    const auto due = due_syncs(*connection_);
    ASSERT_TRUE(due);
    EXPECT_EQ(due->size(), 1U);
    const ClaimedSync taken = claim(id);
    EXPECT_EQ(taken.attempt, 2);
    EXPECT_EQ(taken.lost_count, 1);
}

TEST_F(Syncs, a_stale_workers_page_changes_nothing) {
    add_device(1, "Suspended");
    const SyncId id = ask();
    ClaimedSync stale = claim(id);
    sql("UPDATE inventory_sync SET available_at = now() WHERE inventory_sync_id = " +
        base::to_string(id) + " RETURNING 1");
    const ClaimedSync taken = claim(id);
    EXPECT_FALSE(apply(stale, {test_line(1)}, true));
    EXPECT_EQ(sql("SELECT count(*) FROM carrier_line WHERE tenant_id = " + tenant()), "0");
    EXPECT_EQ(drift(), "");
    EXPECT_EQ(of_sync(id, "page_count"), "0");
    const auto step = compare_step(*connection_, stale, settings());
    ASSERT_TRUE(step);
    EXPECT_FALSE(step->accepted);
    EXPECT_FALSE(fail_sync(*connection_, stale, "late").value());
    EXPECT_FALSE(release_sync(*connection_, stale, {}).value());
    EXPECT_FALSE(extend_sync(*connection_, stale, seconds(60)).value());
    EXPECT_TRUE(extend_sync(*connection_, taken, seconds(60)).value());
}

TEST_F(Syncs, a_page_is_remembered_with_the_place_to_go_on_from) {
    ClaimedSync sync = claim(ask());
    ASSERT_TRUE(apply(sync, {test_line(1), test_line(2)}));
    ASSERT_TRUE(release_sync(*connection_, sync, {}).value());
    const ClaimedSync again = claim(sync.id);
    EXPECT_EQ(again.resume, base::json::value("there"));
    EXPECT_FALSE(again.is_comparing);
    EXPECT_EQ(again.lost_count, 0);
    EXPECT_EQ(of_sync(sync.id, "line_count"), "2");
}

TEST_F(Syncs, what_a_reading_does_not_tell_overwrites_nothing) {
    CarrierLine told = test_line(1);
    told.rate_plan = "A";
    told.group = "Fleet";
    told.details["cycle"] = 3;
    read({told});
    CarrierLine later = test_line(1, "Suspended");
    later.details["apn"] = "iot";
    read({later});
    EXPECT_EQ(line(1, "rate_plan || ' ' || group_name || ' ' || status"), "A Fleet Suspended");
    EXPECT_EQ(line(1, "details"), R"({"apn": "iot", "cycle": 3})");
    EXPECT_EQ(last_event(), R"({"status": "Active"} > {"status": "Suspended"})");
}

TEST_F(Syncs, an_event_tells_what_is_new_what_changed_and_what_is_gone) {
    read({test_line(1)});
    EXPECT_EQ(last_event(), R"(new > {"iccid": "8910300000000000001", "status": "Active"})");
    const std::string count =
        "SELECT count(*) FROM carrier_line_event WHERE tenant_id = " + tenant();
    read({test_line(1)});
    EXPECT_EQ(sql(count), "1");
    const SyncId without = read({});
    EXPECT_EQ(last_event(), R"({"iccid": "8910300000000000001", "status": "Active"} > gone)");
    EXPECT_EQ(of_sync(without, "gone_count"), "1");
    EXPECT_EQ(line(1, "is_gone"), "t");
    read({test_line(1)});
    EXPECT_EQ(last_event(), R"({"isGone": true} > {"isGone": false})");
}

TEST_F(Syncs, an_incremental_reading_loses_no_line) {
    add_device(1);
    add_device(2);
    read({test_line(1), test_line(2)});
    read({test_line(2, "Suspended")}, SyncKind::incremental);
    EXPECT_EQ(line(1, "is_gone"), "f");
    EXPECT_EQ(drift(), "status Active>Suspended");
}

TEST_F(Syncs, a_line_without_iccid_is_matched_by_its_number_if_only_one_device_has_it) {
    const auto device = add_device(1, "Active", ", msisdn", ", '2125550100'");
    add_device(2, "Active", ", msisdn", ", '2125550101'");
    add_device(3, "Active", ", msisdn", ", '2125550101'");
    CarrierLine one;
    one.msisdn = "+2125550100";
    one.status = "Suspended";
    CarrierLine two;
    two.msisdn = "2125550101";
    ClaimedSync sync = claim(ask());
    apply(sync, {one, two}, true);
    EXPECT_EQ(sql("SELECT device_id FROM carrier_line WHERE line_key = 'msisdn:2125550100' AND "
                  "tenant_id = " +
                  tenant()),
              std::to_string(device));
    EXPECT_EQ(drift(), "status Active>Suspended; presence absent>present");
}

TEST_F(Syncs, a_line_whose_iccid_is_not_told_this_time_is_the_one_known_with_its_number) {
    CarrierLine whole = test_line(1);
    whole.msisdn = "2125550100";
    whole.rate_plan = "A";
    read({whole});
    CarrierLine bare;
    bare.msisdn = "2125550100";
    bare.status = "Suspended";
    read({bare});
    EXPECT_EQ(line(1, "status || ' ' || rate_plan || ' ' || is_gone"), "Suspended A false");
    read({bare, whole});
    EXPECT_EQ(sql("SELECT count(*) || ' ' || min(status) FROM carrier_line WHERE tenant_id = " +
                  tenant()),
              "1 Active");
}

TEST_F(Syncs, another_accounts_device_is_not_the_lines) {
    const ServiceProviderId other = make_provider("POND 2");
    add_device(1);
    sql("UPDATE device SET service_provider_id = " + base::to_string(other) +
        " WHERE tenant_id = " + tenant() + " RETURNING 1");
    read({test_line(1)});
    EXPECT_EQ(drift(), "presence absent>present");
    const auto decided = decide_one(drift_id("presence"), DecisionKind::accept);
    ASSERT_TRUE(decided);
    ASSERT_EQ(decided->refused.size(), 1U);
    EXPECT_NE(decided->refused[0].reason.find("POND 2"), std::string::npos);
}

TEST_F(Syncs, a_plan_is_ours_with_the_carriers_own_id_whatever_its_code) {
    sql("INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name, "
        "carrier_plan_id) VALUES (" +
        tenant() + ", " + base::to_string(provider_) + ", '40117', 'Made by a reading', 40117), (" +
        tenant() + ", " + base::to_string(provider_) + ", 'GOLD', 'Gold', 40117), (" + tenant() +
        ", " + base::to_string(provider_) + ", '50', 'Fifty', NULL) RETURNING 1");
    ClaimedSync sync = claim(ask());
    carriers::InventoryPage page;
    page.plans = {{"40117", "IoT 1GB", {}, 40117}, {"50", "Fifty", {}, 50}, {"60", "", {}, 60}};
    CarrierLine gold = test_line(1);
    gold.rate_plan = "40117";
    gold.carrier_plan_id = 40117;
    CarrierLine fifty = test_line(2);
    fifty.rate_plan = "50";
    fifty.carrier_plan_id = 50;
    page.lines = {gold, fifty};
    page.is_last = true;
    ASSERT_TRUE(apply_page(*connection_, sync, page, settings()).value());
    finish(sync);
    EXPECT_EQ(line(1, "rate_plan"), "GOLD");
    EXPECT_EQ(line(2, "rate_plan"), "50");
    EXPECT_EQ(sql("SELECT string_agg(code || '=' || name || '=' || carrier_plan_id, ',' ORDER BY "
                  "code) FROM carrier_rate_plan WHERE tenant_id = " +
                  tenant()),
              "40117=Made by a reading=40117,50=Fifty=50,60=60=60,GOLD=IoT 1GB=40117");
}

TEST_F(Syncs, plans_are_added_and_renamed_with_a_record_and_never_deactivated) {
    sql("INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name) VALUES (" +
        tenant() + ", " + base::to_string(provider_) + ", 'OLD', 'Old'), (" + tenant() + ", " +
        base::to_string(provider_) + ", 'A', 'Plan A') RETURNING 1");
    ClaimedSync sync = claim(ask());
    carriers::InventoryPage page;
    page.plans = {{"A", "Alpha", {}, 17}, {"B", "", "uuid", {}}};
    page.communication_plans = {"Voice", "Voice"};
    page.is_last = true;
    ASSERT_TRUE(apply_page(*connection_, sync, page, settings()).value());
    finish(sync);
    const auto result = get_sync(*connection_, caller_.tenant_id, sync.id);
    ASSERT_TRUE(result);
    EXPECT_EQ(base::json::serialize(result->result.at("plansAdded")), R"(["B"])");
    const auto& changed = result->result.at("plansChanged").at(0);
    EXPECT_EQ(changed.at("before").at("name"), "Plan A");
    EXPECT_EQ(changed.at("after").at("name"), "Alpha");
    EXPECT_EQ(changed.at("after").at("carrierPlanId"), "17");
    EXPECT_EQ(base::json::serialize(result->result.at("plansNotListed")), R"(["OLD"])");
    EXPECT_EQ(base::json::serialize(result->result.at("communicationPlansAdded")), R"(["Voice"])");
    EXPECT_EQ(sql("SELECT string_agg(code || name || is_active, ',' ORDER BY code) FROM "
                  "carrier_rate_plan WHERE tenant_id = " +
                  tenant()),
              "AAlphatrue,BBtrue,OLDOldtrue");
}

TEST_F(Syncs, the_comparison_is_the_same_in_batches_of_any_size) {
    for (int i = 1; i <= 5; ++i) add_device(i);
    ClaimedSync sync = claim(ask());
    apply(sync, {test_line(1), test_line(7), test_line(8), test_line(9)}, true);
    finish(sync, 2);
    EXPECT_EQ(sql("SELECT count(*) FILTER (WHERE device_id IS NULL) || ' ' || count(*) FILTER "
                  "(WHERE carrier_line_id IS NULL) FROM drift WHERE state = 'open' AND tenant_id "
                  "= " +
                  tenant()),
              "3 4");
    EXPECT_EQ(of_sync(sync.id, "state || ' ' || drift_count"), "done 7");
}

TEST_F(Syncs, the_schedule_asks_when_its_hours_have_passed) {
    sql("UPDATE service_provider SET settings = '{\"syncEveryHours\": 6}' WHERE "
        "service_provider_id = " +
        base::to_string(provider_) + " RETURNING 1");
    EXPECT_EQ(schedule_syncs(*connection_, find()).value(), 1);
    EXPECT_EQ(schedule_syncs(*connection_, find()).value(), 0);
    const std::string id =
        sql("SELECT inventory_sync_id FROM inventory_sync WHERE tenant_id = " + tenant());
    const SyncId first{std::stoll(id)};
    EXPECT_EQ(of_sync(first, "kind || ' ' || created_by"), "full schedule");
    ClaimedSync sync = claim(first);
    apply(sync, {}, true);
    finish(sync);
    const std::string age =
        "UPDATE inventory_sync SET created_at = now() - interval '7 hours', "
        "started_at = started_at - interval '";
    sql(age + "7 hours' WHERE tenant_id = " + tenant() + " RETURNING 1");
    EXPECT_EQ(schedule_syncs(*connection_, find()).value(), 1);
    const std::string newest = "SELECT kind FROM inventory_sync WHERE tenant_id = " + tenant() +
                               " ORDER BY inventory_sync_id DESC LIMIT 1";
    EXPECT_EQ(sql(newest), "incremental");
    // Only a full reading finds what is gone: one a week.
    sql("UPDATE inventory_sync SET state = 'failed', reason = 'x', finished_at = now() WHERE "
        "state = 'queued' AND tenant_id = " +
        tenant() + " RETURNING 1");
    sql(age + "8 days' WHERE tenant_id = " + tenant() + " RETURNING 1");
    EXPECT_EQ(schedule_syncs(*connection_, find()).value(), 1);
    EXPECT_EQ(sql(newest), "full");
}

TEST_F(Syncs, a_device_shows_what_the_carrier_says) {
    const auto device = add_device(1);
    EXPECT_FALSE(carrier_view(*connection_, caller_.tenant_id, {device}).value());
    CarrierLine told = test_line(1, "Suspended");
    told.rate_plan = "B";
    read({told});
    const auto view = carrier_view(*connection_, caller_.tenant_id, {device});
    ASSERT_TRUE(view && *view);
    EXPECT_EQ((*view)->status, "Suspended");
    EXPECT_EQ((*view)->rate_plan, "B");
    EXPECT_FALSE((*view)->imei);
    EXPECT_FALSE((*view)->is_gone);
}

TEST_F(Syncs, are_listed_newest_first_page_by_page) {
    for (int i = 0; i < 3; ++i) read({});
    const tenants::PageTokens tokens(base::MasterKey::generate());
    tenants::PageRequest page;
    page.limit = 2;
    const auto first = list_syncs(*connection_, tokens, caller_.tenant_id, provider_, page);
    ASSERT_TRUE(first);
    ASSERT_EQ(first->items.size(), 2U);
    EXPECT_GT(first->items[0].id, first->items[1].id);
    page.token = first->next_token;
    const auto second = list_syncs(*connection_, tokens, caller_.tenant_id, provider_, page);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->items.size(), 1U);
    EXPECT_EQ(second->next_token, "");
}

}  // namespace
}  // namespace carryall::sync
