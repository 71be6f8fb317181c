// Searching devices, paging through them, and their history, in two tenants.
#include "devices/device.hpp"

#include "support/inventory.hpp"

namespace carryall::devices {
namespace {

using base::ErrorKind;

class Devices : public InventoryTest {
  protected:
    void add_devices(TenantId tenant, const std::string& rows) {
        if (!provider_exists_[tenant.value]) make_provider(tenant);
        provider_exists_[tenant.value] = true;
        const ImportReport report =
            import(tenant, ImportKind::devices,
                   "iccid,serviceProvider,status,imei,msisdn,customer,portal,archived\n" + rows);
        ASSERT_EQ(report.bad, 0) << reasons(report);
    }
    Page<Device> search(const DeviceFilter& filter, const std::string& sort = "",
                        const PageRequest& page = {}) {
        auto found = search_devices(*connection_, tokens_, ours_, filter,
                                    DeviceOrder::parse(sort).value(), page);
        EXPECT_TRUE(found) << found.error().message;
        return found ? *found : Page<Device>{};
    }
    std::vector<std::string> iccids(const DeviceFilter& filter, const std::string& sort = "") {
        std::vector<std::string> found;
        for (const Device& device : search(filter, sort).items) found.push_back(device.iccid);
        return found;
    }
    std::map<std::int64_t, bool> provider_exists_;
};

using Iccids = std::vector<std::string>;

TEST_F(Devices, are_found_by_whole_or_first_digits_of_their_identifiers) {
    add_devices(ours_, iccid19(100) + ",POND EU,Active,490154203237518,12125550100,,,\n" +
                           iccid19(101) + ",POND EU,Active,,,,,\n");
    add_devices(theirs_, iccid19(100) + ",POND EU,Active,490154203237518,12125550100,,,\n");
    DeviceFilter filter;
    filter.iccid = iccid19(100);
    EXPECT_EQ(iccids(filter), Iccids{iccid19(100)});
    filter.iccid = iccid19(100) + luhn_check_digit(iccid19(100));  // the other spelling
    EXPECT_EQ(iccids(filter), Iccids{iccid19(100)});
    filter.iccid = "89103";
    EXPECT_EQ(iccids(filter), (Iccids{iccid19(100), iccid19(101)}));
    filter.iccid = "89104";
    EXPECT_EQ(iccids(filter), Iccids{});
    filter = {};
    filter.imei = "4901542";
    EXPECT_EQ(iccids(filter), Iccids{iccid19(100)});
    filter = {};
    filter.msisdn = "+1212555";
    EXPECT_EQ(iccids(filter), Iccids{iccid19(100)});
    filter.imei = "1";
    EXPECT_EQ(iccids(filter), Iccids{});
}

TEST_F(Devices, a_device_stored_with_its_check_digit_is_found_without_it) {
    const std::string longer = iccid19(7) + luhn_check_digit(iccid19(7));
    add_devices(ours_, longer + ",POND EU,Active,,,,,\n");
    DeviceFilter filter;
    filter.iccid = iccid19(7);
    EXPECT_EQ(iccids(filter), Iccids{longer});
}

TEST_F(Devices, filters_combine) {
    const std::int64_t acme = make_id(ours_, kCustomer, {{"name", "Acme"}});
    add_devices(ours_, iccid19(1) + ",POND EU,Active,,,Acme,,\n" + iccid19(2) +
                           ",POND EU,Suspended,,,Acme,mobility,\n" + iccid19(3) +
                           ",POND EU,active,,,,,true\n");
    DeviceFilter filter;
    filter.customer_id = {acme};
    EXPECT_EQ(iccids(filter), (Iccids{iccid19(1), iccid19(2)}));
    filter.portal = "mobility";
    EXPECT_EQ(iccids(filter), Iccids{iccid19(2)});
    filter = {};
    filter.status = "ACTIVE";
    EXPECT_EQ(iccids(filter), (Iccids{iccid19(1), iccid19(3)}));
    filter.archived = false;
    EXPECT_EQ(iccids(filter), Iccids{iccid19(1)});
    filter = {};
    filter.service_provider_id = {1'000'000'000};
    EXPECT_EQ(iccids(filter), Iccids{});
    const Device device = search({}).items.front();
    EXPECT_EQ(device.customer, "Acme");
    EXPECT_EQ(device.service_provider, "POND EU");
    EXPECT_EQ(device.portal, "m2m");
}

TEST_F(Devices, every_order_pages_through_all_devices_once_in_both_directions) {
    std::string rows;
    for (int i = 0; i < 23; ++i) {
        const std::string msisdn = i % 3 == 0 ? "" : std::to_string(12125550100 + i % 5);
        rows += iccid19(500 - i) + ",POND EU," + (i % 2 == 0 ? "Active" : "Suspended") + ",," +
                msisdn + ",,,\n";
    }
    add_devices(ours_, rows);
    add_devices(theirs_, iccid19(500) + ",POND EU,Active,,,,,\n");
    for (const std::string& sort :
         {std::string("deviceId"), std::string("iccid"), std::string("imei"), std::string("msisdn"),
          std::string("status"), std::string("modifiedAt")}) {
        std::vector<std::int64_t> up;
        std::vector<std::int64_t> down;
        for (auto* ids : {&up, &down}) {
            PageRequest page{4, ""};
            for (int pages = 0; pages < 10; ++pages) {
                const auto found = search({}, ids == &up ? sort : '-' + sort, page);
                for (const Device& device : found.items) ids->push_back(device.id.value);
                page.token = found.next_token;
                if (page.token.empty()) break;
            }
        }
        EXPECT_EQ(up.size(), 23U) << sort;
        std::reverse(down.begin(), down.end());
        EXPECT_EQ(up, down) << sort;
        EXPECT_EQ(std::set<std::int64_t>(up.begin(), up.end()).size(), 23U) << sort;
    }
    const auto by_iccid = iccids({}, "iccid");
    EXPECT_TRUE(std::is_sorted(by_iccid.begin(), by_iccid.end()));
}

TEST_F(Devices, a_page_token_works_only_with_its_tenant_filter_and_order) {
    add_devices(ours_,
                iccid19(1) + ",POND EU,Active,,,,,\n" + iccid19(2) + ",POND EU,Active,,,,,\n");
    const std::string token = search({}, "iccid", {1, ""}).next_token;
    ASSERT_FALSE(token.empty());
    EXPECT_EQ(search({}, "iccid", {1, token}).items.front().iccid, iccid19(2));
    DeviceFilter filter;
    filter.status = "Active";
    const auto with = [&](TenantId tenant, const DeviceFilter& f, const std::string& sort,
                          const std::string& text) {
        return search_devices(*connection_, tokens_, tenant, f, *DeviceOrder::parse(sort),
                              {1, text});
    };
    EXPECT_FALSE(with(ours_, filter, "iccid", token));
    EXPECT_FALSE(with(ours_, {}, "-iccid", token));
    EXPECT_FALSE(with(theirs_, {}, "iccid", token));
    EXPECT_FALSE(with(ours_, {}, "iccid", token.substr(2)));
    EXPECT_EQ(with(ours_, {}, "iccid", "0").error().kind, ErrorKind::invalid_input);
}

TEST_F(Devices, wrong_questions_are_refused_with_the_parameter) {
    const auto where = [&](const DeviceFilter& filter) {
        const auto found = search_devices(*connection_, tokens_, ours_, filter, {}, {});
        return found ? "" : found.error().where;
    };
    DeviceFilter filter;
    filter.iccid = "89a";
    EXPECT_EQ(where(filter), "parameter iccid");
    filter = {};
    filter.msisdn = "";
    EXPECT_EQ(where(filter), "parameter msisdn");
    filter = {};
    filter.portal = "lnp";
    EXPECT_EQ(where(filter), "parameter portal");
    EXPECT_EQ(DeviceOrder::parse("customer").error().where, "parameter sort");
    EXPECT_FALSE(search_devices(*connection_, tokens_, ours_, {}, {}, {0, ""}));
}

TEST_F(Devices, another_tenants_device_answers_as_a_missing_one) {
    add_devices(theirs_, iccid19(1) + ",POND EU,Active,,,,,\n");
    const std::int64_t foreign = std::stoll(
        value("SELECT device_id FROM device WHERE tenant_id = " + base::to_string(theirs_)));
    const auto hidden = get_device(*connection_, ours_, {foreign});
    const auto missing = get_device(*connection_, ours_, {999'999'999});
    ASSERT_FALSE(hidden);
    EXPECT_EQ(hidden.error().message, missing.error().message);
    EXPECT_EQ(hidden.error().kind, ErrorKind::not_found);
    EXPECT_EQ(device_history(*connection_, tokens_, ours_, {foreign}, {}).error().message,
              missing.error().message);
    EXPECT_TRUE(get_device(*connection_, theirs_, {foreign}));
    support::Connection app(database().app_conninfo());
    app.run("SET carryall.tenant_id = '" + base::to_string(ours_) + "'");
    EXPECT_EQ(app.value("SELECT count(*) FROM device"), "0");
    EXPECT_EQ(app.value("SELECT count(*) FROM device_event"), "0");
}

TEST_F(Devices, identifier_look_ups_use_an_index_under_row_security) {
    std::string devices;  // so many that a scan would be dearer, and statistics are made
    for (std::int64_t i = 0; i < 2 * kAnalyzeFromRows; ++i) {
        const std::string imei = std::to_string(49015420000000 + i);
        devices += iccid19(i) + ",POND EU,Active," + imei + "," + std::to_string(12125550000 + i) +
                   ",,,\n";
    }
    add_devices(ours_, devices);
    support::Connection app(database().app_conninfo());
    app.run("SET carryall.tenant_id = '" + base::to_string(ours_) + "'");
    const std::map<std::string, std::string> values{
        {"iccid19", iccid19(7)}, {"imei", "49015420000007"}, {"msisdn", "12125550007"}};
    for (const auto& [column, wanted] : values) {
        std::string plan;
        for (const auto& row : app.rows("EXPLAIN SELECT * FROM device WHERE tenant_id = " +
                                        base::to_string(ours_) + " AND " + column + " >= '" +
                                        wanted + "' AND " + column + " < '" + wanted + ":'")) {
            plan += row.front() + '\n';
        }
        EXPECT_NE(
            plan.find("Index Cond: ((tenant_id = " + base::to_string(ours_) + ") AND (" + column),
            std::string::npos)
            << plan;
    }
}

TEST_F(Devices, history_merges_events_changes_and_logged_steps_newest_first) {
    add_devices(ours_, iccid19(1) + ",POND EU,Active,,,,,\n");
    const Device device = search({}).items.front();
    const std::string tenant = base::to_string(ours_);
    const std::string id = value(
        "INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status, "
        "request, source, correlation_id, created_by, created_at, device_count, new_count, "
        "error_count, open_page_count) VALUES (" +
        tenant + ", " + base::to_string(device.service_provider_id) +
        ", 'statusupdate', 'm2m', 'PENDING', '{\"statusUpdate\": {}}', 'json', 'c', 'ann', now() + "
        "interval '1 hour', 1, 1, 0, 1) RETURNING bulk_change_id");
    const std::string change = "((" + id + "::bigint << 20) + 1)";
    database().run(
        "INSERT INTO device_change (device_change_id, tenant_id, device_id, row_number, "
        "identifier, state) VALUES (" +
        change + ", " + tenant + ", " + base::to_string(device.id) + ", 1, 'given', 'new')");
    for (int step = 1; step <= 3; ++step) {
        database().run(
            "INSERT INTO device_change_log (device_change_id, attempt, step, tenant_id, portal, "
            "log_entry_description, response_status, has_errors, process_by, correlation_id, "
            "started_at, processed_at) VALUES (" +
            change + ", 1, " + std::to_string(step) + ", " + tenant + ", 'm2m', 'step " +
            std::to_string(step) +
            "', 'PROCESSED', false, 'worker', 'c', now(), now() + interval '2 hours')");
    }
    std::vector<std::string> seen;
    PageRequest page{2, ""};
    for (int pages = 0; pages < 5; ++pages) {
        const auto history = device_history(*connection_, tokens_, ours_, device.id, page);
        ASSERT_TRUE(history) << history.error().message;
        for (const HistoryEntry& entry : history->items) {
            seen.push_back(entry.kind + ' ' + entry.description);
        }
        page.token = history->next_token;
        if (page.token.empty()) break;
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"log step 3", "log step 2", "log step 1", "change ",
                                              "event "}));
    const auto all = device_history(*connection_, tokens_, ours_, device.id, {});
    EXPECT_EQ(all->items[3].actor, "ann");
    EXPECT_EQ(all->items[3].source, "statusupdate");
    EXPECT_EQ(all->items[4].source, "import");
    EXPECT_EQ(all->items[4].detail.at("created"), true);
    EXPECT_FALSE(device_history(*connection_, tokens_, theirs_, device.id, {}));
}

}  // namespace
}  // namespace carryall::devices
