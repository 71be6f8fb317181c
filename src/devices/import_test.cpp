// Imports of every kind: what is stored, what is refused with which words, and that the same file
// twice changes nothing.
#include "devices/import.hpp"

#include <thread>

#include "devices/import_plan.hpp"
#include "support/inventory.hpp"

namespace carryall::devices {
namespace {

using base::ErrorKind;
using Counts = std::array<std::int64_t, 4>;  // created, updated, unchanged, bad

Counts counts(const ImportReport& report) {
    return {report.created, report.updated, report.unchanged, report.bad};
}

class Import : public InventoryTest {
  protected:
    void SetUp() override {
        InventoryTest::SetUp();
        if (HasFatalFailure()) return;
        provider_ = make_provider(ours_);
    }
    // One column of our device with this number, "" for NULL.
    std::string stored(const std::string& column, std::int64_t number) {
        return value("SELECT coalesce(" + column + "::text, '') FROM device WHERE tenant_id = " +
                     base::to_string(ours_) + " AND iccid19 = '" + iccid19(number) + "'");
    }
    std::string count(const std::string& table) {
        return value("SELECT count(*) FROM " + table +
                     " WHERE tenant_id = " + base::to_string(ours_));
    }
    ServiceProviderId provider_;
};

TEST(ImportKinds, are_spelled_as_they_are_read_and_have_columns) {
    for (int i = 0; i < 8; ++i) {
        const auto kind = static_cast<ImportKind>(i);
        EXPECT_EQ(parse_import_kind(to_string(kind)), kind);
        EXPECT_FALSE(import_columns(kind).empty());
    }
    EXPECT_EQ(parse_import_kind("tenants"), std::nullopt);
}

TEST(ImportCells, empty_leaves_dash_empties_and_damage_is_explained) {
    const ImportColumn imei{"imei", "imei", CellRule::imei, {}, false, true};
    const ImportColumn name{"name", "name", CellRule::name, {}, true};
    using sheets::Cell;
    using sheets::CellKind;
    EXPECT_EQ(*read_cell(imei, Cell{}), std::nullopt);
    EXPECT_EQ(*read_cell(imei, Cell{"  ", CellKind::text}), std::nullopt);
    EXPECT_EQ(*read_cell(imei, Cell{"-", CellKind::text}), "-");
    EXPECT_FALSE(read_cell(name, Cell{"-", CellKind::text}));
    EXPECT_FALSE(read_cell(name, Cell{}));
    EXPECT_EQ(*read_cell(name, Cell{" Acme ", CellKind::text}), "Acme");
    EXPECT_EQ(*read_cell(name, Cell{"4711", CellKind::number}), "4711");
    EXPECT_FALSE(read_cell(name, Cell{"#N/A", CellKind::error}));
    EXPECT_FALSE(read_cell(name, Cell{"8910300000001230000", CellKind::number}));
    EXPECT_FALSE(read_cell(name, Cell{std::string(201, 'x'), CellKind::text}));
}

TEST_F(Import, devices_are_created_with_all_their_references) {
    const std::int64_t acme =
        make_id(ours_, kCustomer, {{"name", "Acme"}, {"revCustomerId", "R-1"}});
    make(ours_, kSite, {{"name", "Depot"}, {"customerId", acme}});
    make(ours_, kCarrierRatePlan,
         {{"serviceProviderId", provider_.value}, {"code", "EU-1G"}, {"name", "1 GB"}});
    make(ours_, kCommunicationPlan, {{"serviceProviderId", provider_.value}, {"name", "LTE"}});
    make(ours_, kCustomerRatePlan, {{"code", "C1"}, {"name", "One"}});
    make(ours_, kCustomerRatePool, {{"name", "Pool"}});
    const std::string csv =
        "ICCID,Service Provider,Status,IMEI,MSISDN,Carrier Rate Plan,Comm Plan,Rev Customer ID,"
        "Site,Account Number,Customer Rate Plan,Customer Rate Pool,Customer Data Allocation MB,"
        "Colour\r\n" +
        iccid19(1) +
        ",POND "
        "EU,Active,490154203237518,+12125550100,EU-1G,LTE,R-1,Depot,A-1,C1,Pool,512.5,red\r\n";
    const ImportReport report = import(ours_, ImportKind::devices, csv);
    EXPECT_EQ(counts(report), (Counts{1, 0, 0, 0})) << reasons(report);
    EXPECT_TRUE(report.stored);
    ASSERT_EQ(report.notes.size(), 1U);
    EXPECT_NE(report.notes.front().find("Colour"), std::string::npos);
    const auto found = search_devices(*connection_, tokens_, ours_, {}, {}, {});
    const Device device = found->items.at(0);
    EXPECT_EQ(device.imei, "490154203237518");
    EXPECT_EQ(device.msisdn, "12125550100");
    EXPECT_EQ(device.carrier_rate_plan, "EU-1G");
    EXPECT_EQ(device.communication_plan, "LTE");
    EXPECT_EQ(device.customer, "Acme");
    EXPECT_EQ(device.site, "Depot");
    EXPECT_EQ(device.account_number, "A-1");
    EXPECT_EQ(device.customer_rate_plan, "C1");
    EXPECT_EQ(device.customer_rate_pool, "Pool");
    EXPECT_EQ(device.customer_data_allocation_mb, "512.5");
    EXPECT_EQ(counts(import(ours_, ImportKind::devices, csv)), (Counts{0, 0, 1, 0}));
    EXPECT_EQ(count("device_event"), "1");
}

TEST_F(Import, a_second_import_writes_only_what_differs_and_keeps_history_of_it) {
    const std::string header = "iccid,serviceProvider,status,imei,accountNumber\n";
    import(ours_, ImportKind::devices,
           header + iccid19(1) + ",POND EU,Active,490154203237518,A-1\n" + iccid19(2) +
               ",POND EU,Active,,\n");
    const ImportReport report =
        import(ours_, ImportKind::devices,
               header + iccid19(1) + ",,Suspended,-,\n" + iccid19(2) + ",POND EU,Active,,\n" +
                   iccid19(3) + ",POND EU,Active,,\n");
    EXPECT_EQ(counts(report), (Counts{1, 1, 1, 0})) << reasons(report);
    EXPECT_EQ(stored("status", 1), "Suspended");
    EXPECT_EQ(stored("imei", 1), "");               // "-" empties
    EXPECT_EQ(stored("account_number", 1), "A-1");  // an empty cell leaves
    EXPECT_EQ(value("SELECT detail FROM device_event WHERE tenant_id = " + base::to_string(ours_) +
                    " ORDER BY device_event_id DESC LIMIT 1"),
              "{\"imei\": null, \"status\": \"Suspended\"}");
    EXPECT_EQ(count("device_event"), "4");
}

TEST_F(Import, bad_rows_are_reported_with_number_column_and_reason_and_good_ones_are_kept) {
    const std::string longer = iccid19(9) + luhn_check_digit(iccid19(9));
    std::string wrong = longer;
    wrong.back() = wrong.back() == '9' ? '0' : static_cast<char>(wrong.back() + 1);
    const ImportReport report =
        import(ours_, ImportKind::devices,
               "iccid,serviceProvider,status,carrierRatePlan,customer,imei,portal\n" + iccid19(1) +
                   ",POND EU,Active,,,,\n" +                     // 2: good
                   wrong + ",POND EU,Active,,,,\n" +             // 3
                   "8.91E+18,POND EU,Active,,,,\n" +             // 4
                   iccid19(2) + ",Nowhere,Active,,,,\n" +        // 5
                   iccid19(3) + ",,Active,,,,\n" +               // 6
                   iccid19(4) + ",POND EU,,,,,\n" +              // 7
                   iccid19(5) + ",POND EU,Active,NONE,,,\n" +    // 8
                   iccid19(6) + ",POND EU,Active,,Nobody,,\n" +  // 9
                   iccid19(1) + ",POND EU,Active,,,,\n" +        // 10
                   iccid19(7) + ",POND EU,Active,,,123,\n" +     // 11
                   iccid19(8) + ",POND EU,Active,,,,web\n" +     // 12
                   ",POND EU,Active,,,,\n");                     // 13
    EXPECT_EQ(counts(report), (Counts{1, 0, 0, 11})) << reasons(report);
    EXPECT_TRUE(report.stored);
    EXPECT_TRUE(report.bad_rows_are_complete);
    const std::vector<std::tuple<int, std::string, std::string>> expected{
        {3, "iccid", "wrong check digit"},
        {4, "iccid", "scientific"},
        {5, "serviceProvider", "Nowhere"},
        {6, "serviceProvider", "missing"},
        {7, "status", "needs a status"},
        {8, "carrierRatePlan", "\"NONE\""},
        {9, "customer", "\"Nobody\""},
        {10, "iccid", "row 2"},
        {11, "imei", "14, 15 or 16"},
        {12, "portal", "m2m, mobility"},
        {13, "iccid", "empty"},
    };
    ASSERT_EQ(report.bad_rows.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(report.bad_rows[i].row_number, std::get<0>(expected[i]));
        EXPECT_EQ(report.bad_rows[i].column, std::get<1>(expected[i]));
        EXPECT_NE(report.bad_rows[i].reason.find(std::get<2>(expected[i])), std::string::npos)
            << report.bad_rows[i].reason;
    }
    EXPECT_EQ(count("device"), "1");
}

TEST_F(Import, all_or_nothing_and_dry_run_store_nothing) {
    const std::string csv = "iccid,serviceProvider,status\n" + iccid19(1) + ",POND EU,Active\n";
    ImportOptions dry;
    dry.dry_run = true;
    const ImportReport tried = import(ours_, ImportKind::devices, csv, dry);
    EXPECT_EQ(counts(tried), (Counts{1, 0, 0, 0}));
    EXPECT_FALSE(tried.stored);
    ImportOptions all;
    all.all_or_nothing = true;
    const ImportReport refused =
        import(ours_, ImportKind::devices, csv + "89,POND EU,Active\n", all);
    EXPECT_EQ(counts(refused), (Counts{1, 0, 0, 1}));
    EXPECT_FALSE(refused.stored);
    EXPECT_EQ(count("device"), "0");
    EXPECT_EQ(count("device_event"), "0");
    EXPECT_TRUE(import(ours_, ImportKind::devices, csv, all).stored);
    EXPECT_EQ(count("device"), "1");
}

TEST_F(Import, nineteen_and_twenty_digits_are_one_device_and_the_longer_form_stays) {
    const std::string header = "iccid,serviceProvider,status\n";
    const std::string longer = iccid19(1) + luhn_check_digit(iccid19(1));
    import(ours_, ImportKind::devices, header + iccid19(1) + ",POND EU,Active\n");
    EXPECT_EQ(counts(import(ours_, ImportKind::devices, header + longer + ",POND EU,Active\n")),
              (Counts{0, 1, 0, 0}));
    EXPECT_EQ(stored("iccid", 1), longer);
    EXPECT_EQ(counts(import(ours_, ImportKind::devices, header + iccid19(1) + ",POND EU,Active\n")),
              (Counts{0, 0, 1, 0}));
    EXPECT_EQ(stored("iccid", 1), longer);
    const ImportReport both =
        import(ours_, ImportKind::devices,
               header + iccid19(1) + ",POND EU,Active\n" + longer + ",POND EU,Active\n");
    EXPECT_EQ(counts(both), (Counts{0, 0, 1, 1}));
}

TEST_F(Import, devices_of_two_tenants_do_not_meet) {
    make_provider(theirs_);
    const std::string csv = "iccid,serviceProvider,status\n" + iccid19(1) + ",POND EU,Active\n";
    EXPECT_EQ(counts(import(theirs_, ImportKind::devices, csv)), (Counts{1, 0, 0, 0}));
    EXPECT_EQ(counts(import(ours_, ImportKind::devices, csv)), (Counts{1, 0, 0, 0}));
    // Names of the other tenant do not exist here.
    make_provider(theirs_, "Theirs only");
    make(theirs_, kCustomer, {{"name", "Their customer"}});
    const ImportReport report =
        import(ours_, ImportKind::devices,
               "iccid,serviceProvider,status,customer\n" + iccid19(2) + ",Theirs only,Active,\n" +
                   iccid19(3) + ",POND EU,Active,Their customer\n");
    EXPECT_EQ(report.bad, 2) << reasons(report);
    ImportOptions foreign;
    foreign.service_provider_id = {std::stoll(
        value("SELECT max(service_provider_id) FROM service_provider WHERE tenant_id = " +
              base::to_string(theirs_)))};
    const auto refused = try_import(ours_, ImportKind::devices, csv, foreign);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().where, "parameter serviceProviderId");
}

TEST_F(Import, a_device_moves_neither_to_another_provider_nor_to_another_portal) {
    make_provider(ours_, "Jasper", "jasper");
    import(ours_, ImportKind::devices,
           "iccid,serviceProvider,status\n" + iccid19(1) + ",POND EU,Active\n");
    const ImportReport report = import(
        ours_, ImportKind::devices, "iccid,serviceProvider,portal\n" + iccid19(1) + ",Jasper,\n");
    EXPECT_EQ(report.bad, 1);
    EXPECT_NE(reasons(report).find("does not move"), std::string::npos) << reasons(report);
    EXPECT_EQ(import(ours_, ImportKind::devices, "iccid,portal\n" + iccid19(1) + ",mobility\n").bad,
              1);
    // A provider chosen for the whole file counts only for rows that are new.
    ImportOptions options;
    options.service_provider_id = make_provider(ours_, "AT&T", "telegence");
    const ImportReport mixed =
        import(ours_, ImportKind::devices,
               "iccid,status\n" + iccid19(1) + ",Ready\n" + iccid19(2) + ",Ready\n", options);
    EXPECT_EQ(counts(mixed), (Counts{1, 1, 0, 0})) << reasons(mixed);
    EXPECT_EQ(stored("portal", 2), "mobility");
    EXPECT_EQ(stored("portal", 1), "m2m");
}

TEST_F(Import, another_customer_takes_the_device_out_of_its_site) {
    const std::int64_t acme = make_id(ours_, kCustomer, {{"name", "Acme"}});
    make(ours_, kCustomer, {{"name", "Bolt"}});
    make(ours_, kSite, {{"name", "Depot"}, {"customerId", acme}});
    import(ours_, ImportKind::devices,
           "iccid,serviceProvider,status,customer,site\n" + iccid19(1) +
               ",POND EU,Active,Acme,Depot\n");
    EXPECT_NE(stored("site_id", 1), "");
    EXPECT_EQ(
        import(ours_, ImportKind::devices, "iccid,customer,site\n" + iccid19(1) + ",Bolt,Depot\n")
            .bad,
        1);
    EXPECT_EQ(
        counts(import(ours_, ImportKind::devices, "iccid,customer\n" + iccid19(1) + ",Acme\n")),
        (Counts{0, 0, 1, 0}));
    EXPECT_EQ(
        counts(import(ours_, ImportKind::devices, "iccid,customer\n" + iccid19(1) + ",Bolt\n")),
        (Counts{0, 1, 0, 0}));
    EXPECT_EQ(stored("site_id", 1), "");
    import(ours_, ImportKind::devices, "iccid,customer\n" + iccid19(1) + ",-\n");
    EXPECT_EQ(stored("customer_id", 1), "");
}

TEST_F(Import, archiving_and_taking_back) {
    import(ours_, ImportKind::devices,
           "iccid,serviceProvider,status,archived\n" + iccid19(1) + ",POND EU,Active,yes\n");
    EXPECT_EQ(stored("is_active", 1), "false");
    database().run("UPDATE device SET is_deleted = true WHERE tenant_id = " +
                   base::to_string(ours_));
    import(ours_, ImportKind::devices, "iccid,archived\n" + iccid19(1) + ",no\n");
    EXPECT_EQ(stored("is_active", 1), "true");
    EXPECT_EQ(stored("is_deleted", 1), "false");
}

TEST_F(Import, small_nouns_are_created_updated_and_left_alone) {
    struct Case {
        ImportKind kind;
        std::string first;
        std::string second;  // one row changed, one the same, one new
    };
    const std::vector<Case> cases{
        {ImportKind::customers, "name,revCustomerId\nAcme,R1\nBolt,\n",
         "name,revCustomerId\nAcme,R2\nBolt,\nCrow,R3\n"},
        {ImportKind::sites, "name,customer,isActive\nS1,Acme,\nS2,Bolt,\n",
         "name,customer,isActive\nS1,Acme,no\nS2,Bolt,\nS1,Bolt,\n"},
        {ImportKind::carrier_rate_plans,
         "serviceProvider,code,name,planUuid\nPOND EU,P1,One,u1\nPOND EU,P2,,\n",
         "serviceProvider,code,name,planUuid\nPOND EU,P1,One,u2\nPOND EU,P2,,\nPOND EU,P3,,\n"},
        {ImportKind::communication_plans,
         "serviceProvider,name,isActive\nPOND EU,LTE,\nPOND EU,5G,\n",
         "serviceProvider,name,isActive\nPOND EU,LTE,false\nPOND EU,5G,\nPOND EU,2G,\n"},
        {ImportKind::customer_rate_plans, "code,dataAllocationMB\nC1,100\nC2,\n",
         "code,dataAllocationMB\nC1,100.5\nC2,\nC3,7\n"},
        {ImportKind::customer_rate_pools, "name,dataAllocationMB\nP1,1\nP2,2\n",
         "name,dataAllocationMB\nP1,-\nP2,2.0\nP3,3\n"},
        {ImportKind::service_providers,
         "name,integration,settings\nJ1,jasper,\"{\"\"baseUrl\"\": \"\"x\"\"}\"\nT1,thingspace,\n",
         "name,integration,settings\nJ1,,\"{\"\"baseUrl\"\": \"\"y\"\"}\"\nT1,,\nT2,telegence,\n"},
    };
    for (const Case& one : cases) {
        const ImportReport first = import(ours_, one.kind, one.first);
        EXPECT_EQ(counts(first), (Counts{2, 0, 0, 0})) << to_string(one.kind) << reasons(first);
        const ImportReport again = import(ours_, one.kind, one.first);
        EXPECT_EQ(counts(again), (Counts{0, 0, 2, 0})) << to_string(one.kind) << reasons(again);
        const ImportReport second = import(ours_, one.kind, one.second);
        EXPECT_EQ(counts(second), (Counts{1, 1, 1, 0})) << to_string(one.kind) << reasons(second);
    }
}

TEST_F(Import, small_nouns_refuse_contradictions) {
    import(ours_, ImportKind::customers, "name,revCustomerId\nAcme,R1\n");
    const ImportReport customers = import(
        ours_, ImportKind::customers, "name,revCustomerId\nBolt,R1\nCrow,R5\nDune,R5\nCrow,R6\n");
    EXPECT_EQ(counts(customers), (Counts{1, 0, 0, 3})) << reasons(customers);
    EXPECT_EQ(import(ours_, ImportKind::sites, "name,customer\nS,Nobody\nT,\n").bad, 2);
    EXPECT_EQ(import(ours_, ImportKind::carrier_rate_plans, "code\nP1\n").bad, 1);
    const ImportReport providers =
        import(ours_, ImportKind::service_providers,
               "name,integration,settings,ratePerSecond\nPOND EU,jasper,,\nNew,,,\nBad,pond,[1],\n"
               "Key,pond,\"{\"\"apiKey\"\": \"\"x\"\"}\",\nZero,pond,,0\n");
    EXPECT_EQ(counts(providers), (Counts{0, 0, 0, 5})) << reasons(providers);
}

TEST_F(Import, a_file_with_secrets_is_refused) {
    const auto refused =
        try_import(ours_, ImportKind::service_providers, "name,integration,API Key\nX,pond,abc\n");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_input);
    EXPECT_NE(refused.error().message.find("credentials"), std::string::npos);
}

