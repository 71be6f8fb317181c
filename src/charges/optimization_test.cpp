// Optimisation results on their way into a real database: what is stored, what is refused with
// which words, and which queue wins.
#include "charges/optimization.hpp"

#include <thread>

#include "support/inventory.hpp"

namespace carryall::charges {
namespace {

namespace json = base::json;
using base::ErrorKind;
using devices::iccid19;

constexpr InstanceId kInstance{77};

class Optimization : public devices::InventoryTest {
  protected:
    void SetUp() override {
        InventoryTest::SetUp();
        if (HasFatalFailure()) return;
        caller_ = {ours_, {1}, "a clerk", tenants::Role::billing};
        customer_ = make_id(ours_, devices::kCustomer, {{"name", "Acme"}});
        rev_customer_ =
            make_id(ours_, devices::kCustomer, {{"name", "Rev Inc"}, {"revCustomerId", "4711"}});
        revio_ = make_provider(ours_, "Rev.io", "revio").value;
        provider_ = make_provider(ours_).value;
        for (int number = 1; number <= 3; ++number) add_device(number, "m2m");
        for (int number = 4; number <= 5; ++number) add_device(number, "mobility");
    }
    void add_device(int number, const std::string& portal) {
        database().run(
            "INSERT INTO device (tenant_id, service_provider_id, portal, iccid, msisdn, status) "
            "VALUES (" +
            base::to_string(ours_) + ", " + std::to_string(provider_) + ", '" + portal + "', '" +
            iccid19(number) + "', '1212555010" + std::to_string(number) + "', 'active')");
    }
    // An instance of Acme with these comm groups.
    json::object body(const std::string& comm_groups, const std::string& portal = "m2m") {
        return base::parse_object(R"({"portalType":")" + portal + R"(","customerId":)" +
                                  std::to_string(customer_) +
                                  R"(,"billingPeriodStart":"2026-03-01",)"
                                  R"("billingPeriodEnd":"2026-03-31",)"
                                  R"("runEndTime":"2026-04-01T02:00:00Z","commGroups":)" +
                                  comm_groups + '}');
    }
    // "" if it was stored, else each mistake as "/pointer message".
    std::string put(const json::object& wanted, InstanceId id = kInstance) {
        base::JsonErrors errors;
        const auto done = put_instance(*connection_, caller_, id, wanted, errors);
        if (done) return {};
        std::string text;
        for (const base::Error& error : errors.items()) {
            text += error.where + ' ' + error.message + '\n';
        }
        return text.empty() ? done.error().message : text;
    }
    base::Result<ResultsReport> try_upload(const std::string& csv, bool dry_run = false) {
        const auto path = folder_.path() / "results.csv";
        std::ofstream(path, std::ios::binary) << csv;
        return import_results(*connection_, caller_, kInstance, path, dry_run);
    }
    ResultsReport upload(const std::string& csv, bool dry_run = false) {
        auto report = try_upload(csv, dry_run);
        EXPECT_TRUE(report) << report.error().where << ' ' << report.error().message;
        return report ? *report : ResultsReport{};
    }
    static std::string reasons(const ResultsReport& report) {
        std::string text;
        for (const auto& bad : report.bad_rows) {
            text += std::to_string(bad.row_number) + ' ' + bad.column + ": " + bad.reason + '\n';
        }
        return text;
    }
    // "queue portal device amount" of every stored result.
    std::string stored() {
        std::string text;
        for (const auto& row : database().rows(
                 "SELECT r.optimization_queue_id, r.portal, right(d.iccid19, 1), "
                 "r.rate_charge_amount FROM optimization_device_result r JOIN device d USING "
                 "(device_id) WHERE r.tenant_id = " +
                 base::to_string(ours_) + " ORDER BY 1, 2, 3")) {
            text += row[0] + ' ' + row[1] + ' ' + row[2] + ' ' + row[3] + '\n';
        }
        return text;
    }
    // "group:queue" or "group:reason", one a group.
    std::string winners() {
        std::string text;
        const auto found = winning_queues(*connection_, ours_, kInstance);
        EXPECT_TRUE(found) << found.error().message;
        for (const WinningQueue& winner : *found) {
            text += base::to_string(winner.comm_group_id) + ':' +
                    (winner.queue_id ? base::to_string(winner.queue_id) : winner.reason) + '\n';
        }
        return text;
    }
    void charge(InstanceId id) {
        const std::string tenant = base::to_string(ours_);
        const std::string run = database().value(
            "INSERT INTO charge_run (tenant_id, source, created_by, correlation_id) VALUES (" +
            tenant + ", 'instances', 'x', 'x') RETURNING charge_run_id");
        database().run(
            "INSERT INTO charge_run_instance (tenant_id, charge_run_id, optimization_instance_id, "
            "position, is_last) VALUES (" +
            tenant + ", " + run + ", " + base::to_string(id) + ", 1, true)");
    }