TEST_F(Import, a_file_that_breaks_off_leaves_nothing_behind) {
    const auto refused =
        try_import(ours_, ImportKind::devices,
                   "iccid,serviceProvider,status\n" + iccid19(1) + ",POND EU,Active\n\"unclosed");
    EXPECT_FALSE(refused);
    EXPECT_EQ(count("device"), "0");
    EXPECT_FALSE(try_import(ours_, ImportKind::devices, "status\nActive\n"));
    EXPECT_FALSE(try_import(ours_, ImportKind::devices, ""));
}

TEST_F(Import, reported_rows_are_limited_and_the_report_says_so) {
    std::string csv = "iccid\n";
    const auto rows = static_cast<std::int64_t>(kMaxReportedRows) + 5;
    for (std::int64_t i = 0; i < rows; ++i) csv += i % 2 == 0 ? "bad\n" : iccid19(i) + "\n";
    const ImportReport report = import(ours_, ImportKind::devices, csv);
    EXPECT_EQ(report.bad, rows);
    EXPECT_EQ(report.bad_rows.size(), kMaxReportedRows);
    EXPECT_FALSE(report.bad_rows_are_complete);
    EXPECT_EQ(report.bad_rows.front().row_number, 2);
    EXPECT_EQ(report.bad_rows.back().row_number, 1 + static_cast<std::int64_t>(kMaxReportedRows));
}

TEST_F(Import, what_the_file_does_not_say_is_not_written_over_a_change_made_meanwhile) {
    import(ours_, ImportKind::devices,
           "iccid,serviceProvider,status\n" + iccid19(1) + ",POND EU,Active\n");
    // A bulk change has updated the device and not committed yet when the import reads it.
    support::Connection worker(database().admin_conninfo());
    worker.run("BEGIN");
    worker.run("UPDATE device SET status = 'Suspended' WHERE tenant_id = " +
               base::to_string(ours_));
    ImportReport report;
    std::thread importer([&] {
        report =
            import(ours_, ImportKind::devices, "iccid,accountNumber\n" + iccid19(1) + ",A-1\n");
    });
    // Once the import waits for the worker's row, it has read the old status.
    constexpr int kMaxLooks = 100'000;
    std::string waiting = "0";
    for (int i = 0; i < kMaxLooks && waiting == "0"; ++i) {
        waiting = value(
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE NOT l.granted AND a.datname = current_database()");
    }
    worker.run("COMMIT");
    importer.join();
    EXPECT_NE(waiting, "0");
    EXPECT_EQ(counts(report), (Counts{0, 1, 0, 0})) << reasons(report);
    EXPECT_EQ(stored("status", 1), "Suspended");
    EXPECT_EQ(stored("account_number", 1), "A-1");
}

TEST_F(Import, only_one_import_of_a_kind_runs_in_a_tenant) {
    const std::string csv = "iccid,serviceProvider,status\n" + iccid19(1) + ",POND EU,Active\n";
    support::Connection other(database().admin_conninfo());
    const std::string key = "hashtextextended('import/devices/" + base::to_string(ours_) + "', 0)";
    other.run("SELECT pg_advisory_lock(" + key + ")");
    const auto refused = try_import(ours_, ImportKind::devices, csv);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_NE(refused.error().message.find("another import of devices is running"),
              std::string::npos);
    EXPECT_TRUE(try_import(ours_, ImportKind::customers, "name\nAcme\n"));
    other.run("SELECT pg_advisory_unlock(" + key + ")");
    EXPECT_TRUE(try_import(ours_, ImportKind::devices, csv));
}

TEST_F(Import, a_large_file_refreshes_the_statistics) {
    std::string csv = "iccid,serviceProvider,status\n";
    for (std::int64_t i = 0; i < kAnalyzeFromRows; ++i) csv += iccid19(i) + ",POND EU,Active\n";
    const ImportReport report = import(ours_, ImportKind::devices, csv);
    EXPECT_EQ(report.created, kAnalyzeFromRows);
    EXPECT_NE(value("SELECT reltuples::bigint FROM pg_class WHERE relname = 'device'"), "0");
    EXPECT_NE(value("SELECT count(*) FROM pg_stats WHERE tablename = 'device'"), "0");
}

}  // namespace
}  // namespace carryall::devices