    tenants::Caller caller_;
    std::int64_t customer_ = 0;
    std::int64_t rev_customer_ = 0;
    std::int64_t revio_ = 0;
    std::int64_t provider_ = 0;
};

const std::string kTwoQueues =
    R"([{"commGroupId":1,"queues":[
         {"queueId":10,"totalCost":"90.5","runEndTime":"2026-04-01T01:00:00Z"},
         {"queueId":11,"totalCost":"80.25","runEndTime":"2026-04-01T01:00:00Z"}]}])";

TEST_F(Optimization, an_instance_is_stored_and_shown_with_its_groups_and_queues) {
    json::object wanted = body(kTwoQueues);
    wanted["customerEmails"] = json::array{"pay@acme.example"};
    ASSERT_EQ(put(wanted), "");
    const auto details = get_instance(*connection_, ours_, kInstance);
    ASSERT_TRUE(details);
    EXPECT_EQ(details->instance.customer, "Acme");
    EXPECT_EQ(details->instance.billing_period_end, "2026-03-31");
    EXPECT_EQ(details->instance.customer_emails, std::vector<std::string>{"pay@acme.example"});
    EXPECT_EQ(details->instance.queue_count, 2);
    EXPECT_EQ(details->instance.imported_by, "a clerk");
    EXPECT_FALSE(details->instance.charge_run_id);
    ASSERT_EQ(details->comm_groups.size(), 1U);
    ASSERT_EQ(details->comm_groups[0].queues.size(), 2U);
    EXPECT_EQ(details->comm_groups[0].queues[1].total_cost, "80.25");
    EXPECT_EQ(get_instance(*connection_, theirs_, kInstance).error().kind, ErrorKind::not_found);
}

TEST_F(Optimization, a_customer_is_named_in_three_ways_that_must_agree) {
    json::object wanted = body("[]");
    wanted.erase("customerId");
    wanted["revCustomerId"] = 4711;
    wanted["integrationAuthenticationId"] = revio_;
    EXPECT_EQ(put(wanted), "");
    wanted["customer"] = "Acme";
    EXPECT_EQ(put(wanted), "/customer names another customer than the member before\n");
    wanted["customer"] = "Nobody";
    EXPECT_TRUE(put(wanted).starts_with("/customer names no customer"));
}

TEST_F(Optimization, the_billing_account_must_be_one_of_rev_io_and_of_this_tenant) {
    json::object wanted = body("[]");
    for (const std::int64_t id : {provider_, make_provider(theirs_, "R", "revio").value}) {
        wanted["integrationAuthenticationId"] = id;
        EXPECT_TRUE(
            put(wanted).starts_with("/integrationAuthenticationId names no Rev.io account"));
    }
    wanted["integrationAuthenticationId"] = nullptr;
    EXPECT_EQ(put(wanted), "");
    wanted["customerId"] = rev_customer_;
    EXPECT_TRUE(put(wanted).starts_with("/integrationAuthenticationId is missing"));
}

TEST_F(Optimization, results_of_a_file_are_stored_all_and_again_in_their_own_place) {
    ASSERT_EQ(put(body(kTwoQueues)), "");
    const std::string csv = "Queue ID;ICCID;MSISDN;Rate Plan;Usage MB;Rate Charge;SMS Usage\n10;" +
                            iccid19(1) + ";;Gold;12.5;3.10;4\n10;;12125550102;;;0;\n11;" +
                            iccid19(3) + ";12125550103;;;-2;\n";
    const ResultsReport first = upload(csv);
    EXPECT_EQ(reasons(first), "");
    EXPECT_EQ(first.stored_rows, 3);
    const std::string expected = "10 m2m 1 3.100000\n10 m2m 2 0.000000\n11 m2m 3 -2.000000\n";
    EXPECT_EQ(stored(), expected);
    EXPECT_EQ(upload(csv).removed_rows, 3);
    EXPECT_EQ(stored(), expected);
    upload("queueId,iccid,rateCharge\n10," + iccid19(3) + ",9\n");
    EXPECT_EQ(stored(), "10 m2m 3 9.000000\n11 m2m 3 -2.000000\n");
}

TEST_F(Optimization, a_cross_provider_instance_takes_the_two_portals_one_after_the_other) {
    ASSERT_EQ(put(body(kTwoQueues, "crossProvider")), "");
    upload("queueId,iccid,rateCharge\n10," + iccid19(1) + ",1\n");
    upload("queueId,msisdn,rateCharge,portal\n10,12125550104,2,mobility\n");
    EXPECT_EQ(stored(), "10 m2m 1 1.000000\n10 mobility 4 2.000000\n");
}

TEST_F(Optimization, one_bad_row_and_nothing_is_stored_and_every_bad_row_is_told) {
    ASSERT_EQ(put(body(kTwoQueues)), "");
    ASSERT_EQ(put(body(R"([{"commGroupId":2,"queues":[{"queueId":20}]}])"), {78}), "");
    database().run("UPDATE device SET msisdn = '12125550103' WHERE iccid19 = '" + iccid19(2) +
                   "' AND tenant_id = " + base::to_string(ours_));
    const ResultsReport report = upload(
        "queueId,iccid,msisdn,portal,rateCharge,usageMb\n"
        "10," +
        iccid19(1) +
        ",,,1,\n"  // 2: good
        "10," +
        iccid19(9) +
        ",,,1,\n"  // 3: no such device
        "12," +
        iccid19(1) +
        ",,,1,\n"  // 4: no such queue
        "20," +
        iccid19(1) +
        ",,,1,\n"  // 5: another instance's
        "10," +
        iccid19(1) +
        ",,,2,\n"                // 6: twice
        "10,,,,1,\n"             // 7: nobody
        "10,,12125550103,,1,\n"  // 8: two devices
        "10," +
        iccid19(1) +
        ",12125550104,,1,\n"  // 9: of two devices
        "11," +
        iccid19(4) +
        ",,,1,\n"  // 10: mobility
        "11," +
        iccid19(3) +
        ",,mobility,1,\n"  // 11: not its portal
        "11," +
        iccid19(3) +
        ",,,\"1,5\",\n"  // 12
        "11," +
        iccid19(3) +
        ",,,1e400,\n"  // 13
        "11," +
        iccid19(3) +
        ",,,10000000000,\n"  // 14
        "11," +
        iccid19(3) +
        ",,,1,-5\n"             // 15
        "11,8.91E+18,,,1,\n");  // 16
    EXPECT_EQ(report.rows, 15);
    EXPECT_EQ(report.bad, 14);
    std::string places;
    for (const auto& bad : report.bad_rows) {
        places += std::to_string(bad.row_number) + ' ' + bad.column + '\n';
        EXPECT_FALSE(bad.reason.empty());
    }
    EXPECT_EQ(places,
              "3 iccid\n4 queueId\n5 queueId\n6 iccid\n7 iccid\n8 msisdn\n9 msisdn\n10 portal\n"
              "11 portal\n12 rateCharge\n13 rateCharge\n14 rateCharge\n15 usageMb\n16 iccid\n")
        << reasons(report);
    EXPECT_EQ(report.stored_rows, 0);
    EXPECT_EQ(stored(), "");
}

TEST_F(Optimization, a_file_that_would_leave_money_out_is_refused_as_a_whole) {
    ASSERT_EQ(put(body(kTwoQueues)), "");
    const auto refusal = [&](const std::string& header) {
        return try_upload(header + "\n10," + iccid19(1) + ",1,2\n").error().message;
    };
    EXPECT_TRUE(refusal("queueId,iccid,rateCharge,overageChrg Amount")
                    .starts_with("the column \"overageChrg Amount\" is not known"));
    EXPECT_NE(refusal("queueId,iccid,ratePlan,colour").find("rateCharge"), std::string::npos);
    EXPECT_TRUE(refusal("queueId,colour,rateCharge,x").starts_with("the file names no devices"));
    EXPECT_EQ(stored(), "");
    const std::string row = "10," + iccid19(1) + ",1,";
    EXPECT_EQ(upload("queueId,iccid,rateCharge,Colour\n" + row + "red\n").notes.size(), 1U);
    EXPECT_EQ(upload("queueId,iccid,rateCharge,ratePlan\n" + row + "caf\xE9 \x81\n").bad, 1);
}

TEST_F(Optimization, a_trial_tells_and_stores_nothing) {
    ASSERT_EQ(put(body(kTwoQueues)), "");
    const std::string csv = "queueId,iccid,rateCharge\n10," + iccid19(1) + ",1\n10,x,1\n";
    const ResultsReport report = upload(csv, true);
    EXPECT_EQ(report.bad, 1);
    EXPECT_EQ(stored(), "");
}

TEST_F(Optimization, an_instance_is_replaced_as_a_whole_but_unmentioned_results_stay) {
    ASSERT_EQ(put(body(kTwoQueues)), "");
    upload("queueId,iccid,rateCharge\n10," + iccid19(1) + ",1\n11," + iccid19(2) + ",2\n");
    const std::string results = R"({"queueId":12,"totalCost":7,"deviceResults":[{"iccid":")" +
                                iccid19(3) + R"(","rateCharge":"5.5"}]})";
    ASSERT_EQ(put(body(R"([{"commGroupId":3,"queues":[{"queueId":10,"totalCost":"91"},)" + results +
                       "]}]")),
              "");
    EXPECT_EQ(stored(), "10 m2m 1 1.000000\n12 m2m 3 5.500000\n");
    const auto details = get_instance(*connection_, ours_, kInstance);
    ASSERT_EQ(details->comm_groups.size(), 1U);
    EXPECT_EQ(details->comm_groups[0].id.value, 3);
    EXPECT_EQ(details->comm_groups[0].queues.at(0).total_cost, "91");
    EXPECT_EQ(details->comm_groups[0].queues.at(0).m2m_result_count, 1);
    EXPECT_EQ(put(body(R"([{"commGroupId":3,"queues":[{"queueId":10}]}])", "mobility")),
              "/portalType does not fit the device results that the queue 10 holds; send "
              "deviceResults [] with it to empty them\n");
    EXPECT_EQ(put(body(R"([{"commGroupId":3,"queues":[{"queueId":10,"deviceResults":[]}]}])",
                       "mobility")),
              "");
    EXPECT_EQ(stored(), "");
}

TEST_F(Optimization, device_results_in_json_are_told_by_pointer_and_leave_nothing_behind) {
    const std::string good = R"({"iccid":")" + iccid19(1) + R"(","rateCharge":1})";
    const std::string unknown = R"({"iccid":")" + iccid19(9) + R"(","rateCharge":1})";
    EXPECT_EQ(put(body(R"([{"commGroupId":1,"queues":[{"queueId":10,"deviceResults":[)" + good +
                       R"(]},{"queueId":11,"deviceResults":[)" + good + ',' + unknown + "]}]}]")),
              "/commGroups/0/queues/1/deviceResults/1/iccid there is no device with this ICCID; "
              "correct it or import the device first\n");
    EXPECT_EQ(get_instance(*connection_, ours_, kInstance).error().kind, ErrorKind::not_found);
}

TEST_F(Optimization, groups_and_queues_belong_to_one_instance) {
    ASSERT_EQ(put(body(kTwoQueues)), "");
    EXPECT_EQ(put(body(R"([{"commGroupId":1,"queues":[{"queueId":11}]}])"), {78}),
              "/commGroups/0/commGroupId belongs to the instance 77\n"
              "/commGroups/0/queues/0/queueId belongs to the instance 77\n");
    caller_.tenant_id = theirs_;
    const std::int64_t customer = make_id(theirs_, devices::kCustomer, {{"name", "Acme"}});
    json::object wanted = body(kTwoQueues);
    wanted["customerId"] = customer;
    EXPECT_EQ(put(wanted), "") << "ids are the tenant's own";
}

TEST_F(Optimization, what_is_charged_never_changes_again) {
    ASSERT_EQ(put(body(kTwoQueues)), "");
    charge(kInstance);
    EXPECT_TRUE(put(body(kTwoQueues)).starts_with("the instance is charged by the charge run"));
    const auto refused = try_upload("queueId,iccid,rateCharge\n10," + iccid19(1) + ",1\n");
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_TRUE(get_instance(*connection_, ours_, kInstance)->instance.charge_run_id);
}

TEST_F(Optimization, a_run_that_takes_the_instance_waits_for_who_writes_it) {
    ASSERT_EQ(put(body(kTwoQueues)), "");
    auto writing = db::Transaction::begin(*connection_, ours_.value);
    ASSERT_TRUE(writing);
    ASSERT_TRUE(writing->exec_text(
        "SELECT FROM optimization_instance WHERE optimization_instance_id = 77 FOR UPDATE"));
    support::Connection other(database().admin_conninfo());
    other.run("SET lock_timeout = '1ms'");
    const std::string tenant = base::to_string(ours_);
    EXPECT_ANY_THROW(other.run(
        "INSERT INTO charge_run (tenant_id, source, created_by, correlation_id) VALUES (" + tenant +
        ", 'instances', 'x', 'waits'); INSERT INTO charge_run_instance SELECT " + tenant +
        ", charge_run_id, 77, 1, true FROM charge_run WHERE correlation_id = 'waits'"));
}

TEST_F(Optimization, the_cheapest_queue_that_has_ended_and_has_results_wins) {
    ASSERT_EQ(put(body(R"([{"commGroupId":1,"queues":[
            {"queueId":10,"totalCost":"9.5","runEndTime":"2026-04-01T01:00:00Z"},
            {"queueId":11,"totalCost":"10","runEndTime":"2026-04-01T01:00:00Z"},
            {"queueId":12,"totalCost":"1","runEndTime":"2026-04-01T01:00:00Z"},
            {"queueId":13,"totalCost":"2"}]},
          {"commGroupId":2},
          {"commGroupId":3,"queues":[{"queueId":30,"totalCost":"1"}]},
          {"commGroupId":4,"queues":[{"queueId":40,"runEndTime":"2026-04-01T01:00:00Z"}]},
          {"commGroupId":5,"queues":[
            {"queueId":50,"totalCost":"1","runEndTime":"2026-04-01T01:00:00Z"}]},
          {"commGroupId":6,"queues":[
            {"queueId":61,"totalCost":"3","runEndTime":"2026-04-01T01:00:00Z"},
            {"queueId":60,"totalCost":"3.0","runEndTime":"2026-04-01T01:00:00Z"}]}])")),
              "");
    std::string csv = "queueId,iccid,rateCharge\n";
    for (const int queue : {10, 11, 13, 30, 40, 60, 61}) {
        csv += std::to_string(queue) + ',' + iccid19(1) + ",1\n";
    }
    upload(csv);
    EXPECT_EQ(winners(),
              "1:10\n2:the comm group has no queue\n3:no queue has ended\n"
              "4:no queue that has ended has a total cost\n"
              "5:no queue that has ended has device results in the portal m2m\n6:60\n");
}

TEST_F(Optimization, a_cross_provider_queue_wins_with_results_in_either_portal) {
    const std::string groups =
        R"([{"commGroupId":1,"queues":[
              {"queueId":10,"totalCost":"1","runEndTime":"2026-04-01T01:00:00Z"}]},
            {"commGroupId":2,"queues":[
              {"queueId":20,"totalCost":"1","runEndTime":"2026-04-01T01:00:00Z"}]},
            {"commGroupId":3,"queues":[
              {"queueId":30,"totalCost":"1","runEndTime":"2026-04-01T01:00:00Z"}]}])";
    ASSERT_EQ(put(body(groups, "crossProvider")), "");
    upload("queueId,iccid,rateCharge\n10," + iccid19(1) + ",1\n20," + iccid19(4) + ",1\n");
    EXPECT_EQ(winners(),
              "1:10\n2:20\n3:no queue that has ended has device results in any portal\n");
}

TEST_F(Optimization, lists_go_from_page_to_page_and_know_their_filters) {
    for (const int id : {1, 2, 3}) ASSERT_EQ(put(body("[]", "mobility"), {id}), "");
    ASSERT_EQ(put(body("[]"), {4}), "");
    charge({2});
    const auto ids = [&](const InstanceFilter& filter, const tenants::PageRequest& page) {
        const auto found = list_instances(*connection_, tokens_, ours_, filter, page);
        EXPECT_TRUE(found) << found.error().message;
        std::string text;
        for (const Instance& item : found->items) text += base::to_string(item.id) + ' ';
        return std::pair(text, found->next_token);
    };
    const auto first = ids({}, {3, ""});
    EXPECT_EQ(first.first, "4 3 2 ");
    EXPECT_EQ(ids({}, {3, first.second}), std::pair(std::string("1 "), std::string()));
    EXPECT_EQ(ids({{}, PortalType::mobility, false}, {}).first, "3 1 ");
    EXPECT_EQ(ids({{}, {}, true}, {}).first, "2 ");
    EXPECT_EQ(ids({rev_customer_, {}, {}}, {}).first, "");
}

}  // namespace
}  // namespace carryall::charges
